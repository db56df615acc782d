"""The edit in nerfstudio's viewer: the instruction, guidance scales, edited pictures, pause and reset."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from viser import ViserServer

    from editor3d.update.engine import DatasetUpdater

_SHOWN = 4
_SHOWN_WIDTH = 256


class EditedPictures(ViewerElement[str]):
    """The latest edited pictures, shown in the control tab."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._pictures: dict[str, str] = {}

    def _create_gui_handle(self, viser_server: ViserServer) -> None:
        self.gui_handle = viser_server.gui.add_markdown(self._markdown(), image_root=Path(), visible=self.visible)

    def install(self, viser_server: ViserServer) -> None:
        self._create_gui_handle(viser_server)

    def add(self, view: str, picture: Tensor) -> None:
        """Show a picture [H, W, 3] uint8; the oldest shown goes."""
        image = Image.fromarray(picture.numpy())
        image.thumbnail((_SHOWN_WIDTH, _SHOWN_WIDTH))
        data = io.BytesIO()
        image.save(data, format="jpeg", quality=85)
        self._pictures.pop(view, None)
        self._pictures[view] = base64.b64encode(data.getvalue()).decode("ascii")
        while len(self._pictures) > _SHOWN:
            del self._pictures[next(iter(self._pictures))]
        if self.gui_handle is not None:
            self.gui_handle.content = self._markdown()

    def _markdown(self) -> str:
        pictures = [f"{view}\n\n![{view}](data:image/jpeg;base64,{data})" for view, data in self._pictures.items()]
        return f"**{self.name}**\n\n" + ("\n\n".join(reversed(pictures)) or "none yet")


class EditPanel(nn.Module):
    """Controls of a running edit.

    A module because that is where the viewer looks for elements; it has no parameters. The viewer's callbacks come from
    another thread: they only note what was asked for, and the training thread does it between two steps.
    """

    def __init__(self, instruction: str, guidance_scale: float, image_guidance_scale: float) -> None:
        super().__init__()
        self.instruction = ViewerText("Instruction", instruction)
        self.guidance_scale = ViewerSlider("Guidance scale", guidance_scale, 0.0, 30.0, 0.1)
        self.image_guidance_scale = ViewerSlider("Image guidance scale", image_guidance_scale, 0.0, 10.0, 0.1)
        self.apply = ViewerButton("Apply", cb_hook=lambda _: self._ask("apply"))
        self.pause = ViewerCheckbox("Pause edits", False)
        self.reset = ViewerButton("Reset", cb_hook=lambda _: self._ask("reset"))
        self.status = ViewerText("Status", "", disabled=True)
        self.pictures = EditedPictures("Edited pictures")
        self._asked: set[str] = set()
        self._updater: DatasetUpdater | None = None

    @property
    def paused(self) -> bool:
        return bool(self.pause.value)

    def connect(self, updater: DatasetUpdater) -> None:
        """Control this updater, and show what it makes."""
        self._updater = updater
        updater.on_edit = self._show

    def apply_requests(self) -> None:
        """Do what was asked for since the last step. Called by the training thread."""
        while self._asked:
            getattr(self, f"_do_{self._asked.pop()}")()

    def _ask(self, what: str) -> None:
        self._asked.add(what)

    def _do_apply(self) -> None:
        guidance = replace(
            self._updater.guidance,
            instruction=self.instruction.value.strip(),
            guidance_scale=float(self.guidance_scale.value),
            image_guidance_scale=float(self.image_guidance_scale.value),
        )
        try:
            self._updater.restart(guidance)
            self._say(f"editing: {guidance.instruction}")
        except Editor3DError as error:
            self._say(str(error))

    def _do_reset(self) -> None:
        self._updater.reset()
        self._say("reset to the unedited pictures")

    def _show(self, index: int, picture: Tensor) -> None:
        if self.pictures.gui_handle is not None:  # encoding pictures that nobody sees would cost time
            self.pictures.add(self._updater.scene.views[index].name, picture)
            self._say(f"{len(self._updater.state.edits)} edits made")

    def _say(self, text: str) -> None:
        if self.status.gui_handle is not None:
            self.status.value = text
