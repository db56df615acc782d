"""Edits that are made ahead of their turn, beside the fit and each other, by an editor that waits for a server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future

import torch
from torch import Tensor

from editor3d.types import Editor, EditRequest

WAITING = 2
"""Edits in line for each that is made at once: the next begins as soon as one ends."""


class Ahead:
    """Makes edits in threads. What comes back for a request is what the editor gives for it, whenever it is made."""

    def __init__(self, editor: Editor) -> None:
        """
        Args:
            editor: with `EditorInfo.concurrent`: its calls may run in threads, several at once.
        """
        self._editor = editor
        self._at_once = threading.Semaphore(max(1, editor.info.concurrent))
        self._begun: dict[object, Future[tuple[Tensor, float]]] = {}

    def begin(self, upcoming: Iterable[tuple[object, Callable[[], EditRequest]]]) -> None:
        """Begin the next edits, as many as fit in line.

        Args:
            upcoming: what each is known by, in the order of their turns, and what makes its request.
        """
        room = WAITING * max(1, self._editor.info.concurrent)
        for name, request in upcoming:
            if len(self._begun) >= room:
                break
            if name not in self._begun:
                self._begun[name] = edit = Future()
                # a thread of its own, which ends with the process: a server may never answer
                threading.Thread(target=self._make, args=(edit, request()), daemon=True).start()

    def take(self, name: object) -> tuple[Tensor, float] | None:
        """The edit of this name [H, W, 3] and the seconds that it took, waited for; None where it was not begun.

        Raises:
            Editor3DError: whatever the editor said.
        """
        begun = self._begun.pop(name, None)
        return None if begun is None else begun.result()

    def forget(self, name: object) -> None:
        """Its turn has come, and it is not needed."""
        begun = self._begun.pop(name, None)
        if begun is not None:
            begun.cancel()

    def close(self) -> None:
        """Make no edit that has not begun; those under way end by themselves."""
        for name in list(self._begun):
            self.forget(name)

    def _make(self, edit: Future[tuple[Tensor, float]], request: EditRequest) -> None:
        with self._at_once:
            if not edit.set_running_or_notify_cancel():
                return
            started = time.perf_counter()
            try:
                with torch.no_grad():
                    picture = self._editor.edit(request)
            except BaseException as error:  # noqa: BLE001 - raised again by whoever takes it
                edit.set_exception(error)
            else:
                edit.set_result((picture, time.perf_counter() - started))
