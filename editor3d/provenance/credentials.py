"""The key that manifests are signed with: the user's, or one that is made on this machine."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import platformdirs

from editor3d.errors import ConfigError, Editor3DError, first_line
from editor3d.files.writing import replacing

KEY_VARIABLE, CERTIFICATES_VARIABLE = "EDITOR3D_SIGNING_KEY", "EDITOR3D_SIGNING_CERTIFICATES"
"""Environment variables that name the files of a key of one's own: a private key on P-256 and its chain, both PEM."""
OWN_NAME = "A key made on this machine by editor3d"
"""The name in certificates that nobody vouches for."""
_KEY, _CERTIFICATES = "key.pem", "certificates.pem"
_VALID = datetime.timedelta(days=20 * 365)


@dataclass(frozen=True)
class Credentials:
    """What a signature is made with."""

    key: bytes
    """Private key on P-256, PEM; signatures are ES256."""
    certificates: bytes
    """Its certificate and those that vouch for it, PEM; the signer's own first."""


def credentials(environment: Mapping[str, str] = os.environ) -> Credentials:
    """The user's key where the environment names one, else this machine's, which is made at its first use.

    Raises:
        ConfigError: only one of the two files is named, one cannot be read, or there is no place for a key.
    """
    named = [environment.get(variable, "") for variable in (KEY_VARIABLE, CERTIFICATES_VARIABLE)]
    if not any(named):
        return _own(platformdirs.user_data_path("editor3d") / "provenance")
    if not all(named):
        raise ConfigError(
            f"Expected both {KEY_VARIABLE} and {CERTIFICATES_VARIABLE}, found one of them: set the other one, or "
            f"neither."
        )
    key, certificates = (_read(Path(path)) for path in named)
    return Credentials(key, certificates)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"Expected a PEM file at {path}, which cannot be read ({first_line(error)}): correct "
            f"{KEY_VARIABLE} and {CERTIFICATES_VARIABLE}."
        ) from error


@cache
def _own(folder: Path) -> Credentials:
    """The key in a folder of the user's, for this user alone; a new one where there is none yet."""
    try:
        return Credentials((folder / _KEY).read_bytes(), (folder / _CERTIFICATES).read_bytes())
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _no_place(folder, error) from error
    made = make_credentials()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, content in ((_CERTIFICATES, made.certificates), (_KEY, made.key)):
            with replacing(folder / name, private=True) as temporary:
                temporary.write_bytes(content)
    except (OSError, Editor3DError) as error:
        raise _no_place(folder, error) from error
    return made


def _no_place(folder: Path, error: Exception) -> ConfigError:
    return ConfigError(
        f"Expected to keep a signing key in {folder}, which cannot be used ({first_line(error)}): make it writable, or "
        f"pass --no-provenance."
    )


def make_credentials(name: str = OWN_NAME) -> Credentials:
    """A new key on P-256, and a certificate for it by an authority that is made for it alone and then forgotten.

    C2PA takes no certificate that vouches for itself, so there are two.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    authority, signer = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)  # clocks differ

    def called(common: str) -> x509.Name:
        words = ((NameOID.ORGANIZATION_NAME, name), (NameOID.COMMON_NAME, common))
        return x509.Name([x509.NameAttribute(kind, word) for kind, word in words])

    def certificate(of: ec.EllipticCurvePublicKey, common: str, vouches: bool) -> x509.Certificate:
        uses = dict.fromkeys(
            (
                "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
            ),
            False,
        )  # fmt: skip
        uses |= {"key_cert_sign": True, "crl_sign": True} if vouches else {"digital_signature": True}
        builder = (
            x509.CertificateBuilder()
            .subject_name(called(common))
            .issuer_name(called("authority"))
            .public_key(of)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + _VALID)
            .add_extension(x509.BasicConstraints(vouches, 0 if vouches else None), critical=True)
            .add_extension(x509.KeyUsage(**uses), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(of), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        )
        if not vouches:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(purpose, critical=True)
        return builder.sign(authority, hashes.SHA256())

    chain = [certificate(signer.public_key(), "signer", False), certificate(authority.public_key(), "authority", True)]
    return Credentials(
        signer.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain),
    )
