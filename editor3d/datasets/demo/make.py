"""Render the demo scene and its true edits: `python -m editor3d.datasets.demo.make --output DIR`.

Needs Blender's Python module (`pip install editor3d[blender]`).
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro
from PIL import Image
from rich.progress import Progress

from editor3d.datasets.demo import TRUE_EDITS
from editor3d.datasets.demo.points import SurfacePoints
from editor3d.datasets.demo.views import FOCAL, SIZE, DemoView, demo_views
from editor3d.errors import USER_ERROR, Editor3DError
from editor3d.files.safe_open import open_picture

if TYPE_CHECKING:
    import bpy

DEPTH_UNIT = 1e-3
POINTS_PER_VIEW = 75


def _jpeg_steps(low: int, high: int) -> list[int]:
    """A quantization table [64]: fine for the lowest frequencies, alike for the others. For the same squared error it
    takes a fifth fewer bytes than the usual tables, which are made for larger pictures."""
    i, j = np.mgrid[:8, :8]
    return np.where(i + j < 3, low, high).ravel().tolist()


JPEG_STEPS = [_jpeg_steps(8, 15), _jpeg_steps(12, 24)]
"""For luma and chroma."""


def save_jpeg(source: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_picture(source, ("PNG",)) as picture:
        picture.convert("RGB").save(path, qtables=JPEG_STEPS, subsampling=0, optimize=True)


def save_png(values: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, optimize=True)


def _save_depth(depth: np.ndarray, path: Path) -> None:
    """Depth is rounded to steps of the largest power-of-two units within 0.2 % of it: a smaller file, and the error
    stays below 0.1 %."""
    units = depth / DEPTH_UNIT
    step = 2.0 ** np.floor(np.log2(np.maximum(2e-3 * units, 1.0)))
    save_png((np.round(units / step) * step).astype(np.uint16), path)


def save_json(content: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")


def transforms(views: Sequence[DemoView], objects: dict[str, int], size: int = SIZE) -> dict[str, Any]:
    """nerfstudio's `transforms.json` for these views, with label and depth pictures for each."""
    frames = [
        {
            "file_path": f"images/{view.name}.jpg",
            "labels_path": f"labels/{view.name}.png",
            "depth_file_path": f"depth/{view.name}.png",
            "w": size,
            "h": size,
            "fl_x": FOCAL * size,
            "fl_y": FOCAL * size,
            "cx": size / 2,
            "cy": size / 2,
            **dict.fromkeys(("k1", "k2", "k3", "k4", "p1", "p2"), 0.0),
            "transform_matrix": [*view.c2w.tolist(), [0.0, 0.0, 0.0, 1.0]],
        }
        for view in views
    ]
    files = {split: [f"images/{v.name}.jpg" for v in views if v.split == split] for split in ("train", "test")}
    return {
        "camera_model": "OPENCV",
        "depth_unit_scale_factor": DEPTH_UNIT,
        "objects": objects,
        "ply_file_path": "sparse_pc.ply",
        "train_filenames": files["train"],
        "val_filenames": files["test"],
        "test_filenames": files["test"],
        "frames": frames,
    }


def _labels(scene: bpy.types.Scene) -> dict[str, int]:
    named = {thing.name: thing.pass_index for thing in scene.objects if thing.pass_index}
    return dict(sorted(named.items(), key=lambda item: item[1]))


def make(output: Path, size: int = SIZE, samples: int = 16, threads: int = 2) -> None:
    """Render the demo scene and its true edits into a folder.

    Args:
        output: the folder to write; what it holds under the same names is replaced.
        size: the pictures' side, pixels.
        samples: light paths a pixel, before denoising.
        threads: CPU threads to render with.

    Raises:
        Editor3DError: Blender's Python module is not installed.
    """
    require_blender("Rendering the demo scene")
    from editor3d.datasets.demo import passes
    from editor3d.datasets.demo.scene import EDITS, build_scene

    views = demo_views()
    points = SurfacePoints(POINTS_PER_VIEW)
    with tempfile.TemporaryDirectory() as scratch, Progress() as progress:
        task = progress.add_task("Rendering", total=len(views) * (1 + len(TRUE_EDITS)))
        for edit in (None, *TRUE_EDITS):
            folder = output if edit is None else output / "edits" / edit
            scene = build_scene()
            if edit is not None:
                EDITS[edit].apply()
            passes.set_up_rendering(scene, size, samples, threads)
            for view in views:
                passes.render(scene, view.c2w, Path(scratch) / "picture.png")
                save_jpeg(Path(scratch) / "picture.png", folder / "images" / f"{view.name}.jpg")
                if edit is None or view.split == "test":
                    depth, labels = passes.cast(scene, view.c2w, size)
                    _save_depth(depth, folder / "depth" / f"{view.name}.png")
                    save_png(labels, folder / "labels" / f"{view.name}.png")
                    if view.split == "train":
                        with open_picture(Path(scratch) / "picture.png", ("PNG",)) as picture:
                            points.add(view, np.asarray(picture.convert("RGB")), depth)
                progress.advance(task)
            if edit is None:
                points.save(folder / "sparse_pc.ply")
                save_json(transforms(views, _labels(scene), size), folder / "transforms.json")
            else:
                truth = EDITS[edit]
                about = {"instruction": truth.instruction, "object": truth.object, "change": truth.change}
                save_json({**about, "objects": _labels(scene)}, folder / "edit.json")


def require_blender(what: str) -> None:
    """
    Raises:
        Editor3DError: Blender's Python module, which `what` needs, is not installed.
    """
    if importlib.util.find_spec("bpy") is None:
        raise Editor3DError(
            f"{what} needs Blender's Python module, which is not installed: run `pip install editor3d[blender]`."
        )


def run(command: Callable[..., None]) -> None:
    """Call a function with the words of the command line; its errors are one sentence and exit code 2."""
    try:
        tyro.cli(command)
    except Editor3DError as error:
        print(error, file=sys.stderr)
        sys.exit(USER_ERROR)


if __name__ == "__main__":
    run(make)
