"""A quick edit fits colours alone, ends with the usual results, keeps to its region, and resumes exactly."""

from __future__ import annotations

import pytest
import torch

from editor3d.editors import EDITORS
from editor3d.errors import ConfigError
from editor3d.options import EditOptions
from editor3d.plugin.edit.quick import check_quick
from editor3d.run.record import read_record
from gaussian.model.parameters import PARAMETERS
from nerf_methods.nerfacto import EditNerfactoModel

BALL = "sphere:0,0,0,0.7"
COLORS = ("features_dc", "features_rest")
HOOKS = """
from editor3d.plugin.train.trainer import PluginTrainer
from editor3d.run.results import EditResults
from editor3d.update.engine import DatasetUpdater
"""
KILL = "lambda original, *a, **k: os.kill(os.getpid(), 9)"
DEATHS = {
    "between two edits": f"at(DatasetUpdater, '_apply', 2, {KILL})",
    "after the first picture": f"at(EditResults, 'save_first', 1, {KILL})",
    "before its results": f"at(EditResults, 'save_after', 1, {KILL})",
}


def start(config):
    config.check()
    config.save_config()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.prepare()
    return trainer


def parameters(trainer) -> dict[str, torch.Tensor]:
    return {name: trainer.pipeline.model.gauss_params[name].detach().clone() for name in PARAMETERS}


def test_only_colours_change_and_all_results_are_there(splat_edit):
    trainer = start(splat_edit(quick=True))
    before = parameters(trainer)
    pictures = [trainer.pipeline.render_view(trainer.pipeline.datamanager.train_dataset.cameras, 0)["rgb"]]
    assert trainer.fit()
    after = parameters(trainer)
    for name in PARAMETERS:
        assert torch.equal(before[name], after[name]) == (name != "features_dc"), name
    cameras = trainer.pipeline.datamanager.train_dataset.cameras
    pictures.append(trainer.pipeline.render_view(cameras, 0)["rgb"])
    wanted = trainer.pipeline.datamanager.train_pictures[0].float() / 255.0
    errors = [(picture - wanted).square().mean() for picture in pictures]
    assert errors[1] < 0.5 * errors[0]
    for name in ("before_after.png", "first_3d.png", "scene.ply", "edited"):
        assert (trainer.base_dir / name).exists(), name
    record = read_record(trainer.base_dir / "edit.json")
    assert record.steps == 1
    assert len(record.edits) == len(trainer.pipeline.train_views)


def test_outside_of_a_region_every_bit_stays(splat_edit):
    trainer = start(splat_edit(quick=True, region=BALL))
    before = parameters(trainer)
    assert trainer.fit()
    after, frozen = parameters(trainer), trainer.pipeline.model.strategy_state["frozen"]
    assert frozen.any()
    for name in PARAMETERS:
        assert torch.equal(before[name][frozen], after[name][frozen])
    assert not torch.equal(before["features_dc"][~frozen], after["features_dc"][~frozen])


@pytest.mark.slow
@pytest.mark.parametrize("death", DEATHS)
def test_a_killed_quick_edit_resumes_exactly(death, splat_edit, resumes_exactly):
    configs = [splat_edit(quick=True, editor="procedural-noisy", timestamp=name) for name in ("whole", "killed")]
    for config in configs:
        config.max_num_iterations = 1
    resumes_exactly(*configs, f"{HOOKS}\n{DEATHS[death]}")


def test_few_edits_are_carried_over_to_what_colours_are_fitted_to(splat_edit):
    trainer = start(splat_edit(quick=True, edits=3))
    before = parameters(trainer)
    assert trainer.fit()
    after = parameters(trainer)
    for name in PARAMETERS:
        assert torch.equal(before[name], after[name]) == (name != "features_dc"), name
    assert 1 <= len(read_record(trainer.base_dir / "edit.json").edits) <= 3


def test_a_whole_edit_of_few_views_shows_a_first_picture(splat_edit):
    trainer = start(splat_edit(edits=3, steps=2))
    assert trainer.fit()
    assert (trainer.base_dir / "first_3d.png").is_file()
    assert read_record(trainer.base_dir / "edit.json").steps == 2


def test_an_editor_that_changes_shapes_is_refused(splat_edit, tmp_path):
    config = splat_edit(quick=True, editor=f"folder:{tmp_path}")
    with pytest.raises(ConfigError, match="keeps the scene's shape"):
        config.check()


def test_a_scene_whose_colours_cannot_be_fitted_alone_is_refused():
    with pytest.raises(ConfigError, match="splats or voxels"):
        check_quick(EDITORS["procedural"].info, EditNerfactoModel)


def test_steps_are_refused():
    with pytest.raises(ConfigError, match="--steps"):
        EditOptions(quick=True, steps=5).check()
