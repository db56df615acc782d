"""`ns-train igs2gs`: Instruct-GS2GS's dataset update of a scene of Gaussian splats."""

from __future__ import annotations

from dataclasses import dataclass

from nerfstudio.plugins.types import MethodSpecification

from editor3d.host.device import default_device
from editor3d.plugin.edit.settings import EditPipelineConfig
from editor3d.plugin.edit.trainer import EditTrainerConfig
from editor3d.types import EditorInfo
from gaussian.fit.training import edit_training
from gaussian.methods.dataset_update import all_at_once

CUDA_STEPS, CUDA_EDIT_RATE = 7500, 2500
CPU_STEPS, CPU_EDIT_RATE = 900, 300
PAPER_GUIDANCE_SCALE = 12.5
CPU_AVERAGE_SHARE = 0.28
"""Of a CPU's steps: of that many, most of those after the last round of edits, in which no Gaussian comes or goes."""


@dataclass
class Igs2gsPipelineConfig(EditPipelineConfig):
    """Configuration of the pipeline of `igs2gs`."""

    guidance_scale: float | None = None
    """Set the (text) guidance scale of a diffusion editor. The default is 12.5 for InstructPix2Pix, as in the paper,
    and the usual scale of the model for any other."""

    def usual_guidance_scale(self, info: EditorInfo) -> float:
        if self.guidance_scale is None and info.name == "ip2p":
            return PAPER_GUIDANCE_SCALE
        return super().usual_guidance_scale(info)


def _config() -> EditTrainerConfig:
    """The paper's numbers; a CPU gets steps to suit, in the same three rounds."""
    on_cuda = default_device() == "cuda"
    steps, rate = (CUDA_STEPS, CUDA_EDIT_RATE) if on_cuda else (CPU_STEPS, CPU_EDIT_RATE)
    training = edit_training(steps, refine_start=rate // 2)
    if not on_cuda:
        training[1].refine_stop = steps - rate
    return all_at_once(
        EditTrainerConfig,
        Igs2gsPipelineConfig,
        method_name="igs2gs",
        steps=steps,
        edit_rate=rate,
        training=training,
        average_share=0.0 if on_cuda else CPU_AVERAGE_SHARE,
        steps_per_save=500 if on_cuda else 200,
    )


igs2gs = MethodSpecification(
    config=_config(),
    description="Instruct-GS2GS: edit a scene of Gaussian splats by one sentence.",
)
