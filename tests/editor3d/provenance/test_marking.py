"""Signed manifests: written into files of an edit, read back, and found out where a file was changed."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from editor3d.cli import main
from editor3d.errors import ConfigError, DataError
from editor3d.outputs.pictures import save_png
from editor3d.outputs.video import write_mp4
from editor3d.provenance.credentials import (
    CERTIFICATES_VARIABLE,
    KEY_VARIABLE,
    OWN_NAME,
    credentials,
    make_credentials,
)
from editor3d.provenance.marking import mark, sidecar
from editor3d.provenance.reading import verify
from editor3d.provenance.statement import Statement

SAID = Statement("make the teapot gold", "ip2p", "model", "in2n", "ab" * 32, 42)


@pytest.fixture(scope="module")
def keys():
    return make_credentials()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    pixels = np.random.default_rng(0).integers(0, 255, (32, 48, 3), np.uint8)
    save_png(tmp_path / "a.png", pixels)
    Image.fromarray(pixels).save(tmp_path / "a.jpg")
    import torch

    write_mp4(tmp_path / "a.mp4", [torch.from_numpy(pixels).float() / 255.0] * 3)
    (tmp_path / "a.ply").write_bytes(b"ply\nformat ascii 1.0\nend_header\n")
    (tmp_path / "notes.txt").write_text("not ours to sign")
    return {path.suffix: path for path in sorted(tmp_path.iterdir())}


def test_what_is_signed_is_read_back_and_the_content_is_as_it_was(files, keys):
    before = np.asarray(Image.open(files[".png"]))
    splats = files[".ply"].read_bytes()
    signed = mark(files.values(), SAID, keys)
    assert [path.suffix for path in signed] == [".jpg", ".mp4", ".ply", ".png"]
    for path in signed:
        found = verify(path)
        assert found.unchanged, (path, found.faults)
        assert (found.signer, found.vouched, found.generator) == (OWN_NAME, False, "editor3d")
        assert found.edit["instruction"] == "make the teapot gold"
        assert found.edit["editor"] == "ip2p"
        assert found.source_type.endswith("/compositeWithTrainedAlgorithmicMedia")
    assert np.array_equal(np.asarray(Image.open(files[".png"])), before)
    assert files[".ply"].read_bytes() == splats
    assert not sidecar(files[".txt"]).exists()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".mp4", ".ply"])
def test_a_changed_file_is_found_out(files, keys, suffix):
    path = files[suffix]
    mark([path], SAID, keys)
    content = bytearray(path.read_bytes())
    content[-1 if suffix == ".ply" else -20] ^= 1
    path.write_bytes(content)
    found = verify(path)
    assert not found.unchanged
    assert found.faults


def test_what_is_said_cannot_be_changed_either(files, keys):
    path = files[".png"]
    mark([path], SAID, keys)
    content = path.read_bytes()
    assert content.count(b"make the teapot gold") >= 1
    path.write_bytes(content.replace(b"make the teapot gold", b"make the teapot blue"))
    assert not verify(path).unchanged


def test_another_file_of_the_same_manifest_is_found_out(files, keys):
    mark([files[".ply"]], SAID, keys)
    other = files[".ply"].with_name("b.ply")
    other.write_bytes(b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n")
    sidecar(other).write_bytes(sidecar(files[".ply"]).read_bytes())
    assert not verify(other).unchanged


def test_a_linked_file_is_replaced_and_the_one_it_was_linked_from_stays(files, keys):
    kept = files[".png"].with_name("kept.png")
    kept.hardlink_to(files[".png"])
    content = kept.read_bytes()
    mark([files[".png"]], SAID, keys)
    assert kept.read_bytes() == content
    assert verify(files[".png"]).unchanged


def test_signing_anew_takes_the_place_of_what_was_said(files, keys):
    mark([files[".png"], files[".ply"]], SAID, keys)
    mark([files[".png"], files[".ply"]], Statement("make it snow", "procedural", "rule", "igs2gs", "", 1), keys)
    for path in (files[".png"], files[".ply"]):
        found = verify(path)
        assert found.edit["instruction"] == "make it snow"
        assert found.source_type.endswith("/algorithmicallyEnhanced")


@pytest.mark.parametrize("name", ["a.png", "a.ply", "missing.png"])
def test_files_that_say_nothing_are_refused_by_a_sentence(files, name):
    with pytest.raises(DataError):
        verify(files[".png"].with_name(name))


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"garbage"])
def test_broken_files_are_refused_by_a_sentence(tmp_path, content):
    for name in ("a.png", "a.mp4", "a.ply"):
        (tmp_path / name).write_bytes(content)
        sidecar(tmp_path / name).write_bytes(content)
        with pytest.raises(DataError):
            verify(tmp_path / name)


def test_a_key_of_ones_own_signs(files, tmp_path):
    own = make_credentials("A studio")
    (tmp_path / "key.pem").write_bytes(own.key)
    (tmp_path / "chain.pem").write_bytes(own.certificates)
    named = {KEY_VARIABLE: str(tmp_path / "key.pem"), CERTIFICATES_VARIABLE: str(tmp_path / "chain.pem")}
    mark([files[".png"]], SAID, credentials(named))
    found = verify(files[".png"])
    assert (found.signer, found.vouched) == ("A studio", True)
    with pytest.raises(ConfigError, match="one of them"):
        credentials({KEY_VARIABLE: named[KEY_VARIABLE]})
    with pytest.raises(ConfigError, match="cannot be read"):
        credentials({**named, KEY_VARIABLE: str(tmp_path / "no.pem")})
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(ConfigError, match="private key on P-256"):
        mark([files[".png"]], SAID, credentials(named))


def test_this_machines_key_is_made_once_and_read_by_nobody_else(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    first = credentials({})
    assert credentials({}) == first
    assert all((path.stat().st_mode & 0o077) == 0 for path in (tmp_path / "editor3d" / "provenance").iterdir())


def test_the_command_tells_by_text_and_by_its_code(files, keys, capsys):
    mark([files[".png"]], SAID, keys)
    assert main(["verify", str(files[".png"])]) == 0
    printed = capsys.readouterr().out
    assert "as editor3d signed it" in printed
    assert "make the teapot gold" in printed
    assert "nobody vouches for" in printed
    assert main(["verify", str(files[".png"]), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["edit"]["method"] == "in2n"
    pixels = Image.open(BytesIO(files[".png"].read_bytes()))
    assert pixels.size == (48, 32)
    content = bytearray(files[".png"].read_bytes())
    content[-20] ^= 1
    files[".png"].write_bytes(content)
    assert main(["verify", str(files[".png"])]) == 1
    assert "was changed since" in capsys.readouterr().out
    assert main(["verify", str(files[".jpg"])]) == 2
