"""Render the test subject: `python -m lab.subject.make --output DIR`.

Needs Blender's Python module (`pip install editor3d[blender]`).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from rich.progress import Progress

from editor3d.datasets.demo.make import require_blender, run, save_jpeg, save_json, save_png, transforms
from editor3d.datasets.demo.points import SurfacePoints
from editor3d.files.safe_open import open_picture
from lab.subject import LABELS
from lab.subject.views import SIZE, subject_views

POINTS_PER_VIEW = 80
ORIGINAL, OTHER = "plain", "banded"
"""The garment of the capture, and the other one."""


def make(output: Path, size: int = SIZE, samples: int = 16, threads: int = 2, limit: int | None = None) -> None:
    """Render the subject, the same held-out views in the other garment, and that garment alone, into a folder.

    Args:
        output: the folder to write; what it holds under the same names is replaced.
        size: the pictures' side, pixels.
        samples: light paths a pixel, before denoising.
        threads: CPU threads to render with.
        limit: render only so many views of each split, for a look.

    Raises:
        Editor3DError: Blender's Python module is not installed.
    """
    require_blender("Rendering the test subject")
    from editor3d.datasets.demo import passes
    from lab.subject.scene import build_garment, build_scene, cast

    views = subject_views()
    if limit is not None:
        views = tuple(v for split in ("train", "test") for v in [w for w in views if w.split == split][:limit])
    points = SurfacePoints(POINTS_PER_VIEW)
    held_out = [view for view in views if view.split == "test"]
    with tempfile.TemporaryDirectory() as scratch, Progress() as progress:
        task = progress.add_task("Rendering", total=len(views) + len(held_out) + 1)
        picture = Path(scratch) / "picture.png"
        for garment, chosen in ((ORIGINAL, views), (OTHER, held_out)):
            scene = build_scene(garment)
            _set_up(passes, scene, size, samples, threads)
            for view in chosen:
                passes.render(scene, view.c2w, picture)
                folder = output / "images" if garment == ORIGINAL else output / "worn"
                save_jpeg(picture, folder / f"{view.name}.jpg")
                if garment == ORIGINAL:
                    depth, labels = cast(scene, view.c2w, size)
                    save_png(labels, output / "labels" / f"{view.name}.png")
                    if view.split == "train":
                        with open_picture(picture, ("PNG",)) as opened:
                            points.add(view, np.asarray(opened.convert("RGB")), depth)
                progress.advance(task)
        scene = build_garment(OTHER)
        _set_up(passes, scene, 2 * size, samples, threads)
        _photograph_garment(passes, scene, picture)
        with open_picture(picture, ("PNG",)) as opened:
            opened.save(output / "garment.png", optimize=True)
        progress.advance(task)
    points.save(output / "sparse_pc.ply")
    about = transforms(views, LABELS, size)
    for frame in about["frames"]:
        del frame["depth_file_path"]
    del about["depth_unit_scale_factor"]
    save_json(about, output / "transforms.json")


def _set_up(passes, scene, size: int, samples: int, threads: int) -> None:
    passes.set_up_rendering(scene, size, samples, threads)
    # a plain curve: light in the picture is light in the scene
    scene.view_settings.view_transform, scene.view_settings.look = "Standard", "None"


def _photograph_garment(passes, scene, path: Path) -> None:
    """The shirt from straight in front, from far away, before nothing."""
    scene.render.film_transparent = True
    scene.render.image_settings.color_mode = "RGBA"
    scene.camera.data.type, scene.camera.data.ortho_scale = "ORTHO", 0.90
    c2w = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, -1.0, -3.0], [0.0, 1.0, 0.0, 1.16]])
    passes.render(scene, c2w, path)


if __name__ == "__main__":
    run(make)
