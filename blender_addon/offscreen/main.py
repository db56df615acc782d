# SPDX-FileCopyrightText: 2026 The editor3d developers
#
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program of a second Blender: carries out the job of a JSON file, its last argument, and says what went wrong."""

import importlib
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def main(job):
    told = {}
    try:
        importlib.import_module(job["what"]).carry_out(job)
    except (ImportError, RuntimeError, LookupError, ValueError, TypeError, OSError) as error:
        lines = str(error).strip().splitlines()
        told = {"error": f"The second Blender failed: {lines[-1] if lines else type(error).__name__}"}
    with open(os.path.join(job["folder"], "told.json"), "w", encoding="utf-8") as file:
        json.dump(told, file)
    os._exit(0)  # as a module Blender may hang at its end


if __name__ == "__main__":
    with open(sys.argv[-1], encoding="utf-8") as _file:
        main(json.load(_file))
