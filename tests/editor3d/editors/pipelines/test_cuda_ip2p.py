"""The ip2p editor on CUDA at half precision, the modules resident or kept on the CPU between their turns."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from editor3d.editors import create_editor
from editor3d.types import EditRequest

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
DEVICE = "cuda"


@pytest.fixture
def request_(natural_picture) -> EditRequest:
    return EditRequest(
        view="frame_00001",
        instruction="turn it into gold",
        condition=natural_picture(1, 26, 34),
        render=natural_picture(2, 26, 34),
        noise_level=0.7,
        seed=5,
        guidance_scale=2.0,
    )


@pytest.mark.parametrize("cpu_offload", [False, True])
def test_half_precision_is_close_to_full_precision_on_the_cpu(model_folder, request_, cpu_offload):
    spec = f"ip2p:{model_folder}"
    editor = create_editor(spec, device=DEVICE, half_precision=True, cpu_offload=cpu_offload)
    edited = editor.edit(request_)
    assert editor._pipeline.unet.dtype == editor._pipeline.vae.dtype == torch.float16
    assert edited.dtype == torch.float32
    assert edited.shape == request_.condition.shape
    assert edited.device == request_.condition.device
    difference = (edited - create_editor(spec).edit(request_)).abs()
    assert difference.mean() < 1e-3
    assert difference.max() < 1e-2


def test_repeating_an_edit_with_offloading_gives_the_same_picture(model_folder, request_):
    """Between two edits the modules travel to the CPU and back, and the text's embedding is taken from the cache."""
    editor = create_editor(f"ip2p:{model_folder}", device=DEVICE, half_precision=True, cpu_offload=True)
    first = editor.edit(request_)
    assert {p.device.type for p in editor._pipeline.unet.parameters()} == {"cpu"}
    torch.testing.assert_close(editor.edit(request_), first, atol=1e-3, rtol=0)


def test_the_picture_comes_back_on_the_device_of_the_condition(model_folder, request_):
    moved = replace(request_, condition=request_.condition.to(DEVICE))
    edited = create_editor(f"ip2p:{model_folder}", device=DEVICE, half_precision=True).edit(moved)
    assert edited.device.type == torch.device(DEVICE).type
    assert edited.dtype == torch.float32
