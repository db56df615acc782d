"""nerfstudio's own ns-render, ns-export and ns-viewer on an edit of ours, without a network."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import trimesh
from nerfstudio.scripts import render
from PIL import Image

from editor3d.host import ffmpeg
from editor3d.outputs.pictures import to_uint8
from editor3d.plugin.results.runs import open_run


@pytest.fixture
def no_ffmpeg(monkeypatch, tmp_path):
    """A PATH with no ffmpeg on it, and a process that has not looked for one yet."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    ffmpeg.provide_ffmpeg.cache_clear()
    ffmpeg._folder.cache_clear()
    yield tmp_path / "bin"
    ffmpeg.provide_ffmpeg.cache_clear()
    ffmpeg._folder.cache_clear()


@pytest.fixture
def no_network(monkeypatch):
    """Any connection out of this machine fails."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise OSError(f"a connection to {address} was tried")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def config_path(tiny_edit) -> Path:
    config = tiny_edit()
    config.save_config()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.prepare()
    assert trainer.fit()
    return trainer.base_dir / "config.yml"


def open3d_works() -> bool:
    try:
        importlib.import_module("open3d")
    except (ImportError, OSError):  # OSError: a system library that it needs is missing
        return False
    return True


def test_an_ffmpeg_is_found_where_there_was_none(no_ffmpeg):
    assert shutil.which("ffmpeg") is None
    ffmpeg.provide_ffmpeg()
    program = shutil.which("ffmpeg")
    assert subprocess.run([program, "-version"], capture_output=True, check=True).stdout.startswith(b"ffmpeg")
    ffmpeg.provide_ffmpeg()
    assert len(os.environ["PATH"].split(os.pathsep)) == 2


def test_the_systems_own_ffmpeg_is_left_to_be_found(no_ffmpeg):
    own = no_ffmpeg / "ffmpeg"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    ffmpeg.provide_ffmpeg()
    assert shutil.which("ffmpeg") == str(own)
    assert os.environ["PATH"] == str(no_ffmpeg)


@pytest.mark.usefixtures("no_ffmpeg", "no_network")
def test_ns_render_makes_videos_along_every_kind_of_path(config_path, tmp_path):
    place = np.eye(4)
    place[:3, 3] = (0.1, 0.0, 0.6)
    frame = {"camera_to_world": place.ravel().tolist(), "fov": 60.0, "aspect": 1.0}
    path = {"camera_type": "perspective", "render_height": 16, "render_width": 16, "camera_path": [frame] * 3}
    color = {"r": 30, "g": 40, "b": 50}
    crop = {"crop_center": [0.0] * 3, "crop_rot": [0.0] * 3, "crop_scale": [1.0] * 3, "crop_bg_color": color}
    for name, box in (("path", None), ("cropped", crop)):
        (tmp_path / f"{name}.json").write_text(json.dumps({**path, "seconds": 0.5, "fps": 6, "crop": box}))
    common = {"load_config": config_path, "rendered_output_names": ["rgb", "depth"]}
    commands = {
        "along": (render.RenderInterpolated(**common, interpolation_steps=4), 4),
        "spiral": (render.SpiralRender(**common, seconds=0.25), 6),
        "path": (render.RenderCameraPath(**common, camera_path_filename=tmp_path / "path.json"), 3),
        "cropped": (render.RenderCameraPath(**common, camera_path_filename=tmp_path / "cropped.json"), 3),
    }
    for name, (command, frames) in commands.items():
        command.output_path = tmp_path / f"{name}.mp4"
        command.main()
        assert len(iio.imread(command.output_path, plugin="FFMPEG")) == frames


@pytest.mark.usefixtures("no_network")
def test_ns_render_dataset_shows_the_edited_scene(config_path, tmp_path):
    render.DatasetRender(
        load_config=config_path, output_path=tmp_path, rendered_output_names=["rgb"], image_format="png"
    ).main()
    _, pipeline = open_run(config_path.parent)
    dataset = pipeline.datamanager.eval_dataset
    for index, view in enumerate(dataset.metadata["views"]):
        found = np.asarray(Image.open(tmp_path / "test" / "rgb" / f"{view.name}.png")).astype(int)
        assert np.abs(found - to_uint8(pipeline.render_view(dataset.cameras, index)["rgb"])).max() <= 1


@pytest.mark.usefixtures("no_network")
@pytest.mark.skipif(not open3d_works(), reason="open3d cannot be imported (it needs the system's libusb-1.0)")
def test_ns_export_writes_points_and_a_mesh(config_path, tmp_path):
    from nerfstudio.scripts import exporter

    exporter.ExportPointCloud(
        load_config=config_path,
        output_dir=tmp_path,
        num_points=3000,
        normal_method="open3d",
        num_rays_per_batch=1024,
    ).main()
    assert len(trimesh.load(tmp_path / "point_cloud.ply").vertices) > 1000
    exporter.ExportTSDFMesh(
        load_config=config_path, output_dir=tmp_path, resolution=32, texture_method="tsdf", downscale_factor=1
    ).main()
    assert len(trimesh.load(tmp_path / "tsdf_mesh.ply").faces) > 100


@pytest.mark.slow
def test_ns_viewer_serves_the_edited_scene(config_path, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["--load-config", str(config_path), "--viewer.websocket-port", str(port)]
    words += ["--viewer.websocket-host", "127.0.0.1"]
    log = (tmp_path / "log").open("w+")
    module = "nerfstudio.scripts.viewer.run_viewer"
    viewer = subprocess.Popen([sys.executable, "-m", module, *words], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 200
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                    assert answer.status == 200
                break
            except (urllib.error.URLError, ConnectionError):
                assert viewer.poll() is None, (tmp_path / "log").read_text()[-2000:]
                assert time.monotonic() < deadline
                time.sleep(0.5)
    finally:
        viewer.kill()
        viewer.wait()
        log.close()
