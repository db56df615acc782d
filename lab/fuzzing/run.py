"""Run many cases in a few watched processes: which are read, which refused, and which fail."""

from __future__ import annotations

import json
import queue
import select
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.fuzzing.formats import FORMATS

ROOT = Path(__file__).parents[2]
MEMORY = 1 << 30
"""Bytes of resident memory that no case may pass, the libraries' own included."""
SECONDS = 30.0
"""After which a case counts as hanging; most take milliseconds, also on a busy machine."""
_START_SECONDS = 300.0
_CASES_A_PROCESS = 20_000
"""After which, and between groups of formats, a process is begun anew: libraries that one group loads are no memory of
the next one's cases."""


@dataclass
class Report:
    """What became of the cases of one format."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """read, refused, error, hang, crash, memory -> cases."""
    failures: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Kind and place -> the first case's number and what was said."""
    memory: int = 0
    """Greatest resident size of the process, bytes."""

    @property
    def cases(self) -> int:
        return self.outcomes.total() - self.outcomes["memory"]

    @property
    def failed(self) -> int:
        return sum(self.outcomes[kind] for kind in ("error", "hang", "crash", "memory"))

    def count(self, number: int, answer: dict[str, Any]) -> None:
        """Take in what became of one case."""
        outcome = str(answer["outcome"])
        self.outcomes[outcome] += 1
        if outcome not in ("read", "refused"):
            self.failures.setdefault(str(answer.get("place", outcome)), (number, str(answer.get("text", ""))))
        memory = int(answer.get("memory", 0))
        self.memory = max(self.memory, memory)
        if memory > MEMORY:
            self.outcomes["memory"] += 1
            self.failures.setdefault("memory", (number, f"{memory >> 20} MiB"))


class _Worker:
    """A process that tries cases; begun anew after it hung or crashed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._tried, self._group = 0, ""

    def attempt(self, name: str, number: int) -> dict[str, object]:
        group = FORMATS[name].partition(":")[0]
        if self._process is None or self._tried >= _CASES_A_PROCESS or group != self._group:
            self.close()
            self._group = group
            command = [sys.executable, "-m", "lab.fuzzing.worker"]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
            )
            self._tried = 0
        self._tried += 1
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps([name, number]) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            return self._ended()
        limit = _START_SECONDS if self._tried == 1 else SECONDS
        ready, _, _ = select.select([process.stdout], [], [], limit)
        if not ready:
            self.close()
            return {"outcome": "hang", "place": "hang", "text": f"more than {limit:.0f} seconds"}
        line = process.stdout.readline()
        return json.loads(line) if line else self._ended()

    def _ended(self) -> dict[str, object]:
        assert self._process is not None
        code = self._process.wait()
        self._process = None
        return {"outcome": "crash", "place": f"crash {code}", "text": f"the process ended with {code}"}

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def run(
    cases: Iterable[tuple[str, int]], processes: int = 2, progress: Callable[[int], None] = lambda done: None
) -> dict[str, Report]:
    """Try cases.

    Args:
        cases: a format's name and a number each, which decides what is broken and how; by format, to go quickly.
        processes: how many work at once.
        progress: told the number of cases tried, now and then.

    Returns:
        By format.
    """
    reports: dict[str, Report] = {}
    waiting: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
    for case in cases:
        waiting.put(case)
    lock, done = threading.Lock(), 0

    def work() -> None:
        nonlocal done
        worker = _Worker()
        try:
            while True:
                try:
                    name, number = waiting.get_nowait()
                except queue.Empty:
                    return
                answer = worker.attempt(name, number)
                with lock:
                    reports.setdefault(name, Report()).count(number, answer)
                    done += 1
                    if done % 1000 == 0:
                        progress(done)
        finally:
            worker.close()

    threads = [threading.Thread(target=work) for _ in range(processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return reports
