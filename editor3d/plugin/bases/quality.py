"""Check whether a reconstruction shows its scene at all, and name the likely cause where it does not.

A reconstruction is compared with what is known of a view without one: the mean colour of the training pictures, and
their mean picture, which knows what captures have in common (a sky above, an object in the middle). A few training
steps already give a scene that is blurred but better than both; fog, poses that do not belong to the pictures, or
points of another scene give none. The bound is the better of the two, which depends on the capture alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor

from editor3d.datasets.dataparser import PosedImagesDataset
from editor3d.datasets.views.images import read_image, read_mask
from editor3d.errors import CheckpointError, DataError
from editor3d.files.safe_open import read_json
from editor3d.files.writing import write_json
from editor3d.methods import available_methods, method_config
from editor3d.metrics.image import psnr
from editor3d.run.events import Warning, emit
from editor3d.run.results import shown_of

if TYPE_CHECKING:
    from editor3d.plugin.train.pipeline import PluginPipeline

QUALITY_FILE = "base.json"
"""In the folder of a reconstruction's run."""
POINT_METHOD = "splat"
"""The method whose scenes start from points."""
_FEW_STEPS = 0.25
"""Of a method's own number of steps: fewer may be why a reconstruction is bad."""
_OVERFITTED = 6.0
"""dB by which training views are shown better than held-out ones where there is no scene, only pictures."""
_MEAN_SIDE = 64
"""Pixels of the longer side of the mean picture."""
_PIXELS = 2048
"""Of a view, by which a scene is judged that is rendered ray by ray."""


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


@dataclass(frozen=True, eq=False)
class _Compared:
    """Some pixels of a view."""

    render: Tensor
    """[N, 3] in 0..1."""
    photograph: Tensor
    """[N, 3] in 0..1."""
    chosen: Tensor
    """Which these are: [H, W] bool."""

    @property
    def psnr(self) -> float:
        return _psnr(self.render, self.photograph)


def shown_views(dataset: PosedImagesDataset) -> list[int]:
    """Indices of the views by which a scene is shown and judged, evenly spread over a dataset."""
    return shown_of(len(dataset))


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
    seen = [_compared(pipeline, dataset, index) for index in shown]
    predictions = _MeanPictures([manager.train_pictures[index].numpy() for index in range(len(manager.train_pictures))])
    bound = predictions.best([(view.photograph, view.chosen) for view in seen])
    found = float(np.mean([view.psnr for view in seen]))
    quality = BaseQuality(checkpoint.name, found, bound, len(shown), held_out)
    if quality.good:
        return quality
    return BaseQuality(**{**asdict(quality), "cause": _likely_cause(pipeline, seen, quality, steps, method)})


def report_base(run: Path, quality: BaseQuality) -> None:
    """Print a reconstruction's quality, and keep it in the run's folder for the next start."""
    write_json(run / QUALITY_FILE, asdict(quality))
    _say(run, quality)


