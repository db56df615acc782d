"""Try-ons of the test subject: what is edited when, what is found and edited again, what stays, what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from editor3d.api import Scene
from editor3d.datasets.views.images import read_image, read_object_masks
from editor3d.edit_config import edit_config
from editor3d.editors.try_on import landmarks
from editor3d.editors.try_on.editor import TryOnEditor
from editor3d.editors.try_on.garment import digest_of
from editor3d.errors import ConfigError, DataError
from editor3d.metrics.image import psnr
from editor3d.options import EditOptions
from editor3d.run.stopping import StepInterrupted
from gaussian.methods.vton import person as persons
from gaussian.model.parameters import PARAMETERS
from lab.references.contents import content
from lab.subject import garment_path, subject_path, worn_path

VIEWS = 18


class Spy:
    """The try-on editor, watched; `wrong` says by view how much of another garment its first tries get, 0 to 1."""

    def __init__(self, wrong: dict[str, Sequence[float]] | None = None, varies: bool = False) -> None:
        self.inner, self.asked, self.left = (
            TryOnEditor(),
            [],
            {view: list(tries) for view, tries in (wrong or {}).items()},
        )
        self.given, self.varies = [], varies

    @property
    def info(self):
        from dataclasses import replace

        return replace(self.inner.info, varies_with_seed=self.varies)

    def validate(self, *arguments) -> None:
        self.inner.validate(*arguments)

    def edit(self, request):
        self.asked.append(request)
        dressed = self.inner.edit(request)
        if self.left.get(request.view):
            right = dressed[request.mask]
            red = right * torch.tensor([1.0, 0.2, 0.3]) + torch.tensor([0.2, 0, 0])
            dressed[request.mask] = torch.lerp(right, red, self.left[request.view].pop(0))
            self.given.append(dressed.clone())
        return dressed


@pytest.fixture
def spy_on(monkeypatch):
    def watch(**settings) -> Spy:
        spy = Spy(**settings)
        monkeypatch.setattr(
            "gaussian.methods.vton.pipeline.VtonPipelineConfig.create_editor", lambda self, spec, device: spy
        )
        return spy

    return watch


def stop_after(trainer, edits: int) -> None:
    """Ask for a stop in the first stage, once so many edits are made."""
    updater = trainer.pipeline.updater
    show, updater.on_progress = updater.on_progress, lambda done, due: None
    updater.should_stop = lambda: len(updater.state.edits) >= edits
    with pytest.raises(StepInterrupted):
        updater.before_step(0)
    updater.on_progress, updater.should_stop = show, lambda: False


def test_all_views_are_edited_with_the_garment_before_the_first_step(try_on, start, spy_on):
    spy = spy_on(varies=True)
    trainer = start(try_on(steps=6))
    done = []
    original = trainer.train_iteration
    trainer.train_iteration = lambda step: (done.append(len(spy.asked)), original(step))[1]
    assert trainer.fit()
    assert done == [VIEWS] * 2 + [2 * VIEWS] * 4  # two stages that edit; the third restores nothing here
    assert {request.garment.digest for request in spy.asked} == {digest_of(garment_path())}
    assert len({request.view for request in spy.asked[:VIEWS]}) == VIEWS
    photographs = {view.name: read_image(view).float() / 255 for view in trainer.pipeline.train_views}
    for request in spy.asked:  # the second stage, too, begins from the original
        assert torch.equal(request.condition, photographs[request.view])


def test_a_few_edits_dress_the_person_from_all_sides(try_on, start, spy_on):
    spy = spy_on(varies=True)
    trainer = start(try_on(steps=2, edits=5))
    assert trainer.fit()
    assert 3 <= len(spy.asked) <= 5
    turns = np.array([request.garment.turn for request in spy.asked])
    assert np.abs(np.exp(1j * turns).mean()) < 0.6  # front, sides and back
    pipeline, pictures = trainer.pipeline, trainer.pipeline.datamanager.train_pictures
    for index, (garment, face) in enumerate(zip(pipeline._person.garments, pipeline._person.faces, strict=True)):
        picture, before = pictures[index], pictures.within(pipeline._originals, index)
        kept = face & ~garment
        assert torch.equal(picture[kept], before[kept])
        if garment.any():
            assert not torch.equal(picture[garment], before[garment])
    notes = json.loads((trainer.base_dir / "edit.json").read_text())["notes"]
    assert notes["garment_digest"] == digest_of(garment_path())
    assert len(notes["keys"]["accepted"]) >= 3


def test_turns_are_told_from_faces(try_on, start, spy_on):
    spy = spy_on()
    trainer = start(try_on(steps=1))
    assert trainer.fit()
    views = {view.name: view for view in trainer.pipeline.train_views}
    for request in spy.asked:
        c2w = views[request.view].c2w
        truth = np.arctan2(c2w[0, 3], -c2w[1, 3])
        error = (request.garment.turn - truth + np.pi) % (2 * np.pi) - np.pi
        assert abs(error) < 0.25, request.view


def test_a_planted_wrong_garment_is_found_and_edited_again(try_on, start, spy_on):
    spy = spy_on(wrong={"train_06": [1.0], "train_28": [1.0, 1.0]}, varies=True)
    trainer = start(try_on(steps=1))
    assert trainer.fit()
    notes = trainer.pipeline.updater.notes
    assert {entry["view"] for entry in notes.reedited} == {"train_06", "train_28"}
    for entry in notes.reedited:
        assert entry["color_after"] < 0.5 * entry["color"]
    assert sum(request.view == "train_28" for request in spy.asked) == 3
    record = json.loads((trainer.base_dir / "edit.json").read_text())
    assert [entry["view"] for entry in record["notes"]["reedited"]] == [entry["view"] for entry in notes.reedited]
    edited = read_image(trainer.base_dir / "edited" / "train_06.png").float() / 255
    mask = trainer.pipeline._person.garments[3]
    assert edited[mask].mean(0).argmax() != 0  # teal and cream, not the red that was planted


@pytest.mark.parametrize("tries", [(1.0, 1.0, 1.0), (1.0, 0.6, 1.0), (0.6, 1.0, 1.0)])
def test_a_view_that_stays_wrong_keeps_its_best_try(try_on, start, spy_on, tries):
    spy = spy_on(wrong={"train_06": tries}, varies=True)
    trainer = start(try_on(steps=1))
    assert trainer.fit()
    (entry,) = trainer.pipeline.updater.notes.reedited
    assert entry["view"] == "train_06"
    assert (entry["color_after"] < entry["color"]) == (min(tries) < tries[0])
    edited = read_image(trainer.base_dir / "edited" / "train_06.png").float() / 255
    mask = trainer.pipeline._person.garments[3]
    assert len(spy.given) == 3
    best = spy.given[tries.index(min(tries))]
    assert (edited - best)[mask].abs().mean() < 1 / 255  # the seam at the neck is the face's


def test_what_is_not_worn_keeps_every_bit(try_on, start):
    trainer = start(try_on(steps=4))
    model = trainer.pipeline.model
    frozen = model.strategy_state["frozen"].clone()
    before = {name: model.gauss_params[name].detach().clone() for name in PARAMETERS}
    assert 0 < int((~frozen).sum()) < len(frozen)
    assert trainer.fit()
    still = model.strategy_state["frozen"]
    for name in PARAMETERS:
        assert torch.equal(model.gauss_params[name].detach()[still], before[name][frozen]), name


@pytest.mark.slow
def test_held_out_views_wear_the_garment(try_on, start):
    trainer = start(try_on(steps=120))
    pipeline = trainer.pipeline
    held_out = pipeline.datamanager.eval_dataset
    views = held_out.metadata["views"]
    before = [pipeline.render_view(held_out.cameras, i)["rgb"] for i in range(len(views))]
    assert trainer.fit()
    for index, view in enumerate(views):
        masks = read_object_masks(view, pipeline.objects)
        after = pipeline.render_view(held_out.cameras, index)["rgb"]
        truth = read_image(worn_path() / f"{view.name}.jpg", (view.width, view.height)).numpy() / 255
        difference = deltaE_ciede2000(rgb2lab(after.clamp(0, 1).numpy()), rgb2lab(truth))
        assert np.median(difference[masks["garment"].numpy()]) < 14, view.name  # of 64 pixels and a short base
        nobody = ~torch.stack(list(masks.values())).any(0)
        assert psnr(after, before[index], nobody) > 35
        if int(masks["face"].sum()) > 10:
            assert psnr(after, before[index], masks["face"]) > 40


def test_a_stop_between_edits_takes_nothing_back(try_on, start, same_runs):
    whole = start(try_on(steps=3, timestamp="whole"))
    assert whole.fit()
    stopped = start(try_on(steps=3))
    updater = stopped.pipeline.updater
    stop_after(stopped, 7)
    assert (updater.state.edits, updater.state.revisions, updater.notes.stages) == ([], {}, [])
    assert len(list((stopped.base_dir / "edit_state").glob("*.png"))) == 7
    assert stopped.fit()
    for name in ("edited", "after"):
        for path in (whole.base_dir / name).iterdir():
            assert content(path) == content(stopped.base_dir / name / path.name)


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_happened(try_on, lab, saved, same_runs):
    configs = [try_on(steps=6, steps_per_save=2, timestamp=name) for name in ("whole", "killed")]
    for config in configs:
        config.pipeline.restoration, config.pipeline.restoration_steps = "ddnm", 2
    whole, killed = configs
    kill = "lambda original, *a, **k: os.kill(os.getpid(), 9)"
    hook = f"from editor3d.plugin.train.trainer import PluginTrainer\nat(PluginTrainer, 'train_iteration', 4, {kill})"
    result = lab.run("run(load(path))", timeout=300, path=saved(whole))
    assert result.code == 0, result.stderr
    path = saved(killed)
    assert lab.run(f"{hook}\nrun(load(path))", timeout=300, path=path).code == -9
    result = lab.run("run(load(path))", timeout=300, path=path)
    assert result.code == 0, result.stderr
    same_runs(killed.get_base_dir(), whole.get_base_dir())


def test_another_garment_never_meets_old_pictures(try_on, start, spy_on, tmp_path):
    mine = Path(shutil.copy(garment_path(), tmp_path / "shirt.png"))
    first = start(try_on(steps=2, garment=mine))
    stop_after(first, 5)
    made = {path.name: path.read_bytes() for path in (first.base_dir / "edit_state").glob("*.png")}
    assert len(made) == 5
    Image.open(mine).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(mine)  # same name, other cloth
    spy = spy_on()
    again = start(try_on(steps=2, garment=mine))  # the same folder
    assert again.fit()
    assert len(spy.asked) == VIEWS
    for name in made:
        later = again.base_dir / "edit_state" / name
        assert not later.is_file() or later.read_bytes() != made[name]


def test_a_run_does_not_go_on_with_another_garment(try_on, start, tmp_path):
    mine = Path(shutil.copy(garment_path(), tmp_path / "shirt.png"))
    config = try_on(steps=2, garment=mine)
    start(config)
    Image.open(mine).rotate(90).save(mine)
    with pytest.raises(DataError, match="began with"):
        config.check()


def test_a_run_does_not_go_on_with_other_pictures(try_on, start, few_views, tmp_path):
    data = Path(shutil.copytree(few_views, tmp_path / "capture"))
    config = try_on(steps=2, data=data)
    trainer = start(config)
    assert trainer.fit()
    picture = data / "images" / "train_04.jpg"
    Image.open(picture).point(lambda value: 255 - value).save(picture)
    config.max_num_iterations = 4
    with pytest.raises(DataError, match="train_04 differs"):
        start(config)


def test_each_view_is_digested_once(try_on, start, few_views, monkeypatch):
    seen, digest = [], persons.digest_of
    monkeypatch.setattr(persons, "digest_of", lambda view: (seen.append(view.name), digest(view))[1])
    trainer = start(try_on(data=few_views, steps=1))
    assert sorted(seen) == sorted(view.name for view in trainer.pipeline.train_views)


def test_other_pictures_are_edited_anew(try_on, start, spy_on, few_views, tmp_path):
    data = Path(shutil.copytree(few_views, tmp_path / "capture"))
    first = start(try_on(steps=2, data=data))
    stop_after(first, 5)
    labels = data / "labels" / "train_02.png"
    Image.open(labels).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(labels)
    spy = spy_on()
    config = try_on(steps=2, data=data)  # the same folder, a new run
    assert start(config).fit()
    asked = [request.view for request in spy.asked]
    assert "train_02" in asked
    assert not {"train_00", "train_04", "train_06", "train_08"} & set(asked)


@pytest.mark.skipif(not landmarks.available(), reason="needs mediapipe")
def test_a_capture_without_a_person_is_refused_before_anything_is_made(try_on, tiny_capture):
    config = try_on(data=tiny_capture, load_dir=None)
    config.pipeline.datamanager.dataparser.downscale_factor = 1
    with pytest.raises(DataError, match="capture of a person"):
        config.check()
    assert not config.output_dir.exists()


@pytest.mark.parametrize(
    ("own", "pipeline", "error", "says"),
    [
        ({"garment": None}, {}, ConfigError, "--garment"),
        ({"garment": Path("nowhere.png")}, {}, DataError, "nowhere.png"),
        ({"editor": "procedural", "instruction": "make it red"}, {}, ConfigError, "dresses people"),
        ({}, {"reedits": -1}, ConfigError, "reedits"),
        ({}, {"restoration_factor": 0}, ConfigError, "factor"),
    ],
)
def test_what_cannot_work_is_one_sentence(try_on, own, pipeline, error, says):
    config = try_on(pipeline, **own)
    with pytest.raises(error, match=says):
        config.check()
    assert not config.output_dir.exists()


def test_the_command_takes_a_garment():
    scene = Scene(subject_path())
    config = edit_config(scene, EditOptions(garment=garment_path()))
    assert config.method_name == "gaussian-vton"
    assert config.options.garment == garment_path()
    with pytest.raises(ConfigError, match="gaussian-vton"):
        edit_config(scene, EditOptions("make it red", method="igs2gs", garment=garment_path())).check()
    plain = edit_config(scene, EditOptions(method="igs2gs"))
    with pytest.raises(ConfigError, match="gaussian-vton"):
        plain.pipeline.create_editor("try-on", "cpu")


def test_the_third_stage_restores_renders(try_on, start):
    trainer = start(try_on({"restoration": "ddnm", "restoration_steps": 1}, steps=3))
    seen = []
    trainer.pipeline.updater.on_edit = lambda index, picture: seen.append((trainer.completed + 1, index))
    assert trainer.fit()
    stages = trainer.pipeline.updater.notes.stages
    assert [(s["stage"], s["step"], s["edits"]) for s in stages] == [
        ("face", 0, VIEWS),
        ("agreement", 1, 0),
        ("restoration", 2, VIEWS),
    ]
    assert sum(step == 2 for step, _ in seen) == VIEWS
