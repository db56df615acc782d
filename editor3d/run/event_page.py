"""Generate the list of events in docs/events.md: `python -m editor3d.run.event_page` prints it."""

from __future__ import annotations

import json
from typing import Any

from editor3d.run.events import schema

BEGIN = "<!-- printed by `python -m editor3d.run.event_page` -->"
_HEAD = ("| field | type | always there | what it says |", "|---|---|---|---|")


def page() -> str:
    """A table of each event's fields, and the JSON Schema of a line, as Markdown."""
    found = schema()
    parts = [BEGIN]
    for name, reference in found["discriminator"]["mapping"].items():
        kind = found["$defs"][reference.rpartition("/")[2]]
        rows = [
            f"| `{field}` | {_type(of)} | {'yes' if field in kind['required'] else 'no'} | {of['description']} |"
            for field, of in kind["properties"].items()
            if field != "event"
        ]
        parts += [f"### `{name}`", kind["description"], "\n".join([*_HEAD, *rows])]
    return "\n\n".join([*parts, "## JSON Schema", f"```json\n{json.dumps(found, indent=1, ensure_ascii=False)}\n```"])


def _type(of: dict[str, Any]) -> str:
    return " or ".join(kind["type"] for kind in of.get("anyOf", [of]))


if __name__ == "__main__":
    print(page())