def require_good_base(run: Path, quality: BaseQuality, force: bool, *, reported: bool = False) -> None:
    """Refuse to edit a reconstruction that shows no scene.

    Args:
        run: the reconstruction's folder.
        force: only say so.
        reported: it was printed already.

    Raises:
        CheckpointError: it is bad, and not to be edited all the same.
    """
    if quality.good or force:
        if not reported:
            _say(run, quality)
        return
    raise CheckpointError(
        f"Expected a reconstruction that shows views better than the mean of the training pictures does "
        f"({quality.bound:.1f} dB), got {quality.psnr:.1f} dB in {run}: {quality.cause}; or add --force to edit it all "
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


def _number(value: Any) -> float:
    """A number as strict JSON holds it: infinity is a word there, and none is null."""
    return math.nan if value is None else float(value)


def _say(run: Path, quality: BaseQuality) -> None:
    CONSOLE.print(f"Base: {quality}", markup=False)
    if not quality.good:
        message = (
            f"Warning: the reconstruction in {run} shows its views no better than their mean does: {quality.cause}."
        )
        CONSOLE.print(message, soft_wrap=True, markup=False)
        emit(Warning(sentence=message.removeprefix("Warning: ")))


@torch.no_grad()
def _compared(pipeline: PluginPipeline, dataset: PosedImagesDataset, index: int) -> _Compared:
    view = dataset.metadata["views"][index]
    mask = read_mask(view)
    chosen = mask if mask is not None and bool(mask.any()) else torch.ones(view.height, view.width, dtype=torch.bool)
    with pipeline.stopwatch.measure("render"):
        if not pipeline.model.capabilities.whole_pictures:  # a nerfacto on a CPU takes minutes for one
            chosen = _sparse(chosen)
            render = _pixels(pipeline, dataset, index, chosen)
        else:
            render = pipeline.render_view(dataset.cameras, index)["rgb"][chosen.to(pipeline.device)]
    photograph = read_image(view)[chosen].float() / 255.0
    return _Compared(render.cpu().clamp(0.0, 1.0), photograph, chosen)


def _sparse(chosen: Tensor) -> Tensor:
    """So many of the chosen pixels [H, W] bool as suffice for a PSNR, evenly spread: [H, W] bool."""
    flat = chosen.flatten().nonzero()[:, 0]
    if len(flat) <= _PIXELS:
        return chosen
    kept = torch.zeros(chosen.numel(), dtype=torch.bool)
    # no stride: one that divides the width would look at columns
    kept[flat[torch.randperm(len(flat), generator=torch.Generator().manual_seed(0))[:_PIXELS]]] = True
    return kept.view(chosen.shape)


def _pixels(pipeline: PluginPipeline, dataset: PosedImagesDataset, index: int, chosen: Tensor) -> Tensor:
    """Colours [N, 3] of the chosen pixels of a view, the model in evaluation mode."""
    was_training = pipeline.training
    pipeline.eval()
    try:
        return pipeline.model.outputs_at(dataset.cameras[index : index + 1].to(pipeline.device), chosen)["rgb"]
    finally:
        pipeline.train(was_training)


class _MeanPictures:
    """The mean colour and the mean picture of training pictures [H, W, 3] uint8, of any sizes."""

    def __init__(self, pictures: Sequence[np.ndarray]) -> None:
        height, width = pictures[0].shape[:2]
        scale = min(1.0, _MEAN_SIDE / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures]
        self._mean = np.mean(small, 0, dtype=np.float64).astype(np.float32) / 255.0

    def best(self, views: Sequence[tuple[Tensor, Tensor]]) -> float:
        """Mean PSNR over views of whichever is the better prediction, dB.

        Args:
            views: of each the colours [N, 3] of some pixels of the photograph, in 0..1, and which these are, [H, W]
                bool.
        """

        def scores(picture: np.ndarray) -> float:
            found = []
            for photograph, chosen in views:
                shown = cv2.resize(picture, (chosen.shape[1], chosen.shape[0]), interpolation=cv2.INTER_LINEAR)
                found.append(_psnr(torch.from_numpy(shown)[chosen], photograph))
            return float(np.mean(found))

        color = np.ascontiguousarray(np.broadcast_to(self._mean.mean((0, 1)), self._mean.shape))
        return max(scores(self._mean), scores(color))


def _likely_cause(
    pipeline: PluginPipeline,
    seen: Sequence[_Compared],
    quality: BaseQuality,
    steps: int | None,
    method: str,
) -> str:
    """Why a reconstruction is bad, as far as the pictures tell, and what to do."""
    usual = _usual_steps(method)
    if steps is not None and usual is not None and steps < _FEW_STEPS * usual:
        return f"likely for want of training, {steps} steps of the usual {usual} (raise --base-steps)"
    if not math.isfinite(quality.psnr):
        return "its numbers are not finite (train it again, with another --seed or method)"
    graded = float(np.mean([_psnr(_graded(view), view.photograph) for view in seen]))
    if graded > quality.bound + 3.0:
        return "likely because brightness or white balance differ from picture to picture (even them out first)"
    manager = pipeline.datamanager
    if method == POINT_METHOD and manager.train_dataset.metadata["posed_images"].points is None:
        return (
            "likely because the capture has no sparse points to start from (add them, as ply_file_path of its "
            "transforms.json, or take --method in2n, whose voxels need none)"
        )
    if quality.held_out:
        trained = [_compared(pipeline, manager.train_dataset, index) for index in shown_views(manager.train_dataset)]
        if float(np.mean([view.psnr for view in trained])) > quality.psnr + _OVERFITTED:
            return (
                "training views alone are shown well, likely because there are too few of them, they overlap too "
                "little, or poses are wrong (add pictures between them, or pose them again)"
            )
    return (
        "likely because the poses do not belong to the pictures or are not in OpenGL's axes, or because the scene "
        "moved while it was captured (check the poses)"
    )


def _usual_steps(method: str) -> int | None:
    """A method's own number of steps: of ours, or of nerfstudio's; None for any other."""
    if method in available_methods():
        return method_config(method, TrainerConfig).max_num_iterations
    from nerfstudio.configs.method_configs import method_configs

    config = method_configs.get(method)
    return config.max_num_iterations if isinstance(config, TrainerConfig) else None


def _graded(view: _Compared) -> Tensor:
    """A render with the gain and offset of each channel that bring it nearest to the photograph."""
    x, y = view.render.double(), view.photograph.double()
    spread = (x - x.mean(0)).square().mean(0)
    gain = ((x - x.mean(0)) * (y - y.mean(0))).mean(0) / spread.clamp_min(1e-9)
    return ((x - x.mean(0)) * gain.clamp(0.25, 4.0) + y.mean(0)).clamp(0.0, 1.0).float()


def _psnr(found: Tensor, wanted: Tensor) -> float:
    """PSNR of the colours [N, 3] of some pixels, dB."""
    return psnr(found[None], wanted[None])
