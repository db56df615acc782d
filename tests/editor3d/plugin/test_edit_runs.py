"""A whole edit of a tiny capture: what it starts from, what it trains on and what it leaves behind."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from editor3d import api
from editor3d.editors import EDITORS, EditorEntry
from editor3d.errors import CheckpointError, ConfigError, DataError, Editor3DError, InstructionError
from editor3d.metrics.unavailable import Unavailable
from editor3d.outputs.record import read_record
from editor3d.plugin import checkpoints, edit_pipeline, pictures
from editor3d.plugin.base import ensure_base, open_base, read_config
from editor3d.plugin.edit_pipeline import EditPipelineConfig
from editor3d.types import EditorInfo

FIELD = "_model.field.grid"


class Recorder:
    """An editor that remembers its requests and changes nothing."""

    def __init__(self, info: EditorInfo) -> None:
        self.info, self.requests = info, []

    def validate(self, instruction, objects, views) -> None:
        if not instruction:
            raise InstructionError("Expected an instruction, got none: say one.")

    def edit(self, request):
        self.requests.append(request)
        return request.condition


@pytest.fixture
def recorder(monkeypatch) -> Recorder:
    """Stands behind the name `recorder` as an editor of the kind of a diffusion model."""
    info = EditorInfo("recorder", "", "", uses_render=True, uses_noise_level=True, varies_with_seed=True)
    made = Recorder(info)
    monkeypatch.setitem(EDITORS, "recorder", EditorEntry(info, "unused:unused"))
    monkeypatch.setattr(EditPipelineConfig, "create_editor", lambda self, device: made)
    return made


def start(config):
    """Check and prepare as the commands do; the trainer, ready to fit."""
    config.check()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.prepare()
    return trainer


def edit_before_step_0(trainer) -> None:
    trainer.pipeline.updater.on_progress = lambda done, due: None  # its bar is only there while fitting
    trainer.pipeline.updater.before_step(0)


def training_pictures(trainer) -> list[torch.Tensor]:
    pictures = trainer.pipeline.datamanager.train_pictures
    return [pictures[index].clone() for index in range(len(pictures))]


def photographs(trainer) -> list[torch.Tensor]:
    return [torch.from_numpy(np.array(Image.open(view.image_path))) for view in trainer.pipeline.train_views]


def test_an_edit_leaves_its_results(tiny_edit, tiny_base):
    trainer = start(tiny_edit(turntable_frames=4))
    assert trainer.fit()
    run = trainer.base_dir
    for name in ("before_after.png", "turntable.mp4", "edit.json", "config.yml", "dataparser_transforms.json"):
        assert (run / name).stat().st_size > 0, name
    record = read_record(run / "edit.json")
    names = [view.name for view in trainer.pipeline.train_views]
    assert sorted(record.edited_views) == sorted(names)
    assert [edit.view for edit in record.edits] == names  # a final editor edits each view once
    assert record.steps == 6
    assert record.base == str(checkpoints.latest_checkpoint(tiny_base))
    assert (record.instruction, record.editor) == ("make it look like winter", "procedural")
    for name, picture in zip(names, training_pictures(trainer), strict=True):
        published = np.array(Image.open(run / "edited" / f"{name}.png"))
        assert np.array_equal(published, picture.numpy()), name
    assert not np.array_equal(training_pictures(trainer)[0], photographs(trainer)[0])


def test_the_editor_gets_the_field_as_it_is_now_and_the_photograph(tiny_edit, recorder):
    trainer = start(tiny_edit(editor="recorder", pipeline={"edit_rate": 1, "guidance_scale": 9.0}, steps=4))
    renders = []
    updater = trainer.pipeline.updater
    original = updater.before_step

    def before_step(step: int) -> int:
        renders.append(trainer.pipeline.render_view(trainer.pipeline.datamanager.train_dataset.cameras, step)["rgb"])
        return original(step)

    updater.before_step = before_step
    assert trainer.fit()
    assert len(recorder.requests) == 4
    for request, render, photograph in zip(recorder.requests, renders, photographs(trainer), strict=False):
        assert torch.equal(request.render, render)
        assert torch.equal(request.condition, photograph.float() / 255.0)
        assert request.guidance_scale == 9.0
        assert 0.02 <= request.noise_level <= 0.98
    assert not torch.equal(
        renders[0], trainer.pipeline.render_view(trainer.pipeline.datamanager.train_dataset.cameras, 0)["rgb"]
    )
    for picture, photograph in zip(training_pictures(trainer), photographs(trainer), strict=True):
        assert torch.equal(picture, photograph)  # the identity changes nothing that is trained on


def test_conditions_can_be_renders_of_the_base(tiny_edit, recorder):
    trainer = start(tiny_edit(editor="recorder", pipeline={"edit_rate": 1, "condition_on": "base"}, steps=3))
    cameras = trainer.pipeline.datamanager.train_dataset.cameras
    base = [trainer.pipeline.render_view(cameras, index)["rgb"] for index in range(3)]
    assert trainer.fit()
    for request, render in zip(recorder.requests, base, strict=True):
        assert (request.condition - render.clamp(0, 1)).abs().max() <= 0.5 / 255 + 1e-6
    assert torch.equal(recorder.requests[0].render, base[0])


def test_the_next_batch_sees_an_edited_picture(tiny_edit):
    trainer = start(tiny_edit())
    pipeline = trainer.pipeline
    edit_before_step_0(trainer)
    live = training_pictures(trainer)
    batch = pipeline.datamanager.next_train(0)[1]
    expected = torch.stack([live[view][y, x] for view, y, x in batch["indices"].tolist()]).float() / 255.0
    assert torch.equal(batch["image"], expected)
    assert not all(torch.equal(a, b) for a, b in zip(live, photographs(trainer), strict=True))


def test_an_edit_of_an_edit_is_conditioned_on_the_first_result(tiny_edit, recorder):
    first = start(tiny_edit(editor="recorder", timestamp="first", steps=2))
    assert first.fit()
    recorder.requests.clear()
    second = start(tiny_edit(editor="recorder", timestamp="second", steps=2, load_dir=first.base_dir))
    assert second.base.is_edit
    cameras = second.pipeline.datamanager.train_dataset.cameras
    rendered = second.pipeline.render_view(cameras, 0)["rgb"]
    edit_before_step_0(second)
    assert (recorder.requests[0].condition - rendered.clamp(0, 1)).abs().max() <= 0.5 / 255 + 1e-6

    recorder.requests.clear()
    asked = {"condition_on": "original"}
    third = start(tiny_edit(editor="recorder", timestamp="third", steps=2, load_dir=first.base_dir, pipeline=asked))
    edit_before_step_0(third)
    assert torch.equal(recorder.requests[0].condition, photographs(third)[0].float() / 255.0)


@pytest.fixture
def old_base(tiny_base: Path, tmp_path: Path) -> Path:
    """The tiny base as if it had been trained for 30 000 steps."""
    run = Path(shutil.copytree(tiny_base, tmp_path / "old_base"))
    path = checkpoints.latest_checkpoint(run)
    state = checkpoints.load(path)
    path.unlink()
    checkpoints.save(path.with_name("step-000029999.ckpt"), {**state, "step": 29_999})
    return run


def test_steps_are_counted_from_the_start_of_the_edit(tiny_edit, old_base, monkeypatch):
    from editor3d.plugin.trainer import PluginTrainer

    steps, original = [], PluginTrainer.train_iteration

    def train_iteration(self, step):
        steps.append(step)
        if step == stop_before:
            self.stop_training = True
        return original(self, step)

    monkeypatch.setattr(PluginTrainer, "train_iteration", train_iteration)
    stop_before = None
    whole = start(tiny_edit(load_dir=old_base, steps=50, timestamp="whole"))
    assert whole.fit()
    assert steps == list(range(50))
    assert list(checkpoints.find_checkpoints(whole.checkpoint_dir)) == [49]

    steps.clear()
    stop_before = 19
    config = tiny_edit(load_dir=old_base, steps=50)
    assert not start(config).fit()
    assert steps == list(range(20))
    steps.clear()
    stop_before = None
    edit = api.resume(config.get_base_dir())
    assert steps == list(range(20, 50))
    assert edit.record.steps == 50
    steps.clear()
    api.resume(config.get_base_dir())
    assert steps == []


def test_a_result_is_loaded_by_nerfstudios_commands(tiny_edit, old_base):
    from nerfstudio.utils.eval_utils import eval_setup

    trainer = start(tiny_edit(load_dir=old_base, steps=3))
    assert trainer.fit()
    _, pipeline, path, step = eval_setup(trainer.base_dir / "config.yml")
    assert (path.parent, step) == (trainer.checkpoint_dir, 2)
    assert torch.equal(pipeline.model.field.grid.cpu(), trainer.pipeline.model.field.grid.cpu())
    assert pipeline.updater is None


def small_voxels(monkeypatch) -> None:
    """The method `voxel` at a tiny size."""
    from nerf_methods.voxel.method import voxel

    monkeypatch.setattr(voxel.config.pipeline.model, "resolutions", (12, 16))
    monkeypatch.setattr(voxel.config.pipeline.model, "upsample_steps", (4,))
    monkeypatch.setattr(voxel.config.pipeline.datamanager, "train_num_rays_per_batch", 64)


def test_a_base_is_kept_for_the_next_edit_of_the_same_data(tiny_edit, own_capture, monkeypatch):
    small_voxels(monkeypatch)

    def edit(name: str, **own):
        config = tiny_edit(data=own_capture, timestamp=name, load_dir=None, base_steps=6, steps=2, **own)
        trainer = start(config)
        assert trainer.fit()
        return trainer.base.checkpoint

    first = edit("first")
    written = first.stat().st_mtime_ns
    assert edit("second", instruction="make it look like night") == first
    assert first.stat().st_mtime_ns == written
    path = own_capture / "images/view_03.png"
    pixels = np.array(Image.open(path))
    pixels[4, 5] ^= 1
    Image.fromarray(pixels).save(path)
    changed = edit("third")
    assert changed != first
    assert first.stat().st_mtime_ns == written
    assert edit("fourth") == changed


def test_an_interrupted_base_goes_on(tiny_edit, monkeypatch):
    from editor3d.plugin.trainer import PluginTrainer

    small_voxels(monkeypatch)
    config = tiny_edit(load_dir=None)
    config.check()
    original, steps = PluginTrainer.train_iteration, []

    def train_iteration(self, step):
        steps.append(step)
        self.stop_training = self.stop_training or len(steps) == 4
        return original(self, step)

    monkeypatch.setattr(PluginTrainer, "train_iteration", train_iteration)
    assert ensure_base("voxel", config, 8) is None
    assert ensure_base("voxel", config, 8).checkpoint.name == "step-000000007.ckpt"
    assert steps == list(range(8))


def test_foreign_files_among_the_checkpoints_do_no_harm(tiny_edit, tiny_base, tmp_path):
    run = Path(shutil.copytree(tiny_base, tmp_path / "base"))
    (run / "nerfstudio_models" / "notes.txt").write_text("mine")
    (run / "nerfstudio_models" / "step-best.ckpt").write_text("mine")
    trainer = start(tiny_edit(load_dir=run, steps=1))
    assert trainer.base.checkpoint.name == "step-000000019.ckpt"


def refused(config, error: type[Editor3DError], match: str) -> None:
    """Preparing ends in one sentence, and no folder of the run is left."""
    with pytest.raises(error, match=match) as refusal:
        start(config)
    assert "\n" not in str(refusal.value)
    assert not config.get_base_dir().exists()


def test_a_damaged_checkpoint_is_named(tiny_edit, tiny_base, tmp_path):
    run = Path(shutil.copytree(tiny_base, tmp_path / "base"))
    path = checkpoints.latest_checkpoint(run)
    path.write_bytes(path.read_bytes()[:2000])
    refused(tiny_edit(load_dir=run), CheckpointError, path.name)


def test_bases_of_another_kind_are_refused(tiny_edit, tiny_base, tmp_path):
    splats = {"means": torch.zeros(5, 3), "opacities": torch.zeros(5, 1)}
    ngp = {"field.mlp_base.params": torch.zeros(7), "occupancy_grid.aabbs": torch.zeros(1, 6)}
    for name, model in (("splats", splats), ("ngp", ngp), ("nothing", {})):
        path = tmp_path / name / "nerfstudio_models" / "step-000029999.ckpt"
        pipeline = {f"_model.{key}": value for key, value in model.items()}
        checkpoints.save(path, {"step": 29_999, "pipeline": pipeline, "optimizers": {}})
        refused(tiny_edit(load_dir=path.parent), CheckpointError, "of the kind VoxelModel")


def test_a_base_of_other_cameras_is_refused(tiny_edit, own_capture):
    file = own_capture / "transforms.json"
    data = json.loads(file.read_text())
    for frame in data["frames"][:3]:
        frame["transform_matrix"][2][3] += 1.0
    file.write_text(json.dumps(data))
    refused(tiny_edit(data=own_capture), CheckpointError, "other")


def test_the_frame_of_the_base_is_taken_over(tiny_edit, tiny_capture, tmp_path, monkeypatch):
    small_voxels(monkeypatch)
    config = tiny_edit(load_dir=None)
    config.pipeline.datamanager.dataparser.orientation_method = "none"
    config.pipeline.datamanager.dataparser.scale_factor = 0.5
    config.check()
    base = ensure_base("voxel", config, 2)
    trainer = start(tiny_edit(load_dir=base.run, steps=1))
    parser = trainer.config.pipeline.datamanager.dataparser
    assert (parser.orientation_method, parser.scale_factor) == ("none", 0.5)


@pytest.mark.parametrize(
    ("own", "error", "match"),
    [
        ({"instruction": ""}, InstructionError, "instruction"),
        ({"instruction": None}, InstructionError, "instruction"),
        ({"instruction": "make it purr like a kitten"}, InstructionError, "purr"),
        ({"instruction": "make the sofa gold"}, InstructionError, "sofa"),
        ({"prompt": "make it look like night"}, InstructionError, "several"),
        ({"editor": "nonsense"}, ConfigError, "nonsense"),
        ({"steps": 0}, ConfigError, "at least 1 step"),
        ({"turntable_frames": -1}, ConfigError, "turntable"),
        ({"load_dir": Path("no/such/run")}, CheckpointError, "no/such/run"),
        ({"load_step": 7}, CheckpointError, "step 7"),
        ({"load_checkpoint": Path("gone.ckpt")}, CheckpointError, "gone.ckpt"),
        ({"pipeline": {"edit_rate": 0}}, ConfigError, "edit-rate"),
        ({"pipeline": {"upper_bound": 3.0}}, ConfigError, "upper-bound"),
        ({"pipeline": {"diffusion_steps": 0}}, ConfigError, "diffusion-steps"),
        ({"pipeline": {"guidance_scale": float("nan")}}, ConfigError, "guidance-scale"),
        ({"pipeline": {"condition_on": "photographs"}}, ConfigError, "condition-on"),
        ({"preset": "nonsense"}, ConfigError, "nonsense"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(tiny_edit, own, error, match):
    config = tiny_edit(**own)
    with pytest.raises(error, match=match):
        config.check()
    assert not config.output_dir.exists()


def change_transforms(capture: Path, change) -> None:
    file = capture / "transforms.json"
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


@pytest.mark.parametrize("damage", ["gone", "no json", "truncated", "missing picture", "nan", "no frames"])
def test_broken_captures_are_refused_before_anything_is_written(tiny_edit, own_capture, damage):
    if damage == "gone":
        shutil.rmtree(own_capture)
    elif damage == "no json":
        (own_capture / "transforms.json").write_text("{")
    elif damage == "truncated":
        path = own_capture / "images/view_04.png"
        path.write_bytes(path.read_bytes()[:200])
    elif damage == "missing picture":
        (own_capture / "images/view_04.png").unlink()
    elif damage == "nan":
        change_transforms(own_capture, lambda d: d["frames"][2]["transform_matrix"][0].__setitem__(3, float("nan")))
    else:
        change_transforms(own_capture, lambda d: d.update(frames=[]))
    config = tiny_edit(data=own_capture)
    with pytest.raises(DataError) as refusal:
        config.check()
    assert "\n" not in str(refusal.value)
    assert not config.output_dir.exists()


def test_an_object_that_some_view_has_no_labels_of_is_refused_at_once(tiny_edit, own_capture):
    change_transforms(own_capture, lambda data: data["frames"][5].pop("labels_path"))
    config = tiny_edit(data=own_capture, instruction="make the ball gold")
    with pytest.raises(DataError, match="view_05"):
        config.check()
    tiny_edit(data=own_capture).check()
    change_transforms(own_capture, lambda data: data["frames"][0].pop("labels_path"))  # 0 and 8 are held out
    change_transforms(own_capture, lambda d: d["frames"][5].update(labels_path="labels/view_05.png"))
    tiny_edit(data=own_capture, instruction="make the ball gold").check()


@pytest.mark.parametrize("condition_on", ["original", "auto"])
def test_an_object_is_edited_inside_its_mask_only(condition_on, tiny_edit, tiny_capture):
    trainer = start(tiny_edit(instruction="make the ball gold", pipeline={"condition_on": condition_on}))
    unedited = [picture.clone() for picture in training_pictures(trainer)]
    edit_before_step_0(trainer)
    for view, live, before in zip(trainer.pipeline.train_views, training_pictures(trainer), unedited, strict=True):
        inside = torch.from_numpy(np.array(Image.open(view.labels_path)) == 1)
        assert torch.equal(live[~inside], before[~inside])
        assert not torch.equal(live[inside], before[inside])


def test_an_edit_of_an_object_leaves_the_rest_as_the_base_shows_it(tiny_edit, tiny_capture):
    trainer = start(tiny_edit(instruction="make the ball gold"))
    cameras = trainer.pipeline.datamanager.train_dataset.cameras
    for index, live in enumerate(training_pictures(trainer)):
        render = trainer.pipeline.render_view(cameras, index)["rgb"]
        assert torch.equal(live, (render.clamp(0, 1) * 255).round().to(torch.uint8))


def test_the_configuration_of_a_run_is_read_back(tiny_edit):
    trainer = start(tiny_edit())
    read = read_config(trainer.base_dir / "config.yml")
    assert read == replace(trainer.config)
    assert open_base(read.load_checkpoint).checkpoint == read.load_checkpoint


def named_mug(capture: Path, name: str) -> Path:
    """The capture with its one object under another name."""
    change_transforms(capture, lambda data: data.update(objects={name: 1}))
    return capture


@pytest.mark.parametrize(
    ("name", "instruction"),
    [
        ("mug", "make the cup gold"),
        ("ball", "make the balls gold"),
        ("books", "make the book gold"),
        ("book.001", "make the book gold"),
        ("toy duck", "make the duck gold"),
    ],
)
def test_an_object_named_in_other_words_leaves_the_rest_as_the_base_shows_it(tiny_edit, own_capture, name, instruction):
    trainer = start(tiny_edit(data=named_mug(own_capture, name), instruction=instruction))
    renders = training_pictures(trainer)
    assert not any(torch.equal(a, b) for a, b in zip(renders, photographs(trainer), strict=True))
    edit_before_step_0(trainer)
    for view, live, render in zip(trainer.pipeline.train_views, training_pictures(trainer), renders, strict=True):
        inside = torch.from_numpy(np.array(Image.open(view.labels_path)) == 1)
        assert torch.equal(live[~inside], render[~inside])
        assert not torch.equal(live[inside], render[inside])
    settled = read_config(trainer.base_dir / "config.yml").pipeline
    assert settled.condition_on == "base"
    assert name in settled.condition_reason


@pytest.mark.parametrize("instruction", ["make it gold", "make the cup gold and let it snow", "make the scene gold"])
def test_what_changes_the_whole_picture_is_trained_on_photographs(tiny_edit, own_capture, instruction):
    trainer = start(tiny_edit(data=named_mug(own_capture, "mug"), instruction=instruction))
    assert trainer.config.pipeline.condition_on == "original"
    for picture, photograph in zip(training_pictures(trainer), photographs(trainer), strict=True):
        assert torch.equal(picture, photograph)


@pytest.mark.parametrize(
    ("own", "chosen", "said"),
    [
        ({}, "original", "the original photographs: the instruction is about the whole picture"),
        ({"instruction": "make the ball gold"}, "base", "renders of the base: the instruction is about ball"),
        ({"pipeline": {"condition_on": "base"}}, "base", "renders of the base: as asked"),
    ],
)
def test_what_is_edited_and_how_is_said_and_recorded(tiny_edit, capsys, own, chosen, said):
    settings = {"guidance_scale": 8.5, "image_guidance_scale": 1.25, "diffusion_steps": 12, "edit_rate": 3}
    trainer = start(tiny_edit(**{**own, "pipeline": {**settings, **own.get("pipeline", {})}}))
    assert trainer.fit()
    assert " ".join(capsys.readouterr().out.split()).count(f"Edits change {said}") == 1
    record = read_record(trainer.base_dir / "edit.json")
    assert record.condition_on == chosen
    assert record.condition_reason
    assert record.condition_reason in said or said.endswith("about ball")
    assert (record.guidance_scale, record.image_guidance_scale, record.diffusion_steps) == (8.5, 1.25, 12)
    assert record.schedule == {
        "kind": "all-at-once",
        "edit_rate": 3,
        "edit_count": 1,
        "lower_bound": 0.02,
        "upper_bound": 0.98,
        "noise": "uniform",
    }
    assert record.lpips == "off"
    assert all(edit.instruction is None for edit in record.edits)


@pytest.mark.parametrize("there", [True, False])
def test_what_became_of_lpips_is_recorded(tiny_edit, monkeypatch, there):
    found = Path("lpips") if there else Unavailable("no weights of LPIPS", "fetch them")
    monkeypatch.setattr(edit_pipeline, "lpips_weights", lambda: found)
    monkeypatch.setattr(edit_pipeline, "lpips_loss", lambda rendered, wanted: (rendered - wanted).abs().mean())
    monkeypatch.setattr(edit_pipeline, "LPIPS_PATCH", 8)
    trainer = start(tiny_edit(pipeline={"lpips_weight": 1.0}, steps=1))
    assert trainer.fit()
    recorded = read_record(trainer.base_dir / "edit.json").lpips
    assert recorded == ("used" if there else "left out: no weights of LPIPS")


@pytest.mark.parametrize("began_on", ["base", "original"])
def test_a_run_whose_choice_was_not_written_down_goes_on_as_it_began(tiny_edit, began_on):
    trainer = start(tiny_edit(instruction="make the ball gold", pipeline={"condition_on": began_on}))
    trainer.train_iteration, train = lambda step: train_then_stop(trainer, train, step), trainer.train_iteration
    assert not trainer.fit()
    begun_with = trainer.pipeline.updater.scene.condition(0)
    trainer.config.pipeline.condition_on = "auto"
    trainer.config.write_config()
    config = read_config(trainer.base_dir / "config.yml")
    again = config.setup(local_rank=0, world_size=1)
    again.prepare()
    assert torch.equal(again.pipeline.updater.scene.condition(0), begun_with)


def train_then_stop(trainer, train, step):
    trainer.stop_training = True
    return train(step)


def test_loading_is_part_of_an_edits_time_also_when_it_goes_on(tiny_edit, monkeypatch):
    read = pictures.read_image

    def slowly(*args):
        time.sleep(0.05)
        return read(*args)

    monkeypatch.setattr(pictures, "read_image", slowly)
    trainer = start(tiny_edit(steps=3))
    loading = 0.05 * len(trainer.pipeline.train_views)
    assert loading <= trainer.pipeline.stopwatch.seconds["rays"] <= trainer.seconds
    trainer.train_iteration, train = lambda step: train_then_stop(trainer, train, step), trainer.train_iteration
    assert not trainer.fit()
    resumed = read_config(trainer.base_dir / "config.yml").setup(local_rank=0, world_size=1)
    resumed.prepare()
    assert resumed.fit()
    spent = resumed.pipeline.stopwatch.seconds
    assert spent["rays"] >= 2 * loading
    assert sum(spent.values()) <= resumed.seconds
    times = read_record(trainer.base_dir / "edit.json").times
    assert times.other >= spent["rays"]
    assert times.total >= sum(spent.values())
