"""Posed image sets for nerfstudio: a data parser, and the dataset that reads their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.dataparsers.base_dataparser import DataParser, DataParserConfig, DataparserOutputs
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.data.scene_box import SceneBox
from torch import Tensor

from editor3d.datasets import load_posed_images
from editor3d.datasets.added_objects import added_names, folder_of
from editor3d.datasets.opening import announce
from editor3d.datasets.orient import Centring, Orientation, oriented
from editor3d.datasets.views.images import WHITE, read_image, read_mask
from editor3d.files.writing import write_json
from editor3d.types import PosedImages, View


@dataclass
class PosedImagesDataParserConfig(DataParserConfig):
    """Reads nerfstudio, COLMAP and NeRF-synthetic captures."""

    _target: type = field(default_factory=lambda: PosedImagesDataParser)
    data: Path = Path()
    """Folder of the capture, or its transforms.json."""
    downscale_factor: int | None = None
    """Pictures are read at 1/N of their size; no folders of smaller copies are needed. Those of more than 1600 pixels a
    side are read smaller unless a number is given; a run notes the number that it took."""
    eval_interval: int = 8
    """Every N-th view is held out of training where the data does not say which are."""
    orientation_method: Orientation = "up"
    """How the scene is turned, as in nerfstudio."""
    center_method: Centring = "poses"
    """What becomes the origin, as in nerfstudio; a scene far from it is brought near it by none, too."""
    auto_scale_poses: bool = True
    """Scale the scene so that the largest camera coordinate is 1."""
    scale_factor: float = 1.0
    """Further scale of the scene."""
    objects: Path | None = field(default=None, repr=False)
    """Read the objects that were named in the capture from this folder; by default from where they are named. A run
    notes the folder that it took."""
    opened: Any = field(default=None, init=False, repr=False, compare=False)
    """`Opened`: the capture, once it was read; no part of the settings, so neither config.yml nor a copy has it. Its
    type is not stated: command lines would look for flags in it."""

    def posed_images(self) -> PosedImages:
        """The capture as these settings read it, parsed at the first call: a run checks, plans and trains by
        that one reading.

        Raises:
            DataError, ConfigError: as `load_posed_images`.
        """
        opened: Opened | None = self.opened
        if opened is None or not opened.suits(self):
            posed = load_posed_images(
                self.data,
                downscale_factor=self.downscale_factor,
                eval_interval=self.eval_interval,
                objects=self.objects,
            )
            self.opened = opened = Opened(posed, self.data, self.downscale_factor, self.eval_interval)
        if self.objects is None and added_names(opened.posed):
            self.objects = folder_of(opened.posed)
        return opened.posed

    def __getstate__(self) -> dict[str, Any]:
        """What is copied and written: the settings alone."""
        return {name: value for name, value in vars(self).items() if name != "opened"}


@dataclass(frozen=True)
class Opened:
    """A capture, and the settings that it was read by."""

    posed: PosedImages
    data: Path
    downscale_factor: int | None
    eval_interval: int = 8

    def suits(self, config: PosedImagesDataParserConfig) -> bool:
        """Whether other settings would read it alike; a factor that was left open is settled by reading."""
        same = (config.data, config.eval_interval) == (self.data, self.eval_interval)
        return same and config.downscale_factor in (self.downscale_factor, self.posed.downscale_factor)


class PosedImagesDataParser(DataParser):
    """Turns `PosedImages` into nerfstudio's `DataparserOutputs`.

    The scene is turned, centred and scaled by all views, training and test together, so that both splits share one
    frame: x_scene = scale · T x_file, with `dataparser_transform` T, float64 unlike nerfstudio's, and
    `dataparser_scale`. Views are in the order of their paths, as in nerfstudio's own parser, whose poses these equal.
    """

    config: PosedImagesDataParserConfig

    @cached_property
    def posed_images(self) -> PosedImages:
        """The capture, its views in the order of their paths."""
        posed = self.config.posed_images()
        announce(posed)
        return replace(posed, views=tuple(sorted(posed.views, key=lambda view: view.image_path)))

    def _generate_dataparser_outputs(self, split: str = "train") -> DataparserOutputs:
        """The views of a split; "val" and "test" are both the held-out views.

        `metadata` has the `views` of the split, the whole `posed_images`, and, where the capture has sparse points,
        `points3D_xyz` [N, 3] float32 in the scene's frame and `points3D_rgb` [N, 3] uint8 (grey if it has none).

        Raises:
            DataError: the capture is missing, broken or contradicts itself.
            ConfigError: a value of the configuration is out of range.
        """
        posed = self.posed_images
        poses, transform = oriented(
            np.stack([view.c2w for view in posed.views]), self.config.orientation_method, self.config.center_method
        )
        scale = self.config.scale_factor
        extent = float(poses[:, :, 3].abs().max())
        if self.config.auto_scale_poses and extent > 0:
            scale /= extent
        poses[:, :, 3] *= scale

        kept = [index for index, view in enumerate(posed.views) if (view.split == "train") == (split == "train")]
        views = tuple(posed.views[index] for index in kept)
        metadata = {"views": views, "posed_images": posed}
        if posed.points is not None:
            points = torch.from_numpy(posed.points)
            metadata["points3D_xyz"] = ((points @ transform[:, :3].T + transform[:, 3]) * scale).float()
            colors = np.full(posed.points.shape, 128, np.uint8) if posed.point_colors is None else posed.point_colors
            metadata["points3D_rgb"] = torch.from_numpy(colors)
        corner = torch.full((3,), self.config.scale_factor)
        masks = [view.mask_path for view in views if view.mask_path is not None]
        return PosedImagesOutputs(
            image_filenames=[view.image_path for view in views],
            cameras=cameras_at(views, poses[kept]),
            alpha_color=torch.tensor(WHITE),
            scene_box=SceneBox(aabb=torch.stack([-corner, corner])),
            mask_filenames=masks or None,
            metadata=metadata,
            dataparser_transform=transform,
            dataparser_scale=scale,
        )


@dataclass
class PosedImagesOutputs(DataparserOutputs):
    """nerfstudio's outputs, whose frame is exact however far away the capture lies.

    It is written whole or not at all: a resumed run writes it again.
    """

    def save_dataparser_transform(self, path: Path) -> None:
        write_json(path, {"transform": self.dataparser_transform.tolist(), "scale": float(self.dataparser_scale)})

    def transform_poses_to_original_space(
        self, poses: Tensor, camera_convention: Literal["opengl", "opencv"] = "opencv"
    ) -> Tensor:
        """As nerfstudio's, in float64."""
        return super().transform_poses_to_original_space(poses.double(), camera_convention)


