"""The views that splats are trained on."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gaussian.fit.datamanager import SplatDataManager, SplatDataManagerConfig
from gaussian.methods.splat import splat
from gaussian.model.model import SplatModelConfig


def manager_of(data: Path, **settings) -> SplatDataManager:
    config = deepcopy(splat.config.pipeline.datamanager)
    assert isinstance(config, SplatDataManagerConfig)
    config.data = config.dataparser.data = data
    for name, value in settings.items():
        setattr(config, name, value)
    return config.setup(device="cpu", test_mode="val", world_size=1, local_rank=0)


def change(data: Path, **fields) -> None:
    path = data / "transforms.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def views(manager: SplatDataManager, steps: range) -> list[int]:
    return [manager.next_train(step)[0].metadata["cam_idx"] for step in steps]


def test_every_round_has_every_view_once_in_an_order_of_its_own(tiny_capture):
    manager = manager_of(tiny_capture)
    count = len(manager.train_pictures)
    rounds = [views(manager, range(count * r, count * (r + 1))) for r in range(4)]
    for order in rounds:
        assert sorted(order) == list(range(count))
    assert len({tuple(order) for order in rounds}) > 1


def test_the_order_is_the_same_wherever_a_run_goes_on(tiny_capture):
    whole = views(manager_of(tiny_capture), range(30))
    assert views(manager_of(tiny_capture), range(13, 30)) == whole[13:]
    assert views(manager_of(tiny_capture, seed=1), range(30)) != whole


def test_resolution_doubles_to_the_full_one(tiny_capture):
    manager = manager_of(tiny_capture, num_downscales=2, downscale_steps=10)
    sizes = [tuple(manager.next_train(step)[1]["image"].shape[:2]) for step in (0, 9, 10, 19, 20, 1000)]
    assert sizes == [(5, 6), (5, 6), (10, 12), (10, 12), (20, 24), (20, 24)]
    camera, _ = manager.next_train(10)
    assert camera.metadata["downscale"] == 2


@pytest.mark.parametrize("downscale", [1, 2])
@pytest.mark.parametrize("distortion", [{}, {"k1": 0.05}])
def test_the_next_batch_sees_an_edited_picture(own_capture, downscale, distortion):
    change(own_capture, **distortion)
    manager = manager_of(own_capture)
    sampler = manager.train_pixel_sampler
    before = sampler.batch(3, downscale)["image"].clone()
    other = sampler.batch(4, downscale)["image"].clone()
    edited = torch.full_like(manager.train_pictures[3], 51)
    manager.train_pictures.write(3, edited)
    after = sampler.batch(3, downscale)["image"]
    assert not torch.equal(before, after)
    torch.testing.assert_close(after, torch.full_like(after, 0.2))
    assert torch.equal(sampler.batch(4, downscale)["image"], other)


def test_a_batch_is_the_photograph(tiny_capture):
    manager = manager_of(tiny_capture, num_downscales=0)
    camera, batch = manager.next_train(0)
    index = camera.metadata["cam_idx"]
    assert torch.equal(batch["image"], manager.train_pictures[index] / 255.0)
    assert torch.equal(camera.camera_to_worlds[0], manager.train_dataset.cameras.camera_to_worlds[index])
    assert "mask" not in batch


@pytest.mark.parametrize("transparent", [True, False])
def test_the_scene_stands_before_what_transparent_pictures_are_laid_over(own_capture, transparent):
    for path in sorted((own_capture / "images").iterdir()):
        picture = np.array(Image.open(path).convert("RGBA"))
        if transparent:
            picture[:10] = 0  # nothing of a photograph is kept there: it is no mask
        Image.fromarray(picture).save(path)
    manager = manager_of(own_capture)
    model = SplatModelConfig(num_random=1, random_background=transparent).setup(
        scene_box=None, num_train_data=9, metadata=manager.train_dataset.metadata
    )
    with torch.no_grad():
        model.gauss_params["opacities"].fill_(-20.0)
    camera, batch = manager.next_train(1000)
    for training in (True, False):
        drawn = model.train(training).get_outputs(camera)["rgb"][0, 0]
        assert torch.equal(drawn, torch.ones(3) if transparent else torch.zeros(3))
    assert torch.equal(batch["image"][0, 0], drawn) == transparent


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_are_made_on_the_device(own_capture):
    sampler = manager_of(own_capture).train_pixel_sampler
    there, here = sampler.batch(0, 2, "cuda"), sampler.batch(0, 2)
    assert there["image"].is_cuda
    torch.testing.assert_close(there["image"].cpu(), here["image"])


@pytest.mark.parametrize("downscale", [1, 2])
def test_masks_leave_pixels_out(own_capture, downscale):
    (own_capture / "masks").mkdir()
    mask = np.full((20, 24), 255, np.uint8)
    mask[:, :7] = 0
    Image.fromarray(mask).save(own_capture / "masks/mask.png")
    frames = json.loads((own_capture / "transforms.json").read_text())["frames"]
    change(own_capture, frames=[{**frame, "mask_path": "masks/mask.png"} for frame in frames])
    kept = manager_of(own_capture).train_pixel_sampler.batch(0, downscale)["mask"]
    edge = -(-7 // downscale)  # a pixel that is masked in part is left out
    assert kept.shape == (20 // downscale, 24 // downscale, 1)
    assert not kept[:, :edge].any()
    assert kept[:, edge:].all()


def test_what_a_lens_does_not_see_is_masked(own_capture):
    change(own_capture, k1=-0.2)
    batch = manager_of(own_capture).train_pixel_sampler.batch(0, 1)
    assert batch["mask"].shape == (*batch["image"].shape[:2], 1)
    assert 0.5 < batch["mask"].float().mean() < 1
