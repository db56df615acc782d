"""Pictures edited elsewhere, matched by the view's name: bring your own edits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from editor3d.datasets.views.headers import inspect_picture
from editor3d.datasets.views.images import read_image
from editor3d.editors import EDITORS
from editor3d.errors import DataError, EditorUnavailableError
from editor3d.files.writing import visible_below
from editor3d.types import EditorInfo, EditRequest

SUFFIXES = frozenset([".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"])


class FolderEditor:
    """Returns, for each view, the picture of that name below a folder; the instruction may be empty.

    A view `left/frame_00001` is looked for as `DIR/left/frame_00001` with any common suffix.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder).expanduser()

    @property
    def info(self) -> EditorInfo:
        return EDITORS["folder"].info

    def validate(self, instruction: str, objects: Collection[str], views: Collection[str]) -> None:
        """Refuse views without a picture. The instruction is not looked at.

        Raises:
            EditorUnavailableError: the folder or pictures are missing, or one view has two.
        """
        missing = [view for view in views if view not in self._pictures]
        if missing:
            raise EditorUnavailableError(
                f"{self._folder} must hold an edited picture for each of the {len(views)} views, but {len(missing)} "
                f"are missing, the first '{missing[0]}'; put it there as {missing[0]}.png, or edit by in2n or igs2gs "
                f"without --edits all, which carry a few edited pictures over to the other views."
            )
        for view in views:
            self._picture(view)

    def editable_views(self, views: Sequence[str]) -> tuple[str, ...]:
        """The views that the folder has a picture of.

        Raises:
            EditorUnavailableError: the folder is missing, or has no such picture.
        """
        held = tuple(view for view in views if view in self._pictures)
        if not held:
            raise EditorUnavailableError(
                f"Expected in {self._folder} edited pictures named like the views, found none of the {len(views)}: "
                f"name the picture of the view '{views[0]}' {views[0]}.png, and so on."
            )
        return held

    def edit(self, request: EditRequest) -> Tensor:
        """Read the view's picture.

        Returns:
            [H, W, 3] float32 in 0..1 on the condition's device; scaled to the condition's size.

        Raises:
            EditorUnavailableError: missing, damaged, or of another aspect ratio.
        """
        path = self._picture(request.view)
        height, width = request.condition.shape[:2]
        try:
            got_width, got_height = inspect_picture(path).size_for(width, height)
            # A picture scaled from the view's size is off by less than one pixel of the smaller of the two.
            if abs(got_height - height * got_width / width) > max(1.0, got_width / width):
                raise EditorUnavailableError(
                    f"{path} must have the shape of the view, {width}x{height} or a multiple, but is "
                    f"{got_width}x{got_height}; edit the whole picture without cropping."
                )
            pixels = read_image(path, (width, height))
        except DataError as error:
            raise EditorUnavailableError(str(error)) from error
        return pixels.to(request.condition.device, torch.float32) / 255.0

    @cached_property
    def _pictures(self) -> dict[str, list[Path]]:
        """View name -> pictures of that name."""
        if not self._folder.is_dir():
            raise EditorUnavailableError(
                f"The folder of edited pictures {self._folder} does not exist; give one after 'folder:'."
            )
        found: defaultdict[str, list[Path]] = defaultdict(list)
        for path in visible_below(self._folder, "*"):
            if path.suffix.lower() in SUFFIXES:
                found[path.relative_to(self._folder).with_suffix("").as_posix()].append(path)
        return dict(found)

    def _picture(self, view: str) -> Path:
        paths = self._pictures.get(view, [])
        if len(paths) != 1:
            held = " and ".join(path.name for path in paths) or "none"
            raise EditorUnavailableError(
                f"{self._folder} must hold exactly one edited picture of the view '{view}', but holds {held}."
            )
        return paths[0]
