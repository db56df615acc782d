"""Entries of the editors for measuring, as packages that are installed give them. Imports no editor."""

from __future__ import annotations

from editor3d.editors import EditorEntry
from editor3d.types import EditorInfo

NOISY = EditorEntry(
    EditorInfo(
        name="procedural-noisy",
        summary="The procedural editor, inconsistent from call to call like a diffusion model: for measuring",
        license="Apache-2.0",
        keeps_shape=True,
        varies_with_seed=True,
        edits_objects=True,
        tells_objects=True,
        origin="rule",
    ),
    "lab.editors.noisy:NoisyProceduralEditor",
)

FAULTY = EditorEntry(
    EditorInfo("faulty", "Another editor with one fault in five planted: for measuring", "Apache-2.0"),
    "lab.editors.faulty:create",
    argument="optional",
    argument_help="the other editor",
    runs_model=True,
)
