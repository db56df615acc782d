"""TensorBoard's event log as something a run can do without: where it cannot be written, it is dropped."""

from __future__ import annotations

import threading
from typing import Any

from nerfstudio.utils import writer
from nerfstudio.utils.rich_utils import CONSOLE


class EventLog(writer.Writer):
    """A writer of nerfstudio's that falls silent, and says so once, when its file cannot be written."""

    def __init__(self, inner: writer.Writer) -> None:
        self._inner: writer.Writer | None = inner

    def write_image(self, name: str, image: Any, step: int) -> None:
        self._write("write_image", name, image, step)

    def write_scalar(self, name: str, scalar: Any, step: int) -> None:
        self._write("write_scalar", name, scalar, step)

    def write_config(self, name: str, config_dict: dict[str, Any], step: int) -> None:
        self._write("write_config", name, config_dict, step)

    def _write(self, method: str, *event: Any) -> None:
        if self._inner is None:
            return
        try:
            getattr(self._inner, method)(*event)
        except OSError as error:
            self._inner = None
            CONSOLE.print(f"The event log cannot be written ({error.strerror or error}): the run goes on without it.")


def make_event_logs_optional() -> None:
    """Let a run outlive the event logs that nerfstudio has set up."""
    writer.EVENT_WRITERS[:] = [
        EventLog(each) if isinstance(each, writer.TensorboardWriter) else each for each in writer.EVENT_WRITERS
    ]
    threading.excepthook = _excepthook


_report = threading.excepthook


def _excepthook(args: threading.ExceptHookArgs) -> None:
    """Leave out the traceback of TensorBoard's own thread: what it raises, it raises again at the next event."""
    in_tensorboard = type(args.thread).__module__.partition(".")[0] == "tensorboard"
    if not (in_tensorboard and isinstance(args.exc_value, OSError)):
        _report(args)
