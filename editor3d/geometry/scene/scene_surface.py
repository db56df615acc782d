"""The geometry that editors get of a scene: one surface fused from what its views see, looked up in each view."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from editor3d.errors import DataError
from editor3d.files.writing import replacing
from editor3d.geometry.camera import Camera
from editor3d.geometry.scene.fused import Cells, FusedSurface
from editor3d.geometry.scene.sky import SkyMaps
from editor3d.geometry.surface import SeenSurface
from editor3d.types import ObjectFrame, ViewGeometry

FUSED_SIDE, FUSED_VIEWS = 128, 24
"""Pixels of the longer side at which views are fused, and of how many, evenly chosen."""
LOOKUP_SIDE = 192
"""Pixels of the longer side at which a view's normals are looked up; between them surfaces are smooth."""
_LEAST = 32
"""Points below which an object has no frame of its own."""
_TRIM = 2.5
_HELD = 0.5
_LUMA = (0.299, 0.587, 0.114)
_FUSED = ("points", "normals", "concavity", "brightness")
_STRAY = 0.02
"""How far the fused surface may lie off what a view shows, as a share of the distance."""


@dataclass(frozen=True, eq=False)
class SeenView:
    """What one view tells of the scene."""

    surface: SeenSurface
    """With at most `FUSED_SIDE` pixels a side."""
    picture: Tensor
    """[H, W, 3] in 0..1, of any size."""
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    """Where named objects are: [H, W] bool."""
    changing: Tensor | None = None
    """Where the edit is meant to act: [H, W] bool; None is everywhere."""


