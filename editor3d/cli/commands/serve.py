"""`editor3d serve`, `mcp` and `studio`: edits for programs of this machine, for assistants, and on a page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Serve:
    """Serve edits to programs of this user on this machine; the Blender add-on starts this by itself.

    Listens on the loopback interface only and requires a random token, which is in the state file, readable by this
    user only. Jobs run one after the other, each in a process of its own. Ctrl-C ends the service and its jobs.
    """

    state: Path | None = None
    """Write the port and the token for clients to this file; by default in the user's runtime folder."""
    folder: Path | None = None
    """Keep the jobs' files in this folder, readable by this user only; by default the user's cache folder."""
    port: int = 0
    """Listen on this port, up to 65535; 0 takes a free one."""
    idle_minutes: float = 0.0
    """End after this many minutes without a request or a job; 0 never ends."""

    def run(self) -> int:
        from editor3d.service.run import serve

        return serve(self.state, self.folder, self.port, self.idle_minutes)


@dataclass(frozen=True)
class Mcp:
    """Serve an assistant that speaks the Model Context Protocol: it opens scenes, looks, plans, edits, undoes, exports.

    Speaks by standard input and output, as clients start it; with --http on the loopback interface, to clients that
    know the token. Paid 2D editors are used within a budget that the user states. Nothing runs code that the assistant
    writes, but refine_program, which checks a Blender program and runs it in a sandbox.
    """

    http: bool = False
    """Serve by streamable HTTP on 127.0.0.1; the address and the token are printed, or EDITOR3D_MCP_TOKEN sets it."""
    port: int = 0
    """Listen on this port with --http; 0 takes a free one."""
    folder: Path | None = None
    """Keep the jobs' files in this folder, readable by this user only; by default the user's cache folder."""

    def run(self) -> int:
        from editor3d.service.assistants.run import serve_assistant

        return serve_assistant(self.folder, self.port if self.http else None)


@dataclass(frozen=True)
class StudioCommand:
    """Edit a scene on a page in the browser: see it, say what should change, and compare before and after.

    Listens on the loopback interface only. The printed address holds a token that lets the page in. Edits are kept as a
    tree; opening the same scene again brings it back. Ctrl-C ends the studio and its jobs, which the next start takes
    up again.
    """

    scene: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="DATA")] = None
    """The folder of a capture or of a run, a file of splats (.ply, .spz, .splat, .sog), or the word demo; by default
    what was open last."""
    output: Path = Path("outputs")
    """Name the folder of runs, whose reconstructions are found again."""
    folder: Path | None = None
    """Keep the history in this folder, readable by this user only; by default in the user's cache folder."""
    port: int = 0
    """Listen on this port, up to 65535; 0 takes the one of the last time, or a free one."""
    no_browser: bool = False
    """Print the address, and open no browser."""
    draft: bool = False
    """Read or render pictures at half the usual size, for a first look."""

    def run(self) -> int:
        from editor3d.studio.run import run_studio

        return run_studio(
            self.scene,
            folder=self.folder,
            output=self.output,
            port=self.port,
            browser=not self.no_browser,
            draft=self.draft,
        )
