"""The splat model: what it loads, what it draws, and that resuming changes nothing."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.scene_box import OrientedBox, SceneBox

from editor3d.geometry.lens import Lens
from editor3d.plugin.train.trainer import PluginTrainer
from editor3d.run import checkpoints
from gaussian.draw.drawing import viewmat_of
from gaussian.fit.densify import StrategyConfig
from gaussian.fit.training import splat_optimizers
from gaussian.methods.splat import splat
from gaussian.model.model import SplatModel, SplatModelConfig
from gaussian.model.parameters import PARAMETERS
from gaussian.model.scene import FADED
from gaussian.splats import SH_C0, select

SPLATFACTO = {f"gauss_params.{name}" for name in PARAMETERS}
BOX = SceneBox(torch.tensor([[-1.0, -1, -1], [1, 1, 1]]))


def model_of(count: int = 50, seed: int = 0, **settings) -> SplatModel:
    """Gaussians at random points around the origin."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(count, 3, generator=generator) * 0.8 - 0.4
    colors = (torch.rand(count, 3, generator=generator) * 255).to(torch.uint8)
    settings = {"initial_opacity": 0.9, "sh_degree": 2, "sh_degree_interval": 0, **settings}
    model = SplatModelConfig(**settings).setup(scene_box=BOX, num_train_data=1, seed_points=(points, colors))
    return model.eval()


def camera_at(distance: float = 2.0, distortion: tuple = (0.0,) * 6, **metadata) -> Cameras:
    """Looks at the origin from +z, 48 x 40."""
    c2w = torch.eye(4)[:3].clone()
    c2w[2, 3] = distance
    return Cameras(
        c2w[None], 40.0, 40.0, 24.0, 20.0, 48, 40, torch.tensor([distortion]), CameraType.PERSPECTIVE,
        metadata=metadata or None,
    )  # fmt: skip


def drawn(model: SplatModel, camera: Cameras | None = None, **options) -> dict[str, torch.Tensor]:
    return model.get_outputs_for_camera(camera_at() if camera is None else camera, **options)


# parameters


def test_parameters_bear_splatfactos_names_and_shapes():
    model = model_of(50)
    state = {name: tuple(value.shape) for name, value in model.state_dict().items() if name.startswith("gauss_params")}
    assert set(state) == SPLATFACTO
    shapes = {"means": (50, 3), "scales": (50, 3), "quats": (50, 4), "opacities": (50, 1)}
    shapes |= {"features_dc": (50, 3), "features_rest": (50, 8, 3)}
    assert state == {f"gauss_params.{name}": shape for name, shape in shapes.items()}
    assert set(model.get_param_groups()) == set(splat.config.optimizers)


@pytest.mark.parametrize(("count", "degree"), [(20, 2), (90, 2), (50, 0), (33, 3)])
def test_a_scene_of_another_size_loads_into_the_parameters_that_optimisers_hold(count, degree):
    model, other = model_of(50), model_of(count, seed=1, sh_degree=degree)
    held = {name: group[0] for name, group in model.get_param_groups().items()}
    model.means.grad = torch.zeros_like(model.means)
    model.load_state_dict(other.state_dict())
    assert model.num_points == count
    assert model.sh_degree == degree
    for name, parameter in held.items():
        assert model.gauss_params[name] is parameter
        assert torch.equal(parameter, other.gauss_params[name])
        assert parameter.grad is None
    assert torch.equal(drawn(model)["rgb"], drawn(other)["rgb"])


def test_a_scene_can_be_set_and_read_back():
    model, other = model_of(50), model_of(21, seed=1)
    held = dict(model.gauss_params.items())
    model.set_splats(other.splats)
    for name, parameter in held.items():
        assert model.gauss_params[name] is parameter
        assert torch.equal(parameter, other.gauss_params[name])
        assert parameter.data_ptr() != other.gauss_params[name].data_ptr()


# rendering


def test_pictures_have_the_cameras_size_and_range():
    outputs = drawn(model_of())
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "rgb": (40, 48, 3),
        "accumulation": (40, 48, 1),
        "depth": (40, 48, 1),
    }
    assert outputs["rgb"].min() >= 0
    assert outputs["rgb"].max() <= 1
    assert outputs["accumulation"].max() > 0.5


def test_background_fills_what_the_scene_leaves():
    model = model_of(background=(0.25, 0.5, 0.75))
    outputs = drawn(model)
    corner = outputs["accumulation"][0, 0] == 0
    assert corner.all()
    torch.testing.assert_close(outputs["rgb"][0, 0], torch.tensor([0.25, 0.5, 0.75]))


