"""Priors that guide a scene by gradients, by name. Imports neither torch nor any model until one is created.

guidance = create_guidance("sds")
guidance = create_guidance("ip2p-sds:/models/instruct-pix2pix", device="cuda", half_precision=True)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from editor3d.editors.weights import HUB_MODELS, IP2P_HUB_ID
from editor3d.errors import ConfigError
from editor3d.registry import load_target
from editor3d.types import Guidance, GuidanceInfo

SD_HUB_ID = "stable-diffusion-v1-5/stable-diffusion-v1-5"


@dataclass(frozen=True)
class GuidanceEntry:
    """One guidance as the registry knows it, before anything of it is imported."""

    info: GuidanceInfo
    target: str
    """`module:callable` that returns the guidance; takes a source and the options of `create_guidance`."""
    hub_id: str = ""
    """The weights that it loads unless told otherwise, as `org/name`."""


def _entry(name: str, summary: str, hub_id: str, target: str, **capabilities: Any) -> GuidanceEntry:
    known = HUB_MODELS[hub_id]
    return GuidanceEntry(
        GuidanceInfo(name, summary, known.license, download=known.download, **capabilities), target, hub_id
    )


GUIDANCES: dict[str, GuidanceEntry] = {
    entry.info.name: entry
    for entry in (
        _entry(
            "sds",
            "Score distillation (DreamFusion, Vox-E) from a text-to-image model: takes a description of the result",
            SD_HUB_ID,
            "editor3d.guidance.sds:create",
        ),
        _entry(
            "ip2p-sds",
            "Score distillation from InstructPix2Pix (Instruct 3D-to-3D): takes an instruction",
            IP2P_HUB_ID,
            "editor3d.guidance.ip2p_sds:create",
            needs_sources=True,
        ),
    )
}


def create_guidance(spec: str, *, device: str = "cpu", half_precision: bool = False, **settings: Any) -> Guidance:
    """Create a guidance; no weights are loaded before it is used.

    Args:
        spec: `name` or `name:argument`, where the argument is a diffusers folder or a hub id.
        device: where the model runs, as torch names it ("cpu", "cuda", "cuda:1").
        half_precision: run it in 16 bits.
        settings: of the guidance itself, such as `guidance_scale` and `schedule`.

    Raises:
        ConfigError: unknown name, or options that do not fit.
    """
    name, colon, argument = spec.partition(":")
    if name not in GUIDANCES:
        raise ConfigError(f"There is no guidance '{name}'; choose one of: {', '.join(GUIDANCES)}.")
    if colon and not argument:
        raise ConfigError(
            f"'{spec}' ends after the colon; say '{name}' or '{name}:' and a diffusers folder or a hub id."
        )
    return load_target(GUIDANCES[name].target)(argument, device=device, half_precision=half_precision, **settings)
