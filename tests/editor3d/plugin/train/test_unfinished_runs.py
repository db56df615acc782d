"""A run that was interrupted: how it goes on as it says, and what it is not good for before."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from nerfstudio.configs.method_configs import method_configs

from editor3d import api
from editor3d.cli import main
from editor3d.errors import CheckpointError
from editor3d.plugin.train.trainer import PluginTrainer
from editor3d.run import checkpoints


@pytest.fixture
def ctrl_c(monkeypatch):
    """Runs a configuration as the Python interface does, asked to stop during the `n`-th step from now on."""

    def run(config, n: int) -> Path:
        train, steps = PluginTrainer.train_iteration, []

        def train_iteration(self, step):
            steps.append(step)
            self.stop_training = self.stop_training or len(steps) == n
            return train(self, step)

        config.check()
        with monkeypatch.context() as patch:
            patch.setattr(PluginTrainer, "train_iteration", train_iteration)
            with pytest.raises(KeyboardInterrupt):
                api._run(config)
        return config.get_base_dir()

    return run


@pytest.fixture
def small_voxels(monkeypatch):
    from nerf_methods.voxel.method import voxel

    monkeypatch.setattr(voxel.config.pipeline.model, "resolutions", (12, 16))
    monkeypatch.setattr(voxel.config.pipeline.model, "upsample_steps", (4,))
    monkeypatch.setattr(voxel.config.pipeline.datamanager, "train_num_rays_per_batch", 64)


def printed_commands(said: str) -> list[list[str]]:
    """As a shell understands them."""
    return [shlex.split(match) for match in re.findall(r"editor3d (resume .+)$", said, re.MULTILINE)]


def test_what_is_printed_when_a_base_is_interrupted_can_be_carried_out(tiny_edit, small_voxels, ctrl_c, capsys):
    run = ctrl_c(tiny_edit(load_dir=None, base_steps=8, steps=2, force=True), 3)
    of_base, of_edit = printed_commands(capsys.readouterr().out)
    assert Path(of_edit[1]) == run
    base = Path(of_base[1])
    assert list(checkpoints.find_checkpoints(base / "nerfstudio_models")) == [2]
    assert main(of_base) == 0
    assert list(checkpoints.find_checkpoints(base / "nerfstudio_models")) == [7]
    assert f"editor3d edit {base}" in capsys.readouterr().out
    assert api.resume(base) == api.load(base)
    capsys.readouterr()
    assert main(of_edit) == 0
    assert Path(api.Edit(run).record.base).is_relative_to(base)
    assert "Starting from the kept base" in capsys.readouterr().out


def test_the_edit_goes_on_from_where_its_base_was_interrupted(tiny_edit, small_voxels, ctrl_c, capsys):
    ctrl_c(tiny_edit(load_dir=None, base_steps=8, steps=2, force=True), 3)
    _, of_edit = printed_commands(capsys.readouterr().out)
    assert main(of_edit) == 0
    assert "Resuming after step 2" in capsys.readouterr().out
    assert api.Edit(Path(of_edit[1])).record.steps == 2


def test_any_name_of_a_folder_can_be_typed_as_printed(tiny_edit, ctrl_c, capsys, tmp_path):
    run = ctrl_c(tiny_edit(steps=4, output_dir=tmp_path / "it's [red]my[/red] scene"), 2)
    (command,) = printed_commands(capsys.readouterr().out)
    assert Path(command[1]) == run
    assert main(command) == 0
    assert api.Edit(run).record.steps == 4


def test_a_run_of_another_project_is_not_gone_on_with(tmp_path):
    (tmp_path / "config.yml").write_text(yaml.dump(method_configs["nerfacto"]))
    with pytest.raises(CheckpointError, match="found one of nerfacto"):
        api.resume(tmp_path)


@pytest.mark.parametrize("killed", [False, True])
def test_an_edit_is_judged_only_when_it_is_finished(tiny_edit, ctrl_c, capsys, killed):
    run = ctrl_c(tiny_edit(steps=4), 2)
    if killed:
        (run / "edit.json").unlink()
    capsys.readouterr()
    assert main(["eval", str(run)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: Expected a finished edit at {run}")
    assert said.count("\n") == 1
    assert not (run / "eval.json").exists()
    assert main(printed_commands(said)[0]) == 0
    assert main(["eval", str(run)]) == 0
    pictures = json.loads((run / "eval.json").read_text())["pictures"]
    assert set(pictures["views"]) == {path.stem for path in (run / "edited").glob("*.png")}
    assert pictures["mean"]["change"] > 0.02
