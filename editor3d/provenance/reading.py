"""Read the manifest of a file: what it says, who signed it, and whether the file is still the one that was signed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editor3d.errors import DataError, first_line
from editor3d.files.safe_open import require_regular
from editor3d.provenance.credentials import OWN_NAME
from editor3d.provenance.marking import EMBEDDING, PLAIN, sidecar
from editor3d.provenance.statement import LABEL


@dataclass(frozen=True)
class Found:
    """What the manifest of a file says."""

    unchanged: bool
    """Whether the file, and what is said of it, are as they were signed."""
    faults: tuple[str, ...]
    """What does not fit, as C2PA's codes name it; empty where `unchanged`."""
    signer: str
    """The organisation in the certificate."""
    vouched: bool
    """Whether the key is more than one that some machine made for itself. Who vouches, is for the reader to check."""
    generator: str
    """The program that signed."""
    source_type: str
    """The IPTC digital source type, an address; empty where it is not said."""
    edit: dict[str, Any]
    """What editor3d says of the edit: instruction, editor, method, capture and seed; empty in files of others."""


def verify(path: Path) -> Found:
    """Read the manifest in a file, or in FILE.c2pa beside it.

    Raises:
        DataError: there is no such file, no manifest, or one that cannot be read.
    """
    from c2pa import C2paError, Reader

    require_regular(path)
    kind, beside = EMBEDDING.get(path.suffix.lower(), PLAIN), sidecar(path)
    if kind == PLAIN and not beside.is_file():
        raise DataError(f"Expected a manifest in {beside}, found none: nothing is said of where {path} comes from.")
    try:
        with path.open("rb") as file:
            reader = Reader(kind, file, beside.read_bytes()) if kind == PLAIN else Reader(kind, file)
            body = json.loads(reader.json())
    except (C2paError, OSError, ValueError) as error:
        raise DataError(
            f"Expected a C2PA manifest in {path}, found none that can be read ({first_line(error)}): nothing is said "
            f"of where it comes from."
        ) from error
    return _found(body)


def _found(body: dict[str, Any]) -> Found:
    manifest = body["manifests"][body["active_manifest"]]
    said = {each["label"]: each["data"] for each in manifest.get("assertions", ())}
    codes = [status["code"] for status in body.get("validation_status", ())]
    faults = tuple(dict.fromkeys(code for code in codes if code != "signingCredential.untrusted"))
    signer = manifest.get("signature_info", {}).get("issuer", "")
    actions = next((data["actions"] for label, data in said.items() if label.startswith("c2pa.actions")), [])
    return Found(
        unchanged=not faults,
        faults=faults,
        signer=signer,
        vouched=signer != OWN_NAME,
        generator=next((each["name"] for each in manifest.get("claim_generator_info", ())), ""),
        source_type=next((action["digitalSourceType"] for action in actions if "digitalSourceType" in action), ""),
        edit=said.get(LABEL, {}),
    )
