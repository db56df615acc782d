from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from editor3d import editors
from editor3d.cli import main
from editor3d.cli.commands.preview import spread_views
from editor3d.errors import InstructionError
from editor3d.types import EditorInfo, Intrinsics, PosedImages, View

INSTRUCTION = "make it night"


class RecordingEditor:
    """Inverts the photograph, and keeps what it was asked."""

    def __init__(self, **capabilities):
        self.info = EditorInfo(name="recorder", summary="", license="", **capabilities)
        self.validated, self.requests = None, []

    def validate(self, instruction, objects, views):
        self.validated = (instruction, sorted(objects), list(views))
        if instruction == "refused":
            raise InstructionError("Expected something else.")

    def edit(self, request):
        self.requests.append(request)
        return 1 - request.condition


@pytest.fixture
def recorder(monkeypatch):
    editor = RecordingEditor(edits_objects=True, uses_render=True)
    monkeypatch.setattr(editors, "create_editor", lambda spec, **options: editor)
    return editor


@pytest.fixture(scope="module")
def capture(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("capture")
    rng = np.random.default_rng(0)
    (root / "images").mkdir()
    for k in range(12):
        Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(root / "images" / f"f{k:02}.png")
    pose = np.eye(4)
    pose[2, 3] = 2
    frames = [{"file_path": f"images/f{k:02}.png", "transform_matrix": pose.tolist()} for k in range(12)]
    intrinsics = {"w": 32, "h": 24, "fl_x": 30.0, "fl_y": 30.0, "cx": 16.0, "cy": 12.0}
    (root / "transforms.json").write_text(json.dumps(intrinsics | {"frames": frames}))
    return root


def preview(*words: str) -> int:
    return main(["preview", *words])


def test_picture_is_written_and_its_path_printed(capture, recorder, tmp_path, capsys):
    assert preview(str(capture), "--instruction", INSTRUCTION, "--output", str(tmp_path / "new")) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path.parent == tmp_path / "new"
    assert os.listdir(path.parent) == [path.name]
    assert "make-it-night" in path.name
    assert Image.open(path).width > 4 * 300
    assert len(recorder.requests) == 4


def test_editor_is_asked_what_the_flags_say(capture, recorder, tmp_path):
    words = ["--views", "f03, f01", "--seed", "7", "--downscale-factor", "2", "--output", str(tmp_path)]
    assert preview(str(capture), "--instruction", INSTRUCTION, *words) == 0
    assert recorder.validated == (INSTRUCTION, [], ["f03", "f01"])
    assert [r.view for r in recorder.requests] == ["f03", "f01"]
    request = recorder.requests[0]
    assert request.instruction == INSTRUCTION
    assert request.seed == 7
    assert request.condition.shape == (12, 16, 3)
    assert 0 <= request.condition.min() < request.condition.max() <= 1
    assert torch.equal(request.render, request.condition)  # no scene yet: the photograph stands for its render


def test_editor_that_needs_no_render_gets_none(capture, monkeypatch, tmp_path):
    editor = RecordingEditor()
    monkeypatch.setattr(editors, "create_editor", lambda spec, **options: editor)
    assert preview(str(capture), "--instruction", INSTRUCTION, "--count", "1", "--output", str(tmp_path)) == 0
    assert [r.render for r in editor.requests] == [None]
    assert editor.requests[0].objects == {}


def test_demo_objects_reach_the_editor(recorder, tmp_path):
    assert preview("demo", "--instruction", "make the teapot gold", "--count", "1", "--output", str(tmp_path)) == 0
    request = recorder.requests[0]
    assert "teapot" in request.objects
    assert request.objects["teapot"].dtype == torch.bool
    assert request.objects["teapot"].shape == request.condition.shape[:2]
    assert recorder.validated[1] == sorted(request.objects)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--views", "nope"], "There is no view nope"),
        (["--views", "f01,f02,f03,f04,f05"], "one to 4"),
        (["--views", ","], "one to 4"),
        (["--count", "5"], "5"),
        (["--downscale-factor", "0"], "0"),
        (["--editor", "nothing-like-it"], "nothing-like-it"),
    ],
)
def test_wrong_flags_end_with_2_and_leave_nothing(capture, tmp_path, capsys, words, said):
    assert preview(str(capture), "--instruction", INSTRUCTION, "--output", str(tmp_path / "new"), *words) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("recorder")
