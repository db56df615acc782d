"""The shared parts of a styling: the mesh under its field, its views, and the random generators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from editor3d.errors import CheckpointError
from editor3d.host.stopwatch import Stopwatch
from editor3d.regions import parse_region
from editor3d.types import Freeze, Intrinsics, Shape, Split, View
from mesh.io.read import read_mesh
from mesh.model.field import StyleField
from mesh.model.styled import StyledMesh
from mesh.refine import refined
from mesh.render.cameras import Cameras, cameras_round
from mesh.style.config import StyleConfig

LEAST_VERTICES = 10_000
"""Vertices from which colours between them are fine enough; fewer are multiplied where the shape may change."""


@dataclass(frozen=True, eq=False)
class Stage:
    """One styling's mesh and views."""

    config: StyleConfig
    folder: Path
    """The run's."""
    device: str
    styled: StyledMesh
    train_cameras: Cameras
    held_out_cameras: Cameras
    generator: torch.Generator
    """On the CPU; its state is part of a checkpoint."""
    stopwatch: Stopwatch

    @classmethod
    def of(cls, config: StyleConfig, folder: Path, device: str) -> Stage:
        """The stage of a run that has not begun.

        Raises:
            DataError, RegionError: as `styled_mesh`.
        """
        generator = torch.Generator().manual_seed(config.seed)
        styled = styled_mesh(config, generator, device)
        train, held_out = cameras_round(styled.rest.cpu().double().numpy(), config.views)
        return cls(config, folder, device, styled, train, held_out, generator, Stopwatch())


def styled_mesh(config: StyleConfig, generator: torch.Generator, device: str) -> StyledMesh:
    """The mesh of a run under a field that changes nothing yet.

    Raises:
        DataError, RegionError: as `read_mesh` and `StyledMesh.confine`.
    """
    surface = read_mesh(config.mesh)
    if config.style.displacement > 0.0:
        surface = refined(surface, LEAST_VERTICES)
    at_points = config.detail == "points"
    if config.detail == "auto":
        at_points = surface.is_textured or len(surface.vertices) < LEAST_VERTICES
    styled = StyledMesh(
        surface,
        StyleField(config.style, generator),
        config.lights,
        config.background,
        at_points=at_points,
        device=device,
    )
    if config.region:
        region = parse_region(config.region)
        assert isinstance(region, Shape)  # `check` has refused all others
        styled.confine(Freeze(region))
    return styled


def load_field(field: StyleField, state: Mapping[str, Any], path: Path) -> None:
    """Take over a field's parameters from a checkpoint.

    Raises:
        CheckpointError: they are of another kind or size.
    """
    try:
        field.load_state_dict(state["pipeline"])
    except RuntimeError as error:
        raise CheckpointError(
            f"Expected a style field of this run's sizes in {path}, found another ({str(error).splitlines()[-1]}): "
            f"start the run anew."
        ) from error


def views_of(cameras: Cameras, folder: Path, split: Split) -> tuple[View, ...]:
    """Cameras as the views of a capture whose pictures lie in `folder`."""
    center = cameras.side / 2
    lens = Intrinsics(cameras.side, cameras.side, cameras.focal, cameras.focal, center, center)
    names = [f"{'view' if split == 'train' else 'held_out'}_{index:03d}" for index in range(len(cameras))]
    return tuple(
        View(name=name, image_path=folder / f"{name}.png", split=split, c2w=c2w, **vars(lens))
        for name, c2w in zip(names, cameras.c2ws, strict=True)
    )
