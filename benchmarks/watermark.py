"""Put a watermark into a scene of splats and read it from pictures that were compressed, scaled, cropped or noisy.

    python benchmarks/watermark.py RUN
    python benchmarks/watermark.py RUN --views 12 --loss 0.5

Prints the loss of PSNR to the photographs of views that the amplitude was not chosen by, and for each attack the bit
error over all views, the share of pictures in which the mark is found at a false alarm of 1 in 10 000, and how often it
is found where there is none: with wrong keys, and in the unmarked scene. Exit code 1 where the loss is above --loss.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from PIL import Image
from rich.console import Console
from rich.table import Table
from scipy.stats import binom

from editor3d.datasets.views.images import read_image
from editor3d.errors import DataError
from gaussian.draw.selection import PosedPinhole, delete
from gaussian.edit.opened import OpenedSplats, open_splats
from gaussian.edit.scene_file import camera_of
from gaussian.mark.detect import Sight, read_mark, sight_of, waves_in
from gaussian.mark.embed import marked_within, mean_psnr, picture_of
from gaussian.mark.pattern import BITS, mixture
from gaussian.splats import Splats

ALARM = 1e-4
KEY = "the owner's key"
NOISE = 0.05


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(np.rint(picture * 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as opened:
        return np.asarray(opened, np.float32) / 255


def attacks(picture: np.ndarray, draw: np.random.Generator) -> dict[str, np.ndarray]:
    """A picture [H, W, 3] in 0..1, and what may become of it."""
    height, width = picture.shape[:2]
    half = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    crop = picture[height // 8 : height - height // 8, width // 8 : width - width // 8]
    return {
        "none (8 bits)": np.rint(picture * 255).astype(np.float32) / 255,
        "JPEG 90": jpeg(picture, 90),
        "JPEG 50": jpeg(picture, 50),
        "scaled to 1/2": half,
        "cropped to 3/4": np.ascontiguousarray(crop),
        "cropped, JPEG 75": jpeg(crop, 75),
        f"noise {NOISE:g}": np.clip(picture + NOISE * draw.normal(size=picture.shape), 0, 1).astype(np.float32),
        "darker by 1/3": picture * np.float32(2 / 3),
    }


def seen(opened: OpenedSplats, apart: int, first: int, count: int) -> tuple[list[PosedPinhole], list[torch.Tensor]]:
    """Some views of a scene as pinholes of their full size, and their photographs, or renders where it has none."""
    cameras, photographs = [], []
    for view in opened.views[first::apart][:count]:
        camera = PosedPinhole.of(camera_of(view, opened.contents.offset), 0)
        cameras.append(camera)
        if opened.pipeline is None or any(view.distortion):
            photographs.append(picture_of(opened.contents.drawn, camera))
        else:
            photographs.append(read_image(view).float() / 255)
    return cameras, photographs


def main(scene: tyro.conf.Positional[Path], views: int = 8, loss: float = 0.5, seed: int = 0) -> int:
    draw = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        opened = open_splats(scene, Path(folder) / "out.ply")
    splats: Splats = opened.contents.drawn
    apart = max(1, len(opened.views) // views)
    chosen, photographs = seen(opened, apart, 0, views)
    others, other_photographs = seen(opened, apart, 1, views)
    message = tuple(bool(bit) for bit in draw.integers(0, 2, BITS))
    print(f"{len(splats)} Gaussians, {len(chosen)} views")
    mark, amplitude = marked_within(splats, KEY, message, chosen, photographs, 0.8 * loss)
    before, after = (mean_psnr(each, others, other_photographs) for each in (splats, mark))
    print(f"amplitude {amplitude:.4f}; other views {before:.2f} -> {after:.2f} dB: {before - after:.2f} (asked {loss})")
    sights = [sight_of(splats, camera) for camera in chosen]
    gone = torch.from_numpy(draw.random(len(splats)) < 0.1)
    pictures: dict[str, list[tuple[int, np.ndarray]]] = {}
    for number, camera in enumerate(chosen):
        picture = picture_of(mark, camera).numpy()
        for name, attacked in attacks(picture, draw).items():
            pictures.setdefault(name, []).append((number, attacked))
        thinned = picture_of(delete(mark, gone), camera).numpy()
        pictures.setdefault("10 % of Gaussians removed", []).append((number, thinned))
        pictures.setdefault("no mark", []).append((number, picture_of(splats, camera).numpy()))
    least = int(binom.isf(ALARM, BITS, 0.5)) + 1
    table = Table(title=f"{BITS} bits; found: at least {least} right, {binom.sf(least - 1, BITS, 0.5):.1e} by chance")
    for heading in ("picture", "bit error", "found", "bit error, all views", "unreadable"):
        table.add_column(heading, justify="left" if heading == "picture" else "right")
    for name, several in pictures.items():
        table.add_row(*row(name, several, sights, message, least))
    Console(width=120).print(table)
    alarms = wrong_keys(sights, [picture_of(mark, camera).numpy() for camera in chosen], message, least)
    print(f"wrong keys: found in {alarms:.2e} of 1000 keys x {len(chosen)} pictures")
    return int(before - after > loss)


def row(
    name: str, several: list[tuple[int, np.ndarray]], sights: list[Sight], message: tuple[bool, ...], least: int
) -> list[str]:
    right, unreadable, total = [], 0, torch.zeros(BITS, dtype=torch.float64)
    for number, picture in several:
        same = picture.shape == sights[number].picture.shape
        try:
            reading = read_mark(picture, [sights[number]] if same else sights, KEY)
        except DataError:  # counted
            unreadable += 1
            continue
        right.append(reading.right(message))
        total += reading.scores / reading.scores.norm().clamp_min(1e-12)
    together = sum(bool(score > 0) == bit for score, bit in zip(total, message, strict=True))
    if not right:
        return [name, "-", "0 %", "-", f"{unreadable}"]
    error, found = 1 - np.mean(right) / BITS, np.mean([count >= least for count in right])
    return [name, f"{error:.1%}", f"{found:.0%}", f"{1 - together / BITS:.1%}", f"{unreadable}"]


def wrong_keys(sights: list[Sight], pictures: list[np.ndarray], message: tuple[bool, ...], least: int) -> float:
    """The share of pictures of the marked scene in which wrong keys find the message."""
    signs, found = np.where(message, 1, -1), []
    everywhere = [np.ones(picture.shape[:2], bool) for picture in pictures]
    weights = [waves_in(*each) for each in zip(pictures, everywhere, sights, strict=True)]
    for number in range(1000):
        mix = mixture(f"another key {number}").numpy().T
        found += [int((np.sign(mix @ weight) == signs).sum() >= least) for weight in weights]
    return float(np.mean(found))


if __name__ == "__main__":
    sys.exit(tyro.cli(main))
