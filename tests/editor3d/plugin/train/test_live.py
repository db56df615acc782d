"""A scene is shown while it is trained, where somebody follows, and is trained as it would be without."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from editor3d.plugin.train import shown as live
from editor3d.run import events


def test_pictures_are_shown_to_who_follows_and_change_nothing(tiny_edit, start, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(live, "LIVE_FIRST_SECONDS", 0.0)
    monkeypatch.setattr(live, "LIVE_SECONDS", 0.0)
    sizes: list[tuple[int, int]] = []
    emit = events.emit

    def looked_at(event: events.Event) -> None:
        if isinstance(event, events.Picture) and event.path.endswith(live.LIVE):
            sizes.append(Image.open(event.path).size)
        emit(event)

    monkeypatch.setattr(events, "emit", looked_at)
    states = []
    for followed in (False, True):
        trainer = start(tiny_edit(output_dir=tmp_path / str(followed)))
        if followed:
            with events.writing(str(tmp_path / "events.jsonl")):
                assert trainer.fit()
        else:
            assert trainer.fit()
            assert sizes == []
        assert not (trainer.base_dir / live.LIVE).exists()
        states.append(trainer.pipeline.model.state_dict())
    assert len(sizes) == 6
    assert max(max(size) for size in sizes) <= live.LIVE_SIDE
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name


@pytest.mark.parametrize("followed", [False, True])
def test_whether_somebody_follows_is_known(tmp_path: Path, followed: bool) -> None:
    if followed:
        with events.writing(str(tmp_path / "events.jsonl")):
            assert events.followed()
    assert not events.followed()
