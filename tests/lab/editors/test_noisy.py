"""The noisy editor perturbs within its stated bounds, by its seed alone."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch

from editor3d.editors import EDITORS, available_editors, create_editor
from editor3d.types import Editor, EditRequest
from lab.editors.entries import NOISY
from lab.editors.install import INSTALLED
from lab.editors.noisy import displacement, hue_rotation, perturb

from ...natural import natural_picture


@pytest.fixture
def image() -> torch.Tensor:
    return natural_picture(12, height=64, width=80)


def edit(instruction: str, image: torch.Tensor, seed: int, **fields) -> torch.Tensor:
    return create_editor("procedural-noisy").edit(EditRequest("view", instruction, image, seed=seed, **fields))


def test_it_is_an_editor_of_another_package():
    assert "procedural-noisy" not in EDITORS
    assert available_editors()["procedural-noisy"] == NOISY
    editor = create_editor("procedural-noisy")
    assert isinstance(editor, Editor)
    assert editor.info == NOISY.info


@pytest.mark.parametrize("is_installed", [True, False])
def test_it_is_listed_where_it_is_on_the_path_alone(is_installed, monkeypatch):
    if not is_installed:
        monkeypatch.setenv("PYTHONPATH", str(INSTALLED.parents[1]))
    command = [sys.executable, "-m", "editor3d.cli", "list", "editors"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert ("procedural-noisy" in listed) == is_installed


def test_the_seed_alone_decides(image):
    state = torch.random.get_rng_state()
    assert torch.equal(edit("make it gold", image, 3), edit("make it gold", image, 3))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not torch.equal(edit("make it gold", image, 3), edit("make it gold", image, 4))


def test_one_call_in_ten_changes_nothing(image):
    small = image[:16, :16].contiguous()
    unchanged = sum(torch.equal(edit("make it gold", small, seed), small) for seed in range(400))
    assert 20 <= unchanged <= 60


def test_the_mean_over_seeds_is_near_the_clean_edit(image):
    clean = create_editor("procedural").edit(EditRequest("view", "make it gold", image))
    results = [edit("make it gold", image, seed) for seed in range(60)]
    changed = torch.stack([result for result in results if not torch.equal(result, image)])
    assert abs(changed.mean() - clean.mean()) < 0.05
    assert changed.mean(dim=(1, 2, 3)).std() > 0.03


def test_gain_and_offset_stay_in_their_ranges():
    """On an even gray neither warp nor hue shows: out = gain * value + offset."""
    fits = []
    for seed in range(200):
        low, high = (
            perturb(torch.full((8, 8, 3), value), torch.Generator().manual_seed(seed)).mean().item()
            for value in (0.2, 0.6)
        )
        gain = (high - low) / 0.4
        fits.append((gain, low - 0.2 * gain))
    gains, offsets = zip(*fits, strict=True)
    assert min(gains) >= 0.8 - 1e-4
    assert max(gains) <= 1.25 + 1e-4
    assert min(gains) < 0.85
    assert max(gains) > 1.2
    assert min(offsets) >= -0.05 - 1e-4
    assert max(offsets) <= 0.05 + 1e-4
    assert min(offsets) < -0.04
    assert max(offsets) > 0.04


def test_hue_rotation_turns_chroma_and_keeps_luma_and_gray():
    turn = hue_rotation(math.radians(15.0)).double()
    torch.testing.assert_close(turn @ torch.ones(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    torch.testing.assert_close(weights @ turn, weights, atol=1e-5, rtol=0)
    full = torch.linalg.matrix_power(turn, 24)
    torch.testing.assert_close(full, torch.eye(3, dtype=torch.float64), atol=1e-4, rtol=0)


def test_the_warp_is_smooth_and_at_most_four_pixels():
    longest = []
    for seed in range(50):
        field = displacement(60, 90, torch.Generator().manual_seed(seed))
        longest.append(field.norm(dim=-1).max().item())
        assert field.diff(dim=0).abs().max() < 1.0
        assert field.diff(dim=1).abs().max() < 1.0
    assert max(longest) <= 4.0 + 1e-4
    assert max(longest) > 2.5


def test_the_perturbation_stays_in_the_object(image):
    mask = torch.zeros(image.shape[:2], dtype=torch.bool)
    mask[20:50, 20:60] = True
    for seed in range(20):
        edited = edit("make the teapot gold", image, seed, objects={"teapot": mask})
        assert torch.equal(edited[~mask], image[~mask])
    both = {"teapot": mask, "cube": mask.flip(0)}
    edited = edit("make the teapot gold and let it snow", image, 1, objects=both)
    assert not torch.equal(edited[:10], image[:10])
