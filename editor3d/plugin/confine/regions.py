"""Find the part of a run's scene in a region. Regions are in the capture's own frame, scenes in another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.utils.rich_utils import CONSOLE
from safetensors.torch import load_file, save_file
from torch import Tensor

from editor3d.datasets.views.images import read_image
from editor3d.errors import RegionError
from editor3d.files.writing import replacing
from editor3d.geometry.camera import Camera
from editor3d.outputs.pictures import save_png, to_uint8
from editor3d.plugin.confine.strokes import thing_at
from editor3d.plugin.train.pipeline import PluginPipeline
from editor3d.regions import StrokesRegion, TextRegion, chosen, parse_region, seen_parts
from editor3d.types import Freeze, MaskedRegion, PosedImages, Region, SceneCapabilities, SeenRegion, Shape

THRESHOLD = 0.5
"""A Gaussian or voxel lies behind masks if at least this share of what is seen of it does."""
REGION_FOLDER, SELECTION_FILE = "regions", "selection.safetensors"


@dataclass(frozen=True, eq=False)
class CaptureRegion:
    """A region in the capture's frame: x_scene = scale (R x_capture + t) with `transform` [R | t]."""

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

    def to_scene(self, points: Tensor) -> Tensor:
        """Points [..., 3] from the capture's frame to scene units, float64."""
        transform = self.transform.to(points.device).double()
        return (points.double() @ transform[:, :3].T + transform[:, 3]) * self.scale

    def contains(self, points: Tensor) -> Tensor:
        """Which points lie inside a shape: [..., 3] scene units -> bool [...]."""
        assert isinstance(self.region, Shape)
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


def select(pipeline: PluginPipeline, region: Region, folder: Path | None = None) -> Tensor:
    """Which Gaussians or voxels of a pipeline's scene a region of the capture holds: [N] bool, on the CPU.

    A shape holds those whose centre lies in it; objects and masks those that at least `THRESHOLD` of the votes of the
    training views say lie behind them.

    Args:
        folder: of masks that are found by a text, to be kept or found again.

    Raises:
        RegionError: the scene is made of neither, or it holds none of them, or the capture lacks an object or masks
            that it names.
    """
    model, dataset = pipeline.model, pipeline.datamanager.train_dataset
    require_parts(model.capabilities, type(model).__name__, "a region")
    views, posed = dataset.metadata["views"], dataset.metadata["posed_images"]
    for part in seen_parts(region):
        part.check(posed)

    frame = CaptureRegion.of(region, pipeline.datamanager.train_dataparser_outputs)

    def vote(part: SeenRegion) -> Tensor:
        if isinstance(part, StrokesRegion):
            return thing_at(model, part, dataset.cameras, views, frame.to_scene, frame.scale)
        assert isinstance(part, MaskedRegion)
        if isinstance(part, TextRegion):
            CONSOLE.print(
                f"'{part.text}' is looked for in {len(views)} views by {part.source(posed.objects)}",
                soft_wrap=True,
                markup=False,
            )
        masks = part.masks(views, posed.objects, folder, str(pipeline.device))
        if part.is_hull:
            return hull_holds(model.positions, dataset.cameras, masks)
        shares = model.mask_shares(dataset.cameras, masks)
        return shares.cpu() >= THRESHOLD

    points = frame.to_capture(model.positions)
    which = chosen(region, points.cpu(), vote)
    if not bool(which.any()):
        raise RegionError(
            f"Expected something of the scene inside the region, found none of its {len(which)} parts there: check its "
            f"numbers, which are in the capture's own frame, and its masks."
        )
    return which


