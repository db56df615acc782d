"""The training texts of the small models: instructions in many wordings, and captions before and after an edit.

Every instruction means to the procedural editor exactly the effect that it is drawn for; a test holds them to that.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Effect:
    """One effect of the procedural vocabulary as the training data uses it."""

    name: str
    """A key of `editor3d.language.vocabulary.BY_EFFECT`."""
    weight: float
    """How often whole pictures get it, relative to the others."""
    nouns: tuple[str, ...] = ()
    """Words that go with "turn it into …"."""
    adjectives: tuple[str, ...] = ()
    """Words that go with "make it …"."""
    sentences: tuple[str, ...] = ()
    """Whole instructions besides the templates'."""
    captions: tuple[str, ...] = field(default=("{} ",))
    """Captions of a picture with this effect; the braces hold what it shows."""
    object_weight: float = 0.0
    """How often a single object gets it."""


def _scene(name: str, weight: float, nouns: str, adjectives: str, captions: str, sentences: str = "") -> Effect:
    return Effect(name, weight, _split(nouns), _split(adjectives), _split(sentences), _split(captions))


def _surface(name: str, weight: float, object_weight: float, words: str, captions: str = "") -> Effect:
    captions = captions or f"{{}} in {name}, a picture of {{}} made of {name}"
    return Effect(name, weight, (), _split(words), (), _split(captions), object_weight)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(", ") if part)


SCENES: tuple[Effect, ...] = (
    _scene("night", 3, "night, midnight, nighttime", "moonlit, nocturnal", "{} at night, a night picture of {}"),
    _scene("sunset", 3, "sunset, dusk, evening", "", "{} at sunset, {} in evening light"),
    _scene("dawn", 1.2, "dawn, sunrise", "", "{} at dawn, {} at sunrise"),
    _scene("winter", 3, "winter", "wintry, frosty", "{} in winter, a winter picture of {}"),
    _scene("autumn", 3, "autumn, fall", "autumnal", "{} in autumn, an autumn picture of {}"),
    _scene("summer", 0.8, "summer", "summery", "{} in summer"),
    _scene("spring", 0.8, "spring, springtime", "", "{} in spring"),
    _scene("noon", 0.8, "noon, midday", "sunny", "{} at noon, {} in sunlight"),
    _scene("snow", 3, "", "snowy, snow covered", "{} in the snow, {} covered by snow",
           "make it snow, add snow, cover it in snow, let it snow, make it look like it snowed"),
    _scene("fog", 2, "", "foggy, misty, hazy", "{} in fog, a foggy picture of {}", "add fog, add mist, put it in fog"),
    _scene("rain", 2, "", "rainy", "{} in the rain, a rainy picture of {}", "make it rain, add rain, let it rain"),
    _scene("storm", 2, "", "stormy", "{} in a storm, a stormy picture of {}", "add a storm, add a thunderstorm"),
    _scene("overcast", 1, "", "overcast, cloudy, gloomy", "{} under clouds", "add clouds"),
    _scene("sepia", 2.5, "", "sepia", "a sepia picture of {}",
           "turn it to sepia, make it a sepia photo, apply a sepia filter"),
    _scene("black and white", 2.5, "", "black and white, monochrome, grayscale", "a black and white picture of {}",
           "turn it into a black and white photo, make it a black and white picture"),
    _scene("film noir", 1, "", "", "a film noir picture of {}",
           "make it film noir, turn it into film noir, in the style of film noir"),
    _scene("vintage", 1, "", "vintage, faded, retro", "a vintage picture of {}",
           "make it look like an old photo, turn it into an old photo"),
    _scene("cyberpunk", 2, "", "cyberpunk", "{} in cyberpunk style",
           "turn it into cyberpunk, make it look like cyberpunk, add neon lights"),
    _scene("pencil sketch", 1.5, "", "", "a pencil sketch of {}",
           "turn it into a pencil sketch, make it a pencil drawing, "
           "make it look like a pencil sketch, turn it into a sketch"),
    _scene("negative", 2, "", "negative, inverted", "a negative of {}",
           "turn it into a negative, invert it, make it a photo negative"),
    _scene("brighter", 1, "", "brighter", "a bright picture of {}", "brighten it, make the picture brighter"),
    _scene("darker", 1, "", "darker", "a dark picture of {}", "darken it, make the picture darker"),
    _scene("warmer", 1, "", "warmer", "{} in warm colors", "make the colors warmer"),
    _scene("cooler", 1, "", "cooler, colder", "{} in cold colors", "make the colors cooler"),
    _scene("more contrast", 0.6, "", "", "{} in high contrast", "add contrast, more contrast, increase the contrast"),
    _scene("less contrast", 0.6, "", "", "{} in low contrast", "less contrast, reduce the contrast"),
    _scene("more saturated", 0.6, "", "more saturated, more colorful, vivid", "a vivid picture of {}", ""),
    _scene("less saturated", 0.6, "", "less saturated, muted", "a muted picture of {}", ""),
)  # fmt: skip
"""Effects of light, season, weather, style and exposure: whole pictures only."""

