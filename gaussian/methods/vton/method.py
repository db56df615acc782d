"""`ns-train gaussian-vton`: a captured person is dressed from the picture of a garment."""

from __future__ import annotations

from dataclasses import dataclass, field

from nerfstudio.plugins.types import MethodSpecification

from editor3d.datasets.views.images import read_image, read_object_masks
from editor3d.host.device import default_device
from editor3d.plugin.edit.trainer import EditTrainer, EditTrainerConfig
from gaussian.fit.training import edit_training
from gaussian.methods.dataset_update import all_at_once
from gaussian.methods.vton.person import check_person
from gaussian.methods.vton.pipeline import PERSON_FOLDER, VtonPipelineConfig
from gaussian.methods.vton.updater import STAGES

CUDA_STEPS, CPU_STEPS = 6000, 750


@dataclass
class VtonTrainerConfig(EditTrainerConfig):
    """Configuration of a try-on."""

    _target: type = field(default_factory=lambda: EditTrainer)
    pipeline: VtonPipelineConfig = field(default_factory=VtonPipelineConfig)

    def check(self) -> None:
        garment = self.options.garment
        if garment is not None and not self.options.instruction:
            self.choose(instruction=f"put on {garment.name}")
        self.pipeline.edit_rate = max(1, -(-self.max_num_iterations // len(STAGES)))
        super().check()
        if (self.get_base_dir() / PERSON_FOLDER).is_dir():
            return  # found before
        posed = self.capture()
        check_person(
            posed.train_views,
            lambda view: read_image(view).float() / 255.0,
            lambda view: read_object_masks(view, posed.objects),
        )


def _config() -> VtonTrainerConfig:
    """A third of the steps for each stage; rates and strategy as igs2gs has them."""
    on_cuda = default_device() == "cuda"
    steps = CUDA_STEPS if on_cuda else CPU_STEPS
    return all_at_once(
        VtonTrainerConfig,
        VtonPipelineConfig,
        method_name="gaussian-vton",
        steps=steps,
        edit_rate=-(-steps // len(STAGES)),
        training=edit_training(steps, refine_start=steps // 6),
        steps_per_save=500 if on_cuda else 125,
    )


gaussian_vton = MethodSpecification(
    config=_config(),
    description="GaussianVTON: dress a captured person from the picture of a garment.",
)
