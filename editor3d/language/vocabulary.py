"""The words the procedural editor understands. Plain data: imports no torch.

A `Term` is one effect with every way of saying it; the first way is the documented one. The other sets hold the
words that shape a sentence without asking for an effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Category = Literal["color", "material", "time", "season", "weather", "style", "exposure"]

SCENE_CATEGORIES: frozenset[Category] = frozenset({"time", "season", "weather"})
"""Effects of the whole scene, unless the sentence names an object outright."""


@dataclass(frozen=True)
class Term:
    """One effect and the ways of saying it."""

    effect: str
    category: Category
    words: tuple[str, ...]
    """Phrases in lower case, without hyphens; the first is the documented one."""
    opposite: str = ""
    """The effect that "less …" asks for; empty where "less …" has no meaning."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _terms(category: Category, table: dict[str, str]) -> tuple[Term, ...]:
    return tuple(Term(effect, category, tuple(words.split(", "))) for effect, words in table.items())


TERMS: tuple[Term, ...] = (
    *_terms(
        "color",
        {
            "red": "red, crimson, scarlet, ruby red, reddish",
            "orange": "orange, tangerine",
            "yellow": "yellow, lemon yellow, mustard yellow, yellowish",
            "green": "green, emerald green, greenish",
            "blue": "blue, cobalt blue, royal blue, bluish",
            "purple": "purple, violet, lilac, lavender, indigo",
            "pink": "pink, rose pink, salmon",
            "brown": "brown, chocolate brown, chestnut",
            "black": "black, pitch black, jet black",
            "white": "white, snow white, pure white",
            "gray": "grey, gray, silver gray, silver grey",
            "turquoise": "turquoise, cyan, aqua, teal",
            "magenta": "magenta, fuchsia",
            "beige": "beige, cream, ivory, tan",
            "sky blue": "sky blue, baby blue",
            "navy": "navy, navy blue, midnight blue",
            "lime": "lime, lime green",
            "olive": "olive, olive green",
            "maroon": "maroon, burgundy, wine red",
        },
    ),
    *_terms(
        "material",
        {
            "gold": "gold, golden, gilded, gild",
            "silver": "silver, silvery",
            "bronze": "bronze, bronzed",
            "copper": "copper, coppery",
            "brass": "brass, brassy",
            "chrome": "chrome, chromed, chromium, mirror",
            "steel": "steel, stainless steel, iron, cast iron, metal, metallic, aluminium, aluminum",
            "rust": "rust, rusty, rusted, rusted metal, rusty metal, rusty iron",
            "marble": "marble",
            "stone": "stone, rock, limestone, sandstone",
            "granite": "granite",
            "concrete": "concrete, cement",
            "lava": "lava, molten lava, magma",
            "brick": "brick, bricks, red brick, brick wall",
            "masonry": "masonry, stone masonry, stone wall, stone blocks",
            "clay": "clay, terracotta, terra cotta, earthenware",
            "porcelain": "porcelain, china, ceramic",
            "wood": "wood, wooden",
            "oak": "oak",
            "walnut": "walnut",
            "mahogany": "mahogany",
            "polished wood": "polished wood, polished oak, polished walnut, varnished wood, lacquered wood",
            "weathered wood": "weathered wood, weathered oak, driftwood",
            "ice": "ice, icy, frozen, freeze",
            "jade": "jade",
            "obsidian": "obsidian, onyx, black glass",
            "weathered bronze": "weathered bronze, weathered copper, aged bronze, oxidised copper, oxidized copper, "
            "verdigris, patina",
            "wool": "wool, woolen, woollen, knitted wool, knitted, knit",
            "leather": "leather",
            "carbon fibre": "carbon fibre, carbon fiber",
            "holographic foil": "holographic foil, holographic, iridescent foil, iridescent",
            "moss": "moss, mossy, moss covered, moss grown",
        },
    ),
    *_terms(
        "time",
        {
            "night": "night, nighttime, night time, midnight, moonlight, moonlit, silver moonlight, nocturnal",
            "sunset": "sunset, dusk, sundown, golden hour, golden light, twilight, evening",
            "dawn": "dawn, sunrise, daybreak, early morning, morning",
            "noon": "noon, midday, daylight, daytime, day, sunny, sunlit, sunshine, sunlight",
        },
    ),
    *_terms(
        "season",
        {
            "winter": "winter, winter wonderland, wintry, wintery, wintertime, winter time, frost, frosty, frosted",
            "spring": "spring, springtime, spring time",
            "summer": "summer, summery, summertime, summer time",
            "autumn": "autumn, fall, autumnal, autumn leaves, fall leaves, fall colors, autumn colors, "
            "fall colours, autumn colours, golden autumn, indian summer",
        },
    ),
    *_terms(
        "weather",
        {
            "snow": "snow, snows, snowy, snowing, snowed, snowfall, snow fall, snow covered, snowstorm, falling snow, "
            "fall of snow, snow fell, blizzard",
            "fog": "fog, foggy, mist, misty, haze, hazy",
            "rain": "rain, rains, rainy, raining, rained, rainfall, wet, drizzle",
            "storm": "storm, stormy, thunderstorm, thunder storm",
            "overcast": "overcast, cloudy, clouds, gloomy",
        },
    ),
    *_terms(
        "style",
        {
            "sepia": "sepia",
            "black and white": "black and white, black white, monochrome, greyscale, grayscale, bw, b w",
            "film noir": "film noir, noir",
            "vintage": "vintage, faded, retro, old photo, old photograph, old picture, old film, old movie, polaroid",
            "cyberpunk": "cyberpunk, cyber punk, neon, neon lights, synthwave, vaporwave",
            "oil painting": "oil painting, oil paint, oils, painting, impressionist painting",
            "watercolor": "watercolour, watercolor, water colour, water color, aquarelle",
            "van gogh": "van gogh, vincent van gogh, gogh, starry night, post impressionist",
            "pencil sketch": "pencil sketch, pencil drawing, pencil, sketch, drawing, charcoal, "
            "charcoal drawing, graphite, black and white drawing, black and white sketch",
            "comic": "comic, comic book, comic strip, cartoon, cartoon drawing, comic drawing, cel shaded, "
            "cel shading, manga",
            "negative": "negative, inverted, invert, photo negative, film negative",
        },
    ),
    Term(
        "brighter",
        "exposure",
        ("brighter", "bright", "brighten", "brightness", "lighter", "light", "lighten"),
        "darker",
    ),
    Term("darker", "exposure", ("darker", "dark", "darken", "darkness", "dim", "dimmer"), "brighter"),
    Term("more contrast", "exposure", ("contrast", "contrasty", "contrasted", "punchy", "punchier"), "less contrast"),
    Term("less contrast", "exposure", ("low contrast", "flatter", "flat"), "more contrast"),
    Term("warmer", "exposure", ("warmer", "warm", "warmth"), "cooler"),
    Term("cooler", "exposure", ("cooler", "cool", "colder", "cold", "chilly", "ice cold", "icy cold"), "warmer"),
    Term(
        "more saturated",
        "exposure",
        ("saturated", "saturation", "saturate", "colorful", "colourful", "vivid", "vibrant", "vibrance"),
        "less saturated",
    ),
    Term("less saturated", "exposure", ("desaturated", "desaturate", "muted", "pale", "pastel"), "more saturated"),
)

