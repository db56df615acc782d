"""An assistant's session, through the protocol's own client."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest
from mcp import Client, StdioServerParameters
from PIL import Image

from editor3d.service.assistants.run import TokenRequired
from editor3d.service.assistants.tools import create_server
from editor3d.service.assistants.workshop import Workshop, own_folder
from editor3d.service.jobs.queue import FINISHED, JobQueue

READ_WORDS = "import json, sys; words = json.load(sys.stdin)"
TELL = """
def tell(**event):
    with open(words[words.index("--events") + 1], "a") as file:
        file.write(json.dumps(event) + "\\n")
"""


@pytest.fixture
def workshop(tmp_path) -> Iterator[Callable[..., Workshop]]:
    """Sessions whose jobs run a small program in place of the project's commands."""
    queues = []

    def make(program: str = "") -> Workshop:
        queues.append(JobQueue(tmp_path / f"jobs-{len(queues)}", [sys.executable, "-c", READ_WORDS + TELL + program]))
        return Workshop(queues[-1])

    yield make
    for queue in queues:
        queue.close()


def session(workshop: Workshop, talk: Callable[[Client], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Client(create_server(workshop)) as client:
            await talk(client)

    asyncio.run(run())


async def finished(client: Client, job: str) -> dict[str, Any]:
    while True:
        result = await client.call_tool("status", {"job": job, "wait_seconds": 10})
        found = json.loads(result.content[0].text)
        if found["state"] in FINISHED:
            return found


def pixels(content) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content.data))).convert("RGB")).astype(float)


