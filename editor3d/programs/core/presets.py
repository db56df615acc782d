"""Presets of `editor3d refine`: the tasks of BlenderAlchemy, with the sizes that its searches have.

A preset is fields of the request; what the request says itself stays. Breadth and depth are the paper's: candidates
of a round, and rounds. Tasks that are about values alone (geometry nodes, shape keys) keep to tweaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from editor3d.errors import ConfigError
from editor3d.programs.core.options import RefineRequest

_SIZE: Mapping[str, Any] = {"breadth": 8, "depth": 4}


@dataclass(frozen=True)
class Preset:
    """One task."""

    summary: str
    values: Mapping[str, Any]
    """Fields of `RefineRequest`."""
    needs: str
    """The field that a request of this task must have: `instruction` or `target`."""


PRESETS: dict[str, Preset] = {
    "material-text": Preset(
        "Change a material as a sentence says; tweaks and leaps in turn", {**_SIZE, "edits": "alternate"}, "instruction"
    ),
    "material-picture": Preset(
        "Match a material to a picture; tweaks and leaps in turn", {**_SIZE, "edits": "alternate"}, "target"
    ),
    "lighting": Preset(
        "Light a scene as a sentence says; tweaks and leaps in turn", {**_SIZE, "edits": "alternate"}, "instruction"
    ),
    "geometry-nodes": Preset(
        "Set the values of geometry nodes as a sentence says; tweaks alone", {**_SIZE, "edits": "tweak"}, "instruction"
    ),
    "shape-keys": Preset("Set shape keys as a sentence says; tweaks alone", {**_SIZE, "edits": "tweak"}, "instruction"),
    "placement": Preset(
        "Place objects as a sentence says; tweaks and leaps in turn", {**_SIZE, "edits": "alternate"}, "instruction"
    ),
}
"""By name."""


def with_preset(request: RefineRequest) -> RefineRequest:
    """The request with its preset's values where it has the defaults.

    Raises:
        ConfigError: what the preset's task is about is missing.
    """
    if request.preset is None:
        return request
    preset = PRESETS[request.preset]
    given = {field.name: (getattr(request, field.name), field.default) for field in fields(RefineRequest)}
    if not given[preset.needs][0]:
        raise ConfigError(
            f"Expected --{preset.needs} with the preset {request.preset}, got none: give it, or choose another preset."
        )
    return replace(
        request, **{name: value for name, value in preset.values.items() if given[name][0] == given[name][1]}
    )
