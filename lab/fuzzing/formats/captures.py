"""Posed image sets."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from lab.fuzzing.formats.contract import Format
from lab.fuzzing.formats.mutate import Files

SIDE = 16
VIEWS = 4
_CAMERA = {"w": SIDE, "h": SIDE, "fl_x": 18.0, "fl_y": 18.0, "cx": SIDE / 2, "cy": SIDE / 2}
_POINTS = b"""ply
format ascii 1.0
element vertex 4
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
end_header
0 0 0 255 0 0
1 0 0 0 255 0
0 1 0 0 0 255
0 0 1 9 9 9
"""


def png(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """A picture file of pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=kind)
    return buffer.getvalue()


def photograph(index: int = 0, channels: int = 3) -> np.ndarray:
    """[SIDE, SIDE, channels] uint8, another for every index."""
    return np.random.default_rng(index).integers(0, 255, (SIDE, SIDE, channels), np.uint8)


def _pose(index: int) -> np.ndarray:
    angle = 2 * np.pi * index / VIEWS
    pose = np.eye(4)
    pose[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    pose[:3, 3] = pose[:3, 2] * 3
    return pose


def _read_everything(capture: Path) -> object:
    """Open a capture and read every picture, mask, label and depth of it."""
    from editor3d.datasets import load_posed_images
    from editor3d.datasets.views.images import read_depth, read_image, read_mask, read_object_masks

    posed = load_posed_images(capture)
    for view in posed.views:
        read_image(view)
        read_mask(view)
        read_depth(view, posed.depth_scale)
        read_object_masks(view, posed.objects)
    return posed


def _pictures() -> Files:
    return {f"images/{i}.png": png(photograph(i)) for i in range(VIEWS)}


def transforms() -> Format:
    frames = [
        {
            "file_path": f"images/{i}.png",
            "mask_path": f"masks/{i}.png",
            "labels_path": f"labels/{i}.png",
            "depth_file_path": f"depth/{i}.png",
            "transform_matrix": _pose(i).tolist(),
        }
        for i in range(VIEWS)
    ]
    plane = np.ones((SIDE, SIDE), np.uint8)
    extras = {
        f"{kind}/{i}.png": png(plane * value) for kind, value in (("masks", 255), ("labels", 1)) for i in range(VIEWS)
    }
    depths = {f"depth/{i}.png": png(plane.astype(np.uint16) * 900) for i in range(VIEWS)}
    named = {**_CAMERA, "objects": {"ball": 1}, "ply_file_path": "points.ply", "test_filenames": ["images/0.png"]}
    lens = {"camera_model": "OPENCV", "k1": 0.01, "k2": 0.0, "p1": 0.0, "p2": 0.0}
    turned = {"camera_model": "OPENCV_FISHEYE", "applied_transform": np.eye(4)[:3].tolist(), "camera_angle_x": 0.8}
    simple = [{key: frame[key] for key in ("file_path", "transform_matrix")} for frame in frames]
    whole = {**_pictures(), **extras, **depths, "points.ply": _POINTS}
    return Format(
        (
            {**whole, "transforms.json": json.dumps({**named, **lens, "frames": frames}).encode()},
            {**_pictures(), "transforms.json": json.dumps({**_CAMERA, **turned, "frames": simple}).encode()},
        ),
        _read_everything,
    )


def depth_array() -> Format:
    """Depth as a numpy array, alone."""
    from editor3d.datasets.views.arrays import read_depth_array

    def npy(values: np.ndarray, version: tuple[int, int]) -> Files:
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, values, version=version)
        return {"depth.npy": buffer.getvalue()}

    plane = np.ones((SIDE, SIDE))
    wholes = (npy(plane.astype(np.float32), (1, 0)), npy(np.asfortranarray(plane.astype(">u2")), (3, 0)))
    return Format(wholes, lambda folder: read_depth_array(folder / "depth.npy"))


