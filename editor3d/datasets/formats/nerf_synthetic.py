"""NeRF-synthetic (Blender) scenes: one transforms file a split, `camera_angle_x`, pictures named without suffix."""

from __future__ import annotations

from pathlib import Path

from editor3d.datasets.formats.frames import build_views, without_missing_depth
from editor3d.datasets.formats.named_files import NamedFiles
from editor3d.datasets.formats.nerfstudio import frames_of
from editor3d.datasets.views import validate
from editor3d.errors import DataError
from editor3d.files.safe_open import require_inside
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
    files, tested = NamedFiles(root), test_path.is_file()
    train = validate.read_json(require_inside(train_path, root))
    frames = frames_of(train, train_path, "train" if tested else None, files)
    if tested:
        frames += frames_of(validate.read_json(require_inside(test_path, root)), test_path, "test", files)
    frames, notes = without_missing_depth(frames)
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
        notes=(f"{TRAIN_FILE} and {TEST_FILE}" if tested else TRAIN_FILE, *notes),
    )
