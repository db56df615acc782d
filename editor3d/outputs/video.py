"""MP4 videos that play everywhere: H.264, yuv420p, even sides, the index in front."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from editor3d.files.writing import replacing
from editor3d.outputs.pictures import to_uint8

if TYPE_CHECKING:
    from torch import Tensor


def write_mp4(path: Path | str, frames: Iterable[Tensor | np.ndarray], fps: int = 24) -> None:
    """Write frames as a video; an odd side is padded by one repeated pixel, since yuv420p needs even ones.

    Args:
        path: ends in `.mp4`.
        frames: at least one picture [H, W, 3], float 0..1 or uint8, all of one size; taken one by one.
        fps: frames per second.

    Raises:
        ValueError: no frames, or frames of several sizes.
        Editor3DError: the disk is full, or the folder cannot be written; an earlier file is unchanged.
    """
    pictures = (to_uint8(frame) for frame in frames)
    first = next(pictures, None)
    if first is None:
        raise ValueError("a video needs at least one frame")
    with replacing(path) as temporary:
        _encode(temporary, chain([first], pictures), first.shape, fps)


def _encode(path: Path, pictures: Iterable[np.ndarray], shape: tuple[int, ...], fps: int) -> None:
    # imageio's own writer drops the encoder's exit status, so that a full disk would pass for success.
    from imageio_ffmpeg import get_ffmpeg_exe

    height, width = shape[0] + shape[0] % 2, shape[1] + shape[1] % 2
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps), "-i", "-"]
    target = ["-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(path)]
    with tempfile.TemporaryFile() as messages:
        command = [get_ffmpeg_exe(), "-y", "-v", "error", *source, *target]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=messages) as encoder:
            assert encoder.stdin is not None
            try:
                for picture in pictures:
                    if picture.shape != shape:
                        raise ValueError(f"frames of one size expected, got {shape} and then {picture.shape}")
                    encoder.stdin.write(_even(picture).tobytes())
                encoder.stdin.close()
            except BrokenPipeError:
                pass  # the encoder gave up; its exit status and words say why
            except BaseException:
                encoder.kill()
                raise
        if encoder.returncode != 0:
            messages.seek(0)
            said = messages.read().decode(errors="replace").strip().splitlines()
            raise OSError(said[-1] if said else f"the video encoder ended with status {encoder.returncode}")


def _even(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
