"""`editor3d preview`: the 2D edit of a few views side by side."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from editor3d.cli.cameras import CameraOptions
from editor3d.cli.paid import PaidOptions
from editor3d.errors import ConfigError
from editor3d.registry import FILE_VIEWS, SCENE_FILES, load_target
from editor3d.run.consent import consent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from torch import Tensor

    from editor3d.types import Editor, Garment, PosedImages, View, ViewGeometry

    class FileViews(Protocol):
        """What `FILE_VIEWS` names: a file of splats, seen from where an edit would see it."""

        posed: PosedImages

        def render(self, views: Sequence[View]) -> None: ...
        def small(self, side: int) -> list[Tensor]: ...


PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
"""How a single picture ends."""
MAX_VIEWS = 4
SHEET_SIDE = 160
"""Pixels of the longer sides of the pictures that show all views of a file."""


@dataclass(frozen=True)
class Preview:
    """Edit one to four views in 2D, or a single picture, and put them side by side, before any 3D work.

    An editor that starts from the scene's render gets the photograph, since there is no reconstruction yet. For a file
    of splats NAME-views.png also shows, small, all views that an edit would use.
    """

    data: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """Name the folder of a capture (nerfstudio, COLMAP or NeRF-synthetic), a file of splats (.ply, .spz, .splat, .sog),
    a picture (.png, .jpg, .webp, .tif, .bmp), or the word demo."""
    instruction: str = ""
    """Say in one sentence what to change; optional with --garment."""
    garment: Path | None = None
    """Name the picture of a garment, for editors that dress people."""
    editor: str = "auto"
    """Choose the 2D editor by its name in `editor3d list editors`; auto takes the best that is installed."""
    views: Annotated[str | None, tyro.conf.arg(metavar="A,B,C")] = None
    """Name one to four views, separated by commas."""
    count: Literal[1, 2, 3, 4] = 4
    """Set how many views are chosen, evenly over the capture, if --views names none."""
    output: Path = Path("outputs/previews")
    """Name the folder for the picture."""
    downscale_factor: int | None = None
    """Edit at 1/N of the photographs' size; by default sides above 1600 pixels are halved until they are below."""
    around: Annotated[CameraOptions, tyro.conf.arg(name="")] = CameraOptions()
    seed: int = 0
    """Seed an editor that draws random numbers."""
    device: str = "auto"
    """Run an editor's model on this device: cpu, cuda, cuda:1; auto is CUDA if there is one."""
    half_precision: bool = False
    """Run an editor's model in 16 bits."""
    in_3d: Annotated[bool, tyro.conf.arg(aliases=("--3d",))] = False
    """Fit the colours of the scene, reconstructed as splats first if it is not yet, to a few edited views, and show it
    before and after; for edits that keep the scene's shape. The same as editor3d edit --quick, without its video."""
    provenance: bool = True
    """Sign the picture as edited (C2PA); --no-provenance leaves that out."""
    runs: Path = Path("outputs")
    """Name the folder of runs, for --3d: where reconstructions are kept."""

    paid: Annotated[PaidOptions, tyro.conf.arg(name="")] = PaidOptions()

    def run(self) -> int:
        with self.paid.consenting():
            return self._run()

    def _run(self) -> int:
        from tempfile import TemporaryDirectory

        from editor3d.api import load
        from editor3d.datasets import load_posed_images
        from editor3d.datasets.locate import resolve_data
        from editor3d.datasets.opening import announce_reduction

        if self.in_3d:
            return self._preview_3d()
        around = self.around.around()
        picture = Path(self.data).expanduser()
        if picture.suffix.lower() in PICTURES and picture.is_file():
            if around is not None or self.views is not None:
                raise ConfigError(f"Expected no views and no cameras with a picture, {picture}: leave them out.")
            return self._preview(scene_of_picture(picture, self.downscale_factor))
        data = resolve_data(self.data)
        if data.suffix.lower() not in SCENE_FILES or data.is_dir():
            if around is not None:
                load(data, around=around)  # which refuses them
            posed = load_posed_images(data, downscale_factor=self.downscale_factor)
            if self.downscale_factor is None:
                announce_reduction(posed)
            return self._preview(posed)
        load(data, downscale_factor=self.downscale_factor)
        with TemporaryDirectory() as folder:
            file = load_target(FILE_VIEWS)(data, Path(folder), around)
            return self._preview(file.posed, file)

    def _preview_3d(self) -> int:
        """Make a quick edit, and keep its picture."""
        import shutil

        from editor3d.api import load
        from editor3d.files.writing import replacing
        from editor3d.run.events import Picture, Result, absolute, emit

        if self.views is not None or self.device != "auto" or self.half_precision:
            raise ConfigError("Expected no views, device or half precision with --3d, got one: leave it out.")
        scene = load(self.data, downscale_factor=self.downscale_factor, around=self.around.around())
        edit = scene.edit(
            self.instruction,
            garment=self.garment,
            editor=self.editor,
            seed=self.seed,
            output=self.runs,
            quick=True,
            provenance=self.provenance,
        )
        path = self.output / f"{_slug(Path(self.data).resolve().stem)}-{_slug(self.instruction)}-3d.png"
        with replacing(path) as target:
            shutil.copyfile(edit.before_after, target)
        print(path)
        emit(Picture(path=absolute(path)))
        emit(Result(kind="picture", path=absolute(path)))
        return 0

    def _preview(self, scene: PosedImages, file: FileViews | None = None) -> int:
        """Edit some of the views of a scene, whose pictures are made first where it is that of a file of splats."""
        from rich.console import Console

        from editor3d.audit.policy import require_allowed
        from editor3d.datasets.opening import announce
        from editor3d.editors import create_editor, resolve_auto, resolve_auto_try_on
        from editor3d.outputs.pictures import Row, save_contact_sheet, save_side_by_side
        from editor3d.provenance.marking import mark
        from editor3d.provenance.statement import Statement
        from editor3d.run.events import Picture, Result, absolute, emit
        from editor3d.run.progress import tracked

        if scene.root.is_dir():
            announce(scene, None if file is None else Path(self.data).name)
        views = named_views(scene, self.views) if self.views else spread_views(scene, self.count)
        choose = resolve_auto if self.garment is None else resolve_auto_try_on
        spec, reason = choose() if self.editor == "auto" else (self.editor, "as requested")
        editor = create_editor(spec, device=self._device(), half_precision=self.half_precision)
        require_allowed(self.instruction)
        editor.validate(self.instruction, scene.objects.keys(), [view.name for view in views])
        if editor.info.price:
            consent().require(editor.info.price * len(views))

        garment = None
        if self.garment is not None:
            from editor3d.editors.try_on.garment import read_garment

            garment = read_garment(self.garment)
        messages = Console(stderr=True)
        messages.print(f"editor: {spec} ({reason})", markup=False, highlight=False, soft_wrap=True)
        stem = _slug(Path(self.data).resolve().stem)
        if file is not None:
            sheet = self.output / f"{stem}-views.png"
            save_contact_sheet(sheet, file.small(SHEET_SIDE), [view.name for view in scene.views])
            print(sheet)
            emit(Picture(path=absolute(sheet)))
            file.render(views)
        geometry = geometry_of(editor, scene, self.instruction)
        pairs = [
            edit_view(editor, scene, view, self.instruction, self.seed, garment, geometry)
            for view in tracked(views, "editing", "views")
        ]
        title = self.instruction or f"put on {'it' if self.garment is None else self.garment.name}"
        path = self.output / f"{stem}-{_slug(title)}.png"
        rows = [
            Row("photograph" if file is None else "rendered", [before for before, _ in pairs]),
            Row(f"edited by {editor.info.name}", [after for _, after in pairs]),
        ]
        save_side_by_side(path, rows, title=title, columns=[view.name for view in views])
        if self.provenance:
            mark([path], Statement(self.instruction, editor.info.name, editor.info.origin, "preview", "", self.seed))
        print(path)
        emit(Picture(path=absolute(path)))
        emit(Result(kind="picture", path=absolute(path)))
        return 0

    def _device(self) -> str:
        from editor3d.host.device import default_device

        return default_device() if self.device == "auto" else self.device


