"""Training of `tiny-clip`: a small contrastive text-image encoder on the pictures and captions of the editing pairs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from editor3d.errors import ConfigError
from editor3d.training.loop import Progress, Stage, fit, load_average, mixed_precision
from editor3d.training.networks import SIDE, make_clip
from editor3d.training.pairs import Pairs, PairSettings, texts
from editor3d.training.words import encode, make_tokenizer

if TYPE_CHECKING:
    from transformers import CLIPModel, CLIPTokenizer


@dataclass(frozen=True)
class ClipRecipe:
    """What `train-clip` does."""

    data: PairSettings = field(default_factory=PairSettings)
    steps: int = 2400
    batch: int = 64
    """Pairs a step; each brings its original and its edited picture."""
    seed: int = 0

    def check(self) -> None:
        """Raises ConfigError where a number is out of range."""
        if self.steps < 1 or self.batch < 2 or self.data.originals < 1:
            raise ConfigError("steps must be at least 1, batch at least 2 and originals at least 1.")


def train_clip(output: Path, recipe: ClipRecipe, workers: int = 2, tell: Callable[[str], None] = print) -> None:
    """Run the recipe, or what is left of it; `output/tiny-clip` is a folder for transformers' `CLIPModel`.

    Args:
        output: folder for data, checkpoint and result; data of `train-editor` there is used.
        recipe: what to do.
        workers: processes that make data.
        tell: gets lines about the progress.

    Raises:
        ConfigError: the recipe is out of range, or the folder holds data of another one.
    """
    from editor3d.training.recipe import prepare_data

    recipe.check()
    pairs = prepare_data(output, recipe.data, workers, tell)
    tokenizer = make_tokenizer(texts(pairs))
    torch.manual_seed(recipe.seed)
    model = make_clip(tokenizer)
    stage = Stage("clip", recipe.steps, 1e-3, warmup=100, average=0.998, weight_decay=0.05, seed=recipe.seed)
    progress = fit_clip(model, tokenizer, pairs, stage, recipe.batch, output / "clip.safetensors", tell)
    write_clip(output / "tiny-clip", model, tokenizer, progress)


def fit_clip(
    model: CLIPModel,
    tokenizer: CLIPTokenizer,
    pairs: Pairs,
    stage: Stage,
    batch: int,
    checkpoint: Path,
    tell: Callable[[str], None] = print,
) -> Progress:
    """Minimise CLIP's symmetric cross-entropy (Radford et al. 2021), pictures of equal captions counting as one answer.

    A batch holds pairs, so that a picture's own edit is among the wrong answers: what tells them apart is the edit.
    """
    words = [encode(tokenizer, column.tolist()) for column in (pairs.captions, pairs.edited_captions)]
    names = {text: i for i, text in enumerate(texts(pairs))}
    numbers = [
        torch.tensor([names[text] for text in column.tolist()]) for column in (pairs.captions, pairs.edited_captions)
    ]
    edits = np.flatnonzero(pairs.instructions != "")
    model.train()

    def loss(generator: torch.Generator) -> dict[str, Tensor]:
        rows = edits[torch.randint(len(edits), (batch,), generator=generator).numpy()]
        sources = pairs.source[rows]
        shown = np.stack([pairs.originals[sources], pairs.edited[rows]])
        mirrored = (torch.rand(batch, generator=generator) < 0.5).numpy()  # no caption says left or right
        shown[:, mirrored] = shown[:, mirrored, :, ::-1]
        pictures = normalized(shown.reshape(-1, *shown.shape[2:]))
        tokens = torch.cat([words[0][sources], words[1][rows]])
        captions = torch.cat([numbers[0][sources], numbers[1][rows]])
        with mixed_precision():
            seen = model.visual_projection(model.vision_model(pixel_values=pictures).pooler_output).float()
            told = model.text_projection(model.text_model(input_ids=tokens).pooler_output).float()
        logits = model.logit_scale.exp().clamp(max=100.0) * F.normalize(seen, dim=-1) @ F.normalize(told, dim=-1).T
        right = (captions[:, None] == captions[None]).float()
        right = right / right.sum(1, keepdim=True)
        return {
            "pictures": 0.5 * F.cross_entropy(logits, right),
            "texts": 0.5 * F.cross_entropy(logits.T, right),
        }

    progress = fit(stage, {"clip": model}, loss, checkpoint, tell)
    model.eval()
    return progress


def normalized(pictures: np.ndarray) -> Tensor:
    """[B, H, W, 3] uint8 -> [B, 3, H, W] in -1..1, as the image processor gives them."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def export_now(output: Path, pairs: Pairs) -> Path:
    """Write what the checkpoint holds, finished or not; returns the folder."""
    tokenizer = make_tokenizer(texts(pairs))
    model = make_clip(tokenizer)
    progress = load_average(output / "clip.safetensors", {"clip": model})
    write_clip(output / "tiny-clip", model, tokenizer, progress)
    return output / "tiny-clip"


def write_clip(folder: Path, model: CLIPModel, tokenizer: CLIPTokenizer, progress: Progress) -> None:
    """Write model and processor as transformers does, weights in half precision that load in full."""
    from transformers import CLIPImageProcessor, CLIPProcessor

    pictures = CLIPImageProcessor(
        size={"height": SIDE, "width": SIDE},
        do_center_crop=False,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(partial, state_dict={key: value.half() for key, value in model.state_dict().items()})
    CLIPProcessor(image_processor=pictures, tokenizer=tokenizer).save_pretrained(partial)
    body = {"clip": {"steps": progress.step, "seconds": round(progress.seconds), "curve": progress.curve}}
    (partial / "learning_curve.json").write_text(json.dumps(body, indent=1), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