def test_the_world_to_camera_matrix_turns_opengl_axes_to_opencv():
    camera = camera_at(2.0)
    viewmat = viewmat_of(camera.camera_to_worlds[0])
    # straight ahead, to the right and up of the camera
    points = torch.tensor([[0.0, 0, 0, 1], [1.0, 0, 0, 1], [0, 1.0, 0, 1]]) @ viewmat.T
    torch.testing.assert_close(points[:, :3], torch.tensor([[0.0, 0, 2], [1, 0, 2], [0, -1, 2]]))


@pytest.mark.parametrize("distortion", [(0.0,) * 6, (0.08, -0.03, 0.0, 0.0, 0.002, 0.001)])
def test_depth_is_the_length_of_the_ray(distortion):
    """A wall of Gaussians at z = 0 seen from z = 2: along each ray as far as the plane is."""
    model = model_of(4000, initial_opacity=0.95)
    with torch.no_grad():
        wall = model.means
        wall[:, :2] *= 6.0
        wall[:, 2] = 0.0
        model.gauss_params["scales"].copy_(torch.tensor([0.08, 0.08, 1e-4]).log().expand(4000, 3))
        model.gauss_params["quats"].copy_(torch.tensor([1.0, 0, 0, 0]).expand(4000, 4))
    camera = camera_at(2.0, distortion)
    outputs = drawn(model, camera)
    forward = -Lens.of(camera, 0).directions()[:, 2].view(40, 48, 1)
    solid = outputs["accumulation"] > 0.99
    assert solid.float().mean() > 0.8
    torch.testing.assert_close(outputs["depth"][solid], (2.0 / forward)[solid], rtol=2e-3, atol=0)


def test_a_distorted_lens_draws_what_it_sees():
    """The middle of each ray's Gaussian appears where the lens, not the pinhole, shows it."""
    model = model_of(1, initial_opacity=0.95)
    distortion = (0.3, 0.0, 0.0, 0.0, 0.0, 0.0)
    camera = camera_at(2.0, distortion)
    direction = Lens.of(camera, 0).directions().view(40, 48, 3)[8, 40]
    with torch.no_grad():
        model.means[0] = direction * (2.0 / -direction[2]) + torch.tensor([0.0, 0, 2.0])
        model.gauss_params["scales"].fill_(np.log(0.03))
    accumulation = drawn(model, camera)["accumulation"][..., 0]
    assert divmod(int(accumulation.argmax()), 48) == (8, 40)
    assert divmod(int(drawn(model)["accumulation"][..., 0].argmax()), 48) != (8, 40)


def test_a_crop_box_shows_what_is_inside_and_is_forgotten_again():
    model = model_of(200)
    whole = drawn(model)["rgb"]
    box = OrientedBox(R=torch.eye(3), T=torch.tensor([0.2, 0.0, 0.0]), S=torch.tensor([0.4, 2.0, 2.0]))
    inside = box.within(model.means).squeeze(-1)
    assert 0 < inside.sum() < 200
    cropped = drawn(model, obb_box=box)
    only = model_of(200)
    only.load_state_dict({**only.state_dict(), **{k: v[inside] for k, v in model.state_dict().items() if "gauss" in k}})
    assert torch.equal(cropped["rgb"], drawn(only)["rgb"])
    assert torch.equal(drawn(model)["rgb"], whole)


def test_training_draws_the_canvas_at_the_steps_resolution():
    model = model_of().train()
    outputs = model.get_outputs(camera_at(canvas=True, downscale=2))
    assert outputs["rgb"].shape == (20, 24, 3)
    assert "depth" not in outputs
    outputs["rgb"].sum().backward()
    assert model.means.grad.abs().sum() > 0


def test_harmonics_come_in_one_degree_after_another():
    model = model_of(sh_degree=2, sh_degree_interval=10).train()
    with torch.no_grad():
        model.gauss_params["features_rest"].normal_(generator=torch.Generator().manual_seed(0))
    pictures = []
    for step in (0, 9, 10, 20, 90):
        model.update_to_step(step)
        pictures.append(model.get_outputs(camera_at(canvas=True, downscale=1))["rgb"])
    assert torch.equal(pictures[0], pictures[1])
    assert not torch.equal(pictures[1], pictures[2])
    assert not torch.equal(pictures[2], pictures[3])
    assert torch.equal(pictures[3], pictures[4])


def test_masked_pixels_have_no_part_in_the_loss():
    model = model_of().train()
    outputs = {"rgb": torch.rand(40, 48, 3, requires_grad=True)}
    mask = torch.rand(40, 48, 1) > 0.5
    batch = {"image": torch.rand(40, 48, 3), "mask": mask}
    sum(model.get_loss_dict(outputs, batch).values()).backward()
    gradient = outputs["rgb"].grad
    assert not gradient[~mask[..., 0]].any()
    assert gradient[mask[..., 0]].abs().sum() > 0


# training

STEPS, STOP = 12, 5


