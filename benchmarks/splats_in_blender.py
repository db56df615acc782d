"""How near Blender's picture of splats comes to the engine's: `python benchmarks/splats_in_blender.py SCENE.ply`.

Renders a file of splats from the views of a capture (`--capture`, with photographs) or from round its middle, by the
engine and by each Blender that is named or installed (`editor3d blender list`), as the add-on brings it in. Prints PSNR
between the two, and of both to the photographs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]


def main() -> int:
    if "--worker" in sys.argv:
        return render_in_blender(json.loads(Path(sys.argv[-1]).read_text()))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", type=Path)
    parser.add_argument("--capture", type=Path, help="folder with transforms.json, in the frame of the file")
    parser.add_argument("--pythons", nargs="*", default=[], help="Pythons with Blender's module, or Blenders")
    parser.add_argument("--views", type=int, default=3)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--output", type=Path, default=ROOT / "outputs" / "splats_in_blender")
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    cameras = views_of(asked.capture, asked.views, asked.side) if asked.capture else around(asked)
    engine = [drawn(asked.scene, camera) for camera in cameras]
    for index, picture in enumerate(engine):
        save(asked.output / f"engine-{index}.png", picture)
    photographs = [photograph(camera) for camera in cameras]
    own = [psnr(*pair) for pair in zip(engine, photographs, strict=True) if pair[1] is not None]
    print("to the engine's picture, to the photograph (the engine's own: " + ", ".join(f"{v:.2f}" for v in own) + ")")
    for python in asked.pythons or blenders():
        with tempfile.TemporaryDirectory() as folder:
            job = {"scene": str(asked.scene.resolve()), "cameras": cameras, "samples": asked.samples, "folder": folder}
            path = Path(folder) / "job.json"
            path.write_text(json.dumps(job))
            words = [python, __file__, "--worker", str(path)]
            if Path(python).name == "blender":
                words = [python, "--background", "--python", __file__, "--", "--worker", str(path)]
            ran = subprocess.run(words, capture_output=True, text=True)
            told = Path(folder) / "told.json"
            if not told.is_file():
                print(ran.stdout[-2000:], ran.stderr[-2000:])
                return 1
            body = json.loads(told.read_text())
            for index, shot in enumerate(photographs):
                picture = np.load(Path(folder) / f"{index}.npy")
                save(asked.output / f"{body['version']}-{index}.png", picture)
                line = f"Blender {body['version']:8} view {index}: {psnr(picture, engine[index]):6.2f} dB"
                if shot is not None:
                    line += f", {psnr(picture, shot):6.2f} dB"
                print(f"{line}, {body['seconds'][index]:.1f} s", flush=True)
    return 0


def blenders() -> list[str]:
    from editor3d.programs.blenders.environments import installed

    return [sys.executable, *(str(one.python) for one in installed())]


def around(asked: argparse.Namespace) -> list[dict]:
    from gaussian.files import read_file

    means = read_file(asked.scene).splats.means.double().numpy()
    middle = np.median(means, axis=0)
    away = 2.5 * float(np.quantile(np.linalg.norm(means - middle, axis=1), 0.9))
    found = []
    for index in range(asked.views):
        angle = 2.0 * np.pi * index / asked.views
        back = np.array([np.cos(angle), np.sin(angle), 0.5])
        back /= np.linalg.norm(back)
        right = np.cross([0.0, 0.0, 1.0], back)
        right /= np.linalg.norm(right)
        pose = np.eye(4)
        pose[:3, :3] = np.stack([right, np.cross(back, right), back], 1)
        pose[:3, 3] = middle + away * back
        found.append({"pose": pose.tolist(), "focal": 1.2 * asked.side, "width": asked.side, "height": asked.side})
    return found


def views_of(capture: Path, count: int, side: int) -> list[dict]:
    """Views of a capture with one pinhole lens, spread evenly."""
    body = json.loads((capture / "transforms.json").read_text())
    frames = body["frames"][:: max(1, len(body["frames"]) // count)][:count]
    found = []
    for frame in frames:
        lens = {**body, **frame}
        scale = side / max(lens["w"], lens["h"])
        found.append(
            {
                "pose": frame["transform_matrix"],
                "focal": lens["fl_x"] * scale,
                "width": round(lens["w"] * scale),
                "height": round(lens["h"] * scale),
                "photograph": str(capture / frame["file_path"]),
            }
        )
    return found


def drawn(scene: Path, camera: dict) -> np.ndarray:
    """[H, W, 3] in 0..1, before black."""
    import torch

    from gaussian.files import read_file
    from gaussian.raster.rasterize import rasterization

    splats = read_file(scene).splats
    pose = torch.tensor(camera["pose"]).double() @ torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0])).double()
    focal, width, height = camera["focal"], camera["width"], camera["height"]
    lens = torch.tensor([[focal, 0.0, 0.5 * width], [0.0, focal, 0.5 * height], [0.0, 0.0, 1.0]])
    picture, _, _ = rasterization(
        splats.means,
        splats.quats,
        splats.scales,
        splats.opacities,
        splats.sh,
        torch.linalg.inv(pose).float()[None],
        lens[None],
        width,
        height,
        sh_degree=splats.sh_degree,
    )
    return picture[0].clamp(0.0, 1.0).numpy()


def photograph(camera: dict) -> np.ndarray | None:
    if "photograph" not in camera:
        return None
    from PIL import Image

    with Image.open(camera["photograph"]) as picture:
        small = picture.convert("RGB").resize((camera["width"], camera["height"]), Image.Resampling.BOX)
        return np.asarray(small) / 255.0


def psnr(one: np.ndarray, two: np.ndarray) -> float:
    return -10.0 * float(np.log10(max(1e-12, np.square(one - two).mean())))


def save(path: Path, picture: np.ndarray) -> None:
    from PIL import Image

    Image.fromarray((picture.clip(0, 1) * 255).round().astype(np.uint8)).save(path)


def render_in_blender(job: dict) -> int:
    """Runs in Blender: the file as the add-on brings it in, as Cycles sees it."""
    import time

    import bpy
    from mathutils import Matrix

    sys.path.insert(0, str(ROOT))
    from blender_addon.formats import splats as files
    from blender_addon.scene.splats import building

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    table = files.read(Path(job["scene"]).read_bytes())
    building.add(bpy.context, building.Building(table, "splats"), "splats")
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples, scene.cycles.use_denoising = "CPU", job["samples"], False
    scene.cycles.seed = 0
    scene.world = bpy.data.worlds.new("black")
    if bpy.app.version < (5, 0, 0):
        scene.world.use_nodes = False
        scene.world.color = (0.0, 0.0, 0.0)
    else:
        scene.world.node_tree.nodes["Background"].inputs[1].default_value = 0.0
    scene.view_settings.view_transform = "Standard"
    scene.display_settings.display_device = "sRGB"
    scene.render.image_settings.file_format = "PNG"
    scene.render.dither_intensity = 0.0
    lens = bpy.data.cameras.new("camera")
    camera = bpy.data.objects.new("camera", lens)
    scene.collection.objects.link(camera)
    scene.camera = camera
    seconds = []
    for index, view in enumerate(job["cameras"]):
        width, height = view["width"], view["height"]
        scene.render.resolution_x, scene.render.resolution_y = width, height
        scene.render.resolution_percentage = 100
        lens.sensor_fit, lens.sensor_width = "HORIZONTAL", 36.0
        lens.lens, lens.clip_start, lens.clip_end = 36.0 * view["focal"] / width, 0.01, 1000.0
        camera.matrix_world = Matrix(view["pose"])
        scene.render.filepath = str(Path(job["folder"]) / f"{index}.png")
        began = time.perf_counter()
        bpy.ops.render.render(write_still=True)
        seconds.append(time.perf_counter() - began)
        image = bpy.data.images.load(scene.render.filepath)
        pixels = np.empty(4 * width * height, np.float32)
        image.pixels.foreach_get(pixels)
        np.save(Path(job["folder"]) / f"{index}.npy", pixels.reshape(height, width, 4)[::-1, :, :3])
    told = {"version": bpy.app.version_string.partition(" ")[0], "seconds": seconds}
    (Path(job["folder"]) / "told.json").write_text(json.dumps(told))
    import os

    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
