"""Apply the effects of the vocabulary to pictures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from editor3d.editors.procedural import coats, colors, materials, scene, styles
from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import mix
from editor3d.editors.procedural.weather import light
from editor3d.editors.procedural.weather.amounts import WEATHER
from editor3d.editors.procedural.weather.autumn import autumn
from editor3d.language.vocabulary import BY_EFFECT, SCENE_CATEGORIES


def _rough(rgb: tuple[float, float, float]) -> Callable[[Tensor], Tensor]:
    """A rough surface of one colour."""
    return partial(materials.matte, stops=colors.dyed(rgb), grain=1.5)


MAPS: dict[str, Callable[[Tensor], Tensor]] = {
    "gold": materials.gold,
    "silver": materials.silver,
    "bronze": materials.bronze,
    "copper": materials.copper,
    "brass": materials.brass,
    "chrome": materials.chrome,
    "steel": materials.steel,
    "rust": materials.rust,
    "marble": materials.marble,
    "stone": materials.stone,
    "clay": materials.clay,
    "porcelain": materials.porcelain,
    "wood": materials.wood,
    "ice": materials.ice,
    "jade": materials.jade,
    "obsidian": materials.obsidian,
    "granite": materials.stone,
    "concrete": materials.stone,
    "masonry": materials.stone,
    "brick": _rough((0.60, 0.27, 0.19)),
    "lava": _rough((0.75, 0.20, 0.05)),
    "oak": materials.wood,
    "walnut": materials.wood,
    "mahogany": materials.wood,
    "polished wood": materials.wood,
    "weathered wood": _rough((0.56, 0.53, 0.49)),
    "weathered bronze": _rough((0.36, 0.58, 0.50)),
    "wool": _rough((0.86, 0.80, 0.68)),
    "leather": _rough((0.47, 0.26, 0.13)),
    "carbon fibre": materials.obsidian,
    "holographic foil": materials.chrome,
    "moss": _rough((0.34, 0.42, 0.12)),
    "night": scene.night,
    "sunset": scene.sunset,
    "dawn": scene.dawn,
    "noon": scene.noon,
    "winter": scene.winter,
    "spring": scene.spring,
    "summer": scene.summer,
    "autumn": scene.autumn,
    "snow": scene.snow,
    "fog": scene.fog,
    "rain": scene.rain,
    "storm": scene.storm,
    "overcast": scene.overcast,
    "sepia": styles.sepia,
    "black and white": styles.black_and_white,
    "film noir": styles.film_noir,
    "vintage": styles.vintage,
    "cyberpunk": styles.cyberpunk,
    "oil painting": styles.oil_painting,
    "watercolor": styles.watercolor,
    "van gogh": styles.van_gogh,
    "pencil sketch": styles.pencil_sketch,
    "comic": styles.comic,
    "negative": styles.negative,
}
"""Effects that are all or nothing; a weak one is mixed with the picture."""

SURFACE_MAPS: dict[str, Callable[[Tensor, Surface], Tensor]] = {
    **coats.MATERIAL_MAPS,
    **{effect: by_amount[""] for effect, by_amount in WEATHER.items()},
    "night": light.night,
    "sunset": light.low_sun,
    "dawn": partial(light.low_sun, sun=light.DAWN),
    "autumn": autumn,
}
"""Effects that follow the surface where it is known: (picture, surface) -> picture. Elsewhere `MAPS` has them."""

_LIGHT = 0.6
"""The strength of a light weather where the surface is not known."""

ADJUSTMENTS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "brighter": colors.brighter,
    "darker": colors.darker,
    "more contrast": colors.more_contrast,
    "less contrast": colors.less_contrast,
    "warmer": colors.warmer,
    "cooler": colors.cooler,
    "more saturated": colors.more_saturated,
    "less saturated": colors.less_saturated,
}
"""Effects that take an amount, 1 being the usual one."""


def apply(effect: str, image: Tensor, strength: float = 1.0, shade: str = "", surface: Surface | None = None) -> Tensor:
    """Apply one effect to a whole picture.

    Args:
        effect: a key of `vocabulary.BY_EFFECT`.
        image: [H, W, 3] float32 in 0..1 on the CPU.
        strength: 1 is the usual one; beyond 1 only exposure goes further.
        shade: of a color: `light`, `dark`, `vivid` or nothing; of weather: see `Step`.
        surface: what the picture shows; None where that is not known.

    Returns:
        [H, W, 3] float32 in 0..1.
    """
    if effect in ADJUSTMENTS:
        return ADJUSTMENTS[effect](image, strength).clamp(0.0, 1.0)
    if BY_EFFECT[effect].category == "color":
        edited = colors.recolor(image, effect, shade)
    elif surface is not None and effect in SURFACE_MAPS:
        edited = _on_surface(effect, image, "heavy" if strength > 1.0 and not shade else shade, surface)
    else:
        edited = MAPS[effect](image)
        if (effect, shade) == ("fog", "heavy"):
            edited = MAPS[effect](edited)
        strength *= _LIGHT if shade == "light" else 1.0
    return mix(image, edited, min(strength, 1.0)).clamp(0.0, 1.0)


def _on_surface(effect: str, image: Tensor, amount: str, surface: Surface) -> Tensor:
    if effect in WEATHER:
        return WEATHER[effect].get(amount, WEATHER[effect][""])(image, surface)
    edited = SURFACE_MAPS[effect](image, surface)
    if BY_EFFECT[effect].category in SCENE_CATEGORIES:  # there is weather where no surface is, too
        return edited
    if bool(surface.known.all()):
        return edited
    return torch.where(surface.known[..., None], edited, MAPS[effect](image))
