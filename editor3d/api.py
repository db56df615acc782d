"""Scenes and edits from Python; `import editor3d` gives these names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from editor3d.datasets import load_posed_images
from editor3d.datasets.locate import is_run, resolve_data
from editor3d.datasets.opening import announce_reduction
from editor3d.datasets.other_files import RUN_OR_SPLATS, require_run
from editor3d.edit_config import Source, edit_config, reconstruct
from editor3d.errors import CheckpointError, ConfigError, DataError
from editor3d.host.surroundings import settled
from editor3d.options import EditOptions, taking
from editor3d.registry import CHANGE_SPLATS, load_target, other_run
from editor3d.types import Around

if TYPE_CHECKING:
    from editor3d.metrics.report import EditReport
    from editor3d.outputs.splat_change import SplatChange
    from editor3d.plugin.results.named_objects import NamedObject
    from editor3d.plugin.train.config import PluginTrainerConfig
    from editor3d.run.record import EditRecord
    from editor3d.types import PosedImages


@dataclass(frozen=True)
class Scene(Source):
    """A captured scene, or the result of an earlier edit, that can be edited."""

    @property
    def posed_images(self) -> PosedImages:
        """The capture's pictures, poses and object names, as `load` read them.

        Raises:
            DataError: the scene is a file of splats, which has pictures only once it is edited.
        """
        if self.is_file:
            raise DataError(
                f"Expected a capture with pictures, got {self.data}: pictures of it are rendered when it is edited."
            )
        if self.posed is not None:
            return self.posed
        return load_posed_images(self.data, downscale_factor=self.downscale_factor)

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits that the scene stands on, the last one last; none for a capture.

        Raises:
            DataError: a run that one of them was made from is gone.
        """
        from editor3d.run.record import stack_of

        if self.base is None:
            return ()
        return tuple(Edit(folder) for folder in stack_of(self.base)[1:])

    @taking(EditOptions)
    @settled()
    def edit(self, options: EditOptions) -> Edit:
        """Change the scene as one sentence says; the parameters are the fields of `EditOptions`.

        Returns:
            The finished edit.

        Raises:
            Editor3DError: one sentence on what was expected, what came and what to do.
            KeyboardInterrupt: stopped by Ctrl-C; `resume` continues.
        """
        config = edit_config(self, options)
        config.set_timestamp()
        config.check()
        return Edit(_run(config))

    @taking(EditOptions)
    @settled()
    def plan(self, options: EditOptions) -> Edit:
        """Say what an edit will take, and show the views that it edits, before any is edited; the parameters are the
        fields of `EditOptions`.

        The scene is reconstructed where that was not done yet: its depth says which views to edit.

        Returns:
            The edit, begun and not carried out; `resume` carries it out.

        Raises:
            Editor3DError: one sentence on what was expected, what came and what to do.
        """
        config = edit_config(self, options)
        config.set_timestamp()
        config.check()
        return Edit(_run(config, only_plan=True))

    @settled()
    def reconstruct(
        self, *, method: str = "auto", steps: int | None = None, output: Path | str = Path("outputs")
    ) -> Path:
        """Make the scene ready to be edited: find the reconstruction that an edit would start from, or make it.

        Args:
            method: reconstructs (`editor3d list methods`); auto is that of the edit method that suits this machine.
            steps: of its training; by default the method's own number.
            output: folder of runs.

        Returns:
            The folder of the run that holds the scene.

        Raises:
            Editor3DError: one sentence on what was expected, what came and what to do.
            KeyboardInterrupt: stopped by Ctrl-C; the next call continues.
        """
        run = self.base or reconstruct(self, method, steps, Path(output))
        if run is None:
            raise KeyboardInterrupt
        return run


