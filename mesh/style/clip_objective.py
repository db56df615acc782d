"""Text2Mesh: a style field pulled towards a description under CLIP."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from editor3d.guidance.clip import ClipEncoder, find_encoder
from mesh.render.cameras import Cameras, cameras_at
from mesh.render.render import compose
from mesh.style.clip_loss import clip_loss
from mesh.style.stage import Stage

SIDE = 224
"""Pixels of the sides of the pictures that CLIP is shown."""
_ELEVATION_SPREAD, _AZIMUTH_SPREAD = math.pi / 4, math.pi / 2
_HIGHEST = math.radians(80.0)


class ClipObjective:
    """Pictures from round an anchor view come nearer to the prompt: -cos(mean embedding, text), as `clip_loss` has it.

    The anchor is the training view in which the mesh, as it came, is nearest to the prompt. Each step looks from there
    and from views whose angles are normal round it.

    Raises:
        EditorUnavailableError: no CLIP is on this machine.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.name, self._folder = find_encoder(stage.config.clip)

    def begin(self) -> None:
        stage = self._stage
        self.encoder = ClipEncoder(self._folder, self.name, stage.device)
        (self.text,) = self.encoder.embed_texts([stage.config.prompt])
        with stage.stopwatch.measure("render"):
            scores = self.similarities(stage.train_cameras, styled=False)
        self._anchor = stage.train_cameras.c2ws[int(scores.argmax()), :, 3]

    @torch.no_grad()
    def similarities(self, cameras: Cameras, *, styled: bool, text: Tensor | None = None) -> Tensor:
        """Cosine between each view's picture and a text [D], the prompt by default: [N] on the CPU."""
        pictures = self._stage.styled.pictures(cameras.scaled(SIDE / cameras.side), 1, styled=styled)
        found = [self.encoder.embed_images(picture[None])[0] for picture, _ in pictures]
        return (torch.stack(found) @ (self.text if text is None else text)).cpu()

    def before_step(self, step: int) -> None:
        """Nothing is due: CLIP looks at the mesh within the step."""

    def cameras(self) -> Cameras:
        """The anchor and views round it."""
        stage = self._stage
        count, settings = stage.config.views_per_step, stage.config.views
        azimuth, elevation = angles_of(self._anchor, stage)
        draws = torch.randn(2, count, generator=stage.generator).double().numpy()
        draws[:, 0] = 0.0
        elevations = np.clip(elevation + _ELEVATION_SPREAD * draws[0], -_HIGHEST, _HIGHEST)
        focal = stage.train_cameras.focal
        return cameras_at(azimuth + _AZIMUTH_SPREAD * draws[1], elevations, settings, focal).scaled(
            SIDE / settings.side
        )

    def loss(self, step: int) -> Tensor:
        stage, styled = self._stage, self._stage.styled
        change, displacement = styled.style()
        shading = styled.shading(styled.displaced(displacement), self.cameras())
        pixels = styled.lit(shading, styled.colors(shading, change))
        colored, shaped = compose(shading.hits, pixels, styled.background), None
        if stage.config.style.displacement > 0.0:
            plain = styled.lit(shading, styled.base_looks.at(shading.hits.face, shading.weights))
            shaped = compose(shading.hits, plain, styled.background)
        settings = stage.config.clip_loss
        loss = clip_loss(self.encoder, self.text, colored, shaped, settings, stage.generator)
        if settings.smoothness > 0.0:
            inside = change[styled.inside]
            loss = loss + settings.smoothness * (inside - inside.mean(0)).square().sum(1).mean()
        return loss

    def saved(self) -> None:
        """There is nothing besides the checkpoint."""

    def publish(self, folder: Path) -> None:
        """No picture was edited."""

    def record(self) -> dict[str, Any]:
        return {}

    def metrics(self) -> dict[str, Any]:
        """Similarity to the prompt on held-out views, before and after."""
        stage = self._stage
        cameras = stage.held_out_cameras if len(stage.held_out_cameras) else stage.train_cameras
        return {
            "clip": self.name,
            **{
                f"similarity_{when}": float(self.similarities(cameras, styled=when == "after").mean())
                for when in ("before", "after")
            },
        }

    def state_dict(self) -> dict[str, Any]:
        return {"anchor": torch.from_numpy(self._anchor.copy())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._anchor = state["anchor"].numpy()


def angles_of(position: np.ndarray, stage: Stage) -> tuple[float, float]:
    """Azimuth and elevation, radians, by which `cameras_at` puts a camera in the direction of `position` [3]."""
    settings = stage.config.views
    axes = cameras_at(np.array([0.0, math.pi / 2]), np.zeros(2), settings, 1.0).c2ws[:, :, 3]
    front, aside = (axis / np.linalg.norm(axis) for axis in axes)
    direction = position / np.linalg.norm(position)
    up = np.cross(front, aside)
    return math.atan2(direction @ aside, direction @ front), math.asin(float(np.clip(direction @ up, -1.0, 1.0)))
