"""Every contract of the engine, and the notation used throughout. Imports no model and no torch.

Notation
    image      float tensor [H, W, 3], sRGB in 0..1 (never linear light, never 0..255)
    mask       bool tensor [H, W]; True is inside
    c2w        camera-to-world [3, 4], OpenGL axes: +x right, +y up, the camera looks along -z
    depth      z-depth along the viewing axis, scene units, [H, W]
    pixel      (x, y); the centre of the top-left pixel is (0.5, 0.5)
    distortion (k1, k2, k3, k4, p1, p2), OpenCV's radial and tangential coefficients
    noise_level  t in 0..1, a fraction of the diffusion model's training timesteps (0.7 means timestep 700 of 1000)
    batches lead: [B, H, W, 3]
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from editor3d.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

MIN_CAMERAS, MAX_CAMERAS, MAX_SIDE = 3, 1000, 4096
"""Cameras that a file of splats is seen from (of three, one is held out and two are trained on), pixels of a side."""
DEFAULT_SIDE = 512
GUIDANCE_SCALE, DIFFUSION_STEPS = 7.5, 20
"""InstructPix2Pix's usual (text) guidance scale and number of denoising steps."""
Split = Literal["train", "test"]
Condition = Literal["auto", "original", "base", "detailed"]
"""The picture that an edit changes: the original photograph, a render of the base, that render with the photograph's
detail, or whichever suits the edit."""


@dataclass(frozen=True, eq=False)
class View:
    """One posed picture, its size and intrinsics given as used (after any downscaling)."""

    name: str
    """Unique in its set: the picture's path below the images folder, without suffix (`frame_00001`)."""
    image_path: Path
    split: Split
    width: int
    height: int
    fl_x: float
    fl_y: float
    cx: float
    cy: float
    c2w: np.ndarray
    """[3, 4] float64, OpenGL axes, in the file's own frame."""
    distortion: tuple[float, float, float, float, float, float] = (0.0,) * 6
    fisheye: bool = False
    mask_path: Path | None = None
    """Picture whose black or transparent pixels are not to be trained on; `image_path` itself where its alpha says."""
    labels_path: Path | None = None
    """8-bit picture of object ids; 0 is nothing. `PosedImages.objects` names the ids."""
    depth_path: Path | None = None
    """16-bit picture or .npy array of z-depth; times `PosedImages.depth_scale` gives scene units. 0 is unknown. Not
    opened before it is needed."""


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


@dataclass(frozen=True)
class EditorInfo:
    """What an editor can do and needs, as data: the engine decides by these fields, never by class."""

    name: str
    summary: str
    license: str
    needs_weights: bool = False
    uses_render: bool = False
    """The result depends on the scene's current render; otherwise the engine does not render before an edit."""
    uses_noise_level: bool = False
    """The result depends on `EditRequest.noise_level`."""
    varies_with_seed: bool = False
    """Two calls with different seeds differ; otherwise one edit of a view is final."""
    edits_objects: bool = False
    """Understands an instruction about one named object (reads `EditRequest.objects`)."""
    tells_objects: bool = False
    """Can tell which objects an instruction is about (`ObjectEditor`)."""
    keeps_shape: bool = False
    """Changes colours alone: what it edits has the shape that it had."""
    multiple_of: int = 1
    """Sides the model works at are multiples of this; the editor itself pads and crops."""
    max_side: int | None = None
    """The longest side the model works at; larger pictures are scaled down and back by the editor."""
    working_side: int | None = None
    """The shorter side of the small copy that is edited, by an editor that carries the change over to the picture."""
    working_pixels: tuple[int, int] | None = None
    """The fewest and the most pixels the model works at; others are scaled to fit and back by the editor."""
    accepts_mask: bool = False
    """Keeps an edit inside `EditRequest.mask` where one is given."""
    needs_mask: bool = False
    """Edits nothing without `EditRequest.mask`, or an instruction that names one object where `edits_objects`."""
    needs_geometry: bool = False
    """Puts things into the scene: edits nothing without `EditRequest.geometry`."""
    needs_garment: bool = False
    """Dresses a person: edits nothing without `EditRequest.garment`."""
    remote: bool = False
    """Sends pictures to a service over the network, which may charge for each edit."""
    price: float | None = None
    """US dollars that one request to a paid service is taken to cost."""
    download: str = ""
    """Size of the weights that it loads unless told otherwise ("16 GB"); empty where it needs none."""
    guidance_scale: float = GUIDANCE_SCALE
    """The guidance scale its model is usually run at: an edit's where none is asked for."""
    diffusion_steps: int = DIFFUSION_STEPS
    """The number of denoising steps its model is usually run at: an edit's where none is asked for."""
    one_timestep_per_step: bool = False
    """Divides the timesteps below the noise level into `EditRequest.diffusion_steps`, and refuses fewer than those."""


@dataclass(frozen=True, eq=False)
class ViewGeometry:
    """Where a view looks from and how far away is what it shows, in the capture file's own frame and units."""

    origin: Tensor
    """[3] float64, the camera's place."""
    directions: Tensor
    """[H, W, 3], unit vectors through the pixel centres."""
    depth: Tensor
    """[H, W], distance along each ray to what is there; infinite where nothing is."""
    region: Region
    """Where the scene may change."""
    low: Tensor
    """[3] float64, the lower corner of a box round the region,"""
    high: Tensor
    """[3] float64, and its upper corner."""
    up: Tensor
    """[3] float64, unit vector: the scene's vertical."""


