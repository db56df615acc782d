"""What the panel asks for, what the history asks again, and whom it takes for the engine."""

from __future__ import annotations

KINDS = [("SCENE", "DRAFT"), ("SCENE", "NORMAL"), ("REFINE", "FINE"), ("MESH", "DRAFT"), ("MESH", "FINE")]


def test_the_history_asks_the_same_again(blender, tmp_path):
    picture = tmp_path / "target.png"
    picture.write_bytes(b"a picture")
    told = blender.run(
        """
        requests, history = part("ui.requests"), part("job.history")
        chosen = bpy.context.window_manager.editor3d
        def told(asked):
            return [asked.kind, asked.instruction, asked.subject, asked.settings, asked.inputs.get("target", "")]
        def choose(instruction, what, quality, scene, part, strength, seed, target):
            chosen.instruction, chosen.what, chosen.quality = instruction, what, quality
            chosen.scene_path, chosen.part, chosen.strength = scene, part, strength
            chosen.seed, chosen.target, chosen.force = seed, target, seed == 7
        for what, quality, target in names["kinds"]:
            choose("make it red", what, quality, "demo", "LIGHTS", "STRONG", 7, target)
            first = requests.ask(bpy.context)
            history.note(first, "done")
            history.load()
            choose("other", "MESH", "NORMAL", "", "MATERIAL", "NORMAL", 1, "/another.png")
            requests.recall(bpy.context, history.entries[0])
            result[f"{what} {quality} {target}"] = [told(first), told(requests.ask(bpy.context))]
        """,
        kinds=[(what, quality, target) for what, quality in KINDS for target in ("", str(picture))],
    )
    assert len(told) == 2 * len(KINDS)
    for name, (first, again) in told.items():
        assert again == first, name
        assert first[3]["seed"] == 7
        assert first[3].get("force", False) == name.startswith("SCENE")
        assert first[3].get("draft", False) == name.startswith("SCENE DRAFT")
    assert told[f"REFINE FINE {picture}"][0][4] == str(picture)


def test_an_edit_of_a_material_is_about_the_selected_objects(blender):
    told = blender.run(
        """
        requests = part("ui.requests")
        chosen = bpy.context.window_manager.editor3d
        chosen.instruction, chosen.what, chosen.part = "turn the ball into gold", "REFINE", "MATERIAL"
        thing = bpy.context.object
        material = bpy.data.materials.new("Paint")
        material.use_nodes = True
        thing.data.materials.clear()
        thing.data.materials.append(material)
        bpy.data.objects["Light"].select_set(True)  # a picture does not show it
        def asked():
            try:
                return requests.ask(bpy.context).settings.get("objects")
            except requests.CannotAsk as error:
                return str(error)
        thing.name = "Glass ball (left)"
        result["selected"] = asked()
        chosen.part = "LIGHTS"
        result["lights"] = asked()
        chosen.part, chosen.confined = "MATERIAL", False
        result["everything"] = asked()
        chosen.confined, thing.name = True, "Ball, left"
        result["comma"] = asked()
        """
    )
    assert told["selected"] == "Glass ball (left)"
    assert told["lights"] is None
    assert told["everything"] is None
    assert told["comma"].startswith("Rename 'Ball, left'")


def test_copies_of_the_scene_go_with_the_session(blender):
    told = blender.run(
        """
        import tempfile
        tempfile.tempdir = names["folder"]
        os.mkdir(names["folder"])
        def left():
            return [name for _, _, files in os.walk(names["folder"]) for name in files]
        requests, session = part("ui.requests"), part("job.session").session
        chosen = bpy.context.window_manager.editor3d
        chosen.instruction, chosen.what, chosen.part, chosen.target = "darker", "REFINE", "LIGHTS", "/nowhere.png"
        try:
            requests.ask(bpy.context)
        except requests.CannotAsk as error:
            result = {"told": str(error), "refused": left()}
        chosen.target = ""
        asked = requests.ask(bpy.context)
        result["asked"] = left()
        result["name"], data = asked.inputs["blend"]()
        result["read"] = left()
        requests.ask(bpy.context)
        session.close()
        result["closed"] = os.listdir(names["folder"])
        """,
        folder=blender.home / "temporary",
    )
    assert "no picture /nowhere.png" in told["told"]
    assert told["asked"] == [told["name"]]
    assert told["refused"] == told["read"] == told["closed"] == []


def test_a_damaged_history_is_empty(blender):
    texts = ["5", "null", "{", '[3, {"kind": "mesh"}]']
    told = blender.run(
        """
        path = os.path.join(bpy.utils.user_resource("CONFIG", create=True), "editor3d_history.json")
        history = part("job.history")
        for text in names["texts"]:
            history.entries[:] = [{"kind": "of an earlier session"}]
            open(path, "w").write(text)
            history.load()
            result[text] = history.entries
        """,
        texts=texts,
    )
    assert told == {text: [] for text in texts}


def test_another_program_on_an_old_port_is_not_taken_for_the_engine(blender):
    answers = [(404, ""), (401, '{"error": "wrong"}'), (200, "[]"), (200, "hello")]
    told = blender.run(
        """
        import threading
        from http.server import BaseHTTPRequestHandler, HTTPServer
        class Other(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(self.server.answer[0])
                self.end_headers()
                self.wfile.write(self.server.answer[1].encode())
        engine = part("job.engine")
        os.makedirs(engine.user_folder())
        for answer in names["answers"]:
            server = HTTPServer(("127.0.0.1", 0), Other)
            server.answer = answer
            threading.Thread(target=server.serve_forever, daemon=True).start()
            with open(engine.state_file(), "w") as file:
                json.dump({"port": server.server_port, "token": "old"}, file)
            result[str(answer)] = engine.running()
        """,
        answers=answers,
    )
    assert told == {str(list(answer)): [None, None] for answer in answers}
