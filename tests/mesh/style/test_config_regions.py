"""Which regions a mesh can be restyled in."""

from __future__ import annotations

import pytest

from editor3d.errors import RegionError
from mesh.style.config import StyleConfig

INVERTED = '{"type": "invert", "region": {"type": "object", "name": "ball"}}'


@pytest.mark.parametrize("region", ["object:ball", "text:the ball", INVERTED])
def test_regions_of_what_is_seen_are_refused(region):
    with pytest.raises(RegionError, match="region of shapes"):
        StyleConfig("a.obj", instruction="make it gold", region=region)


@pytest.mark.parametrize("region", ["", "box:0,0,0,1,1,1", "sphere:0,0,0,1"])
def test_regions_of_shapes_are_taken(region):
    assert StyleConfig("a.obj", instruction="make it gold", region=region).region == region
