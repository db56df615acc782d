"""What the studio's requests share."""

from __future__ import annotations

import hashlib
import hmac
import shutil
from pathlib import Path

from editor3d.files.unpacking import unpack
from editor3d.files.writing import replacing
from editor3d.service.http.service import Service
from editor3d.studio.engine.process import Engine
from editor3d.studio.history.project import Project


class Studio:
    """One studio.

    Args:
        service: of the jobs.
        folder: its own; logs of engines go there.
        token: what the page is opened with.
    """

    def __init__(self, service: Service, folder: Path, token: str) -> None:
        self.service, self.folder, self.token = service, folder, token
        self.project = Project(folder, service.jobs)
        self.frames = Engine(folder / "frames.log")
        """Draws what the page shows."""
        self.words = Engine(folder / "words.log")
        """Tries what is typed: what takes longer must not hold up the frames."""
        self.previews: dict[str, bytes] = {}
        """Pictures of the last previews, by name."""

    @property
    def cookie(self) -> str:
        """The name of its cookie: cookies belong to a host, whatever the port."""
        return f"editor3d-{self.service.port}"

    @property
    def secret(self) -> str:
        """What the cookie holds: known to whoever knows the token, which it does not tell."""
        return hmac.new(self.token.encode(), b"cookie", hashlib.sha256).hexdigest()

    @property
    def url(self) -> str:
        """Where the page is opened; what follows the # is never sent by a browser."""
        return f"http://127.0.0.1:{self.service.port}/#{self.token}"

    def keep(self, upload: Path) -> Path:
        """Put a file that was sent where it stays, a .zip file unpacked; the same content lies there once.

        Raises:
            DataError: it is a .zip file that cannot be unpacked.
            OSError: it cannot be written.
        """
        with upload.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        place = self.folder / "opened" / digest / upload.name
        if upload.suffix.lower() == ".zip":
            return self._unpacked(upload, place.with_suffix(""))
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            with replacing(place) as partial:
                shutil.copyfile(upload, partial)
        return place

    def _unpacked(self, upload: Path, place: Path) -> Path:
        note = place.parent / "folder.txt"
        if not note.is_file():
            shutil.rmtree(place, ignore_errors=True)  # of a studio that was ended meanwhile
            found = unpack(upload, place)
            with replacing(note) as partial:
                partial.write_text(str(found), encoding="utf-8")
        return Path(note.read_text(encoding="utf-8"))

    def prepare(self) -> None:
        """Have ready what is asked for next: begun once the scene can be seen, which must not wait for it."""
        self.words.start()
        self.service.jobs.prepare()

    def close(self) -> None:
        """End the engines."""
        self.frames.close()
        self.words.close()
