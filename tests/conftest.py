"""A tiny capture, a tiny edit of it, and a place to run jobs that are killed."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from beartype import BeartypeConf, beartype
from beartype._check.code import codemain
from jaxtyping import install_import_hook, jaxtyped
from PIL import Image

from lab.editors.fake_service import serving

os.environ.setdefault("EDITOR3D_LOG", "off")  # the log is for edits of the user's
# Shapes that functions of these modules state are checked whenever tests call them. Modules with compiled kernels are
# left out, since the compiler cannot read what the check wraps; so is gaussian.raster, which refuses shapes itself.
SHAPES_CHECKED = (
    "editor3d.geometry.camera",
    "editor3d.geometry.lens",
    "editor3d.geometry.matching",
    "editor3d.geometry.surface",
    "editor3d.metrics.change",
    "editor3d.metrics.image",
    "editor3d.metrics.views",
    "editor3d.plugin.views.rays",
    "editor3d.srgb",
    "gaussian.fit.losses",
    "mesh.render.cameras",
    "mesh.render.render",
    "mesh.render.visibility",
    "nerf_methods.spatial_loss",
)
# Which entries of a list are looked at is drawn, and not from the process's own generator, whose state runs keep.
codemain.getrandbits = random.Random(0).getrandbits
# An int is a float to type checkers, and so it is here.
install_import_hook(SHAPES_CHECKED, "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

if TYPE_CHECKING:
    from editor3d.types import PosedImages

WIDTH, HEIGHT, FOCAL = 24, 20, 26.0
BALL_RADIUS = 0.5


def _look_at_origin(position: np.ndarray) -> np.ndarray:
    """[4, 4] camera-to-world, OpenGL axes, z up in the world."""
    backward = position / np.linalg.norm(position)
    right = np.cross([0.0, 0.0, 1.0], backward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(backward, right), backward], -1)
    pose[:3, 3] = position
    return pose


def _ball_on_a_checkerboard(pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture [H, W, 3] uint8 of a ball above a floor, and where the ball is: [H, W] uint8, 1 inside."""
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    local = np.stack([(x - WIDTH / 2) / FOCAL, (HEIGHT / 2 - y) / FOCAL, -np.ones_like(x)], -1)
    rays = local @ pose[:3, :3].T
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    origin = pose[:3, 3]
    floor = origin + rays * ((-BALL_RADIUS - origin[2]) / np.minimum(rays[..., 2:], -1e-3))
    light = (np.floor(floor[..., 0]) + np.floor(floor[..., 1])) % 2 > 0
    picture = np.where(light[..., None], [0.8, 0.75, 0.6], [0.3, 0.4, 0.35])
    picture = np.where(rays[..., 2:] < -1e-3, picture, [0.5, 0.7, 0.9])
    along = rays @ origin
    inside = along**2 - (origin @ origin - BALL_RADIUS**2)
    hit = (inside > 0) & (along < 0)
    normal = (origin + rays * (-along - np.sqrt(np.maximum(inside, 0)))[..., None]) / BALL_RADIUS
    picture = np.where(hit[..., None], 0.5 + 0.45 * normal * [1.0, 0.6, 0.8], picture)
    return (picture.clip(0, 1) * 255).round().astype(np.uint8), hit.astype(np.uint8)


@pytest.fixture(scope="session", autouse=True)
def _shapes_of_requests() -> None:
    """The requests of 2D edits are checked, too: they name types that their modules, which load nothing, lack."""
    from jaxtyping import Bool, Float, Float64
    from torch import Tensor

    from editor3d.types import Shape, edits, geometry

    vars(geometry).update(Float=Float, Float64=Float64, Shape=Shape, Sky=object, Tensor=Tensor)
    vars(edits).update(Bool=Bool, Float=Float, Tensor=Tensor, ViewGeometry=geometry.ViewGeometry)
    check = beartype(conf=BeartypeConf(is_pep484_tower=True))
    for part in (geometry.ObjectFrame, geometry.ViewGeometry, edits.Garment, edits.Reference, edits.EditRequest):
        jaxtyped(part, typechecker=check)


@pytest.fixture(scope="session", autouse=True)
def _own_pace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Times of edits are kept apart from those of the user."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("editor3d.update.pace.cache_folder", lambda: folder)
        yield


@pytest.fixture(scope="session", autouse=True)
def _editors_for_measuring() -> None:
    """The editor `procedural-noisy` in tests, and in the processes that they start."""
    from lab.editors.install import install_editors

    install_editors()


