"""Turn the frames that a format's reader found into checked views."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from editor3d.datasets.views import validate
from editor3d.datasets.views.headers import PictureInfo, same_aspect
from editor3d.datasets.views.intrinsics import parse_intrinsics
from editor3d.errors import DataError
from editor3d.types import Split, View


@dataclass(frozen=True, eq=False)
class Frame:
    """One entry of a capture's file, not yet checked."""

    image_path: Path
    pose: object
    """Camera-to-world, OpenGL axes, [4, 4] or [3, 4]."""
    camera: Mapping[str, object]
    """Intrinsics under nerfstudio's keys."""
    where: str
    """Names the frame in messages."""
    split: Split | None = None
    """None leaves the choice to the eval interval."""
    mask_path: Path | None = None
    labels_path: Path | None = None
    depth_path: Path | None = None


def without_missing_depth(frames: Sequence[Frame]) -> tuple[list[Frame], tuple[str, ...]]:
    """Frames that name no depth that is not there: few uses need it. And a note about it, if there is any to make."""
    named = sum(frame.depth_path is not None for frame in frames)
    kept = [
        replace(frame, depth_path=None)
        if frame.depth_path is not None and not validate.is_file(frame.depth_path)
        else frame
        for frame in frames
    ]
    missing = named - sum(frame.depth_path is not None for frame in kept)
    return kept, (f"{missing} of {named} depth files missing",) if missing else ()


def build_views(
    frames: Sequence[Frame],
    *,
    images_folder: Path,
    source: str,
    downscale_factor: int,
    eval_interval: int,
    alpha_masks: bool = True,
) -> tuple[View, ...]:
    """Check frames and turn them into views, in the same order.

    Pictures, masks and labels are opened here. Depth is not: a damaged one is refused where it is needed.

    Args:
        frames: as the file gives them.
        images_folder: names of views are paths below it; below the pictures' common folder if some lie elsewhere.
        source: the file or model that the frames come from, for messages.
        downscale_factor: sizes become `w // factor`, intrinsics follow.
        eval_interval: the test views where no frame has a split: every N-th in the order of the paths, from the first.
        alpha_masks: whether alpha may be a mask; in some formats it always cuts out.

    Raises:
        DataError: a frame is wrong, or too few views are left.
        ConfigError: the downscale factor leaves nothing.
    """
    paths = [frame.image_path for frame in frames]
    validate.require_distinct(paths, source)
    validate.require_files(paths, "pictures", source)
    validate.require_files((frame.mask_path for frame in frames), "masks", source)
    validate.require_files((frame.labels_path for frame in frames), "label pictures", source)
    validate.require_all_or_none([frame.mask_path for frame in frames], "mask_path", source)
    poses = [validate.rigid_pose(frame.pose, frame.where) for frame in frames]
    pictures = _inspect_all(frames)
    if alpha_masks:
        frames = _masked_by_alpha(frames, pictures)

    splits = _splits(frames, eval_interval)
    views = []
    for frame, pose, name, split in zip(frames, poses, _names(paths, images_folder), splits, strict=True):
        camera = parse_intrinsics(frame.camera, pictures[frame.image_path], frame.where)
        for path in (frame.mask_path, frame.labels_path):
            if path is not None:
                _require_size(path, pictures[path], (camera.width, camera.height), frame.where)
        view = View(
            name=name,
            image_path=frame.image_path,
            split=split,
            c2w=pose,
            mask_path=frame.mask_path,
            labels_path=frame.labels_path,
            depth_path=frame.depth_path,
            transparent=pictures[frame.image_path].alpha != "none",
            **asdict(camera.downscaled(downscale_factor, frame.where)),
        )
        views.append(view)
    validate.require_views(views, source)
    return tuple(views)


def _inspect_all(frames: Sequence[Frame]) -> dict[Path, PictureInfo]:
    named = (path for frame in frames for path in (frame.image_path, frame.mask_path, frame.labels_path))
    paths = list(dict.fromkeys(path for path in named if path is not None))
    return dict(zip(paths, validate.inspect_pictures(paths), strict=True))


def _masked_by_alpha(frames: Sequence[Frame], pictures: Mapping[Path, PictureInfo]) -> Sequence[Frame]:
    """Give the photographs themselves as masks to frames without any, where their alpha is one.

    It is where no photograph's alpha is soft, and more photographs are kept below alpha 0 than cleared: what is masked
    may happen to be of one colour.
    """
    kinds = Counter(pictures[frame.image_path].alpha for frame in frames)
    masked = any(frame.mask_path is not None for frame in frames)
    if masked or kinds["soft"] or kinds["kept"] <= kinds["cleared"]:
        return frames
    return [replace(frame, mask_path=frame.image_path) for frame in frames]


def _require_size(path: Path, picture: PictureInfo, size: tuple[int, int], where: str) -> None:
    actual = picture.size_for(*size)
    if not same_aspect(size, actual):
        raise DataError(
            f"{path} has {actual[0]}x{actual[1]} pixels, another aspect than the {size[0]}x{size[1]} of {where}."
        )


def _splits(frames: Sequence[Frame], eval_interval: int) -> list[Split]:
    given: list[Split] = [frame.split for frame in frames if frame.split is not None]
    if given:  # formats that have lists of views drop what no list names
        return given
    order = sorted(range(len(frames)), key=lambda index: frames[index].image_path)
    held_out = set(order[::eval_interval])
    return ["test" if index in held_out else "train" for index in range(len(frames))]


def _names(paths: Sequence[Path], images_folder: Path) -> list[str]:
    normal = [Path(os.path.abspath(path)) for path in paths]
    folder = Path(os.path.abspath(images_folder))
    if not all(path.is_relative_to(folder) for path in normal):
        folder = Path(os.path.commonpath([path.parent for path in normal]))
    relative = [path.relative_to(folder) for path in normal]
    names = [path.with_suffix("").as_posix() for path in relative]
    if len(set(names)) < len(names):
        # a.jpg beside a.png: only the suffix tells them apart.
        return [path.as_posix() for path in relative]
    return names