class PosedImagesDataset(InputDataset):
    """Reads pictures and masks through `editor3d.datasets.views.images`: any bit depth, orientation and downscaling.

    nerfstudio's own dataset takes 8-bit pictures, as large as they are stored.
    """

    def get_numpy_image(self, image_idx: int) -> npt.NDArray[np.uint8]:
        """[H, W, 3] uint8, of the camera's size."""
        return read_image(self._view(image_idx), self._size(image_idx)).numpy()

    def get_data(self, image_idx: int, image_type: Literal["uint8", "float32"] = "float32") -> dict[str, int | Tensor]:
        """The picture as [H, W, 3] uint8 or float32 in 0..1, with `mask` [H, W, 1] bool where the view has one."""
        read = self.get_image_float32 if image_type == "float32" else self.get_image_uint8
        data = {"image_idx": image_idx, "image": read(image_idx)}
        mask = read_mask(self._view(image_idx), self._size(image_idx))
        if mask is not None:
            data["mask"] = mask[..., None]
        return data

    def _view(self, image_idx: int) -> View:
        return self.metadata["views"][image_idx]

    def _size(self, image_idx: int) -> tuple[int, int]:
        return int(self.cameras.width[image_idx]), int(self.cameras.height[image_idx])


def cameras_at(views: Sequence[View], poses: Tensor) -> Cameras:
    """nerfstudio's cameras with the lenses of views, at poses [N, 3, 4]."""

    def column(name: str, dtype: torch.dtype) -> Tensor:
        return torch.tensor([[getattr(view, name)] for view in views], dtype=dtype)

    types = [CameraType.FISHEYE if view.fisheye else CameraType.PERSPECTIVE for view in views]
    return Cameras(
        camera_to_worlds=poses,
        fx=column("fl_x", torch.float32),
        fy=column("fl_y", torch.float32),
        cx=column("cx", torch.float32),
        cy=column("cy", torch.float32),
        width=column("width", torch.int64),
        height=column("height", torch.int64),
        distortion_params=torch.tensor([view.distortion for view in views], dtype=torch.float32),
        camera_type=torch.tensor([[kind.value] for kind in types]),
    )