@dataclass(frozen=True)
class Edit:
    """An edit on disk."""

    folder: Path

    @property
    def before_after(self) -> Path:
        """PNG: the scene before and after, from held-out views."""
        return self.folder / "before_after.png"

    @property
    def turntable(self) -> Path:
        """MP4: the edited scene on a turntable."""
        return self.folder / "turntable.mp4"

    @property
    def edited_pictures(self) -> Path:
        """Folder of the edited 2D views, one PNG a view."""
        return self.folder / "edited"

    @property
    def record(self) -> EditRecord:
        """The request, the work and the measurements (`edit.json`)."""
        from editor3d.run.record import read_record

        return read_record(self.folder / "edit.json")

    def scene(self) -> Scene:
        """The result, to be edited further: the next instruction starts from it."""
        return load(self.folder)

    @settled()
    def evaluate(
        self,
        truth: Path | str | None = None,
        reference: Path | str | None = None,
        data: Path | str | None = None,
        trials: int = 0,
    ) -> EditReport:
        """Judge the edit by held-out views, whatever its instruction.

        Args:
            truth: folder of pictures of the scene truly edited, by view name, held-out views among them.
            reference: a run that reconstructs those, or the editor's maps of all photographs, for the fair ideal of a
                true edit or a new material.
            data: where the run's capture is now, if it was moved.
            trials: held-out photographs that the 2D editor is tried on again, with paraphrases of the instruction,
                other seeds and noise; 0 tries none.

        Returns:
            How much changed and where, whether views agree, learned scores where their weights are on this machine,
            the cost, and, where the right result is known, the edit gap.

        Raises:
            Editor3DError: one sentence on what was expected, what came and what to do.
        """
        other = other_run(self.folder)
        if other is not None:
            if truth is not None or reference is not None or data is not None or trials:
                raise ConfigError(
                    f"Expected none of truth, reference, data and trials for {self.folder}, whose views are renders: "
                    f"leave them out."
                )
            return load_target(other.evaluate)(self.folder)
        from editor3d.plugin.results.evaluate import evaluate

        return evaluate(
            self.folder,
            truth=None if truth is None else Path(truth),
            reference=None if reference is None else Path(reference),
            data=data,
            trials=trials,
        )


@settled()
def load(
    path: Path | str,
    *,
    downscale_factor: int | None = None,
    around: Around | None = None,
    data: Path | str | None = None,
    draft: bool = False,
) -> Scene:
    """Open a scene.

    Args:
        path: a capture's folder (nerfstudio, COLMAP, NeRF-synthetic), its transforms.json, a finished run's folder, a
            file of splats (.ply, .spz, .splat, .sog), or the word demo.
        downscale_factor: read a capture's pictures at 1/N of their size. None halves those of more than 1600 pixels a
            side until they are no longer, and says so; 1 reads them whole. A run keeps its own.
        around: `editor3d.types.Around`, from where a file of splats is looked at.
        data: where the capture of a run is now, if it was moved.
        draft: read a capture's pictures at half the size that they are read at otherwise, and make those of a file of
            splats half as large, for a first look; a run keeps its own.

    Raises:
        DataError: there is nothing of the kind, it is broken, or `data` is not the run's capture.
        ConfigError: another downscale factor than a run's own, or one for a file of splats; cameras round anything
            but a file of splats; `data` for anything but a run.
    """
    path = resolve_data(str(path))
    if draft and downscale_factor is not None:
        raise ConfigError(f"Expected a draft or a downscale factor, got both ({downscale_factor}): leave one out.")
    if around is not None and not Scene(path).is_file:
        raise ConfigError(
            f"Expected cameras, side and up with a file of splats alone, got {path}, which has views: leave them out."
        )
    if is_run(path):
        from editor3d.plugin.bases.captures import place_capture
        from editor3d.plugin.config.file import read_config

        config = read_config(path / "config.yml")
        place_capture(config, path, data)
        manager: Any = config.pipeline.datamanager
        own = getattr(manager.dataparser, "downscale_factor", None)  # nerfstudio's parsers may leave it open
        if None not in (downscale_factor, own) and downscale_factor != own:  # before and after could not be compared
            raise ConfigError(
                f"Expected no downscale factor for a run, which keeps its own ({own}), got {downscale_factor}: leave "
                f"it out, or edit the capture itself, {manager.data}."
            )
        return Scene(Path(manager.data), own or downscale_factor, base=path)
    if data is not None:
        raise ConfigError(
            f"Expected data with the folder of a run, whose capture was moved, got {data} with {path}: leave it out."
        )
    scene = Scene(path, downscale_factor, around=around)
    if scene.is_file:
        if downscale_factor not in (None, 1):
            raise ConfigError(
                f"Expected no downscale factor for a file of splats, which has no pictures to be read smaller, got "
                f"{downscale_factor}: leave it out."
            )
        return replace(scene, around=(around or Around()).draft()) if draft else scene
    posed = scene.posed_images
    if not posed.train_views:
        raise DataError(f"Expected pictures to train on in {path}, found none: check its split.")
    if draft:
        from editor3d.datasets.reduce import draft_factor

        return replace(scene, downscale_factor=draft_factor(posed))
    if downscale_factor is None:
        announce_reduction(posed)
    return replace(scene, downscale_factor=posed.downscale_factor, posed=posed)


