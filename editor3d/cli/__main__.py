"""`python -m editor3d.cli`."""

from __future__ import annotations

import sys

from editor3d.cli import main

sys.exit(main())
