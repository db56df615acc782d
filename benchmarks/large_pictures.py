"""Peak memory of an edit of large photographs.

    python benchmarks/large_pictures.py                               # ten of 6000 x 4000, as JPEG
    python benchmarks/large_pictures.py --suffix png --count 20
    python benchmarks/large_pictures.py --words --downscale-factor 1  # further words of `editor3d edit`

The photographs are renders of the demo scene, scaled up and with noise, in a folder that is removed afterwards. The
command runs in a process of its own; its peak is what the system says of it and of all that it started, one by one.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import cv2
import numpy as np
import tyro
from PIL import Image

from editor3d.datasets import load_posed_images
from editor3d.datasets.demo import demo_path
from editor3d.datasets.views.images import read_image

NOISE = 6.0
"""Levels of grain, without which such photographs would compress as no photograph does."""


@dataclass(frozen=True)
class LargePictures:
    count: int = 10
    """How many photographs."""
    size: tuple[int, int] = (6000, 4000)
    """Their width and height."""
    suffix: Literal["jpg", "png", "tiff"] = "jpg"
    base_steps: int = 300
    """Steps of the reconstruction."""
    steps: int = 30
    """Steps of the edit."""
    words: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Further words of the command, one each time."""

    def run(self) -> int:
        with TemporaryDirectory() as name:
            folder = Path(name)
            write_capture(folder / "capture", self.count, self.size, self.suffix)
            command = [sys.executable, "-m", "editor3d.cli", "edit", str(folder / "capture")]
            command += ["--instruction", "make it brighter", "--editor", "procedural", "--output", str(folder / "runs")]
            command += ["--base-steps", str(self.base_steps), "--steps", str(self.steps)]
            command += ["--force", *self.words]  # so short a reconstruction shows little of the scene
            begun = time.perf_counter()
            code = subprocess.run(command, check=False).returncode
            seconds = time.perf_counter() - begun
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1 << 20)
        width, height = self.size
        print(f"{self.count} photographs, {width} x {height} {self.suffix}: exit code {code}, {seconds:.0f} s")
        print(f"peak memory {peak:.2f} GiB")
        return code


def write_capture(folder: Path, count: int, size: tuple[int, int], suffix: str) -> None:
    """Write a capture of training views of the demo, scaled up to `size` about the middle of each axis."""
    demo = load_posed_images(demo_path())
    views = sorted(demo.train_views, key=lambda view: view.name)
    views = [views[index * len(views) // count] for index in range(count)]
    (folder / "images").mkdir(parents=True)
    rng, frames = np.random.default_rng(0), []
    for view in views:
        pixels = cv2.resize(read_image(view).numpy(), size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
        pixels += rng.standard_normal(pixels.shape, np.float32) * NOISE
        path = f"images/{view.name.replace('/', '_')}.{suffix}"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / path, quality=92)
        across, down = size[0] / view.width, size[1] / view.height
        camera = {"fl_x": view.fl_x * across, "fl_y": view.fl_y * down, "cx": view.cx * across, "cy": view.cy * down}
        pose = np.concatenate([view.c2w, [[0.0, 0.0, 0.0, 1.0]]])
        frames.append({"file_path": path, "w": size[0], "h": size[1], **camera, "transform_matrix": pose.tolist()})
    (folder / "transforms.json").write_text(json.dumps({"frames": frames}), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(tyro.cli(LargePictures).run())
