"""A mesh that becomes another material gets it in its file: colours before light, roughness and metallic."""

from __future__ import annotations

import pygltflib
import pytest
import torch

from mesh.bake.bake import baked
from mesh.bake.write import write_baked
from mesh.render.cameras import cameras_round
from mesh.style.stage import styled_mesh
from mesh.style.surface import MeshGeometry, coat_of, with_material


@pytest.fixture
def ball(config):
    """A ball as it is, and what is known of its surface."""
    settings = config()
    styled = styled_mesh(settings, torch.Generator().manual_seed(1), "cpu")
    cameras, _ = cameras_round(styled.rest.double().numpy(), settings.views)
    return baked(styled, 64), MeshGeometry(styled, cameras, settings.views.up), cameras


def test_a_views_geometry_is_the_balls_own(ball):
    _, geometry, cameras = ball
    known = geometry.view(cameras[[1]])
    assert known.normals is not None
    shown = known.depth.isfinite()
    outward = torch.nn.functional.normalize(known.points, dim=-1)
    assert float((known.normals.double() * outward).sum(-1)[shown].min()) > 0.99
    assert float((known.points.norm(dim=-1)[shown] - 1.0).abs().max()) < 0.02


def test_gold_is_a_metal_in_the_file_and_wood_is_none(ball, tmp_path):
    plain, geometry, _ = ball
    for word, metal in (("gold", True), ("wood", False)):
        coat = coat_of(f"make it {word}", "procedural")
        assert coat is not None
        mesh = with_material(plain, geometry, coat)
        assert mesh.finish is not None
        assert (mesh.finish[..., 2].mean() > 128) == metal
        write_baked(tmp_path / f"{word}.glb", mesh)
        document = pygltflib.GLTF2().load(str(tmp_path / f"{word}.glb"))
        assert document is not None
        surface = document.materials[0].pbrMetallicRoughness
        assert surface is not None
        assert surface.metallicRoughnessTexture is not None
        assert len(document.images) == 3
        assert mesh.texture is not None
        red, _, blue = mesh.texture.reshape(-1, 3).mean(0)
        assert red > blue + 30


def test_other_sentences_and_editors_leave_the_texture_as_it_was_fitted():
    assert coat_of("make it blue", "procedural") is None
    assert coat_of("make it slightly golden", "procedural") is None
    assert coat_of("make it gold and let it snow", "procedural") is None
    assert coat_of("make it gold", "ip2p") is None
