"""How well the small text-image encoder tells captions and edits apart, on pictures it never saw.

    python benchmarks/tiny_clip.py

Fresh renders (of seeds that training does not use) and the demo scene's held-out views, with the captions of the
training recipe.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from rich.console import Console
from torch import Tensor

from editor3d.datasets import load_posed_images
from editor3d.datasets.demo import demo_path
from editor3d.datasets.views.images import read_image
from editor3d.diffusion.sizing import resized
from editor3d.editors.procedural.effects import apply
from editor3d.files.writing import write_json
from editor3d.metrics.clip import ClipScorer, directional_similarity
from editor3d.metrics.clip_weights import TINY_CLIP, packaged_clip
from lab.training.data.photographs import draw_crop, load_photographs
from lab.training.data.phrases import EFFECTS, draw_caption
from lab.training.data.renders import draw_still
from lab.training.data.textures import tinted_noise
from lab.training.networks import SIDE

SEED = 1_000_000
"""Training draws from seeds [seed, part of the data] with small numbers."""
CHOICES = 10
EDITS = ("night", "sunset", "winter", "autumn", "snow", "sepia", "black and white", "bronze", "blue", "negative")
"""Each changes the picture by a lot (PSNR of at most 15 dB)."""


def held_out_stills(count: int) -> list[tuple[Tensor, str]]:
    """Fresh renders [64, 64, 3] with captions, no two of the same caption."""
    rng = np.random.default_rng(SEED)
    photographs = load_photographs()

    def fill(own: np.random.Generator, side: int) -> np.ndarray:
        if own.random() < 0.6:
            return draw_crop(photographs[int(own.integers(len(photographs)))], own, side)
        return tinted_noise(own, side)

    out: dict[str, Tensor] = {}
    while len(out) < count:
        still = draw_still(rng, 2 * SIDE, fill)
        things = sorted(still.colors, key=lambda name: -int(still.masks[name].sum()))[:2]
        if not things:
            continue
        content = " and ".join(f"{'' if name == 'books' else 'a '}{still.colors[name]} {name}" for name in things)
        effect = EFFECTS[EDITS[int(rng.integers(len(EDITS)))]] if rng.random() < 0.3 else None
        pixels = torch.from_numpy(still.pixels)
        if effect is not None:
            pixels = apply(effect.name, pixels)
        small = cv2.resize(pixels.numpy(), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        out.setdefault(draw_caption(rng, effect, content), torch.from_numpy(small))
    return [(pixels, caption) for caption, pixels in out.items()]


def ranked_first(scorer: ClipScorer, cases: list[tuple[Tensor, str]]) -> float:
    """Share of pictures whose own caption is the nearest of ten, the other nine drawn from the rest."""
    images, texts = scorer.embed_images([c[0] for c in cases]), scorer.embed_texts([c[1] for c in cases])
    rng = np.random.default_rng(SEED)
    right = 0
    for i in range(len(cases)):
        others = rng.choice([j for j in range(len(cases)) if j != i], CHOICES - 1, replace=False)
        scores = texts[[i, *others]] @ images[i]
        right += int(scores.argmax() == 0)
    return right / len(cases)


def directions(scorer: ClipScorer, pictures: list[tuple[Tensor, str]]) -> list[dict]:
    """Directional similarity of right edits, one by one."""
    cases = []
    for pixels, content in pictures:
        for name in EDITS:
            caption = EFFECTS[name].captions[0].format(content)
            edited = apply(name, pixels)
            embedded, told = scorer.embed_images([pixels, edited]), scorer.embed_texts([content, caption])
            value = directional_similarity(embedded[:1], embedded[1:], told[0], told[1])
            cases.append({"content": content, "edit": name, "similarity": value})
    return cases


def main(model: Path | None = None, renders: int = 200, json_file: Path | None = None) -> int:
    """Print the figures of the small CLIP.

    Args:
        model: a folder that `python -m lab.train_clip` wrote; the shipped one by default.
        renders: how many fresh renders are shown.
        json_file: also write the figures here.
    """
    folder = model or packaged_clip()
    if folder is None:
        print("There is no packaged tiny-clip; give a folder: --model PATH.", file=sys.stderr)
        return 2
    scorer = ClipScorer(folder, name=TINY_CLIP)
    console = Console()
    stills = held_out_stills(renders)
    share = ranked_first(scorer, stills)
    console.print(f"right caption of {CHOICES} first: {share:.1%} of {len(stills)} held-out renders (wanted: 85 %)")
    images = load_posed_images(demo_path())
    pictures = []
    for view in images.test_views:
        pixels = read_image(view.image_path, (view.width, view.height)).float() / 255.0
        pictures.append((resized(pixels, SIDE, SIDE), "a teapot and a vase"))
    pictures += [(pixels, "a picture") for pixels, _ in stills[:20]]
    cases = directions(scorer, pictures)
    positive = np.mean([case["similarity"] > 0 for case in cases])
    mean = np.mean([case["similarity"] for case in cases])
    console.print(
        f"directional similarity: positive for {positive:.1%} of {len(cases)} right edits (wanted: 95 %), "
        f"{mean:.2f} on average"
    )
    if json_file is not None:
        write_json(json_file, {"ranked_first": share, "directions": cases})
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
