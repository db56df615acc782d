"""What a vision model is told about programs is what the gate does."""

from __future__ import annotations

import re

from editor3d.programs.sandbox import gate
from editor3d.programs.vision.proposer import _SYSTEM


def test_the_modules_that_are_named_are_those_that_may_be_imported():
    told = re.search(r"import anything but (.*?), or touch", " ".join(_SYSTEM.split()))[1]
    named = set(re.split(r", | and ", told))
    refused = gate.check("import nothing_of_the_kind")
    allowed = set(re.search(r"allowed are ([\w, ]+)", refused)[1].split(", "))
    assert named == allowed
