"""The plan of an edit by score distillation."""

from __future__ import annotations

from dataclasses import dataclass

from editor3d.plan import Plan


@dataclass(frozen=True, kw_only=True)
class DistillationPlan(Plan):
    """The prompt of a diffusion model, and how closely it is followed."""

    image_guidance_scale: float | None
    """How closely the render of the unedited scene is kept to; None where the guidance does not look at it."""
