"""The JSON schema of reports, from the types that reports are made of."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from editor3d.metrics.known_edit import EditConditions
from editor3d.metrics.report import EditReport
from editor3d.metrics.unavailable import Unavailable

FORMAT = "https://json-schema.org/draft/2020-12/schema"
_NAMES: dict[str, str] = {"known": "known_edit"}
"""Parts of a report that are called otherwise in JSON."""


def report_schema() -> dict[str, Any]:
    """What `EditReport.to_json` writes, as a JSON schema. Numbers may also be "inf", "-inf", or null for NaN."""
    defs: dict[str, Any] = {}
    root = _schema_of(EditReport, defs)
    defs[Unavailable.__name__] = _object({"not_available": {"type": "string"}, "remedy": {"type": "string"}})
    defs[EditReport.__name__] = _object(
        {_NAMES.get(str(name), str(name)): part for name, part in defs[EditReport.__name__]["properties"].items()}
    )
    conditions = defs[EditConditions.__name__]["properties"]
    defs[EditConditions.__name__] = _object(
        conditions | {name: {"type": "boolean"} for name in ("is_real_change", "keeps_contrast")}
    )
    return {"$schema": FORMAT, "title": "A report on an edit", **root, "$defs": dict(sorted(defs.items()))}


def _schema_of(kind: Any, defs: dict[str, Any]) -> dict[str, Any]:
    """The schema of a type; those of dataclasses go to `defs`. msgspec refuses unions of two of them, so they are taken
    apart here."""
    if is_dataclass(kind) and isinstance(kind, type):
        if kind.__name__ not in defs:
            defs[kind.__name__] = {}
            hints = get_type_hints(kind)
            defs[kind.__name__] = _object({each.name: _schema_of(hints[each.name], defs) for each in fields(kind)})
        return {"$ref": f"#/$defs/{kind.__name__}"}
    if kind is float:
        return {"anyOf": [{"type": "number"}, {"enum": ["inf", "-inf", None]}]}
    if get_origin(kind) in (Union, types.UnionType):
        return {"anyOf": [_schema_of(each, defs) for each in get_args(kind)]}
    if get_origin(kind) is Mapping:
        return {"type": "object", "additionalProperties": _schema_of(get_args(kind)[1], defs)}
    return msgspec.json.schema(kind)


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": sorted(properties),
        "additionalProperties": False,
    }