def geometry_of(editor: Editor, scene: PosedImages, instruction: str) -> Callable[[View], ViewGeometry] | None:
    """What views show of the surface, where the editor uses it for the instruction and the capture has measured it."""
    from editor3d.geometry.scene.measured import MeasuredSurface
    from editor3d.update.instruction import uses_geometry, warn_of_flatness

    if not editor.info.uses_geometry or not uses_geometry(editor, instruction, scene.objects):
        return None
    if any(view.depth_path is None for view in scene.views):
        warn_of_flatness(instruction)
        return None
    return MeasuredSurface(scene).view


def edit_view(
    editor: Editor,
    scene: PosedImages,
    view: View,
    instruction: str,
    seed: int,
    garment: Garment | None = None,
    geometry: Callable[[View], ViewGeometry] | None = None,
) -> tuple[Tensor, Tensor]:
    """The photograph of a view and its edit, both [H, W, 3] in 0..1."""
    from editor3d.datasets.views.images import read_image, read_object_masks
    from editor3d.types import EditRequest

    photo = read_image(view).float() / 255
    request = EditRequest(
        view=view.name,
        instruction=instruction,
        condition=photo,
        render=photo if editor.info.uses_render else None,
        objects=read_object_masks(view, scene.objects) if editor.info.edits_objects else {},
        geometry=None if geometry is None else geometry(view),
        garment=garment,
        seed=seed,
        guidance_scale=editor.info.guidance_scale,
        diffusion_steps=editor.info.diffusion_steps,
    )
    return photo, editor.edit(request)


