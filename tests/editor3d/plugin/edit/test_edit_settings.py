"""What an edit's settings come to: noise levels that its editor can serve."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from editor3d.diffusion.ip2p_sampling import starting_timestep
from editor3d.editors import EDITORS, EditorEntry
from editor3d.errors import ConfigError
from editor3d.plugin.bases.base import read_config
from editor3d.plugin.edit.settings import EditPipelineConfig
from editor3d.update.schedule import TIMESTEPS

DIVIDES = [name for name, entry in EDITORS.items() if entry.info.one_timestep_per_step]


class Stub:
    """An editor that is nothing but its capabilities."""

    def __init__(self, name: str) -> None:
        self.info = EDITORS[name].info


def drawn(config: EditPipelineConfig, name: str, total: int = 40) -> list[float]:
    """The noise levels of a whole run."""
    schedule, generator = config.schedule_for(EDITORS[name].info), torch.Generator().manual_seed(1)
    return [edit.noise_level for step in range(total) for edit in schedule.plan(step, total, 0, 3, generator)]


def test_the_editors_that_divide_timesteps_are_those_of_instruct_pix2pix():
    assert DIVIDES == ["ip2p", "tiny-ip2p", "sdxl-ip2p"]


@pytest.mark.parametrize("name", DIVIDES)
@given(
    steps=st.integers(1, 1200),
    bounds=st.tuples(st.floats(0.001, 1.0), st.floats(0.001, 1.0)).map(sorted),
    noise=st.sampled_from(["uniform", "decaying"]),
)
def test_every_noise_level_of_a_run_has_room_for_its_steps_or_the_run_is_refused(name, steps, bounds, noise):
    lower, upper = bounds
    config = EditPipelineConfig(
        diffusion_steps=steps, lower_bound=lower, upper_bound=upper, noise_schedule=noise, edit_rate=1
    )
    if steps > upper * TIMESTEPS or steps >= TIMESTEPS:
        with pytest.raises(ConfigError, match="diffusion steps"):
            config.schedule_for(EDITORS[name].info)
        return
    for level in drawn(config, name):
        starting_timestep(level, steps, TIMESTEPS)  # raises where it cannot be served
        assert round(lower * TIMESTEPS) <= round(level * TIMESTEPS) <= round(upper * TIMESTEPS)


@pytest.mark.parametrize("noise", ["uniform", "decaying"])
def test_the_steps_that_sdxl_is_usually_run_at_fit_the_usual_bounds(noise):
    steps = EDITORS["sdxl-ip2p"].info.diffusion_steps
    config = EditPipelineConfig(diffusion_steps=steps, noise_schedule=noise, edit_rate=1)
    levels = drawn(config, "sdxl-ip2p", total=400)
    assert config.lower_bound < steps / TIMESTEPS <= min(levels) < 0.1


@pytest.mark.parametrize("name", [name for name in EDITORS if name not in DIVIDES])
def test_bounds_are_left_alone_for_other_editors(name):
    schedule = EditPipelineConfig(diffusion_steps=50).schedule_for(EDITORS[name].info)
    assert (schedule.lower_bound, schedule.upper_bound) == (0.02, 0.98)


@pytest.fixture
def divider(monkeypatch) -> None:
    """An editor without weights, `divider`, that divides its timesteps and changes nothing."""

    class Divider(Stub):
        def validate(self, instruction, objects, views) -> None:
            pass

        def edit(self, request):
            starting_timestep(request.noise_level, request.diffusion_steps, TIMESTEPS)
            return request.condition

    info = replace(EDITORS["ip2p"].info, name="divider", needs_weights=False)
    monkeypatch.setitem(EDITORS, "divider", EditorEntry(info, "unused:unused"))
    monkeypatch.setattr(EditPipelineConfig, "create_editor", lambda self, spec, device: Divider("divider"))


@pytest.mark.usefixtures("divider")
def test_a_run_says_that_its_noise_levels_begin_higher(tiny_edit, capsys):
    config = tiny_edit(editor="divider", steps=3, pipeline={"diffusion_steps": 30, "upper_bound": 0.03})
    config.save_config()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.prepare()
    assert trainer.fit()
    assert {edit.noise_level for edit in trainer.pipeline.updater.state.edits} == {0.03}
    assert capsys.readouterr().out.count("begin at 0.03, not 0.02") == 1


@pytest.mark.usefixtures("divider")
def test_steps_that_no_noise_level_has_room_for_are_refused_before_anything_is_written(tiny_edit):
    config = tiny_edit(editor="divider", pipeline={"diffusion_steps": 31, "upper_bound": 0.03})
    with pytest.raises(ConfigError, match="at most 30 diffusion steps"):
        config.check()
    assert not config.output_dir.exists()


@pytest.mark.parametrize("name", EDITORS)
def test_what_is_left_open_is_what_the_editors_model_is_usually_run_at(name):
    info, config = EDITORS[name].info, EditPipelineConfig()
    usual = config.usual_guidance_scale(info), config.usual_diffusion_steps(info)
    assert usual == (info.guidance_scale, info.diffusion_steps)


@given(scale=st.floats(0, 100), steps=st.integers(1, 100), name=st.sampled_from(sorted(EDITORS)))
def test_what_is_asked_for_stays(scale, steps, name):
    config = EditPipelineConfig(guidance_scale=scale, diffusion_steps=steps)
    info = EDITORS[name].info
    assert (config.usual_guidance_scale(info), config.usual_diffusion_steps(info)) == (scale, steps)


def test_an_edit_is_asked_for_as_its_model_is_usually_run(tiny_edit, recorder, start, edit_before_step_0):
    recorder.info = replace(recorder.info, guidance_scale=2.5, diffusion_steps=3)
    trainer = start(tiny_edit(editor="recorder", steps=2))
    edit_before_step_0(trainer)
    assert {(asked.guidance_scale, asked.diffusion_steps) for asked in recorder.requests} == {(2.5, 3)}
    settled = read_config(trainer.base_dir / "config.yml").pipeline.plan
    assert (settled.guidance_scale, settled.diffusion_steps) == (2.5, 3)
