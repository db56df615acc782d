"""`ns-train` from the outside: exit codes, messages, signals, a full disk, no network."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from editor3d.run import checkpoints

NS_TRAIN = """
import sys
from nerfstudio.scripts import train
sys.argv = ["ns-train", *arguments]
train.entrypoint()
"""


@pytest.fixture
def ns_train(lab, tiny_capture, tiny_base, tmp_path):
    """Runs `ns-train in2n` with these flags after ones that make it small."""

    def run(*flags: object, data: Path = tiny_capture, base: Path = tiny_base):
        small = ["--vis", "tensorboard", "--max-num-iterations", 3, "--turntable-frames", 0, "--load-dir", base]
        small += ["--output-dir", tmp_path / "out", "--data", data, "--machine.device-type", "cpu"]
        return lab.run(NS_TRAIN, arguments=[str(word) for word in ["in2n", *small, *flags]])

    return run


def assert_refused(result, output: Path, *words: str) -> None:
    assert result.code == 2, result.stderr
    said = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(said) == 1, result.stderr
    assert all(word in said[0] for word in words), said
    assert "Traceback" not in result.stderr + result.stdout
    assert not list(output.rglob("*")), list(output.rglob("*"))


def test_an_instruction_is_carried_out(ns_train, tmp_path):
    result = ns_train("--instruction", "make it look like winter", "--pipeline.guidance-scale", 9)
    assert result.code == 0, result.stderr
    (record,) = (tmp_path / "out").rglob("edit.json")
    assert (record.parent / "before_after.png").is_file()


def test_upstreams_flags_work(ns_train, tmp_path):
    flags = {"prompt": "make it look like winter", "guidance-scale": 7.5, "image-guidance-scale": 1.5, "edit-rate": 10}
    flags |= {"edit-count": 1, "diffusion-steps": 20, "lower-bound": 0.02, "upper-bound": 0.98}
    result = ns_train(*(word for flag, value in flags.items() for word in (f"--pipeline.{flag}", value)))
    assert result.code == 0, result.stderr
    assert len(list((tmp_path / "out").rglob("edit.json"))) == 1


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--instruction", ""], ["instruction"]),
        (["--instruction", "make it purr like a kitten"], ["purr"]),
        (["--instruction", "make it look like winter", "--load-dir", "no/such/run"], ["no/such/run"]),
        (["--instruction", "make it look like winter", "--data", "no/such/capture"], ["no/such/capture"]),
    ],
)
def test_a_users_mistake_is_one_sentence_and_leaves_nothing(ns_train, tmp_path, flags, words):
    assert_refused(ns_train(*flags), tmp_path / "out", *words)


def test_broken_transforms_are_one_sentence(ns_train, own_capture, tmp_path):
    (own_capture / "transforms.json").write_text('{"frames": [')
    result = ns_train("--instruction", "make it look like winter", data=own_capture)
    assert_refused(result, tmp_path / "out", "transforms.json")


def test_a_base_of_another_kind_is_one_sentence(ns_train, tmp_path):
    import torch

    path = tmp_path / "splats" / "nerfstudio_models" / "step-000029999.ckpt"
    checkpoints.save(path, {"step": 29_999, "pipeline": {"_model.means": torch.zeros(3, 3)}, "optimizers": {}})
    result = ns_train("--instruction", "make it look like winter", base=path.parent)
    assert_refused(result, tmp_path / "out", "VoxelModel", "lacks field")


def test_an_unknown_flag_is_refused(ns_train, tmp_path):
    result = ns_train("--instruction", "make it look like winter", "--no-such-flag", 1)
    assert result.code == 2
    assert "no-such-flag" in result.stderr + result.stdout
    assert not (tmp_path / "out").exists()


def test_runs_that_begin_in_the_same_second_have_folders_of_their_own(tiny_edit, monkeypatch):
    stamp, frozen = "2025-01-01_000000", SimpleNamespace(now=lambda: datetime(2025, 1, 1))
    monkeypatch.setattr("nerfstudio.configs.experiment_config.datetime", frozen)
    monkeypatch.setattr("time.strftime", lambda *_: stamp)
    configs = [tiny_edit(timestamp="{timestamp}") for _ in range(3)]
    for config in configs:
        config.set_timestamp()
        assert config.timestamp == stamp
        config.check()
        config.write_config()
    assert [config.timestamp for config in configs] == [stamp, f"{stamp}-2", f"{stamp}-3"]
    assert all((config.get_base_dir() / "config.yml").is_file() for config in configs)


INTERRUPT = """
import signal
from editor3d.plugin.train.trainer import PluginTrainer
from editor3d.update.engine import DatasetUpdater

def interrupt(original, *args, **kwargs):
    os.kill(os.getpid(), signal.SIGINT)
    return original(*args, **kwargs)

