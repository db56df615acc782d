"""`ns-train in2n`: Instruct-NeRF2NeRF's iterative dataset update, on the radiance field that suits the machine."""

from __future__ import annotations

from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.plugins.types import MethodSpecification

from editor3d.host.device import default_device
from editor3d.plugin.edit.settings import EditPipelineConfig
from editor3d.plugin.edit.trainer import EditTrainerConfig
from editor3d.plugin.train.datamanager import EditDataManagerConfig
from nerf_methods.nerfacto import EditNerfactoModelConfig, nerfacto_optimizers
from nerf_methods.voxel.method import voxel_optimizers
from nerf_methods.voxel.model import VoxelModelConfig

VOXEL_STEPS = 400


def _config(name: str, *, steps: int, rays: int, full_precision: bool, lpips: bool) -> EditTrainerConfig:
    """One size of in2n. `steps` and `rays` are the paper's, for CUDA; a CPU gets the voxel field and steps to suit."""
    pipeline = EditPipelineConfig(
        ip2p_use_full_precision=full_precision,
        lpips_weight=1.0 if lpips else 0.0,
    )
    if default_device() == "cuda":
        pipeline.datamanager = EditDataManagerConfig(train_num_rays_per_batch=rays)
        pipeline.model = EditNerfactoModelConfig(
            loss="l1",
            use_proposal_weight_anneal=False,  # the base's proposal networks are trained
            camera_optimizer=CameraOptimizerConfig(mode="SO3xR3"),
        )
        return EditTrainerConfig(
            method_name=name,
            max_num_iterations=steps,
            steps_per_save=250,
            mixed_precision=True,
            pipeline=pipeline,
            optimizers=nerfacto_optimizers(),
            base_method="nerfacto-editable",
        )
    pipeline.datamanager = EditDataManagerConfig(train_num_rays_per_batch=8192)
    pipeline.model = VoxelModelConfig(loss="l1", occupancy_start=0, learn_background=True)
    return EditTrainerConfig(
        method_name=name,
        max_num_iterations=VOXEL_STEPS,
        steps_per_save=500,  # a checkpoint takes as long as ten steps; Ctrl-C saves in any case
        pipeline=pipeline,
        optimizers=voxel_optimizers(0.2, 0.02, VOXEL_STEPS, density_lr_scale=5.0),
        base_method="voxel",
    )


in2n = MethodSpecification(
    config=_config("in2n", steps=15_000, rays=16_384, full_precision=True, lpips=True),
    description="Instruct-NeRF2NeRF: edit a captured scene by one sentence. Full precision, LPIPS.",
)
in2n_small = MethodSpecification(
    config=_config("in2n-small", steps=30_000, rays=16_384, full_precision=False, lpips=True),
    description="Instruct-NeRF2NeRF with the 2D editor at half precision.",
)
in2n_tiny = MethodSpecification(
    config=_config("in2n-tiny", steps=30_000, rays=4096, full_precision=False, lpips=False),
    description="Instruct-NeRF2NeRF at half precision, without LPIPS, fewer rays a step.",
)
