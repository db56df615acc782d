"""`ns-train instruct-3d-to-3d`: score distillation from InstructPix2Pix, with dynamic scaling (Kamata et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.plugins.types import MethodSpecification

from editor3d.guidance import GuidanceEntry
from editor3d.host.device import default_device
from editor3d.options import MethodOptions
from editor3d.plugin.train.datamanager import EditDataManagerConfig
from nerf_methods.distillation.pipeline import DistillationPipeline, DistillationPipelineConfig
from nerf_methods.distillation.trainer import DistillationTrainerConfig
from nerf_methods.scaling import Scaling, lattice_side, rescale
from nerf_methods.voxel.model import VoxelModelConfig
from nerf_methods.voxel.optimizer import VoxelAdamConfig

CPU_STEPS, GPU_STEPS = 1200, 10_000


@dataclass
class InstructPipelineConfig(DistillationPipelineConfig):
    """Configuration of `InstructPipeline`."""

    GUIDANCES: ClassVar[tuple[str, ...]] = ("ip2p-sds", "tiny-ip2p")
    TAKES_NOT: ClassVar[tuple[str, ...]] = tuple(
        name for name in DistillationPipelineConfig.TAKES_NOT if name != "image_guidance_scale"
    )
    _target: type = field(default_factory=lambda: InstructPipeline)
    image_guidance_scale: float | None = None
    """Set how closely the render of the unedited scene is followed. The default is the guidance's usual scale."""
    scaling: tuple[int, ...] = (0, 1, 2, 3, 2, 1, 0)
    """Halve the number of voxels this many times in each stage; the stages have equal shares of the steps."""
    keep_detail: bool = True
    """Resample the change instead of the scene, so that unchanged parts keep their detail."""

    @property
    def method(self) -> str:
        return "instruct-3d-to-3d"

    def check(self, options: MethodOptions) -> None:
        super().check(options)
        Scaling(self.scaling, 1)

    def scales(self) -> dict[str, float | None]:
        return {"image-guidance-scale": self.image_guidance_scale}

    def image_scale(self, options: MethodOptions, entry: GuidanceEntry) -> float | None:
        requested = self.image_guidance_scale if options.image_guidance_scale is None else options.image_guidance_scale
        return entry.image_scale if requested is None else requested


class InstructPipeline(DistillationPipeline):
    """Renders source and target from one random view; InstructPix2Pix sees the source as its condition."""

    config: InstructPipelineConfig

    def get_training_callbacks(self, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
        assert attributes.optimizers is not None
        optimizer = attributes.optimizers.optimizers["fields"]

        def scale(step: int) -> None:
            """Runs before a step, so that a resumed run meets the same field as an uninterrupted one."""
            with self.stopwatch.measure("fit"):
                self.scale(step, optimizer)

        first = TrainingCallback([TrainingCallbackLocation.BEFORE_TRAIN_ITERATION], scale)
        return [first, *super().get_training_callbacks(attributes)]

    def scale(self, step: int, optimizer) -> None:
        """Give the field the resolution that a step asks for."""
        session, field = self.session, self.voxel_field()
        if session is None:
            return
        level = Scaling(self.config.scaling, session.total_steps).level(step)
        wanted = lattice_side(session.source.resolution**3 / 2**level)
        if wanted != field.resolution:
            rescale(field, wanted, optimizer, session.source if self.config.keep_detail else None)
            self.freeze()
            self.update_occupancy()

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "scaling": list(self.config.scaling), "keep_detail": self.config.keep_detail}


def _config() -> DistillationTrainerConfig:
    on_gpu = default_device() == "cuda"
    return DistillationTrainerConfig(
        method_name="instruct-3d-to-3d",
        max_num_iterations=GPU_STEPS if on_gpu else CPU_STEPS,
        steps_per_save=250,
        pipeline=InstructPipelineConfig(
            datamanager=EditDataManagerConfig(),
            model=VoxelModelConfig(occupancy_start=0),
            half_precision=on_gpu,
            longest_side=256 if on_gpu else None,
        ),
        # Adam with an eps that noise does not pass: where a model has no opinion its gradient is noise alone
        optimizers={"fields": {"optimizer": VoxelAdamConfig(lr=0.03, eps=1e-8), "scheduler": None}},
        base_method="voxel",
    )


instruct_3d_to_3d = MethodSpecification(
    config=_config(),
    description="Instruct 3D-to-3D: a voxel field edited by score distillation from InstructPix2Pix.",
)
