"""Record a run's capture when the run begins, and find it again where it was moved to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from nerfstudio.data.dataparsers.base_dataparser import DataParserConfig, DataparserOutputs
from nerfstudio.engine.trainer import TrainerConfig

from editor3d.datasets.dataparser import PosedImagesDataParserConfig
from editor3d.datasets.demo import demo_path
from editor3d.datasets.locate import resolve_data
from editor3d.errors import CheckpointError, DataError, first_line
from editor3d.files.safe_open import read_json
from editor3d.files.writing import write_json
from editor3d.types import PosedImages, View

CAPTURE = "capture.json"
FRAME = "dataparser_transforms.json"
FRAME_TOLERANCE = 1e-3
"""Scene units."""
_FORMAT = 1
_TOLERANCE = 1e-4
"""Of rotations, lenses and places of cameras, in parts of what they span: what versions of readers may differ by."""
_SINGLE = 1e-3
"""What single precision leaves of a large number's place, in parts of it, over `_TOLERANCE`."""
_CHECKPOINT_PARTS = 4
"""METHOD/TIMESTAMP/nerfstudio_models/CHECKPOINT: what tells one checkpoint from others."""


def note_capture(run: Path, posed: PosedImages) -> None:
    """Write down in a run's folder what its capture is: names, sizes, lenses, poses, and digests of the pictures. What
    was written earlier stays.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written.
    """
    if not (run / CAPTURE).is_file():
        views = {view.name: _noted(view) for view in posed.views}
        write_json(run / CAPTURE, {"format": _FORMAT, "views": views})


def _noted(view: View) -> dict[str, Any]:
    digest = hashlib.blake2b(digest_size=8)
    with view.image_path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return {
        "size": [view.width, view.height],
        "lens": [view.fl_x, view.fl_y, view.cx, view.cy],
        "c2w": view.c2w.tolist(),
        "picture": digest.hexdigest(),
    }


def dataparser_of(config: TrainerConfig) -> DataParserConfig:
    """How a run reads its capture; all that are opened here have a data manager with a parser."""
    manager: Any = config.pipeline.datamanager
    return manager.dataparser


def check_same(run: Path, posed: PosedImages) -> None:
    """Refuse another capture than that of a run, as far as the run notes what it is.

    Raises:
        DataError: views, sizes, lenses, poses or pictures differ.
        CheckpointError: the note is damaged.
    """
    if not (run / CAPTURE).is_file():
        return
    body = read_json(run / CAPTURE, CheckpointError)
    try:
        how = _difference(dict(body["views"]), {view.name: view for view in posed.views})
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CheckpointError(
            f"Expected a note of views in {run / CAPTURE}, found it damaged ({first_line(error)}): remove it, and the "
            f"capture is not compared with the run's."
        ) from error
    if how is not None:
        raise _another(run, posed.root, how)


def _difference(noted: dict[str, Any], found: dict[str, View]) -> str | None:
    """The first thing in which views are not as noted, in words."""
    for name in sorted(noted.keys() ^ found.keys()):
        return f"it {'lacks' if name in noted else 'has besides'} the view {name}"
    was = np.array([noted[name]["c2w"] for name in found], dtype=np.float64)
    now = np.array([view.c2w for view in found.values()], dtype=np.float64)
    if was.shape != now.shape:
        return "its poses are of another kind"
    # captures may lie millions of units from the origin, where single precision tells no small steps apart
    spread = np.abs(now[..., 3] - now[..., 3].mean(0)).max() + np.abs(now[..., 3]).max() * _SINGLE
    same = np.abs(was[..., :3] - now[..., :3]).max((1, 2)) <= _TOLERANCE
    same &= np.abs(was[..., 3] - now[..., 3]).max(1) <= _TOLERANCE * spread
    for (name, view), same_pose in zip(found.items(), same, strict=True):
        own = _noted(view)
        if not same_pose:
            return f"the pose of {name} differs"
        if noted[name]["size"] != own["size"]:
            return f"the size of {name} differs"
        if not np.allclose(np.array(noted[name]["lens"], dtype=np.float64), own["lens"], rtol=_TOLERANCE, atol=0.0):
            return f"the lens of {name} differs"
        if noted[name]["picture"] != own["picture"]:
            return f"the picture {name} differs"
    return None


