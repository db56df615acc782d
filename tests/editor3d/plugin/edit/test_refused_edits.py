"""What cannot work is refused before anything is written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from editor3d.errors import CheckpointError, ConfigError, DataError, InstructionError


@pytest.mark.parametrize(
    ("own", "error", "match"),
    [
        ({"instruction": ""}, InstructionError, "instruction"),
        ({"instruction": " "}, InstructionError, "instruction"),
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


@pytest.mark.parametrize("damage", ["gone", "no json", "truncated", "missing picture", "nan", "no frames"])
def test_broken_captures_are_refused_before_anything_is_written(tiny_edit, own_capture, damage, change_transforms):
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


def test_an_object_that_some_view_has_no_labels_of_is_refused_at_once(tiny_edit, own_capture, change_transforms):
    change_transforms(own_capture, lambda data: data["frames"][5].pop("labels_path"))
    config = tiny_edit(data=own_capture, instruction="make the ball gold")
    with pytest.raises(DataError, match="view_05"):
        config.check()
    tiny_edit(data=own_capture).check()
    change_transforms(own_capture, lambda data: data["frames"][0].pop("labels_path"))  # 0 and 8 are held out
    change_transforms(own_capture, lambda d: d["frames"][5].update(labels_path="labels/view_05.png"))
    tiny_edit(data=own_capture, instruction="make the ball gold").check()
