"""What other programs find in the files that are written is what is found here; they come by npm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from gaussian.files import read_file, write_splats
from gaussian.files.contents import SplatFile
from gaussian.splats import SH_C0, Splats, select

PACKAGES = ("@playcanvas/splat-transform@3.7.0", "@sparkjsdev/spark@2.2.0", "three@0.180.0", "web-worker@1.5.0")
FOREIGN = ".ply", ".compressed.ply", ".spz", ".splat", ".sog"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory) -> Path:
    """A folder with the packages; skips where npm cannot bring them."""
    folder = Path(os.environ.get("EDITOR3D_NODE_MODULES", tmp_path_factory.mktemp("npm")))
    if not (folder / "node_modules" / "@sparkjsdev").is_dir():
        if shutil.which("npm") is None:
            pytest.skip("needs npm and Node 20")
        (folder / "package.json").write_text("{}")
        words = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", *PACKAGES]
        try:
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=400)
        except subprocess.TimeoutExpired:
            pytest.skip("npm could not install splat-transform and spark in 400 s")
        if done.returncode:
            pytest.skip(f"npm could not install splat-transform and spark: {done.stderr.strip()[-200:]}")
    return folder


def covariances(splats: Splats) -> torch.Tensor:
    """[N, 3, 3] float64: what is drawn of scales and rotations, whose own axes may differ."""
    w, x, y, z = torch.nn.functional.normalize(splats.quats.double(), dim=1).unbind(1)
    rotation = torch.stack(
        [
            1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
            2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
            2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
        ],
        1,
    ).reshape(-1, 3, 3)  # fmt: skip
    axes = rotation * splats.scales.double()[:, None]
    return axes @ axes.mT


def assert_same(ours: Splats, theirs: Splats, opacity: float = 1e-3, shape: float = 1e-3) -> None:
    order = torch.cdist(ours.means.double(), theirs.means.double()).argmin(1)
    assert len(order.unique()) == len(ours) == len(theirs)
    theirs = select(theirs, order)
    assert torch.allclose(ours.means, theirs.means, atol=1e-5)
    one, other = covariances(ours), covariances(theirs)
    assert float(((one - other).flatten(1).norm(dim=1) / one.flatten(1).norm(dim=1)).max()) <= shape
    assert float((ours.opacities - theirs.opacities).abs().max()) <= opacity
    shared = min(ours.sh.shape[1], theirs.sh.shape[1])
    assert torch.allclose(ours.sh[:, :shared], theirs.sh[:, :shared], atol=1e-5)


def turned(splats: Splats) -> Splats:
    """By 180 degrees about x: splat-transform has .spz in the frame of a .ply, its makers have y up."""
    from gaussian.files.arrays import turned_about_x

    return turned_about_x(splats)


def splat_transform(node_modules: Path, source: Path, target: Path) -> None:
    program = node_modules / "node_modules/@playcanvas/splat-transform/bin/cli.mjs"
    words = ["node", str(program), "-q", "-w", "-g", "cpu", str(source), str(target)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("suffix", FOREIGN)
def test_splat_transform_reads_the_same(tmp_path, make_splats, node_modules, suffix):
    path = tmp_path / f"scene{suffix}"
    for version in (3, 4) if suffix == ".spz" else (3,):
        write_splats(path, SplatFile(make_splats(1, 500), antialiased=True), spz_version=version)
        splat_transform(node_modules, path, tmp_path / "theirs.ply")
        theirs = read_file(tmp_path / "theirs.ply")
        assert theirs.antialiased == (suffix != ".splat")
        ours = read_file(path).splats
        # a byte of a .splat's rotation is 128 (1 + q) to its maker, 127.5 (1 + q) to splat-transform
        shape = 0.05 if suffix == ".splat" else 1e-3
        assert_same(turned(ours) if suffix == ".spz" else ours, theirs.splats, shape=shape)


@pytest.mark.parametrize("suffix", [".ply", ".compressed.ply", ".spz", ".sog", ".glb"])
def test_what_splat_transform_writes_is_read(tmp_path, make_splats, node_modules, suffix):
    splats = make_splats(2, 500)
    write_splats(tmp_path / "ours.ply", SplatFile(splats, antialiased=True))
    splat_transform(node_modules, tmp_path / "ours.ply", tmp_path / f"theirs{suffix}")
    found = read_file(tmp_path / f"theirs{suffix}")
    assert found.antialiased == (suffix != ".glb")
    if suffix in (".ply", ".glb"):
        assert_same(splats, found.splats, opacity=1e-5)
        return
    splat_transform(node_modules, tmp_path / f"theirs{suffix}", tmp_path / "again.ply")
    again = read_file(tmp_path / "again.ply").splats
    assert_same(turned(found.splats) if suffix == ".spz" else found.splats, again)


@pytest.mark.parametrize("suffix", FOREIGN)
def test_spark_reads_the_same(tmp_path, make_splats, node_modules, suffix):
    path = tmp_path / f"scene{suffix}"
    write_splats(path, make_splats(3, 400))
    words = ["node", str(Path(__file__).with_name("spark_reader.mjs")), str(node_modules), str(path)]
    done = subprocess.run([*words, str(tmp_path / "rows.json")], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = torch.tensor(json.loads((tmp_path / "rows.json").read_text()))
    ours = read_file(path).splats
    ours = turned(ours) if suffix == ".spz" else ours  # which it turns when it draws
    assert torch.allclose(rows[:, :3], ours.means, atol=1e-5)
    assert float((rows[:, 3:6].log() - ours.log_scales).abs().max()) < 0.004  # its logarithms have 8 bits
    assert float((rows[:, 10] - ours.opacities).abs().max()) < 0.002
    assert float((rows[:, 11:] - (0.5 + SH_C0 * ours.sh[:, 0])).abs().max()) < 0.001
