"""The service's description (OpenAPI 3.1), made of the structs that read its requests and write its answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from editor3d.host.versions import package_version
from editor3d.run.events import AnyEvent
from editor3d.service.http.routes import STREAM, Operation, Problem
from editor3d.service.http.signing import SCHEME

_REFERENCE = "#/components/schemas/{name}"
_TYPES = {"side": "integer"}
_SECURITY = {
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": f"{SCHEME} TIME:NONCE:DIGEST:SIGNATURE, see docs/service.md.",
    }
}


def description(operations: Sequence[Operation]) -> dict[str, Any]:
    """The document that /openapi.json gives."""
    types = [kind for operation in operations for kind in (operation.answer, operation.body) if _is_json(kind)]
    types += [Problem, AnyEvent]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    found = list(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = re.sub(r"{(\w+):\w+}", r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation, found)
    return {
        "openapi": "3.1.0",
        "info": {"title": "editor3d", "version": package_version()},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SECURITY},
        "security": [{"signature": []}],
    }


def _is_json(kind: Any) -> bool:
    return not isinstance(kind, str | tuple | None)


def _operation(operation: Operation, found: list[tuple[Any, dict[str, Any]]]) -> dict[str, Any]:
    def content(kind: Any) -> dict[str, Any]:
        if _is_json(kind):
            return {"application/json": {"schema": next(schema for one, schema in found if one is kind)}}
        kinds = (kind,) if isinstance(kind, str) else kind
        schema = {"schema": next(schema for one, schema in found if one is AnyEvent)}
        return {kind: schema if kind == STREAM else {} for kind in kinds}

    said = (operation.act.__doc__ or "").strip()
    names = [(name, "path", True) for name in re.findall(r"{(\w+)", operation.path)]
    names += [(name, "query", name == "name") for name in operation.query]
    names += [("Last-Event-ID", "header", False)] * (operation.answer == (STREAM,))
    described = {
        "operationId": operation.act.__name__,
        "summary": said,
        "responses": {
            "200": {"description": "It is done.", "content": content(operation.answer)},
            "default": {"description": "It is refused.", "content": content(Problem)},
        },
    }
    if names:
        described["parameters"] = [
            {
                "name": name,
                "in": place,
                "required": needed,
                "schema": {"type": "integer" if name == "side" else "string"},
            }
            for name, place, needed in names
        ]
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": content(operation.body)}
    return described
