"""What of a run's scene a region holds. Regions are written down in the capture's own frame, scenes have another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from safetensors.torch import load_file, save_file
from torch import Tensor

from editor3d.errors import ConfigError, RegionError
from editor3d.outputs.files import replacing
from editor3d.plugin.pipeline import PluginPipeline
from editor3d.regions import SeenRegion, chosen, parse_region, seen_parts
from editor3d.types import PosedImages, Region

THRESHOLD = 0.5
"""A Gaussian lies behind masks if at least this share of what is seen of it does (`gaussian.selection.vote`)."""
REGION_FOLDER, SELECTION_FILE = "regions", "selection.safetensors"


@dataclass(frozen=True, eq=False)
class CaptureRegion:
    """A shape in the capture's frame: x_scene = scale (R x_capture + t) with `transform` [R | t]."""

    region: Region
    """In the capture's frame."""
    transform: Tensor
    """[3, 4]."""
    scale: float

    @staticmethod
    def of(region: Region, outputs: DataparserOutputs) -> CaptureRegion:
        return CaptureRegion(region, outputs.dataparser_transform, outputs.dataparser_scale)

    def to_capture(self, points: Tensor) -> Tensor:
        """Points [..., 3] from scene units to the capture's frame, float64."""
        transform = self.transform.to(points.device).double()
        return (points.double() / self.scale - transform[:, 3]) @ transform[:, :3]

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie inside: [..., 3] scene units -> bool [...]."""
        return self.region.contains(self.to_capture(points))

    def to_json(self) -> dict[str, Any]:
        """The region in the capture's frame, as it was written down."""
        return self.region.to_json()


def check_seen(text: str, posed: PosedImages, run: Path | None = None) -> None:
    """Refuse a region whose objects or masks the capture does not have, before anything is made.

    Args:
        text: as `parse_region` takes it.
        run: the folder of an edit; where that has its selection already, nothing is looked for any more.

    Raises:
        RegionError: as the parts' own `check`.
    """
    if run is not None and (run / REGION_FOLDER / SELECTION_FILE).is_file():
        return
    for part in seen_parts(parse_region(text)):
        part.check(posed)


def select(pipeline: PluginPipeline, region: Region | SeenRegion) -> Tensor:
    """Which Gaussians of a pipeline's scene a region of the capture holds: [N] bool, on the CPU.

    A shape holds those whose centre lies in it; objects and masks those that at least `THRESHOLD` of the votes of the
    training views say lie behind them.

    Raises:
        ConfigError: the scene is not made of Gaussians.
        RegionError: it holds none of them, or the capture lacks an object or masks that it names.
    """
    model, dataset = pipeline.model, pipeline.datamanager.train_dataset
    require_splats(model, "a region")
    views, posed = dataset.metadata["views"], dataset.metadata["posed_images"]
    for part in seen_parts(region):
        part.check(posed)

    def vote(part: SeenRegion) -> Tensor:
        shares = model.mask_shares(dataset.cameras, part.masks(views, posed.objects))
        return shares.cpu() >= THRESHOLD

    points = CaptureRegion.of(region, pipeline.datamanager.train_dataparser_outputs).to_capture(model.means.detach())
    which = chosen(region, points.cpu(), vote)
    if not bool(which.any()):
        raise RegionError(
            f"Expected Gaussians inside the region, found none of {len(which)} there: check its numbers, which are in "
            f"the capture's own frame, and its masks."
        )
    return which


def require_splats(model: torch.nn.Module, what: str) -> None:
    """
    Raises:
        ConfigError: a scene that is not made of Gaussians.
    """
    if not hasattr(model, "restrict_to"):
        raise ConfigError(
            f"Expected a scene of Gaussian splats for {what}, got {type(model).__name__}: reconstruct by splat, edit "
            f"by --method igs2gs."
        )


def keep_selection(folder: Path, which: Tensor) -> None:
    """Note which Gaussians of the base an edit is about, [N] bool, for a run that goes on.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    with replacing(folder / SELECTION_FILE) as path:
        save_file({"selected": which}, path)


def kept_selection(folder: Path) -> Tensor | None:
    """What `keep_selection` noted, [N] bool; None where nothing is."""
    path = folder / SELECTION_FILE
    return load_file(path)["selected"] if path.is_file() else None
