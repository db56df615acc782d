"""The pictures of a search: each program is rendered once in a run, several at a time, measured, and written down."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np

from editor3d.files.safe_open import UNREADABLE, open_picture
from editor3d.outputs.pictures import save_png
from editor3d.programs.core.budget import Account, BudgetSpentError
from editor3d.programs.core.contracts import Candidate, Evaluator, Rendered, Renderer
from editor3d.programs.core.run_ledger import RunLedger
from editor3d.run import events

BLANK = 3
"""Of 255: a picture whose values in each channel all lie within this shows nothing."""
PICTURES = "candidates"
"""The folder of the candidates' pictures, below the run's own."""


class Pictures:
    """Renders programs within a budget; what an earlier session rendered is read from the ledger and the folder."""

    def __init__(
        self,
        renderer: Renderer,
        evaluator: Evaluator,
        account: Account,
        ledger: RunLedger,
        *,
        seed: int = 0,
        size: str = "",
        at_once: int = 1,
    ) -> None:
        """
        Args:
            size: the ending of pictures' names where a run has them in two sizes.
            at_once: how many programs the renderer takes at a time.
        """
        self._renderer, self._evaluator, self._account, self._ledger = renderer, evaluator, account, ledger
        self._seed, self._size, self._at_once = seed, size, at_once
        self._folder = ledger.path.parent / PICTURES
        self._ready: dict[str, Rendered] = {}
        """Rendered ahead, and not written down yet."""

    def name(self, source: str) -> str:
        """A program's name in the ledger, and its picture's."""
        return digest(source) + self._size

    def render(self, source: str) -> tuple[Rendered, float | None]:
        """What became of a program, and its loss.

        Raises:
            BudgetSpentError: renders or seconds do not allow it.
        """
        name = self.name(source)
        known, path = self._ledger.rendered(name), self._folder / f"{name}.png"
        if known is not None:
            image = _opened(path) if known["status"] == "ok" else None
            if image is not None or known["status"] != "ok":
                loss = self._evaluator.loss(image) if known["loss"] is None and image is not None else known["loss"]
                return Rendered(known["status"], image, known["seconds"], known["message"]), loss
        rendered = self._ready.pop(name, None)
        if rendered is None:
            self._account.begin_render()
            rendered = self._rendered(source)
        if rendered.status == "timeout":
            self._account.require_time()  # where that is over, it is not the program's fault: nothing is written down
        loss, parts = None, {}
        if rendered.image is not None:
            loss, parts = self._evaluator.loss(rendered.image), self._evaluator.parts(rendered.image)
            save_png(path, rendered.image)
            events.emit(events.Picture(path=events.absolute(path), view=name))
        self._ledger.append(
            "render", source=name, status=rendered.status, seconds=rendered.seconds, message=rendered.message,
            loss=loss, parts=parts, seed=self._seed, retries=rendered.retries,
        )  # fmt: skip
        return rendered, loss

    def ahead(self, sources: Iterable[str]) -> None:
        """Render programs that `render` will be called for, as many at a time as the renderer takes.

        What the budget does not allow is left out: `render` says so then. Nothing is written down here, so that the
        ledger has one order however many are rendered at a time.
        """
        if self._at_once < 2:
            return
        wanted = {self.name(source): source for source in sources}
        missing = {name: source for name, source in wanted.items() if self._ledger.rendered(name) is None}
        running: dict[Future[Rendered], str] = {}
        pool = ThreadPoolExecutor(self._at_once)
        try:
            for name, source in missing.items():
                if len(running) == self._at_once:
                    self._take(running)
                self._account.begin_render()
                running[pool.submit(self._rendered, source)] = name
        except BudgetSpentError:
            pass
        finally:
            pool.shutdown(wait=False)  # what was begun is waited for below
        while running:
            self._take(running)

    def _take(self, running: dict[Future[Rendered], str]) -> None:
        """Wait for at least one of those that are being rendered."""
        for done in wait(running, return_when=FIRST_COMPLETED).done:
            self._ready[running.pop(done)] = done.result()

    def _rendered(self, source: str) -> Rendered:
        return self._renderer.render(source, self._account.seconds_left())


def digest(text: str | bytes) -> str:
    """A short name of a program or file: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text).hexdigest()[:16]


def unusable(rendered: Rendered, best: Candidate) -> str | None:
    """Why a candidate cannot win; None where it may. An empty picture may where the incumbent's is empty too."""
    if rendered.image is None:
        return f"{rendered.status}: {rendered.message}"
    if _is_blank(rendered.image) and not _is_blank(best.image):
        red, green, blue = rendered.image.reshape(-1, 3).mean(axis=0).round().astype(int)
        return f"blank: the picture is of one colour, RGB {red}, {green}, {blue}, and shows nothing of the scene"
    return None


def _is_blank(image: np.ndarray) -> bool:
    """Whether every channel has nearly one value in the whole picture [H, W, 3] uint8."""
    flat = image.reshape(-1, 3)
    return bool(((flat.max(axis=0) - flat.min(axis=0)) <= BLANK).all())


def _opened(path: Path) -> np.ndarray | None:
    try:
        with open_picture(path, ("PNG",)) as picture:
            return np.array(picture.convert("RGB"))
    except UNREADABLE:
        return None
