"""Trials of an editor, beside their formulas in numpy; the editors are maps of pictures whose faults are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from editor3d.editors.procedural.editor import ProceduralEditor
from editor3d.errors import InstructionError
from editor3d.metrics.trials.editing import NOISE, agreement, measure_trials
from editor3d.metrics.trials.paraphrases import paraphrases
from editor3d.metrics.unavailable import Unavailable
from editor3d.types import EditRequest

from ..wall import wall_views

REQUESTS = [EditRequest(v.name, "make it night", v.photo, seed=3) for v in wall_views([0.0, 0.4])]
SAID = paraphrases("make it night")


def darker(request: EditRequest) -> torch.Tensor:
    return 0.5 * request.condition


def seeded(request: EditRequest) -> torch.Tensor:
    drawn = torch.rand(1, generator=torch.Generator().manual_seed(request.seed)).item()
    return request.condition * drawn


def test_agreement_is_its_formula():
    generator = np.random.default_rng(0)
    a, b, i = (generator.random((9, 7, 3)) for _ in range(3))
    wanted = 1 - np.abs(a - b).mean() / (np.abs(a - i).mean() + np.abs(b - i).mean())
    assert agreement(*map(torch.from_numpy, (a, b, i))) == pytest.approx(wanted, rel=1e-12)


def test_agreement_has_its_ends():
    picture = wall_views([0.0])[0].photo
    assert agreement(0.5 * picture, 0.5 * picture, picture) == 1
    assert agreement(0.5 * picture, picture, picture) == pytest.approx(0)
    assert agreement(picture + 0.1, picture - 0.1, picture) == pytest.approx(0, abs=1e-6)
    assert agreement(picture, picture, picture) is None


def test_an_editor_that_follows_the_meaning_is_consistent():
    found = measure_trials(REQUESTS, ProceduralEditor().edit, SAID, varies=False)
    assert found.paraphrases.agreement > 0.95
    assert found.paraphrases.understood == 1
    assert found.diversity == 0
    assert found.edits == 2 * (1 + len(SAID) + len(NOISE))


def test_refused_words_agree_with_nothing():
    def picky(request: EditRequest) -> torch.Tensor:
        if request.instruction in SAID[:3]:
            raise InstructionError("no")
        return darker(request)

    found = measure_trials(REQUESTS, picky, SAID, varies=False).paraphrases
    assert found.understood == pytest.approx(1 - 3 / len(SAID))
    assert found.agreement == pytest.approx(1 - 3 / len(SAID))


def test_seeds_that_differ_are_diverse():
    assert measure_trials(REQUESTS, darker, (), varies=True).diversity == pytest.approx(0)
    assert measure_trials(REQUESTS, seeded, (), varies=True).diversity > 0.05


def test_noise_is_handed_on_in_proportion():
    found = measure_trials(REQUESTS, darker, (), varies=False)
    assert isinstance(found.paraphrases, Unavailable)
    for sigma, noisy in found.noise.items():
        assert noisy.amplification == pytest.approx(0.5, rel=1e-5)
        assert noisy.psnr == pytest.approx(-20 * np.log10(0.5 * float(sigma)), abs=0.7)  # some noise is cut off