def selected(pipeline: PluginPipeline, region: Region, folder: Path) -> Tensor:
    """As `select` of the base; kept in `folder`, so that a resumed run does not look in the edited scene.

    Raises:
        RegionError: as `select`.
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    which = kept_selection(folder)
    if which is None:
        with pipeline.stopwatch.measure("render"):
            which = select(pipeline, region, folder)
        keep_selection(folder, which)
    return which


def freeze_outside(
    pipeline: PluginPipeline, text: str, folder: Path
) -> tuple[dict[str, Any], Callable[[int, Tensor], None]]:
    """Freeze what lies outside a region of the base.

    An edited picture's pixels count as far as they show what may change; the others stay those of the base. The shares
    are kept in `folder`, and which parts of the base the region holds: a resumed run does not look for them again.

    Args:
        text: the region, as `parse_region` takes it.

    Returns:
        What the record says of the region, and how an edited picture [H, W, 3] uint8 of a view is stored from here on.

    Raises:
        RegionError: this kind of scene cannot be frozen in part, or the region holds nothing of it.
    """
    model, manager = pipeline.model, pipeline.datamanager
    require_parts(model.capabilities, type(model).__name__, "--region")
    region = parse_region(text)
    which = selected(pipeline, region, folder)
    if not seen_parts(region):
        model.confine(Freeze(CaptureRegion.of(region, manager.train_dataparser_outputs)))
    elif len(which) == len(model.positions):
        model.confine(Freeze(which))  # else the run is resumed, and what is frozen comes with its checkpoint
    record = {**region.to_json(), "parts": int(which.sum()), "of": len(which)}
    if seen_parts(region):
        record["threshold"] = THRESHOLD
    return record, stored_by_share(pipeline, folder)


def stored_by_share(pipeline: PluginPipeline, folder: Path) -> Callable[[int, Tensor], None]:
    """How an edited picture [H, W, 3] uint8 of a view is stored: as far as its pixels show what may change in the base.

    Args:
        folder: where those shares are kept, for a resumed run.
    """
    model, manager = pipeline.model, pipeline.datamanager
    pictures, views = manager.train_pictures, manager.train_dataset.metadata["views"]
    base, cameras = pictures.pixels.clone(), manager.train_dataset.cameras
    for index, view in enumerate(views):
        path = folder / f"{view.name}.png"
        if not path.is_file():
            with pipeline.stopwatch.measure("render"):
                share = model.region_share(model.training_camera(cameras, index))
            save_png(path, to_uint8(share.clamp(0.0, 1.0).expand(-1, -1, 3)))

    def store(index: int, picture: Tensor) -> None:
        view = views[index]
        share = read_image(folder / f"{view.name}.png", (view.width, view.height)).float() / 255.0
        mixed = share * picture.float() + (1.0 - share) * pictures.within(base, index).float()
        pictures.write(index, mixed.round().to(torch.uint8))

    return store


def hull_holds(points: Tensor, cameras: Cameras, masks: Mapping[int, Tensor]) -> Tensor:
    """Which points lie in the visual hull of masks: in front of every one of their cameras, and inside its mask.

    Args:
        points: [N, 3] scene units.
        masks: [H, W] bool by the index of a camera, whose picture's size they have.

    Returns:
        [N] bool, on the CPU.
    """
    inside = torch.ones(len(points), dtype=torch.bool)
    for index, mask in masks.items():
        left = inside.nonzero()[:, 0]
        pixels, held = Camera.of(cameras, index).pixels(points[left.to(points.device)])
        x, y = pixels[held].long().unbind(-1)
        inside[left[~held]] = False
        inside[left[held]] = mask[y, x].cpu()
    return inside


def require_parts(capabilities: SceneCapabilities, name: str, what: str) -> None:
    """
    Args:
        capabilities: those of a kind of scene,
        name: and what it is called.
        what: what the parts are needed for.

    Raises:
        RegionError: a scene whose parts cannot be frozen one by one; a nerfacto, which is composed with its original
            instead, is not checked here.
    """
    if not capabilities.parts:
        raise RegionError(
            f"Expected a scene of Gaussian splats or voxels for {what}, or one by nerfacto-editable that in2n edits, "
            f"got {name}: reconstruct by splat and edit by igs2gs, or reconstruct by voxel."
        )


def keep_selection(folder: Path, which: Tensor) -> None:
    """Note which Gaussians or voxels of the base an edit is about, [N] bool, for a resumed run.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    with replacing(folder / SELECTION_FILE) as path:
        save_file({"selected": which}, path)


def kept_selection(folder: Path) -> Tensor | None:
    """What `keep_selection` noted, [N] bool; None where nothing is."""
    path = folder / SELECTION_FILE
    return load_file(path)["selected"] if path.is_file() else None