at({where}, {call}, interrupt)
run(load(path))
"""


@pytest.mark.parametrize(
    ("where", "call", "left"),
    [
        ("PluginTrainer, 'train_iteration'", 4, "step-000000003.ckpt"),
        ("DatasetUpdater, '_apply'", 14, "step-000000001.ckpt"),
        ("DatasetUpdater, '_apply'", 2, None),
    ],
)
def test_ctrl_c_saves_and_the_rest_equals_an_uninterrupted_run(where, call, left, tiny_edit, lab, saved, same_runs):
    settings = {
        "editor": "procedural-noisy",
        "pipeline": {"schedule": "all-at-once", "edit_rate": 2},
        "steps": 6,
        "steps_per_save": 100,
    }
    config = tiny_edit(**settings)
    stopped = lab.run(INTERRUPT.format(where=where, call=call), path=saved(config))
    assert stopped.code == 130, stopped.stderr
    assert "Traceback" not in stopped.stderr + stopped.stdout
    assert "editor3d resume" in stopped.stdout
    run = config.get_base_dir()
    found = [path.name for path in checkpoints.find_checkpoints(run / "nerfstudio_models").values()]
    assert found == ([left] if left else [])
    resumed = lab.run("import editor3d\neditor3d.resume(run)", run=run)
    assert resumed.code == 0, resumed.stderr
    whole = tiny_edit(**settings, timestamp="whole")
    result = lab.run("run(load(path))", path=saved(whole))
    assert result.code == 0, result.stderr
    same_runs(run, whole.get_base_dir())


def test_ctrl_c_while_preparing_ends_quietly(tiny_edit, lab, saved):
    hook = "at(checkpoints, 'load', 1, interrupt)"
    code = INTERRUPT.replace("at({where}, {call}, interrupt)", f"from editor3d.run import checkpoints\n{hook}")
    stopped = lab.run(code, path=saved(tiny_edit()))
    assert stopped.code == 130, stopped.stderr
    assert "Traceback" not in stopped.stderr + stopped.stdout


FULL_DISK = """
import resource, torch

def full(original, state, path):
    size = 50_000  # more than the event log of this short run, less than a checkpoint
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    return original(state, path)

at(torch, "save", 2, full)
run(load(path))
"""


def test_a_full_disk_while_saving_is_one_sentence_and_costs_nothing_saved(tiny_edit, lab, saved):
    config = tiny_edit(steps=8, steps_per_save=2)
    result = lab.run(FULL_DISK, path=saved(config))
    assert result.code == 2, result.stderr
    said = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(said) == 1
    assert "free some space" in said[0]
    assert "Traceback" not in result.stderr + result.stdout
    folder = config.get_checkpoint_dir()
    assert [path.name for path in folder.iterdir()] == ["step-000000002.ckpt"]
    assert checkpoints.load(checkpoints.latest_checkpoint(folder))["step"] == 2
    assert not list(config.get_base_dir().glob("*unfinished*"))
    resumed = lab.run("import editor3d\neditor3d.resume(run)", run=config.get_base_dir())
    assert resumed.code == 0, resumed.stderr


NO_ROOM = """
import resource
from editor3d.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))  # config.yml has twice
"""


def test_a_disk_full_from_the_start_is_one_sentence_and_leaves_nothing(tiny_edit, lab, saved):
    config = tiny_edit()
    assert_refused(lab.run(f"{NO_ROOM}\nrun(load(path))", path=saved(config)), config.output_dir, "free some space")


def test_a_folder_that_cannot_be_written_is_one_sentence(ns_train, tmp_path):
    result = ns_train("--instruction", "make it look like winter", "--output-dir", "/proc/no-such-folder")
    assert_refused(result, tmp_path / "out", "/proc/no-such-folder", "another folder")


KILL = """
from editor3d.plugin.train.trainer import PluginTrainer
at(PluginTrainer, {method!r}, {call}, lambda original, *args, **kwargs: os.kill(os.getpid(), 9))
run(load(path))
"""


@pytest.mark.parametrize(("method", "call"), [("build", 1), ("train_iteration", 6)])
def test_a_full_disk_while_a_moved_run_goes_on_costs_nothing(method, call, tiny_edit, lab, saved, tmp_path):
    config = tiny_edit(steps=8, steps_per_save=2)
    killed = lab.run(KILL.format(method=method, call=call), path=saved(config))
    assert killed.code == -9, killed.stderr
    moved = Path(shutil.move(config.output_dir, tmp_path / "elsewhere")) / "tiny" / "in2n" / "run"

    def held():
        return {path: path.read_bytes() for path in moved.rglob("*") if path.is_file()}

    before = held()
    full = lab.run(f"{NO_ROOM}\nraise SystemExit(main(['resume', run]))", run=moved)
    assert full.code == 2, full.stderr
    assert full.stderr.count("error: ") == 1
    assert "Traceback" not in full.stderr
    assert held() == before
    resumed = lab.run("import editor3d\neditor3d.resume(run)", run=moved)
    assert resumed.code == 0, resumed.stderr


DISK_FULL = """
import errno
from tensorboard.summary.writer.record_writer import RecordWriter
from editor3d.run.results import EditResults

