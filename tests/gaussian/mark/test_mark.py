"""A watermark in the colours of Gaussians: read from pictures, lost by nothing ordinary, found by no other key."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from editor3d.errors import DataError
from gaussian.draw.selection import PosedPinhole, delete
from gaussian.mark.detect import read_mark, sight_of
from gaussian.mark.embed import marked, marked_within, mean_psnr, picture_of
from gaussian.mark.pattern import BITS, WAVES, mixture, waves
from gaussian.splats import SH_C0, Splats

MESSAGE = tuple(bool(int(bit)) for bit in f"{0xC0FFEE42:032b}")
KEY, LOSS = "mine", 0.5


@pytest.fixture(scope="module")
def scene() -> Splats:
    """A wall of Gaussians with a texture, a little rough."""
    generator = torch.Generator().manual_seed(0)
    side = 64
    y, x = torch.meshgrid(torch.linspace(-1, 1, side), torch.linspace(-1, 1, side), indexing="ij")
    means = torch.stack([x, y, 0.1 * torch.rand(side, side, generator=generator)], -1).view(-1, 3)
    n = len(means)
    texture = torch.nn.functional.interpolate(torch.rand(1, 3, 12, 12, generator=generator), size=side, mode="bicubic")
    colors = 0.2 + 0.6 * texture[0].permute(1, 2, 0).reshape(n, 3).clamp(0, 1)
    colors = colors + 0.05 * torch.randn(n, 3, generator=generator)
    return Splats(
        means, torch.full((n, 3), 0.026).log(), torch.tensor([1.0, 0, 0, 0]).expand(n, 4).contiguous(),
        torch.full((n,), 3.0), ((colors - 0.5) / SH_C0)[:, None],
    )  # fmt: skip


@pytest.fixture(scope="module")
def cameras() -> list[PosedPinhole]:
    found = []
    for shift in (-0.1, 0.1):
        viewmat = torch.eye(4)
        viewmat[0, 3], viewmat[2, 3] = shift, 2.2
        found.append(PosedPinhole(viewmat, torch.tensor([[220.0, 0, 96], [0, 220, 96], [0, 0, 1]]), 192, 192))
    return found


@pytest.fixture(scope="module")
def photographs(scene, cameras) -> list[torch.Tensor]:
    """The renders with the error of a good reconstruction, 28 dB."""
    generator = torch.Generator().manual_seed(1)
    pictures = [picture_of(scene, camera) for camera in cameras]
    return [picture + 0.04 * torch.randn(picture.shape, generator=generator) for picture in pictures]


@pytest.fixture(scope="module")
def mark(scene, cameras, photographs) -> Splats:
    return marked_within(scene, KEY, MESSAGE, cameras, photographs, LOSS)[0]


@pytest.fixture(scope="module")
def sights(scene, cameras):
    return [sight_of(scene, camera) for camera in cameras]


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(np.rint(picture * 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as opened:
        return np.asarray(opened, np.float32) / 255


def test_a_key_mixes_the_waves_to_orthonormal_patterns(scene):
    mix = mixture(KEY)
    assert mix.shape == (WAVES, BITS)
    torch.testing.assert_close(mix.T @ mix, torch.eye(BITS, dtype=torch.float64))
    assert (mixture(KEY).T @ mixture("other")).abs().max() < 0.5
    assert waves(scene, scene.means).abs().max() <= 1


def test_the_loss_is_what_was_allowed(scene, mark, cameras, photographs):
    lost = mean_psnr(scene, cameras, photographs) - mean_psnr(mark, cameras, photographs)
    assert 0.4 < lost <= LOSS
    for name, tensor in scene.tensors.items():
        assert torch.equal(tensor, mark.tensors[name]) == (name != "sh")


@pytest.mark.parametrize("attack", ["none", "jpeg", "noise", "darker", "scaled", "cropped", "thinned"])
def test_the_message_is_read_after(attack, mark, cameras, sights):
    generator = np.random.default_rng(0)
    picture = picture_of(mark, cameras[0]).numpy()
    attacked = {
        "none": picture,
        "jpeg": jpeg(picture, 50),
        "noise": np.clip(picture + 0.05 * generator.normal(size=picture.shape), 0, 1).astype(np.float32),
        "darker": picture * np.float32(0.8),
        "scaled": cv2.resize(picture, (128, 128), interpolation=cv2.INTER_AREA),
        "cropped": np.ascontiguousarray(picture[20:170, 12:180]),
        "thinned": picture_of(delete(mark, torch.from_numpy(generator.random(len(mark)) < 0.1)), cameras[0]).numpy(),
    }[attack]
    reading = read_mark(attacked, sights[:1] if attacked.shape == picture.shape else sights, KEY)
    assert reading.view == 0
    assert reading.right(MESSAGE) >= (BITS if attack == "none" else 25)
    assert reading.chance(MESSAGE) < 2e-3


def test_where_there_is_no_mark_and_by_other_keys_bits_are_right_by_chance(scene, mark, cameras, sights):
    picture = jpeg(picture_of(mark, cameras[0]).numpy(), 75)
    right = [read_mark(picture, sights[:1], f"key {number}").right(MESSAGE) for number in range(60)]
    assert abs(np.mean(right) - BITS / 2) < 4 * (BITS / 4 / 60) ** 0.5
    assert max(right) < BITS - 5
    plain = read_mark(jpeg(picture_of(scene, cameras[0]).numpy(), 75), sights[:1], KEY)
    assert plain.chance(MESSAGE) > 1e-4


def test_a_stronger_mark_scores_higher(scene, cameras, sights):
    scores = []
    for amplitude in (0.005, 0.02):
        picture = picture_of(marked(scene, KEY, MESSAGE, amplitude), cameras[0]).numpy()
        scores.append(float(read_mark(picture, sights[:1], KEY).scores.abs().mean()))
    assert scores[1] > 3 * scores[0]


def test_another_picture_is_refused(sights):
    noise = np.random.default_rng(0).random((100, 90, 3)).astype(np.float32)
    with pytest.raises(DataError, match="shows the same"):
        read_mark(noise, sights, KEY)
