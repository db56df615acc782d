"""A local server that speaks the service's protocol, and misbehaves when told to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from editor3d.editors.services.client import RetryPolicy
from editor3d.editors.services.ledger import Ledger
from editor3d.editors.services.settings import ServiceSettings
from editor3d.types import EditRequest
from lab.editors.fake_service import FakeService, handler_of

KEY = "sk-test-0123456789abcdef"
QUICK = RetryPolicy(
    attempts=4, first_wait=0.01, longest_wait=0.05, longest_retry_after=5.0, connect=2.0, silence=0.3, deadline=1.0
)


@pytest.fixture
def fake(serve) -> FakeService:
    state = FakeService()
    state.url = f"{serve(handler_of(state))}/v1"
    return state


@pytest.fixture
def settings(fake, tmp_path) -> ServiceSettings:
    return ServiceSettings(url=fake.url, sizes=((64, 64), (64, 96)), folder=tmp_path / "kept", retry=QUICK, key=KEY)


@pytest.fixture
def spent(settings) -> Callable[[], float]:
    """What the ledger says was paid, US dollars."""
    return lambda: Ledger(settings.folder / "spent.jsonl", 0.0).spent()


@pytest.fixture
def ask() -> EditRequest:
    """A smooth picture, which survives scaling."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 40), torch.linspace(0, 1, 56), indexing="ij")
    return EditRequest("v", "make it gold", condition=torch.stack([x, y, 0.5 * (x + y)], dim=-1))
