"""The service removes what it made, and nothing else."""

from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path

import pytest

from editor3d.errors import ConfigError
from editor3d.service.jobs import owned
from editor3d.service.jobs.kept_runs import remove_old_runs
from editor3d.service.jobs.queue import JobQueue

LONG_AGO = time.time() - 365 * 86_400


def _age(*paths: Path) -> None:
    for path in paths:
        os.utime(path, (LONG_AGO, LONG_AGO))


def _own(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """A folder of the user's, whose names are those that the service would choose."""
    folder = tmp_path / "mine"
    for name in ("jobs/thesis", "jobs/20200101-000000-aa", "uploads-2020", "runs/a/in2n/1", "runs/b/voxel/base-1"):
        (folder / name).mkdir(parents=True)
        (folder / name / "work.txt").write_text("mine")
        (folder / name / "config.yml").write_text("mine")
        _age(folder / name / "work.txt", folder / name / "config.yml", folder / name)
    folder.chmod(0o755)
    return folder


def test_a_user_s_own_files_stay_whatever_their_names(users: Path) -> None:
    before = _own(users)
    queue = JobQueue(users, [sys.executable, "-c", ""])
    queue.close()
    assert {name: content for name, content in _own(users).items() if not name.startswith(owned.ROOT)} == before
    assert stat.S_IMODE(users.stat().st_mode) == 0o755
    assert stat.S_IMODE(queue.folder.stat().st_mode) == 0o700


def test_what_a_user_put_into_the_service_s_folder_stays(tmp_path: Path) -> None:
    queue = JobQueue(tmp_path, [sys.executable, "-c", ""])
    queue.close()
    for name in ("jobs/thesis", "uploads-mine", *(f"runs/a/in2n/{i}" for i in range(20))):
        (queue.folder / name).mkdir(parents=True)
        (queue.folder / name / "config.yml").write_text("mine")
        _age(queue.folder / name / "config.yml", queue.folder / name)
    before = _own(queue.folder)
    JobQueue(tmp_path, [sys.executable, "-c", ""]).close()
    assert remove_old_runs(queue.folder / "runs", runs=1, bases=0) == []
    assert _own(queue.folder) == before


def test_a_folder_of_the_service_s_name_that_it_did_not_make_is_refused(tmp_path: Path) -> None:
    (tmp_path / owned.ROOT).mkdir()
    (tmp_path / owned.ROOT / "work.txt").write_text("mine")
    with pytest.raises(ConfigError, match="did not make"):
        JobQueue(tmp_path)
    assert (tmp_path / owned.ROOT / "work.txt").read_text() == "mine"


def test_a_link_in_the_service_s_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    owned.mark(tmp_path / "elsewhere")
    (tmp_path / owned.ROOT).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="did not make"):
        JobQueue(tmp_path)


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work.txt").write_text("mine")
    folder = owned.make(tmp_path / "job")
    (folder / "link").symlink_to(tmp_path / "mine")
    (tmp_path / "alias").symlink_to(folder)
    assert not owned.remove(tmp_path / "alias")
    assert owned.remove(folder)
    assert not folder.exists()
    assert (tmp_path / "mine" / "work.txt").read_text() == "mine"


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--folder"):
        JobQueue(tmp_path / "file")
