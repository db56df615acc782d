"""`ns-train vox-e`: edit a voxel field as a text describes it, everywhere or in one part."""

from __future__ import annotations

from functools import partial

from nerfstudio.plugins.types import MethodSpecification

from editor3d.host.device import default_device
from editor3d.plugin.train.datamanager import EditDataManagerConfig
from nerf_methods.distillation.trainer import DistillationTrainerConfig
from nerf_methods.vox_e.pipeline import VoxEPipelineConfig
from nerf_methods.voxel.model import VoxelModelConfig
from nerf_methods.voxel.optimizer import VoxelAdamConfig

LEARNING_RATE = 0.03
CPU_STEPS, CPU_REFINE_STEPS = 1000, 100
PAPER_STEPS, PAPER_REFINE_STEPS = 8000, 2000


def _config() -> DistillationTrainerConfig:
    """The paper's numbers on CUDA; on a CPU fewer steps, and the same course of noise levels within them."""
    on_gpu = default_device() == "cuda"
    pipeline = VoxEPipelineConfig(
        datamanager=EditDataManagerConfig(),
        model=VoxelModelConfig(occupancy_start=0),
        timesteps="annealed",
        half_precision=on_gpu,
        longest_side=256 if on_gpu else None,
        refine_steps=PAPER_REFINE_STEPS if on_gpu else CPU_REFINE_STEPS,
    )
    if not on_gpu:
        share = CPU_STEPS / PAPER_STEPS
        pipeline.anneal_start, pipeline.anneal_every = (round(n * share) for n in (4000, 600))
    unsmoothed = partial(VoxelAdamConfig, density_smoothness=0.0, color_smoothness=0.0)
    return DistillationTrainerConfig(
        method_name="vox-e",
        max_num_iterations=PAPER_STEPS if on_gpu else CPU_STEPS,
        steps_per_save=250,
        pipeline=pipeline,
        optimizers={
            "fields": {"optimizer": unsmoothed(lr=LEARNING_RATE, eps=1e-8), "scheduler": None},
            "attention": {"optimizer": unsmoothed(lr=0.1, density_lr_scale=0.0), "scheduler": None},
        },
        base_method="relu-field",
    )


vox_e = MethodSpecification(
    config=_config(),
    description="Vox-E: a ReLU field edited by score distillation, its shape held to the source's; global and local.",
)
