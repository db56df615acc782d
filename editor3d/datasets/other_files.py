"""Recognise files that are neither captures nor splats, and say which command reads them or how to convert them."""

from __future__ import annotations

import shlex
from pathlib import Path

from editor3d.errors import DataError
from editor3d.registry import SCENE_FILES

_CONVERT = "convert it with `npx @playcanvas/splat-transform {path} {ply}` and give the .ply"
_MESH = 'restyle it with `editor3d mesh style {path} --instruction "..."`'
_VIA_BLENDER = "export it from Blender as .glb and give that to `editor3d mesh style`"
_VIDEO = "make a capture of it with `ns-process-data video --data {path} --output-dir capture`"
_PICTURES = (
    "give the folder of a capture, with poses; `ns-process-data images --data FOLDER --output-dir capture` finds them"
)
_UNPACK = "unpack it and give the folder or file that is in it"
_RUN = "give the folder of the whole run"
_POINTS = "points alone are no scene: give the folder of a capture, or a file of splats (.ply, .spz, .splat, .sog)"
_COLMAP = "give the folder that holds images/ and sparse/"

_KINDS: dict[str, tuple[tuple[str, ...], str]] = {
    "splats in GaussianSplats3D's format": ((".ksplat",), _CONVERT),
    "splats in XGRIDS' format": ((".lcc",), _CONVERT),
    "a packed scene of a viewer": ((".spx", ".rad", ".gsplat", ".splatv"), "export it from its viewer as .ply"),
    "a mesh": ((".glb", ".gltf", ".obj", ".stl", ".off", ".dae", ".3mf"), _MESH),
    "a model of another program": ((".fbx", ".3ds", ".usd", ".usda", ".usdc", ".usdz", ".abc"), _VIA_BLENDER),
    "a Blender file": ((".blend",), "search for a better one of its programs with `editor3d refine`, see --help"),
    "a video": ((".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".insv", ".360"), _VIDEO),
    "a picture": ((".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".tif", ".tiff", ".bmp", ".dng"), _PICTURES),
    "an archive": ((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".nerfcapture"), _UNPACK),
    "a Record3D recording": (
        (".r3d",),
        "unpack it and make a capture of it with `ns-process-data record3d --data FOLDER --output-dir capture`",
    ),
    "a point cloud": ((".las", ".laz", ".e57", ".pcd", ".xyz", ".pts"), _POINTS),
    "a part of a COLMAP model": ((".bin", ".db", ".txt"), _COLMAP),
    "a list of cameras": (
        (".xml", ".csv"),
        "make a capture of it with `ns-process-data metashape` or `realitycapture` and give the folder",
    ),
    "a part of a run": ((".ckpt", ".pt", ".pth", ".safetensors", ".yml", ".yaml"), _RUN),
    "arrays of numbers": ((".npy", ".npz"), "write the cameras as transforms.json (nerfstudio's format)"),
    "a web page": ((".html", ".htm"), "export the scene from its viewer as .ply"),
}
_BY_SUFFIX = {suffix: (kind, remedy) for kind, (suffixes, remedy) in _KINDS.items() for suffix in suffixes}


CAPTURE_OR_SPLATS = "a capture's folder or a file of splats (.ply, .spz, .splat, .sog)"
RUN = "the folder of a run"
RUN_OR_SPLATS = "the folder of a run or a file of splats (.ply, .spz, .splat, .sog)"


def what_to_do(path: Path, expected: str = CAPTURE_OR_SPLATS) -> str | None:
    """One sentence about a file that is no scene here, by its suffix; None for suffixes that are not known.

    Args:
        path: the file.
        expected: what was expected.
    """
    known = _BY_SUFFIX.get(path.suffix.lower())
    if known is None:
        return None
    kind, remedy = known
    message = remedy.format(path=shlex.quote(str(path)), ply=shlex.quote(str(path.with_suffix(".ply"))))
    return f"Expected {expected}, got {path}, {kind}: {message}."


def require_run(path: Path, expected: str = RUN) -> None:
    """Refuse a file of another kind where a run is expected; one of its checkpoints counts as the run.

    Raises:
        DataError: names what takes such a file, or how to convert it.
    """
    if path.suffix.lower() == ".ckpt" or path.is_dir() or not path.exists():
        return
    is_scene = path.suffix.lower() in SCENE_FILES
    message = None if is_scene and expected == RUN_OR_SPLATS else what_to_do(path, expected)
    if message is None and is_scene and expected == RUN:
        message = f"Expected {expected}, got {path}, a file of splats: edit it first, with `editor3d edit`."
    if message is not None:
        raise DataError(message)
