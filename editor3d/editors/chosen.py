"""What a run that is gone on with may send to others: it may be a stranger's."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from editor3d.errors import ConfigError

_SERVICES = ("service", "service-try-on")
_URL = "EDITOR3D_SERVICE_URL"
_HERE = ("localhost", "127.0.0.1", "::1")


def require_chosen_service(editor: str, run: Path) -> None:
    """Refuse an image service of a run's own: it would be sent the pictures, and the key, of whoever goes on with it.

    Args:
        editor: as the run names it, `service:URL#MODEL` among others. A service on this machine, and the one of
            EDITOR3D_SERVICE_URL, are chosen here.
        run: its folder.

    Raises:
        ConfigError: it is one of another place.
    """
    from editor3d.editors.service import OPENAI_URL

    name, _, argument = editor.partition(":")
    url = argument.partition("#")[0].rstrip("/")
    if name not in _SERVICES or not url or url in (os.environ.get(_URL, "").rstrip("/"), OPENAI_URL.rstrip("/")):
        return
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if host not in _HERE:
        raise ConfigError(
            f"Expected an image service chosen on this machine, found {url} in the run {run}, which would be sent your "
            f"key and the pictures: set {_URL} to it if you trust it."
        )
