"""The panel in nerfstudio's viewer, driven as its callbacks drive it, while a real edit runs with a real server."""

from __future__ import annotations

import os
import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
import pytest
import torch
import yaml
from nerfstudio.utils.eval_utils import eval_setup
from nerfstudio.viewer.utils import parse_object
from nerfstudio.viewer.viewer_elements import ViewerElement
from viser import ViserServer

from editor3d.run.record import read_record

REFUSED = "make it look like a xylophone quartet"
ACCEPTED = "make it night"


@dataclass
class Session:
    """A trainer, and what a person does between two of its steps."""

    trainer: object
    acts: dict[int, Callable[[], None]] = field(default_factory=dict)

    @property
    def panel(self):
        return self.trainer.pipeline.edit_panel

    @property
    def updater(self):
        return self.trainer.pipeline.updater

    @property
    def pixels(self) -> torch.Tensor:
        return self.trainer.pipeline.datamanager.train_pictures.pixels.clone()

    @property
    def grid(self) -> torch.Tensor:
        return self.trainer.pipeline.model.field.grid.detach().clone()

    def press(self, name: str) -> None:
        element = getattr(self.panel, name)
        element.cb_hook(element)

    def after(self, step: int) -> Callable:
        """Decorates what is done after a step, outside of nerfstudio's training lock as any viewer callback is."""

        def register(act: Callable[[], None]) -> None:
            self.acts[step] = act

        return register

    def run(self) -> bool:
        update_viewer, done = self.trainer._update_viewer_state, set()

        def between_steps(step: int) -> None:
            update_viewer(step)
            if step in self.acts:
                self.acts[step]()
                done.add(step)

        self.trainer._update_viewer_state = between_steps
        finished = self.trainer.fit()
        assert done == set(self.acts)
        return finished


@pytest.fixture
def session(tiny_edit):
    pipeline = {"schedule": "cyclic", "edit_rate": 1, "edit_count": 1}
    config = tiny_edit(editor="procedural-noisy", steps=10, vis="viewer", pipeline=pipeline)
    config.save_config()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.prepare()
    yield Session(trainer)
    trainer.shutdown()


def addresses_of(port: int) -> set[str]:
    """Where this process listens on a port."""
    connections = psutil.Process(os.getpid()).net_connections("tcp")
    return {one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN and one.laddr.port == port}


def test_viewer_is_on_this_machine_only_shows_the_panel_and_ends_with_the_run(session):
    seen, port = {}, session.trainer.viewer_state.viser_server.get_port()

    @session.after(2)
    def look() -> None:
        seen["addresses"] = addresses_of(port)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            seen["status"] = answer.status
        elements = session.trainer.viewer_state.viewer_elements
        seen["names"] = {element.name for _, element in elements if element.gui_handle is not None}
        seen["pictures"] = session.panel.pictures.gui_handle.content

    assert session.run()
    assert seen["addresses"] == {"127.0.0.1"}
    assert seen["status"] == 200
    wanted = {"Instruction", "Guidance scale", "Image guidance scale", "Apply", "Pause edits", "Reset", "Status"}
    assert wanted | {"Edited pictures"} <= seen["names"]
    for edit in session.updater.state.edits[:3]:
        assert f"![{edit.view}](data:image/jpeg;base64," in seen["pictures"]


def test_pause_stops_edits_while_fitting_goes_on(session):
    seen = {}

    @session.after(2)
    def pause() -> None:
        session.panel.pause.value = True
        seen["edits"], seen["pixels"], seen["grid"] = len(session.updater.state.edits), session.pixels, session.grid

    @session.after(6)
    def go_on() -> None:
        assert len(session.updater.state.edits) == seen["edits"] == 3
        assert torch.equal(session.pixels, seen["pixels"])
        assert not torch.equal(session.grid, seen["grid"])
        session.panel.pause.value = False

    assert session.run()
    assert len(session.updater.state.edits) == 3 + 3


