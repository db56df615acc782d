"""An edit takes over its base's model, but for what an edit chooses itself."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
from nerfstudio.configs.method_configs import method_configs

from editor3d.plugin.bases.base import Base, adopt_base
from nerf_methods.in2n import in2n
from nerf_methods.nerfacto import EditNerfactoModelConfig, nerfacto
from nerf_methods.voxel.method import voxel
from nerf_methods.voxel.model import VoxelModelConfig


@pytest.mark.parametrize("own", [VoxelModelConfig(loss="l1"), EditNerfactoModelConfig(loss="l1")])
@pytest.mark.parametrize("stock", [False, True])
def test_an_edit_of_nerfacto_does_not_anneal_again(own, stock):
    """Annealing from the first step of the edit would make its first hundreds of renders sample space evenly."""
    config = deepcopy(in2n.config)
    own = deepcopy(own)
    if isinstance(own, EditNerfactoModelConfig):
        own.use_proposal_weight_anneal = False
    config.pipeline.model = own
    base = deepcopy(method_configs["nerfacto"] if stock else nerfacto.config)
    base.pipeline.model.log2_hashmap_size = 17
    assert base.pipeline.model.use_proposal_weight_anneal
    adopt_base(config, Base(Path("step-000000001.ckpt"), base))
    assert isinstance(config.pipeline.model, EditNerfactoModelConfig)
    assert config.pipeline.model.use_proposal_weight_anneal is False
    assert config.pipeline.model.log2_hashmap_size == 17
    assert config.pipeline.model.loss == "l1"


def test_an_edit_of_voxels_skips_empty_space_from_the_start_and_fits_the_background():
    config = deepcopy(in2n.config)
    config.pipeline.model = EditNerfactoModelConfig(loss="l1")
    base = deepcopy(voxel.config)
    base.pipeline.model.resolutions = (20, 40)
    adopt_base(config, Base(Path("step-000000001.ckpt"), base))
    assert isinstance(config.pipeline.model, VoxelModelConfig)
    assert config.pipeline.model.occupancy_start == 0
    assert config.pipeline.model.learn_background
    assert config.optimizers.keys() >= {"fields", "background"}
    assert config.pipeline.model.resolutions == (20, 40)
    assert config.pipeline.model.loss == "l1"
