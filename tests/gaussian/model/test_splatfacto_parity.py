"""On CUDA `splat` trains as nerfstudio's splatfacto does, and splatfacto's checkpoints look here as they do there."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict

import pytest
import torch
import torchvision
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.configs.method_configs import method_configs
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.models.splatfacto import SplatfactoModel, SplatfactoModelConfig

from editor3d.errors import CheckpointError
from editor3d.plugin.train.pipeline import MODEL_PREFIX
from gaussian.fit.losses import elongation
from gaussian.fit.training import splat_optimizers
from gaussian.methods import splat as method
from gaussian.methods.splat import CUDA_STEPS, splatfacto_model
from gaussian.model.background import color_of_step
from gaussian.model.model import SplatModel, SplatModelConfig
from gaussian.splats import SH_C0

VIEWS = 137
BOX = SceneBox(torch.tensor([[-1.0, -1, -1], [1, 1, 1]]))


def model_of(count: int = 50, **settings) -> SplatModel:
    """Gaussians at random points around the origin."""
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(count, 3, generator=generator) * 0.8 - 0.4
    colors = (torch.rand(count, 3, generator=generator) * 255).to(torch.uint8)
    config = SplatModelConfig(**{"initial_opacity": 0.9, "sh_degree": 2, "sh_degree_interval": 0, **settings})
    return config.setup(scene_box=BOX, num_train_data=1, seed_points=(points, colors)).eval()


def camera_at(distance: float = 2.0, **metadata) -> Cameras:
    """Looks at the origin from +z, 48 x 40."""
    c2w = torch.eye(4)[:3].clone()
    c2w[2, 3] = distance
    return Cameras(
        c2w[None], 40.0, 40.0, 24.0, 20.0, 48, 40, camera_type=CameraType.PERSPECTIVE, metadata=metadata or None
    )


def drawn(model: SplatModel) -> dict[str, torch.Tensor]:
    return model.get_outputs_for_camera(camera_at())


@pytest.fixture
def splatfacto(monkeypatch):
    """Makes nerfstudio's own model; its network for LPIPS without the weights that it would download."""
    alexnet = torchvision.models.alexnet
    monkeypatch.setattr(torchvision.models, "alexnet", lambda weights: alexnet(weights=None))

    def make(**settings) -> SplatfactoModel:
        torch.manual_seed(0)
        config = SplatfactoModelConfig(random_init=True, num_random=60, random_scale=0.8, **settings)
        model = config.setup(scene_box=BOX, num_train_data=VIEWS)
        with torch.no_grad():
            model.gauss_params["opacities"].fill_(2.0)
            model.gauss_params["features_rest"].normal_(0.0, 0.2)
        return model

    return make


def stored(model: SplatfactoModel) -> dict[str, torch.Tensor]:
    """The `pipeline` entry of the checkpoint that nerfstudio would write."""
    return {MODEL_PREFIX + key: value for key, value in model.state_dict().items()}


def run_config(model: SplatfactoModel) -> TrainerConfig:
    config = deepcopy(method_configs["splatfacto"])
    config.pipeline.model = model.config
    return config


def opened(model: SplatfactoModel, config: TrainerConfig | None = None, **settings) -> SplatModel:
    """The same scene as a model of ours."""
    own = model_of(7, sh_degree=3, **settings)
    state = own.adapt_base_state(stored(model), config, ())
    own.load_state_dict({key.removeprefix(MODEL_PREFIX): value for key, value in state.items()})
    return own


# training


def test_the_strategy_is_splatfactos_field_by_field(splatfacto):
    theirs = splatfacto()
    ours = splatfacto_model().setup(scene_box=BOX, num_train_data=VIEWS)
    wanted = asdict(theirs.strategy) | {"verbose": False}  # it prints, where we have a progress bar
    assert asdict(ours.growth.strategy) == wanted
    assert ours.growth.strategy.max_gaussians is None
    assert ours.strategy_state == theirs.strategy_state
    assert wanted["pause_refine_after_reset"] == VIEWS + 100


