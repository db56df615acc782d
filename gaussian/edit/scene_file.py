"""Make a file of splats, without its photographs, an editable scene."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.utils.rich_utils import CONSOLE
from rich.console import Console
from torch import Tensor

from editor3d.datasets import load_posed_images
from editor3d.datasets.cameras import LONGEST_SIDE, limit_side, split_of, view_name
from editor3d.datasets.views.intrinsics import lens_of
from editor3d.datasets.write import write_capture
from editor3d.outputs.pictures import save_png
from editor3d.plugin.bases.cameras import load_any_cameras
from editor3d.run import checkpoints
from editor3d.types import Around, Intrinsics, PosedImages, View
from gaussian.files import FORMATS, read_file, tell
from gaussian.files.contents import SplatFile
from gaussian.model.model import SplatModel
from gaussian.splats import Splats
from gaussian.view.around import cameras_around, intrinsics
from gaussian.view.upright import up_of_comments


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
    contents = _read(path)
    around = settled(contents, around)
    given = given_views(around)
    digest = hashlib.blake2b(path.read_bytes(), digest_size=8)
    digest.update(repr(around).encode())
    if any(contents.offset) or contents.antialiased:  # which a file beside it may say
        digest.update(repr((contents.offset, contents.antialiased)).encode())
    for view in given:
        digest.update(repr((view.c2w.tolist(), lens_of(view))).encode())
    folder = output / f"{path.stem}-{digest.hexdigest()}"
    capture = folder / "capture"
    if not (capture / "transforms.json").is_file():
        posed = posed_around(contents, capture, around, given)
        CONSOLE.print(
            f"Looking at {path} ({len(contents)} Gaussians) from {len(posed.views)} cameras, kept in {capture}",
            markup=False,
        )
        write_views(contents, posed)
    return capture, _base_run(contents, capture, folder, path.suffix.lower())


class FileViews:
    """A file of splats, seen as `open_scene_file` would see it: the same views, of which pictures are made on demand.

    Args:
        folder: where `render` puts the pictures.

    Raises:
        DataError: no such file, or a damaged one.
    """

    def __init__(self, path: Path, folder: Path, around: Around | None = None) -> None:
        contents = _read(path)
        around = settled(contents, around)
        self.posed = posed_around(contents, folder / "capture", around, given_views(around))
        self._model, self._offset = model_of(contents, extent_of(self.posed.views)), contents.offset

    def render(self, views: Sequence[View]) -> None:
        """Write the pictures of some of `posed.views`."""
        for view in views:
            save_png(view.image_path, picture_of(self._model, view, self._offset))

    def small(self, side: int) -> list[Tensor]:
        """What all of `posed.views` show, the longer sides `side` pixels: [H, W, 3] in 0..1."""
        return [picture_of(self._model, limit_side(view, side), self._offset) for view in self.posed.views]


def settled(contents: SplatFile, around: Around | None) -> Around:
    """The requested cameras; the file's comments give the vertical where the request does not."""
    around = around or Around()
    if around.up is not None or isinstance(around.cameras, Path):
        return around
    return replace(around, up=up_of_comments(contents.comments))


def given_views(around: Around) -> tuple[View, ...]:
    """The cameras of the file or folder that `around` names, if it does; without pictures.

    Raises:
        DataError: as `load_any_cameras`.
    """
    if not isinstance(around.cameras, Path):
        return ()
    return load_any_cameras(around.cameras, LONGEST_SIDE if around.side is None else around.side)


