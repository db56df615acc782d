"""What meshing asks of nerfacto is what its rendering sees."""

from __future__ import annotations

import pytest
import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.data.scene_box import SceneBox

from editor3d.outputs.surface import extract_surface
from nerf_methods.nerfacto import EditNerfactoModelConfig


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = EditNerfactoModelConfig(
        implementation="torch",
        hidden_dim=8,
        hidden_dim_color=8,
        num_levels=4,
        log2_hashmap_size=8,
        camera_optimizer=CameraOptimizerConfig(mode="off"),
    )
    box = SceneBox(aabb=torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]))
    model = config.setup(scene_box=box, num_train_data=3).eval()
    with torch.no_grad():
        for name, value in model.field.named_parameters():
            if "hash_table" in name:
                value.mul_(1000.0)  # a field that is not the same everywhere
    return model


def test_density_and_colour_are_the_fields_own(model):
    torch.manual_seed(1)
    points, directions = torch.rand(64, 3) * 2 - 1, torch.nn.functional.normalize(torch.randn(64, 3), dim=-1)
    field = model.solid_field()
    with torch.no_grad():
        density, color = field.density(points), field.color(points, directions)
        assert torch.equal(density, model.field.density_fn(points)[:, 0])
        assert density.std() > 0
        assert color.shape == (64, 3)
        assert 0 <= color.min() <= color.max() <= 1
        assert not torch.allclose(color, field.color(points, -directions))


def test_a_surface_can_be_taken_from_it(model):
    with torch.no_grad():
        level = float(model.solid_field().density(torch.rand(4000, 3) * 2 - 1).quantile(0.7))
    mesh = extract_surface(model.solid_field(), resolution=24, threshold=level)
    assert len(mesh.faces) > 100
    assert abs(mesh.vertices).max() <= 1.0
