# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the add-on's zip: `python blender_addon/build_zip.py [--output dist]`. The same files give the same bytes.

One zip serves Blender 4.2 and later (an extension) and 3.4 to 4.1 (a legacy add-on): its one folder holds both the
manifest and `bl_info`. Needs Python 3.11 and nothing else; it is not part of the zip.
"""

import argparse
import ast
import sys
import tomllib
import zipfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
_KEPT = (".py", ".toml")
_DATE = (2026, 1, 1, 0, 0, 0)


def files():
    """What goes into the zip, in order."""
    left_out = {SOURCE / Path(__file__).name}
    found = [path for path in SOURCE.rglob("*") if path.suffix in _KEPT or path.name == "LICENSE"]
    return sorted(path for path in found if path not in left_out and "__pycache__" not in path.parts)


def manifest():
    """The manifest's content.

    Raises:
        ValueError: `bl_info` names another version.
    """
    body = tomllib.loads((SOURCE / "blender_manifest.toml").read_text(encoding="utf-8"))
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    (value,) = (n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "bl_info")
    version = ".".join(map(str, ast.literal_eval(value)["version"]))
    if version != body["version"]:
        raise ValueError(f"bl_info says version {version}, the manifest {body['version']}: make them equal.")
    return body


def build(output):
    """Write the zip into a folder; its path."""
    body = manifest()
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{body['id']}-{body['version']}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files():
            entry = zipfile.ZipInfo(f"{body['id']}/{file.relative_to(SOURCE).as_posix()}", _DATE)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
            archive.writestr(entry, file.read_bytes())
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build the zip of Blender's add-on.")
    parser.add_argument("--output", type=Path, default=SOURCE.parent / "dist")
    try:
        print(build(parser.parse_args().output))
    except ValueError as error:
        sys.exit(f"error: {error}")
