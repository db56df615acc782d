"""Build the node pack's zip: `python -m editor3d.comfyui_nodes.build_zip [--output dist]`. The same files give the same
bytes."""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path

NAME = "comfyui_editor3d"
SOURCE = Path(__file__).parent
_FILES = ("__init__.py", "command.py", "nodes.py")
_DATE = (2020, 1, 1, 0, 0, 0)
_PROJECT = f"""[project]
name = "{NAME}"
description = "Edit captured 3D scenes with one written instruction"
version = "0.1.0"
license = "Apache-2.0"
dependencies = []

[tool.comfy]
DisplayName = "editor3d"
"""


def build(output: Path) -> Path:
    """Write the zip into a folder; its path."""
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{NAME}.zip"
    contents = {file: (SOURCE / file).read_text(encoding="utf-8") for file in _FILES} | {"pyproject.toml": _PROJECT}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, text in sorted(contents.items()):
            entry = zipfile.ZipInfo(f"{NAME}/{file}", _DATE)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
            archive.writestr(entry, text)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build the node pack for ComfyUI.")
    parser.add_argument("--output", type=Path, default=Path("dist"), help="the folder of the zip")
    print(build(parser.parse_args().output))
