"""Priors that guide a scene by gradients, by name. Imports neither torch nor any model until one is created.

guidance = create_guidance("sds")
guidance = create_guidance("ip2p-sds:/models/instruct-pix2pix", device="cuda", half_precision=True)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from editor3d.diffusion.weights import HUB_MODELS, IP2P_HUB_ID, PACKAGED, find_weights, how_to_get
from editor3d.errors import ConfigError, EditorUnavailableError
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
    """The weights that it loads by default, as `org/name`."""
    scale: float = 7.5
    """The (text) guidance scale that it is usually run at."""
    image_scale: float = 1.5
    """The image guidance scale, where it takes an image."""
    sides: tuple[int, int] = (512, 512)
    """Pixels that the shorter and the longer side of a picture have at most where the model works as it was trained."""
    knows_views: bool = True
    """Was trained on texts that may tell the side from which something is shown."""


def _entry(name: str, summary: str, hub_id: str, target: str, scale: float, **capabilities: Any) -> GuidanceEntry:
    known = HUB_MODELS[hub_id]
    info = GuidanceInfo(name, summary, known.license, download=known.download, **capabilities)
    return GuidanceEntry(info, target, hub_id, scale)


def _small(name: str, summary: str, target: str, scale: float, **capabilities: Any) -> GuidanceEntry:
    """A model that this project trains, on changes of colour. It draws 64 x 64 pixels, and up to twice as wide."""
    info = GuidanceInfo(name, summary, "Apache-2.0", keeps_shape=True, **capabilities)
    return GuidanceEntry(info, target, f"{PACKAGED}/{name}", scale, 1.0, sides=(64, 128), knows_views=False)


GUIDANCES: dict[str, GuidanceEntry] = {
    entry.info.name: entry
    for entry in (
        _entry(
            "sds",
            "Score distillation (DreamFusion, Vox-E) from a text-to-image model: takes a description of the result",
            SD_HUB_ID,
            "editor3d.guidance.sds:create",
            100.0,
        ),
        _entry(
            "ip2p-sds",
            "Score distillation from InstructPix2Pix (Instruct 3D-to-3D): takes an instruction",
            IP2P_HUB_ID,
            "editor3d.guidance.ip2p_sds:create",
            7.5,
            needs_sources=True,
        ),
        _small(
            "tiny-t2i",
            "Score distillation from the small text-to-image model, trained on this machine",
            "editor3d.guidance.tiny:create_generator",
            7.5,
        ),
        _small(
            "tiny-ip2p",
            "Score distillation from the small InstructPix2Pix, trained on this machine",
            "editor3d.guidance.tiny:create_editor",
            1.2,
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
    entry = guidance_entry(spec)
    argument = spec.partition(":")[2]
    return load_target(entry.target)(argument, device=device, half_precision=half_precision, **settings)


def guidance_entry(spec: str) -> GuidanceEntry:
    """What the registry knows of `name` or `name:argument`.

    Raises:
        ConfigError: unknown name, or a colon without an argument.
    """
    name, colon, argument = spec.partition(":")
    if name not in GUIDANCES:
        raise ConfigError(f"There is no guidance '{name}'; choose one of: {', '.join(GUIDANCES)}.")
    if colon and not argument:
        raise ConfigError(
            f"'{spec}' ends after the colon; write '{name}' or '{name}:' and a diffusers folder or a hub id."
        )
    return GUIDANCES[name]


def resolve_auto_guidance(names: Sequence[str]) -> tuple[str, str]:
    """The first of `names` whose weights are on this machine, and the reason in words.

    Raises:
        EditorUnavailableError: there is none; the text says how to get the last one's.
    """
    for name in names:
        if find_weights(GUIDANCES[name].hub_id) is not None:
            return name, "the first of " + ", ".join(names) + " whose weights are on this machine"
    last = GUIDANCES[names[-1]]
    raise EditorUnavailableError(
        f"Expected weights of one of {', '.join(names)} on this machine, found none: {how_to_get(last.hub_id)}, as "
        f"{last.info.name}:FOLDER."
    )
