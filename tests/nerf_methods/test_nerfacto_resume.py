"""nerfacto on the project's trainer: rays stay at full precision, and a resumed run equals an uninterrupted one."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch

from editor3d.datasets.demo import demo_path
from editor3d.plugin.train.trainer import PluginTrainer
from editor3d.run import checkpoints
from nerf_methods.nerfacto import nerfacto

LAST, STOP = 15, 12
"""Beyond step 10 nerfacto updates its proposal networks only now and then."""


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def small_run(folder: Path) -> PluginTrainer:
    config = deepcopy(nerfacto.config)
    config.pipeline.datamanager.data = demo_path()
    config.pipeline.datamanager.train_num_rays_per_batch = 16
    model = config.pipeline.model
    model.implementation, model.num_levels, model.log2_hashmap_size = "torch", 2, 8
    model.proposal_net_args_list = [{**args, "log2_hashmap_size": 8} for args in model.proposal_net_args_list]
    config.machine.device_type = "cpu"
    config.output_dir, config.timestamp, config.vis = folder, "run", "tensorboard"
    config.max_num_iterations = LAST + 1
    config.save_config()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.prepare()
    return trainer


def test_a_resumed_run_equals_the_uninterrupted_one(tmp_path, stop_before):
    whole = small_run(tmp_path / "whole")
    assert whole.fit()

    part = small_run(tmp_path / "part")
    stop_before(part, STOP + 1)
    assert not part.fit()
    resumed = small_run(tmp_path / "part")
    assert resumed.fit()

    states = [checkpoints.load(checkpoints.latest_checkpoint(t.checkpoint_dir)) for t in (whole, resumed)]
    assert states[0]["step"] == states[1]["step"] == LAST
    assert states[0]["counters"] == states[1]["counters"]
    for name, value in states[0]["pipeline"].items():
        assert torch.equal(value, states[1]["pipeline"][name]), name


def test_autocast_leaves_rays_at_full_precision(tmp_path):
    sampler = small_run(tmp_path).pipeline.datamanager.train_pixel_sampler
    rays, _ = sampler.draw(torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        autocast_rays, _ = sampler.draw(torch.Generator().manual_seed(0))
    assert autocast_rays.directions.dtype == torch.float32
    assert torch.equal(autocast_rays.directions, rays.directions)
