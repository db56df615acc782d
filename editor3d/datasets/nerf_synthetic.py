"""NeRF-synthetic (Blender) scenes: one transforms file a split, `camera_angle_x`, pictures named without suffix."""

from __future__ import annotations

from pathlib import Path

from editor3d.datasets import validate
from editor3d.datasets.frames import build_views
from editor3d.datasets.nerfstudio import frames_of
from editor3d.errors import DataError
from editor3d.types import PosedImages

TRAIN_FILE = "transforms_train.json"
TEST_FILE = "transforms_test.json"
SPLIT_FILES = (TRAIN_FILE, TEST_FILE)


def load(root: Path, *, downscale_factor: int, eval_interval: int) -> PosedImages:
    """Read the training and test files of a scene; without a test file the eval interval holds views out.

    A third file, for validation, is left alone. Names of views are paths below the scene's folder (`train/r_0`).

    Args:
        root: the folder of the transforms files.
        downscale_factor: see `load_posed_images`.
        eval_interval: see `load_posed_images`.

    Raises:
        DataError: a file, or what it names, is missing, broken or contradicts itself.
    """
    train_path, test_path = root / TRAIN_FILE, root / TEST_FILE
    if not train_path.is_file():
        raise DataError(f"{root} has a {TEST_FILE} but no {TRAIN_FILE}: both belong to a NeRF-synthetic scene.")
    if test_path.is_file():
        frames = frames_of(validate.read_json(train_path), train_path, "train")
        frames += frames_of(validate.read_json(test_path), test_path, "test")
    else:
        frames = frames_of(validate.read_json(train_path), train_path)
    return PosedImages(
        root=root,
        format="nerf-synthetic",
        views=build_views(
            frames,
            images_folder=root,
            source=str(root),
            downscale_factor=downscale_factor,
            eval_interval=eval_interval,
            alpha_masks=False,
        ),
        downscale_factor=downscale_factor,
    )
