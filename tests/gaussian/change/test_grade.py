"""Grades are what their formulas say, in linear light and from every side."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from editor3d.errors import ConfigError, DataError
from editor3d.srgb import to_linear, to_srgb
from editor3d.types import Grading
from gaussian.change.cube import read_cube
from gaussian.change.grade import LUMINANCE, Grade, graded, hue_rotation
from gaussian.splats import sh_basis

COLORS = np.random.default_rng(0).uniform(0.1, 0.6, (200, 3))


def test_exposure_doubles_the_light():
    assert np.allclose(Grade.of(Grading(exposure=1))(COLORS), to_srgb(2 * to_linear(COLORS)))


def test_saturation_and_hue_keep_luminance():
    for grading in (Grading(saturation=0.4), Grading(hue=25)):
        after = Grade.of(grading)(COLORS)
        inside = ((after > 1e-6) & (after < 1 - 1e-6)).all(1)
        assert inside.mean() > 0.7
        assert np.allclose((to_linear(after) @ LUMINANCE)[inside], (to_linear(COLORS) @ LUMINANCE)[inside], atol=1e-6)
    assert np.allclose(hue_rotation(360), np.eye(3))
    assert np.allclose(hue_rotation(120) @ hue_rotation(240), np.eye(3))
    assert np.ptp(Grade.of(Grading(saturation=0))(COLORS), axis=1).max() < 1e-6


def test_white_balance_warms_and_makes_a_colour_neutral():
    grey = np.full((1, 3), 0.5)
    warm, cool = (Grade.of(Grading(warmth=sign))(grey)[0] for sign in (0.5, -0.5))
    assert warm[0] > 0.5 > warm[2]
    assert cool[0] < 0.5 < cool[2]
    neutral = Grade.of(Grading(neutral="#a08060"))(np.array([[160, 128, 96]]) / 255)[0]
    assert np.ptp(neutral) < 1e-6


def test_contrast_keeps_mid_grey():
    grey = to_srgb(np.array([[0.09] * 3, [0.18] * 3, [0.36] * 3]))
    after = to_linear(Grade.of(Grading(contrast=2))(grey))
    assert np.allclose(after[:, 0], [0.045, 0.18, 0.72])


def test_harmonics_are_graded_from_all_sides(ball):
    which = torch.arange(len(ball)) < 600
    grade = Grade.of(Grading(exposure=-0.5, saturation=0.7))
    after = graded(ball, which, grade)
    assert torch.equal(after.sh[~which], ball.sh[~which])
    direction = torch.nn.functional.normalize(torch.tensor([0.3, -0.5, 0.8]), dim=0)
    basis = sh_basis(direction, 3)
    before, now = (0.5 + torch.einsum("k,nkc->nc", basis, s.sh[which]) for s in (ball, after))
    inside = ((before > 0.05) & (before < 0.95)).all(1)
    wanted = torch.from_numpy(grade(before.double().numpy()))
    assert float((now - wanted)[inside].abs().mean()) < 0.02 < float((before - wanted)[inside].abs().mean())
    same = graded(ball, which, lambda colors: colors)
    assert torch.allclose(same.sh, ball.sh, atol=1e-5)


def test_curves_of_one_and_three_dimensions(tmp_path):
    (tmp_path / "one.cube").write_text('TITLE "x"\nLUT_1D_SIZE 3\n0 0 0\n0.25 0.5 0.5\n1 1 1\n')
    assert np.allclose(read_cube(tmp_path / "one.cube")(np.array([[0.5, 0.5, 0.25]])), [[0.25, 0.5, 0.25]])
    rows = [f"{r} {1 - g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]
    (tmp_path / "three.cube").write_text("\n".join(["LUT_3D_SIZE 2", *rows]))
    assert np.allclose(read_cube(tmp_path / "three.cube")(COLORS), COLORS * [1, -1, 1] + [0, 1, 0])


@pytest.mark.parametrize(
    "text", ["", "LUT_3D_SIZE 2\n0 0 0\n", "LUT_1D_SIZE 2\n0 0 0\nnan 0 0\n", "LUT_3D_SIZE 999\n", "LUT_1D_SIZE x\n"]
)
def test_what_is_no_table_is_refused(tmp_path, text):
    (tmp_path / "bad.cube").write_text(text)
    with pytest.raises(DataError, match="bad.cube"):
        read_cube(tmp_path / "bad.cube")


@pytest.mark.parametrize("wrong", [{}, {"exposure": 99}, {"neutral": "blurple"}, {"neutral": "black"}])
def test_what_is_no_grading_is_refused(wrong):
    with pytest.raises(ConfigError, match="Expected"):
        Grade.of(Grading(**wrong))
