"""Scenes of runs, held to be looked at from anywhere."""

from __future__ import annotations

import io
import math
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from PIL import Image
from torch import Tensor

from editor3d.datasets.views.images import read_image
from editor3d.errors import ConfigError, DataError
from editor3d.outputs.orbit import look_at_point, up_axis
from editor3d.outputs.pictures import to_uint8
from editor3d.plugin.bases.base import open_base
from editor3d.plugin.edit.settings import EditPipelineConfig
from editor3d.plugin.results.runs import open_run
from editor3d.registry import SCENE_BETWEEN, load_target
from editor3d.studio.engine.selection import frame_matrix, object_at, parts_in, points_under, tinted
from editor3d.types import PosedImages, View

MOST_SCENES = 4
"""Held at a time; the one that was looked at longest ago goes first."""
MAX_SIDE = 2048
"""Pixels of a frame's longer side."""
_AFAR = 1e5
MOST_REGIONS = 8
"""Of a scene, whose parts are remembered."""


class HeldScene:
    """The scene of one run.

    Args:
        run: its folder.

    Raises:
        CheckpointError: there is none.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self.config, self.pipeline = open_run(run)
        manager = self.pipeline.datamanager
        self.posed: PosedImages = manager.train_dataparser_outputs.metadata["posed_images"]
        self.views: list[tuple[View, Tensor]] = []
        """Each view with its pose [3, 4] in the scene's own frame; those for training first."""
        for dataset in (manager.train_dataset, manager.eval_dataset):
            known = {view.name for view, _ in self.views}
            poses = dataset.cameras.camera_to_worlds.cpu()
            found = zip(dataset.metadata["views"], poses, strict=True)
            self.views += [(view, pose) for view, pose in found if view.name not in known]
        self.train_count = len(manager.train_dataset)
        self._strength = 1.0
        self._regions: OrderedDict[str, Tensor] = OrderedDict()

    @property
    def is_edit(self) -> bool:
        """Whether the run is one of an edit."""
        return isinstance(self.config.pipeline, EditPipelineConfig)

    def described(self) -> dict[str, Any]:
        """What the page has to know of it: views, objects, where it is and which way is up; scene units."""
        poses = np.stack([pose.double().numpy() for _, pose in self.views[: self.train_count]])
        center = look_at_point(poses[:, :, 3], -poses[:, :, 2])
        distance = float(np.median(np.linalg.norm(poses[:, :, 3] - center, axis=1)))
        model = self.pipeline.model
        splats = bool(model.capabilities.scene_suffixes)
        return {
            "views": [_described(view, pose) for view, pose in self.views],
            "objects": sorted(self.posed.objects),
            "center": center.tolist(),
            "up": up_axis(poses).tolist(),
            "distance": distance,
            "splats": splats,
            "parts": model.capabilities.parts,
            "frame": frame_matrix(self.pipeline),
            "background": self._behind() if splats else [0, 0, 0],
            "edit": self.is_edit,
            "base": str(open_base(Path(self.config.load_checkpoint)).run) if self.config.load_checkpoint else "",
        }

    def picture(
        self,
        c2w: Sequence[float],
        fov: float,
        width: int,
        height: int,
        strength: float = 1.0,
        region: str = "",
    ) -> np.ndarray:
        """The scene from a pose: [H, W, 3] uint8.

        Args:
            c2w: [3, 4] row by row, OpenGL axes, the scene's own frame.
            fov: vertical angle of view, radians.
            strength: of the edit, 0 to 1; of splats alone.
            region: what stands out, as `parse_region` takes it.

        Raises:
            ConfigError: a number is out of range, or the scene has no strengths.
            RegionError: there is nothing of the scene in the region.
        """
        camera = _camera(c2w, fov, width, height)
        self._set_strength(strength)
        picture = to_uint8(self.pipeline.render_view(camera, 0)["rgb"])
        return tinted(self.pipeline, camera, picture, self.parts(region)) if region else picture

    def frame(self, quality: int, **shot: Any) -> bytes:
        """As `picture`, as a JPEG."""
        return jpeg(self.picture(**shot), max(1, min(95, quality)))

    def parts(self, region: str) -> Tensor:
        """Which parts of the scene [N] bool a region holds.

        Raises:
            RegionError: none, or the region is not understood.
        """
        if region not in self._regions:
            self._set_strength(1.0)
            self._regions[region] = parts_in(self.pipeline, region)
            while len(self._regions) > MOST_REGIONS:
                self._regions.popitem(last=False)
        return self._regions[region]

    def marked(
        self, c2w: Sequence[float], fov: float, width: int, height: int, pixels: Sequence[Sequence[float]]
    ) -> dict[str, Any]:
        """What lies under a line on a frame: `points` in the capture's frame, and the `object` at its first one.

        Raises:
            ConfigError: a number is out of range.
            RegionError: nothing of the scene does.
        """
        camera = _camera(c2w, fov, width, height)
        self._set_strength(1.0)
        points = points_under(self.pipeline, camera, pixels)
        eye = camera.camera_to_worlds[0, :, 3].numpy()
        views = [view for view, _ in self.views[: self.train_count]]
        return {"points": points, "object": object_at(self.pipeline, self.posed, views, eye, points[len(points) // 2])}

    def file(self) -> bytes:
        """The scene as a file of splats (.spz), in the capture's frame.

        Raises:
            ConfigError: it is not made of splats.
        """
        self._set_strength(1.0)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "scene.spz"
            self.pipeline.model.write_scene(path, self.pipeline.datamanager.train_dataparser_outputs)
            return path.read_bytes()

    def _behind(self) -> list[int]:
        """The colour behind the scene, sRGB of 0 to 255: what a camera shows that looks away from afar."""
        away = np.concatenate([np.eye(3), [[0.0], [0.0], [-_AFAR]]], axis=1)
        return self.picture(away.flatten().tolist(), 0.5, 1, 1)[0, 0].tolist()

    def _set_strength(self, strength: float) -> None:
        if strength == self._strength:
            return
        if not 0.0 <= strength <= 1.0:
            raise ConfigError(f"Expected a strength of 0 to 1, got {strength}: reload the page.")
        self._between(strength)
        self._strength = strength

    @cached_property
    def _between(self) -> Callable[[float], None]:
        return load_target(SCENE_BETWEEN)(self.run, self.pipeline.model)

    def view(self, name: str) -> tuple[View, int]:
        """A view and its index in `views`.

        Raises:
            DataError: none has this name.
        """
        for index, (view, _) in enumerate(self.views):
            if view.name == name:
                return view, index
        raise DataError(f"There is no view {name[:80]!r} in {self.run}: reload the page.")

    def photograph(self, name: str, side: int) -> bytes:
        """A view's photograph, its longer side at most so many pixels, as a JPEG.

        Raises:
            DataError: there is no such view, or its picture is gone.
        """
        view, _ = self.view(name)
        picture = Image.fromarray(read_image(view).numpy())
        picture.thumbnail((side, side), Image.Resampling.BOX)
        return jpeg(np.asarray(picture), 85)

    def render(self, index: int) -> Tensor:
        """What a view shows of the scene: [H, W, 3] in 0..1."""
        manager = self.pipeline.datamanager
        held_out = index - self.train_count
        cameras = manager.train_dataset.cameras if held_out < 0 else manager.eval_dataset.cameras
        return self.pipeline.render_view(cameras, index if held_out < 0 else held_out)["rgb"].cpu()

    @cached_property
    def measured(self) -> Any:
        """What the views show of the surface, where the capture has measured it; else None."""
        from editor3d.geometry.scene.measured import MeasuredSurface

        return MeasuredSurface(self.posed) if all(view.depth_path is not None for view in self.posed.views) else None


class Scenes:
    """Scenes by the folders of their runs."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[Path, int], HeldScene] = OrderedDict()

    def open(self, run: Path) -> HeldScene:
        """The scene of a run as it is on disk now.

        Raises:
            Editor3DError: it cannot be opened.
        """
        checkpoint = open_checkpoint(run)
        key = (run, checkpoint)
        if key not in self._held:
            self._held[key] = HeldScene(run)
            while len(self._held) > MOST_SCENES:
                self._held.popitem(last=False)
        self._held.move_to_end(key)
        return self._held[key]


def open_checkpoint(run: Path) -> int:
    """What tells the newest checkpoint of a run from others: when it was written, nanoseconds.

    Raises:
        CheckpointError: there is none.
    """
    from editor3d.run.checkpoints import latest_checkpoint

    return latest_checkpoint(run).stat().st_mtime_ns


def jpeg(pixels: np.ndarray, quality: int) -> bytes:
    """A picture [H, W, 3] uint8 as a JPEG."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()


def _camera(c2w: Sequence[float], fov: float, width: int, height: int) -> Cameras:
    pose = np.asarray(c2w, dtype=np.float64)
    good = pose.shape == (12,) and np.isfinite(pose).all() and np.abs(pose).max() < 1e6
    if not good or not 0.01 <= fov <= 3.0 or not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ConfigError(
            f"Expected a pose of 12 numbers, an angle of 0.01 to 3 and sides of 1 to {MAX_SIDE} pixels, got others: "
            f"reload the page."
        )
    focal = height / 2 / math.tan(fov / 2)
    return Cameras(
        torch.from_numpy(pose.reshape(1, 3, 4)).float(),
        focal, focal, width / 2, height / 2, width, height,
        camera_type=CameraType.PERSPECTIVE,
    )  # fmt: skip


def _described(view: View, pose: Tensor) -> dict[str, Any]:
    return {
        "name": view.name,
        "split": view.split,
        "c2w": pose.double().flatten().tolist(),
        "fov": 2 * math.atan(view.height / 2 / view.fl_y),
        "width": view.width,
        "height": view.height,
    }
