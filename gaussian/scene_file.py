"""A file of splats, without the photographs it was made from, as something that every method here can edit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor

from editor3d.datasets.write import write_capture
from editor3d.outputs.pictures import save_png
from editor3d.plugin import checkpoints
from editor3d.types import Around, PosedImages, View
from gaussian.around import cameras_around, core_of, intrinsics
from gaussian.files import read_splats
from gaussian.model import SplatModel
from gaussian.splats import Splats

_HELD_OUT = 8  # every so many views


def open_scene_file(path: Path, output: Path, around: Around | None = None) -> tuple[Path, Path]:
    """Render a file of splats from cameras round it, and make it the base of edits.

    The scene keeps the file's own frame and scale. What was made before of the same file is found again.

    Args:
        output: folder that runs are kept in.

    Returns:
        The folder of the rendered capture, and the run that holds the scene.

    Raises:
        DataError: no such file, or a damaged one.
    """
    around = around or Around()
    splats = read_splats(path)
    digest = hashlib.blake2b(path.read_bytes(), digest_size=8)
    digest.update(repr((around.cameras, around.side, around.up)).encode())
    folder = output / f"{path.stem}-{digest.hexdigest()}"
    capture = folder / "capture"
    if not (capture / "transforms.json").is_file():
        told = f"Looking at {path} ({len(splats)} Gaussians) from {around.cameras} cameras round it, kept in {capture}"
        CONSOLE.print(told, markup=False)
        write_views(splats, capture, around)
    return capture, _base_run(splats, capture, folder, path.suffix.lower())


class FileViews:
    """A file of splats, seen as `open_scene_file` would see it: the same views, of which pictures are made on demand.

    Args:
        folder: where `render` puts the pictures.

    Raises:
        DataError: no such file, or a damaged one.
    """

    def __init__(self, path: Path, folder: Path, around: Around | None = None) -> None:
        splats, around = read_splats(path), around or Around()
        self.posed = posed_around(splats, folder, around)
        self._model = model_of(splats)

    def render(self, views: Sequence[View]) -> None:
        """Write the pictures of some of `posed.views`."""
        for view in views:
            save_png(view.image_path, picture_of(self._model, view))


def posed_around(splats: Splats, folder: Path, around: Around) -> PosedImages:
    """The views from cameras round a scene; their pictures, in `folder`, are still to be made."""
    side = around.side
    K = intrinsics(side, side)
    lens = dict(fl_x=float(K[0, 0]), fl_y=float(K[1, 1]), cx=float(K[0, 2]), cy=float(K[1, 2]))
    views = tuple(
        View(
            f"view_{i:03d}", folder / "images" / f"view_{i:03d}.png", "train" if i % _HELD_OUT else "test", side, side,
            c2w=c2w, **lens,
        )
        for i, c2w in enumerate(cameras_around(splats, around.cameras, around.up))
    )  # fmt: skip
    points = splats.means[:: max(1, len(splats) // 20_000)].numpy()
    return PosedImages(folder.parent, "nerfstudio", views, points=points)


def write_views(splats: Splats, folder: Path, around: Around) -> PosedImages:
    """Render a scene from cameras round it and write that as a capture."""
    posed = posed_around(splats, folder, around)
    model = model_of(splats)
    write_capture(folder, posed, posed.views, lambda index, view: picture_of(model, view))
    return posed


@torch.no_grad()
def picture_of(model: SplatModel, view: View) -> Tensor:
    """What a pinhole view shows of a scene in the view's frame: [H, W, 3] in 0..1."""
    return model.get_outputs_for_camera(camera_of(view))["rgb"]


def camera_of(view: View) -> Cameras:
    """The camera of a view without lens distortion."""
    return Cameras(
        torch.from_numpy(view.c2w).float()[None], view.fl_x, view.fl_y, view.cx, view.cy, view.width, view.height,
        camera_type=CameraType.PERSPECTIVE,
    )  # fmt: skip


def model_of(splats: Splats) -> SplatModel:
    """A model that holds a scene, to be looked at."""
    from nerfstudio.data.scene_box import SceneBox

    from gaussian.method import splat

    config = replace(splat.config.pipeline.model, scene_scale=core_of(splats)[1])
    model = config.setup(
        scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])),
        num_train_data=1,
        seed_points=(splats.means[:1], torch.zeros(1, 3)),
    )
    model.set_splats(splats)
    return model.eval()


def _base_run(splats: Splats, capture: Path, output: Path, suffix: str) -> Path:
    """A run of the method `splat` that has done nothing but take the scene over."""
    from gaussian.method import splat

    config = deepcopy(splat.config)
    manager, parser = config.pipeline.datamanager, config.pipeline.datamanager.dataparser
    manager.data = parser.data = capture
    parser.orientation_method = parser.center_method = "none"
    parser.auto_scale_poses = False
    config.pipeline.model.scene_scale = core_of(splats)[1]
    config.pipeline.model.sh_degree = splats.sh_degree
    config.pipeline.model.scene_suffix = suffix
    config.max_num_iterations, config.vis = 1, "tensorboard"
    config.output_dir, config.experiment_name, config.timestamp = output, "scene", "base"
    folder = config.get_checkpoint_dir()
    if not checkpoints.find_checkpoints(folder):
        config.check()
        config.write_config()
        trainer = config.setup(local_rank=0, world_size=1)
        trainer.prepare()
        trainer.pipeline.model.set_splats(splats)
        trainer.save_checkpoint(0)
        trainer.shutdown()
    return folder.parent
