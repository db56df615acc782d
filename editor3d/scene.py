"""Default behaviour of an editable scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from editor3d.errors import ConfigError, RegionError
from editor3d.types import Compose, Confinement, Freeze, PartLooks, SceneCapabilities, View

if TYPE_CHECKING:
    from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
    from nerfstudio.engine.trainer import TrainerConfig
    from torch import Tensor

    from editor3d.outputs.surface import SolidField


class SceneDefaults:
    """The parts of `EditableScene` that need not be written anew: neutral values, and refusals in one sentence.

    Abstract: `render` is left to the kind of scene.
    """

    capabilities: SceneCapabilities = SceneCapabilities()
    confinement: Confinement | None = None
    ADDED_LATER: ClassVar[tuple[str, ...]] = ()

    @property
    def positions(self) -> Tensor:
        import torch

        return torch.zeros(0, 3)

    def mask_shares(self, cameras: Any, masks: Mapping[int, Tensor]) -> Tensor:
        raise RegionError(f"Expected a scene of parts that masks can choose among, got {type(self).__name__}.")

    def looks(self) -> PartLooks:
        raise RegionError(f"Expected a scene of parts that strokes can mark, got {type(self).__name__}.")

    def mask_weights(self, cameras: Any, masks: Mapping[int, Tensor]) -> Tensor:
        raise RegionError(f"Expected a scene of parts that strokes can mark, got {type(self).__name__}.")

    def part_share(self, camera: Any, which: Tensor) -> Tensor:
        raise RegionError(f"Expected a scene made of parts, got {type(self).__name__}: reconstruct by splat.")

    def confine(self, confinement: Confinement) -> None:
        match confinement:
            case Freeze():
                wanted = "parts that can be frozen one by one"
            case Compose():
                wanted = "a field that can be composed with its original"
            case _:
                wanted = "a field that a loss can keep like its original"
        raise RegionError(f"Expected a scene with {wanted}, got {type(self).__name__}: leave the region out.")

    def region_share(self, camera: Any) -> Tensor:
        raise RegionError(f"Expected a scene that an edit can be confined in, got {type(self).__name__}.")

    def fit_colors(self, cameras: Any, pictures: Mapping[int, Tensor], weights: Mapping[int, Tensor]) -> None:
        raise ConfigError(
            f"Expected a scene of Gaussian splats or voxels to fit colours alone to, got {type(self).__name__}: leave "
            "--quick out, or reconstruct by splat."
        )

    def insert(self, points: Tensor, colors: Tensor | None = None) -> None:
        raise RegionError(f"Expected a scene that takes new parts, got {type(self).__name__}: reconstruct it by splat.")

    def hidden(self, which: Tensor) -> AbstractContextManager[None]:
        raise RegionError(f"Expected a scene made of parts, got {type(self).__name__}: reconstruct it by splat.")

    def fade(self, which: Tensor) -> None:
        raise RegionError(f"Expected a scene made of parts, got {type(self).__name__}: reconstruct it by splat.")

    def solid_field(self) -> SolidField:
        raise ConfigError(
            f"Expected a radiance field to mesh, got {type(self).__name__}: ns-export tsdf needs depth only."
        )

    def write_scene(self, path: Path, outputs: DataparserOutputs) -> int:
        raise ConfigError(
            f"Expected a scene of Gaussian splats, got {type(self).__name__}: export it as mesh or pointcloud."
        )

    def adapt_base_state(
        self, state: Mapping[str, Any], base: TrainerConfig | None, views: Sequence[View]
    ) -> Mapping[str, Any]:
        return state

    def counters(self) -> dict[str, Any]:
        return {}

    def load_counters(self, counters: Mapping[str, Any]) -> None:
        pass