@settled()
def add_object(scene: Scene, name: str, region: str, *, output: Path | str = "outputs") -> NamedObject:
    """Name a part of a captured scene, so that instructions and `object:NAME` can speak of it from then on.

    The capture stays as it is; see `editor3d.datasets.added_objects` for where names are kept.

    Args:
        scene: a capture, reconstructed first if it was not yet, or the result of an edit.
        name: a noun; an object that was added by that name is replaced.
        region: as `region` of `Scene.edit`; `strokes:FILE.json` says it by a few strokes.
        output: folder that reconstructions are kept in.

    Raises:
        Editor3DError: one sentence on what was expected, what came and what to do.
    """
    from editor3d.datasets.added_objects import check_name
    from editor3d.plugin.bases.base import ensure_base
    from editor3d.plugin.results.named_objects import name_object
    from editor3d.plugin.results.runs import open_run
    from editor3d.plugin.train.config import PluginTrainerConfig
    from editor3d.regions import parse_region, seen_parts

    if scene.is_file:
        raise ConfigError(
            f"Expected a capture or a run, got the file of splats {scene.data}, which has no views to name things in: "
            f"give --region strokes:FILE or a shape to its edits."
        )
    check_name(name)
    part, run = parse_region(region), scene.base
    if run is None:
        config = edit_config(scene, EditOptions(editor="procedural", output=Path(output).expanduser()))
        PluginTrainerConfig.check(config)
        for seen in seen_parts(part):
            seen.check(config.capture())
        run = ensure_base(config.base_method, config, None).run
    return name_object(open_run(run)[1], name, region)


@settled()
def change_splats(
    scene: Path | str,
    select: str,
    output: Path | str,
    *,
    delete: bool = False,
    fill: bool = False,
    duplicate: Sequence[float] | None = None,
    recolor: str | None = None,
    strength: float | None = None,
    around: Around | None = None,
) -> SplatChange:
    """Delete, copy or recolour a part of a scene of splats, without an instruction; one of the three.

    The numbers of all other Gaussians are written as they are.

    Args:
        scene: a file of splats, or the folder of a run whose scene is made of them. It stays unchanged.
        select: the part, as `region` of `Scene.edit`; objects and masks are those of a run's training views.
        output: the changed scene, .ply, .spz, .splat or .glb.
        delete: take it away. Masks of what that leaves open are written beside the output, `<stem>_holes/<view>.png`,
            white where a pixel was covered by an opacity of at least 0.5 and no longer is: in the training views of a
            run, or in views from cameras round a file, which are written besides.
        fill: with `delete`: also take away what was hidden in it, and continue beneath it the surface that it stood on,
            with the texture around.
        duplicate: copy it, the copies moved by [3] in the capture's frame.
        recolor: bring its mean colour to this one, '#rrggbb' or a name; light and shade across it stay.
        strength: how far towards that colour, 0..1; None is all the way.
        around: the cameras round a file from which holes are looked for.

    Returns:
        How many Gaussians of how many, and what was left open.

    Raises:
        Editor3DError: one sentence on what was expected, what came and what to do; no output is written.
    """
    from PIL import ImageColor

    color = None
    if recolor is not None:
        try:
            color = [value / 255 for value in ImageColor.getrgb(recolor)[:3]]
        except ValueError as error:
            raise ConfigError(f"Expected a colour, '#rrggbb' or a name, got {recolor}.") from error
    if strength is not None and (recolor is None or not 0.0 <= strength <= 1.0):
        raise ConfigError(f"Expected a strength of 0 to 1, and a colour to go with it, got {strength}.")
    if duplicate is not None and (len(duplicate) != 3 or not all(math.isfinite(number) for number in duplicate)):
        raise ConfigError(f"Expected three numbers to move the copies by, got {duplicate}.")
    require_run(Path(scene).expanduser(), RUN_OR_SPLATS)
    return load_target(CHANGE_SPLATS)(
        Path(scene).expanduser(),
        select,
        Path(output).expanduser(),
        remove=delete,
        fill=fill,
        offset=duplicate,
        color=color,
        strength=1.0 if strength is None else strength,
        around=around,
    )


