"""An edit as a strength, and the stack of edits that a run stands on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from editor3d.errors import ConfigError
from editor3d.outputs.splat_change import SplatChange
from editor3d.plugin.bases.base import open_base
from editor3d.run import checkpoints
from editor3d.run.record import stack_of
from gaussian.change.mix import mixed, restacked
from gaussian.edit.opened import OpenedSplats, open_splats
from gaussian.files import write_splats
from gaussian.model.model import SplatModel
from gaussian.model.parameters import PARAMETERS, splats_of
from gaussian.splats import Splats, with_sh_degree

_PREFIX = "_model.gauss_params."


def write_strength(run: Path, strength: float, output: Path) -> SplatChange:
    """Write the scene of a run's edit at a strength: 0 is its base, 1 the edit, bit for bit.

    Raises:
        Editor3DError: it is no edit of splats, or the strength is out of range.
    """
    stack = _stack(run)
    opened = open_splats(run, output)
    before, after = (_scene_of(one) for one in stack[-2:])
    return _write(opened, before, mixed(before, after, strength), output)


def scene_between(run: Path, model: SplatModel) -> Callable[[float], None]:
    """What has a model, which holds a run's edit, draw it at a strength: 0 is its base, 1 the edit, bit for bit.

    Raises:
        Editor3DError: it is no edit of splats.
    """
    before, after = (_scene_of(one) for one in _stack(run)[-2:])
    return lambda strength: model.set_splats(mixed(before, after, strength))


def write_stack(run: Path, order: Sequence[int], output: Path) -> SplatChange:
    """Write a scene with the edits of a stack in another order, or without some.

    Args:
        order: the edits to make, counted from 1, the first made first.

    Raises:
        Editor3DError: they are of the same parts, or it is no edit of splats.
    """
    stack = _stack(run)
    if not set(order) <= set(range(1, len(stack))) or len(set(order)) != len(order):
        raise ConfigError(f"Expected each of the edits 1 to {len(stack) - 1} at most once, got {list(order)}.")
    opened = open_splats(run, output)
    scenes = [_scene_of(one) for one in stack]
    degree = max(scene.sh_degree for scene in scenes)
    return _write(opened, scenes[0], restacked([with_sh_degree(scene, degree) for scene in scenes], order), output)


def _stack(run: Path) -> list[Path]:
    stack = stack_of(run)
    if len(stack) < 2:
        raise ConfigError(f"Expected the run of an edit, got {run}, which is a reconstruction: edit it first.")
    return stack


def _scene_of(run: Path) -> Splats:
    """The Gaussians of a run's newest checkpoint, in the run's own frame, which an edit takes over from its base.

    Raises:
        ConfigError: its scene is made of something else.
    """
    state = checkpoints.load(open_base(run).checkpoint)["pipeline"]
    if not all(f"{_PREFIX}{name}" in state for name in PARAMETERS):
        raise ConfigError(f"Expected a run of splats, found another kind of scene in {run}: reconstruct it by splat.")
    return splats_of({name: state[f"{_PREFIX}{name}"].cpu() for name in PARAMETERS})


def _write(opened: OpenedSplats, before: Splats, scene: Splats, output: Path) -> SplatChange:
    assert opened.pipeline is not None  # the stack is of runs
    model = opened.pipeline.model
    assert isinstance(model, SplatModel)  # `open_splats` opens no others
    model.set_splats(scene)
    contents = model.captured(opened.pipeline.datamanager.train_dataparser_outputs)
    write_splats(output, contents)
    same = len(before) == len(scene) and before.sh.shape == scene.sh.shape
    changed = int((before.sh != scene.sh).flatten(1).any(1).sum()) if same else len(scene)
    return SplatChange(output, changed, len(before), len(contents))
