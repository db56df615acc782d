"""`ns-train voxel` and `ns-train relu-field`: a capture reconstructed as a voxel radiance field."""

from __future__ import annotations

from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig
from nerfstudio.plugins.types import MethodSpecification

from editor3d.plugin.train.config import PluginTrainerConfig
from editor3d.plugin.train.datamanager import EditDataManagerConfig
from editor3d.plugin.train.pipeline import PluginPipelineConfig
from nerf_methods.voxel.model import VoxelModelConfig
from nerf_methods.voxel.optimizer import VoxelAdamConfig

STEPS = 600


def voxel_optimizers(lr: float, lr_final: float, steps: int, density_lr_scale: float = 10.0) -> dict:
    """The optimisers of a voxel field and of the colour behind it: learning rates fall exponentially over the run."""
    return {
        "background": {
            "optimizer": AdamOptimizerConfig(lr=0.01),
            "scheduler": ExponentialDecaySchedulerConfig(lr_final=0.001, max_steps=steps),
        },
        "fields": {
            "optimizer": VoxelAdamConfig(lr=lr, density_lr_scale=density_lr_scale),
            "scheduler": ExponentialDecaySchedulerConfig(lr_final=lr_final, max_steps=steps),
        },
    }


voxel = MethodSpecification(
    config=PluginTrainerConfig(
        method_name="voxel",
        max_num_iterations=STEPS,
        pipeline=PluginPipelineConfig(
            datamanager=EditDataManagerConfig(train_num_rays_per_batch=8192),
            model=VoxelModelConfig(),
        ),
        optimizers=voxel_optimizers(0.2, 0.04, STEPS),
    ),
    description="Voxel radiance field with a compiled kernel: trains in minutes on a CPU.",
)

relu_field = MethodSpecification(
    config=PluginTrainerConfig(
        method_name="relu-field",
        max_num_iterations=STEPS,
        pipeline=PluginPipelineConfig(
            datamanager=EditDataManagerConfig(train_num_rays_per_batch=8192),
            model=VoxelModelConfig(activation="relu", resolutions=(64, 96, 128, 160)),
        ),
        optimizers=voxel_optimizers(0.2, 0.04, STEPS),
    ),
    description="ReLU field: the voxel field that Vox-E edits, of 160 voxels a side.",
)