@dataclass(frozen=True, eq=False)
class Garment:
    """What a person is to wear, and what is known of the person over all views."""

    picture: Tensor
    """The garment alone, from the front: [H, W, 3] 0..1."""
    mask: Tensor
    """Where the garment is in it: [H, W] bool."""
    digest: str
    """Hex digits of the file's content: another garment is another edit."""
    turn: float | None = None
    """How far round the person the camera stands, radians: 0 in front, positive on the person's left; None where
    nobody knows."""
    worn: float | None = None
    """The luminance (linear light, 0..1) of what is worn where it is well lit, over all views."""


@dataclass(frozen=True, eq=False)
class EditRequest:
    """One 2D edit of one view."""

    view: str
    """The view's name (`View.name`)."""
    instruction: str
    condition: Tensor
    """The picture to edit: the original photograph, or the earlier result it stands for. [H, W, 3] 0..1."""
    render: Tensor | None = None
    """The scene as it is now, seen from this view. [H, W, 3] 0..1; None unless `EditorInfo.uses_render`."""
    objects: Mapping[str, Tensor] = field(default_factory=dict)
    """Masks [H, W] bool of the objects the data names."""
    mask: Tensor | None = None
    """Where the picture may change: [H, W] bool; None is everywhere. Read only by editors that accept masks."""
    geometry: ViewGeometry | None = None
    """None unless `EditorInfo.needs_geometry`."""
    garment: Garment | None = None
    """None unless `EditorInfo.needs_garment`; `mask` then says where it is worn."""
    noise_level: float = 0.98
    seed: int = 0
    guidance_scale: float = GUIDANCE_SCALE
    image_guidance_scale: float = 1.5
    diffusion_steps: int = DIFFUSION_STEPS


@runtime_checkable
class Editor(Protocol):
    """A 2D instruction editor."""

    @property
    def info(self) -> EditorInfo: ...

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """Refuse an instruction or a set of views that `edit` could not serve. Cheap: loads no weights.

        Args:
            instruction: what the user asks for.
            objects: names of the objects that the data has masks of.
            views: names of the views that will be edited.

        Raises:
            InstructionError: empty, or not understood; the text lists what is.
            EditorUnavailableError: weights, a package or pictures are missing; the text says how to get them.
        """
        ...

    def edit(self, request: EditRequest) -> Tensor:
        """Edit one picture.

        Returns:
            [H, W, 3] float32 in 0..1, of the size of `request.condition`, on its device.
        """
        ...


class ObjectEditor(Editor, Protocol):
    """An editor with `EditorInfo.tells_objects`."""

    def edited_objects(self, instruction: str, objects: Collection[str]) -> tuple[str, ...]:
        """The objects that an instruction is about, everything else being left as it is.

        Args:
            instruction: one that `validate` takes.
            objects: names of the objects that the data has masks of.

        Returns:
            Names out of `objects`; none where the whole picture is to change.
        """
        ...


@runtime_checkable
class Region(Protocol):
    """A part of space."""

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie inside.

        Args:
            points: [..., 3] of any float type, scene units.

        Returns:
            bool [...], on the points' device.
        """
        ...

    def to_json(self) -> dict[str, Any]:
        """The region as strict JSON values; `editor3d.regions.from_json` makes the same region of it."""
        ...


@dataclass(frozen=True)
class GuidanceInfo:
    """What a guidance needs, as data."""

    name: str
    summary: str
    license: str
    needs_weights: bool = True
    needs_sources: bool = False
    """Reads `GuidanceRequest.sources`."""
    keeps_shape: bool = False
    """Knows changes of colour alone: what it pulls shapes towards means nothing."""
    download: str = ""
    """Size of the weights that it loads unless told otherwise; empty where it needs none."""


@dataclass(frozen=True, eq=False)
class GuidanceRequest:
    """Renders of one training step, to be pulled towards a text."""

    images: Tensor
    """[B, H, W, 3] 0..1, usually with a gradient to what they were rendered from."""
    prompts: Sequence[str]
    """One text a view: an instruction or a description, whichever the guidance takes."""
    generator: torch.Generator
    """On the CPU; draws timesteps and noise."""
    step: int = 0
    """Of the optimisation, counted from 0: what schedules depend on."""
    total_steps: int = 1
    sources: Tensor | None = None
    """The unedited scene from the same cameras, [B, H, W, 3] 0..1; None unless `GuidanceInfo.needs_sources`."""


@runtime_checkable
class Guidance(Protocol):
    """A prior that says in which direction renders should change."""

    @property
    def info(self) -> GuidanceInfo: ...

    def validate(self) -> None:
        """Look for the weights. Cheap: loads none.

        Raises:
            EditorUnavailableError: weights are missing; the text says how to get them.
        """
        ...

    def loss(self, request: GuidanceRequest) -> Tensor:
        """A number whose gradient with respect to `request.images` is the guidance, averaged over the views.

        Its value need not mean anything; scaling it scales the gradient.

        Returns:
            [], float32 or float64.
        """
        ...
