"""The parts of a styling by a few edited views: what each view sees of the mesh, exactly."""

from __future__ import annotations

import torch

from editor3d.geometry.coverage import CHOOSING_SIDE, Keys, choose_keys
from editor3d.geometry.surface import SURFACE_SIDE, SeenSurface
from editor3d.plan import KeyPlan
from editor3d.update.keys.updater import KeyParts
from editor3d.update.keys.warped import WarpPropagator
from mesh.style.stage import Stage
from mesh.style.surface import seen_surface


def key_parts(stage: Stage, plan: KeyPlan) -> KeyParts:
    """The parts of an update by keys; the surface is that of the mesh as it is displaced now."""
    styled, cameras = stage.styled, stage.train_cameras

    @torch.no_grad()
    def surface(index: int) -> SeenSurface:
        moved = stage.config.style.displacement > 0.0
        vertices = styled.displaced(styled.all_style()[1]) if moved else styled.rest
        return seen_surface(styled, vertices, cameras[[index]].scaled(min(1.0, SURFACE_SIDE / cameras.side)))

    propagator = WarpPropagator(surface)

    def choose(share: float, most: int) -> Keys:
        surfaces = [propagator.surface(index).reduced(CHOOSING_SIDE) for index in range(len(cameras))]
        return choose_keys(surfaces, share, most)

    return KeyParts(plan, stage.folder, propagator, choose)