COVERINGS: frozenset[str] = frozenset({"moss"})
"""Effects that lie on what else a clause makes: "a moss covered stone" is stone first."""

BY_EFFECT: dict[str, Term] = {term.effect: term for term in TERMS}
BY_PHRASE: dict[tuple[str, ...], Term] = {tuple(phrase.split()): term for term in TERMS for phrase in term.words}

SHADES: dict[str, str] = {
    "light": "light",
    "pale": "light",
    "pastel": "light",
    "dark": "dark",
    "deep": "dark",
    "bright": "vivid",
    "vivid": "vivid",
    "neon": "vivid",
}
"""Words that shade the color right after them ("light green")."""

AMOUNTS: dict[str, str] = {
    "light": "light",
    "thin": "light",
    "slight": "light",
    "heavy": "heavy",
    "thick": "heavy",
    "dense": "heavy",
    "deep": "heavy",
    "pouring": "heavy",
    "falling": "falling",
}
"""Words that say how much weather there is, right before it ("heavy fog")."""

AMOUNT_PHRASES: dict[tuple[str, ...], tuple[str, str]] = {
    tuple(phrase.split()): (effect, amount)
    for (effect, amount), phrases in {
        ("snow", "light"): "dusting of snow, thin layer of snow, some snow, snow lightly",
        ("snow", "heavy"): "blanket of snow, thick layer of snow, snow heavily",
        ("snow", "falling"): "falling snow, snow falling, snow is falling, snow falls, snowfall, snow fall, "
        "fall of snow, snowing, snowstorm, snow storm, blizzard, snowflakes, flakes of snow",
        ("fog", "light"): "haze, hazy",
        ("rain", "light"): "drizzle, drizzling",
        ("rain", "heavy"): "downpour, cloudburst, rain heavily, raining heavily, pouring",
        ("rain", "after"): "wet after rain, wet after the rain, wet from rain, wet from the rain, after rain, "
        "after the rain, wet, rained, puddles, puddles of rain",
    }.items()
    for phrase in phrases.split(", ")
}
"""Phrases that say a weather and how much of it."""

