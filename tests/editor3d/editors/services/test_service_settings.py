"""The service's settings, its keys and its budget."""

from __future__ import annotations

from dataclasses import replace

import pytest

from editor3d.editors import create_editor
from editor3d.editors.services.editor import ServiceEditor
from editor3d.editors.services.ledger import DAY, Ledger
from editor3d.errors import ConfigError, EditorUnavailableError, InstructionError, ServiceError

KEY = "sk-test-0123456789abcdef"


def test_the_budget_holds_for_all_runs_together(fake, settings, ask):
    capped = replace(settings, price=0.4, budget=1.0)
    ServiceEditor(capped).edit(ask)
    ServiceEditor(capped).edit(replace(ask, instruction="second"))
    with pytest.raises(ServiceError, match=r"0.80 of 1.00 .* raise EDITOR3D_SERVICE_BUDGET"):
        ServiceEditor(capped).edit(replace(ask, instruction="third"))
    assert len(fake.asked) == 2
    # What was paid for stays to be had.
    ServiceEditor(capped).edit(ask)


def test_the_ledger_forgets_after_a_day_and_survives_a_torn_line(tmp_path):
    now = [1e9]
    ledger = Ledger(tmp_path / "spent.jsonl", 1.0, clock=lambda: now[0])
    ledger.pay(0.6)
    with ledger.path.open("a") as file:
        file.write('{"time": 1e9, "us')
    assert ledger.spent() == pytest.approx(0.6)
    ledger.pay(0.3)
    assert ledger.spent() == pytest.approx(0.9)
    with pytest.raises(ServiceError):
        ledger.pay(0.2)
    now[0] += DAY + 1.0
    ledger.pay(0.9)
    assert ledger.spent() == pytest.approx(0.9)


def test_openais_key_goes_to_openai_only(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("EDITOR3D_SERVICE_KEY", raising=False)
    monkeypatch.delenv("EDITOR3D_SERVICE_URL", raising=False)
    assert create_editor("service").settings.key == KEY
    other = create_editor("service:https://pictures.example/v1#painter-2")
    assert other.settings.key == ""
    assert other.settings.model == "painter-2"
    with pytest.raises(EditorUnavailableError, match="the key of pictures.example"):
        other.validate("make it red", [], [])
    monkeypatch.setenv("EDITOR3D_SERVICE_KEY", " another ")
    assert create_editor("service:https://pictures.example/v1").settings.key == "another"
    create_editor("service:https://pictures.example/v1").validate("make it red", [], [])


def test_a_service_on_this_machine_needs_no_key(monkeypatch):
    monkeypatch.delenv("EDITOR3D_SERVICE_KEY", raising=False)
    create_editor("service:http://localhost:8000/v1").validate("make it red", [], [])
    with pytest.raises(InstructionError, match="empty"):
        create_editor("service:http://localhost:8000/v1").validate(" ", [], [])


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("URL", "ftp://a.example", "base URL"),
        ("URL", "https://user:hush@a.example/v1", "base URL"),
        ("REFERENCES", "16", "number of pictures"),
        ("REFERENCES", "two", "number of pictures"),
        ("PRICE", "cheap", "US dollars"),
        ("PRICE", "-1", "US dollars"),
        ("BUDGET", "nan", "US dollars"),
        ("SIZES", "1024", "WIDTHxHEIGHT"),
        ("SIZES", "0x5", "WIDTHxHEIGHT"),
        ("KEY", "two\nlines", "printable"),
    ],
)
def test_wrong_settings_are_refused_without_repeating_secrets(monkeypatch, variable, value, reason):
    monkeypatch.setenv(f"EDITOR3D_SERVICE_{variable}", value)
    with pytest.raises(ConfigError, match=reason) as refused:
        create_editor("service")
    assert "hush" not in str(refused.value)
    assert "lines" not in str(refused.value)


def test_settings_come_from_the_environment(monkeypatch, tmp_path):
    for name, value in {
        "URL": "https://a.example/v1/",
        "MODEL": "m",
        "SIZES": "512x256, 256x256",
        "PRICE": "0.02",
        "BUDGET": "3",
        "CACHE": str(tmp_path),
    }.items():
        monkeypatch.setenv(f"EDITOR3D_SERVICE_{name}", value)
    found = create_editor("service").settings
    assert (found.url, found.model, found.sizes) == ("https://a.example/v1", "m", ((256, 512), (256, 256)))
    assert (found.price, found.budget, found.folder) == (0.02, 3.0, tmp_path)
    monkeypatch.setenv("EDITOR3D_SERVICE_SIZES", "any")
    assert create_editor("service").settings.sizes == ()