def posed_around(contents: SplatFile, folder: Path, around: Around, given: Sequence[View] = ()) -> PosedImages:
    """The views from which a scene is seen, in the file's own frame; their pictures, in the capture `folder`, are still
    to be made.

    Args:
        given: views to use instead of chosen ones.
    """
    views = given or chosen_views(contents, around)
    views = tuple(replace(view, image_path=folder / "images" / f"{view.name}.png") for view in views)
    points = contents.centres[:: max(1, len(contents) // 20_000)].numpy()
    return PosedImages(folder.parent, "nerfstudio", views, points=points)


def chosen_views(contents: SplatFile, around: Around) -> list[View]:
    """Views, without pictures, of cameras that are put where the scene is seen well, in the file's own frame."""
    side, offset = around.pixels, np.array(contents.offset)
    if around.center is not None:
        around = replace(around, center=tuple(np.array(around.center) - offset))
    standing = cameras_around(contents.drawn, around)
    up = ",".join(f"{number:.2g}" for number in standing.up)
    message = f"{around.cameras} cameras {standing.where}, up is {up}"
    Console(stderr=True).print(message, markup=False, highlight=False)  # what a preview prints are paths
    K = intrinsics(side, side, standing.field_of_view)
    fx, fy, cx, cy = (float(length) for length in (K[0, 0], K[1, 1], K[0, 2], K[1, 2]))
    lens = Intrinsics(side, side, fx, fy, cx, cy)
    return [
        View(
            name=view_name(index),
            image_path=Path(),
            split=split_of(index),
            c2w=_moved(c2w, offset),
            **vars(lens),
        )
        for index, c2w in enumerate(standing.poses)
    ]


def extent_of(views: Sequence[View]) -> float:
    """The size of a scene, by which rates and thresholds of length are multiplied: the greatest coordinate of a camera
    about their middle, which training brings to 1."""
    places = np.stack([view.c2w[:, 3] for view in views])
    extent = float(np.abs(places - places.mean(0)).max())
    return extent if extent > 0 else 1.0


def write_views(contents: SplatFile, posed: PosedImages) -> None:
    """Render a scene from the views that `posed_around` gave, and write that as a capture."""
    model = model_of(contents, extent_of(posed.views))
    folder = posed.views[0].image_path.parent.parent
    write_capture(folder, posed, posed.views, lambda index, view: picture_of(model, view, contents.offset))


@torch.no_grad()
def picture_of(model: SplatModel, view: View, offset: Sequence[float]) -> Tensor:
    """What a view shows of a scene that is `offset` short of where it is in the view's frame: [H, W, 3] in 0..1."""
    return model.get_outputs_for_camera(camera_of(view, offset))["rgb"]


def camera_of(view: View, offset: Sequence[float]) -> Cameras:
    """The camera of a view, `offset` [3] short of where it stands."""
    return Cameras(
        torch.from_numpy(_moved(view.c2w, -np.array(offset))).float()[None],
        view.fl_x, view.fl_y, view.cx, view.cy, view.width, view.height,
        distortion_params=torch.tensor([view.distortion]),
        camera_type=CameraType.FISHEYE if view.fisheye else CameraType.PERSPECTIVE,
    )  # fmt: skip


def _moved(c2w: np.ndarray, by: np.ndarray) -> np.ndarray:
    return np.column_stack([c2w[:, :3], c2w[:, 3] + by])


def _read(path: Path) -> SplatFile:
    """A file's content, what there is to say of it being said.

    Raises:
        DataError: no such file, or a damaged one.
    """
    contents = read_file(path)
    tell(path, contents.notes)
    return contents


def model_of(contents: SplatFile, scale: float) -> SplatModel:
    """A model that holds a scene of a size, without its offset, to be looked at."""
    from nerfstudio.data.scene_box import SceneBox

    from gaussian.methods.splat import splat

    splats = contents.drawn
    config = replace(splat.config.pipeline.model, scene_scale=scale, rasterize_mode=_mode_of(contents))
    model = config.setup(
        scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])),
        num_train_data=1,
        seed_points=(splats.means[:1], torch.zeros(1, 3)),
    )
    model.set_splats(splats)
    return model.eval()


def _mode_of(contents: SplatFile) -> Literal["classic", "antialiased"]:
    return "antialiased" if contents.antialiased else "classic"


def _base_run(contents: SplatFile, capture: Path, output: Path, suffix: str) -> Path:
    """A run of the method `splat` that has done nothing but take the scene over."""
    from editor3d.plugin.train.config import PluginTrainerConfig
    from gaussian.methods.splat import splat
    from gaussian.model.settings import SplatSettings

    config = deepcopy(splat.config)
    assert isinstance(config, PluginTrainerConfig)
    model = config.pipeline.model
    assert isinstance(model, SplatSettings)
    manager, parser = config.pipeline.datamanager, config.pipeline.datamanager.dataparser
    manager.data = parser.data = capture
    parser.orientation_method = parser.center_method = "none"
    parser.auto_scale_poses = False
    model.scene_scale = extent_of(load_posed_images(capture).views)
    model.sh_degree = contents.splats.sh_degree
    model.rasterize_mode = _mode_of(contents)
    model.hold_unseen = True
    model.scene_comments = contents.comments
    model.scene_suffix = suffix if FORMATS[suffix].writes else ".ply"
    config.max_num_iterations, config.vis = 1, "tensorboard"
    config.output_dir, config.experiment_name, config.timestamp = output, "scene", "base"
    folder = config.get_checkpoint_dir()
    if not checkpoints.find_checkpoints(folder):
        config.check()
        config.write_config()
        trainer = config.setup(local_rank=0, world_size=1)
        trainer.prepare()
        trainer.pipeline.model.set_splats(_in_scene(contents, trainer.pipeline.datamanager.train_dataparser_outputs))
        trainer.save_checkpoint(0)
        trainer.shutdown()
    return folder.parent


def _in_scene(contents: SplatFile, outputs: DataparserOutputs) -> Splats:
    """A file's Gaussians in the frame of a run whose data parser neither turns nor scales; bit for bit near the origin.

    Far from it, the parser brings the cameras near it all the same.
    """
    splats = contents.drawn
    shift = torch.tensor(contents.offset, dtype=torch.float64) + outputs.dataparser_transform[:, 3].double()
    return replace(splats, means=(splats.means.double() + shift).float()) if bool(shift.any()) else splats
