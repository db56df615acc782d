"""Folders whose config.yml is made to run code: a run and a capture. Nothing in them runs, whatever opens them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from nerfstudio.scripts import train
from nerfstudio.utils.eval_utils import eval_setup

from editor3d import api
from editor3d.cli import main
from editor3d.errors import CheckpointError, ConfigError
from editor3d.plugin.train.config import place_run
from nerf_methods.voxel.method import voxel

HOSTILE = {
    "a call": "!!python/object/apply:os.system ['touch {canary}']",
    "a process": "!!python/object/apply:subprocess.Popen [['touch', '{canary}']]",
    "a state that is called": (
        "!!python/object/new:type\n  args: [x, !!python/tuple [], {{extend: !!python/name:exec ''}}]\n"
        '  listitems: \'open("{canary}", "w")\''
    ),
}


@pytest.fixture
def canary(tmp_path) -> Path:
    """What a hostile folder would make."""
    return tmp_path / "canary"


@pytest.fixture
def hostile_run(tiny_base, tmp_path, canary) -> Path:
    """The run of a reconstruction, in which each key of the configuration that is read first is a call."""
    run = Path(shutil.copytree(tiny_base, tmp_path / "stranger" / "voxel" / "run"))
    text = (run / "config.yml").read_text()
    head, _, fields = text.partition("\n")
    calls = [f"{key}: {body.format(canary=canary)}" for key, body in zip("abc", HOSTILE.values(), strict=True)]
    (run / "config.yml").write_text("\n".join([head, *calls, fields]))
    return run


@pytest.fixture
def hostile_capture(own_capture, tmp_path, canary) -> Path:
    """A capture with a configuration beside its pictures, and what a run would have."""
    (own_capture / "config.yml").write_text(HOSTILE["a call"].format(canary=canary))
    (own_capture / "nerfstudio_models").mkdir()
    (own_capture / "nerfstudio_models" / "step-000000001.ckpt").write_bytes(b"")
    return own_capture


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_canary_would_be_made_by_the_loader_that_nerfstudio_names(kind, canary):
    text = f"a: {HOSTILE[kind].format(canary=canary)}"
    made = yaml.load(text, Loader=yaml.Loader)["a"]  # as this test asks for it, for its own part
    if isinstance(made, subprocess.Popen):
        made.wait()
    assert canary.exists()


@pytest.mark.parametrize(
    "words",
    [
        ["render", "RUN"],
        ["export", "RUN", "--format", "mesh"],
        ["eval", "RUN"],
        ["resume", "RUN"],
        ["edit", "RUN", "--instruction", "make it gold"],
        ["edit", "CAPTURE", "--base", "RUN", "--instruction", "make it gold"],
        ["splats", "RUN", "--select", "sphere:0,0,0,1", "--delete", "--output", "o.ply"],
        ["preview", "RUN", "--instruction", "make it gold"],
    ],
)
def test_no_command_runs_what_a_run_names(words, hostile_run, tiny_capture, canary, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"RUN": str(hostile_run), "CAPTURE": str(tiny_capture)}
    assert main([given.get(word, word) for word in words]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not canary.exists()


def test_the_configuration_in_a_capture_is_never_read(hostile_capture, tiny_base, canary, tmp_path):
    scene = api.load(hostile_capture)
    assert scene.base is None
    assert len(scene.posed_images.views) == 10
    words = ["edit", str(hostile_capture), "--base", str(tiny_base), "--instruction", "make it gold", "--editor",
             "procedural", "--method", "in2n", "--steps", "2", "--output", str(tmp_path / "runs")]  # fmt: skip
    assert main(words) == 0
    assert not canary.exists()


@pytest.mark.parametrize("sign", ["transforms.json", "transforms_train.json", "sparse/0/cameras.bin", "colmap/x"])
def test_any_kind_of_capture_is_none_for_a_run(sign, hostile_run, canary):
    (hostile_run / sign).parent.mkdir(parents=True, exist_ok=True)
    (hostile_run / sign).write_text("{}")
    with pytest.raises(api.DataError):
        api.load(hostile_run)
    assert not canary.exists()


def test_nerfstudio_reads_runs_by_the_same_loader(hostile_run, canary, tmp_path):
    with pytest.raises(CheckpointError, match=r"a call of 'os\.system'"):
        eval_setup(hostile_run / "config.yml")
    (tmp_path / "only.yml").write_text(HOSTILE["a call"].format(canary=canary))
    for path in (hostile_run / "config.yml", tmp_path / "only.yml"):
        config = deepcopy(voxel.config)
        config.load_config = path
        with pytest.raises(CheckpointError):
            train.main(config)
    assert not canary.exists()


def test_what_others_read_by_that_loader_is_as_before():
    assert yaml.load("!!python/tuple [1]", Loader=yaml.Loader) == (1,)
    assert yaml.load("!!python/name:builtins.len ''", Loader=yaml.UnsafeLoader) is len
    assert yaml.load("a: 2026-01-01", yaml.SafeLoader)["a"].year == 2026


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["ns-viewer", "--load-config", "CONFIG"],
        ["ns-render", "dataset", "--load-config", "CONFIG"],
        ["ns-export", "pointcloud", "--load-config", "CONFIG", "--output-dir", "out"],
        ["ns-eval", "--load-config", "CONFIG"],
        ["ns-train", "voxel", "--load-config", "CONFIG"],
        ["python -m", "nerfstudio.scripts.train", "voxel", "--load-config", "CONFIG"],
    ],
)
def test_the_real_commands_of_nerfstudio_run_nothing_and_say_why(words, hostile_run, canary, tmp_path):
    program, *rest = [str(hostile_run / "config.yml") if word == "CONFIG" else word for word in words]
    start = [sys.executable, "-m"] if program == "python -m" else [str(Path(sys.executable).parent / program)]
    done = subprocess.run([*start, *rest], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode != 0
    assert "found a call of 'os.system' in it" in done.stderr
    assert "Traceback" not in done.stderr or program == "python -m"
    assert not canary.exists()


def test_weights_that_a_run_names_are_not_downloaded(tiny_edit, tiny_base):
    config = tiny_edit(load_dir=tiny_base)
    config.set_timestamp()
    for model in ("ip2p:someone/model", "sds:someone/model"):
        other = deepcopy(config)
        other.choose(editor=model)
        with pytest.raises(ConfigError, match="someone/model in the run"):
            place_run(other, config.get_base_dir())
    place_run(config, config.get_base_dir())
