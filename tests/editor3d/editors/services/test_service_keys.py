"""A capture of 84 views edited by a service that counts: what is announced is what is paid, however often it dies."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from editor3d.editors.services.editor import ServiceEditor
from editor3d.editors.sheets.editor import SheetEditor
from editor3d.update.state import PictureStore

from ...update.keys.painted_room import Room


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def capture() -> Room:
    return Room(84)


@pytest.mark.parametrize(("sheets", "calls"), [(False, 12), (True, 4)])
def test_twelve_edits_cost_what_was_announced_and_a_run_that_dies_pays_for_nothing_twice(
    capture, fake, settings, spent, tmp_path, monkeypatch, sheets, calls
):
    def started(folder: str):
        service = ServiceEditor(replace(settings, sizes=()))
        return capture.updater(tmp_path / folder, SheetEditor(service) if sheets else service, edits=12)

    write = PictureStore.write

    def dying_after(left: int):
        def dying(*args) -> None:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            write(*args)

        return dying

    told = started("run").forecast()
    assert (told.edits, told.calls, told.of) == (12, calls, 84)
    for left in (0, 1, 3, 0, 5):  # it dies before one more picture is on disk, again and again
        with monkeypatch.context() as patch:
            patch.setattr(PictureStore, "write", dying_after(left))
            with pytest.raises(Killed):
                started("run").before_step(0)
    run = started("run")
    run.before_step(0)
    assert len(fake.asked) == calls
    assert spent() == pytest.approx(told.cost) == pytest.approx(calls * settings.price)
    assert len(run.state.edits) == len(run.key_state.accepted) == 12
    assert len(capture.live) == 84  # the others' pictures come from these
    changed = [index for index, now in capture.live.items() if not torch.equal(now, to_bytes(capture.pictures[index]))]
    assert len(changed) == 84


def to_bytes(picture: torch.Tensor) -> torch.Tensor:
    return (picture * 255).round().to(torch.uint8)
