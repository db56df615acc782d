"""The CPU rasterizer: forward + backward beside plain torch, time per stage, distance to the floor, and memory.

    python benchmarks/splat_raster.py --data CAPTURE --json-file raster.json

Scenes of three sizes are made from the capture's sparse points and drawn from its cameras, colours plain.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numba
import numpy as np
import psutil
import torch
import tyro
from numba import njit, prange
from rich.console import Console
from rich.table import Table
from splat_in_torch import forward_and_backward
from splat_scene import SplatScene, splat_scene

from editor3d.datasets.locate import DEMO, resolve_data
from editor3d.files.writing import write_json
from gaussian.raster.kernels import composite, project, tiles
from gaussian.raster.kernels.simd import LANES, fma, horizontal_sum, splat
from gaussian.raster.rasterize import rasterization

OPERATIONS_FORWARD, OPERATIONS_BACKWARD = 22, 38
"""Vector operations of one row of a tile in `composite` and `composite_backward`, an FMA counting as one: sigma 2, its
tests 2, exp 9, alpha 3, weight and T 3, colours 3; backward also dL/d alpha 9, and 7 for the sums that it goes into."""
STAGES = {
    "projection": [(project, "project")],
    "records, sort, binning": [
        (tiles, "make_records"),
        (tiles, "depth_order"),
        (tiles, "gather"),
        (tiles, "intersect"),
    ],
    "compositing": [(composite, "composite")],
    "compositing, backward": [(composite, "composite_backward")],
    "gathering": [(composite, "gather_shares")],
    "projection, backward": [(project, "project_backward")],
}
CHAINS, ROUNDS = 12, 2_000_000
MEMORY_CASES = ((250_000, 1024), (500_000, 1024), (1_000_000, 1024), (1_000_000, 512))


@dataclass
class Measured:
    """Medians over the cameras; milliseconds."""

    gaussians: int
    ours: float
    forward: float
    torch: float
    ratio: float
    stages: dict[str, float]
    blends: float
    """Gaussians blended into pixels, of one picture."""
    floor: float
    """The time that the operations of these blends take at the machine's peak."""
    image_difference: float
    """Greatest difference between the two pictures."""


@dataclass
class MemoryUsed:
    """Of one picture; MiB by which the process grew at its peak."""

    gaussians: int
    side: int
    forward: float
    forward_backward: float
    seconds: float


@contextmanager
def stages_timed(seconds: dict[str, float]) -> Iterator[None]:
    """Add up the time of each stage's kernels."""
    originals = []

    def timed(function, stage: str):
        def call(*args):
            started = time.perf_counter()
            result = function(*args)
            seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - started
            return result

        return call

    for stage, functions in STAGES.items():
        for module, name in functions:
            originals.append((module, name, getattr(module, name)))
            setattr(module, name, timed(getattr(module, name), stage))
    try:
        yield
    finally:
        for module, name, function in originals:
            setattr(module, name, function)


@njit(parallel=True, error_model="numpy")
def _multiply_and_add(threads, rounds, x, y, sums):
    for thread in prange(threads):
        a, b = splat(x), splat(y)
        c0, c1, c2, c3, c4, c5 = a, b, a, b, a, b
        c6, c7, c8, c9, c10, c11 = a, b, a, b, a, b
        for _ in range(rounds):
            c0, c1, c2, c3 = fma(c0, a, b), fma(c1, a, b), fma(c2, a, b), fma(c3, a, b)
            c4, c5, c6, c7 = fma(c4, a, b), fma(c5, a, b), fma(c6, a, b), fma(c7, a, b)
            c8, c9, c10, c11 = fma(c8, a, b), fma(c9, a, b), fma(c10, a, b), fma(c11, a, b)
        sums[thread] = horizontal_sum(c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11)


def operations_per_second() -> float:
    """Multiply-and-adds of single lanes that all threads together do at best: independent chains, nothing in memory."""
    threads = numba.get_num_threads()
    sums = np.zeros(threads, np.float32)
    arguments = (np.float32(0.999), np.float32(1e-3), sums)
    _multiply_and_add(threads, 1000, *arguments)
    best = np.inf
    for _ in range(5):
        started = time.perf_counter()
        _multiply_and_add(threads, ROUNDS, *arguments)
        best = min(best, time.perf_counter() - started)
    return threads * ROUNDS * CHAINS * LANES / best