@dataclass(frozen=True, eq=False)
class SceneSurface:
    """A scene's surface and the frames of its objects, in the capture file's own frame."""

    fused: FusedSurface
    """In the coordinates of `whole`."""
    whole: ObjectFrame
    """The frame of all that the views show."""
    frame: ObjectFrame
    """The frame of what may change."""
    frames: Mapping[str, ObjectFrame]
    """Those of the named objects."""
    up: Tensor
    """[3] float64, unit vector."""

    @cached_property
    def sky(self) -> SkyMaps:
        """What its points see of the sky."""
        return SkyMaps.of(self.fused.points, self.whole)

    @staticmethod
    def of(count: int, seen: Callable[[int], SeenView], up: Tensor) -> SceneSurface:
        """Fuse what views see.

        Args:
            count: number of views, at least one; the first gives the scene its front.
            seen: what a view tells, by index; called for up to `FUSED_VIEWS` of them.
            up: [3] unit vector.
        """
        chosen = np.unique(np.linspace(0, count - 1, min(count, FUSED_VIEWS)).round().astype(int))
        views = [seen(int(index)) for index in chosen]
        names = list(dict.fromkeys(name for view in views for name in view.masks))
        parts = [_told(view, names) for view in views]
        points, normals, weights, lumas, masks = (np.concatenate(column) for column in zip(*parts, strict=True))
        first = views[0].surface.camera
        axes = _axes(up.double().numpy(), first)
        everything = points if len(points) else np.zeros((1, 3))
        whole = _frame(everything, axes, lumas)
        local = whole.local(torch.from_numpy(points)).numpy()
        turned = whole.turned(torch.from_numpy(normals)).numpy()
        cells = Cells.of(local, turned, weights, masks, lumas)

        def frame_of(column: int) -> ObjectFrame | None:
            held = cells.shares[:, column] > _HELD
            if held.sum() < _LEAST:
                return None
            inside = cells.points[held].astype(np.float64) @ axes * whole.radius + whole.center.numpy()
            return _frame(inside, axes, lumas[masks[:, column]])

        found = {name: frame_of(column) for column, name in enumerate(names)}
        part = frame_of(len(names)) if any(view.changing is not None for view in views) else None
        frames = {name: frame for name, frame in found.items() if frame is not None}
        return SceneSurface(FusedSurface.of(cells), whole, part or whole, frames, up.double())

    def view(self, camera: Camera, distance: Tensor) -> ViewGeometry:
        """What an editor gets of one view, which need not be one of those that were fused.

        Args:
            camera: in the capture file's frame, with the pixels of the picture that is edited.
            distance: [H, W] along each pixel's ray; 0 or infinite where nothing is.
        """
        height, width = distance.shape
        scale = min(1.0, LOOKUP_SIDE / max(height, width))
        small = camera.resized(max(1, round(width * scale)), max(1, round(height * scale)))
        rows = ((torch.arange(small.lens.height) + 0.5) * height / small.lens.height).long()
        columns = ((torch.arange(small.lens.width) + 0.5) * width / small.lens.width).long()
        surface = SeenSurface.of_distance(small, distance[rows][:, columns])
        valid = surface.valid.flatten().numpy()
        points = self.whole.local(surface.points).view(-1, 3).numpy()
        raw = self.whole.turned(surface.normals).view(-1, 3).numpy()
        normals, (off, hollow, bright) = np.zeros_like(raw), np.zeros((3, len(raw)), np.float32)
        normals[valid], off[valid], hollow[valid], bright[valid] = self.fused.at(points[valid], raw[valid])
        known = torch.from_numpy(np.concatenate([points + off[:, None] * normals, normals, hollow[:, None]], 1))
        known = known.view(small.lens.height, small.lens.width, 7)
        brightness = _enlarged(bright.reshape(surface.valid.shape), (width, height))
        return self._full(camera, distance, known, surface.valid, brightness)

    def write(self, path: Path) -> None:
        """Write it as a file of safetensors.

        Raises:
            Editor3DError: the disk is full.
        """
        names = [*self.frames]
        frames = [self.whole, self.frame, *self.frames.values()]
        numbers = [[*frame.center.tolist(), frame.radius, frame.light] for frame in frames]
        tensors = {
            "points": torch.from_numpy(self.fused.points),
            "normals": torch.from_numpy(self.fused.normals),
            "concavity": torch.from_numpy(self.fused.concavity),
            "brightness": torch.from_numpy(self.fused.brightness),
            "frames": torch.tensor(numbers, dtype=torch.float64),
            "axes": self.whole.axes.contiguous(),
            "up": self.up.contiguous(),
        }
        with replacing(path) as target:
            save_file(tensors, target, metadata={"objects": json.dumps(names)})

    @staticmethod
    def read(path: Path) -> SceneSurface:
        """Read what `write` wrote.

        Raises:
            DataError: the file is damaged.
        """
        try:
            with safe_open(path, "pt") as file:
                kept = {name: file.get_tensor(name) for name in (*_FUSED, "frames", "axes", "up")}
                names = json.loads((file.metadata() or {})["objects"])
            frames = [
                ObjectFrame(row[:3].clone(), kept["axes"], float(row[3]), float(row[4])) for row in kept["frames"]
            ]
            fused = FusedSurface(*(kept[name].numpy() for name in _FUSED))
            return SceneSurface(fused, frames[0], frames[1], dict(zip(names, frames[2:], strict=True)), kept["up"])
        except (SafetensorError, KeyError, ValueError, IndexError) as error:
            raise DataError(
                f"Expected the surface of a scene in {path}, found a damaged file: delete it, it is made again."
            ) from error

    def _full(self, camera: Camera, distance: Tensor, known: Tensor, valid: Tensor, brightness: Tensor) -> ViewGeometry:
        """Carry what is known at fewer pixels over to all: each follows the planes of those that lie on its surface."""
        from editor3d.geometry import planes

        height, width = distance.shape
        directions = (camera.lens.directions().double() @ camera.c2w[:, :3].T).view(height, width, 3)
        seen = distance.isfinite() & (distance > 0)
        far = torch.where(seen, distance.double() / self.whole.radius, torch.zeros((), dtype=torch.float64))
        width_of_pixel = 2.0 * max(height, width) / (camera.lens.fl_x * LOOKUP_SIDE)  # at distance 1, of a small one
        out = np.empty((height, width, 5))
        planes.carry_planes(
            known.double().numpy(),
            valid.numpy(),
            self.whole.turned(directions).double().numpy(),
            far.numpy(),
            self.whole.local(camera.origin).double().numpy(),
            np.array([0.004 + width_of_pixel, _STRAY]),
            out,
        )
        carried = torch.from_numpy(out)
        depth = torch.where(seen, carried[..., 0] * self.whole.radius, torch.inf)
        normals = torch.nn.functional.normalize(carried[..., 1:4], dim=-1)
        corner = 2.0 * self.frame.radius * torch.ones(3, dtype=torch.float64)
        return ViewGeometry(
            origin=camera.origin,
            directions=directions.float(),
            depth=depth,
            region=None,
            low=self.frame.center - corner,
            high=self.frame.center + corner,
            up=self.up,
            normals=(normals @ self.whole.axes).float(),
            concavity=carried[..., 4].float(),
            frame=self.frame,
            frames=self.frames,
            sky=self.sky,
            brightness=brightness,
        )


