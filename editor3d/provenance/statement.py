"""What a manifest says of an edit: the field's vocabulary, from the edit's record."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from editor3d.host.versions import package_version
from editor3d.types import Origin

LABEL = "editor3d.edit"
"""The assertion that says what was requested of which editor."""
_IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_SOURCES: dict[Origin, str] = {
    "model": f"{_IPTC}compositeWithTrainedAlgorithmicMedia",
    "rule": f"{_IPTC}algorithmicallyEnhanced",
    "given": f"{_IPTC}composite",
}


@dataclass(frozen=True)
class Statement:
    """What is said of one edit, in all of its files."""

    instruction: str
    editor: str
    """The 2D editor or guidance, without folders and addresses: `ip2p`, not `ip2p:FOLDER`."""
    origin: Origin
    """What its pictures come from."""
    method: str
    capture: str
    """SHA-256 of the note of the capture's pictures and poses, hex; empty where there is none."""
    seed: int

    @property
    def source_type(self) -> str:
        """The IPTC digital source type, an address."""
        return _SOURCES[self.origin]

    def manifest(self, title: str, media_type: str) -> dict[str, Any]:
        """A C2PA manifest for one file of the edit.

        Args:
            title: the file's name.
            media_type: of the file, such as image/png.
        """
        version = package_version("editor3d")
        action = {
            "action": "c2pa.created",
            "digitalSourceType": self.source_type,
            "description": f"A 3D scene was edited by the instruction: {self.instruction}",
            "softwareAgent": {"name": "editor3d", "version": version},
        }
        return {
            "claim_generator_info": [{"name": "editor3d", "version": version}],
            "title": title,
            "format": media_type,
            "assertions": [
                {"label": "c2pa.actions.v2", "data": {"actions": [action]}},
                {"label": LABEL, "data": asdict(self)},
            ],
        }
