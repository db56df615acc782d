"""Run cases, one a line of standard input, in a process of its own. See `run`.

A line is a JSON list of a format's name and a number; the answer is a JSON object: `outcome` (read, refused, error),
for an error its `place` and `text`, and `memory`, the process's greatest resident size meanwhile, in bytes.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import shutil
import sys
import tempfile
import traceback
import warnings
from functools import cache
from pathlib import Path

ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what libraries print is no answer

from editor3d.errors import Editor3DError  # noqa: E402
from lab.fuzzing.formats import Format, format_of  # noqa: E402
from lab.fuzzing.formats.mutate import mutated  # noqa: E402

SPARE_ADDRESSES = 8 << 30
"""Bytes of address space beyond what the libraries take: more than any case may use, so that a demand for terabytes
fails here as it does on a small machine."""
_LONGEST_SENTENCE = 2000
_COLLECT_EVERY = 500
_OURS = ("editor3d", "nerf_methods", "gaussian", "mesh")


@cache
def _format(name: str) -> Format:
    found = format_of(name)
    for files in found.wholes:  # a whole file that is refused would make every case a success
        with tempfile.TemporaryDirectory() as folder:
            _write(files, Path(folder))
            try:
                found.read(Path(folder))
            except found.refusals as error:
                raise AssertionError(f"a whole file of {name} is refused: {error}") from error
    gc.collect()
    gc.freeze()
    return found


def _write(files: dict[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def attempt(name: str, number: int, folder: Path) -> dict[str, object]:
    """Break one of a format's files in `folder` and read it."""
    chosen = _format(name)
    _write(mutated(chosen.wholes[number % len(chosen.wholes)], f"{name}:{number}"), folder)
    _forget_memory()
    answer: dict[str, object] = {"outcome": "read"}
    try:
        chosen.read(folder)
    except Editor3DError as error:
        text = str(error)
        answer["outcome"] = "refused"
        if not text.strip() or "\n" in text.strip() or len(text) > _LONGEST_SENTENCE:
            answer = {"outcome": "error", "place": _place(error), "text": f"no sentence: {text[:200]!r}"}
    except chosen.refusals:
        answer["outcome"] = "refused"
    except (Exception, SystemExit) as error:  # noqa: BLE001 - every one of them is what is looked for
        answer = {"outcome": "error", "place": _place(error), "text": f"{type(error).__name__}: {str(error)[:200]}"}
    return {**answer, "memory": _greatest_memory()}


def _place(error: BaseException) -> str:
    """The innermost line of the project's that an error passed."""
    frames = traceback.extract_tb(error.__traceback__)
    root = Path(__file__).parents[2]
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(root)]
    ours = [frame for frame in ours if Path(frame.filename).relative_to(root).parts[0] in _OURS] or list(frames)
    last = ours[-1]
    return f"{type(error).__name__} at {'/'.join(Path(last.filename).parts[-3:])}:{last.lineno}"


def _forget_memory() -> None:
    """Let the greatest resident size be counted anew (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def _greatest_memory() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def main() -> None:
    warnings.simplefilter("ignore")
    within = tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    try:
        for count, line in enumerate(sys.stdin):
            name, number = json.loads(line)
            _format(name)
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + SPARE_ADDRESSES, resource.RLIM_INFINITY))
            folder = Path(within) / "case"
            answer = attempt(name, number, folder)
            shutil.rmtree(folder, ignore_errors=True)
            print(json.dumps(answer), file=ANSWERS, flush=True)
            if count % _COLLECT_EVERY == 0:
                gc.collect()
    finally:
        shutil.rmtree(within, ignore_errors=True)


if __name__ == "__main__":
    main()
