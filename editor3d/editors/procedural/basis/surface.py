"""What a map of the surface knows of each pixel, in the frame of the object that it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from editor3d.types import ObjectFrame, Sky, ViewGeometry


@dataclass(frozen=True, eq=False)
class Surface:
    """The surface behind the pixels of a picture, all float32 on the CPU.

    Lengths are shares of the object's radius; the axes are right, towards the first view, and up. A point has the same
    values in every view that sees it, but for `toward` and `footprint`.
    """

    points: Tensor
    """[H, W, 3], about -2..2 on the object; 0 where nothing is."""
    normals: Tensor
    """[H, W, 3], unit vectors out of the surface; 0 where nothing is."""
    toward: Tensor
    """[H, W, 3], unit vectors from the surface to the camera."""
    concavity: Tensor
    """[H, W] in -1..1: above 0 in crevices, below on ridges."""
    footprint: Tensor
    """[H, W], the width of a pixel on the surface, seen squarely: finer patterns would flicker."""
    known: Tensor
    """[H, W] bool: there is a surface, with a normal."""
    light: float
    """Median luma of the object over all views."""
    geometry: ViewGeometry
    """The view's, in the capture file's own frame,"""
    frame: ObjectFrame
    """and the object's."""

    def brightness(self, photo: Callable[[], Tensor]) -> Tensor:
        """[H, W] in 0..1: how bright all views together see each point.

        Args:
            photo: gives the photograph's own luma, smoothed, for where that is not known.
        """
        known = self.geometry.brightness
        if known is None:
            return photo()
        known = known.cpu()
        return known if bool(self.lit.all()) else known.where(self.lit, photo())

    def cut(self, place: tuple[slice, slice]) -> Surface:
        """A part of the picture: its rows and columns."""
        view = self.geometry
        geometry = replace(
            view,
            directions=view.directions[place],
            depth=view.depth[place],
            normals=None if view.normals is None else view.normals[place],
            concavity=None if view.concavity is None else view.concavity[place],
            brightness=None if view.brightness is None else view.brightness[place],
        )
        return replace(
            self,
            points=self.points[place],
            normals=self.normals[place],
            toward=self.toward[place],
            concavity=self.concavity[place],
            footprint=self.footprint[place],
            known=self.known[place],
            geometry=geometry,
        )

    @cached_property
    def lit(self) -> Tensor:
        """[H, W] bool: there is no surface, or all views together say how bright it is."""
        known = self.geometry.brightness
        return ~self.known if known is None else (known.cpu() > 0) | ~self.known

    @cached_property
    def sky(self) -> Tensor:
        """[H, W] in 0..1: the share of the sky over each point that is free; 1 where that is not known."""
        return self._seen(lambda sky, points, normals: sky.share(points, normals))

    def reached(self, toward: Tensor) -> Tensor:
        """[H, W] in 0..1: how freely light from about where `toward` [3] points (along the axes) reaches each point; 1
        where that is not known."""
        light = toward.double() @ self.frame.axes
        return self._seen(lambda sky, points, normals: sky.reached(points, normals, light))

    def _seen(self, look: Callable[[Sky, Tensor, Tensor], Tensor]) -> Tensor:
        view = self.geometry
        if view.sky is None or view.normals is None:
            return torch.ones(self.known.shape)
        return look(view.sky, view.points.cpu(), view.normals.cpu()).where(self.known, torch.ones(()))

    @staticmethod
    def of(geometry: ViewGeometry, frame: ObjectFrame) -> Surface | None:
        """The surface that a view shows; None where the geometry has no normals."""
        if geometry.normals is None or geometry.concavity is None:
            return None
        directions = geometry.directions.cpu()
        normals = frame.turned(geometry.normals.cpu())
        known = geometry.depth.cpu().isfinite() & (normals.square().sum(-1) > 0.25)
        away = torch.where(known, geometry.depth.cpu().float() / frame.radius, torch.zeros(()))
        toward = -frame.turned(directions)
        eye = frame.local(geometry.origin.cpu())
        points = torch.where(known[..., None], eye - away[..., None] * toward, torch.zeros(()))
        step = (directions[:, 1:] - directions[:, :-1]).norm(dim=-1)
        step = torch.cat([step, step[:, -1:]], 1)
        return Surface(
            points, normals, toward, geometry.concavity.cpu(), away * step, known, frame.light, geometry, frame
        )
