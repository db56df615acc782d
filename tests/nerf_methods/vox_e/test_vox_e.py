"""Vox-E by a denoiser in closed form: global and local edits, the schedule of its noise levels, interruption."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from editor3d.errors import ConfigError, InstructionError
from editor3d.guidance.prompts import view_prompt
from editor3d.plugin.results.runs import open_run
from editor3d.run import checkpoints
from nerf_methods.vox_e import pipeline as pipeline_module
from nerf_methods.vox_e.method import vox_e

GOLD = torch.tensor([0.9, 0.7, 0.2])
TABLE = {4199: 0.98, 4200: 0.735, 4799: 0.735, 4800: 0.55125, 5000: 0.55125, 5400: 0.4134, 6000: 0.3101, 6600: 0.2326}
TABLE |= {7199: 0.2326, 7200: 0.22, 7999: 0.22, 0: 0.98}


@pytest.fixture
def ball_attention(monkeypatch):
    """A model whose attention to the edit's word is the upper half of every picture, to any other word the lower."""

    def maps(prior, images, prompt, words, *, generator, timestep, resolution, sources=None):
        assert timestep == 200
        upper = (torch.arange(resolution) < resolution / 2).float()[:, None].expand(resolution, resolution)
        return 0.2 * torch.stack([upper if i == 0 else 1.0 - upper for i in range(len(words))])[None]

    monkeypatch.setattr(pipeline_module, "attention_maps", maps)


LOCAL = {"edit_words": "gold", "refine_steps": 3}


def test_the_scene_goes_where_the_model_points(gold_prior, distilled, start):
    config = distilled(vox_e, {"guidance_scale": 1.0}, steps=40)
    config.optimizers["fields"]["optimizer"].lr = 0.2
    trainer = start(config)

    def mean_color():
        pipeline = trainer.pipeline
        return pipeline.render_view(pipeline.datamanager.eval_dataset.cameras, 0)["rgb"].mean((0, 1))

    before = mean_color()
    assert trainer.fit()
    assert float((mean_color() - GOLD).norm()) < 0.3 * float((before - GOLD).norm())


def test_prompts_say_which_side_a_view_shows(gold_prior, distilled, start):
    trainer = start(distilled(vox_e, {"view_words": True}, editor="tiny-t2i"))
    pipeline = trainer.pipeline
    views = pipeline.session.views.draw(20, torch.Generator().manual_seed(0))
    prompts = pipeline.prompts(views)
    assert prompts == [view_prompt("turn it gold", view.azimuth, view.elevation) for view in views]
    assert {prompt.split(", ")[1] for prompt in prompts} >= {"front view", "side view", "back view"}
    pipeline.config.view_words = None  # a small model was not taught these words
    assert set(pipeline.prompts(views)) == {"turn it gold"}


def test_the_named_view_is_the_front(gold_prior, distilled, start):
    trainer = start(distilled(vox_e, {"front_view": "view_03"}))
    names = [view.name for view in trainer.pipeline.datamanager.train_dataset.metadata["views"]]
    assert trainer.pipeline.session.views._angles[names.index("view_03")][0] == pytest.approx(0.0, abs=1e-6)


def test_the_shape_is_held_to_the_source_s(gold_prior, distilled, start):
    """With a large weight densities stay correlated; without one they do not."""
    correlations = {}
    for weight in (0.0, 1e6):
        config = distilled(vox_e, {"reg_weight": weight}, steps=12, timestamp=f"run-{weight:g}")
        config.optimizers["fields"]["optimizer"].lr = 0.3
        trainer = start(config)
        assert trainer.fit()
        pipeline = trainer.pipeline
        correlations[weight] = 1.0 - float(pipeline._reference.loss(pipeline.model.field))
    assert correlations[1e6] > correlations[0.0]
    assert correlations[1e6] > 0.99


def at_step(run, step: int) -> None:
    """Make the newest checkpoint of a run that of another step."""
    newest = checkpoints.latest_checkpoint(run)
    state = checkpoints.load(newest)
    checkpoints.save(newest.with_name(f"step-{step:09d}.ckpt"), {**state, "step": step})


@pytest.mark.parametrize("step", sorted(TABLE))
def test_noise_levels_follow_the_paper_s_table(gold_prior, distilled, step):
    schedule = distilled(vox_e, {"anneal_start": 4000, "anneal_every": 600}).pipeline.schedule()
    low, high = schedule.bounds(step, 8000)
    assert low == 0.02
    assert high == pytest.approx(TABLE[step], abs=5e-5)


