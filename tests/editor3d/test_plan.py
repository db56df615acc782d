"""What is left open comes to one plan, as a table says; the same choices always come to the same plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editor3d.editors import create_editor, find_entry
from editor3d.errors import ConfigError, RegionError
from editor3d.options import MethodOptions
from editor3d.plan import AS_ASKED, BY_NAME, EditPlan, Machine, choose_editor, resolve
from editor3d.plugin.edit.settings import EditPipelineConfig
from editor3d.types import PosedImages
from gaussian.methods.igs2gs import igs2gs
from nerf_methods.nerf_insert.pipeline import InsertPipelineConfig

MACHINE = Machine("cpu", ("procedural", "it needs no weights"))
CAPTURE = PosedImages(
    Path(), "nerfstudio", tuple(SimpleNamespace(name=str(i), split="train") for i in range(20)), objects={"ball": 1}
)


class Stub:
    """An editor that is nothing but its capabilities."""

    def __init__(self, name: str) -> None:
        self.info = replace(find_entry(name).info, tells_objects=False)


def plan_of(options: MethodOptions, *, method=None, editor=None, steps: int = 400, base_is_edit: bool = False):
    return resolve(
        options,
        CAPTURE,
        MACHINE,
        method=method or EditPipelineConfig(),
        editor=editor or create_editor("procedural"),
        steps=steps,
        base_is_edit=base_is_edit,
    )


@pytest.mark.parametrize(
    ("options", "base_is_edit", "editor", "condition", "why"),
    [
        (MethodOptions("make it night"), False, "procedural", "original", "whole picture"),
        (MethodOptions("make it night"), True, "procedural", "base", "result of an edit"),
        (MethodOptions("make the ball gold"), False, "procedural", "base", "about ball"),
        (MethodOptions("make it night", region="sphere:0,0,0,1"), False, "procedural", "base", "outside the region"),
        (MethodOptions("make it night"), False, "tiny-ip2p", "detailed", "a small copy"),
        (MethodOptions("make it night", condition_on="base"), False, "procedural", "base", AS_ASKED),
        (MethodOptions("make the ball gold", condition_on="original"), True, "procedural", "original", AS_ASKED),
        (MethodOptions("make it night", condition_on="auto"), False, "procedural", "original", "whole picture"),
    ],
)
def test_the_pictures_that_are_edited(options, base_is_edit, editor, condition, why):
    chosen = create_editor(editor) if editor == "procedural" else Stub(editor)
    plan = plan_of(options, editor=chosen, base_is_edit=base_is_edit)
    assert plan.condition_on == condition
    assert why in plan.reasons["condition_on"]


@pytest.mark.parametrize(
    ("asked", "editor", "why"),
    [("auto", "procedural", "it needs no weights"), ("ip2p:here", "ip2p:here", BY_NAME)],
)
def test_the_editor(asked, editor, why):
    options = MethodOptions("make it night", editor=asked)
    assert choose_editor(options, MACHINE) == (editor, why)
    plan = plan_of(options)
    assert (plan.editor, plan.reasons["editor"]) == (editor, why)


@pytest.mark.parametrize(
    ("method", "editor", "scale"),
    [
        (EditPipelineConfig(), "ip2p", 7.5),
        (EditPipelineConfig(), "flux-kontext", 2.5),
        (EditPipelineConfig(guidance_scale=9.0), "flux-kontext", 9.0),
        (igs2gs.config.pipeline, "ip2p", 12.5),
        (igs2gs.config.pipeline, "tiny-ip2p", 7.5),
    ],
)
def test_the_guidance_scale(method, editor, scale):
    assert plan_of(MethodOptions("make it night"), method=method, editor=Stub(editor)).guidance_scale == scale
    asked = MethodOptions("make it night", guidance_scale=3.0)
    assert plan_of(asked, method=method, editor=Stub(editor)).guidance_scale == 3.0


@pytest.mark.parametrize(
    ("options", "editor", "steps", "kind", "noise"),
    [
        (MethodOptions(), "procedural", 400, "all-at-once", "uniform"),
        (MethodOptions(), "procedural-noisy", 400, "all-then-cyclic", "uniform"),
        (MethodOptions(), "ip2p", 400, "all-then-cyclic", "high"),
        (MethodOptions(), "ip2p", 15_000, "cyclic", "uniform"),
        (MethodOptions(schedule="cyclic"), "ip2p", 400, "cyclic", "uniform"),
        (MethodOptions(noise_schedule="decaying"), "ip2p", 400, "all-then-cyclic", "decaying"),
    ],
)
def test_the_schedule(options, editor, steps, kind, noise):
    schedule = plan_of(options, editor=Stub(editor), steps=steps).schedule
    assert (schedule.kind, schedule.noise) == (kind, noise)


def test_what_is_painted_into_a_region_begins_from_the_base():
    options = MethodOptions("a red ball", region="sphere:0,0,0,1", condition_on="original")
    assert plan_of(options, method=InsertPipelineConfig(), editor=Stub("procedural-insert")).condition_on == "base"


def test_what_cannot_be_done_is_refused():
    with pytest.raises(ConfigError, match="diffusion steps"):
        plan_of(MethodOptions("make it night", diffusion_steps=990), editor=Stub("ip2p"))
    with pytest.raises(RegionError):
        plan_of(MethodOptions("make it night", region="cube"))


@given(
    options=st.builds(
        MethodOptions,
        st.sampled_from(["make it night", "make the ball gold"]),
        region=st.sampled_from([None, "sphere:0,0,0,1"]),
        condition_on=st.sampled_from([None, "auto", "original", "base", "detailed"]),
        guidance_scale=st.none() | st.floats(0, 100),
        diffusion_steps=st.none() | st.integers(1, 100),
        schedule=st.sampled_from([None, "auto", "cyclic", "all-at-once"]),
    ),
    base_is_edit=st.booleans(),
)
def test_a_plan_is_a_function_of_its_choices_and_survives_a_checkpoint(options, base_is_edit):
    plan = plan_of(options, base_is_edit=base_is_edit)
    assert plan == plan_of(options, base_is_edit=base_is_edit)
    assert EditPlan.from_state(plan.to_state()) == plan
    assert plan.condition_on != "auto"
    assert plan.schedule.kind != "auto"
