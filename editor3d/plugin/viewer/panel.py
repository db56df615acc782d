"""The edit in nerfstudio's viewer: the instruction, guidance scales, edited pictures, pause and reset."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerfstudio.viewer.viewer_elements import (
    ViewerButton,
    ViewerCheckbox,
    ViewerElement,
    ViewerSlider,
    ViewerText,
)
from PIL import Image
from torch import Tensor, nn

from editor3d.errors import Editor3DError
from editor3d.files.safe_open import UNREADABLE, open_picture
from editor3d.files.writing import visible_below

if TYPE_CHECKING:
    from viser import ViserServer

    from editor3d.update.engine import DatasetUpdater
    from editor3d.update.scene import Guidance

_SHOWN = 4
_SHOWN_WIDTH = 256


class EditedPictures(ViewerElement[str]):
    """The latest edited pictures, shown in the control tab.

    Args:
        name: the heading.
        note: a sentence below it.
        folder: pictures to begin with; read once somebody looks.
    """

    def __init__(self, name: str, note: str = "", folder: Path | None = None) -> None:
        super().__init__(name)
        self._pictures: dict[str, str] = {}
        self._note, self._folder = note, folder
        self.gui_handle: Any = None  # nerfstudio lists the kinds of its own elements alone

    def _create_gui_handle(self, viser_server: ViserServer) -> None:
        self._read_folder()
        self.gui_handle = viser_server.gui.add_markdown(self._markdown(), image_root=Path(), visible=self.visible)

    def install(self, viser_server: ViserServer) -> None:
        self._create_gui_handle(viser_server)

    def add(self, view: str, picture: Tensor) -> None:
        """Show a picture [H, W, 3] uint8; the oldest shown goes."""
        self._add(view, Image.fromarray(picture.numpy()))
        if self.gui_handle is not None:
            self.gui_handle.content = self._markdown()

    def _add(self, view: str, image: Image.Image) -> None:
        image.thumbnail((_SHOWN_WIDTH, _SHOWN_WIDTH))
        data = io.BytesIO()
        image.save(data, format="jpeg", quality=85)
        self._pictures.pop(view, None)
        self._pictures[view] = base64.b64encode(data.getvalue()).decode("ascii")
        while len(self._pictures) > _SHOWN:
            del self._pictures[next(iter(self._pictures))]

    def _read_folder(self) -> None:
        """Take some of the folder's pictures, spread over all of them; damaged ones are passed over."""
        folder = self._folder or Path()
        paths = [] if self._folder is None else visible_below(folder)
        count = min(_SHOWN, len(paths))
        for path in (paths[(2 * k + 1) * len(paths) // (2 * count)] for k in range(count)):
            with suppress(*UNREADABLE), open_picture(path, ("PNG",)) as image:
                self._add(path.relative_to(folder).with_suffix("").as_posix(), image.convert("RGB"))

    def _markdown(self) -> str:
        pictures = [f"{view}\n\n![{view}](data:image/jpeg;base64,{data})" for view, data in self._pictures.items()]
        note = [self._note] if self._note else []
        return "\n\n".join([f"**{self.name}**", *note, *(reversed(pictures) if pictures else ["none yet"])])


def what_next(run: Path | None) -> str:
    """What to do with a run that is only looked at."""
    if run is None or not run.is_dir():  # of before the folder was noted, or moved since
        return "This run is only looked at; edit it with `editor3d edit RUN --instruction …`"
    if (run / "before_after.png").is_file():
        return f"This is a finished run; edit it with `editor3d edit {run} --instruction …`"
    return f"This run was interrupted; resume it with `editor3d resume {run}`"


class EditPanel(nn.Module):
    """Controls of a running edit; of a run that is only looked at, what came of it, and controls that are disabled.

    A module because that is where the viewer looks for elements; it has no parameters. The viewer's callbacks come from
    another thread: they only note the request, and the training thread carries it out between two steps.

    Args:
        still: the run is only looked at.
        run: its folder then, where it is known.
    """

    def __init__(
        self,
        instruction: str,
        guidance_scale: float,
        image_guidance_scale: float,
        still: bool = False,
        run: Path | None = None,
    ) -> None:
        super().__init__()
        self.instruction = ViewerText("Instruction", instruction, disabled=still)
        self.guidance_scale = ViewerSlider("Guidance scale", guidance_scale, 0.0, 30.0, 0.1, disabled=still)
        self.image_guidance_scale = ViewerSlider(
            "Image guidance scale", image_guidance_scale, 0.0, 10.0, 0.1, disabled=still
        )
        self.apply_button = ViewerButton("Apply", cb_hook=lambda _: self._ask("apply"), disabled=still)
        self.pause = ViewerCheckbox("Pause edits", False, disabled=still)
        self.reset = ViewerButton("Reset", cb_hook=lambda _: self._ask("reset"), disabled=still)
        self.status = ViewerText("Status", "", disabled=True)
        self.pictures = EditedPictures("Edited pictures")
        if still:
            self.pictures = EditedPictures("Edited pictures", what_next(run), run and run / "edited")
        self._asked: set[str] = set()
        self._updater: DatasetUpdater | None = None
        self.on_apply: Callable[[Guidance], None] | None = None
        """Carries out the request; may refuse."""

    @property
    def paused(self) -> bool:
        return bool(self.pause.value)

    def connect(self, updater: DatasetUpdater) -> None:
        """Control this updater, and show what it makes."""
        self._updater = updater
        self.on_apply = updater.restart
        updater.on_edit = self._show

    def apply_requests(self) -> None:
        """Carry out the requests since the last step. Called by the training thread."""
        while self._asked:
            {"apply": self._do_apply, "reset": self._do_reset}[self._asked.pop()]()

    def _ask(self, what: str) -> None:
        self._asked.add(what)

    def _connected(self) -> DatasetUpdater:
        assert self._updater is not None  # a run that is only looked at has controls that are disabled
        return self._updater

    def _do_apply(self) -> None:
        guidance = replace(
            self._connected().guidance,
            instruction=self.instruction.value.strip(),
            guidance_scale=float(self.guidance_scale.value),
            image_guidance_scale=float(self.image_guidance_scale.value),
        )
        try:
            (self.on_apply or self._connected().restart)(guidance)
            self._say(f"editing: {guidance.instruction}")
        except Editor3DError as error:
            self._say(str(error))

    def _do_reset(self) -> None:
        self._connected().reset()
        self._say("reset to the unedited pictures")

    def _show(self, index: int, picture: Tensor) -> None:
        if self.pictures.gui_handle is not None:  # encoding pictures that nobody sees would cost time
            updater = self._connected()
            self.pictures.add(updater.scene.views[index].name, picture)
            self._say(f"{len(updater.state.edits)} edits made")

    def _say(self, text: str) -> None:
        if self.status.gui_handle is not None:
            self.status.value = text
