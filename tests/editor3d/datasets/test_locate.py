from __future__ import annotations

import pytest

from editor3d.datasets.demo import demo_path
from editor3d.datasets.locate import resolve_data
from editor3d.errors import DataError


def test_the_word_demo_means_the_shipped_scene_unless_a_folder_has_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve_data("demo") == demo_path()
    (tmp_path / "demo").mkdir()
    assert resolve_data("demo").resolve() == tmp_path / "demo"


def test_a_path_is_itself_and_the_home_folder_is_known(tmp_path, monkeypatch):
    (tmp_path / "bear").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve_data("~/bear") == tmp_path / "bear"
    assert resolve_data(str(tmp_path / "bear")) == tmp_path / "bear"


def test_a_missing_path_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"folder of a capture or the word demo, but there is no .*nowhere"):
        resolve_data(str(tmp_path / "nowhere"))
