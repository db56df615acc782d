"""Posed image sets: nerfstudio `transforms.json`, COLMAP sparse models and NeRF-synthetic scenes.

`load_posed_images` finds out which of them a path holds and checks all of it. The pictures themselves are read one by
one through `editor3d.datasets.images`, and nerfstudio is fed through `editor3d.datasets.dataparser`.
"""

from __future__ import annotations

from pathlib import Path

from editor3d.errors import ConfigError, DataError
from editor3d.types import PosedImages

__all__ = ["load_posed_images"]


def load_posed_images(path: Path, *, downscale_factor: int = 1, eval_interval: int = 8) -> PosedImages:
    """Read and check a posed image set.

    What a folder holds is looked for in this order: `transforms.json` (nerfstudio), `transforms_train.json`
    (NeRF-synthetic), then `sparse/0`, `colmap/sparse/0` or `sparse` (COLMAP, pictures in `images/`). A path to a
    `.json` file chooses that file.

    Poses and sparse points stay in the file's own frame. Every picture is checked to decode, so that a damaged one is
    found here and not in the middle of a training run.

    Args:
        path: a folder, or a `transforms*.json` file.
        downscale_factor: views have `width // downscale_factor` by `height // downscale_factor` pixels; intrinsics
            follow the exact ratio of each axis. Pictures are scaled when read: no folder of smaller copies is needed.
        eval_interval: where the data names no split, the views 0, N, 2N … in the order of their paths are "test".

    Raises:
        DataError: the data is missing, broken or contradicts itself.
        ConfigError: `downscale_factor` or `eval_interval` is out of range.
    """
    path = Path(path)
    if downscale_factor < 1:
        raise ConfigError(f"The downscale factor must be a whole number of at least 1, not {downscale_factor}.")
    if eval_interval < 2:
        raise ConfigError(
            f"The eval interval must be at least 2, not {eval_interval}: every N-th view is held out of training."
        )
    if not path.exists():
        raise DataError(f"There is no {path}: give the folder of a capture, or its transforms.json.")

    from editor3d.datasets import colmap, nerf_synthetic, nerfstudio

    options = {"downscale_factor": downscale_factor, "eval_interval": eval_interval}
    if path.is_file():
        if path.suffix != ".json":
            raise DataError(f"{path} is neither a folder nor a .json file: give the folder of a capture.")
        if path.name in nerf_synthetic.SPLIT_FILES:
            return nerf_synthetic.load(path.parent, **options)
        return nerfstudio.load(path, **options)
    if (path / "transforms.json").is_file():
        return nerfstudio.load(path / "transforms.json", **options)
    if (path / nerf_synthetic.TRAIN_FILE).is_file():
        return nerf_synthetic.load(path, **options)
    model = colmap.find_model(path)
    if model is not None:
        return colmap.load(path, model, **options)
    raise DataError(
        f"{path} holds no posed pictures: there should be a transforms.json (nerfstudio), a transforms_train.json "
        f"(NeRF-synthetic) or a COLMAP model in {', '.join(f'{place}/' for place in colmap.MODEL_FOLDERS)}."
    )