@settled()
def resume(
    run: Path | str, *, data: Path | str | None = None, accept: bool = False, again: int | None = None
) -> Edit | Scene:
    """Resume an interrupted edit or reconstruction; a finished run stays unchanged.

    Args:
        run: its folder.
        data: where its capture is now, if it was moved; that is written down in the run.
        accept: of an edit that waits for its first 2D edit to be looked at: that is as it should be.
        again: of the same: make that 2D edit again by this seed, and wait again.

    Returns:
        The finished edit, or the reconstructed scene, to be edited.

    Raises:
        CheckpointError: the folder holds no run of one of this project's methods.
        DataError: the capture is gone, or `data` is another.
        ConfigError: the run would use an image service that was not chosen on this machine.
        KeyboardInterrupt: stopped again.
    """
    from editor3d.plugin.bases.captures import place_capture
    from editor3d.plugin.config.file import read_config
    from editor3d.plugin.edit.trainer import EditTrainerConfig
    from editor3d.plugin.train.config import PluginTrainerConfig, place_run
    from editor3d.update.keys.approval import decide

    run = Path(run)
    other = other_run(run)
    if other is None and not (run / "config.yml").is_file():
        raise CheckpointError(f"Expected the folder of a run (with config.yml) at {run}, found none: check the path.")
    if other is not None and data is not None:
        raise ConfigError(f"Expected no data for {run}, whose views are renders: leave it out.")
    decide(run, accept, again)
    if other is not None:
        return Edit(load_target(other.resume)(run))
    config = read_config(run / "config.yml")
    if not isinstance(config, PluginTrainerConfig):
        raise CheckpointError(
            f"Expected a run of one of this project's methods (editor3d list methods) at {run}, found one of "
            f"{config.method_name}: resume it with nerfstudio's own ns-train."
        )
    place_run(config, run)
    place_capture(config, run, data)
    config.check()
    folder = _run(config)
    return Edit(folder) if isinstance(config, EditTrainerConfig) else load(folder)


def _run(config: PluginTrainerConfig, only_plan: bool = False) -> Path:
    """Train to the end, or show the plan of an edit alone; the run's folder."""
    from editor3d.run.folders import alone
    from editor3d.run.stopping import RunInterrupted

    config.write_config()
    with alone(config.get_base_dir()):
        trainer = config.setup(local_rank=0, world_size=1)
        try:
            trainer.prepare()
            if only_plan:
                print(f"The views: {trainer.show_plan()}")
            done = only_plan or trainer.fit()
        except RunInterrupted as interrupted:
            raise KeyboardInterrupt from interrupted
        trainer.shutdown()
    if not done and trainer.awaited is None:
        raise KeyboardInterrupt
    return trainer.base_dir
