"""Stylings of small meshes: known edits, regions, resumption, refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import editor3d
from editor3d.errors import CheckpointError, ConfigError, DataError, InstructionError, RegionError
from editor3d.provenance.reading import verify
from editor3d.run import checkpoints, loop
from editor3d.run.record import read_record
from lab.references.contents import content
from mesh.io.read import read_mesh
from mesh.style.config import EditSettings, read_config
from mesh.style.run import StyleRun

UPPER = "box:0,1,0,2,1,2"
"""The half of the ball above y = 0."""


def finished(config, folder: Path) -> StyleRun:
    run = StyleRun(config, folder, device="cpu")
    assert run.fit()
    return run


def test_a_run_leaves_pictures_mesh_and_record(config, tmp_path):
    output = tmp_path / "styled.obj"
    run = finished(config(turntable_frames=3, output=str(output)), tmp_path / "run")
    for name in ("before_after.png", "turntable.mp4", "edit.json", "mesh.glb", "mesh.json"):
        assert (run.folder / name).stat().st_size > 0, name
    assert len(list((run.folder / "edited").glob("*.png"))) == 6
    assert len(read_mesh(output).faces) == len(read_mesh(run.folder / "mesh.glb").faces) == 1280
    record = read_record(run.folder / "edit.json")
    assert (record.method, record.editor, record.steps) == ("mesh-style", "procedural", 6)
    assert len(record.edits) == 6
    assert record.metrics["edited_to_base_psnr"] < 30
    for path in (run.folder / "before_after.png", run.folder / "mesh.glb", output):
        assert verify(path).edit["instruction"] == record.instruction
    assert (record.guidance_scale, record.diffusion_steps) == (7.5, 20)  # left open, by an editor without a model
    assert not list(run.folder.rglob("*.tmp*"))


@pytest.mark.parametrize("detail", ["vertices", "points"])
def test_the_known_edit_is_reached_in_views_that_were_held_out(config, tmp_path, detail):
    settings = {"style": {"frequencies": 32, "width": 32, "sigma": 1.0}, "views": {"train": 10, "held_out": 3}}
    run = finished(config(steps=400, learning_rate=1e-2, batch=4096, detail=detail, **settings), tmp_path / "run")
    mean = editor3d.Edit(run.folder).evaluate().known.mean
    assert mean.unedited < 15
    assert mean.edited > mean.unedited + 8
    assert mean.gap < 4


@pytest.mark.parametrize("displacement", [0.0, 0.1])
def test_few_edits_are_carried_over_to_all_views(config, tmp_path, displacement):
    style = {"displacement": displacement}
    run = finished(config(editor="procedural", edits=EditSettings(few=3), style=style, steps=4), tmp_path / "run")
    record = read_record(run.folder / "edit.json")
    assert 1 <= len(record.edits) <= 3
    assert [key["view"] for key in record.notes["keys"]["accepted"]] == [edit.view for edit in record.edits]
    edited = {edit.view for edit in record.edits}
    samples, objective = run.objective._samples, run.objective
    weights = [samples.counted[samples._rows(index)] for index in range(len(objective.views))]
    for view, weight in zip(objective.views, weights, strict=True):
        if view.name in edited:
            assert bool((weight == 1.0).all())
    assert any(bool((weight < 1.0).any()) for weight in weights)
    again = StyleRun(run.config, run.folder, device="cpu")
    assert again.fit()
    assert torch.equal(again.objective._samples.counted, samples.counted)


def test_the_first_edit_is_shown_and_accepted_or_made_again(config, tmp_path):
    settings = config(editor="procedural-noisy", edits=EditSettings(few=3, approve=True), steps=3)
    waiting = StyleRun(settings, tmp_path / "run", device="cpu")
    assert not waiting.fit()
    assert waiting.parts.awaited is not None
    assert waiting.parts.awaited.is_file()
    assert len(waiting.objective.updater.state.edits) == 1
    editor3d.resume(waiting.folder, again=5)
    assert not (waiting.folder / "mesh.glb").exists()
    done = editor3d.resume(waiting.folder, accept=True)
    assert done.record.steps == 3
    assert [edit.seed for edit in done.record.edits][1] == 5
    assert (waiting.folder / "mesh.glb").is_file()


@pytest.mark.parametrize(("changed", "match"), [({"few": "all"}, "got all"), ({"prompt": "a golden ball"}, "--prompt")])
def test_looking_at_the_first_edit_needs_a_few_of_them(config, tmp_path, changed, match):
    prompt = changed.pop("prompt", "")
    said = {"prompt": prompt, "instruction": ""} if prompt else {}
    with pytest.raises(ConfigError, match=match):
        StyleRun(config(edits=EditSettings(approve=True, **changed), **said), tmp_path / "run", device="cpu")


def test_outside_a_region_vertices_and_colours_keep_their_bits(config, ball_file, tmp_path):
    run = finished(
        config(region=UPPER, style={"displacement": 0.1}, output=str(tmp_path / "out.obj"), texture_size=0),
        tmp_path / "run",
    )
    before, after = read_mesh(ball_file), read_mesh(tmp_path / "out.obj")
    # the mesh is refined where its shape may change; its first vertices are the file's
    count = len(before.vertices)
    outside = run.styled.surface.vertices[:, 1] < 0
    assert 0 < outside.sum() < len(outside)
    written = np.loadtxt(
        [line[2:] for line in (tmp_path / "out.obj").read_text().splitlines() if line.startswith("v ")]
    )
    assert np.array_equal(written[outside, :3], run.styled.surface.vertices[outside])
    assert np.array_equal(written[:count][outside[:count], :3], before.vertices[outside[:count]])
    assert (np.abs(written[outside, 3:] - 0.5) < 1e-6).all()
    assert (np.abs(written[~outside, 3:] - 0.5) > 1e-3).any()
    assert (written[~outside, :3] != run.styled.surface.vertices[~outside]).any()
    assert len(after.faces) == len(run.styled.surface.faces)


def test_pixels_of_what_lies_outside_a_region_stay(config, tmp_path):
    run = finished(config(region=UPPER), tmp_path / "run")
    styled, cameras = run.styled, run.stage.held_out_cameras
    changed = 0
    for index, ((one, _), (other, _)) in enumerate(
        zip(styled.pictures(cameras, 1), styled.pictures(cameras, 1, styled=False), strict=True)
    ):
        shading = styled.shading(styled.rest, cameras[[index]])
        corners = styled.inside[styled.faces[shading.hits.face]]
        untouched = torch.ones(32 * 32, dtype=torch.bool)
        untouched[shading.hits.pixel[corners.any(1)]] = False
        assert torch.equal(one.view(-1, 3)[untouched], other.view(-1, 3)[untouched])
        changed += int((one != other).any(-1).sum())
    assert changed > 0


def same_states(one: Path, other: Path, same_state) -> None:
    last = [checkpoints.latest_checkpoint(run / "checkpoints") for run in (one, other)]
    assert last[0].name == last[1].name
    same_state(*(checkpoints.load(path) for path in last))
    for name in ("mesh.glb", "before_after.png"):
        assert content(one / name) == content(other / name), name
    for folder in ("edited", "conditions", "before", "after", "edit_state"):
        names = sorted(path.name for path in (one / folder).glob("*"))
        assert names == sorted(path.name for path in (other / folder).glob("*"))
        assert all(content(one / folder / name) == content(other / folder / name) for name in names)


JOB = """
import os, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from mesh.style.config import EditSettings, read_config
from mesh.style.run import StyleRun
folder = Path(sys.argv[1])
run = StyleRun(read_config(folder), folder, device="cpu")
{death}
run.fit()
"""
DEATHS = {
    "at a step": "step = run.step\nrun.step = lambda: os.kill(os.getpid(), 9) if run.done_steps == 4 else step()",
    "while edits are made": (
        "before = run.objective.begin\n"
        "def begin():\n"
        "    before()\n"
        "    run.objective.updater.on_edit = lambda index, _: os.kill(os.getpid(), 9) if index == 3 else None\n"
        "run.objective.begin = begin"
    ),
    "while a checkpoint is written": (
        "save = torch.save\n"
        "def cut(state, path):\n"
        "    save(state, path)\n"
        "    if state['step'] == 4: os.kill(os.getpid(), 9)\n"
        "torch.save = cut"
    ),
}


def job(folder: Path, death: str = "") -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", JOB.format(death=death), str(folder)], capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory, ball) -> Path:
    """A noisy run that nothing interrupted."""
    from mesh.model.field import FieldSettings
    from mesh.render.cameras import ViewSettings
    from mesh.style.config import StyleConfig

    folder = tmp_path_factory.mktemp("whole")
    ball(3).export(folder / "ball.obj")
    config = StyleConfig(
        str(folder / "ball.obj"),
        "make it bronze",
        editor="procedural-noisy",
        steps=8,
        steps_per_save=2,
        batch=512,
        turntable_frames=0,
        texture_size=64,
        views=ViewSettings(train=4, held_out=2, side=32),
        style=FieldSettings(frequencies=16, width=16, depth=2),
    )
    config = replace(config, edits=replace(config.edits, edit_rate=3))
    config.write(folder / "run")
    done = job(folder / "run")
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.mark.slow
@pytest.mark.parametrize("death", DEATHS)
def test_a_killed_run_goes_on_as_if_nothing_had_happened(death, whole, tmp_path, same_state):
    read_config(whole).write(tmp_path / "run")
    assert job(tmp_path / "run", DEATHS[death]).returncode == -signal.SIGKILL
    done = job(tmp_path / "run")
    assert done.returncode == 0, done.stderr
    same_states(tmp_path / "run", whole, same_state)


def test_ctrl_c_ends_the_step_saves_and_can_be_resumed(config, tmp_path, capsys):
    run = StyleRun(config(steps=10), tmp_path / "run", device="cpu")
    step = run.step

    def interrupted():
        if run.done_steps == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return step()

    run.step = interrupted
    assert not run.fit()
    assert "editor3d resume" in capsys.readouterr().out
    state = checkpoints.load(checkpoints.latest_checkpoint(tmp_path / "run" / "checkpoints"))
    assert state["step"] == 4
    assert not (tmp_path / "run" / "mesh.glb").exists()
    edit = editor3d.resume(tmp_path / "run")
    assert edit.record.steps == 10
    assert (edit.folder / "mesh.glb").is_file()


def test_an_unfinished_run_is_not_judged(config, tmp_path):
    run = StyleRun(config(steps=10), tmp_path / "run", device="cpu")
    run.config.write(run.folder)
    run.objective.begin()
    run.step()
    loop.save(run, run.folder)
    with pytest.raises(CheckpointError, match="1 of 10 steps"):
        editor3d.Edit(run.folder).evaluate()


def test_an_instruction_without_a_known_result_is_judged_by_all_else(config, tmp_path):
    run = finished(config(steps=1), tmp_path / "run")
    body = json.loads((run.folder / "mesh.json").read_text())
    (run.folder / "mesh.json").write_text(json.dumps({**body, "instruction": "make it somehow nicer"}))
    report = editor3d.Edit(run.folder).evaluate()
    assert "not known in advance" in str(report.known)
    assert 0 < report.change.mean.psnr < 60
    assert report.change.mean.locality > report.change.mean.psnr
    assert report.clip.direction is not None


@pytest.mark.parametrize(
    ("error", "settings"),
    [
        (InstructionError, {"instruction": "make it somehow nicer"}),
        (ConfigError, {"editor": "nonesuch"}),
        (RegionError, {"region": "sphere:9,9,9,0.1"}),
        (DataError, {"mesh": "/nowhere/ball.obj"}),
    ],
)
def test_what_is_refused_leaves_nothing_behind(error, settings, config, tmp_path):
    with pytest.raises(error):
        StyleRun(config(**settings), tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_an_edit_of_shape_stays_within_its_bound(config, tmp_path):
    run = finished(config(style={"displacement": 0.02}, steps=8, learning_rate=0.05), tmp_path / "run")
    moved = np.linalg.norm(run.styled.result_vertices() - run.styled.surface.vertices, axis=1)
    assert 0 < moved.max() <= 0.02 * run.styled.frame.radius * (1 + 1e-6)
