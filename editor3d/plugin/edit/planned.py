"""The configuration of all pipelines that edit: a plan, made once, and the run's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from editor3d.plan import Plan
from editor3d.plugin.train.pipeline import PluginPipelineConfig


@dataclass
class PlannedPipelineConfig(PluginPipelineConfig):
    """Configuration of a pipeline that carries out a plan."""

    plan: Annotated[Plan | None, tyro.conf.Suppress] = None
    """The plan of the run; set once, when the run begins and its base is known."""
    prompt: str = ""
    """Set the instruction by its upstream name; the same as --instruction."""
    run: Annotated[Path | None, tyro.conf.Suppress] = None
    """The run's folder; set when the run begins, so that a viewer finds its files."""

    def where(self) -> str:
        return "" if self.plan is None else self.plan.region
