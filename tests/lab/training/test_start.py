"""Beginning from a trained editor: its weights, autoencoder, tokens and history are taken over, or a remedy is told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from editor3d.errors import ConfigError
from lab.training.diffusion import write_model
from lab.training.export import write_editor
from lab.training.loop import Progress
from lab.training.networks import make_unet, make_vae
from lab.training.start import CURVE, fresh_start, load_start
from lab.training.words import make_tokenizer

TEXTS = ["make the teapot gold", "make it winter"]


@pytest.fixture(scope="module")
def begun():
    torch.manual_seed(0)
    return fresh_start(make_tokenizer(TEXTS), make_vae(), {"steps": 7, "seconds": 1, "curve": []}, seed=0)


@pytest.fixture(scope="module")
def folder(begun, tmp_path_factory):
    out = tmp_path_factory.mktemp("editor") / "tiny-ip2p"
    write_model(write_editor, out, begun, Progress(step=11))
    return out


def test_what_was_written_is_begun_from(begun, folder):
    start = load_start(folder, TEXTS)
    for name in ("vae", "text_encoder", "unet"):
        wanted, found = (getattr(owner, name).state_dict() for owner in (begun, start))
        assert wanted.keys() == found.keys()
        assert all(found[key].equal(value.half().float()) for key, value in wanted.items())
    assert start.tokenizer.get_vocab() == begun.tokenizer.get_vocab()
    assert start.vae_curve["steps"] == 7


def test_the_history_is_kept(folder, tmp_path):
    again = load_start(folder, TEXTS)
    write_model(write_editor, tmp_path / "again", again, Progress(step=22))
    curves = json.loads((tmp_path / "again" / CURVE).read_text())
    assert [curve["steps"] for curve in curves["before"]] == [11]
    assert curves["unet"]["steps"] == 22
    third = load_start(tmp_path / "again", TEXTS)
    assert [curve["steps"] for curve in third.before] == [11, 22]


def test_new_words_are_refused(folder):
    with pytest.raises(ConfigError, match="does not know 'sofa', one of 1 new words"):
        load_start(folder, [*TEXTS, "make the sofa gold"])


def test_other_folders_are_refused(begun, folder, tmp_path):
    with pytest.raises(ConfigError, match="an editor that lab.train_editor wrote"):
        load_start(tmp_path / "nothing", TEXTS)
    write_model(write_editor, tmp_path / "other", replace(begun, unet=make_unet(4)), Progress())
    with pytest.raises(ConfigError, match="an editor that lab.train_editor wrote"):
        load_start(tmp_path / "other", TEXTS)
