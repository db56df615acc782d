"""`remove`: an instruction takes a named object out of a reconstruction, in a run like any other."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from editor3d.errors import ConfigError, InstructionError
from editor3d.language.removal import wants_removal
from editor3d.plugin.results.runs import open_run
from editor3d.run.record import read_record
from gaussian.methods.remove import remove


@pytest.fixture
def removal(tiny_capture, splat_base, tmp_path, change):
    """Makes the configuration of a removal from the tiny reconstruction."""

    def make(**options):
        config = deepcopy(remove.config)
        config.pipeline.datamanager.data = tiny_capture
        config.output_dir, config.experiment_name, config.timestamp = tmp_path / "runs", "tiny", "run"
        config.vis, config.machine.device_type, config.turntable_frames = "tensorboard", "cpu", 0
        config.load_dir = splat_base
        return change(config, None, {"instruction": "remove the ball", "force": True, **options})

    return make


def test_the_named_object_is_gone_and_all_else_is_as_it_was(removal, splat_base, start):
    trainer = start(removal())
    assert trainer.show_plan().is_file()
    assert trainer.fit()
    before, after = (open_run(path)[1].model.splats for path in (splat_base, trainer.base_dir))
    record = read_record(trainer.base_dir / "edit.json")
    assert record.region["type"] == "object"
    left = len(after) - record.region["new"]
    assert 0 < left < len(before)
    rows = [
        torch.cat([value.reshape(len(splats), -1) for value in splats.tensors.values()], 1).tolist()
        for splats in (before, after)
    ]
    kept = {tuple(row) for row in rows[1][:left]}
    assert [row for row in rows[0] if tuple(row) in kept] == rows[1][:left]
    assert len(before) - left >= record.region["parts"]
    assert (trainer.base_dir / "before_after.png").is_file()
    assert len(list((trainer.base_dir / "silhouettes").glob("*.png"))) == len(trainer.pipeline.train_views)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"instruction": "remove the teapot"}, InstructionError, "its objects are ball"),
        ({"instruction": "make the ball gold"}, InstructionError, "to remove something"),
        ({"editor": "procedural"}, ConfigError, "no editor"),
        ({"guidance_scale": 3.0}, ConfigError, "no guidance-scale"),
    ],
)
def test_what_it_does_not_do_is_refused_in_a_sentence(removal, options, error, says):
    with pytest.raises(error, match=says):
        removal(**options).check()


@pytest.mark.parametrize(
    ("instruction", "wanted"),
    [
        ("remove the mug", True),
        ("Please delete the ball and the duck.", True),
        ("take the mug away", True),
        ("get rid of the vase", True),
        ("make the mug gold", False),
        ("remove the mug and put a ball there", False),
        ("replace the mug with a ball", False),
        ("remove", False),
    ],
)
def test_sentences_that_want_something_gone(instruction, wanted):
    assert wants_removal(instruction) == wanted
