"""The log: entries chain, and every change of one is found."""

from __future__ import annotations

import hashlib
import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from editor3d.audit.log import START, append, chain_of, log_path, note, read_log
from editor3d.cli import main
from editor3d.errors import ConfigError


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "data" / "log.jsonl"
    for number in range(5):
        append(path, "instruction", {"instruction": f"make it {number}", "seed": number})
    return path


def test_what_is_noted_is_there(log):
    chain = read_log(log)
    assert chain.fault == ""
    assert [entry["instruction"] for entry in chain.entries] == [f"make it {n}" for n in range(5)]
    assert chain.entries[0]["before"] == START
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_the_hash_is_sha_256_of_the_rest(log):
    entry = json.loads(log.read_text().splitlines()[2])
    known = entry.pop("hash")
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == known


@pytest.mark.parametrize("line", range(5))
def test_a_change_of_any_entry_is_found(log, line):
    lines = log.read_text().splitlines()
    lines[line] = lines[line].replace(f"make it {line}", "make it so")
    chain = chain_of(lines)
    assert len(chain.entries) == line
    assert "changed" in chain.fault


def test_what_is_taken_out_put_in_or_swapped_is_found(log):
    lines = log.read_text().splitlines()
    for other in (lines[:1] + lines[2:], lines[1:], [lines[0], lines[2], lines[1], *lines[3:]], [lines[0], *lines]):
        assert "taken out or put in" in chain_of(other).fault
    assert "no entry" in chain_of([*lines, "{"]).fault


def test_what_is_cut_off_is_found_by_whoever_kept_the_newest_hash(log, capsys):
    newest = read_log(log).newest
    words = ["log", "--file", str(log)]
    assert main([*words, "--newest", newest]) == 0
    log.write_text("\n".join(log.read_text().splitlines()[:-1]) + "\n")
    assert main(words) == 0
    assert main([*words, "--newest", newest]) == 1
    assert "is gone" in capsys.readouterr().out


def test_writers_take_turns(log):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: append(log, "result", {"number": number}), range(24)))
    chain = read_log(log)
    assert (chain.fault, len(chain.entries)) == ("", 29)


def test_a_damaged_end_is_not_vouched_for(log):
    with log.open("a") as file:
        file.write("half a li")
    with pytest.raises(ConfigError, match="damaged"):
        append(log, "result", {})


def test_the_log_is_where_the_environment_says(tmp_path, monkeypatch):
    assert log_path({"EDITOR3D_LOG": "off"}) is None
    assert log_path({}).name == "log.jsonl"
    monkeypatch.setenv("EDITOR3D_LOG", str(tmp_path / "own.jsonl"))
    note("refusal", because="no")
    assert read_log(tmp_path / "own.jsonl").entries[0]["kind"] == "refusal"
    monkeypatch.setenv("EDITOR3D_LOG", "off")
    note("refusal", because="no")
    assert main(["log"]) == 2
