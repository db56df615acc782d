"""A checkpoint of nerfstudio's own nerfacto is a base for edits."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
import torchmetrics.image.lpip
import yaml
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.configs.method_configs import method_configs
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.models.nerfacto import NerfactoModelConfig
from torch import nn

from editor3d.errors import CheckpointError
from editor3d.run import checkpoints

STEP = 29_999
APPEARANCE = "field.embedding_appearance.embedding.weight"
POSE = "camera_optimizer.pose_adjustment"


def tiny_nerfacto(**settings) -> NerfactoModelConfig:
    proposal = {"hidden_dim": 8, "log2_hashmap_size": 6, "num_levels": 2, "max_res": 8, "use_linear": False}
    return NerfactoModelConfig(
        num_levels=2,
        base_res=4,
        max_res=16,
        log2_hashmap_size=8,
        hidden_dim=8,
        hidden_dim_color=8,
        appearance_embed_dim=4,
        num_nerf_samples_per_ray=6,
        num_proposal_samples_per_ray=(8, 6),
        proposal_net_args_list=[dict(proposal), dict(proposal)],
        implementation="torch",
        camera_optimizer=CameraOptimizerConfig(mode="SO3xR3"),
        **settings,
    )


class StockLPIPS(nn.Module):
    """In place of the network whose weights nerfstudio would download."""

    def __init__(self, **_) -> None:
        super().__init__()
        self.register_parameter("net", nn.Parameter(torch.ones(3)))


@pytest.fixture
def stock_run(tiny_capture, tmp_path, monkeypatch) -> tuple[Path, dict[str, torch.Tensor], list[str]]:
    """A nerfacto run as `ns-train nerfacto` leaves it; its model's state, and the pictures it was trained on."""
    config = deepcopy(method_configs["nerfacto"])
    config.output_dir, config.experiment_name, config.timestamp = tmp_path / "stock", "tiny", "2025-01-01_000000"
    config.data = config.pipeline.datamanager.data = tiny_capture
    config.pipeline.datamanager.dataparser = NerfstudioDataParserConfig(
        data=tiny_capture, eval_mode="fraction", train_split_fraction=0.6
    )
    config.pipeline.model = tiny_nerfacto()
    run = config.get_base_dir()
    run.mkdir(parents=True)
    (run / "config.yml").write_text(yaml.dump(config))

    outputs = config.pipeline.datamanager.dataparser.setup().get_dataparser_outputs("train")
    names = [path.stem for path in outputs.image_filenames]
    assert len(names) == 6
    torch.manual_seed(4)
    with monkeypatch.context() as patch:
        patch.setattr(torchmetrics.image.lpip, "LearnedPerceptualImagePatchSimilarity", StockLPIPS)
        model = config.pipeline.model.setup(
            scene_box=SceneBox(aabb=torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=len(names), device="cpu"
        )
    state = {key: value.clone() for key, value in model.state_dict().items()}
    assert "lpips.net" in state
    state[POSE] = torch.arange(36.0).view(6, 6) / 1000
    learning_rate = [np.float64(1e-3)]  # what makes torch refuse stock checkpoints
    path = run / "nerfstudio_models" / f"step-{STEP:09d}.ckpt"
    path.parent.mkdir()
    torch.save(
        {
            "step": STEP,
            "pipeline": {f"_model.{key}": value for key, value in state.items()},
            "optimizers": {},
            "schedulers": {"fields": {"_last_lr": learning_rate, "last_epoch": STEP}},
            "scalers": {},
        },
        path,
    )
    return run, state, names


def start(config):
    config.check()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.prepare()
    return trainer


def test_a_stock_checkpoint_is_loaded_by_picture_and_edited(tiny_edit, stock_run):
    run, stock, names = stock_run
    trainer = start(tiny_edit(load_dir=run, steps=3, force=True))
    loaded = trainer.pipeline.model.state_dict()
    now = [view.name.split("/")[-1] for view in trainer.pipeline.train_views]
    assert len(now) == 8
    assert set(now) - set(names)  # some are new to the base
    for key in (APPEARANCE, POSE):
        unknown = stock[key].mean(0) if key == APPEARANCE else torch.zeros(6)
        for row, name in enumerate(now):
            expected = stock[key][names.index(name)] if name in names else unknown
            assert torch.equal(loaded[key][row], expected), (key, name)
    rest = set(stock) - {APPEARANCE, POSE, "lpips.net", "device_indicator_param"}
    assert all(torch.equal(loaded[key], stock[key]) for key in rest)
    assert trainer.fit()
    assert trainer.completed == 2
    after = trainer.pipeline.model.state_dict()
    assert any(not torch.equal(after[key], loaded_before) for key, loaded_before in stock.items() if key in rest)
    cameras = trainer.pipeline.datamanager.eval_dataset.cameras
    assert torch.isfinite(trainer.pipeline.render_view(cameras, 0)["rgb"]).all()


def test_a_stock_base_of_other_sizes_is_refused(tiny_edit, stock_run):
    run, stock, _ = stock_run
    path = checkpoints.latest_checkpoint(run)
    key = "field.mlp_head.layers.0.weight"
    assert key in stock
    state = checkpoints.load(path)
    state["pipeline"][f"_model.{key}"] = torch.zeros(3, 3)
    torch.save(state, path)
    config = tiny_edit(load_dir=run)
    with pytest.raises(CheckpointError, match="sizes"):
        start(config)
    assert not config.get_base_dir().exists()


def test_a_killed_edit_of_a_stock_base_goes_on_exactly(tiny_edit, stock_run, lab, saved):
    settings = {
        "editor": "procedural-noisy",
        "load_dir": stock_run[0],
        "pipeline": {"edit_rate": 3},
        "steps": 16,
        "steps_per_save": 6,
        "force": True,
    }
    kill = "at(PluginTrainer, 'train_iteration', 15, lambda *a, **k: os.kill(os.getpid(), 9))"
    config, whole = tiny_edit(**settings), tiny_edit(**settings, timestamp="whole")
    killed = lab.run(
        f"from editor3d.plugin.train.trainer import PluginTrainer\n{kill}\nrun(load(path))", path=saved(config)
    )
    assert killed.code == -9, killed.stderr
    resumed = lab.run("import editor3d\neditor3d.resume(run)", run=config.get_base_dir())
    assert resumed.code == 0, resumed.stderr
    assert lab.run("run(load(path))", path=saved(whole)).code == 0
    one, other = (checkpoints.load(checkpoints.latest_checkpoint(made.get_base_dir())) for made in (config, whole))
    for part in ("pipeline", "generators"):
        assert list(one[part]) == list(other[part])
        assert all(torch.equal(one[part][key], other[part][key]) for key in one[part]), part
    assert torch.equal(one["random"]["torch"], other["random"]["torch"])
    assert one["extra"]["edit"]["cursor"] == other["extra"]["edit"]["cursor"]
