"""What is written past Python is dropped meanwhile, and heard again afterwards."""

from __future__ import annotations

import os
import sys

import pytest

from editor3d.host.silence import silenced


@pytest.mark.parametrize(("name", "descriptor"), [("stdout", 1), ("stderr", 2)])
def test_only_what_is_written_meanwhile_is_dropped(capfd, name, descriptor):
    stream = getattr(sys, name)
    stream.write("before ")

    def failing() -> None:
        with silenced(stream, descriptor):
            os.write(descriptor, b"meanwhile ")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    os.write(descriptor, b"after")
    heard = capfd.readouterr()
    assert getattr(heard, "out" if descriptor == 1 else "err") == "before after"
