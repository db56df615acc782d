"""The base class of all pipelines that edit: a plan, made once, and the run's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from editor3d.errors import ConfigError
from editor3d.plan import Plan
from editor3d.plugin.train.pipeline import PluginPipeline, PluginPipelineConfig
from editor3d.types import View


@dataclass
class PlannedPipelineConfig(PluginPipelineConfig):
    """Configuration of a pipeline that carries out a plan."""

    plan: Annotated[Plan | None, tyro.conf.Suppress] = None
    """The plan of the run; set once, when the run begins and its base is known."""
    prompt: str = ""
    """Set the instruction by its upstream name; the same as --instruction."""
    run: Annotated[Path | None, tyro.conf.Suppress] = None
    """The run's folder; set when the run begins, so that a viewer finds its files."""

    def run_folder(self) -> Path:
        """That of a run that has begun."""
        assert self.run is not None
        return self.run

    def where(self) -> str:
        return "" if self.plan is None else self.plan.region


class PlannedPipeline(PluginPipeline):
    """A pipeline that carries out a plan.

    Raises:
        ConfigError: there is no plan, because the run has not come further than its reconstruction.
    """

    config: PlannedPipelineConfig

    def __init__(self, config: PlannedPipelineConfig, *args, **kwargs) -> None:
        if config.plan is None:
            raise ConfigError(
                "Expected the run of an edit that has begun, got one whose reconstruction is not finished: resume it."
            )
        self.plan = config.plan
        self.region: dict[str, Any] = {}  # what was found of it, for the record
        super().__init__(config, *args, **kwargs)

    @property
    def train_views(self) -> tuple[View, ...]:
        return self.datamanager.train_dataset.metadata["views"]