def _enlarged(values: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Smooth values [h, w], above 0 where they are known, at another (width, height): [H, W] float32."""
    share = cv2.resize((values > 0).astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    total = cv2.resize(values, size, interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(total / np.maximum(share, 1e-6))


def _told(view: SeenView, names: Sequence[str]) -> tuple[np.ndarray, ...]:
    """Points [M, 3], normals [M, 3], weights [M], lumas [M] and masks [M, names + 1] of what a view sees squarely."""
    surface = view.surface
    height, width = surface.distance.shape
    known = (surface.valid & (surface.cosine > 0.1) & ~surface.edges).numpy()

    def fitted(values: Tensor) -> np.ndarray:
        rows = ((torch.arange(height) + 0.5) * values.shape[0] / height).long()
        columns = ((torch.arange(width) + 0.5) * values.shape[1] / width).long()
        return values.cpu()[rows][:, columns].numpy()[known]

    nowhere, everywhere = torch.zeros(height, width, dtype=torch.bool), torch.ones(height, width, dtype=torch.bool)
    changing = everywhere if view.changing is None else view.changing
    masks = [*(view.masks.get(name, nowhere) for name in names), changing]
    luma = fitted(view.picture.float()) @ np.array(_LUMA, np.float32)
    return (
        surface.points.numpy()[known],
        surface.normals.numpy()[known],
        surface.cosine.numpy()[known],
        luma,
        np.stack([fitted(mask) for mask in masks], 1),
    )


def _axes(up: np.ndarray, first: Camera) -> np.ndarray:
    """Rows: right, towards the first camera and up. From straight above, the top of its picture is the far side."""
    back, top = first.c2w[:, 2].numpy(), first.c2w[:, 1].numpy()
    front = back - (back @ up) * up
    if np.linalg.norm(front) < 0.1:
        front = -(top - (top @ up) * up)
    front = front / np.linalg.norm(front)
    return np.stack([np.cross(front, up), front, up])


def _frame(points: np.ndarray, axes: np.ndarray, lumas: np.ndarray) -> ObjectFrame:
    """The frame of points [N, 3]; those far from most of them, a wall behind or stray ones, do not count."""
    center = points.mean(0)
    for _ in range(12):  # the geometric median, by Weiszfeld's iteration
        weight = 1.0 / np.maximum(np.linalg.norm(points - center, axis=1), 1e-12)
        center = (weight[:, None] * points).sum(0) / weight.sum()
    away = np.linalg.norm(points - center, axis=1)
    kept = points[away <= _TRIM * np.median(away)]
    center = kept.mean(0)
    radius = float(np.sqrt(((kept - center) ** 2).sum(1).mean())) or 1.0
    light = float(np.median(lumas)) if len(lumas) else 0.5
    return ObjectFrame(torch.from_numpy(center), torch.from_numpy(axes), radius, min(max(light, 0.05), 0.95))