@pytest.fixture(scope="session")
def tiny_capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A nerfstudio capture of ten pictures, 24x20, with one object, `ball`. Not to be changed: see `own_capture`."""
    folder = tmp_path_factory.mktemp("tiny") / "capture"
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    frames = []
    for index in range(10):
        angle = 2 * np.pi * index / 10
        pose = _look_at_origin(np.array([2.2 * np.cos(angle), 2.2 * np.sin(angle), 0.9 + 0.05 * index]))
        picture, labels = _ball_on_a_checkerboard(pose)
        Image.fromarray(picture).save(folder / f"images/view_{index:02d}.png")
        Image.fromarray(labels).save(folder / f"labels/view_{index:02d}.png")
        frames.append(
            {
                "file_path": f"images/view_{index:02d}.png",
                "labels_path": f"labels/view_{index:02d}.png",
                "transform_matrix": pose.tolist(),
            }
        )
    camera = {"w": WIDTH, "h": HEIGHT, "fl_x": FOCAL, "fl_y": FOCAL, "cx": WIDTH / 2, "cy": HEIGHT / 2}
    (folder / "transforms.json").write_text(json.dumps({**camera, "objects": {"ball": 1}, "frames": frames}))
    return folder


@pytest.fixture
def own_capture(tiny_capture: Path, tmp_path: Path) -> Path:
    """A copy of the tiny capture that a test may change."""
    return Path(shutil.copytree(tiny_capture, tmp_path / "capture"))


def tiny_voxel_model(**settings):
    from nerf_methods.voxel.model import VoxelModelConfig

    return VoxelModelConfig(resolutions=(12, 16), upsample_steps=(8,), **settings)


@pytest.fixture(scope="session")
def finished() -> Callable[[object], Path]:
    """Trains a reconstruction to its end; gives its run folder."""

    def train(config) -> Path:
        config.save_config()
        trainer = config.setup(local_rank=0, world_size=1)
        trainer.prepare()
        assert trainer.fit()
        return trainer.base_dir

    return train


@pytest.fixture
def start() -> Callable:
    """Checks and prepares a configuration as the commands do; gives the trainer, ready to fit."""

    def prepared(config):
        config.check()
        trainer = config.setup(local_rank=0, world_size=1)
        trainer.prepare()
        return trainer

    return prepared


@pytest.fixture
def stop_before() -> Callable[[object, int], None]:
    """Lets a trainer be stopped as by Ctrl-C during the step before this one."""

    def arrange(trainer, step: int) -> None:
        train = trainer.train_iteration

        def train_then_stop(at: int):
            trainer.stop_training = trainer.stop_training or at == step - 1
            return train(at)

        trainer.train_iteration = train_then_stop

    return arrange


@pytest.fixture(scope="session")
def tiny_base(tiny_capture: Path, tmp_path_factory: pytest.TempPathFactory, finished: Callable[[object], Path]) -> Path:
    """The run folder of a tiny voxel reconstruction of the tiny capture: 20 steps."""
    from nerf_methods.voxel.method import voxel

    config = deepcopy(voxel.config)
    config.pipeline.model = tiny_voxel_model(occupancy_start=10)
    _shrink(config, tiny_capture, tmp_path_factory.mktemp("bases"), steps=20)
    config.timestamp = "base"
    config.pipeline.datamanager.train_num_rays_per_batch = 512
    return finished(config)


def _shrink(config, data: Path, output: Path, steps: int) -> None:
    config.pipeline.datamanager.data = data
    config.pipeline.datamanager.train_num_rays_per_batch = 64
    config.output_dir, config.experiment_name, config.vis = output, "tiny", "tensorboard"
    config.max_num_iterations = steps
    config.machine.device_type = "cpu"


@pytest.fixture(scope="session")
def change() -> Callable[[object, dict | None, dict], object]:
    """Sets fields of an edit's configuration: some of its pipeline, the options of the edit, the rest its own."""

    def set_fields(config, pipeline: dict | None, own: dict):
        for name, value in (pipeline or {}).items():
            setattr(config.pipeline, name, value)
        for name, value in own.items():
            if name in vars(config.options):
                config.choose(**{name: value})
            else:
                setattr(config, name, value)
        return config

    return set_fields


@pytest.fixture
def tiny_edit(tiny_capture: Path, tiny_base: Path, tmp_path: Path, change: Callable) -> Callable[..., object]:
    """Makes the configuration of a tiny in2n edit, or of another method's; `pipeline` are fields of its pipeline, the
    rest its own."""

    def make(data: Path | None = None, pipeline: dict | None = None, steps: int = 6, method=None, **own):
        from nerf_methods.in2n import in2n
        from nerf_methods.voxel.method import voxel_optimizers

        config = deepcopy((method or in2n).config)
        config.pipeline.model = tiny_voxel_model(loss="l1", occupancy_start=0, learn_background=True)
        config.optimizers, config.base_method, config.mixed_precision = voxel_optimizers(0.1, 0.02, 6), "voxel", False
        _shrink(config, data or tiny_capture, tmp_path / "runs", steps)
        config.timestamp, config.turntable_frames, config.load_dir = "run", 0, tiny_base
        config.choose(instruction="make it look like winter", editor="procedural", edits="all")
        config.pipeline.edit_rate, config.pipeline.lpips_weight = 2, 0.0
        return change(config, pipeline, own)

    return make


