"""An edit that costs money begins only where the budget can finish it and the user agreed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from editor3d.errors import ConfigError, ServiceError
from editor3d.run.consent import consenting
from editor3d.types import EditorInfo
from editor3d.update.forecast import agree_on_cost, forecast


@dataclass
class PaidEditor:
    info: EditorInfo
    left: float = math.inf

    def validate(self, instruction, objects, views) -> None: ...

    def edit(self, request):
        raise AssertionError("nothing is edited here")

    def funds(self) -> float:
        return self.left


def paid(price: float | None, left: float = math.inf) -> PaidEditor:
    return PaidEditor(EditorInfo("paid", "", "", price=price, tells_funds=True), left)


def of(editor: PaidEditor, views: int = 10):
    return forecast(tuple(f"v{i}" for i in range(views)), None, views, 0, editor.info, None)


def test_what_the_budget_cannot_finish_is_refused_before_it_begins():
    editor = paid(0.25, left=2.0)
    with pytest.raises(ServiceError, match=r"may cost \$2.50 and \$2.00 are left .*--edits N"):
        agree_on_cost(of(editor), editor)
    agree_on_cost(of(editor, 8), editor)
    agree_on_cost(of(editor), editor, made=2)  # of an interrupted run, which paid for two


def test_the_user_is_asked_for_the_whole_and_for_nothing_that_is_free():
    editor = paid(0.25)
    with consenting(False, None) as given:
        given.ask = None
        with pytest.raises(ConfigError, match=r"paying up to \$2.50"):
            agree_on_cost(of(editor), editor)
        for free in (paid(None), paid(0.0)):
            agree_on_cost(of(free), free)
        agree_on_cost(of(editor), editor, made=10)
    with consenting(False, 2.5):
        agree_on_cost(of(editor), editor)
    with consenting(False, 2.4), pytest.raises(ConfigError, match=r"at most \$2.40"):
        agree_on_cost(of(editor), editor)
