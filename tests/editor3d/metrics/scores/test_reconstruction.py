"""The error of a reconstruction, beside scikit-image's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from editor3d.metrics.scores.reconstruction import measure_reconstruction

from ..wall import wall_views


def test_the_error_is_that_of_scikit_image():
    generator = torch.Generator().manual_seed(1)
    views = [
        replace(view, base_render=(view.photo + 0.05 * torch.randn(view.photo.shape, generator=generator)).clamp(0, 1))
        for view in wall_views([0.0, 0.5])
    ]
    found = measure_reconstruction(views)
    pairs = [(view.photo.double().numpy(), view.base_render.double().numpy()) for view in views]
    assert found.psnr == pytest.approx(np.mean([peak_signal_noise_ratio(*pair, data_range=1) for pair in pairs]))
    assert found.rmse == pytest.approx(np.mean([mean_squared_error(*pair) ** 0.5 for pair in pairs]))
    options = {"channel_axis": -1, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    # of all pixels: scikit-image's own mean leaves out a border
    similar = [structural_similarity(*pair, data_range=1, full=True, **options)[1].mean() for pair in pairs]
    assert found.ssim == pytest.approx(np.mean(similar), abs=0.002)
