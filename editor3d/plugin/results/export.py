"""A run's scene for other programs: a mesh, points, or the capture with new pictures, in the capture's own frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from editor3d.datasets.views.images import read_image
from editor3d.datasets.write import write_capture
from editor3d.errors import ConfigError, DataError
from editor3d.outputs.surface import extract_surface, write_mesh, write_points
from editor3d.plugin.train.pipeline import PluginPipeline
from editor3d.plugin.views.rays import LensTable, camera_rays
from editor3d.types import View


def to_capture_frame(points: np.ndarray, pipeline: PluginPipeline) -> np.ndarray:
    """Points [N, 3] from scene units to the capture file's own frame, float64: x_file = R^T (x_scene / scale - t)."""
    outputs = pipeline.datamanager.train_dataparser_outputs
    transform = outputs.dataparser_transform.double().numpy()
    rotation, translation = transform[:, :3], transform[:, 3]
    return (points / outputs.dataparser_scale - translation) @ rotation


def export_mesh(
    pipeline: PluginPipeline,
    path: Path,
    *,
    resolution: int,
    threshold: float,
    min_component: float = 0.01,
    radius: float | None = None,
) -> tuple[int, int]:
    """Write the field's surface as a coloured mesh; see `extract_surface`.

    Returns:
        The numbers of vertices and faces.

    Raises:
        ConfigError: a value is out of range, nothing is dense enough, or this kind of scene has no density to mesh.
    """
    mesh = extract_surface(
        pipeline.model.solid_field(),
        resolution=resolution,
        threshold=threshold,
        min_component=min_component,
        radius=radius,
    )
    mesh.vertices = to_capture_frame(np.asarray(mesh.vertices), pipeline)
    write_mesh(path, mesh)
    return len(mesh.vertices), len(mesh.faces)


def export_splats(pipeline: PluginPipeline, path: Path) -> int:
    """Write a scene of Gaussian splats as the file format that the suffix names; returns how many Gaussians.

    Raises:
        ConfigError: this kind of scene is not made of Gaussians.
    """
    return pipeline.model.write_scene(path, pipeline.datamanager.train_dataparser_outputs)


@torch.no_grad()
def export_points(
    pipeline: PluginPipeline,
    path: Path,
    *,
    count: int,
    min_accumulation: float,
    radius: float,
    seed: int = 0,
    on_view: Callable[[int, int], None] = lambda done, of: None,
) -> int:
    """Write coloured points where rays of the training views meet the scene: at their median depth, x = o + d t.

    Args:
        count: how many rays, shared evenly by the views.
        min_accumulation: rays that are less opaque in all give no point.
        radius: half the side of the cube that points are kept in, scene units (cameras are within 1).
        on_view: called with how many of how many views are done.

    Returns:
        The number of points.

    Raises:
        ConfigError: a value is out of range, or no ray gives a point.
    """
    if count < 1 or radius <= 0 or not 0.0 <= min_accumulation <= 1.0:
        raise ConfigError(
            f"Expected a positive number of points and radius, and an accumulation in 0..1, got {count}, {radius:g} "
            f"and {min_accumulation:g}."
        )
    cameras = pipeline.datamanager.train_dataset.cameras
    generator, table = torch.Generator().manual_seed(seed), LensTable()
    points, colors = [], []
    for index in range(len(cameras)):
        share = count * (index + 1) // len(cameras) - count * index // len(cameras)
        rays = camera_rays(cameras, index, table, pipeline.device)
        chosen = torch.randperm(len(rays), generator=generator)[:share].sort().values.to(pipeline.device)
        rays = rays[chosen]
        outputs = _outputs_of(pipeline, cameras[index : index + 1], chosen)
        where = rays.origins + rays.directions * outputs["depth"]
        kept = (outputs["accumulation"][:, 0] >= min_accumulation) & (where.abs() <= radius).all(-1)
        points.append(where[kept].double().cpu().numpy())
        colors.append((outputs["rgb"][kept].clamp(0.0, 1.0) * 255.0).round().to(torch.uint8).cpu().numpy())
        on_view(index + 1, len(cameras))
    cloud = np.concatenate(points)
    if len(cloud) == 0:
        raise ConfigError("Expected rays that meet the scene, found none: lower the accumulation or raise the radius.")
    write_points(path, to_capture_frame(cloud, pipeline), np.concatenate(colors))
    return len(cloud)


def _outputs_of(pipeline: PluginPipeline, camera: Cameras, chosen: Tensor) -> dict[str, Tensor]:
    """What some pixels of a camera show, numbered row by row and in order: [n, C] by name."""
    wanted = torch.zeros(int(camera.height[0]) * int(camera.width[0]), dtype=torch.bool, device=chosen.device)
    wanted[chosen] = True
    return pipeline.model.outputs_at(camera, wanted.view(int(camera.height[0]), int(camera.width[0])))


def export_capture(
    pipeline: PluginPipeline,
    folder: Path,
    *,
    edited: Path | None = None,
    on_view: Callable[[int, int], None] = lambda done, of: None,
) -> int:
    """Write the training views as a capture of the scene as it is now; see `write_capture`.

    Args:
        edited: a folder of 2D edits by view name to take the pictures from, instead of renders of the scene.
        on_view: called with how many of how many views are done.

    Returns:
        The number of views.

    Raises:
        DataError: a view has no picture in `edited`.
    """
    dataset = pipeline.datamanager.train_dataset
    views: tuple[View, ...] = dataset.metadata["views"]
    if edited is not None:
        missing = [view.name for view in views if not (edited / f"{view.name}.png").is_file()]
        if missing:
            raise DataError(
                f"Expected a 2D edit of every training view in {edited}, found none of {len(missing)}, such as "
                f"{missing[0]}: export renders instead (--pictures rendered)."
            )

    def picture_of(index: int, view: View) -> Tensor:
        if edited is not None:
            picture = read_image(edited / f"{view.name}.png", (view.width, view.height))
        else:
            picture = pipeline.render_view(dataset.cameras, index)["rgb"]
        on_view(index + 1, len(views))
        return picture

    return write_capture(folder, dataset.metadata["posed_images"], views, picture_of)
