"""Panels in nerfstudio's viewer that other packages add, by entry points in the group `editor3d.panels`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import nn

from editor3d.errors import ConfigError, Editor3DWarning
from editor3d.extensions import PANELS, installed, load

if TYPE_CHECKING:
    from editor3d.plugin.train.pipeline import PluginPipeline


def other_panels(pipeline: PluginPipeline) -> nn.ModuleDict:
    """Every installed panel, made for a pipeline. One that cannot be loaded is left out with a warning."""
    panels = nn.ModuleDict()
    for name, point in sorted(installed(PANELS).items()):
        try:
            panels[name] = load(point, Callable)(pipeline)  # pyright: ignore[reportArgumentType]  # a class, in fact
        except ConfigError as error:
            warnings.warn(str(error), Editor3DWarning, stacklevel=2)
    return panels