def _another(run: Path, root: Path, how: str) -> DataError:
    return DataError(
        f"Expected the capture that {run} was made from, found another at {root} ({how}): give the same one, as it was."
    )


def place_capture(config: TrainerConfig, run: Path, data: Path | str | None = None) -> None:
    """Make the configuration of a run name its capture, and its base, where these are now.

    Args:
        run: the run's folder.
        data: where the capture is; by default where the configuration says, seen from the current folder, from the
            run's, or from one above that.

    Raises:
        DataError: nothing is there, or another capture, or the run's method is one that is trained without.
    """
    manager, run = config.pipeline.datamanager, run.resolve()
    parser = vars(manager).get("dataparser")  # of nerfstudio's methods generfacto has none
    if parser is None:
        raise DataError(
            f"Expected a run that was trained on a capture, got {run} of the method {config.method_name}, which needs "
            f"none: give the run of another method."
        )
    noted = Path(manager.data or parser.data)
    if data is None:
        place = next((place for place in _places(noted, run) if place.exists()), None)
        if place is None:
            raise DataError(
                f"Expected the capture of {run} at {noted}, found nothing there: give --data FOLDER, the "
                f"folder that it was moved to."
            )
    else:
        place = resolve_data(str(data))
    place = place.resolve()
    own = isinstance(parser, PosedImagesDataParserConfig)
    manager.data = parser.data = place
    if own and (data is not None or place != noted):
        check_same(run, parser.posed_images())
    if own and data is not None and not (run / CAPTURE).is_file():  # a run of before it was noted
        _check_frame(run, parser.setup().get_dataparser_outputs("train"), place)
    _place_base(config, run)


def _places(noted: Path, run: Path) -> Iterator[Path]:
    if str(noted) == ".":
        return
    yield noted.absolute()
    if not noted.is_absolute():
        yield from (folder / noted for folder in (run, *run.parents[:4]))
    shipped = demo_path()
    if noted.parts[-3:] == shipped.parts[-3:]:  # it moves with the installation
        yield shipped


def _place_base(config: TrainerConfig, run: Path) -> None:
    """Where the checkpoint that a run starts from has moved with the run."""
    checkpoint = config.load_checkpoint
    if checkpoint is None or checkpoint.exists():
        return
    for kept in range(len(checkpoint.parts) - 1, _CHECKPOINT_PARTS - 1, -1):
        for folder in run.parents[:4]:
            if (moved := folder.joinpath(*checkpoint.parts[-kept:])).is_file():
                config.load_checkpoint = moved
                return


def _check_frame(run: Path, outputs: DataparserOutputs, place: Path) -> None:
    """Refuse a capture whose cameras make another frame than that of a run.

    Raises:
        DataError: they do.
    """
    noted = read_frame(run)
    if noted is not None and not same_frame(*noted, outputs):
        raise _another(run, place, "its cameras lie otherwise")


def read_frame(run: Path) -> tuple[np.ndarray, float] | None:
    """The transform [3, 4] and the scale of a run's scene; None where the run does not say.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = run / FRAME
    if not path.is_file():
        return None
    body = read_json(path, CheckpointError)
    try:
        transform, scale = np.array(body["transform"], dtype=np.float64), float(body["scale"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(
            f"Expected a frame in {path}, found it damaged ({first_line(error)}): train the run anew."
        ) from error
    if transform.shape != (3, 4) or not np.isfinite(transform).all() or not np.isfinite(scale):
        raise CheckpointError(f"Expected a frame of 3x4 numbers in {path}, found others: train the run anew.")
    return transform, scale


def same_frame(transform: np.ndarray, scale: float, outputs: DataparserOutputs) -> bool:
    """Whether a frame, [3, 4] and a scale, puts what lies round the cameras where that of `outputs` puts it."""
    own, own_scale = outputs.dataparser_transform.double().numpy(), float(outputs.dataparser_scale)
    corners = np.concatenate([np.zeros((1, 3)), np.eye(3)])  # in scene units: cameras are within 1
    in_capture = (corners / own_scale - own[:, 3]) @ own[:, :3]
    found = scale * (in_capture @ transform[:, :3].T + transform[:, 3])
    return bool(np.abs(found - corners).max() <= FRAME_TOLERANCE)