SURFACES: tuple[Effect, ...] = (
    _surface("gold", 2, 3, "gold, golden"),
    _surface("silver", 1, 1, "silver"),
    _surface("bronze", 2, 2, "bronze"),
    _surface("copper", 1, 1, "copper"),
    _surface("marble", 1, 1, "marble"),
    _surface("jade", 1, 1, "jade"),
    _surface("ice", 1, 1, "ice, icy"),
    _surface("wood", 0.6, 0.6, "wood, wooden"),
    _surface("stone", 0.6, 0.6, "stone"),
    _surface("red", 1, 3, "red, crimson", "{} in red"),
    _surface("green", 1, 2, "green", "{} in green"),
    _surface("blue", 1, 3, "blue", "{} in blue"),
    _surface("yellow", 0.5, 2, "yellow", "{} in yellow"),
    _surface("orange", 0.5, 1, "orange", "{} in orange"),
    _surface("purple", 0.8, 2, "purple, violet", "{} in purple"),
    _surface("pink", 0.5, 2, "pink", "{} in pink"),
    _surface("white", 0.3, 1, "white", "{} in white"),
    _surface("black", 0.3, 1, "black", "{} in black"),
)
"""Colours and materials: whole pictures and single objects."""

EFFECTS: dict[str, Effect] = {effect.name: effect for effect in (*SCENES, *SURFACES)}
COLOR_NAMES = frozenset(["red", "green", "blue", "yellow", "orange", "purple", "pink", "white", "black"])

_NOUN_TEMPLATES = (
    "make it {}",
    "make it look like {}",
    "turn it into {}",
    "turn the scene into {}",
    "make the scene look like {}",
    "make the picture look like {}",
    "change it to {}",
    "as if it were {}",
    "it should look like {}",
    "give me {}",
    "{}",
)
_ADJECTIVE_TEMPLATES = (
    "make it {}",
    "make it look {}",
    "turn it {}",
    "make the scene {}",
    "make the picture {}",
    "make everything {}",
    "it should be {}",
    "make the whole scene {}",
    "{}",
)
_OBJECT_TEMPLATES = (
    "make the {} {}",
    "turn the {} {}",
    "make the {} look {}",
    "the {} should be {}",
    "change the {} to {}",
    "let the {} be {}",
)
_PAINT_TEMPLATES = ("paint the {} {}", "color the {} {}", "dye the {} {}")
_INTO_TEMPLATES = ("turn the {} into {}", "make the {} of {}", "make the {} out of {}")
_OBJECT_CAPTIONS = ("a {1} {0}", "a picture of a {1} {0}", "the {0} is {1}")


def instructions(effect: Effect, name: str = "") -> tuple[str, ...]:
    """Every wording of an effect.

    Args:
        effect: of `EFFECTS`.
        name: the object that it is about; empty is the whole picture.
    """
    if not name:
        texts = [template.format(word) for word in effect.nouns for template in _NOUN_TEMPLATES]
        texts += [template.format(word) for word in effect.adjectives for template in _ADJECTIVE_TEMPLATES]
        if effect.object_weight and effect.name not in COLOR_NAMES:
            texts += [f"turn it into {effect.name}", f"turn everything into {effect.name}"]
        return (*dict.fromkeys(texts), *effect.sentences)
    templates = [*_OBJECT_TEMPLATES]
    texts = [template.format(name, word) for word in effect.adjectives for template in templates]
    extra = _PAINT_TEMPLATES if effect.name in COLOR_NAMES else _INTO_TEMPLATES
    return (*texts, *(template.format(name, effect.name) for template in extra))


def draw_scene_effect(rng: np.random.Generator) -> Effect:
    """An effect for a whole picture."""
    return _draw(rng, tuple(EFFECTS.values()), [effect.weight for effect in EFFECTS.values()])


def draw_object_effect(rng: np.random.Generator) -> Effect:
    """An effect for one object."""
    return _draw(rng, SURFACES, [effect.object_weight for effect in SURFACES])


def draw_instruction(rng: np.random.Generator, effect: Effect, name: str = "") -> str:
    """One wording, as `instructions`."""
    texts = instructions(effect, name)
    return texts[int(rng.integers(len(texts)))]


def draw_caption(rng: np.random.Generator, effect: Effect | None, content: str, name: str = "") -> str:
    """A caption of a picture after an edit; of the picture as it was where `effect` is None.

    Args:
        rng: chooses the wording.
        effect: what was done to it.
        content: what it shows ("a teapot and a ball").
        name: the object that was edited; empty is the whole picture.
    """
    if effect is None:
        return str(rng.choice(["a picture of {}", "a photo of {}", "{}"])).format(content)
    if name:
        word = effect.adjectives[int(rng.integers(len(effect.adjectives)))]
        return _OBJECT_CAPTIONS[int(rng.integers(len(_OBJECT_CAPTIONS)))].format(name, word)
    return effect.captions[int(rng.integers(len(effect.captions)))].format(content)


def _draw(rng: np.random.Generator, effects: tuple[Effect, ...], weights: list[float]) -> Effect:
    share = np.array(weights) / sum(weights)
    return effects[int(rng.choice(len(effects), p=share))]
