"""What the pipelines of all methods that edit have in common: a plan, made once, and the run's folder."""

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
    """What is done; filled in once, where a run begins and its base is known."""
    prompt: str = ""
    """The instruction by the name that it has upstream; the same as --instruction."""
    run: Annotated[Path | None, tyro.conf.Suppress] = None
    """The run's folder; filled in where it begins, so that a viewer finds what lies there."""

    def where(self) -> str:
        return "" if self.plan is None else self.plan.region
