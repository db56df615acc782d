"""Files that clients have sent, for jobs to come."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import threading
from collections.abc import AsyncIterable, Mapping
from pathlib import Path

from editor3d.service.jobs import owned

UPLOADS = "uploads-"
"""How the folder begins that a service keeps uploads in, beside the jobs."""
MAX_UPLOADS = 64
"""Files kept at a time; the oldest goes when another comes."""


class Uploads:
    """Keeps files by ids.

    Args:
        folder: the service's own; a folder of this service is made in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = owned.make(folder / f"{UPLOADS}{secrets.token_hex(6)}")
        self._files: dict[str, Path] = {}
        self._lock = threading.Lock()

    async def keep(self, name: str, blocks: AsyncIterable[bytes]) -> str:
        """Store a file as it comes.

        Args:
            name: a plain file name.
            blocks: the file.

        Returns:
            Its id.

        Raises:
            OSError: it cannot be written.
        """
        key = secrets.token_urlsafe(12)
        path = self.folder / key / name
        path.parent.mkdir(mode=0o700)
        try:
            with path.open("wb") as file:
                async for block in blocks:
                    await asyncio.to_thread(file.write, block)
        except BaseException:  # a client that has left, too
            shutil.rmtree(path.parent, ignore_errors=True)
            raise
        with self._lock:
            self._files[key] = path
            old = list(self._files)[: max(0, len(self._files) - MAX_UPLOADS)]
            gone = [self._files.pop(one) for one in old]
        for one in gone:
            shutil.rmtree(one.parent, ignore_errors=True)
        return key

    def files(self) -> Mapping[str, Path]:
        """The files by their ids."""
        with self._lock:
            return dict(self._files)

    def close(self) -> None:
        """Remove them all."""
        owned.remove(self.folder)
