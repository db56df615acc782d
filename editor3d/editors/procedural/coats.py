"""What the materials of the vocabulary are on a known surface."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor

from editor3d.editors.procedural.basis.surface import Surface
from editor3d.editors.procedural.basis.tone import mix
from editor3d.editors.procedural.solid import ceramics, crystals, fabrics, masonry, metals, patina, stones, woods
from editor3d.editors.procedural.solid.light import Coat, lit

COATS: dict[str, Callable[[Surface], Coat]] = {
    "gold": partial(metals.metal, look=metals.GOLD),
    "silver": partial(metals.metal, look=metals.SILVER),
    "bronze": partial(metals.metal, look=metals.BRONZE),
    "copper": partial(metals.metal, look=metals.COPPER),
    "brass": partial(metals.metal, look=metals.BRASS),
    "chrome": partial(metals.metal, look=metals.CHROME),
    "steel": partial(metals.metal, look=metals.STEEL),
    "holographic foil": metals.foil,
    "rust": patina.rust,
    "weathered bronze": patina.verdigris,
    "marble": stones.marble,
    "granite": stones.granite,
    "stone": stones.stone,
    "concrete": partial(stones.stone, look=stones.CONCRETE),
    "lava": stones.lava,
    "brick": masonry.brick,
    "masonry": masonry.stone_wall,
    "clay": ceramics.clay,
    "porcelain": ceramics.porcelain,
    "wood": woods.wood,
    "oak": partial(woods.wood, look=woods.OAK),
    "walnut": partial(woods.wood, look=woods.WALNUT),
    "mahogany": partial(woods.wood, look=woods.MAHOGANY),
    "polished wood": partial(woods.wood, look=woods.POLISHED),
    "weathered wood": partial(woods.wood, look=woods.WEATHERED),
    "ice": crystals.ice,
    "jade": crystals.jade,
    "obsidian": crystals.obsidian,
    "wool": fabrics.wool,
    "leather": fabrics.leather,
    "carbon fibre": fabrics.carbon_fibre,
}
"""What each material is, by effect; it replaces what was there."""


def coated(image: Tensor, surface: Surface, coat: Callable[[Surface], Coat]) -> Tensor:
    """A picture [H, W, 3] whose surface is of another material."""
    return lit(image, surface, coat(surface))


def mossy(image: Tensor, surface: Surface) -> Tensor:
    """A picture [H, W, 3] whose surface moss grows over."""
    return mix(image, lit(image, surface, patina.moss(surface)), patina.moss_share(surface))


MATERIAL_MAPS: dict[str, Callable[[Tensor, Surface], Tensor]] = {
    **{effect: partial(coated, coat=coat) for effect, coat in COATS.items()},
    "moss": mossy,
}
"""Materials by effect: (picture, surface) -> picture."""
