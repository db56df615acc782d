"""The tools that an assistant is given. Long work is a job: its tool returns at once, and `status` waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from editor3d.errors import Editor3DError, sentence
from editor3d.host.versions import package_version
from editor3d.service.assistants.looking import describe, of_edit, photographs
from editor3d.service.assistants.pictures import small_jpeg
from editor3d.service.assistants.workshop import Workshop
from editor3d.service.jobs.queue import FINISHED, Job

P = ParamSpec("P")
R = TypeVar("R")
MOST_WAIT = 55.0
"""Seconds that `status` waits at most: clients give up on a call after a minute."""
_LOOK = 0.25
"""Seconds between two looks at a job."""
_INSTRUCTIONS = """\
editor3d changes captured 3D scenes as a sentence says. Open a scene, look at it, plan the edit (which says what it
costs), edit, wait by status, look at the result, and undo, edit further or export. The word demo opens a scene that is
always there. A paid 2D editor is used only within the budget that the user stated: never state one yourself."""
READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)

Scene = Annotated[str, Field(description="The scene's name, as open_scene returned it.")]
Instruction = Annotated[str, Field(description="What is to change, in one sentence: 'make the teapot gold'.")]
Options = Annotated[
    dict[str, Any] | None,
    Field(
        description="Options of editor3d edit by their names, such as editor (procedural, ip2p, service, …), edits "
        "(how many views are edited: a number, auto or all), quick (a first look within seconds), steps, base_steps, "
        "method, seed and draft."
    ),
]
Budget = Annotated[
    float,
    Field(
        ge=0.0,
        description="US dollars that the user agreed to pay for 2D edits. 0 where the user named no sum: free editors "
        "need none, and a paid one is then refused.",
    ),
]


def create_server(workshop: Workshop) -> MCPServer:
    """The server of one session."""
    server: MCPServer = MCPServer(
        "editor3d", instructions=_INSTRUCTIONS, version=package_version() or "", log_level="CRITICAL"
    )
    _add_scene_tools(server, workshop)
    _add_edit_tools(server, workshop)
    _add_job_tools(server, workshop)
    return server


def _add_scene_tools(server: MCPServer, workshop: Workshop) -> None:
    @server.tool(annotations=WRITES)
    @told
    def open_scene(
        path: Annotated[str, Field(description="A capture's folder, a run's folder or a file of splats; or demo.")],
        draft: Annotated[bool, Field(description="Read pictures at half their size: four times faster.")] = False,
    ) -> dict[str, Any]:
        """Open a scene, and say what it holds: views, and objects that instructions may name."""
        source = path if path == "demo" else str(Path(path).expanduser().absolute())
        found = describe(source, draft)
        return {"scene": workshop.scenes.open(source, draft).name, **found}

    @server.tool(annotations=READS)
    @told
    def list_scenes() -> dict[str, Any]:
        """List the open scenes, and the edits made of each."""
        return {
            "scenes": [
                {
                    "scene": scene.name,
                    "source": scene.source,
                    "current": scene.current,
                    "edits": [edit.instruction for edit in scene.edits],
                    "region": scene.region,
                    "at_work": scene.at_work.id if scene.at_work else None,
                }
                for scene in workshop.scenes
            ]
        }

    @server.tool(annotations=READS)
    @told
    def list_editors() -> dict[str, Any]:
        """List the 2D editors: which are ready, what each costs or needs."""
        from editor3d.cli.weights import editor_state
        from editor3d.editors import available_editors

        states = [(name, entry, editor_state(name, entry)) for name, entry in available_editors().items()]
        return {
            "editors": [
                {
                    "name": name,
                    "ready": state.ready,
                    "summary": entry.info.summary,
                    "license": entry.info.license,
                    "paid": entry.info.remote,
                    "to_get_it": state.remedy,
                }
                for name, entry, state in states
            ]
        }

    @server.tool(annotations=READS, structured_output=False)
    @told
    def look(
        scene: Scene,
        what: Annotated[
            Literal["photographs", "before_after", "scene", "edited_views"],
            Field(
                description="Photographs of the capture; of the newest edit: a sheet before and after, renders of the "
                "scene, or the 2D edits that it was fitted to."
            ),
        ] = "photographs",
        views: Annotated[list[str] | None, Field(description="Names of views, four at most.")] = None,
    ) -> list[Any]:
        """Look at a scene: up to four pictures."""
        opened = workshop.scenes[scene]
        found = photographs(opened, views or ()) if what == "photographs" else of_edit(opened, what, views or ())
        shown: list[Any] = [", ".join(name for name, _ in found)]
        return shown + [Image(data=small_jpeg(path), format="jpeg") for _, path in found]

    @server.tool(annotations=WRITES)
    @told
    def select(
        scene: Scene,
        region: Annotated[
            str | None,
            Field(
                description="object:NAME, text:PHRASE, box:cx,cy,cz,hx,hy,hz or sphere:cx,cy,cz,r in the capture's "
                "frame, or null for the whole scene."
            ),
        ],
    ) -> dict[str, Any]:
        """Choose where later edits may change a scene; the rest is frozen."""
        from editor3d.api import load
        from editor3d.plugin.confine.regions import check_seen
        from editor3d.regions import settled

        opened = workshop.scenes[scene]
        chosen = None if region is None else settled(region)
        source = load(opened.source)
        if chosen is not None and not source.is_file:
            check_seen(chosen, source.posed_images)
        opened.region = chosen
        return {"scene": scene, "region": chosen}

    @server.tool(annotations=WRITES)
    @told
    def undo(scene: Scene) -> dict[str, Any]:
        """Go back to the scene as it was before its newest edit."""
        opened = workshop.scenes[scene]
        return {
            "undone": opened.undo(),
            "current": opened.current,
            "edits": [edit.instruction for edit in opened.edits],
        }


def _add_edit_tools(server: MCPServer, workshop: Workshop) -> None:
    @server.tool(annotations=WRITES)
    @told
    def plan(scene: Scene, instruction: Instruction, options: Options = None) -> dict[str, Any]:
        """Say what an edit will take before any picture is edited: 2D edits, seconds and US dollars. A job."""
        return workshop.told(workshop.plan(workshop.scenes[scene], instruction, options or {}))

    @server.tool(annotations=WRITES)
    @told
    def edit(
        scene: Scene,
        instruction: Annotated[str, Field(description="As of plan; may be left out with a plan.")] = "",
        plan: Annotated[str | None, Field(description="The job of a finished plan, to carry it out.")] = None,
        options: Options = None,
        budget_usd: Budget = 0.0,
    ) -> dict[str, Any]:
        """Change a scene as a sentence says, or carry out a plan. A job."""
        opened = workshop.scenes[scene]
        if plan is not None:
            return workshop.told(workshop.carry_out(opened, workshop.job(plan), budget_usd))
        return workshop.told(workshop.edit(opened, instruction, options or {}, budget_usd))

    @server.tool(annotations=WRITES)
    @told
    def evaluate(scene: Scene) -> dict[str, Any]:
        """Judge the newest edit by held-out views: change, locality, consistency, cost. A job with a report."""
        return workshop.told(workshop.evaluate(workshop.scenes[scene]))

    @server.tool(annotations=WRITES)
    @told
    def export(scene: Scene, format: Literal["mesh", "pointcloud", "splats", "images"]) -> dict[str, Any]:
        """Write the edited scene as a file for other programs. A job; its result names the file."""
        return workshop.told(workshop.export(workshop.scenes[scene], format))

    @server.tool(annotations=WRITES)
    @told
    def render(
        scene: Scene,
        views: Annotated[list[str] | None, Field(description="Names of views; all by default.")] = None,
        of: Literal["train", "test"] = "test",
    ) -> dict[str, Any]:
        """Render views of the edited scene. A job; status shows its pictures."""
        return workshop.told(workshop.render(workshop.scenes[scene], views or [], of))

    @server.tool(annotations=WRITES)
    @told
    def style_mesh(
        path: Annotated[str, Field(description="A mesh: .glb, .obj, .ply, .stl or .off; absolute.")],
        instruction: Instruction,
        options: Annotated[dict[str, Any] | None, Field(description="Options of editor3d mesh style.")] = None,
        budget_usd: Budget = 0.0,
    ) -> dict[str, Any]:
        """Restyle a mesh as a sentence says. A job; its result is a GLB."""
        return workshop.told(workshop.style(path, instruction, options or {}, budget_usd))

    @server.tool(annotations=WRITES)
    @told
    def refine_program(
        scene: Annotated[str, Field(description="A .blend file; absolute.")],
        program: Annotated[str, Field(description="A Blender program (.py) to start from; absolute.")],
        instruction: Instruction,
        target: Annotated[str | None, Field(description="A picture to match; absolute.")] = None,
        options: Annotated[dict[str, Any] | None, Field(description="Options of editor3d refine.")] = None,
    ) -> dict[str, Any]:
        """Search for values in a Blender program that bring the scene closer to a sentence or a picture. A job. The
        program is checked and runs in a sandbox."""
        files = {"blend": scene, "program": program, "target": target}
        return workshop.told(workshop.refine(files, instruction, options or {}))


def _add_job_tools(server: MCPServer, workshop: Workshop) -> None:
    @server.tool(annotations=READS, structured_output=False)
    async def status(
        job: Annotated[str, Field(description="The job's name.")],
        context: Context,
        wait_seconds: Annotated[float, Field(ge=0.0, le=MOST_WAIT, description="Wait for its end so long.")] = 0.0,
        picture: Annotated[bool, Field(description="Show its newest picture as well.")] = False,
    ) -> list[Any]:
        """How a job stands: its progress, what it made, or why it failed."""
        found = await asyncio.to_thread(told(workshop.job), job)
        due = time.monotonic() + wait_seconds
        while found.state not in FINISHED and time.monotonic() < due:
            await _report(found, context)
            await asyncio.sleep(_LOOK)
        for scene in workshop.scenes:
            scene.settle()
        newest = found.watched.picture if picture else None
        shown: list[Any] = [workshop.told(found)]
        return shown + ([] if newest is None else [Image(data=small_jpeg(newest[0]), format="jpeg")])

    @server.tool(annotations=WRITES)
    @told
    def cancel(job: Annotated[str, Field(description="The job's name.")]) -> dict[str, Any]:
        """Stop a job at once."""
        found = workshop.job(job)
        workshop.queue.cancel(found)
        return workshop.told(found)


async def _report(job: Job, context: Context) -> None:
    progress = job.watched.progress
    if job.state == "running" and progress is not None and progress.total:
        await context.report_progress(progress.done, progress.total, progress.what)


def told(function: Callable[P, R]) -> Callable[P, R]:
    """Have the user's mistakes told to the assistant in their own sentence."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (Editor3DError, OSError) as error:
            raise ToolError(sentence(error)) from None

    return call