def test_settings_of_the_model_are_splatfactos():
    ours, theirs = splatfacto_model(), SplatfactoModelConfig()
    assert (ours.sh_degree, ours.sh_degree_interval) == (theirs.sh_degree, theirs.sh_degree_interval)
    assert (ours.num_random, 2 * ours.random_radius) == (theirs.num_random, theirs.random_scale)
    assert ours.random_background == (theirs.background_color == "random")
    assert ours.ssim_lambda == theirs.ssim_lambda
    assert ours.rasterize_mode == theirs.rasterize_mode
    assert ours.use_scale_regularization == theirs.use_scale_regularization
    assert ours.max_gauss_ratio == theirs.max_gauss_ratio
    assert ours.initial_opacity == 0.1


def test_rates_are_splatfactos():
    ours, theirs = splat_optimizers(CUDA_STEPS), method_configs["splatfacto"].optimizers
    assert method_configs["splatfacto"].max_num_iterations == CUDA_STEPS
    for name, group in ours.items():
        assert group["optimizer"].lr == pytest.approx(theirs[name]["optimizer"].lr)
        assert group["optimizer"].eps == theirs[name]["optimizer"].eps
        if theirs[name]["scheduler"] is None:
            assert group["scheduler"] is None
        else:
            for field in ("lr_final", "max_steps", "warmup_steps"):
                assert getattr(group["scheduler"], field) == pytest.approx(getattr(theirs[name]["scheduler"], field))


def test_cuda_trains_as_splatfacto_and_a_cpu_as_before(monkeypatch):
    monkeypatch.setattr(method, "default_device", lambda: "cuda")
    config = method._config()
    assert config.pipeline.model == splatfacto_model()
    theirs = SplatfactoModelConfig()
    manager = config.pipeline.datamanager
    assert (manager.num_downscales, manager.downscale_steps) == (theirs.num_downscales, theirs.resolution_schedule)
    monkeypatch.setattr(method, "default_device", lambda: "cpu")
    model = method._config().pipeline.model
    assert not any((model.random_background, model.clamp_in_training, model.use_scale_regularization))
    assert (model.strategy.pause_after_reset, model.strategy.screen_size_stop) == (0, 0)


def test_the_loss_is_splatfactos(splatfacto):
    theirs = splatfacto(use_scale_regularization=True, max_gauss_ratio=2.0, num_downscales=0)
    ours = opened(theirs, use_scale_regularization=True, max_gauss_ratio=2.0)
    with torch.no_grad():
        for model in (theirs, ours):
            model.gauss_params["scales"][:, 0] += 1.5
    generator = torch.Generator().manual_seed(0)
    outputs = {"rgb": torch.rand(40, 48, 3, generator=generator), "background": torch.zeros(3)}
    batch = {"image": torch.rand(40, 48, 3, generator=generator)}
    for step in (20, 21):
        for model in (theirs, ours):
            model.train()
            model.step = step
        wanted = sum(theirs.get_loss_dict(outputs, batch).values())
        torch.testing.assert_close(sum(ours.get_loss_dict(outputs, batch).values()), wanted, rtol=1e-5, atol=1e-6)


def test_only_what_is_longer_than_the_limit_is_held_back():
    scales = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.5]]).requires_grad_()
    elongation(scales, 2.0).backward()
    assert not scales.grad[0].any()
    assert scales.grad[1, 0] > 0
    assert scales.grad[1, 1] < 0


def test_a_scene_is_trained_before_another_colour_at_every_step_and_shown_before_one():
    model = model_of(random_background=True, background=(0.25, 0.5, 0.75))
    model.train()
    corners = []
    for step in (3, 4, 3):
        model.update_to_step(step)
        corners.append(model.get_outputs(camera_at(canvas=True))["rgb"][0, 0])
        assert torch.equal(corners[-1], color_of_step(step))
    assert torch.equal(corners[0], corners[2])
    assert not torch.equal(corners[0], corners[1])
    torch.testing.assert_close(drawn(model.eval())["rgb"][0, 0], torch.tensor([0.25, 0.5, 0.75]))
    colors = torch.stack([color_of_step(step) for step in range(2000)])
    assert (colors.mean(0) - 0.5).abs().max() < 0.03
    assert (torch.corrcoef(torch.cat([colors[1:], colors[:-1]], 1).T).fill_diagonal_(0.0)).abs().max() < 0.1


@pytest.mark.parametrize("clamped", [False, True])
def test_what_is_too_bright_takes_a_gradient_unless_it_is_clamped(clamped):
    model = model_of(clamp_in_training=clamped)
    with torch.no_grad():
        model.gauss_params["features_dc"].fill_(9.0)
    model.train()
    picture = model.get_outputs(camera_at(canvas=True))["rgb"]
    bright = picture.detach() >= 1.0
    assert bright.any()
    picture[bright].sum().backward()
    assert (picture.max() == 1.0) == clamped
    assert bool(model.gauss_params["features_dc"].grad.any()) != clamped


