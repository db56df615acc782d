"""Put a signed manifest into a file, or beside it where its format takes none."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from editor3d.errors import ConfigError, Editor3DWarning, first_line
from editor3d.files.writing import replacing
from editor3d.provenance.credentials import CERTIFICATES_VARIABLE, KEY_VARIABLE, Credentials, credentials
from editor3d.provenance.statement import Statement

EMBEDDING = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".mp4": "video/mp4"}
"""Formats that hold a manifest, by their suffix."""
BESIDE = (".ply", ".spz", ".splat", ".sog", ".glb", ".obj", ".usda", ".usdc", ".usdz")
"""Formats whose manifest lies in a file beside them."""
SIDECAR = ".c2pa"
PLAIN = "application/octet-stream"


def sidecar(path: Path) -> Path:
    """Where the manifest of a file lies whose format holds none: FILE.c2pa."""
    return path.with_name(path.name + SIDECAR)


def require_key() -> None:
    """Refuse a key that cannot sign, before there is anything to sign.

    Raises:
        ConfigError: it cannot, or there is no place for one of this machine's own.
    """
    _signer(credentials())


def mark(paths: Iterable[Path], statement: Statement, keys: Credentials | None = None) -> list[Path]:
    """Sign files of one edit; those of other formats are left as they are, and broken ones with a warning.

    The content that is shown stays as it is. A file that is linked from elsewhere is replaced, not written to.

    Args:
        paths: files, or folders of them.
        keys: what signs; `credentials` by default.

    Returns:
        The files that were signed.

    Raises:
        ConfigError: the key does not sign.
        Editor3DError: the disk is full, or a folder cannot be written.
    """
    from c2pa import Builder, C2paError

    done, signer = [], _signer(credentials() if keys is None else keys)
    for path in _files(paths):
        kind = EMBEDDING.get(path.suffix.lower(), PLAIN)
        builder = Builder(statement.manifest(path.name, kind), _context())
        try:
            if kind == PLAIN:
                builder.set_no_embed()
                with path.open("rb") as source, replacing(sidecar(path)) as temporary:
                    temporary.write_bytes(builder.sign(signer, kind, source, BytesIO()))
            else:
                with path.open("rb") as source, replacing(path) as temporary, temporary.open("w+b") as target:
                    builder.sign(signer, kind, source, target)
        except C2paError as error:  # an edit is not lost for that
            sentence = f"{path} is not signed, as its content cannot be ({first_line(error)})."
            warnings.warn(sentence, Editor3DWarning, stacklevel=2)
        else:
            done.append(path)
    return done


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            yield from _files(sorted(path.iterdir()))
        elif path.is_file() and path.suffix.lower() in (*EMBEDDING, *BESIDE):
            yield path


@cache
def _signer(keys: Credentials) -> Any:
    from c2pa import C2paError, C2paSignerInfo, Signer

    try:
        return Signer.from_info(C2paSignerInfo(b"es256", keys.certificates, keys.key, None))
    except C2paError as error:
        raise _unfit(error) from error


@cache
def _context() -> Any:
    """No thumbnails: they would take more room than everything else, and most of the time."""
    from c2pa import Context, Settings

    return Context(Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}}))


def _unfit(error: Exception) -> ConfigError:
    return ConfigError(
        f"Expected a private key on P-256 and its chain of C2PA certificates, got others ({first_line(error)}): "
        f"correct {KEY_VARIABLE} and {CERTIFICATES_VARIABLE}, or pass --no-provenance."
    )
