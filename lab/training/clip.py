"""Training of `tiny-clip`: a small contrastive text-image encoder on the pictures and captions of the editing pairs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from editor3d.errors import ConfigError
from lab.training.data.captions import altered
from lab.training.data.pairs import Pairs, PairSettings, texts
from lab.training.loop import Progress, Stage, fit, load_average, mixed_precision
from lab.training.networks import SIDE, make_clip
from lab.training.words import encode, make_tokenizer

if TYPE_CHECKING:
    from transformers import CLIPModel, CLIPTokenizer


WRONG = 3
"""Captions wrong by one word beside each right one."""


@dataclass(frozen=True)
class ClipRecipe:
    """What `lab.train_clip` does."""

    data: PairSettings = field(default_factory=PairSettings)
    """Those of `lab.train_editor`; their texts decide the tokens."""
    stills: PairSettings = field(
        default_factory=lambda: PairSettings(originals=20000, pairs_per_original=2, seed=1, sort="stills")
    )
    """Many more rendered still lifes: which thing has which colour takes many examples."""
    stills_share: float = 0.7
    """Of a batch."""
    steps: int = 7600
    batch: int = 64
    """Pairs a step; each brings its original and its edited picture."""
    seed: int = 0

    def check(self) -> None:
        """Raises ConfigError where a number is out of range."""
        if self.steps < 1 or self.batch < 2 or min(self.data.originals, self.stills.originals) < 1:
            raise ConfigError("steps must be at least 1, batch at least 2, and originals and stills at least 1.")


def train_clip(output: Path, recipe: ClipRecipe, workers: int = 2, tell: Callable[[str], None] = print) -> None:
    """Run the recipe, or what is left of it; `output/tiny-clip` is a folder for transformers' `CLIPModel`.

    Args:
        output: folder for data, checkpoint and result; data of `lab.train_editor` there is used.
        recipe: what to do.
        workers: processes that make data.
        tell: gets lines about the progress.

    Raises:
        ConfigError: the recipe is out of range, or the folder holds data of another one.
    """
    from lab.training.recipe import prepare_data

    recipe.check()
    pairs = prepare_data(output, recipe.data, workers, tell)
    stills = prepare_data(output, recipe.stills, workers, tell, "stills")
    tokenizer = make_tokenizer(texts(pairs))
    torch.manual_seed(recipe.seed)
    model = make_clip(tokenizer)
    stage = Stage("clip", recipe.steps, 1e-3, warmup=100, average=0.998, weight_decay=0.05, seed=recipe.seed)
    count = round(recipe.batch * recipe.stills_share)
    parts = [Part(pairs, tokenizer, recipe.batch - count, recipe.seed), Part(stills, tokenizer, count, recipe.seed + 1)]
    progress = fit_clip(model, [part for part in parts if part.count], stage, output / "clip.safetensors", tell)
    write_clip(output / "tiny-clip", model, tokenizer, progress)


class Part:
    """Pairs that a batch draws `count` of, with their captions as tokens.

    Args:
        seed: draws the wrong captions.
    """

    def __init__(self, pairs: Pairs, tokenizer: CLIPTokenizer, count: int, seed: int) -> None:
        self.pairs, self.count = pairs, count
        self._edits = np.flatnonzero(pairs.instructions != "")
        rng = np.random.default_rng(seed)
        self._tokens, self._wrong, self._captions = [], [], []
        for column in (pairs.captions.tolist(), pairs.edited_captions.tolist()):
            wrong = [altered(rng, text) for text in column for _ in range(WRONG)]
            self._captions.append(np.array(column))
            self._tokens.append(encode(tokenizer, column))
            self._wrong.append(encode(tokenizer, wrong).reshape(len(column), WRONG, -1))

    def draw(self, generator: torch.Generator) -> tuple[np.ndarray, Tensor, Tensor, np.ndarray]:
        """Originals and their edits: pictures [2, B, H, W, 3] uint8, tokens [2, B, L] of their captions and
        [2, B, K, L] of wrong ones, captions [2, B]."""
        rows = self._edits[torch.randint(len(self._edits), (self.count,), generator=generator).numpy()]
        which = (self.pairs.source[rows], rows)
        shown = np.stack([self.pairs.originals[which[0]], self.pairs.edited[which[1]]])
        mirrored = (torch.rand(self.count, generator=generator) < 0.5).numpy()  # no caption says left or right
        shown[:, mirrored] = shown[:, mirrored, :, ::-1]
        columns = (self._tokens, self._wrong)
        tokens, wrong = (torch.stack([column[i][which[i]] for i in (0, 1)]) for column in columns)
        return shown, tokens, wrong, np.stack([self._captions[i][which[i]] for i in (0, 1)])


def fit_clip(
    model: CLIPModel,
    parts: Sequence[Part],
    stage: Stage,
    checkpoint: Path,
    tell: Callable[[str], None] = print,
) -> Progress:
    """Minimise CLIP's symmetric cross-entropy (Radford et al. 2021), pictures of equal captions counting as one answer.

    A batch holds pairs, so that a picture's own edit is among the wrong answers: what tells them apart is the edit.
    Each picture is besides shown captions that are wrong by one word (Yuksekgonul et al. 2023).
    """
    model.train()

    def embed(tokens: Tensor) -> Tensor:
        return F.normalize(model.text_projection(model.text_model(input_ids=tokens).pooler_output).float(), dim=-1)

    def loss(generator: torch.Generator) -> dict[str, Tensor]:
        drawn = [part.draw(generator) for part in parts]
        shown, captions = (np.concatenate([one[i] for one in drawn], 1) for i in (0, 3))
        tokens = torch.cat([one[1] for one in drawn], 1).flatten(0, 1)
        wrong = torch.cat([one[2] for one in drawn], 1).flatten(0, 1)
        pictures = normalized(shown.reshape(-1, *shown.shape[2:]))
        with mixed_precision():
            seen = F.normalize(model.visual_projection(model.vision_model(pixel_values=pictures).pooler_output).float())
            told, mistold = embed(tokens), embed(wrong.flatten(0, 1)).unflatten(0, wrong.shape[:2])
        scale = model.logit_scale.exp().clamp(max=100.0)
        logits = scale * seen @ told.T
        names = torch.from_numpy(np.unique(captions.ravel(), return_inverse=True)[1])
        right = (names[:, None] == names[None]).float()
        right = right / right.sum(1, keepdim=True)
        # a caption that names nothing that could be changed has an empty one in place of a wrong one
        unlike = (scale * torch.einsum("bd,bkd->bk", seen, mistold)).masked_fill(wrong[..., 1] == wrong[..., -1], -1e4)
        both = torch.cat([logits, unlike], 1)
        return {
            "pictures": 0.5 * F.cross_entropy(both, F.pad(right, (0, WRONG))),
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