def test_refused_instruction_leaves_nothing(capture, tmp_path, capsys):
    assert preview(str(capture), "--instruction", "refused", "--output", str(tmp_path / "new")) == 2
    found, *said = capsys.readouterr().err.splitlines()
    assert "10 + 2 views" in found
    assert said == ["error: Expected something else."]
    assert not (tmp_path / "new").exists()


def test_a_picture_alone_is_edited(recorder, tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    assert preview(str(tmp_path / "photo.png"), "--instruction", INSTRUCTION, "--output", str(tmp_path / "new")) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path.name == "photo-make-it-night.png"
    (request,) = recorder.requests
    assert request.view == "photo"
    assert torch.equal((request.condition * 255).round().to(torch.uint8), torch.from_numpy(pixels))


def test_a_large_picture_is_read_smaller_and_one_of_another_size_as_asked(recorder, tmp_path):
    Image.new("RGB", (2000, 1000), "red").save(tmp_path / "photo.jpg")
    for words, size in (
        ([], (500, 1000)),
        (["--downscale-factor", "4"], (250, 500)),
        (["--downscale-factor", "1"], (1000, 2000)),
    ):
        words = ["--instruction", INSTRUCTION, "--output", str(tmp_path), *words]
        assert preview(str(tmp_path / "photo.jpg"), *words) == 0
        assert recorder.requests[-1].condition.shape[:2] == size


@pytest.mark.parametrize("words", [["--views", "photo"], ["--cameras", "20"], ["--downscale-factor", "0"]])
def test_what_a_picture_has_not_is_refused(tmp_path, capsys, words):
    Image.new("RGB", (20, 10), "red").save(tmp_path / "photo.png")
    words = [str(tmp_path / "photo.png"), "--instruction", INSTRUCTION, "--output", str(tmp_path / "new"), *words]
    assert preview(*words) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "new").exists()


def test_what_is_no_picture_is_refused(tmp_path, capsys):
    (tmp_path / "photo.png").write_bytes(b"text")
    assert preview(str(tmp_path / "photo.png"), "--instruction", INSTRUCTION, "--output", str(tmp_path / "new")) == 2
    assert "photo.png" in capsys.readouterr().err


def scene_of(train: int, test: int) -> PosedImages:
    def view(k, split):
        path = Path(f"{k:03}.png")
        lens = Intrinsics(4, 4, 1.0, 1.0, 2.0, 2.0)
        return View(name=path.stem, image_path=path, split=split, c2w=np.eye(4)[:3], **vars(lens))

    views = [view(k, "train") for k in reversed(range(train))] + [view(train + k, "test") for k in range(test)]
    return PosedImages(root=Path(), format="nerfstudio", views=tuple(views))


@given(st.integers(1, 60), st.integers(0, 5), st.integers(1, 4))
def test_views_are_spread_over_the_training_set(train, test, count):
    chosen = spread_views(scene_of(train, test), count)
    assert len(chosen) == min(count, train)
    assert all(view.split == "train" for view in chosen)
    places = [int(view.name) for view in chosen]
    assert places == sorted(set(places))
    ends = [-places[0] - 1, *places, 2 * train - places[-1]]
    assert max(np.diff(ends)) - min(np.diff(ends)) <= 2  # as far apart from each other as from twice the ends


def test_a_model_is_run_as_it_usually_is(capture, recorder, tmp_path):
    recorder.info = replace(recorder.info, guidance_scale=2.5, diffusion_steps=4)
    assert preview(str(capture), "--instruction", INSTRUCTION, "--output", str(tmp_path)) == 0
    assert {(asked.guidance_scale, asked.diffusion_steps) for asked in recorder.requests} == {(2.5, 4)}
