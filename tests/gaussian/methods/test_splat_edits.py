"""Instruct-GS2GS on a tiny scene: what is trained is what is rendered, what is outside a region stays, runs resume."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from editor3d.editors import EDITORS
from editor3d.errors import RegionError
from editor3d.plugin.results.runs import open_run
from editor3d.run import checkpoints
from gaussian.files import read_splats
from gaussian.methods.igs2gs import igs2gs
from gaussian.model.parameters import PARAMETERS

from .frozen import assert_only_the_free_change

BALL = "sphere:0,0,0,0.7"
KILL = "lambda original, *a, **k: os.kill(os.getpid(), 9)"
HOOKS = """
from editor3d.plugin.train.trainer import PluginTrainer
from editor3d.update.engine import DatasetUpdater
"""


def start(config):
    config.save_config()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.prepare()
    return trainer


def assert_trained_is_rendered(trainer) -> None:
    for name in PARAMETERS:
        (held,) = trainer.optimizers.optimizers[name].param_groups[0]["params"]
        assert held is trainer.pipeline.model.gauss_params[name], name
        assert set(trainer.optimizers.optimizers[name].state) <= {held}, name


def test_what_the_optimiser_holds_is_what_is_rendered(splat_edit):
    trainer = start(
        splat_edit(editor="procedural-noisy")
    )  # one whose edits do not stay: colours are not all that moves
    assert_trained_is_rendered(trainer)  # after loading a base of another size than a new scene's
    before = trainer.pipeline.render_view(trainer.pipeline.datamanager.train_dataset.cameras, 0)["rgb"]
    assert trainer.fit()
    assert_trained_is_rendered(trainer)  # after densification
    after = trainer.pipeline.render_view(trainer.pipeline.datamanager.train_dataset.cameras, 0)["rgb"]
    assert (after - before).abs().max() > 0.02


def test_a_resumed_reconstruction_trains_what_it_renders(tiny_splat):
    config = tiny_splat(steps=12, kind="default", grow_grad2d=1e-6)
    trainer = start(config)
    count = trainer.pipeline.model.num_points
    assert trainer.fit()
    assert trainer.pipeline.model.num_points != count
    config.max_num_iterations = 14
    resumed = start(config)
    assert resumed.pipeline.model.num_points == trainer.pipeline.model.num_points
    assert_trained_is_rendered(resumed)
    assert resumed.fit()
    assert_trained_is_rendered(resumed)


def test_all_views_are_edited_before_the_first_step_of_each_round(splat_edit):
    trainer = start(splat_edit(pipeline={"edit_rate": 3}, editor="procedural-noisy", steps=6))
    seen = []
    original = trainer.train_iteration

    def record(step):
        seen.append(len({(edit.view, edit.step) for edit in trainer.pipeline.updater.state.edits}))
        return original(step)

    trainer.train_iteration = record
    assert trainer.fit()
    views = len(trainer.pipeline.train_views)
    assert seen == [views] * 3 + [2 * views] * 3


def test_an_edited_picture_is_trained_on_at_once(splat_edit):
    trainer = start(splat_edit())
    sampler = trainer.pipeline.datamanager.train_pixel_sampler
    before = sampler.batch(0, 1)["image"].clone()
    trainer.pipeline.datamanager.train_pictures.write(0, torch.full((20, 24, 3), 255, dtype=torch.uint8))
    assert not torch.equal(sampler.batch(0, 1)["image"], before)
    assert float(sampler.batch(0, 1)["image"].min()) == 1.0


@pytest.mark.parametrize("kind", ["default", "mcmc", "none"])
def test_outside_a_region_every_number_stays(splat_edit, splat_base, kind):
    config = splat_edit(region=BALL, editor="procedural-noisy")
    strategy = config.pipeline.model.strategy
    strategy.kind, strategy.grow_grad2d, strategy.prune_opacity = kind, 1e-7, 0.05
    config.pipeline.model.average_share = 0.5
    trainer = start(config)
    model = trainer.pipeline.model
    still = assert_only_the_free_change(trainer)
    inside = model.growth.region.contains(model.means.detach())
    assert torch.equal(inside[~still], torch.ones_like(inside[~still]))


def test_pixels_that_no_gaussian_of_the_region_touches_are_the_bases(splat_edit, splat_base):
    trainer = start(splat_edit(region="sphere:0,0,0,0.6"))
    model, cameras = trainer.pipeline.model, trainer.pipeline.datamanager.train_dataset.cameras
    before = [trainer.pipeline.render_view(cameras, i)["rgb"] for i in range(4)]
    old = [model.region_share(cameras[i : i + 1]) for i in range(4)]
    assert trainer.fit()
    model.train()
    untouched_anywhere = 0
    for index in range(4):
        after = trainer.pipeline.render_view(cameras, index)["rgb"]
        share = model.region_share(cameras[index : index + 1])
        untouched = ((share == 0) & (old[index] == 0))[..., 0]
        untouched_anywhere += int(untouched.sum())
        assert torch.equal(after[untouched], before[index][untouched])
        assert not torch.equal(after, before[index])
    assert untouched_anywhere > 0


def test_a_region_without_gaussians_is_refused(splat_edit):
    with pytest.raises(RegionError, match="none"):
        start(splat_edit(region="sphere:50,50,50,0.1"))


def test_in2n_edits_splats_too(tiny_edit, splat_base):
    trainer = start(tiny_edit(load_dir=splat_base, steps=4, force=True))
    assert type(trainer.pipeline.model).__name__ == "SplatModel"
    assert trainer.fit()
    assert_trained_is_rendered(trainer)


DEATHS = {
    "at a step": f"at(PluginTrainer, 'train_iteration', 6, {KILL})",
    "between two edits": f"at(DatasetUpdater, '_apply', 13, {KILL})",
}


@pytest.mark.slow
@pytest.mark.parametrize("death", DEATHS)
def test_a_killed_edit_goes_on_as_if_nothing_had_happened(death, splat_edit, resumes_exactly):
    settings = {"editor": "procedural-noisy", "steps": 8, "steps_per_save": 3, "region": BALL}
    configs = [splat_edit(**settings, timestamp=name) for name in ("whole", "killed")]
    for config in configs:
        config.pipeline.model.strategy.grow_grad2d = 1e-6
        config.pipeline.model.average_share = 0.75
    resumes_exactly(*configs, f"{HOOKS}\n{DEATHS[death]}")


def test_the_edited_scene_is_left_as_a_file_in_the_captures_frame(splat_edit):
    trainer = start(splat_edit(steps=2))
    assert trainer.fit()
    splats = read_splats(trainer.base_dir / "scene.ply")
    model = trainer.pipeline.model
    assert len(splats) == model.num_points
    outputs = trainer.pipeline.datamanager.train_dataparser_outputs
    transform = outputs.dataparser_transform
    scene = outputs.dataparser_scale * (splats.means.double() @ transform[:, :3].double().T + transform[:, 3])
    assert torch.allclose(scene.float(), model.means.detach(), atol=1e-4)


def test_a_splatfacto_checkpoint_is_a_base(splat_edit, splat_base, tmp_path):
    from nerfstudio.configs.method_configs import method_configs

    path = checkpoints.latest_checkpoint(splat_base)
    state = checkpoints.load(path)
    rest = state["pipeline"]["_model.gauss_params.features_rest"]
    # splatfacto keeps 15 coefficients a channel, and its LPIPS network
    state["pipeline"]["_model.gauss_params.features_rest"] = torch.zeros(len(rest), 15, 3)
    state["pipeline"]["_model.lpips.net.lin0.model.1.weight"] = torch.zeros(1, 64, 1, 1)
    folder = tmp_path / "splatfacto" / "nerfstudio_models"
    folder.mkdir(parents=True)
    torch.save(state, folder / "step-000000059.ckpt")
    config = method_configs["splatfacto"]
    config.pipeline.datamanager.dataparser.orientation_method = "up"
    (folder.parent / "config.yml").write_text(__import__("yaml").dump(config))
    trainer = start(splat_edit(load_dir=folder.parent, steps=3))
    assert trainer.pipeline.model.sh_degree == 3
    assert torch.equal(
        trainer.pipeline.model.means.detach(), checkpoints.load(path)["pipeline"]["_model.gauss_params.means"]
    )
    assert trainer.fit()
    assert_trained_is_rendered(trainer)


def test_an_edit_can_be_opened_and_edited_again(splat_edit):
    first = start(splat_edit(steps=2))
    assert first.fit()
    _, pipeline = open_run(first.base_dir)
    assert torch.equal(pipeline.model.means, first.pipeline.model.means)
    second = start(splat_edit(steps=2, load_dir=first.base_dir, timestamp="again", instruction="make it night"))
    assert second.fit()


@pytest.mark.parametrize(("name", "scale"), [("ip2p", 12.5), ("tiny-ip2p", 7.5), ("flux-kontext", 2.5)])
def test_the_papers_guidance_scale_is_for_the_papers_editor(name, scale):
    pipeline = deepcopy(igs2gs.config.pipeline)
    assert (pipeline.usual_guidance_scale(EDITORS[name].info), pipeline.image_guidance_scale) == (scale, 1.5)
