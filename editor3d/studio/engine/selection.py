"""What is marked on a frame, as a region of the capture, and how a region is shown on one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from editor3d.datasets.views.images import read_object_masks
from editor3d.errors import RegionError
from editor3d.geometry.camera import Camera
from editor3d.plugin.confine.regions import CaptureRegion, select
from editor3d.plugin.train.pipeline import PluginPipeline
from editor3d.regions import parse_region
from editor3d.types import PosedImages, View

MOST_POINTS = 64
"""Of a stroke: spread along it."""
SOLID = 0.5
"""Opacity of a pixel below which it shows nothing that can be marked."""
TINT = np.array([255.0, 120.0, 0.0], np.float32)
TINT_SHARE = 0.6
ASKED_VIEWS = 3
"""Views that say which object a point belongs to: those that look at it from about where the user does."""


def points_under(pipeline: PluginPipeline, camera: Cameras, stroke: Sequence[Sequence[float]]) -> list[list[float]]:
    """Where the surface lies under a line on a frame.

    Args:
        camera: [1], of the frame, in scene units.
        stroke: corners [K, 2] of the line, in pixels from the left and from the top.

    Returns:
        At most `MOST_POINTS` points [n, 3] in the capture's own frame, at the median depth.

    Raises:
        RegionError: the line lies on nothing of the scene.
    """
    height, width = int(camera.height[0]), int(camera.width[0])
    pixels = np.unique(np.floor(along(stroke)).astype(int).clip(0, [width - 1, height - 1]), axis=0)
    if len(pixels) > MOST_POINTS:
        pixels = pixels[np.linspace(0, len(pixels) - 1, MOST_POINTS).round().astype(int)]
    wanted = torch.zeros(height, width, dtype=torch.bool)
    wanted[pixels[:, 1], pixels[:, 0]] = True
    seen = pipeline.model.outputs_at(camera, wanted)
    distance = torch.zeros(height, width, dtype=torch.float64)
    distance[wanted] = seen["depth"].cpu().double().reshape(-1)
    places = Camera.of(camera, 0).points_along(distance)[wanted]  # row by row, as `seen`
    places = places[(seen["accumulation"].cpu().reshape(-1) >= SOLID) & places.isfinite().all(-1)]
    if not len(places):
        raise RegionError("Expected a mark on something of the scene, found nothing there: mark another place.")
    return frame_of(pipeline).to_capture(places).tolist()


def along(stroke: Sequence[Sequence[float]]) -> np.ndarray:
    """Points [n, 2] of a line through corners [K, 2], about one for each unit of its length."""
    corners = np.asarray(stroke, np.float64).reshape(-1, 2)
    parts = [corners[:1]]
    for one, other in zip(corners, corners[1:], strict=False):
        count = max(1, math.ceil(np.abs(other - one).max()))
        parts.append(one + (other - one) * (np.arange(1, count + 1) / count)[:, None])
    return np.concatenate(parts)


def object_at(
    pipeline: PluginPipeline, posed: PosedImages, views: Sequence[View], eye: np.ndarray, point: Sequence[float]
) -> str:
    """The object of the capture that a point on a surface belongs to; empty where it belongs to none.

    The label pictures of the views that stand nearest to the user vote; the nearest one's vote counts most, since it
    sees most of what the user sees.

    Args:
        views: those that the scene was trained on.
        eye: where the user stands [3], scene units.
        point: in the capture's frame.
    """
    if not posed.objects:
        return ""
    cameras = pipeline.datamanager.train_dataset.cameras
    place = frame_of(pipeline).to_scene(torch.tensor([point], dtype=torch.float64)).float()
    stand = cameras.camera_to_worlds[:, :, 3].cpu().numpy()
    votes: dict[str, float] = {}
    for rank, index in enumerate(np.argsort(np.linalg.norm(stand - eye, axis=1))[:ASKED_VIEWS].tolist(), 1):
        pixels, held = Camera.of(cameras, index).pixels(place)
        if not bool(held[0]):
            continue
        x, y = pixels[0].long().tolist()
        masks = read_object_masks(views[index], posed.objects)
        name = next((name for name, mask in masks.items() if bool(mask[y, x])), "")
        votes[name] = votes.get(name, 0.0) + 1.0 / rank
    return max(votes, key=lambda name: votes[name], default="")


def parts_in(pipeline: PluginPipeline, text: str) -> Tensor:
    """Which parts of the scene [N] bool a region holds.

    Raises:
        RegionError: none, or the region is not understood.
    """
    return select(pipeline, parse_region(text))


def tinted(pipeline: PluginPipeline, camera: Cameras, picture: np.ndarray, which: Tensor) -> np.ndarray:
    """A frame [H, W, 3] uint8 in which some parts [N] bool stand out."""
    share = pipeline.model.part_share(camera, which.to(pipeline.device)).cpu().clamp(0.0, 1.0).numpy() * TINT_SHARE
    return (picture * (1.0 - share) + TINT * share).round().astype(np.uint8)


def frame_of(pipeline: PluginPipeline) -> CaptureRegion:
    """What brings points between the capture's frame and the scene's."""
    return CaptureRegion.of(parse_region("sphere:0,0,0,1"), pipeline.datamanager.train_dataparser_outputs)


def frame_matrix(pipeline: PluginPipeline) -> list[float]:
    """What brings points of the capture's frame to the scene's: [4, 4] row by row."""
    outputs = pipeline.datamanager.train_dataparser_outputs
    matrix = torch.eye(4, dtype=torch.float64)
    matrix[:3] = outputs.dataparser_transform.double() * outputs.dataparser_scale
    return matrix.flatten().tolist()
