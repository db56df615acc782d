"""Make TensorBoard's event log optional: where it cannot be written, it is dropped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nerfstudio.utils import writer
from nerfstudio.utils.rich_utils import CONSOLE

from editor3d.run.events import Warning, emit

_TENSORBOARD = writer.TensorboardWriter
_EVERY = 10
"""Steps between points of a curve, as nerfstudio has it for losses; times it would write at each."""


class EventLog(writer.Writer):
    """TensorBoard's writer, which falls silent, and says so once, when its file cannot be made or written."""

    def __init__(self, log_dir: Path) -> None:
        self._inner: writer.Writer | None = None
        self._inner = self._unless_refused(lambda: _TENSORBOARD(log_dir=log_dir))

    def write_image(self, name: str, image: Any, step: int) -> None:
        self._write("write_image", name, image, step)

    def write_scalar(self, name: str, scalar: Any, step: int) -> None:
        if step % _EVERY == 0:
            self._write("write_scalar", name, scalar, step)

    def write_config(self, name: str, config_dict: dict[str, Any], step: int) -> None:
        self._write("write_config", name, config_dict, step)

    def _write(self, method: str, *event: Any) -> None:
        if self._inner is not None:
            # reflection: nerfstudio's writer has one method for each kind of event
            self._unless_refused(lambda: getattr(self._inner, method)(*event))

    def _unless_refused(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except OSError as error:
            self._inner = None
            message = f"The event log cannot be written ({error.strerror or error}): the run continues without it."
            CONSOLE.print(message)
            emit(Warning(sentence=message))
            return None


@contextmanager
def optional_event_logs() -> Iterator[None]:
    """Let a run outlive the event logs that nerfstudio sets up meanwhile."""
    threading.excepthook = _excepthook
    writer.TensorboardWriter = EventLog  # the name by which nerfstudio makes it; a full disk refuses that already
    try:
        yield
    finally:
        writer.TensorboardWriter = _TENSORBOARD


_report = threading.excepthook


def _excepthook(args: threading.ExceptHookArgs) -> None:
    """Leave out the traceback of TensorBoard's own thread: what it raises, it raises again at the next event."""
    in_tensorboard = type(args.thread).__module__.partition(".")[0] == "tensorboard"
    if not (in_tensorboard and isinstance(args.exc_value, OSError)):
        _report(args)
