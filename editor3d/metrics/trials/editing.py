"""Measure how steady a 2D editor is: over paraphrases, over seeds, and over noise in the photograph.

Of two edits a and b of a picture I, with |.| the mean absolute difference,

    agreement(a, b) = 1 - |a - b| / (|a - I| + |b - I|),

which is 1 where both are the same, and 0 where one of them did nothing, or where they went opposite ways. An
instruction that the editor refuses agrees with nothing. Diversity is 1 - agreement. With Gaussian noise n,

    amplification = rmse(edit(I + n), edit(I)) / rmse(I + n, I)

is 1 for an editor that hands noise on as it is, and 0 for one that is blind to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from editor3d.errors import InstructionError
from editor3d.metrics.image import psnr
from editor3d.metrics.unavailable import Unavailable
from editor3d.metrics.views import mean
from editor3d.types import EditRequest

NOISE = (0.02, 0.05, 0.1)
"""Standard deviations, of colours in 0..1."""
SEEDS = 4
"""How often each picture is edited with another seed."""
Edit = Callable[[EditRequest], Tensor]


@dataclass(frozen=True)
class Paraphrased:
    """How alike edits by other words are to the edit by the instruction."""

    agreement: float
    """Mean over paraphrases and pictures, 0..1."""
    understood: float
    """Share of the paraphrases that the editor did not refuse, 0..1."""
    by_words: Mapping[str, float]
    """The agreement of each paraphrase, 0..1."""


@dataclass(frozen=True)
class Noisy:
    """Edits of photographs with noise, beside edits of the photographs."""

    psnr: float
    """PSNR(edit(I + n), edit(I)), dB; the mean over pictures."""
    amplification: float
    """As this module's page has it; the mean over pictures."""


@dataclass(frozen=True)
class Trials:
    """What further edits of a few photographs say of the editor."""

    pictures: int
    edits: int
    """2D edits that the trials took."""
    paraphrases: Paraphrased | Unavailable
    diversity: float | Unavailable
    """Mean over pairs of seeds and pictures, 0..1; 0 where the editor draws nothing."""
    noise: Mapping[str, Noisy]
    """By the standard deviation of the noise."""

    def to_json(self) -> dict[str, Any]:
        body = asdict(self)
        for name in ("paraphrases", "diversity"):
            part = vars(self)[name]
            if isinstance(part, Unavailable):
                body[name] = {"not_available": part.reason, "remedy": part.remedy}
        return body


def agreement(a: Float[Tensor, "h w 3"], b: Float[Tensor, "h w 3"], picture: Float[Tensor, "h w 3"]) -> float | None:
    """agreement(a, b) of this module's page, of two edits [H, W, 3] of a picture; None where both changed nothing."""
    moved = sum((edit.double() - picture.double()).abs().mean().item() for edit in (a, b))
    return None if moved == 0 else 1 - (a.double() - b.double()).abs().mean().item() / moved


def measure_trials(requests: Sequence[EditRequest], edit: Edit, said: Sequence[str], varies: bool) -> Trials:
    """Edit pictures again and again.

    Args:
        requests: one a picture, at least one, with the instruction that was given.
        edit: the editor's; `InstructionError` refuses a paraphrase.
        said: paraphrases of the instruction.
        varies: whether the editor draws at random; otherwise other seeds are not tried.
    """
    count = 0

    def made(request: EditRequest) -> Tensor:
        nonlocal count
        count += 1
        return edit(request).detach().cpu()

    plain = [made(request) for request in requests]
    pictures = [request.condition.cpu() for request in requests]
    paraphrased: Paraphrased | Unavailable = Unavailable(
        reason="no paraphrases of the instruction are known",
        remedy="say it as 'make the OBJECT LOOK' or 'make it LOOK'",
    )
    if said:
        paraphrased = _paraphrased(requests, made, plain, pictures, said)
    diversity: float | Unavailable = Unavailable(
        reason="the edits of every seed changed nothing", remedy="give an instruction that the editor carries out"
    )
    if not varies:
        diversity = 0.0
    else:
        seeds = [
            [first, *(made(replace(request, seed=request.seed + k)) for k in range(1, SEEDS))]
            for request, first in zip(requests, plain, strict=True)
        ]
        apart = [
            agreement(a, b, i) for edits, i in zip(seeds, pictures, strict=True) for a, b in combinations(edits, 2)
        ]
        agreed = mean(apart)
        diversity = diversity if agreed is None else 1 - agreed
    noise = {f"{sigma:g}": _noisy(requests, made, plain, sigma) for sigma in NOISE}
    return Trials(len(requests), count, paraphrased, diversity, noise)


def _paraphrased(
    requests: Sequence[EditRequest],
    made: Edit,
    plain: Sequence[Tensor],
    pictures: Sequence[Tensor],
    said: Sequence[str],
) -> Paraphrased:
    by_words: dict[str, float] = {}
    refused = 0
    for words in said:
        try:
            edits = [made(replace(request, instruction=words)) for request in requests]
        except InstructionError:
            refused += 1
            by_words[words] = 0.0
            continue
        agreed = mean([agreement(a, b, i) for a, b, i in zip(plain, edits, pictures, strict=True)])
        by_words[words] = 1.0 if agreed is None else agreed  # neither changed anything
    return Paraphrased(sum(by_words.values()) / len(said), 1 - refused / len(said), by_words)


def _noisy(requests: Sequence[EditRequest], made: Edit, plain: Sequence[Tensor], sigma: float) -> Noisy:
    ratios, amplified = [], []
    for number, (request, clean) in enumerate(zip(requests, plain, strict=True)):
        picture = request.condition
        drawn = torch.randn(picture.shape, generator=torch.Generator().manual_seed(number)).to(picture.device)
        noisy = (picture + sigma * drawn).clamp(0, 1)
        edited = made(replace(request, condition=noisy, render=None if request.render is None else noisy))
        ratios.append(psnr(edited, clean))
        amplified.append(_rmse(edited, clean) / _rmse(noisy.cpu(), picture.cpu()))
    return Noisy(sum(ratios) / len(ratios), sum(amplified) / len(amplified))


def _rmse(a: Tensor, b: Tensor) -> float:
    return (a.double() - b.double()).square().mean().sqrt().item()
