"""The procedural editor: reads the instruction, applies the maps, keeps to the masks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor

from editor3d.datasets.views.images import united
from editor3d.editors import EDITORS
from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import mix
from editor3d.editors.procedural.coats import MATERIAL_MAPS
from editor3d.editors.procedural.effects import SURFACE_MAPS, apply
from editor3d.editors.procedural.parse import Step, parse
from editor3d.types import EditorInfo, EditRequest, ViewGeometry

_FEATHER = 1.2
"""Pixels inside an object's border over which the edit sets in: a mask's outermost pixels show the object over five
sixths of them on average, and get as much of the edit. With less, parts of a scene that borders show would have to keep
the old colour from one side and the new one from another."""

_MARGIN = 2
"""Pixels round an object that its relief is found from, too."""

_SNOW_AT_NIGHT = 0.5
"""The strength of snow that a night follows, where the surface is not known."""


class ProceduralEditor:
    """Applies a documented vocabulary to the condition picture: same picture and instruction, same result.

    Every map is local: an output pixel depends on a small neighborhood of its input pixel, on the surface there where
    the effect follows it (`effects.SURFACE_MAPS`), and on nothing else, so that one surface point changes alike in
    every view.
    """

    @property
    def info(self) -> EditorInfo:
        return EDITORS["procedural"].info

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """Parse the instruction; see `parse`.

        Raises:
            InstructionError: empty, or not wholly understood; the text lists what is.
        """
        parse(instruction, objects)

    def edited_objects(self, instruction: str, objects: Collection[str]) -> tuple[str, ...]:
        """See `ObjectEditor`.

        Raises:
            InstructionError: as for `validate`.
        """
        return targets(parse(instruction, objects))

    def follows_surface(self, instruction: str, objects: Collection[str]) -> bool:
        """See `SurfaceEditor`.

        Raises:
            InstructionError: as for `validate`.
        """
        return any(step.effect in SURFACE_MAPS for step in parse(instruction, objects))

    def edit(self, request: EditRequest) -> Tensor:
        """Edit `request.condition`.

        Returns:
            [H, W, 3] float32 in 0..1 on the condition's device; bit-equal to the condition outside the named objects.

        Raises:
            InstructionError: as for `validate`.
        """
        image = request.condition.detach().to("cpu", torch.float32).contiguous()
        steps = parse(request.instruction, request.objects)
        for step in steps if request.geometry is not None else _without_surface(steps):
            image = _apply_step(image, step, request.objects, request.geometry)
        return image.to(request.condition.device)


def _without_surface(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps for a picture whose surface is not known: snow that a night follows covers less.

    There snow is a hard threshold of what is light and what is dark, and a night would make a negative of it.
    """
    nights = [place for place, step in enumerate(steps) if step.effect == "night"]
    return tuple(
        replace(step, strength=min(step.strength, _SNOW_AT_NIGHT))
        if step.effect == "snow" and nights and place < nights[-1]
        else step
        for place, step in enumerate(steps)
    )


def targets(steps: tuple[Step, ...]) -> tuple[str, ...]:
    """The objects that the steps edit; none where one of them edits the whole picture."""
    if any(not step.targets for step in steps):
        return ()
    return tuple(dict.fromkeys(name for step in steps for name in step.targets))


def edited_region(steps: tuple[Step, ...], objects: Mapping[str, Tensor]) -> Tensor | None:
    """Where the steps edit, [H, W] on the CPU; None where that is the whole picture."""
    if any(not step.targets for step in steps):
        spared = united(objects, next(step.spared for step in steps if not step.targets))
        return None if spared is None else ~spared
    return united(objects, targets(steps))


def _apply_step(
    image: Tensor, step: Step, objects: Mapping[str, Tensor], geometry: ViewGeometry | None = None
) -> Tensor:
    if step.effect not in SURFACE_MAPS or geometry is None or geometry.frame is None:
        mask = _where(step, objects)
        if mask is None:
            return apply(step.effect, image, step.strength, step.shade)
        if not mask.any():
            return image
        edited = apply(step.effect, image, step.strength, step.shade)
        return blend_inside(image, edited, mask)
    if not step.targets:
        surface = Surface.of(geometry, geometry.frame)
        edited, mask = apply(step.effect, image, step.strength, step.shade, surface), _where(step, objects)
        return edited if mask is None else blend_inside(image, edited, mask)
    for name in step.targets:  # each in a frame of its own
        mask = objects[name].cpu()
        if mask.any():
            surface = Surface.of(geometry, geometry.frames.get(name, geometry.frame))
            edited = _changed(image, step, surface, mask)
            image = blend_inside(image, edited, mask)
    return image


def _changed(image: Tensor, step: Step, surface: Surface | None, mask: Tensor) -> Tensor:
    """The picture [H, W, 3] with a step's effect where a mask [H, W] is; elsewhere it may have it or not.

    A material is a map of surface points alone where their light is known: it is found for the part of the picture that
    holds the mask.
    """
    if surface is None or step.effect not in MATERIAL_MAPS or not bool(surface.lit[mask].all()):
        return apply(step.effect, image, step.strength, step.shade, surface)
    place, edited = _around(mask), image.clone()
    edited[place] = apply(step.effect, image[place], step.strength, step.shade, surface.cut(place))
    unknown = mask & ~surface.known
    if bool(unknown.any()):
        edited[unknown] = apply(step.effect, image, step.strength, step.shade)[unknown]
    return edited


def _around(mask: Tensor) -> tuple[slice, slice]:
    """The rows and columns that hold a mask [H, W], not empty, and those of its neighbours."""
    rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]

    def grown(places: Tensor) -> slice:
        return slice(max(0, int(places[0]) - _MARGIN), int(places[-1]) + 1 + _MARGIN)

    return grown(rows), grown(columns)


def _where(step: Step, objects: Mapping[str, Tensor]) -> Tensor | None:
    """Where a step may change the picture, [H, W] bool on the CPU; None is everywhere."""
    mask, spared = united(objects, step.targets), united(objects, step.spared)
    if spared is None:
        return mask
    return ~spared if mask is None else mask & ~spared


def blend_inside(image: Tensor, edited: Tensor, mask: Tensor) -> Tensor:
    """`edited` inside a mask, feathered toward the inside only; `image`, bit by bit, outside.

    Args:
        image: [H, W, 3].
        edited: [H, W, 3].
        mask: [H, W] bool.
    """
    distance = cv2.distanceTransform(mask.numpy().astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    weight = torch.from_numpy(distance / _FEATHER).clamp(0.0, 1.0)
    return torch.where(mask.unsqueeze(-1), mix(image, edited, weight), image)