def ours_once(scene: SplatScene, parameters: tuple, camera: int, v_image: torch.Tensor) -> tuple[float, float]:
    """Seconds of forward, and of forward + backward."""
    for parameter in parameters:
        parameter.grad = None
    started = time.perf_counter()
    viewmats, Ks = scene.viewmats[camera : camera + 1], scene.Ks[:1]
    picture, _, _ = rasterization(*parameters, viewmats, Ks, scene.width, scene.height, packed=False)
    drawn = time.perf_counter()
    picture.backward(v_image[None])
    return drawn - started, time.perf_counter() - started


def measure(data: str, count: int, cameras: int, repeats: int, peak: float) -> Measured:
    """Both rasterizers on a scene of `count` Gaussians, camera by camera in turn."""
    scene = splat_scene(data, count)
    parameters = tuple(parameter.requires_grad_() for parameter in scene.parameters)
    v_image = torch.randn(scene.height, scene.width, 3, generator=torch.Generator().manual_seed(0)) / 1000
    chosen = np.linspace(0, len(scene.viewmats), cameras, endpoint=False).astype(int)
    ours_once(scene, parameters, int(chosen[0]), v_image)
    ours, forward, others, blends, stages = [], [], [], [], {name: [] for name in STAGES}
    worst = 0.0
    for camera in map(int, chosen):
        for _ in range(repeats):
            seconds: dict[str, float] = {}
            with stages_timed(seconds):
                drawn, whole = ours_once(scene, parameters, camera, v_image)
            forward.append(drawn)
            ours.append(whole)
            for name in STAGES:
                stages[name].append(seconds.get(name, 0.0))
        with torch.no_grad():
            viewmats = scene.viewmats[camera : camera + 1]
            picture, _, _ = rasterization(*parameters, viewmats, scene.Ks[:1], scene.width, scene.height)
        for parameter in parameters:
            parameter.grad = None
        started = time.perf_counter()
        other, blended = forward_and_backward(parameters, scene.viewmats[camera], scene.Ks[0], v_image)
        others.append(time.perf_counter() - started)
        blends.append(blended)
        worst = max(worst, float((picture[0] - other).abs().max()))
    floor = median(blends) * (OPERATIONS_FORWARD + OPERATIONS_BACKWARD) / peak
    return Measured(
        gaussians=count,
        ours=1e3 * median(ours),
        forward=1e3 * median(forward),
        torch=1e3 * median(others),
        ratio=median(others) / median(ours),
        stages={name: 1e3 * median(values) for name, values in stages.items()},
        blends=median(blends),
        floor=1e3 * floor,
        image_difference=worst,
    )


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """The greatest resident size of this process so far, MiB: one number, kept up to date.

    Looked at every 2 ms, since the kernel's own record of the peak is inherited from the process that started this one.
    """
    process, ended = psutil.Process(), threading.Event()
    peak = [process.memory_info().rss / 2**20]

    def watch() -> None:
        while not ended.wait(0.002):
            peak[0] = max(peak[0], process.memory_info().rss / 2**20)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def memory_of(folder: Path, count: int, side: int) -> MemoryUsed:
    """Draw `count` of the stored Gaussians once; run in a process of its own."""
    stored = {path.stem: torch.from_numpy(np.load(path)) for path in folder.glob("*.npy")}
    viewmats, Ks = stored.pop("viewmats")[:1], stored.pop("Ks")[:1].clone()
    Ks[:, :2] *= side / (2 * Ks[0, 0, 2])
    full = [stored[name] for name in ("means", "quats", "scales", "opacities", "colors")]
    few = [value[:100].clone().requires_grad_() for value in full]
    rasterization(*few, viewmats, Ks, 32, 32, packed=False)[0].sum().backward()  # loads the kernels
    parameters = [value[:: len(value) // count].clone().requires_grad_() for value in full]
    with peak_memory() as peak:
        before, started = peak[0], time.perf_counter()
        picture, _, _ = rasterization(*parameters, viewmats, Ks, side, side, packed=False)
        drawn = peak[0]
        picture.sum().backward()
        seconds = time.perf_counter() - started
    return MemoryUsed(count, side, drawn - before, peak[0] - before, seconds)


def measure_memory(data: str) -> list[MemoryUsed]:
    """What drawing needs beyond the scene itself, each case in a new process."""
    scene = splat_scene(data, max(count for count, _ in MEMORY_CASES))
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for field in fields(SplatScene):
            value = getattr(scene, field.name)
            if isinstance(value, torch.Tensor):
                np.save(Path(folder) / f"{field.name}.npy", value.numpy())
        for count, side in MEMORY_CASES:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                results.append(pool.submit(memory_of, Path(folder), count, side).result())
    return results


def times_table(results: list[Measured], size: str) -> Table:
    threads = f"{torch.get_num_threads()} torch threads, {numba.get_num_threads()} numba threads"
    table = Table(title=f"Forward + backward at {size}, ms, {threads}")
    table.add_column("")
    for result in results:
        table.add_column(f"{result.gaussians:,}", justify="right")

    def row(name: str, values: list[str]) -> None:
        table.add_row(name, *values)

    row("plain torch", [f"{r.torch:,.0f}" for r in results])
    row("ours", [f"{r.ours:.1f}" for r in results])
    row("  of which forward", [f"{r.forward:.1f}" for r in results])
    row("times faster", [f"{r.ratio:.0f} x" for r in results])
    for name in STAGES:
        row(f"  {name}", [f"{r.stages[name]:.1f}" for r in results])
    row("  everything else", [f"{r.ours - sum(r.stages.values()):.1f}" for r in results])
    row("blends, millions", [f"{r.blends / 1e6:.1f}" for r in results])
    row("arithmetic floor of compositing", [f"{r.floor:.1f}" for r in results])
    composited = [r.stages["compositing"] + r.stages["compositing, backward"] for r in results]
    row("compositing, times the floor", [f"{c / r.floor:.1f} x" for c, r in zip(composited, results, strict=True)])
    row("all, times the floor", [f"{r.ours / r.floor:.1f} x" for r in results])
    row("greatest difference of a pixel", [f"{r.image_difference:.1e}" for r in results])
    return table


def memory_table(results: list[MemoryUsed]) -> Table:
    table = Table(title="Growth of the process at its peak, MiB, one picture")
    for heading in ("Gaussians", "picture", "forward", "forward + backward", "s"):
        table.add_column(heading, justify="right")
    for used in results:
        table.add_row(
            f"{used.gaussians:,}",
            f"{used.side} x {used.side}",
            f"{used.forward:,.0f}",
            f"{used.forward_backward:,.0f}",
            f"{used.seconds:.2f}",
        )
    return table


def main(
    data: str = DEMO,
    counts: tuple[int, ...] = (10_000, 50_000, 200_000),
    cameras: int = 3,
    repeats: int = 7,
    memory: bool = True,
    json_file: Path | None = None,
) -> None:
    """Measure the CPU rasterizer.

    Args:
        data: a folder of a capture that has sparse points, or the word demo.
        counts: Gaussians of the scenes.
        cameras: views that are drawn, spread over the capture; plain torch draws each once.
        repeats: times that ours draws each.
        memory: also measure memory, up to a million Gaussians at 1024 x 1024.
        json_file: also write the figures here.
    """
    console = Console(width=110)
    path = str(resolve_data(data))
    peak = operations_per_second()
    results = [measure(path, count, cameras, repeats, peak) for count in counts]
    scene = splat_scene(path, 1000)
    console.print(times_table(results, f"{scene.width} x {scene.height}"))
    console.print(
        f"Peak: {peak / 1e9:.0f} thousand million multiply-and-adds a second. The floor is the blends times "
        f"{OPERATIONS_FORWARD + OPERATIONS_BACKWARD} operations at that rate. Aim: at least 40 x plain torch."
    )
    used = measure_memory(path) if memory else []
    if used:
        console.print(memory_table(used))
    if json_file is not None:
        body = {"data": path, "operations_per_second": peak, "results": [asdict(result) for result in results]}
        write_json(json_file, {**body, "memory": [asdict(case) for case in used]})


if __name__ == "__main__":
    tyro.cli(main)
