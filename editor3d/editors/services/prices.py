"""What one edit is taken to cost, by model and quality: a dated table, which a file of the user's overrides."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from editor3d.errors import ConfigError
from editor3d.files.safe_open import read_json

TABLE = Path(__file__).with_name("prices.json")
"""US dollars for one picture of about a megapixel with two references, rounded up."""
VARIABLE = "EDITOR3D_PRICES"
"""Names the user's own file, of the same form; its date may be left out."""
UNKNOWN = 0.25
"""What a request to a model that no table has is taken to cost."""


def price_of(model: str, quality: str = "") -> float:
    """US dollars that one request is taken to cost.

    Args:
        quality: as the service calls it; empty, or one that no table has, is the model's dearest.

    Raises:
        ConfigError: the user's file cannot be read, or holds something else.
    """
    tables = [_own_table(), _prices(json.loads(TABLE.read_text(encoding="utf-8")), TABLE)]
    for table in tables:
        for name in (f"{model}:{quality}", model):
            if name in table:
                return table[name]
    return UNKNOWN


def date() -> str:
    """When the table that comes with the package was made."""
    return str(json.loads(TABLE.read_text(encoding="utf-8"))["date"])


def _own_table() -> Mapping[str, float]:
    named = os.environ.get(VARIABLE, "").strip()
    if not named:
        return {}
    path = Path(named).expanduser()
    return _prices(read_json(path), path)


def _prices(body: Any, path: Path) -> Mapping[str, float]:
    found = body.get("usd_per_picture") if isinstance(body, dict) else None
    if not isinstance(found, dict):
        raise ConfigError(f'Expected {{"usd_per_picture": {{MODEL: NUMBER}}}} in {path}, found something else.')
    for name, usd in found.items():
        if isinstance(usd, bool) or not isinstance(usd, int | float) or not math.isfinite(usd) or usd < 0.0:
            raise ConfigError(f"Expected US dollars of at least 0 for {name} in {path}, got {usd!r}: correct it.")
    return found
