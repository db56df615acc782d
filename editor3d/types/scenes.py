"""The contract of an editable scene, whatever it is made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
    from nerfstudio.engine.trainer import TrainerConfig
    from torch import Tensor

    from editor3d.outputs.surface import SolidField
    from editor3d.types.captures import View
    from editor3d.types.regions import Confinement

Output = Literal["accumulation", "depth", "normals"]
"""What a scene may render besides its colours: the opacity along the ray [H, W, 1] in 0..1, the distance along the ray
[H, W, 1] in scene units, and unit vectors [H, W, 3] in the scene's frame."""
CameraT = TypeVar("CameraT", contravariant=True)


@dataclass(frozen=True, eq=False)
class PartLooks:
    """What the parts of a scene look like by themselves."""

    colors: Tensor
    """[N, 3] in 0..1, sRGB: the mean over the sides that they are seen from."""
    opacities: Tensor
    """[N] in 0..1: how much of what lies behind one hides."""


@dataclass(frozen=True)
class SceneCapabilities:
    """What a scene offers, as data: the engine decides by these fields, never by class."""

    outputs: tuple[Output, ...] = ("accumulation", "depth")
    """What it renders besides colours."""
    parts: bool = False
    """It is made of parts that can be frozen one by one: takes `Freeze`."""
    composes: bool = False
    """It can be composed with its frozen original: takes `Compose`."""
    regularises: bool = False
    """It can be trained with a loss that keeps it like its original: takes `Regularise`."""
    inserts: bool = False
    """It takes new parts (`EditableScene.insert`)."""
    whole_pictures: bool = False
    """It is fitted to whole pictures, not to single rays: an edited picture counts everywhere."""
    fits_colors: bool = False
    """Its colours alone can be fitted to pictures within seconds (`EditableScene.fit_colors`)."""
    has_density: bool = False
    """It has a density, whose surface can be meshed (`EditableScene.solid_field`)."""
    scene_suffixes: tuple[str, ...] = ()
    """Suffixes of the files that an edit leaves of the scene itself (`EditableScene.write_scene`)."""


class EditableScene(Protocol[CameraT]):
    """A scene that the engine can edit. `editor3d.scene.SceneDefaults` has neutral values of most of it.

    Implemented by voxel and ReLU fields, nerfacto and Gaussian splats as nerfstudio models
    (`editor3d.plugin.train.scene.PluginModel`), and by the styled mesh.
    """

    capabilities: SceneCapabilities
    confinement: Confinement | None
    """How the edit is confined; None where it may change everything."""
    ADDED_LATER: ClassVar[tuple[str, ...]]
    """Names of state that older checkpoints lack, and that is then as configured."""

    def render(self, camera: CameraT, also: Collection[Output] = ()) -> dict[str, Tensor]:
        """What one camera sees.

        Args:
            also: what to render besides, out of `SceneCapabilities.outputs`.

        Returns:
            rgb [H, W, 3] in 0..1, and what else was requested.
        """
        ...

    @property
    def positions(self) -> Tensor:
        """Where the scene's parts are: [N, 3] scene units; [0, 3] unless `SceneCapabilities.parts`.

        Voxels, Gaussians or vertices, in the order in which `Freeze` counts them.
        """
        ...

    def mask_shares(self, cameras: CameraT, masks: Mapping[int, Tensor]) -> Tensor:
        """How much of what views show of each part lies inside their masks.

        Args:
            masks: [H, W] bool by the index of a camera, whose picture's size they have.

        Returns:
            [N] in 0..1.
        """
        ...

    def looks(self) -> PartLooks:
        """What each of `positions` looks like.

        Raises:
            RegionError: the scene has none (`SceneCapabilities.parts`).
        """
        ...

    def mask_weights(self, cameras: CameraT, masks: Mapping[int, Tensor]) -> Tensor:
        """How many of the masked pixels each part makes up, all masked views together.

        Args:
            masks: [H, W, K] bool, K masks of a view, by the index of a camera, whose picture's size they have.

        Returns:
            [N, K], at least 0.

        Raises:
            RegionError: as `looks`.
        """
        ...

    def part_share(self, camera: CameraT, which: Tensor) -> Tensor:
        """How much of what each pixel of a view shows is made up of some parts, [N] bool: [H, W, 1] in 0..1.

        Raises:
            RegionError: as `looks`.
        """
        ...

    def confine(self, confinement: Confinement) -> None:
        """Confine the edit from here on.

        Raises:
            RegionError: the scene cannot be confined so, or nothing of it lies in the region.
        """
        ...

    def region_share(self, camera: CameraT) -> Tensor:
        """How much of what each pixel of a view shows may change: [H, W, 1] in 0..1. The edit is confined."""
        ...

    def fit_colors(self, cameras: CameraT, pictures: Mapping[int, Tensor], weights: Mapping[int, Tensor]) -> None:
        """Give the scene the colours with which it looks like pictures, the rest of it being as it is.

        The change that they show is carried over to what none of them shows. A confined edit changes what it may.

        Args:
            pictures: [H, W, 3] in 0..1 by the index of a camera, at least one.
            weights: [H, W] by the same: how much each pixel counts, at least 0.

        Raises:
            ConfigError: the colours of this kind of scene cannot be fitted alone (`SceneCapabilities.fits_colors`).
        """
        ...

    def insert(self, points: Tensor, colors: Tensor | None = None) -> None:
        """Put new parts at points [M, 3] scene units, for training to make something of.

        Args:
            colors: [M, 3] in 0..1; None is grey.

        Those that were there keep their values and their order.

        Raises:
            RegionError: the scene takes none (`SceneCapabilities.inserts`).
        """
        ...

    def hidden(self, which: Tensor) -> AbstractContextManager[None]:
        """While it is entered the scene is rendered without some of its parts, [N] bool.

        Raises:
            RegionError: the scene has none (`SceneCapabilities.parts`).
        """
        ...

    def fade(self, which: Tensor) -> None:
        """Make some parts [N] bool nearly transparent, for training to lose or to make something else of.

        Raises:
            RegionError: as `insert`.
        """
        ...

    def solid_field(self) -> SolidField:
        """The scene's density and colours, to be meshed.

        Raises:
            ConfigError: it has none (`SceneCapabilities.has_density`).
        """
        ...

    def write_scene(self, path: Path, outputs: DataparserOutputs) -> int:
        """Write the scene as a file of its kind, in the frame and scale of the capture; returns the number of parts.

        Raises:
            ConfigError: there is no such file (`SceneCapabilities.scene_suffixes`).
        """
        ...

    def adapt_base_state(
        self, state: Mapping[str, Any], base: TrainerConfig | None, views: Sequence[View]
    ) -> Mapping[str, Any]:
        """A base's checkpoint as this scene reads it.

        Args:
            state: the `pipeline` entry of the checkpoint.
            base: the configuration it was trained with, where that is known.
            views: the training views now.

        Raises:
            CheckpointError: the base cannot be taken over.
        """
        ...

    def counters(self) -> dict[str, Any]:
        """What a checkpoint must hold beside the parameters, for exact resume: numbers and tensors by name."""
        ...

    def load_counters(self, counters: Mapping[str, Any]) -> None:
        """Take over what `counters` gave."""
        ...