@pytest.mark.parametrize("step", [4200, 5000])
def test_a_resumed_run_goes_on_with_the_noise_levels_of_its_step(gold_prior, distilled, start, stop_before, step):
    paper = {"anneal_start": 4000, "anneal_every": 600}
    stopped = start(distilled(vox_e, paper, steps=8000))
    stop_before(stopped, 1)
    stopped.fit()
    at_step(stopped.base_dir, step - 1)
    resumed = start(distilled(vox_e, {**paper, "batch_views": 40}, steps=8000))
    gold_prior.timesteps.clear()
    requests, loss = [], resumed.pipeline.session.guidance.loss
    resumed.pipeline.session.guidance.loss = lambda request: requests.append(request) or loss(request)
    resumed.pipeline.get_train_loss_dict(resumed._start_step)
    assert (requests[0].step, requests[0].total_steps) == (step, 8000)
    bound = round(1000 * TABLE[step])
    assert 0.8 * bound < max(gold_prior.timesteps) <= bound
    assert min(gold_prior.timesteps) >= 20


# Local edits


def test_a_local_edit_changes_no_bit_outside_its_mask(gold_prior, ball_attention, distilled, start):
    trainer = start(distilled(vox_e, LOCAL, steps=9))
    assert trainer.fit()
    run, field = trainer.base_dir, trainer.pipeline.model.field
    kept = load_file(run / "attention.safetensors")
    mask, source = kept["mask"], trainer.pipeline.session.source
    assert 0 < int(mask.sum()) < mask.numel()
    assert torch.equal(field.grid[~mask], source.grid[~mask])
    assert not torch.equal(field.grid[mask], source.grid[mask])
    assert kept["edit"].shape == mask.shape
    _, opened = open_run(run)
    assert torch.equal(opened.model.field.grid, field.grid)
    record = json.loads((run / "edit.json").read_text())
    assert 0 < record["metrics"]["edited_voxels"] < record["metrics"]["filled_voxels"]
    assert record["schedule"]["edit_words"] == "gold"


def test_a_global_edit_needs_no_attention(gold_prior, distilled, start):
    trainer = start(distilled(vox_e))
    assert trainer.fit()
    assert not (trainer.base_dir / "attention.safetensors").exists()
    assert "attention" not in trainer.optimizers.optimizers


@pytest.mark.parametrize("step", [2, 6, 7, 8])
def test_a_run_stopped_in_any_stage_ends_as_one_not(
    gold_prior, ball_attention, distilled, start, stop_before, same_state, step
):
    """Steps 0 to 5 distil, 6 to 8 fit the attention, and the cut follows."""
    whole = start(distilled(vox_e, LOCAL, steps=9, timestamp="whole"))
    assert whole.fit()
    stopped = start(distilled(vox_e, LOCAL, steps=9))
    stop_before(stopped, step)
    assert not stopped.fit()
    resumed = start(distilled(vox_e, LOCAL, steps=9))
    assert resumed._start_step == step
    assert resumed.fit()
    states = [checkpoints.load(checkpoints.latest_checkpoint(t.base_dir)) for t in (whole, resumed)]
    same_state(*states)
    kept = [load_file(t.base_dir / "attention.safetensors") for t in (whole, resumed)]
    same_state(*({name: kind[name] for name in sorted(kind)} for kind in kept))


@pytest.mark.parametrize(
    ("pipeline", "steps", "error", "says"),
    [
        ({"edit_words": "silver"}, 9, InstructionError, "edit-words"),
        ({"object_words": "gold"}, 9, ConfigError, "edit-words"),
        ({**LOCAL, "refine_steps": 0}, 9, ConfigError, "refine-steps"),
        (LOCAL, 3, ConfigError, "refine-steps"),
        ({"sigma": 0.0}, 9, ConfigError, "sigma"),
        ({"smoothness": -1.0}, 9, ConfigError, "smoothness"),
        ({"front_view": "nowhere"}, 9, ConfigError, "front-view"),
    ],
)
def test_what_cannot_work_is_one_sentence(gold_prior, distilled, start, pipeline, steps, error, says):
    config = distilled(vox_e, pipeline, steps=steps)
    with pytest.raises(error, match=says):
        start(config)


def test_a_guidance_of_instructions_is_refused(gold_prior, distilled):
    with pytest.raises(ConfigError, match="tiny-t2i"):
        distilled(vox_e, editor="ip2p-sds").check()
