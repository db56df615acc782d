"""Whether a reconstruction shows its scene at all, and what is likely wrong where it does not.

A reconstruction is held against what can be said of a view without one: the mean colour of the training pictures, and
their mean picture, which knows what captures have in common (a sky above, an object in the middle). A few training
steps already give a scene that is blurred but better than both; fog, poses that do not belong to the pictures, or
points of another scene give none. The bound is the better of the two, which depends on the capture alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor

from editor3d.datasets.dataparser import PosedImagesDataset
from editor3d.datasets.images import read_image, read_mask
from editor3d.errors import CheckpointError, DataError
from editor3d.metrics.image import psnr
from editor3d.outputs.files import write_json
from editor3d.plugin.pipeline import PluginPipeline
from editor3d.registry import METHODS, load_target
from editor3d.safe_open import read_json

QUALITY_FILE = "base.json"
"""In the folder of a reconstruction's run."""
SHOWN_VIEWS = 4
POINT_METHOD = "splat"
"""The method whose scenes start from points."""
_FEW_STEPS = 0.25
"""Of a method's own number of steps: fewer may be why a reconstruction is bad."""
_OVERFITTED = 6.0
"""dB by which training views are shown better than held-out ones where there is no scene, only pictures."""
_MEAN_SIDE = 64
"""Pixels of the longer side of the mean picture."""
Compared = tuple[Tensor, Tensor, Tensor | None]
"""Render and photograph of a view, [H, W, 3] in 0..1, and where it counts, [H, W] bool; None is everywhere."""


@dataclass(frozen=True)
class BaseQuality:
    """How well a reconstruction shows views."""

    checkpoint: str
    """Name of the checkpoint."""
    psnr: float
    """dB, the mean over the views."""
    bound: float
    """dB, that of the better of the two predictions that need no reconstruction."""
    views: int
    held_out: bool
    """Whether training has not seen them. Captures without held-out views are judged by training views."""
    cause: str = ""
    """What is likely wrong, and what to do; empty where nothing is."""

    @property
    def good(self) -> bool:
        """Whether there is a scene; false where the PSNR is no number."""
        return self.psnr > self.bound

    def __str__(self) -> str:
        which = "held-out" if self.held_out else "training"
        return f"{self.psnr:.1f} dB on {self.views} {which} views (bound {self.bound:.1f})"


def shown_views(dataset: PosedImagesDataset) -> list[int]:
    """Indices of the views by which a scene is shown and judged, evenly spread over a dataset."""
    count = len(dataset)
    return sorted({int(i) for i in np.linspace(0, count - 1, min(SHOWN_VIEWS, count))})


def judge_base(pipeline: PluginPipeline, checkpoint: Path, steps: int | None, method: str) -> BaseQuality:
    """Judge the scene that a pipeline holds, whose training pictures are the photographs.

    Args:
        checkpoint: which the scene is of.
        steps: that the scene was trained for; None where that is not known.
        method: by which, as the registry names it.
    """
    manager = pipeline.datamanager
    held_out = len(manager.eval_dataset) > 0
    dataset = manager.eval_dataset if held_out else manager.train_dataset
    shown = shown_views(dataset)
    pairs = [_compared(pipeline, dataset, index) for index in shown]
    predictions = _MeanPictures([manager.train_pictures[index].numpy() for index in range(len(manager.train_pictures))])
    bound = predictions.best([pair[1:] for pair in pairs])
    found = float(np.mean([psnr(*pair) for pair in pairs]))
    quality = BaseQuality(checkpoint.name, found, bound, len(shown), held_out)
    if quality.good:
        return quality
    return BaseQuality(**{**asdict(quality), "cause": _likely_cause(pipeline, pairs, quality, steps, method)})


def report_base(run: Path, quality: BaseQuality) -> None:
    """Print a reconstruction's quality, and keep it in the run's folder for the next start."""
    write_json(run / QUALITY_FILE, asdict(quality))
    _say(run, quality)


def require_good_base(run: Path, quality: BaseQuality, force: bool) -> None:
    """Refuse to edit a reconstruction that shows no scene.

    Args:
        run: the reconstruction's folder.
        force: only say so.

    Raises:
        CheckpointError: it is bad, and not to be edited all the same.
    """
    if quality.good or force:
        _say(run, quality)
        return
    raise CheckpointError(
        f"Expected a reconstruction that shows views better than the mean of the training pictures does "
        f"({quality.bound:.1f} dB), got {quality.psnr:.1f} dB in {run}: {quality.cause}; or say --force to edit it all "
        f"the same."
    )