def test_reset_puts_the_photographs_back_between_two_steps(session):
    originals = session.pixels
    changed = []

    @session.after(3)
    def reset() -> None:
        changed.append(not torch.equal(session.pixels, originals))
        session.panel.pause.value = True
        session.press("reset")
        changed.append(not torch.equal(session.pixels, originals))  # not yet: a step may be under way

    @session.after(4)
    def look() -> None:
        assert torch.equal(session.pixels, originals)
        assert "unedited" in session.panel.status.value
        session.panel.pause.value = False

    assert session.run()
    assert changed == [True, True]
    assert [edit.view for edit in session.updater.state.edits[4:6]] == [
        edit.view for edit in session.updater.state.edits[:2]
    ]
    assert not torch.equal(session.pixels, originals)


def test_a_refused_instruction_is_told_and_changes_nothing_and_a_good_one_is_taken(session):
    first = session.trainer.pipeline.plan.instruction

    @session.after(1)
    def ask_for_the_impossible() -> None:
        session.panel.instruction.value = REFUSED
        session.panel.guidance_scale.value = 9.0
        session.press("apply_button")

    @session.after(2)
    def read_the_refusal() -> None:
        assert session.updater.guidance.instruction == first
        assert session.updater.guidance.guidance_scale == 7.5
        session.panel.instruction.value = ACCEPTED

    @session.after(3)
    def apply() -> None:
        assert session.updater.guidance.instruction == first  # until applied
        session.press("apply_button")

    said = []
    say = session.panel._say
    session.panel._say = lambda text: (said.append(text), say(text))
    assert session.run()
    assert session.updater.guidance.instruction == ACCEPTED
    assert session.updater.guidance.guidance_scale == 9.0
    assert any("xylophone" in text for text in said)
    assert f"editing: {ACCEPTED}" in said
    edits = session.updater.state.edits
    assert edits[4].view == edits[0].view  # from the first view again
    record = read_record(session.trainer.base_dir / "edit.json")
    assert (record.instruction, record.guidance_scale) == (ACCEPTED, 9.0)
    assert [edit.instruction for edit in record.edits] == [first] * 4 + [None] * 6  # None: the record's


@pytest.fixture
def look_at(session):
    """Opens the session's run as ns-viewer does, and shows its panel by a real server."""
    servers = []

    def look(name: str = "config.yml"):
        _, pipeline, _, _ = eval_setup(session.trainer.base_dir / name, test_mode="test")
        server = ViserServer(host="127.0.0.1", port=0, verbose=False)
        servers.append(server)
        elements = dict(parse_object(pipeline.edit_panel, ViewerElement, "panel"))
        for element in elements.values():
            element.install(server)
        return pipeline.edit_panel, {element.name: element for element in elements.values()}

    yield look
    for server in servers:
        server.stop()


def test_a_finished_run_shows_its_pictures_and_says_how_to_edit_it_further(session, look_at):
    assert session.run()
    panel, elements = look_at()
    shown = panel.pictures.gui_handle.content
    names = {path.stem for path in (session.trainer.base_dir / "edited").glob("*.png")}
    assert len(re.findall(r"!\[(.+?)\]\(data:image/jpeg;base64,", shown)) == 4
    assert set(re.findall(r"!\[(.+?)\]", shown)) <= names
    assert f"editor3d edit {session.trainer.base_dir} --instruction" in shown
    controls = {"Instruction", "Guidance scale", "Image guidance scale", "Apply", "Pause edits", "Reset"}
    assert all(elements[name].gui_handle.disabled for name in controls)
    assert elements["Instruction"].gui_handle.value == session.trainer.config.options.instruction


def test_an_interrupted_run_says_how_to_go_on(session, look_at):
    session.after(2)(lambda: setattr(session.trainer, "stop_training", True))
    assert not session.run()
    panel, _ = look_at()
    assert f"editor3d resume {session.trainer.base_dir}" in panel.pictures.gui_handle.content
    assert "none yet" in panel.pictures.gui_handle.content


def test_damaged_pictures_and_runs_that_note_no_folder_are_shown_all_the_same(session, look_at):
    assert session.run()
    run = session.trainer.base_dir
    for path in (run / "edited").glob("*.png"):
        path.write_bytes(b"cut short")
    assert "none yet" in look_at()[0].pictures.gui_handle.content
    config = yaml.load((run / "config.yml").read_text(), Loader=yaml.Loader)
    del config.pipeline.run
    (run / "older.yml").write_text(yaml.dump(config))
    shown = look_at("older.yml")[0].pictures.gui_handle.content
    assert "none yet" in shown
    assert "editor3d edit RUN --instruction" in shown
