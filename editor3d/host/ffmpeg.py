"""A video encoder for nerfstudio's tools where the system has none."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path


@cache
def provide_ffmpeg() -> None:
    """Let this process find `ffmpeg`: the system's own, else the one inside imageio-ffmpeg.

    `ns-render` looks for a program of exactly that name on the PATH, which the packaged one does not have: a link to it
    is put in a temporary folder at the end of the PATH.
    """
    if shutil.which("ffmpeg") is not None:
        return
    from imageio_ffmpeg import get_ffmpeg_exe

    try:
        program = Path(get_ffmpeg_exe())
    except RuntimeError:  # a platform without a packaged one: ns-render says itself what it lacks
        return
    folder = _folder()
    (Path(folder.name) / "ffmpeg").symlink_to(program)
    os.environ["PATH"] = os.pathsep.join([*filter(None, [os.environ.get("PATH")]), folder.name])


@cache
def _folder() -> tempfile.TemporaryDirectory:
    """Kept until the process ends, and removed then."""
    return tempfile.TemporaryDirectory(prefix="editor3d-ffmpeg-")
