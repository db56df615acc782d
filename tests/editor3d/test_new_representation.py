"""A representation that the project does not have is registered here alone, and edited by the engine as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.plugins.types import MethodSpecification
from torch import Tensor, nn

from editor3d.errors import ConfigError, RegionError
from editor3d.plugin.results.export import export_mesh, export_points, export_splats
from editor3d.plugin.results.runs import open_run
from editor3d.plugin.train.config import PluginTrainerConfig
from editor3d.plugin.train.datamanager import EditDataManagerConfig
from editor3d.plugin.train.judged import judged
from editor3d.plugin.train.pipeline import PluginPipelineConfig
from editor3d.plugin.train.scene import PluginModelConfig, RayModel
from editor3d.plugin.views.rays import camera_rays
from editor3d.registry import METHODS, MethodEntry
from editor3d.run.record import read_record
from editor3d.types import Compose, Confinement, Freeze, SceneCapabilities

SIDE, SIZE = 6, 0.12


@dataclass
class PointCloudConfig(PluginModelConfig):
    """Configuration of `PointCloud`."""

    _target: type = field(default_factory=lambda: PointCloud)
    enable_collider: bool = False
    eval_num_rays_per_chunk: int = 1 << 12


class PointCloud(RayModel):
    """Points on a lattice, each of one colour, seen as round blots."""

    config: PointCloudConfig
    capabilities = SceneCapabilities(parts=True)

    def populate_modules(self) -> None:
        super().populate_modules()
        axis = torch.linspace(-0.4, 0.4, SIDE)
        self.register_buffer("points", torch.cartesian_prod(axis, axis, axis))
        self.colors = nn.Parameter(torch.full((SIDE**3, 3), 0.5))
        self.free = torch.ones(SIDE**3, dtype=torch.bool)

    def get_param_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"colors": [self.colors]}

    def _seen(self, rays: RayBundle) -> tuple[Tensor, Tensor, Tensor]:
        """The share of each point in what each ray sees [R, N], how opaque that is [R, 1], and how far away [R, 1]."""
        offsets = self.points - rays.origins[:, None]
        along = (offsets * rays.directions[:, None]).sum(-1)
        beside = (offsets - along[..., None] * rays.directions[:, None]).norm(dim=-1)
        weights = torch.exp(-((beside / SIZE) ** 2) - along)
        share = weights / weights.sum(-1, keepdim=True)
        return share, torch.exp(-((beside / SIZE) ** 2)).amax(-1, keepdim=True), (share * along).sum(-1, keepdim=True)

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Tensor]:
        share, accumulation, depth = self._seen(ray_bundle)
        colors = torch.where(self.free[:, None], self.colors, self.colors.detach())
        return {"rgb": (share @ colors).clamp(0.0, 1.0), "accumulation": accumulation, "depth": depth}

    def get_loss_dict(self, outputs, batch, metrics_dict=None) -> dict[str, Tensor]:
        return {"rgb_loss": (outputs["rgb"] - batch["image"]).square().mean()}

    def get_image_metrics_and_images(self, outputs, batch):
        return judged(outputs, batch["image"])

    @property
    def positions(self) -> Tensor:
        return self.points

    def confine(self, confinement: Confinement) -> None:
        match confinement:
            case Freeze(where):
                self.free = where if isinstance(where, Tensor) else where.contains(self.points)
                self.confinement = confinement
            case _:
                super().confine(confinement)

    @torch.no_grad()
    def region_share(self, camera) -> Tensor:
        share, *_ = self._seen(camera_rays(camera, 0, self.lenses, self.device))
        return (share @ self.free.float()).view(int(camera.height[0]), int(camera.width[0]), 1)

    def counters(self) -> dict[str, Tensor]:
        return {"free": self.free}

    def load_counters(self, counters) -> None:
        self.free = counters["free"]


points = MethodSpecification(
    config=PluginTrainerConfig(
        method_name="points",
        max_num_iterations=30,
        pipeline=PluginPipelineConfig(
            datamanager=EditDataManagerConfig(train_num_rays_per_batch=256), model=PointCloudConfig()
        ),
        optimizers={"colors": {"optimizer": AdamOptimizerConfig(lr=0.05), "scheduler": None}},
    ),
    description="Points of one colour each.",
)


@pytest.fixture
def edit(monkeypatch, tiny_edit, tmp_path) -> Callable[..., object]:
    """Makes the configuration of an edit of a point cloud, which the edit reconstructs first."""
    monkeypatch.setitem(METHODS, "points", MethodEntry(points.description, f"{__name__}:points", "base"))

    def make(name: str = "run", **chosen):
        config = tiny_edit(steps=8, base_method="points", load_dir=None, base_steps=30, force=True, **chosen)
        config.choose(instruction="make it night")
        config.timestamp = name
        return config

    return make


def colors(run: Path) -> Tensor:
    return open_run(run)[1].model.colors.detach()


def test_a_point_cloud_is_reconstructed_edited_and_exported(edit, start, tmp_path):
    trainer = start(edit())
    model, base = trainer.pipeline.model, trainer.base.run
    assert isinstance(model, PointCloud)
    assert torch.equal(model.colors, colors(base))
    assert trainer.fit()
    run = trainer.base_dir
    assert colors(run).mean() < colors(base).mean() - 0.05  # at night it is darker
    record = read_record(run / "edit.json")
    assert (record.instruction, record.editor, record.steps) == ("make it night", "procedural", 8)
    assert record.edited_views
    assert (run / "before_after.png").is_file()
    pipeline = open_run(run)[1]
    assert export_points(pipeline, tmp_path / "cloud.ply", count=500, min_accumulation=0.1, radius=3.0) > 0
    with pytest.raises(ConfigError, match="radiance field to mesh, got PointCloud"):
        export_mesh(pipeline, tmp_path / "mesh.ply", resolution=8, threshold=1.0)
    with pytest.raises(ConfigError, match="Gaussian splats, got PointCloud"):
        export_splats(pipeline, tmp_path / "splats.ply")


def test_points_outside_a_region_keep_every_bit(edit, start):
    trainer = start(edit(region="sphere:0,0,0,0.5"))
    model, before = trainer.pipeline.model, trainer.pipeline.model.colors.detach().clone()
    assert trainer.fit()
    free, after = model.free, model.colors.detach()
    assert 0 < int(free.sum()) < len(free)
    assert torch.equal(after[~free], before[~free])
    assert not torch.equal(after[free], before[free])
    region = read_record(trainer.base_dir / "edit.json").region
    assert (region["parts"], region["of"]) == (int(free.sum()), len(free))


def test_a_stopped_edit_ends_as_one_that_was_not(edit, start, stop_before):
    whole = start(edit("whole", region="sphere:0,0,0,0.5"))
    assert whole.fit()
    stopped = start(edit(region="sphere:0,0,0,0.5"))
    stop_before(stopped, 4)
    assert not stopped.fit()
    again = start(edit(region="sphere:0,0,0,0.5"))
    assert again.fit()
    assert torch.equal(again.pipeline.model.colors, whole.pipeline.model.colors)


def test_what_it_does_not_offer_is_refused_in_a_sentence(edit, start):
    trainer = start(edit())
    with pytest.raises(RegionError, match="composed with its original, got PointCloud"):
        trainer.pipeline.model.confine(Compose(None))
    with pytest.raises(RegionError, match="takes new parts, got PointCloud"):
        trainer.pipeline.model.insert(torch.zeros(1, 3))
    camera = trainer.pipeline.datamanager.train_dataset.cameras[0:1]
    with pytest.raises(ConfigError, match="accumulation, depth to render, got normals"):
        trainer.pipeline.model.render(camera, ("normals",))
