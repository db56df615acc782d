"""`ns-train nerf-insert`: something new inside a region, by inpainting (NeRF-Insert, Zhou et al. 2024)."""

from __future__ import annotations

from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.plugins.types import MethodSpecification

from editor3d.host.device import default_device
from editor3d.plugin.edit.trainer import EditTrainerConfig
from editor3d.plugin.train.datamanager import EditDataManagerConfig
from nerf_methods.nerf_insert.pipeline import InsertPipelineConfig
from nerf_methods.nerfacto import EditNerfactoModelConfig, nerfacto_optimizers
from nerf_methods.voxel.method import voxel_optimizers
from nerf_methods.voxel.model import VoxelModelConfig

CUDA_STEPS, CUDA_EDIT_RATE = 30_000, 6000
CPU_STEPS, CPU_EDIT_RATE = 500, 250


def _config() -> EditTrainerConfig:
    """The paper's schedule: all views every so many steps, each time painted more weakly. CUDA gets nerfacto and the
    paper's numbers. A CPU gets the voxel field, whose values outside the region are frozen: there, rays are drawn where
    they can change something."""
    on_cuda = default_device() == "cuda"
    steps, rate = (CUDA_STEPS, CUDA_EDIT_RATE) if on_cuda else (CPU_STEPS, CPU_EDIT_RATE)
    pipeline = InsertPipelineConfig(
        datamanager=EditDataManagerConfig(train_num_rays_per_batch=8192),
        model=EditNerfactoModelConfig(
            loss="l1",
            use_proposal_weight_anneal=False,  # the base's proposal networks are trained
            camera_optimizer=CameraOptimizerConfig(mode="off"),
        )
        if on_cuda
        else VoxelModelConfig(loss="l1", occupancy_start=0),
        lower_bound=0.02,
        upper_bound=1.0,
        edit_rate=rate,
        schedule="all-at-once",
        noise_schedule="sqrt",
        lpips_weight=0.0,
        mask_rays=0.3 if on_cuda else 1.0,
    )
    return EditTrainerConfig(
        method_name="nerf-insert",
        max_num_iterations=steps,
        steps_per_save=1000,
        pipeline=pipeline,
        mixed_precision=on_cuda,
        optimizers=nerfacto_optimizers() if on_cuda else voxel_optimizers(0.1, 0.02, steps),
        base_method="nerfacto-editable" if on_cuda else "voxel",
    )


nerf_insert = MethodSpecification(
    config=_config(),
    description="NeRF-Insert: put something new into a region of a scene, by inpainting.",
)
