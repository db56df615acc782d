"""How free Blender's interface stays during an edit, and how quickly ESC ends one: `python benchmarks/blender_ui.py`.

Runs tests/blender_addon/gui.py in a Blender with a window, on a screen of its own (Debian: blender, xvfb, xdotool).
Ticks are the gaps between the calls of a timer of 10 ms; the peers are the same Blender with nothing
running, and with nothing running and its panel drawn anew once a second.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]


def main() -> int:
    test = ROOT / "tests" / "blender_addon" / "test_window.py"
    found = ROOT / "outputs" / "blender" / "found.json"
    found.unlink(missing_ok=True)  # figures of an earlier run are not this one's
    code = subprocess.run([sys.executable, "-m", "pytest", "-q", "-rs", str(test)], cwd=ROOT).returncode
    if code != 0 or not found.is_file():
        return code or 1
    body = json.loads(found.read_text())
    print(f"Blender {'.'.join(map(str, body['version']))}; milliseconds between ticks")
    print(f"{'':28}{'median':>8}{'99 %':>8}{'most':>8}{'ticks':>8}")
    names = {
        "idle": "nothing runs",
        "redraws": "nothing runs, panel drawn",
        "run": "to the first picture",
        "rest": "from there to the result",
    }
    for name, told in names.items():
        gaps = 1e3 * np.array(body["ticks"][name])
        print(f"{told:28}{np.median(gaps):8.1f}{np.quantile(gaps, 0.99):8.1f}{gaps.max():8.1f}{len(gaps):8}")
    print(f"ESC: the panel is free after {body['esc_panel_seconds']:.2f} s,", end=" ")
    print(f"the engine's processes have ended after {body['esc_engine_seconds']:.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
