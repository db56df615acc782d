"""The contents of a capture: posed pictures, or the cameras of a scene that has no pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from editor3d.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

MIN_CAMERAS, MAX_CAMERAS, MAX_SIDE = 3, 1000, 4096
"""Cameras that a file of splats is seen from (of three, one is held out and two are trained on), pixels of a side."""
DEFAULT_SIDE = 512
Split = Literal["train", "test"]


@dataclass(frozen=True, eq=False)
class Intrinsics:
    """A pinhole camera with OpenCV distortion; lengths in pixels."""

    width: int
    height: int
    fl_x: float
    fl_y: float
    cx: float
    cy: float
    distortion: tuple[float, float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    fisheye: bool = False

    def resized(self, width: int, height: int) -> Self:
        """The same camera with another pixel grid over the same field of view: each axis by its exact ratio.

        Distortion acts on normalised coordinates and stays.
        """
        scale_x, scale_y = width / self.width, height / self.height
        return replace(
            self,
            width=width,
            height=height,
            fl_x=self.fl_x * scale_x,
            fl_y=self.fl_y * scale_y,
            cx=self.cx * scale_x,
            cy=self.cy * scale_y,
        )

    def downscaled(self, factor: int, where: str) -> Self:
        """The camera of a picture scaled down to `width // factor` by `height // factor` pixels.

        Raises:
            ConfigError: nothing would be left.
        """
        if factor == 1:
            return self
        if factor > min(self.width, self.height):
            raise ConfigError(
                f"A downscale factor of {factor} leaves nothing of {where} ({self.width}x{self.height} pixels): use "
                f"at most {min(self.width, self.height)}."
            )
        return self.resized(self.width // factor, self.height // factor)


@dataclass(frozen=True, eq=False, kw_only=True)
class View(Intrinsics):
    """One posed picture, its size and intrinsics given as used (after any downscaling)."""

    name: str
    """Unique in its set: the picture's path below the images folder, without suffix (`frame_00001`)."""
    image_path: Path
    split: Split
    c2w: np.ndarray
    """[3, 4] float64, OpenGL axes, in the file's own frame."""
    mask_path: Path | None = None
    """Picture whose black or transparent pixels are not to be trained on; `image_path` itself where its alpha says."""
    labels_path: Path | None = None
    """8-bit picture of object ids; 0 is nothing. `PosedImages.objects` names the ids."""
    depth_path: Path | None = None
    """16-bit picture or .npy array of z-depth; times `PosedImages.depth_scale` gives scene units. 0 is unknown. Not
    opened before it is needed."""
    transparent: bool = False
    """Whether the picture has pixels of alpha below 1, which are laid over a background where it is read."""


@dataclass(frozen=True, eq=False)
class PosedImages:
    """A captured scene: posed pictures, and what else the capture carries."""

    root: Path
    format: Literal["nerfstudio", "colmap", "nerf-synthetic"]
    views: tuple[View, ...]
    """In the order of the file; training and test views together."""
    objects: Mapping[str, int] = field(default_factory=dict)
    """Names of the objects that the label pictures show, and their ids (1..255)."""
    depth_scale: float = 1e-3
    """Scene units per unit of a depth picture."""
    points: np.ndarray | None = None
    """Sparse points [N, 3] float64 in the frame of the poses, which may lie millions of units from the origin."""
    point_colors: np.ndarray | None = None
    """[N, 3] uint8."""
    downscale_factor: int = 1
    notes: tuple[str, ...] = ()
    """Of what kind it is, and what a user should know besides, each in a few words: "model sparse/0 of 1"."""

    @property
    def train_views(self) -> tuple[View, ...]:
        return tuple(v for v in self.views if v.split == "train")

    @property
    def test_views(self) -> tuple[View, ...]:
        return tuple(v for v in self.views if v.split == "test")


@dataclass(frozen=True)
class Around:
    """The cameras that a scene is seen from that came without any.

    Raises:
        ConfigError: too few or too small pictures, a direction or place that is none, or both cameras of a file and
            what would choose others.
    """

    cameras: int | Path = 48
    """How many are put where the scene is seen well; or a file or folder that has them: a transforms.json, a
    cameras.json of 3D Gaussian Splatting, a COLMAP model, a run. These are used as they are. Every eighth picture is
    held out."""
    side: int | None = None
    """Pixels of a picture's sides, 512 by default; with cameras of a file, of the longer side, at most."""
    up: tuple[float, float, float] | None = None
    """The scene's vertical. None: what the file says of it, else what the scene shows, else -y, as in COLMAP."""
    center: tuple[float, float, float] | None = None
    """Where the cameras look, in the file's own frame; None: where most detail is."""
    distance: float | None = None
    """How far from there they stand, scene units; None: from where the scene is seen well."""

    def __post_init__(self) -> None:
        for name in ("up", "center"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, tuple(float(number) for number in value))
        if self.up is not None and (len(self.up) != 3 or not 0 < math.hypot(*self.up) < math.inf):
            raise ConfigError(f"Expected three numbers that point upwards, got {self.up}: 0,0,1 where z is up.")
        if self.center is not None and (len(self.center) != 3 or not all(map(math.isfinite, self.center))):
            raise ConfigError(f"Expected three numbers for the centre, got {self.center}: 0,0,1, say.")
        if self.distance is not None and not 0 < self.distance < math.inf:
            raise ConfigError(f"Expected a distance above 0, got {self.distance:g}: say it in the file's own units.")
        if self.side is not None and not 16 <= self.side <= MAX_SIDE:
            raise ConfigError(f"Expected sides of 16 to {MAX_SIDE} pixels, got {self.side}.")
        if not isinstance(self.cameras, int):
            chosen = [name for name in ("up", "center", "distance") if getattr(self, name) is not None]
            if chosen:
                raise ConfigError(
                    f"Expected no {' and no '.join(chosen)} with the cameras of {self.cameras}, which stand where they "
                    "are: leave that out, or say how many cameras instead."
                )
        elif not MIN_CAMERAS <= self.cameras <= MAX_CAMERAS:
            raise ConfigError(f"Expected {MIN_CAMERAS} to {MAX_CAMERAS} cameras, got {self.cameras}.")

    @property
    def pixels(self) -> int:
        """The sides of the pictures of cameras that are put somewhere."""
        return DEFAULT_SIDE if self.side is None else self.side

    def draft(self) -> Around:
        """The same with pictures of at most half the usual side, unless one was chosen."""
        return self if self.side is not None else replace(self, side=DEFAULT_SIDE // 2)
