"""Opening a run, and what `editor3d render` and `editor3d export` make of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
import trimesh
import yaml
from nerfstudio.configs.method_configs import method_configs
from PIL import Image

from editor3d.cli import main
from editor3d.datasets import load_posed_images
from editor3d.errors import CheckpointError, ConfigError
from editor3d.outputs.pictures import to_uint8
from editor3d.plugin.results.depth import color_depth
from editor3d.plugin.results.export import export_mesh, export_points, to_capture_frame
from editor3d.plugin.results.runs import open_run
from editor3d.scene import SceneDefaults


@pytest.fixture(scope="module")
def base(tiny_base):
    return open_run(tiny_base)[1]


@pytest.fixture
def edit_run(tiny_edit) -> Path:
    config = tiny_edit()
    config.save_config()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.prepare()
    assert trainer.fit()
    return trainer.base_dir


def pictures(folder: Path) -> dict[str, np.ndarray]:
    return {path.stem: np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))}


def test_a_run_its_checkpoints_and_one_checkpoint_open_alike(tiny_base):
    folder = tiny_base / "nerfstudio_models"
    grids = [open_run(path)[1].model.field.grid for path in (tiny_base, folder, *folder.iterdir())]
    assert len(grids) == 3
    assert all(torch.equal(grid, grids[0]) for grid in grids)
    assert grids[0].std() > 0


def test_an_edit_opens_without_its_editor_and_moved_elsewhere(edit_run, tmp_path):
    moved = shutil.copytree(edit_run, tmp_path / "moved")
    shutil.rmtree(edit_run / "nerfstudio_models")
    config, pipeline = open_run(moved)
    assert config.options.instruction == "make it look like winter"
    assert pipeline.updater is None
    assert not pipeline.training
    assert pipeline.datamanager.train_pixel_sampler is None


def test_runs_that_are_none_of_ours_are_refused(tiny_base, tmp_path):
    with pytest.raises(CheckpointError, match="found nothing there"):
        open_run(tmp_path / "none")
    models = tmp_path / "run" / "nerfstudio_models"
    models.mkdir(parents=True)
    (models / "step-000000001.ckpt").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"config\.yml"):
        open_run(tmp_path / "run")
    (tmp_path / "run" / "config.yml").write_text(yaml.dump(method_configs["nerfacto"]))
    with pytest.raises(CheckpointError, match="found one of nerfacto"):
        open_run(tmp_path / "run")


def test_views_are_the_renders_under_their_names(tiny_base, base, tmp_path, capsys):
    assert main(["render", str(tiny_base), "--path", "test", "--output", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path)
    dataset = base.datamanager.eval_dataset
    found = pictures(tmp_path)
    assert list(found) == [view.name for view in dataset.metadata["views"]]
    for index, picture in enumerate(found.values()):
        assert np.array_equal(picture, to_uint8(base.render_view(dataset.cameras, index)["rgb"]))


def test_only_the_named_views_are_rendered(tiny_base, base, tmp_path):
    words = ["render", str(tiny_base / "nerfstudio_models"), "--path", "train", "--output", str(tmp_path)]
    names = [view.name for view in base.datamanager.train_dataset.metadata["views"]]
    assert main([*words, "--views", f"{names[3]},{names[1]}"]) == 0
    found = pictures(tmp_path)
    assert set(found) == {names[1], names[3]}
    render = base.render_view(base.datamanager.train_dataset.cameras, 3)["rgb"]
    assert np.array_equal(found[names[3]], to_uint8(render))


def test_turntable_has_the_asked_frames_each_different(tiny_base, tmp_path):
    assert main(["render", str(tiny_base), "--frames", "6", "--output", str(tmp_path / "t.mp4")]) == 0
    read = iio.imread(tmp_path / "t.mp4", plugin="FFMPEG")
    assert read.shape == (6, 20, 24, 3)
    assert main(["render", str(tiny_base), "--frames", "6", "--output", str(tmp_path / "stills")]) == 0
    stills = list(pictures(tmp_path / "stills").values())
    assert len(stills) == 6
    for frame, still in zip(read, stills, strict=True):
        errors = [np.abs(frame.astype(float) - other).mean() for other in stills]
        assert errors[[still is other for other in stills].index(True)] == min(errors)
        assert min(errors) < 8


def test_depth_pictures_are_red_near_and_blue_far():
    depth = torch.linspace(0.5, 5.0, 32).expand(4, 32)[..., None]
    opaque = {"depth": depth, "accumulation": torch.ones_like(depth)}
    red, _, blue = np.moveaxis(color_depth(opaque, (1 / 4.9, 1 / 0.6)), -1, 0)
    assert red[0, 1] > 2 * blue[0, 1]
    assert blue[0, 24] > 2 * red[0, 24]
    assert not color_depth({"depth": depth, "accumulation": torch.zeros_like(depth)}, (0.2, 2.0)).any()


def test_depth_is_written_where_asked(tiny_base, tmp_path):
    assert main(["render", str(tiny_base), "--path", "test", "--depth", "--output", str(tmp_path)]) == 0
    assert all(picture.std() > 5 for picture in pictures(tmp_path).values())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--path", "test", "--views", "view_0x"], "names are like view_0"),
        (["--views", "view_00"], "a turntable has no named views"),
        (["--path", "train", "--output", "a.mp4"], "Expected a folder"),
        (["--frames", "0"], "at least 1 frame"),
    ],
)
def test_wrong_choices_of_a_render_are_refused(tiny_base, words, said, capsys):
    assert main(["render", str(tiny_base), *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tiny_base / "renders").exists()


def test_capture_frame_undoes_the_data_parser(base):
    outputs = base.datamanager.train_dataparser_outputs
    views = base.datamanager.train_dataset.metadata["views"]
    centres = outputs.cameras.camera_to_worlds[:, :, 3].double().numpy()
    expected = np.stack([view.c2w[:, 3] for view in views])
    assert np.abs(centres - expected).max() > 0.1  # the parser does change the frame
    assert np.allclose(to_capture_frame(centres, base), expected, atol=1e-5)


def test_every_point_is_on_the_ray_of_its_pixel(base, tmp_path):
    cameras = base.datamanager.train_dataset.cameras
    count = int((cameras.width * cameras.height).sum())
    path = tmp_path / "points.ply"
    assert export_points(base, path, count=count, min_accumulation=0.0, radius=1e6) == count
    cloud = trimesh.load(path)
    points, colors = np.asarray(cloud.vertices).reshape(len(cameras), -1, 3), np.asarray(cloud.visual.vertex_colors)
    colors = colors[:, :3].reshape(len(cameras), -1, 3)
    for index, view in enumerate(base.datamanager.train_dataset.metadata["views"]):
        local = (points[index] - view.c2w[:, 3]) @ view.c2w[:, :3]
        x = view.fl_x * local[:, 0] / -local[:, 2] + view.cx - 0.5
        y = view.fl_y * local[:, 1] / local[:, 2] + view.cy - 0.5
        assert np.abs(x - np.rint(x)).max() < 1e-2
        assert np.abs(y - np.rint(y)).max() < 1e-2
        pixels = np.rint(y).astype(int) * view.width + np.rint(x).astype(int)
        assert sorted(pixels) == list(range(view.width * view.height))
        render = to_uint8(base.render_view(cameras, index)["rgb"]).reshape(-1, 3)
        assert np.abs(render[pixels].astype(int) - colors[index]).max() <= 1


def test_points_are_kept_by_opacity_and_place(base, tmp_path):
    def points(**choice) -> np.ndarray:
        export_points(base, tmp_path / "p.ply", **{"count": 2000, "min_accumulation": 0.0, "radius": 1e6, **choice})
        return np.asarray(trimesh.load(tmp_path / "p.ply").vertices)

    outputs = base.datamanager.train_dataparser_outputs
    every = points()
    near = points(radius=0.7)
    assert 0 < len(near) < len(every)
    scene = outputs.dataparser_scale * (
        near @ outputs.dataparser_transform[:, :3].T.numpy() + outputs.dataparser_transform[:, 3].numpy()
    )
    assert np.abs(scene).max() <= 0.7 + 1e-4
    with pytest.raises(ConfigError, match="found none"):
        points(radius=1e-6)
    with pytest.raises(ConfigError, match="positive number of points"):
        points(count=0)


def test_mesh_lies_where_the_field_has_the_threshold(base, tmp_path):
    densities = base.model.solid_field().density(torch.rand(4000, 3) * 2 - 1)
    threshold = float(densities.quantile(0.8))
    path = tmp_path / "mesh.ply"
    vertices, faces = export_mesh(base, path, resolution=48, threshold=threshold, min_component=0.0)
    mesh = trimesh.load(path, process=False)
    assert (len(mesh.vertices), len(mesh.faces)) == (vertices, faces)
    outputs = base.datamanager.train_dataparser_outputs
    transform = outputs.dataparser_transform.double().numpy()
    scene = outputs.dataparser_scale * (np.asarray(mesh.vertices) @ transform[:, :3].T + transform[:, 3])
    assert np.abs(scene).max() <= 1 + 1e-4
    found = base.model.solid_field().density(torch.from_numpy(scene).float())
    # marching cubes is linear between lattice points, the field is not
    assert float((found - threshold).abs().median()) < 0.1 * threshold


def test_scenes_without_density_are_sent_to_tsdf(base, tmp_path, monkeypatch):
    monkeypatch.setattr(type(base.model), "solid_field", SceneDefaults.solid_field)
    with pytest.raises(ConfigError, match="ns-export tsdf"):
        export_mesh(base, tmp_path / "m.ply", resolution=16, threshold=1.0)


def test_exported_pictures_are_a_capture_of_the_edited_scene(edit_run, tmp_path, capsys):
    assert main(["export", str(edit_run), "--format", "images", "--output", str(tmp_path / "out")]) == 0
    assert "9 views" not in capsys.readouterr().err
    _, pipeline = open_run(edit_run)
    dataset = pipeline.datamanager.train_dataset
    expected = {view.name: (index, view) for index, view in enumerate(dataset.metadata["views"])}
    written = load_posed_images(tmp_path / "out")
    assert {view.name for view in written.views} == set(expected)
    for view in written.views:
        index, original = expected[view.name]
        assert np.array_equal(view.c2w, original.c2w)
        assert (view.fl_x, view.cx, view.width) == (original.fl_x, original.cx, original.width)
        render = to_uint8(pipeline.render_view(dataset.cameras, index)["rgb"])
        assert np.array_equal(np.asarray(Image.open(view.image_path)), render)


def test_edited_pictures_can_be_exported_instead(edit_run, tiny_base, tmp_path, capsys):
    words = ["--format", "images", "--pictures", "edited", "--output", str(tmp_path / "out")]
    assert main(["export", str(edit_run), *words]) == 0
    for path in (tmp_path / "out" / "images").glob("*.png"):
        assert np.array_equal(np.asarray(Image.open(path)), np.asarray(Image.open(edit_run / "edited" / path.name)))
    assert len(json.loads((tmp_path / "out" / "transforms.json").read_text())["frames"]) == len(
        list((edit_run / "edited").glob("*.png"))
    )
    next((edit_run / "edited").glob("*.png")).unlink()
    assert main(["export", str(edit_run), *words]) == 2
    assert "none of 1, such as view_" in capsys.readouterr().err
    assert main(["export", str(tiny_base), *words]) == 2
    assert "finished edit" in capsys.readouterr().err


def test_files_of_another_kind_are_refused_before_anything_is_loaded(tmp_path, capsys):
    for kind, name in (("mesh", "a.stl"), ("pointcloud", "a.obj")):
        words = ["export", str(tmp_path), "--format", kind, "--output", str(tmp_path / name)]
        assert main(words) == 2
        assert "Expected an output file that ends in .ply" in capsys.readouterr().err


OFFLINE = """
import socket, sys
def refuse(self, address):
    raise SystemExit(f"a connection to {address} was tried")
socket.socket.connect = refuse
from editor3d.cli import main
run, out = sys.argv[1:]
assert main(["render", run, "--frames", "2", "--output", out + "/t.mp4"]) == 0
assert main(["export", run, "--format", "pointcloud", "--num-points", "500", "--output", out + "/p.ply"]) == 0
assert main(["export", run, "--format", "images", "--output", out + "/images"]) == 0
assert "diffusers" not in sys.modules
"""


@pytest.mark.slow
def test_render_and_export_need_no_network_and_no_diffusers(edit_run, tmp_path):
    words = [sys.executable, "-c", OFFLINE, str(edit_run), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "t.mp4").is_file()
    assert len(trimesh.load(tmp_path / "p.ply").vertices) > 100