# checkpoints


def looks(model: SplatfactoModel) -> torch.Tensor:
    """[N, 3], the colours that splatfacto shows where no higher harmonic says otherwise."""
    return model.colors.detach()


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_colours_are_splatfactos(splatfacto, degree):
    theirs = splatfacto(sh_degree=degree)
    ours = opened(theirs, run_config(theirs))
    assert ours.sh_degree == degree
    torch.testing.assert_close(0.5 + SH_C0 * ours.splats.sh[:, 0], looks(theirs))
    assert torch.equal(ours.gauss_params["features_rest"], theirs.gauss_params["features_rest"])
    for name in ("means", "scales", "quats", "opacities"):
        assert torch.equal(ours.gauss_params[name], theirs.gauss_params[name])
    own = model_of(20, sh_degree=0)  # a scene of ours without harmonics holds none of splatfacto's logits
    state = {MODEL_PREFIX + key: value for key, value in own.state_dict().items()}
    assert own.adapt_base_state(state, None, ()) is state


def test_colours_of_degree_0_are_told_by_the_checkpoint_alone(splatfacto):
    theirs = splatfacto(sh_degree=0)
    torch.testing.assert_close(0.5 + SH_C0 * opened(theirs).splats.sh[:, 0], looks(theirs))


@pytest.mark.parametrize("color", ["white", "black", "random"])
def test_the_background_is_what_splatfacto_shows(splatfacto, color):
    theirs = splatfacto(background_color=color, rasterize_mode="antialiased").eval()
    ours = opened(theirs, run_config(theirs))
    wanted = theirs._get_background_color()
    torch.testing.assert_close(drawn(ours)["rgb"][0, 0], wanted)
    assert ours.config.rasterize_mode == "antialiased"


def test_what_belongs_to_single_pictures_is_left_out_and_said(splatfacto, capsys):
    from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig

    theirs = splatfacto(use_bilateral_grid=True, camera_optimizer=CameraOptimizerConfig(mode="SO3xR3"))
    assert any("bil_grids" in key for key in stored(theirs))
    assert any("camera_optimizer" in key for key in stored(theirs))
    ours = opened(theirs, run_config(theirs))
    told = " ".join(capsys.readouterr().out.split())
    assert "camera_optimizer" in told
    assert "use_bilateral_grid" in told
    assert torch.equal(ours.means, theirs.means)


def test_what_cannot_be_shown_is_refused_by_name(splatfacto):
    theirs = splatfacto(sh_degree=4)
    with pytest.raises(CheckpointError, match="sh_degree"):
        opened(theirs, run_config(theirs))
    theirs = splatfacto()
    theirs.config.background_color = "pink"
    with pytest.raises(CheckpointError, match="background_color"):
        opened(theirs, run_config(theirs))


def test_checkpoints_of_older_splatfactos_load(splatfacto):
    theirs = splatfacto()
    state = {key.replace("gauss_params.", ""): value for key, value in stored(theirs).items()}
    ours = model_of(7, sh_degree=3)
    adapted = ours.adapt_base_state(state, run_config(theirs), ())
    assert {key for key in adapted if "gauss_params" in key} == {key for key in stored(theirs) if "gauss" in key}


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("degree", [0, 3])
def test_pictures_are_splatfactos(splatfacto, degree):
    theirs = splatfacto(sh_degree=degree, background_color="white").cuda().eval()
    ours = opened(theirs.cpu(), run_config(theirs)).cuda().eval()
    theirs.cuda()
    theirs.step = 30_000
    camera = camera_at().to("cuda")
    with torch.no_grad():
        wanted = theirs.get_outputs_for_camera(camera)["rgb"]
    torch.testing.assert_close(ours.get_outputs_for_camera(camera)["rgb"], wanted, rtol=1e-4, atol=1e-4)


def test_defaults_of_old_configurations_stay():
    """A run of before these settings goes on as it began."""
    config = SplatModelConfig()
    assert not any((config.random_background, config.clamp_in_training))
    assert config.strategy.pause_after_reset == 0
    assert config.strategy.screen_size_stop == 0