STRENGTHS: dict[tuple[str, ...], float] = {
    tuple(phrase.split()): strength
    for strength, phrases in {
        0.5: "slightly, subtly, subtle, somewhat, a bit, a little bit, a little, a touch, a tad, mildly",
        1.6: "much, very, a lot, lots of, really, far, way, extremely, strongly, heavily, significantly, way too",
    }.items()
    for phrase in phrases.split(", ")
}
"""How strongly, as a factor; effects other than exposure know only full strength and less."""

MORE = _words("more increase increased increasing raise raised boost boosted add added adding extra even up")
LESS = _words("less decrease decreased decreasing reduce reduced reducing lower lowered lowering down")

NEGATIONS = _words(
    "not no never without dont cannot cant nothing none neither nor avoid except excluding unless instead rather stop "
    "isnt doesnt wont undo remove delete erase"
)
"""A sentence with one of these asks for something other than an effect."""

BOUNDARIES = frozenset(["and", "then", "also", "plus", "but", "while", ",", ";", ".", "!", "?", ":"])
"""What ends a clause; phrases of the vocabulary that hold one ("black and white") are found first."""

PRONOUNS = _words("it this that these those him her them he she they me himself herself itself")
"""The object that an earlier clause named, else the whole picture."""

WHOLE_NOUNS = _words("scene scenery picture image photo photograph view world place landscape")
"""The whole picture, whatever was named before; as the head of "a winter scene" only a carrier of the effect."""

EVERYTHING = _words("everything everywhere")

POSSESSIVES = _words("my your their our its")
DETERMINERS = POSSESSIVES | _words("the this that these those his her both all every each")
ARTICLES = frozenset(["a", "an"])

PREPOSITIONS = _words("in at during by under like as to into of from with through after on onto")
INTO = frozenset(["into", "to"])
CHANGE_VERBS = _words("turn turned turns turning change changed changing convert transform go")
"""In "turn summer into winter" what stands between such a verb and "into" describes the picture as it is."""

ADJECTIVES = _words("big small little large tiny huge tall short old new round long thick thin heavy")
"""May stand before an object's name without changing which object is meant."""

DECORATIONS = _words(
    "shiny polished solid pure real beautiful pretty nice lovely glossy rich whole entire full classic typical"
)
"""May stand beside an effect without changing it ("shiny gold"); alone they ask for what no effect gives."""

CARRIERS = _words(
    "style look looks tone tones color colour colors colours hue tint effect filter mood atmosphere vibe feel finish "
    "weather season light lighting condition conditions time type kind sort day painting film"
)
"""Abstract nouns that carry an effect's name ("a golden look", "in the style of van gogh")."""

RESULT_NOUNS = _words(
    "statue sculpture bust figure figurine version object thing one movie print illustration artwork frame still "
    "coating paint material surface texture"
)
"""Concrete nouns that may carry an effect's name ("a bronze statue"), but after "the" refer to an object."""

FILLERS = _words(
    "please imagine can could would you we i lets let have make makes making made turn turned turns turning paint "
    "painted colored coloured recolor recolour dye dyed tinted change changed changing convert converted transform "
    "transformed render rendered give given gives giving put set bring show see want like look looks looking looked "
    "appear appears appearing seem seems seen feel become becomes becoming became be is are was were being been as if "
    "though in into to of on onto with by at during under from for so such what how when where who do does did should "
    "might will shall had has got get gets getting go goes now again out covered cast plated coated carved sculpted "
    "forged filled cover just only some styled completely totally entirely fully through apply applied use using "
    "there here take taken took shot drawn create created today suddenly middle deep fresh after"
)
"""Carry a sentence and ask for nothing."""

TITLES: dict[Category, str] = {
    "color": "colours",
    "material": "materials",
    "time": "times of day",
    "season": "seasons",
    "weather": "weather",
    "style": "styles",
    "exposure": "exposure",
}

SYNONYMS: tuple[frozenset[str], ...] = tuple(
    frozenset(group.split())
    for group in (
        "mug cup",
        "sofa couch",
        "ball sphere",
        "cube box",
        "person human",
        "man guy",
        "woman lady",
        "car automobile",
        "bike bicycle",
        "rock boulder",
        "plane airplane",
        "tv television",
        "rug carpet",
        "doughnut donut torus",
        "monkey suzanne",
        "bunny rabbit",
        "statue sculpture",
    )
)
"""Nouns that name the same object."""


def vocabulary() -> dict[str, tuple[str, ...]]:
    """The documented words: title of the category (`colours`, `materials`, …) -> its words, in reading order."""
    documented: dict[str, list[str]] = {title: [] for title in TITLES.values()}
    for term in TERMS:
        word = term.effect if term.category == "exposure" else term.words[0]
        documented[TITLES[term.category]].append("Van Gogh" if word == "van gogh" else word)
    return {title: tuple(words) for title, words in documented.items()}


def summary() -> str:
    """The vocabulary in one clause, for error texts."""
    return "; ".join(f"{title}: {', '.join(words)}" for title, words in vocabulary().items())