def kept_quality(run: Path, checkpoint: Path | None = None) -> BaseQuality | None:
    """What a run's folder says of this checkpoint, or of any; None where there is nothing that can be used."""
    path = run / QUALITY_FILE
    if not path.is_file():
        return None
    try:
        found = read_json(path)
        quality = BaseQuality(
            checkpoint=str(found["checkpoint"]),
            psnr=_number(found["psnr"]),
            bound=_number(found["bound"]),
            views=int(found["views"]),
            held_out=bool(found["held_out"]),
            cause=str(found["cause"]),
        )
    except (DataError, KeyError, TypeError, ValueError, OverflowError):
        return None  # it is judged anew
    return quality if checkpoint is None or quality.checkpoint == checkpoint.name else None


def _number(value: object) -> float:
    """A number as strict JSON holds it: infinity is a word there, and none is null."""
    return math.nan if value is None else float(value)


def _say(run: Path, quality: BaseQuality) -> None:
    CONSOLE.print(f"Base: {quality}", markup=False)
    if not quality.good:
        told = f"Warning: the reconstruction in {run} shows its views no better than their mean does: {quality.cause}."
        CONSOLE.print(told, soft_wrap=True, markup=False)


def _compared(pipeline: PluginPipeline, dataset: PosedImagesDataset, index: int) -> Compared:
    view = dataset.metadata["views"][index]
    with pipeline.stopwatch.measure("render"):
        render = pipeline.render_view(dataset.cameras, index)["rgb"].cpu().clamp(0.0, 1.0)
    mask = read_mask(view)
    return render, read_image(view).float() / 255.0, mask if mask is not None and bool(mask.any()) else None


class _MeanPictures:
    """The mean colour and the mean picture of training pictures [H, W, 3] uint8, of any sizes."""

    def __init__(self, pictures: Sequence[np.ndarray]) -> None:
        height, width = pictures[0].shape[:2]
        scale = min(1.0, _MEAN_SIDE / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures]
        self._mean = np.mean(small, 0, dtype=np.float64).astype(np.float32) / 255.0

    def best(self, views: Sequence[tuple[Tensor, Tensor | None]]) -> float:
        """Mean PSNR over photographs [H, W, 3], inside their masks, of whichever is the better prediction; dB."""

        def scores(picture: np.ndarray) -> float:
            found = []
            for photograph, mask in views:
                height, width = photograph.shape[:2]
                shown = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
                found.append(psnr(torch.from_numpy(shown), photograph, mask))
            return float(np.mean(found))

        color = np.ascontiguousarray(np.broadcast_to(self._mean.mean((0, 1)), self._mean.shape))
        return max(scores(self._mean), scores(color))


def _likely_cause(
    pipeline: PluginPipeline,
    pairs: Sequence[Compared],
    quality: BaseQuality,
    steps: int | None,
    method: str,
) -> str:
    """Why a reconstruction is bad, as far as the pictures tell, and what to do."""
    usual = load_target(METHODS[method].target).config.max_num_iterations if method in METHODS else None
    if steps is not None and usual is not None and steps < _FEW_STEPS * usual:
        return f"likely for want of training, {steps} steps of the usual {usual} (raise --base-steps)"
    if not math.isfinite(quality.psnr):
        return "its numbers are not finite (train it again, with another --seed or method)"
    graded = float(np.mean([psnr(_graded(*pair), pair[1], pair[2]) for pair in pairs]))
    if graded > quality.bound + 3.0:
        return "likely because brightness or white balance differ from picture to picture (even them out first)"
    manager = pipeline.datamanager
    if method == POINT_METHOD and manager.train_dataset.metadata["posed_images"].points is None:
        return (
            "likely because the capture has no sparse points to start from (add them, as ply_file_path of its "
            "transforms.json, or take --method in2n, whose voxels need none)"
        )
    if quality.held_out:
        seen = [_compared(pipeline, manager.train_dataset, index) for index in shown_views(manager.train_dataset)]
        if float(np.mean([psnr(*pair) for pair in seen])) > quality.psnr + _OVERFITTED:
            return (
                "training views alone are shown well, likely because there are too few of them, they overlap too "
                "little, or poses are wrong (add pictures between them, or pose them again)"
            )
    return (
        "likely because the poses do not belong to the pictures or are not in OpenGL's axes, or because the scene "
        "moved while it was captured (check the poses)"
    )


def _graded(render: Tensor, photograph: Tensor, mask: Tensor | None) -> Tensor:
    """A render with the gain and offset of each channel that bring it nearest to the photograph."""
    chosen = torch.ones(render.shape[:2], dtype=torch.bool) if mask is None else mask
    x, y = render[chosen].double(), photograph[chosen].double()
    spread = (x - x.mean(0)).square().mean(0)
    gain = ((x - x.mean(0)) * (y - y.mean(0))).mean(0) / spread.clamp_min(1e-9)
    # a render without structure could be graded into the photograph's mean colour: that is none of its merits
    return ((render - x.mean(0)) * gain.clamp(0.25, 4.0) + y.mean(0)).clamp(0.0, 1.0).float()
