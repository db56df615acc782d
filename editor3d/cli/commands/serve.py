"""`editor3d serve`: the engine as a service of this machine, for Blender's add-on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Serve:
    """Let programs of this user on this machine ask for edits; Blender's add-on starts it by itself.

    Listens on the loopback interface alone and asks for a random token, which is written to the state file, readable by
    this user only. Jobs run one after the other as processes of their own. Ctrl-C ends the service and its jobs.
    """

    state: Path | None = None
    """The file that tells clients the port and the token; in the user's runtime folder by default."""
    folder: Path | None = None
    """Where jobs keep their files, made readable by this user only; the user's cache folder by default."""
    port: int = 0
    """The port, up to 65535; 0 takes a free one."""
    idle_minutes: float = 0.0
    """End after so many minutes without a request or a job; 0 stays."""

    def run(self) -> int:
        from editor3d.service.run import serve

        return serve(self.state, self.folder, self.port, self.idle_minutes)
