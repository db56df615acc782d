"""Checkpoints: written whole or not at all, loaded without running code, refused when they are of another kind."""

from __future__ import annotations

import os
import random
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from editor3d.errors import CheckpointError, first_line
from editor3d.files.writing import replacing

_NAME = re.compile(r"step-(\d+)\.ckpt")
_SHOWN_KEYS = 3
_UNFINISHED = "unfinished.ckpt"


def register_safe_globals() -> None:
    """Let torch load stock nerfstudio checkpoints, whose schedulers hold numpy numbers, without running code."""
    scalar = np.core.multiarray.scalar  # pyright: ignore[reportAttributeAccessIssue]  # numpy's types leave it out
    torch.serialization.add_safe_globals([scalar, np.dtype, np.dtypes.Float64DType, np.dtypes.Float32DType])


def find_checkpoints(folder: Path) -> dict[int, Path]:
    """The checkpoints in a folder by step, in rising order; other files are passed over."""
    if not folder.is_dir():
        return {}
    found = {int(match[1]): path for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))}
    return dict(sorted(found.items()))


def latest_checkpoint(folder: Path, step: int | None = None) -> Path:
    """The newest checkpoint in a folder, or that of `step`.

    Raises:
        CheckpointError: there is none; the folder of a whole run is looked into as well.
    """
    if not folder.exists():
        raise CheckpointError(f"Expected a folder of checkpoints at {folder}, found nothing there: check the path.")
    checkpoints = find_checkpoints(folder) or find_checkpoints(folder / "nerfstudio_models")
    if not checkpoints:
        raise CheckpointError(
            f"Expected checkpoints (step-*.ckpt) in {folder}, found none: give a run's folder or its nerfstudio_models."
        )
    if step is None:
        return list(checkpoints.values())[-1]
    if step not in checkpoints:
        raise CheckpointError(
            f"Expected a checkpoint of step {step} in {folder}, found steps {', '.join(map(str, checkpoints))}: "
            f"choose one of those."
        )
    return checkpoints[step]


def load(path: Path, mapped: bool = False) -> dict[str, Any]:
    """Read a checkpoint, tensors on the CPU.

    Args:
        path: the file.
        mapped: leave the tensors in the file until they are read: for those who need only some of them.

    Raises:
        CheckpointError: it is missing, damaged, or holds more than tensors and plain values.
    """
    register_safe_globals()
    try:
        mapped = mapped and zipfile.is_zipfile(path)  # torch before 1.6 wrote files that cannot be mapped
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # noqa: BLE001 - torch raises errors of many kinds for damaged files
        reason = first_line(error)
        raise CheckpointError(
            f"Expected a readable checkpoint at {path}, found it damaged or unsafe ({reason}): use another."
        ) from error
    if not isinstance(state, dict) or not {"pipeline", "step"} <= set(state):
        raise CheckpointError(f"Expected a nerfstudio checkpoint at {path}, found something else: check the path.")
    return state


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint, whole or not at all; numpy numbers in it become Python's.

    It is written in the run's folder, the parent of the checkpoints' own, and then moved: nerfstudio's commands cannot
    read a folder of checkpoints that holds anything else, such as what a run killed while saving leaves behind.

    Raises:
        Editor3DError: the disk is full, or the folder cannot be written; earlier checkpoints are unchanged.
    """
    run = path.parent.parent
    for leftover in run.glob(f"*{Path(_UNFINISHED).stem}*.ckpt"):
        leftover.unlink()
    with replacing(run / _UNFINISHED) as partial:
        # A sum of every byte takes three times as long as writing it, and is looked at by no one: what is cut short is
        # noticed by the directory of the archive, which stands at its end.
        summed = torch.serialization.get_crc32_options()
        torch.serialization.set_crc32_options(False)
        try:
            torch.save(_plain(state), partial)
        except RuntimeError as error:  # what torch's writer raises where the system says OSError
            raise OSError(f"no room or no right to write: {first_line(error)}") from error
        finally:
            torch.serialization.set_crc32_options(summed)
    path.parent.mkdir(exist_ok=True)
    os.replace(run / _UNFINISHED, path)


def save_newest(folder: Path, step: int, state: Mapping[str, Any], *, keep_older: bool = False) -> None:
    """Write the checkpoint of `step` into a folder of checkpoints, then remove the others.

    Args:
        keep_older: leave the others.

    Raises:
        Editor3DError: as `save`.
    """
    path = folder / f"step-{step:09d}.ckpt"
    save(path, {"step": step, **state})
    if keep_older:
        return
    for other in find_checkpoints(folder).values():
        if other != path:
            other.unlink()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value)
    return value


def global_random_state() -> dict[str, Any]:
    """The state of the process-wide generators that nerfstudio's modules draw from."""
    numpy_state = np.random.get_state()
    assert isinstance(numpy_state, tuple)  # as its older form is
    kind, keys, position, has_gauss, gauss = numpy_state
    state: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "numpy": [kind, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss],
        "python": list(random.getstate()[:1]) + [list(random.getstate()[1]), random.getstate()[2]],
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def set_global_random_state(state: Mapping[str, Any]) -> None:
    """Restore what `global_random_state` gave."""
    torch.set_rng_state(state["torch"])
    kind, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    version, internal, gauss_next = state["python"]
    random.setstate((version, tuple(internal), gauss_next))
    for device in range(min(len(state.get("cuda", [])), torch.cuda.device_count())):  # this machine may have fewer
        torch.cuda.set_rng_state(state["cuda"][device], device)


def check_model_state(expected: Mapping[str, torch.Tensor], found: Mapping[str, Any], path: Path, kind: str) -> None:
    """Refuse a model state whose keys are not those of the model.

    Raises:
        CheckpointError: the checkpoint is of another kind of scene.
    """
    missing, surplus = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if missing or surplus:
        shown = ", ".join((missing or surplus)[:_SHOWN_KEYS])
        verb = "lacks" if missing else "has besides"
        raise CheckpointError(
            f"Expected a base of the kind {kind}, found another in {path} (it {verb} {shown}): choose a base trained "
            f"by a method that this one edits, or leave --load-dir out to train one."
        )


def shape_error(kind: str, path: Path, error: RuntimeError) -> CheckpointError:
    """The refusal of a checkpoint whose tensors have other shapes than the model's."""
    detail = str(error).splitlines()[-1].strip()
    return CheckpointError(
        f"Expected a base of the kind {kind} with this model's sizes, found other sizes in {path} ({detail}): load it "
        f"with the configuration it was trained with."
    )
