"""How well a person is dressed: gaussian-vton on the test subject, whose true pictures in the other shirt are known.

    python benchmarks/try_on.py                     # the test subject
    python benchmarks/try_on.py --capture CAPTURE   # and a capture of a person; says how far face and garment changed

Prints, over held-out views: dE2000 in the garment's region to the true render (median over pixels, then each view), the
PSNR of face and background to the unedited render, what doing nothing would give, and times.
"""

from __future__ import annotations

import math
import time
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from skimage.color import deltaE_ciede2000, rgb2lab

from editor3d.datasets.views.images import read_image, read_object_masks
from editor3d.editors.try_on.segment import parts_of
from editor3d.metrics.image import psnr
from editor3d.plugin.edit.trainer import EditTrainer
from editor3d.types import Editor, EditRequest
from lab.subject import garment_path, subject_path, worn_path


@dataclass
class TryOnBenchmark:
    """Arguments of the benchmark."""

    capture: Path | None = None
    """A capture of a person besides the test subject; needs mediapipe."""
    garment: Path | None = None
    """What is put on there; the test subject's garment by default."""
    downscale_factor: int = 2
    """Of that capture's pictures."""
    steps: int | None = None
    """Training steps; the method's own number by default."""
    restoration: tuple[str, ...] = ("off",)
    """Which kinds of stage 3 to compare: off, ddnm."""
    planted: str | None = "train_05"
    """A view of the test subject that gets a wrong garment at its first try; none for none."""
    output: Path = Path("outputs/benchmarks")

    def run(self) -> None:
        for restoration in self.restoration:
            self._subject(restoration)
        if self.capture is not None:
            self._capture()

    def _subject(self, restoration: str) -> None:
        trainer, seconds = self._dress(subject_path(), garment_path(), 1, restoration, self.planted)
        rows = []
        for view, before, after in _held_out(trainer):
            masks = {k: v.numpy() for k, v in read_object_masks(view, trainer.pipeline.objects).items()}
            truth = read_image(worn_path() / f"{view.name}.jpg").numpy() / 255.0
            worn = masks["garment"]
            nobody = ~np.any(list(masks.values()), axis=0)
            rows.append(
                (
                    np.median(_difference(after.numpy(), truth)[worn]),
                    np.median(_difference(before.numpy(), truth)[worn]),
                    _psnr(before, after, masks["face"]),
                    _psnr(before, after, nobody),
                )
            )
            print(f"  {view.name}: dE2000 {rows[-1][0]:.2f} (unedited {rows[-1][1]:.2f}), face {rows[-1][2]:.1f} dB, "
                  f"background {rows[-1][3]:.1f} dB")  # fmt: skip
        table = np.array(rows)
        print(
            f"test subject, restoration {restoration}: median dE2000 {np.median(table[:, 0]):.2f}, worst view "
            f"{table[:, 0].max():.2f} (unedited {np.median(table[:, 1]):.2f}); face at least "
            f"{table[:, 2].min():.1f} dB, background at least {table[:, 3].min():.1f} dB; {seconds:.0f} s after "
            f"the base"
        )
        print(f"  re-edited: {trainer.pipeline.updater.notes.reedited}")

    def _capture(self) -> None:
        trainer, seconds = self._dress(self.capture, self.garment or garment_path(), self.downscale_factor, "off")
        faces, worn = [], []
        for view, before, after in _held_out(trainer):
            parts = parts_of(read_image(view).float() / 255.0, {})
            if parts is None:
                print(f"  {view.name}: nobody is seen")
                continue
            changed = np.median(_difference(after.numpy(), before.numpy())[parts.garment]) if parts.garment.any() else 0
            face = _psnr(before, after, parts.face)  # infinite where none is seen
            faces.append(face)
            worn.append(changed)
            print(f"  {view.name}: garment changed by dE2000 {changed:.1f}, face {face:.1f} dB")
        print(
            f"{self.capture.name}: face at least {min(faces):.1f} dB, garment changed by a median dE2000 of at least "
            f"{min(worn):.1f} in {len(worn)} held-out views; {seconds:.0f} s after the base"
        )

    def _dress(
        self, data: Path, garment: Path, downscale: int, restoration: str, planted: str | None = None
    ) -> tuple[EditTrainer, float]:
        from gaussian.methods.vton.method import gaussian_vton

        config = deepcopy(gaussian_vton.config)
        config.pipeline.datamanager.data = data
        config.pipeline.datamanager.dataparser.downscale_factor = downscale
        config.choose(garment=garment)
        config.pipeline.restoration = restoration
        config.output_dir, config.experiment_name, config.vis = self.output, data.name, "tensorboard"
        config.turntable_frames = 0
        if self.steps is not None:
            config.max_num_iterations = self.steps
        config.set_timestamp()
        config.check()
        config.write_config()
        trainer = config.setup(local_rank=0, world_size=1)
        trainer.prepare()
        if planted is not None:
            trainer.pipeline.updater.editor = Erring(trainer.pipeline.updater.editor, planted)
        started = time.perf_counter()
        trainer.fit()
        return trainer, time.perf_counter() - started


class Erring:
    """An editor that puts a garment of other colours on one view, once."""

    def __init__(self, editor: Editor, view: str) -> None:
        self.editor, self.view, self.info = editor, view, editor.info

    def edit(self, request: EditRequest) -> torch.Tensor:
        edited = self.editor.edit(request)
        if request.view == self.view:
            self.view = ""
            edited[request.mask] = edited[request.mask][:, [2, 0, 1]]
        return edited


def _held_out(trainer: EditTrainer):
    """(view, render of the base, render now) of each held-out view."""
    pipeline = trainer.pipeline
    dataset = pipeline.datamanager.eval_dataset
    views = dataset.metadata["views"]
    now = [pipeline.render_view(dataset.cameras, index)["rgb"].cpu() for index in range(len(views))]
    with trainer._showing_base():
        before = [pipeline.render_view(dataset.cameras, index)["rgb"].cpu() for index in range(len(views))]
    return list(zip(views, before, now, strict=True))


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return deltaE_ciede2000(rgb2lab(np.clip(a, 0, 1)), rgb2lab(np.clip(b, 0, 1)))


def _psnr(a: torch.Tensor, b: torch.Tensor, mask: np.ndarray) -> float:
    return psnr(a, b, torch.from_numpy(mask)) if mask.any() else math.inf


if __name__ == "__main__":
    tyro.cli(TryOnBenchmark).run()
