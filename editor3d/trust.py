"""Check what a resumed run may send to others and load from them: the run may be untrusted."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from editor3d.diffusion.weights import find_weights, how_to_get, is_hub_id
from editor3d.editors.catalogue import EDITORS
from editor3d.errors import ConfigError
from editor3d.guidance import GUIDANCES

_URLS = {"comfyui": "COMFYUI_URL", "webui": "EDITOR3D_WEBUI_URL"}
"""Variables that choose the address of an editor; EDITOR3D_SERVICE_URL is that of all services."""
_URL = "EDITOR3D_SERVICE_URL"
_SHEET = "sheet:"


def require_chosen(model: str, run: Path) -> None:
    """Refuse an editor or a guidance of a run that would reach beyond this machine where nobody chose that here.

    Raises:
        ConfigError: as `require_chosen_service` and `require_chosen_weights`.
    """
    require_chosen_service(model, run)
    require_chosen_weights(model, run)


def require_chosen_service(editor: str, run: Path) -> None:
    """Refuse an image service of a run's own: it would be sent the pictures, and the key, of whoever resumes the run.

    Args:
        editor: as the run names it, `service:URL#MODEL` among others. A service on this machine, and the one of
            EDITOR3D_SERVICE_URL, are chosen here.
        run: its folder.

    Raises:
        ConfigError: it is one of another place.
    """
    from editor3d.editors.servers.comfyui import split_argument
    from editor3d.editors.services.providers import PROVIDERS
    from editor3d.editors.services.settings import HERE

    name, _, argument = editor.removeprefix(_SHEET).partition(":")
    variable = _URLS.get(name, _URL)
    if name == "comfyui":
        url = split_argument(argument)[1]
    elif name in PROVIDERS or name in (*_URLS, "service-try-on"):
        url = argument.partition("#")[0] if "://" in argument or name.startswith("service") else ""
    else:
        return
    known = {os.environ.get(variable, "").rstrip("/"), *(provider.url for provider in PROVIDERS.values())}
    url = url.rstrip("/")
    if not url or url in known:
        return
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if host not in HERE:
        raise ConfigError(
            f"Expected an image service chosen on this machine, found {url} in the run {run}, which would be sent your "
            f"key and the pictures: set {variable} to it if you trust it."
        )


def require_chosen_weights(model: str, run: Path) -> None:
    """Refuse weights of a run's own that are not on this machine: they would be downloaded from whoever made them.

    Args:
        model: an editor or guidance as the run names it, `ip2p:ORG/NAME` among others.
        run: its folder.

    Raises:
        ConfigError: they would be downloaded.
    """
    name, _, source = model.partition(":")
    entry = EDITORS.get(name) or GUIDANCES.get(name)
    if entry is not None and entry.hub_id and is_hub_id(source) and find_weights(source) is None:
        raise ConfigError(
            f"Expected weights that are on this machine, found {source} in the run {run}, which would be downloaded: "
            f"if you trust who made them, {how_to_get(source)}."
        )