def full(original, *args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/some/file")
"""


@pytest.mark.parametrize("kept", [0, 2])
def test_a_run_outlives_its_event_log(tiny_edit, lab, saved, kept):
    config = tiny_edit(steps=31)  # TensorBoard's thread fails unseen; the next points of the curves find it out
    hook = f"written = []\nat(RecordWriter, 'write', lambda *args: written.append(1) or len(written) > {kept}, full)"
    result = lab.run(f"{DISK_FULL}\n{hook}\nrun(load(path))", path=saved(config))
    assert result.code == 0, result.stderr
    assert result.stdout.count("event log cannot be written") == 1
    assert "Traceback" not in result.stderr + result.stdout
    assert (config.get_base_dir() / "before_after.png").is_file()


def test_what_the_system_refuses_is_one_sentence(tiny_edit, lab, saved):
    config = tiny_edit()
    result = lab.run(f"{DISK_FULL}\nat(EditResults, 'save_after', 1, full)\nrun(load(path))", path=saved(config))
    assert result.code == 2, result.stderr
    assert "error: No space left on device: /some/file (free some space" in result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    resumed = lab.run("import editor3d\neditor3d.resume(run)", run=config.get_base_dir())
    assert resumed.code == 0, resumed.stderr


def test_an_earlier_run_that_cannot_go_on_is_kept(tiny_edit, lab, saved):
    config = tiny_edit()
    killed = lab.run(KILL.format(method="build", call=1), path=saved(config))
    assert killed.code == -9, killed.stderr
    refuse = f"{DISK_FULL}\nfrom editor3d.plugin.edit.trainer import EditTrainer\nat(EditTrainer, 'find_base', 1, full)"
    for code in ("run(load(path))", "from editor3d.cli import main\nraise SystemExit(main(['resume', folder]))"):
        result = lab.run(f"{refuse}\n{code}", path=saved(config), folder=config.get_base_dir())
        assert result.code == 2, result.stderr
        assert (config.get_base_dir() / "config.yml").is_file()
    refused = tiny_edit(timestamp="new")
    assert lab.run(f"{refuse}\nrun(load(path))", path=saved(refused)).code == 2
    assert not refused.get_base_dir().exists()


OFFLINE = """
import socket, sys

def refuse(*args, **kwargs):
    raise AssertionError("the network was asked for")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


def test_no_network_is_needed_and_no_diffusion_model_imported(tiny_edit, lab, saved, tmp_path):
    config = tiny_edit(turntable_frames=3)
    job = """
run(load(path))
from nerfstudio.utils.eval_utils import eval_setup
_, pipeline, _, _ = eval_setup(Path(run_folder) / "config.yml")
cameras = pipeline.datamanager.eval_dataset.cameras
picture = pipeline.model.get_outputs_for_camera(cameras[0:1])["rgb"]
assert picture.shape == (20, 24, 3)
assert "diffusers" not in sys.modules, "diffusers"
"""
    code = f"{OFFLINE}\nfrom pathlib import Path\n{job}"
    result = lab.run(code, path=saved(config), run_folder=config.get_base_dir())
    assert result.code == 0, result.stderr
    assert (config.get_base_dir() / "turntable.mp4").is_file()


def test_nerfstudios_render_and_export_work_without_network(tiny_edit, lab, saved, tmp_path):
    config = tiny_edit()
    job = """
run(load(path))
import tyro
from nerfstudio.scripts import exporter, render
sys.argv = ["ns-render", "dataset", "--load-config", config, "--output-path", output + "/frames", "--split", "test",
            "--rendered-output-names", "rgb"]
render.entrypoint()
sys.argv = ["ns-export", "pointcloud", "--load-config", config, "--output-dir", output + "/points",
            "--num-points", "300", "--normal-method", "open3d", "--remove-outliers", "False"]
exporter.entrypoint()
"""
    run = config.get_base_dir()
    result = lab.run(f"{OFFLINE}\n{job}", path=saved(config), config=run / "config.yml", output=tmp_path)
    assert result.code == 0, result.stderr + result.stdout
    assert len(list((tmp_path / "frames").rglob("*.jpg"))) == 2
    assert (tmp_path / "points" / "point_cloud.ply").stat().st_size > 1000


def test_the_lab_itself_forks_from_one_thread(lab):
    result = lab.run("import threading\nprint(threading.active_count(), os.environ['NUMBA_NUM_THREADS'])")
    assert (result.code, result.stdout) == (0, "1 1\n")
    assert lab.run("raise SystemExit(7)").code == 7
    assert lab.run("os.kill(os.getpid(), 9)").code == -9
