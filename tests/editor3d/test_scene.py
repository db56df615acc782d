"""What every representation of the project keeps of the contract."""

from __future__ import annotations

import inspect

import pytest
import torch

from editor3d.errors import ConfigError, RegionError
from editor3d.regions import Sphere
from editor3d.scene import SceneDefaults
from editor3d.types import Compose, EditableScene, Freeze, Regularise, SceneCapabilities
from gaussian.model.model import SplatModel
from mesh.model.styled import StyledMesh
from nerf_methods.nerfacto import EditNerfactoModel
from nerf_methods.voxel.model import VoxelModel

KINDS = {kind.__name__: kind for kind in (VoxelModel, EditNerfactoModel, SplatModel, StyledMesh)}
METHODS = {
    name: member for name, member in vars(EditableScene).items() if inspect.isfunction(member) and name[0] != "_"
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("name", METHODS)
def test_methods_take_what_the_contract_says(kind, name):
    wanted = list(inspect.signature(METHODS[name]).parameters.values())
    own = list(inspect.signature(vars(kind).get(name) or inspect.getattr_static(kind, name)).parameters.values())
    assert [parameter.name for parameter in own[: len(wanted)]] == [parameter.name for parameter in wanted]
    assert all(parameter.default is not parameter.empty for parameter in own[len(wanted) :])


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_a_kind_says_that_it_offers_it_has_of_its_own(kind):
    offers = kind.capabilities
    own = {name for name in METHODS if inspect.getattr_static(kind, name) is not vars(SceneDefaults).get(name)}
    assert "render" in own
    assert ("insert" in own) == offers.inserts
    assert ("fit_colors" in own) == offers.fits_colors
    assert ("solid_field" in own) == offers.has_density
    assert ("write_scene" in own) == bool(offers.scene_suffixes)
    assert ("confine" in own) == (offers.parts or offers.composes or offers.regularises)


@pytest.mark.parametrize(
    "confinement", [Freeze(Sphere((0, 0, 0), 1)), Compose(Sphere((0, 0, 0), 1)), Regularise(None, None)]
)
def test_a_scene_that_offers_nothing_refuses_to_be_confined(confinement):
    scene = SceneDefaults()
    assert scene.capabilities == SceneCapabilities()
    assert scene.positions.shape == (0, 3)
    with pytest.raises(RegionError, match="got SceneDefaults: leave the region out"):
        scene.confine(confinement)
    with pytest.raises(RegionError, match="takes new parts"):
        scene.insert(torch.zeros(1, 3))
    for change in (scene.hidden, scene.fade):
        with pytest.raises(RegionError, match="a scene made of parts"):
            change(torch.zeros(0, dtype=torch.bool))
    with pytest.raises(ConfigError, match="fit colours alone"):
        scene.fit_colors(None, {}, {})
    with pytest.raises(ConfigError, match="radiance field to mesh"):
        scene.solid_field()