def scene_of_picture(path: Path, downscale_factor: int | None) -> PosedImages:
    """One picture as a scene of one view; its camera stands in the origin, as good as any other.

    Args:
        path: the picture.
        downscale_factor: as `load_posed_images` takes it.

    Raises:
        DataError: it cannot be read.
        ConfigError: the factor is below 1, or leaves nothing.
    """
    import numpy as np

    from editor3d.datasets.reduce import usual_factor
    from editor3d.datasets.views.headers import inspect_picture
    from editor3d.types import Intrinsics, PosedImages, View

    found = inspect_picture(path)
    width, height = found.width, found.height
    focal = float(max(width, height))
    lens = Intrinsics(width, height, focal, focal, width / 2, height / 2)
    view = View(name=path.stem, image_path=path, split="train", c2w=np.eye(4)[:3], **vars(lens))
    factor = usual_factor([view]) if downscale_factor is None else downscale_factor
    if factor < 1:
        raise ConfigError(f"The downscale factor must be a whole number of at least 1, not {factor}.")
    view = view.downscaled(factor, view.name)
    return PosedImages(path, "nerfstudio", (view,), downscale_factor=factor)


def named_views(scene: PosedImages, names: str) -> list[View]:
    """The views that a comma-separated list names, in its order.

    Raises:
        ConfigError: an unknown name, or more than four.
    """
    by_name = {view.name: view for view in scene.views}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in by_name:
            near = difflib.get_close_matches(name, by_name, n=3) or sorted(by_name)[:3]
            raise ConfigError(f"There is no view {name} in {scene.root}: names are like {', '.join(near)}.")
    if not 1 <= len(wanted) <= MAX_VIEWS:
        raise ConfigError(f"Expected one to {MAX_VIEWS} names of views separated by commas, but got {len(wanted)}.")
    return [by_name[name] for name in wanted]


def spread_views(scene: PosedImages, count: int) -> list[View]:
    """Up to `count` training views, evenly spread over the capture in the order of their names."""
    views = sorted(scene.train_views, key=lambda view: view.name)
    count = min(count, len(views))
    return [views[(2 * k + 1) * len(views) // (2 * count)] for k in range(count)]


def _slug(text: str) -> str:
    return re.sub(r"\W+", "-", text.lower()).strip("-")[:48].rstrip("-") or "edit"
