"""A file of splats, without the photographs it was made from, as something that every method here can edit."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor

from editor3d.datasets.write import write_capture
from editor3d.errors import ConfigError
from editor3d.plugin import checkpoints
from editor3d.types import PosedImages, View
from gaussian.around import cameras_around, core_of, intrinsics
from gaussian.files import read_splats
from gaussian.model import SplatModel
from gaussian.splats import Splats

VIEWS, SIDE = 48, 512
DEFAULT_UP = (0.0, -1.0, 0.0)
"""Most files of splats come from COLMAP, whose y axis points down."""


def open_scene_file(
    path: Path,
    output: Path,
    *,
    views: int = VIEWS,
    side: int = SIDE,
    up: tuple[float, float, float] = DEFAULT_UP,
) -> tuple[Path, Path]:
    """Render a file of splats from cameras round it, and make it the base of edits.

    The scene keeps the file's own frame and scale. What was made before of the same file is found again.

    Args:
        output: folder that runs are kept in.
        views: how many pictures, every eighth of them held out.
        side: pixels of a picture's sides.
        up: the scene's vertical.

    Returns:
        The folder of the rendered capture, and the run that holds the scene.

    Raises:
        DataError: no such file, or a damaged one.
        ConfigError: the vertical has no direction.
    """
    if not np.isfinite(up).all() or np.linalg.norm(up) == 0:
        raise ConfigError(f"Expected three numbers that point upwards, got {up}: 0,0,1 where z is up.")
    splats = read_splats(path)
    digest = hashlib.blake2b(path.read_bytes(), digest_size=8)
    digest.update(repr((views, side, tuple(up))).encode())
    folder = output / f"{path.stem}-{digest.hexdigest()}"
    capture = folder / "capture"
    if not (capture / "transforms.json").is_file():
        CONSOLE.print(f"Looking at {path} ({len(splats)} Gaussians) from {views} cameras round it, kept in {capture}")
        write_views(splats, capture, cameras_around(splats, views, up), side)
    return capture, _base_run(splats, capture, folder)


@torch.no_grad()
def write_views(splats: Splats, folder: Path, c2ws: np.ndarray, side: int) -> None:
    """Render a scene from poses [V, 3, 4] and write that as a capture."""
    K = intrinsics(side, side)
    lens = dict(fl_x=float(K[0, 0]), fl_y=float(K[1, 1]), cx=float(K[0, 2]), cy=float(K[1, 2]))
    model = _model_of(splats)
    views = tuple(
        View(f"view_{i:03d}", folder / "images" / f"view_{i:03d}.png", "train", side, side, c2w=c2w, **lens)
        for i, c2w in enumerate(c2ws)
    )

    def picture(index: int, view: View) -> Tensor:
        camera = Cameras(
            torch.from_numpy(view.c2w).float()[None], view.fl_x, view.fl_y, view.cx, view.cy, side, side,
            camera_type=CameraType.PERSPECTIVE,
        )  # fmt: skip
        return model.get_outputs_for_camera(camera)["rgb"]

    points = splats.means[:: max(1, len(splats) // 20_000)].numpy()
    posed = PosedImages(folder.parent, "nerfstudio", views, points=points)
    write_capture(folder, posed, views, picture)


def _model_of(splats: Splats) -> SplatModel:
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


def _base_run(splats: Splats, capture: Path, output: Path) -> Path:
    """A run of the method `splat` that has done nothing but take the scene over."""
    from gaussian.method import splat

    config = deepcopy(splat.config)
    manager, parser = config.pipeline.datamanager, config.pipeline.datamanager.dataparser
    manager.data = parser.data = capture
    parser.orientation_method = parser.center_method = "none"
    parser.auto_scale_poses = False
    config.pipeline.model.scene_scale = core_of(splats)[1]
    config.pipeline.model.sh_degree = splats.sh_degree
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