def small_run(data: Path, folder: Path, kind: str, steps: int = STEPS, haste: float = 1.0) -> PluginTrainer:
    config = deepcopy(splat.config)
    config.optimizers = splat_optimizers(steps, 1.6e-3 * haste, haste)
    config.pipeline.datamanager.data = data
    config.pipeline.datamanager.num_downscales, config.pipeline.datamanager.downscale_steps = 1, 4
    config.pipeline.model = SplatModelConfig(
        sh_degree=1,
        sh_degree_interval=4,
        num_random=300,
        strategy=StrategyConfig(
            kind=kind, refine_start=1, refine_every=3, refine_stop=11, reset_every=7, grow_grad2d=1e-5,
            prune_opacity=0.05, max_gaussians=400,
        ),
    )  # fmt: skip
    config.machine.device_type = "cpu"
    config.output_dir, config.experiment_name, config.timestamp, config.vis = folder, "tiny", "run", "tensorboard"
    config.max_num_iterations = steps
    config.save_config()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.prepare()
    return trainer


@pytest.mark.parametrize("kind", ["default", "mcmc"])
def test_a_resumed_run_equals_the_uninterrupted_one(tiny_capture, tmp_path, kind, stop_before):
    whole = small_run(tiny_capture, tmp_path / "whole", kind)
    start = {name: value.detach().clone() for name, value in whole.pipeline.model.gauss_params.items()}
    assert whole.fit()

    part = small_run(tiny_capture, tmp_path / "part", kind)
    stop_before(part, STOP + 1)
    assert not part.fit()
    resumed = small_run(tiny_capture, tmp_path / "part", kind)
    model = resumed.pipeline.model
    for name, optimizer in resumed.optimizers.optimizers.items():
        assert optimizer.param_groups[0]["params"][0] is model.gauss_params[name]
    assert resumed.fit()
    for name, optimizer in resumed.optimizers.optimizers.items():
        assert optimizer.param_groups[0]["params"][0] is model.gauss_params[name]

    states = [checkpoints.load(checkpoints.latest_checkpoint(t.checkpoint_dir)) for t in (whole, resumed)]
    assert states[0]["step"] == states[1]["step"] == STEPS - 1
    for name, value in states[0]["pipeline"].items():
        assert torch.equal(value, states[1]["pipeline"][name]), name
    for name, optimizer in states[0]["optimizers"].items():
        for key, value in optimizer["state"][0].items():
            assert torch.equal(value, states[1]["optimizers"][name]["state"][0][key]), (name, key)
    assert states[0]["counters"].keys() == states[1]["counters"].keys()
    for name, value in states[0]["counters"].items():
        assert torch.equal(value, states[1]["counters"][name]), name
    # and there was something to get wrong
    assert whole.pipeline.model.num_points != len(start["means"])


def test_training_brings_renders_nearer_to_the_photographs(tiny_capture, tmp_path):
    trainer = small_run(tiny_capture, tmp_path, "none", steps=160, haste=8.0)
    pipeline = trainer.pipeline

    def loss() -> float:
        with torch.no_grad():
            return float(np.mean([sum(pipeline.get_train_loss_dict(step)[1].values()) for step in range(200, 209)]))

    before = loss()
    assert trainer.fit()
    pipeline.model.update_to_step(160)
    assert loss() < 0.8 * before


# parts


def test_hidden_gaussians_are_not_drawn_and_come_back_as_they_were():
    model = model_of(40)
    before, which = drawn(model)["rgb"], torch.arange(40) < 25
    kept = {name: value.clone() for name, value in model.gauss_params.items()}
    alone = model_of(40)
    alone.set_splats(select(model.splats.detach(), ~which))
    with model.hidden(which):
        assert torch.allclose(drawn(model)["rgb"], drawn(alone)["rgb"], atol=1e-6)
    assert torch.equal(drawn(model)["rgb"], before)
    assert all(torch.equal(model.gauss_params[name], value) for name, value in kept.items())


def test_faded_gaussians_are_nearly_transparent_and_all_else_stays():
    model, which = model_of(40), torch.arange(40) < 25
    kept = {name: value.clone() for name, value in model.gauss_params.items()}
    model.fade(which)
    opacities = model.gauss_params["opacities"]
    assert torch.allclose(opacities[which].sigmoid(), torch.full((25, 1), FADED), atol=1e-6)
    assert torch.equal(opacities[~which], kept["opacities"][~which])
    assert all(torch.equal(model.gauss_params[name], kept[name]) for name in kept if name != "opacities")


def test_what_is_inserted_has_the_colours_that_it_is_given():
    model = model_of(10)
    model.insert(torch.tensor([[0.0, 0, 0], [0.1, 0, 0]]), torch.tensor([[1.0, 0, 0], [0, 0, 1.0]]))
    assert torch.allclose(0.5 + SH_C0 * model.gauss_params["features_dc"][10:], torch.tensor([[1.0, 0, 0], [0, 0, 1]]))
