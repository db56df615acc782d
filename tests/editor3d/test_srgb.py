"""sRGB: the standard's own values, and there and back."""

from __future__ import annotations

import numpy as np
import pytest

from editor3d.srgb import to_linear, to_srgb


@pytest.mark.parametrize(("srgb", "linear"), [(0.0, 0.0), (0.04045, 0.0031308), (0.5, 0.2140411), (1.0, 1.0)])
def test_known_values(srgb, linear):
    assert to_linear(np.array([srgb]))[0] == pytest.approx(linear, abs=1e-7)


@pytest.mark.parametrize(("kind", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-8)])
def test_there_and_back(kind, tolerance):
    values = np.linspace(0.0, 1.0, 257, dtype=kind)
    back = to_srgb(to_linear(values))
    assert back.dtype == kind
    np.testing.assert_allclose(back, values, atol=tolerance)


def test_what_lies_outside_is_clipped():
    assert to_srgb(np.array([-1.0, 2.0])).tolist() == pytest.approx([0.0, 1.0])
    assert to_linear(np.array([-1.0, 2.0])).tolist() == [0.0, 1.0]
