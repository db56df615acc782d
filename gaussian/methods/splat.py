"""`ns-train splat`: a capture reconstructed as Gaussian splats."""

from __future__ import annotations

from nerfstudio.plugins.types import MethodSpecification

from editor3d.host.device import default_device
from editor3d.plugin.train.config import PluginTrainerConfig
from editor3d.plugin.train.pipeline import PluginPipelineConfig
from gaussian.fit.datamanager import SplatDataManagerConfig
from gaussian.fit.densify import StrategyConfig
from gaussian.fit.training import splat_optimizers
from gaussian.model.model import SplatModelConfig

CPU_STEPS, CUDA_STEPS = 3000, 30_000


def splatfacto_model() -> SplatModelConfig:
    """The model and its densification as nerfstudio's splatfacto has them by default."""
    return SplatModelConfig(
        random_radius=5.0,
        random_background=True,
        clamp_in_training=True,
        strategy=StrategyConfig(pause_after_reset=None, screen_size_stop=4000, max_gaussians=None),
    )


def _config() -> PluginTrainerConfig:
    if default_device() == "cuda":  # splatfacto's own numbers
        steps, means_lr, haste = CUDA_STEPS, 1.6e-4, 1.0
        manager, model = SplatDataManagerConfig(num_downscales=2, downscale_steps=3000), splatfacto_model()
    else:
        # a few minutes instead of half an hour: begin coarser and more opaque, and take longer steps
        steps, means_lr, haste = CPU_STEPS, 1.6e-3, 2.0
        manager = SplatDataManagerConfig(num_downscales=2, downscale_steps=250)
        model = SplatModelConfig(
            sh_degree=1,
            sh_degree_interval=1000,
            initial_opacity=0.4,
            strategy=StrategyConfig(refine_start=300, refine_stop=steps // 2, max_gaussians=120_000),
        )
    return PluginTrainerConfig(
        method_name="splat",
        max_num_iterations=steps,
        pipeline=PluginPipelineConfig(datamanager=manager, model=model),
        optimizers=splat_optimizers(steps, means_lr, haste),
    )


splat = MethodSpecification(
    config=_config(),
    description="Gaussian splats: gsplat's kernels on a GPU, compiled ones of our own on a CPU.",
)
