"""`editor3d verify`: what a file says of where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Verify:
    """Say whether a file was made by an edit, which, and whether it was changed since.

    Reads the signed C2PA manifest in a picture or a video, or in FILE.c2pa beside a scene. Ends with exit code 0 where
    the file is as it was signed, 1 where it was changed, and 2 where nothing is said.
    """

    file: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FILE")]
    """Name the file: .png, .jpg, .mp4, or a scene such as .ply, .spz or .glb."""
    json: bool = False
    """Print what was found as JSON."""

    def run(self) -> int:
        import json
        from dataclasses import asdict

        from editor3d.provenance.reading import verify

        found = verify(self.file)
        if self.json:
            print(json.dumps(asdict(found), indent=2, ensure_ascii=False))
            return 0 if found.unchanged else 1
        if found.unchanged:
            print(f"{self.file} is as {found.generator or 'its program'} signed it.")
        else:
            print(f"{self.file} was changed since it was signed ({', '.join(found.faults)}).")
        whose = "" if found.vouched else ", which nobody vouches for"
        print(f"Signed by: {found.signer}{whose}")
        for name, value in {"source": found.source_type.rsplit("/", 1)[-1], **found.edit}.items():
            print(f"{name.capitalize()}: {value}")
        return 0 if found.unchanged else 1