def cameras() -> Format:
    """Cameras whose pictures need not be there, of two kinds of file."""
    from editor3d.datasets.cameras import load_cameras

    frames = [{"file_path": f"{i}.png", "transform_matrix": _pose(i).tolist()} for i in range(VIEWS)]
    lens = {"w": SIDE, "h": SIDE, "x_fov": 50.0, "is_fisheye": True, "k1": 0.01, "aabb_scale": 16}
    listed = [
        {"id": i, "width": SIDE, "height": SIDE, "fx": 18.0, "fy": 18.0, "position": _pose(i)[:3, 3].tolist(),
         "rotation": _pose(i)[:3, :3].tolist()}
        for i in range(VIEWS)
    ]  # fmt: skip
    wholes = ({"c.json": json.dumps({**lens, "frames": frames}).encode()}, {"c.json": json.dumps(listed).encode()})
    return Format(wholes, lambda folder: load_cameras(folder / "c.json"))


def colmap_binary() -> Format:
    cameras = struct.pack("<Q", 1) + struct.pack("<iiQQ", 1, 1, SIDE, SIDE) + struct.pack("<4d", 18, 18, 8, 8)
    images = struct.pack("<Q", VIEWS)
    for i in range(VIEWS):
        angle = np.pi * i / VIEWS
        images += (
            struct.pack("<i7di", i + 1, np.cos(angle), 0, np.sin(angle), 0, 0, 0, 3, 1) + f"{i}.png".encode() + b"\0"
        )
        images += struct.pack("<Q", 1) + struct.pack("<ddq", 4.0, 5.0, 1)
    points = struct.pack("<Q", 2)
    for i in range(2):
        points += struct.pack("<Q3d3Bd", i + 1, i, 0.5, 0.1, 200, 100, 50, 0.3) + struct.pack("<Qii", 1, 1, 0)
    model = {"cameras.bin": cameras, "images.bin": images, "points3D.bin": points}
    return Format(({**_pictures(), **{f"sparse/0/{name}": body for name, body in model.items()}},), _read_everything)


def colmap_text() -> Format:
    images = "".join(
        f"{i + 1} {np.cos(np.pi * i / VIEWS)} 0 {np.sin(np.pi * i / VIEWS)} 0 0 0 3 1 {i}.png\n4.0 5.0 1\n"
        for i in range(VIEWS)
    )
    model = {
        "cameras.txt": f"# cameras\n1 PINHOLE {SIDE} {SIDE} 18 18 8 8\n",
        "images.txt": "# images\n" + images,
        "points3D.txt": "# points\n1 0 0.5 0.1 200 100 50 0.3 1 0\n2 1 0.5 0.1 200 100 50 0.3 2 0\n",
    }
    files = {f"sparse/0/{name}": body.encode() for name, body in model.items()}
    masks = {f"masks/{i}.png.png": png(np.full((SIDE, SIDE), 255, np.uint8)) for i in range(VIEWS)}
    smaller = {name.replace("/0/", "/1/"): body for name, body in files.items()}
    return Format(({**_pictures(), **files}, {**_pictures(), **masks, **smaller, **files}), _read_everything)


def nerf_synthetic() -> Format:
    files: Files = {}
    for split, indices in (("train", (0, 1, 2)), ("test", (3,)), ("val", (3,))):
        frames = [{"file_path": f"./{split}/r_{i}", "transform_matrix": _pose(i).tolist()} for i in indices]
        files[f"transforms_{split}.json"] = json.dumps({"camera_angle_x": 0.7, "frames": frames}).encode()
        files |= {f"{split}/r_{i}.png": png(photograph(i, 4)) for i in indices}
    return Format((files,), _read_everything)


def points() -> Format:
    """The sparse points alone, so that they are broken as often as anything else."""
    from editor3d.datasets.formats.point_cloud import read_ply_points

    binary = _POINTS.split(b"end_header\n")[0].replace(b"ascii", b"binary_little_endian") + b"end_header\n"
    body = b"".join(struct.pack("<3f3B", i, 0, 1, 9, 8, 7) for i in range(4))
    return Format(
        ({"points.ply": _POINTS}, {"points.ply": binary + body}), lambda folder: read_ply_points(folder / "points.ply")
    )