def test_every_tool_has_a_sentence_and_a_schema_by_the_rules(workshop):
    async def talk(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert {"open_scene", "look", "select", "plan", "edit", "status", "evaluate", "undo", "export"} <= {
            tool.name for tool in tools
        }
        for tool in tools:
            jsonschema.Draft202012Validator.check_schema(tool.input_schema)
            assert tool.input_schema["type"] == "object"
            assert tool.description
            assert len(tool.name) <= 64
            for name, given in tool.input_schema["properties"].items():
                assert given.get("description") or given.get("enum"), f"{tool.name}: {name}"

    session(workshop(), talk)


def test_a_scene_is_opened_and_looked_at(workshop, tiny_capture):
    async def talk(client: Client) -> None:
        opened = (await client.call_tool("open_scene", {"path": str(tiny_capture)})).structured_content
        assert opened["objects"] == ["ball"]
        view = opened["training_views"][0]
        shown = await client.call_tool("look", {"scene": opened["scene"], "views": [view]})
        truth = Image.open(next((tiny_capture / "images").glob(f"{Path(view).stem}.*"))).convert("RGB")
        assert np.abs(pixels(shown.content[1]) - np.asarray(truth)).mean() < 12
        listed = (await client.call_tool("list_scenes", {})).structured_content["scenes"]
        assert [scene["current"] for scene in listed] == [str(tiny_capture)]

    session(workshop(), talk)


@pytest.mark.parametrize(
    ("tool", "given", "said"),
    [
        ("open_scene", {"path": "/nowhere/at/all"}, "there is no /nowhere"),
        ("look", {"scene": "scene-7"}, "no scene 'scene-7'"),
        ("undo", {"scene": "scene-1"}, "an edit to undo"),
        ("export", {"scene": "scene-1", "format": "splats"}, "edit it first"),
        ("select", {"scene": "scene-1", "region": "object:dragon"}, "dragon"),
        ("select", {"scene": "scene-1", "region": "blob:1"}, "blob"),
        ("edit", {"scene": "scene-1", "instruction": "make it gold", "options": {"output": "/etc"}}, "output"),
        ("edit", {"scene": "scene-1", "instruction": " "}, "one line"),
        ("status", {"job": "x"}, "no job 'x'"),
        ("look", {"scene": "scene-1", "views": ["nothing"]}, "no view 'nothing'"),
    ],
)
def test_mistakes_are_told_in_one_sentence(workshop, tiny_capture, tool, given, said):
    async def talk(client: Client) -> None:
        await client.call_tool("open_scene", {"path": str(tiny_capture)})
        result = await client.call_tool(tool, given)
        assert result.is_error
        assert said in result.content[0].text
        assert "Traceback" not in result.content[0].text

    session(workshop(), talk)


EDITS = """
import pathlib, os
runs = pathlib.Path(words[words.index("--output") + 1])
run = runs / f"run-{len(list(runs.glob('run-*')))}"
run.mkdir(parents=True)
(run / "config.yml").write_text("")
(run / "words.json").write_text(json.dumps(words))
tell(event="progress", what="editing", done=1, total=2, unit="views")
tell(event="result", kind="run", path=str(run))
"""


def test_edits_add_up_and_are_undone(workshop, tiny_capture):
    async def talk(client: Client) -> None:
        await client.call_tool("open_scene", {"path": str(tiny_capture), "draft": True})
        await client.call_tool("select", {"scene": "scene-1", "region": "object:ball"})
        runs = []
        for instruction in ("make it gold", "make it brighter"):
            begun = await client.call_tool("edit", {"scene": "scene-1", "instruction": instruction})
            done = await finished(client, begun.structured_content["job"])
            assert done["state"] == "done", done
            runs.append(Path(done["results"]["run"]))
        first, second = (json.loads((run / "words.json").read_text()) for run in runs)
        assert first[:2] == ["edit", str(tiny_capture)]
        assert {"--budget=0.0", "--draft", "--region=object:ball"} <= set(first)
        assert second[1] == str(runs[0])
        assert "--draft" not in second
        undone = (await client.call_tool("undo", {"scene": "scene-1"})).structured_content
        assert undone["undone"] == "make it brighter"
        assert undone["current"] == str(runs[0])

    session(workshop(EDITS), talk)


def test_an_edit_at_work_is_waited_for(workshop, tiny_capture):
    async def talk(client: Client) -> None:
        await client.call_tool("open_scene", {"path": str(tiny_capture)})
        begun = await client.call_tool("edit", {"scene": "scene-1", "instruction": "make it gold"})
        again = await client.call_tool("edit", {"scene": "scene-1", "instruction": "make it red"})
        assert again.is_error
        assert begun.structured_content["job"] in again.content[0].text
        told = []

        async def hear(done: float, total: float | None, message: str | None) -> None:
            told.append((done, total, message))

        await client.call_tool(
            "status", {"job": begun.structured_content["job"], "wait_seconds": 2}, progress_callback=hear
        )
        assert (1, 2, "editing") in told
        stopped = await client.call_tool("cancel", {"job": begun.structured_content["job"]})
        assert not stopped.is_error
        assert (await finished(client, begun.structured_content["job"]))["state"] == "cancelled"

    session(workshop(EDITS + "import time; time.sleep(60)"), talk)


def test_a_plan_is_carried_out_within_the_stated_budget(workshop, tiny_capture):
    program = (
        "if words[0] == 'plan':\n"
        + "\n".join(f"    {line}" for line in EDITS.strip().splitlines())
        + "\n    tell(event='plan', edits=4, views=['a'], cost=1.0, cost_at_most=1.25)\n"
        + "else:\n    tell(event='error', sentence=' '.join(words[:3])); sys.exit(2)\n"
    )

    async def talk(client: Client) -> None:
        await client.call_tool("open_scene", {"path": str(tiny_capture)})
        begun = await client.call_tool("plan", {"scene": "scene-1", "instruction": "make it gold"})
        job = begun.structured_content["job"]
        planned = await finished(client, job)
        assert planned["plan"]["cost_at_most"] == 1.25
        carried = await client.call_tool("edit", {"scene": "scene-1", "plan": job, "budget_usd": 1.25})
        done = await finished(client, carried.structured_content["job"])
        assert done["error"] == f"resume {planned['results']['run']} --budget=1.25"

    session(workshop(program), talk)


def test_meshes_and_programs_cost_what_the_user_stated(workshop, tmp_path):
    mesh, blend, program = (tmp_path / name for name in ("a.glb", "a.blend", "a.py"))
    for path in (mesh, blend, program):
        path.write_bytes(b"")
    files = {"scene": str(blend), "program": str(program), "instruction": "make it night"}

    async def talk(client: Client) -> None:
        given = {"path": str(mesh), "instruction": "make it gold", "options": {"editor": "gemini"}}
        begun = await client.call_tool("style_mesh", {**given, "budget_usd": 0.5})
        done = await finished(client, begun.structured_content["job"])
        assert "--budget=0.5" in done["error"]
        assert "--yes" not in done["error"]
        refused = await client.call_tool("refine_program", {**files, "options": {"editor": "service"}})
        assert refused.is_error
        assert "costs nothing" in refused.content[0].text
        assert not (await client.call_tool("refine_program", files)).is_error

    session(workshop("tell(event='error', sentence=' '.join(words)); sys.exit(2)"), talk)


def test_two_sessions_have_folders_of_their_own(tmp_path):
    with own_folder(tmp_path) as first, own_folder(tmp_path) as second:
        assert first != second
    with own_folder(tmp_path) as third:
        assert third == first


def test_http_wants_the_token():
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask(**headers: str) -> int:
        transport = httpx.ASGITransport(TokenRequired(app, "a-token-of-some-length"))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return (await client.get("/mcp", headers=headers)).status_code

    assert asyncio.run(ask()) == 401
    assert asyncio.run(ask(Authorization="Bearer another-token-of-length")) == 401
    assert asyncio.run(ask(Authorization="Bearer a-token-of-some-length")) == 204


@pytest.mark.slow
def test_the_demo_is_edited_looked_at_undone_and_exported(tmp_path):
    """By standard input and output, with the real commands."""
    program = "from editor3d.cli import main; raise SystemExit(main())"
    server = StdioServerParameters(
        command=sys.executable, args=["-c", program, "mcp", "--folder", str(tmp_path)], cwd=str(tmp_path)
    )
    options = {"method": "igs2gs", "editor": "procedural", "base_steps": 30, "steps": 2, "force": True}

    async def run() -> None:
        async with Client(server) as client:
            opened = (await client.call_tool("open_scene", {"path": "demo", "draft": True})).structured_content
            scene = {"scene": opened["scene"]}
            assert "teapot" in opened["objects"]
            asked = {**scene, "instruction": "make the teapot gold", "options": options}
            planned = await finished(client, (await client.call_tool("plan", asked)).structured_content["job"])
            assert planned["plan"]["edits"] == len(opened["training_views"])
            begun = await client.call_tool("edit", {**scene, "plan": planned["job"]})
            done = await finished(client, begun.structured_content["job"])
            assert done["state"] == "done", done
            shown = await client.call_tool("look", {**scene, "what": "before_after"})
            assert pixels(shown.content[1]).std() > 10
            begun = await client.call_tool("export", {**scene, "format": "splats"})
            done = await finished(client, begun.structured_content["job"])
            assert Path(done["results"]["splats"]).read_bytes()[:3] == b"ply"
            undone = (await client.call_tool("undo", scene)).structured_content
            assert undone["current"] == "demo"

    asyncio.run(run())
