"""What the panel asks for, what the history asks again, and whom it takes for the engine."""

from __future__ import annotations

import pytest

KINDS = [("SCENE", "DRAFT"), ("SCENE", "NORMAL"), ("REFINE", "FINE"), ("MESH", "DRAFT"), ("MESH", "FINE")]


@pytest.mark.parametrize(("what", "quality"), KINDS)
def test_the_history_asks_the_same_again(blender, what, quality):
    told = blender.run(
        """
        asking, history = part("asking"), part("history")
        chosen = bpy.context.window_manager.editor3d
        chosen.instruction, chosen.what, chosen.quality = "make it red", names["what"], names["quality"]
        chosen.scene_path, chosen.part, chosen.strength, chosen.seed = "demo", "LIGHTS", "STRONG", 7
        first = asking.ask(bpy.context)
        history.note(first, "done")
        history.load()
        chosen.instruction, chosen.what, chosen.quality = "other", "MESH", "NORMAL"
        chosen.scene_path, chosen.part, chosen.strength, chosen.seed = "", "MATERIAL", "NORMAL", 1
        asking.recall(bpy.context, history.entries[0])
        again = asking.ask(bpy.context)
        result = {"first": [first.kind, first.instruction, first.subject, first.settings],
                  "again": [again.kind, again.instruction, again.subject, again.settings]}
        """,
        what=what,
        quality=quality,
    )
    assert told["again"] == told["first"]
    assert told["first"][3]["seed"] == 7


def test_copies_of_the_scene_go_with_the_session(blender):
    told = blender.run(
        """
        import tempfile
        tempfile.tempdir = names["folder"]
        os.mkdir(names["folder"])
        def left():
            return [name for _, _, files in os.walk(names["folder"]) for name in files]
        asking, session = part("asking"), part("session").session
        chosen = bpy.context.window_manager.editor3d
        chosen.instruction, chosen.what, chosen.part, chosen.target = "darker", "REFINE", "LIGHTS", "/nowhere.png"
        try:
            asking.ask(bpy.context)
        except asking.CannotAsk as error:
            result = {"told": str(error), "refused": left()}
        chosen.target = ""
        asked = asking.ask(bpy.context)
        result["asked"] = left()
        result["name"], data = asked.inputs["blend"]()
        result["read"] = left()
        asking.ask(bpy.context)
        session.close()
        result["closed"] = os.listdir(names["folder"])
        """,
        folder=blender.home / "temporary",
    )
    assert "no picture /nowhere.png" in told["told"]
    assert told["asked"] == [told["name"]]
    assert told["refused"] == told["read"] == told["closed"] == []


@pytest.mark.parametrize("text", ["5", "null", "{", '[3, {"kind": "mesh"}]'])
def test_a_damaged_history_is_empty(blender, text):
    told = blender.run(
        """
        path = os.path.join(bpy.utils.user_resource("CONFIG", create=True), "editor3d_history.json")
        open(path, "w").write(names["text"])
        part("history").load()
        result = {"entries": part("history").entries}
        """,
        text=text,
    )
    assert told["entries"] == []


@pytest.mark.parametrize(("status", "body"), [(404, b""), (401, b'{"error": "wrong"}'), (200, b"[]"), (200, b"hello")])
def test_another_program_on_an_old_port_is_not_taken_for_the_engine(blender, status, body):
    told = blender.run(
        """
        import threading
        from http.server import BaseHTTPRequestHandler, HTTPServer
        class Other(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(names["status"])
                self.end_headers()
                self.wfile.write(names["body"].encode())
        server = HTTPServer(("127.0.0.1", 0), Other)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        engine = part("engine")
        os.makedirs(engine.user_folder())
        with open(engine.state_file(), "w") as file:
            json.dump({"port": server.server_port, "token": "old"}, file)
        result = {"found": engine.running()}
        """,
        status=status,
        body=body.decode(),
    )
    assert told["found"] == [None, None]