@pytest.fixture(scope="session")
def subject() -> PosedImages:
    """The test subject: a capture of a person."""
    from editor3d.datasets import load_posed_images
    from lab.subject import subject_path

    return load_posed_images(subject_path())


@dataclass
class JobResult:
    """How a job ended."""

    code: int
    """Exit code; -N if signal N killed it."""
    stdout: str
    stderr: str


@dataclass
class Lab:
    """Runs Python code in processes of one thread each, forked from one in which everything is imported."""

    folder: Path
    process: subprocess.Popen
    _count: int = field(default=0)

    def run(self, code: str, timeout: int = 120, **names: object) -> JobResult:
        """Run `code` with `names` (strict JSON values; paths become strings) as its globals."""
        self._count += 1
        job = self.folder / f"job-{self._count}"
        request = {"code": code, "names": names, "output": str(job), "timeout": timeout}
        self.process.stdin.write(json.dumps(request, default=str) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the lab has ended"
        return JobResult(int(answer), Path(f"{job}.out").read_text(), Path(f"{job}.err").read_text())


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """See `Lab`; importing takes seconds, so all tests share one."""
    threads = {name: "1" for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "forked_jobs.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **threads, "COLUMNS": "200"},
    )
    yield Lab(tmp_path_factory.mktemp("lab"), process)
    process.stdin.close()
    process.wait(timeout=60)


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[object], Path]:
    """Writes a configuration for a job in the lab to read; gives its path."""

    def save(config) -> Path:
        import yaml

        path = tmp_path / f"job-{config.timestamp}-{len(list(tmp_path.glob('job-*')))}.yml"
        path.write_text(yaml.dump(config))
        return path

    return save


def assert_same(one: object, other: object, where: str = "state") -> None:
    """Equal values and bit-equal tensors, all the way down; times may differ."""
    from torch import Tensor, equal

    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert list(one) == list(other), where
        for key in set(one) - {"seconds", "times"}:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for index, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{where}[{index}]")
    elif isinstance(one, Tensor):
        assert one.dtype == other.dtype, where
        assert equal(one, other), where
    else:
        assert one == other, where


def assert_same_runs(one: Path, other: Path) -> None:
    """Equal checkpoints, edited pictures, and pictures of the scene before and after; nothing else left lying about."""
    from editor3d.run import checkpoints
    from lab.references.contents import content

    last, expected = checkpoints.latest_checkpoint(one), checkpoints.latest_checkpoint(other)
    assert last.name == expected.name
    assert_same(checkpoints.load(last), checkpoints.load(expected))
    for folder in ("edited", "before", "after", "edit_state", "nerfstudio_models"):
        names = sorted(str(path.relative_to(other)) for path in (other / folder).rglob("*"))
        assert names
        assert sorted(str(path.relative_to(one)) for path in (one / folder).rglob("*")) == names
        for name in names:
            assert name.endswith(".ckpt") or content(one / name) == content(other / name), name


@pytest.fixture
def same_runs() -> Callable[[Path, Path], None]:
    return assert_same_runs


@pytest.fixture
def resumes_exactly(lab, saved, same_runs) -> Callable[[object, object, str], None]:
    """Runs one of two equal configurations to its end, and the other until `death`, code that kills it at some moment,
    and then to its end; what they leave is the same."""

    def compare(whole, killed, death: str) -> None:
        result = lab.run("run(load(path))", path=saved(whole))
        assert result.code == 0, result.stderr
        path = saved(killed)
        assert lab.run(f"{death}\nrun(load(path))", path=path).code == -9
        result = lab.run("run(load(path))", path=path)
        assert result.code == 0, result.stderr
        same_runs(killed.get_base_dir(), whole.get_base_dir())

    return compare


@pytest.fixture
def same_state() -> Callable[[object, object], None]:
    return assert_same


@pytest.fixture
def serve() -> Iterator[Callable[[type[BaseHTTPRequestHandler]], str]]:
    """Serves by a handler on a port of this machine until the test ends; gives the server's URL."""
    with ExitStack() as running:
        yield lambda handler: running.enter_context(serving(handler))
