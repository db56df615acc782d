"""Guidance whose right answer is known: a denoiser in closed form, for pictures that all have one colour."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from editor3d.guidance.ip2p_sds import InstructScoreDistillation
from editor3d.guidance.sds import ScoreDistillation
from nerf_methods.distillation.pipeline import DistillationPipelineConfig

from ..pixel_prior import PixelPrior, expected_noise

DEVIATION = 0.05


class GaussianPrior(PixelPrior):
    """Knows pictures that are N(color, DEVIATION^2)."""

    def __init__(self, colors: dict[str, tuple[float, float, float]], steps: int = 1000) -> None:
        self.colors = colors
        self.alphas_cumprod = torch.cos(torch.linspace(0.01, 1.5, steps, dtype=torch.float64)) ** 2
        self.prompts: list[str] = []
        self.timesteps: list[int] = []

    def embed(self, prompts: list[str]) -> Tensor:
        self.prompts += [prompt for prompt in prompts if prompt]
        known = {**self.colors, "": (0.5, 0.5, 0.5)}
        return torch.tensor([known[prompt.split(",")[0]] for prompt in prompts])[..., None, None]

    def predict(self, noisy: Tensor, timesteps: Tensor, text: Tensor, condition: Tensor | None = None) -> Tensor:
        self.timesteps += timesteps.tolist()
        return expected_noise(noisy, self.alphas_cumprod[timesteps].to(noisy), text, DEVIATION)


@pytest.fixture
def gold_prior(monkeypatch) -> GaussianPrior:
    """Guides every run of the test: "turn it gold" is a picture of one golden colour."""
    prior = GaussianPrior({"turn it gold": (0.9, 0.7, 0.2)})

    def create(config, plan, device):
        settings = config.guidance_settings(plan)
        kind = InstructScoreDistillation if "image_guidance_scale" in settings else ScoreDistillation
        return kind(prior, **settings)

    monkeypatch.setattr(DistillationPipelineConfig, "create_guidance", create)
    return prior


@pytest.fixture(scope="session")
def small_nerfacto(tiny_capture: Path) -> Callable[[object, int], object]:
    """Makes a configuration one of a tiny nerfacto of the tiny capture, of so many steps."""
    from nerf_methods.nerfacto import EditNerfactoModelConfig, nerfacto_optimizers

    def shrink(config, steps: int):
        config.pipeline.datamanager.data, config.experiment_name, config.vis = tiny_capture, "tiny", "tensorboard"
        config.machine.device_type, config.max_num_iterations, config.mixed_precision = "cpu", steps, False
        config.pipeline.datamanager.train_num_rays_per_batch = 64
        config.pipeline.model = EditNerfactoModelConfig(
            num_levels=2,
            log2_hashmap_size=8,
            hidden_dim=8,
            hidden_dim_color=8,
            appearance_embed_dim=2,
            num_nerf_samples_per_ray=8,
            num_proposal_samples_per_ray=(8, 8),
            proposal_net_args_list=[{"hidden_dim": 4, "log2_hashmap_size": 6, "num_levels": 2, "max_res": 16}] * 2,
            implementation="torch",
            use_proposal_weight_anneal=False,
        )
        config.pipeline.model.camera_optimizer.mode = "off"
        config.optimizers = nerfacto_optimizers()
        del config.optimizers["camera_opt"]
        return config

    return shrink


@pytest.fixture(scope="session")
def nerfacto_base(small_nerfacto, finished: Callable[[object], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a tiny nerfacto: 4 steps."""
    from nerf_methods.nerfacto import nerfacto

    config = small_nerfacto(deepcopy(nerfacto.config), 4)
    config.output_dir, config.timestamp = tmp_path_factory.mktemp("neural"), "base"
    return finished(config)


@pytest.fixture
def distilled(tiny_capture: Path, tiny_base: Path, tmp_path: Path, change: Callable) -> Callable[..., object]:
    """Makes the configuration of a tiny edit by score distillation; `pipeline` are fields of its pipeline."""

    def make(method, pipeline: dict | None = None, steps: int = 7, **own):
        config = deepcopy(method.config)
        config.pipeline.datamanager.data = tiny_capture
        config.output_dir, config.experiment_name, config.vis = tmp_path / "runs", "tiny", "tensorboard"
        config.machine.device_type, config.max_num_iterations = "cpu", steps
        config.timestamp, config.turntable_frames, config.load_dir = "run", 0, tiny_base
        config.choose(instruction="turn it gold", editor=config.pipeline.GUIDANCES[0])
        config.pipeline.longest_side = 16
        return change(config, pipeline, own)

    return make
