"""Posed image sets: nerfstudio `transforms.json`, COLMAP sparse models and NeRF-synthetic scenes.

`load_posed_images` finds out which of them a path holds and checks all of it. The pictures themselves are read one by
one through `editor3d.datasets.views.images`, and nerfstudio is fed through `editor3d.datasets.dataparser`.
"""

from __future__ import annotations

from pathlib import Path

from editor3d.datasets.other_files import what_to_do
from editor3d.errors import ConfigError, DataError
from editor3d.types import PosedImages

__all__ = ["load_posed_images"]


def load_posed_images(
    path: Path, *, downscale_factor: int | None = None, eval_interval: int = 8, objects: Path | None = None
) -> PosedImages:
    """Read and check a posed image set, and the objects that were named in it (`editor3d.datasets.added_objects`).

    What a folder holds is looked for in this order: `transforms.json` (nerfstudio), `transforms_train.json`
    (NeRF-synthetic), then the largest model in `sparse`, `sparse/N`, `colmap/sparse/N` or the folder itself (COLMAP,
    pictures in `images/`). A path to a `.json` file chooses that file.

    Poses and sparse points stay in the file's own frame. Every picture is checked to decode, so that a damaged one is
    found here and not in the middle of a training run.

    Args:
        path: a folder, or a `transforms*.json` file.
        downscale_factor: views have `width // downscale_factor` by `height // downscale_factor` pixels; intrinsics
            follow the exact ratio of each axis. Pictures are scaled when read: no folder of smaller copies is needed.
            None is 1, or for large pictures what leaves no side longer than 1600 pixels (`editor3d.datasets.reduce`).
        eval_interval: where the data names no split, the views 0, N, 2N … in the order of their paths are "test".
        objects: where the objects are kept that were named in it; by default where the command that names them puts
            them.

    Raises:
        DataError: the data is missing, broken or contradicts itself.
        ConfigError: `downscale_factor` or `eval_interval` is out of range.
    """
    from editor3d.datasets.added_objects import with_added

    if downscale_factor is None:
        from editor3d.datasets.reduce import downscale_by_usual_factor

        return with_added(downscale_by_usual_factor(_read(Path(path), 1, eval_interval)), objects)
    return with_added(_read(Path(path), downscale_factor, eval_interval), objects)


def _read(path: Path, downscale_factor: int, eval_interval: int) -> PosedImages:
    if downscale_factor < 1:
        raise ConfigError(f"The downscale factor must be a whole number of at least 1, not {downscale_factor}.")
    if eval_interval < 2:
        raise ConfigError(
            f"The eval interval must be at least 2, not {eval_interval}: every N-th view is held out of training."
        )
    if not path.exists():
        raise DataError(f"There is no {path}: give the folder of a capture, or its transforms.json.")

    from editor3d.datasets.formats import colmap, nerf_synthetic, nerfstudio

    options = {"downscale_factor": downscale_factor, "eval_interval": eval_interval}
    if not path.is_dir():
        if path.suffix.lower() != ".json":
            message = what_to_do(path) or f"{path} is neither a folder nor a .json file: give the folder of a capture."
            raise DataError(message)
        if path.name in nerf_synthetic.SPLIT_FILES:
            return nerf_synthetic.load(path.parent, **options)
        return nerfstudio.load(path, **options)
    if (path / "transforms.json").is_file():
        return nerfstudio.load(path / "transforms.json", **options)
    if (path / nerf_synthetic.TRAIN_FILE).is_file():
        return nerf_synthetic.load(path, **options)
    models = colmap.find_models(path)
    if models:
        return colmap.load(path, models, **options)
    if any((path / name).is_file() for name in ("meta.json", "lod-meta.json")):  # PlayCanvas' format, unpacked
        raise DataError(
            f"Expected posed pictures in {path}, found splats in PlayCanvas' format: convert them with `npx "
            f"@playcanvas/splat-transform {path.name}/meta.json {path.name}.ply` and give the .ply."
        )
    raise DataError(
        f"{path} holds no posed pictures: there should be a transforms.json (nerfstudio), a transforms_train.json "
        f"(NeRF-synthetic) or a COLMAP model in sparse/0/, colmap/sparse/0/, sparse/. "
        f"`ns-process-data images --data FOLDER --output-dir capture` finds the poses of pictures."
    )
