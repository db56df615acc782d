"""Make the laboratory's editors known to the product as those of an installed package are.

`lab/installed` is what pip would leave of such a package: a list of entry points. On the path it is found:

    PYTHONPATH=lab/installed editor3d edit demo --editor procedural-noisy --instruction "make the teapot gold"
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

INSTALLED = Path(__file__).parents[1] / "installed"


def install_editors() -> None:
    """Put the list on the path of this process, and of those that it starts."""
    path = str(INSTALLED)
    if path not in sys.path:
        sys.path.append(path)
    others = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part and part != path]
    os.environ["PYTHONPATH"] = os.pathsep.join([*others, path])
