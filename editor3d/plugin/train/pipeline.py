"""The pipeline under all of the project's methods: timed, explicit about random state, strict about what it loads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes
from nerfstudio.pipelines.base_pipeline import VanillaPipeline, VanillaPipelineConfig
from torch import Tensor

from editor3d.host.ffmpeg import provide_ffmpeg
from editor3d.host.stopwatch import Stopwatch
from editor3d.host.surroundings import settle
from editor3d.plugin.train.datamanager import EditDataManager, EditDataManagerConfig
from editor3d.plugin.train.scene import PluginModel, PluginModelConfig
from editor3d.plugin.viewer.others import other_panels
from editor3d.plugin.viewer.region_panel import RegionPanel, ViewerFrame
from editor3d.run import checkpoints
from editor3d.types import Output

MODEL_PREFIX = "_model."
# A parameter that nerfstudio's base class adds to track the device; it holds nothing.
_NOT_STATE = {"device_indicator_param"}


@dataclass
class PluginPipelineConfig(VanillaPipelineConfig):
    """Configuration of `PluginPipeline`."""

    _target: type = field(default_factory=lambda: PluginPipeline)
    datamanager: EditDataManagerConfig = field(default_factory=EditDataManagerConfig)
    model: PluginModelConfig = field(default_factory=PluginModelConfig)

    def where(self) -> str:
        """The region that the scene may change in, as it is written down; empty for everywhere."""
        return ""

    def adopted(self, edit: Any) -> None:
        """Called when an edit has adopted the kind of its base, which it was not configured for: what a method
        chooses otherwise there.

        Args:
            edit: the trainer's configuration, whose `pipeline` this is.
        """


class PluginPipeline(VanillaPipeline):
    """nerfstudio's pipeline with what exact resume and honest timing need."""

    config: PluginPipelineConfig
    datamanager: EditDataManager
    stopwatch: Stopwatch

    def __init__(self, config: PluginPipelineConfig, *args, **kwargs) -> None:
        settle()  # nerfstudio's own commands come by no earlier place of ours; numba's threads start after it
        # ns-render and ns-export read our checkpoints through torch.load, which refuses stock ones otherwise
        checkpoints.register_safe_globals()
        if kwargs.get("test_mode") != "val":  # opened to be looked at, not to be trained
            provide_ffmpeg()
        super().__init__(config, *args, **kwargs)
        self.stopwatch = self.datamanager.stopwatch
        # the viewer shows what it finds in the pipeline's attributes
        frame = ViewerFrame.of(self.datamanager.train_dataparser_outputs)
        self.region_panel = RegionPanel(frame, config.where())
        self.other_panels = other_panels(self)

    @property
    def model(self) -> PluginModel:
        model = super().model
        assert isinstance(model, PluginModel)
        return model

    def generators(self) -> dict[str, torch.Generator]:
        """Every explicit random generator, by name."""
        parts = {"datamanager": self.datamanager, "model": self.model}
        return {
            f"{part}.{name}": generator
            for part, owner in parts.items()
            for name, generator in owner.generators().items()
        }

    def counters(self) -> dict[str, int]:
        """What the model counts beside its parameters; a resumed run continues to count from there."""
        return self.model.counters()

    def load_counters(self, counters: Mapping[str, int]) -> None:
        """Take over what `counters` gave."""
        if counters:
            self.model.load_counters(counters)

    def get_train_loss_dict(self, step: int):
        with self.stopwatch.measure("rays"):
            rays, batch = self.datamanager.next_train(step)
        outputs = self._model(rays)
        metrics = self.model.get_metrics_dict(outputs, batch)
        losses = self.model.get_loss_dict(outputs, batch, metrics) | self.further_losses(outputs, batch)
        return outputs, losses, metrics

    def get_training_callbacks(self, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
        """The model's own, whose time counts as fitting: refining the scene is part of it."""
        callbacks = super().get_training_callbacks(attributes)
        for callback in callbacks:
            callback.func = self._timed_as_fit(callback.func)
        return callbacks

    def _timed_as_fit(self, function: Callable[..., None]) -> Callable[..., None]:
        def timed(*args, **kwargs) -> None:
            with self.stopwatch.measure("fit"):
                function(*args, **kwargs)

        return timed

    def begin_anew(self, steps: int) -> None:
        """Prepare a scene that nothing was loaded into for the training of so many steps."""
        with self.stopwatch.measure("fit"):
            self.model.begin_from_pictures(
                self.datamanager.train_pictures, self.datamanager.train_dataset.cameras, steps
            )

    def further_losses(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses that do not depend on the kind of model."""
        return {}

    def load_model_state(self, state: dict[str, Any], path: Path) -> None:
        """Load the model's part of a checkpoint's `pipeline` entry, all of it or nothing.

        Raises:
            CheckpointError: its keys or shapes are not this model's.
        """
        found = {
            key.removeprefix("module.").removeprefix(MODEL_PREFIX): value
            for key, value in state.items()
            if key.removeprefix("module.").startswith(MODEL_PREFIX)
        }
        found = {key: value for key, value in found.items() if not _is_loss_network(key)}
        own = self.model.state_dict()
        found = {key: own[key] for key in self.model.ADDED_LATER} | found
        expected = {key: value for key, value in own.items() if not _is_loss_network(key)}
        kind = type(self.model).__name__
        checkpoints.check_model_state(
            {k: v for k, v in expected.items() if k not in _NOT_STATE},
            {k: v for k, v in found.items() if k not in _NOT_STATE},
            path,
            kind,
        )
        try:
            self.model.load_state_dict({**{k: own[k] for k in _NOT_STATE if k in own}, **found}, strict=False)
        except RuntimeError as error:
            raise checkpoints.shape_error(kind, path, error) from error

    def load_pipeline(self, loaded_state: dict[str, Any], step: int) -> None:
        """Called by ns-render, ns-export and ns-viewer."""
        self.model.update_to_step(step)
        self.load_model_state(loaded_state, Path("the checkpoint"))

    @torch.no_grad()
    def render_view(self, cameras, index: int, also: Collection[Output] = ()) -> dict[str, Tensor]:
        """What one of `cameras` sees, the model in evaluation mode: rgb [H, W, 3], and what else is requested."""
        was_training = self.training
        self.eval()
        try:
            return self.model.render(cameras[index : index + 1].to(self.device), also)
        finally:
            self.train(was_training)


def _is_loss_network(key: str) -> bool:
    """Stock models carry their LPIPS network in the checkpoint; it is no part of the scene."""
    return key.startswith("lpips.")
