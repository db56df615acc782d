"""What nerfstudio says of every run is left out, and nothing else is."""

from __future__ import annotations

import pytest
from nerfstudio.utils.rich_utils import CONSOLE

from editor3d.plugin.train.chatter import LEFT_OUT, without_chatter


def test_only_known_lines_are_dropped_and_only_meanwhile():
    with CONSOLE.capture() as heard:
        with without_chatter():
            for line in LEFT_OUT:
                CONSOLE.print(f"[bold yellow]{line} somewhere")
                CONSOLE.log(f"{line} somewhere")
            CONSOLE.print("Viewer failed.", "Continuing.")
            CONSOLE.log("The disk is nearly full.")
        CONSOLE.print(LEFT_OUT[0])
    said = heard.get()
    assert "Viewer failed. Continuing." in said
    assert "The disk is nearly full." in said
    assert "somewhere" not in said
    assert LEFT_OUT[0] in said


def test_an_error_passes_and_what_follows_is_heard():
    def failing() -> None:
        with without_chatter():
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    with CONSOLE.capture() as heard:
        CONSOLE.print(LEFT_OUT[0])
    assert LEFT_OUT[0] in heard.get()
