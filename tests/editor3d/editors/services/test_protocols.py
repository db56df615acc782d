"""Each service's protocol: what is sent is what its documents show, and misbehaviour costs no more than it must."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from starlette.responses import JSONResponse, Response

from editor3d.editors import EDITORS
from editor3d.editors.services import gemini, openai, queues
from editor3d.editors.services.client import RetryPolicy
from editor3d.editors.services.editor import ServiceEditor
from editor3d.editors.services.ledger import Ledger
from editor3d.editors.services.protocol import Order, same_service
from editor3d.editors.services.providers import PROVIDERS
from editor3d.editors.services.settings import ServiceSettings
from editor3d.errors import ConfigError, ServiceError
from editor3d.types import EditRequest, Reference

from ..app_server import serving_app
from ..fake_providers import FakeProviders

KEY = "test-key-0123456789abcdef"
QUICK = RetryPolicy(
    **{"attempts": 3, "first_wait": 0.01, "longest_wait": 0.05, "silence": 2.0, "longest_retry_after": 5.0},
    **{"first_look": 0.01, "longest_look": 0.05, "longest_job": 0.5},
)
PATHS = {"gemini": "v1beta", "openrouter": "", "bfl": "bfl", "fal": "fal", "replicate": "replicate"}
HEADERS = {
    "gemini": KEY,
    "openrouter": f"Bearer {KEY}",
    "bfl": KEY,
    "fal": f"Key {KEY}",
    "replicate": f"Bearer {KEY}",
}
QUEUES = ("bfl", "fal", "replicate")
FILE = ("image.png", b"picture", "image/png")
SECOND = ("image_2.png", b"another", "image/png")
ENCODED, ENCODED_2 = (base64.b64encode(content).decode() for content in (b"picture", b"another"))


@pytest.fixture
def services() -> Iterator[FakeProviders]:
    state = FakeProviders()
    with serving_app(state.app()) as state.url:
        yield state


@pytest.fixture
def settings(services, tmp_path):
    def make(name: str) -> ServiceSettings:
        provider = PROVIDERS[name]
        return ServiceSettings(
            url=f"{services.url}/{PATHS[name]}".rstrip("/"),
            model=provider.model,
            sizes=((64, 64), (64, 96)),
            price=0.07,
            folder=tmp_path / "kept",
            retry=QUICK,
            key=KEY,
            provider=provider,
        )

    return make


@pytest.fixture
def ask() -> EditRequest:
    y, x = torch.meshgrid(torch.linspace(0, 1, 40), torch.linspace(0, 1, 56), indexing="ij")
    return EditRequest("v", "make it gold", condition=torch.stack([x, y, 0.5 * (x + y)], dim=-1), seed=7)


def spent(settings: ServiceSettings) -> float:
    return Ledger(settings.folder / "spent.jsonl", 0.0).spent()


def order(name: str, *, pictures=(FILE,), size=(64, 96), extra=None) -> Order:
    return Order("https://service", PROVIDERS[name].model, "make it gold", pictures, None, size, 7, extra or {})


def test_gemini_is_asked_as_its_guide_shows():
    assert gemini.body(order("gemini", pictures=(FILE, SECOND))) == {
        "contents": [
            {
                "parts": [
                    {"text": "make it gold"},
                    {"inline_data": {"mime_type": "image/png", "data": ENCODED}},
                    {"inline_data": {"mime_type": "image/png", "data": ENCODED_2}},
                ]
            }
        ],
        "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "imageConfig": {"aspectRatio": "3:2"}},
    }


def test_a_chat_is_asked_as_openrouter_shows():
    assert openai.chat_body(order("openrouter", size=None)) == {
        "model": "google/gemini-2.5-flash-image",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "make it gold"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{ENCODED}"}},
                ],
            }
        ],
        "modalities": ["image", "text"],
    }


def test_flux_is_asked_as_its_reference_shows():
    body = queues.BlackForestLabsProtocol().body(order("bfl", pictures=(FILE, SECOND), extra={"safety_tolerance": "2"}))
    assert body == {
        **{"prompt": "make it gold", "input_image": ENCODED, "input_image_2": ENCODED_2, "seed": 7},
        **{"width": 96, "height": 64, "output_format": "png", "safety_tolerance": "2"},
    }
    kontext = replace(order("bfl"), model="flux-kontext-pro")
    assert set(queues.BlackForestLabsProtocol().body(kontext)) == {"prompt", "input_image", "seed", "output_format"}


def test_fal_is_asked_as_its_schema_shows():
    address = f"data:image/png;base64,{ENCODED}"
    assert queues.FalProtocol().body(order("fal")) == {
        **{"prompt": "make it gold", "image_url": address, "seed": 7, "output_format": "png"}
    }
    several = replace(order("fal", pictures=(FILE, SECOND)), model="fal-ai/nano-banana/edit")
    assert len(queues.FalProtocol().body(several)["image_urls"]) == 2


def test_replicate_is_asked_as_its_schema_shows():
    assert queues.ReplicateProtocol().body(order("replicate")) == {
        "input": {
            **{"prompt": "make it gold", "input_image": f"data:image/png;base64,{ENCODED}", "seed": 7},
            **{"aspect_ratio": "match_input_image", "output_format": "png"},
        }
    }


@pytest.mark.parametrize("name", PATHS)
def test_a_picture_is_edited_once_and_the_key_sent_where_it_belongs(services, settings, ask, name):
    given = settings(name)
    editor = ServiceEditor(given)
    torch.testing.assert_close(editor.edit(ask), 1.0 - ask.condition, atol=0.02, rtol=0)
    assert torch.equal(editor.edit(ask), ServiceEditor(given).edit(ask))
    assert services.billed == 1
    assert spent(given) == pytest.approx(given.price)
    for path, header in services.keys:
        assert header == ("" if path.startswith("/pictures") else HEADERS[name]), path
    assert not list((given.folder / "pending").glob("*.json"))
    assert editor.info.name == name
    assert editor.funds() == pytest.approx(given.budget - given.price)


def busy() -> Response:
    return JSONResponse({"error": {"message": "slow down"}}, 429)


def broken() -> Response:
    return Response("<html>oops</html>", 500)


def garbled() -> Response:
    return Response(b'{"truncated": ', 200)


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(("fault", "charged"), [(busy, 0), (broken, 1), (garbled, 1)])
def test_what_may_pass_is_tried_again_and_counted_to_the_cent(services, settings, ask, name, fault, charged):
    given = settings(name)
    services.script = [fault]
    ServiceEditor(given).edit(ask)
    assert len(services.asked) == 2
    assert spent(given) == pytest.approx(given.price * (1 + charged))


@pytest.mark.parametrize("name", QUEUES)
@pytest.mark.parametrize("fault", [busy, broken, garbled])
def test_a_stumbling_queue_is_asked_again_and_pays_nothing_again(services, settings, ask, name, fault):
    given = settings(name)
    services.polls = [fault, fault]
    ServiceEditor(given).edit(ask)
    assert services.billed == len(services.asked) == 1
    assert spent(given) == pytest.approx(given.price)


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_that_never_ends_is_left_and_asked_again_by_the_next_run(services, settings, ask, name):
    given = settings(name)
    services.never_ends = True
    for _ in range(2):
        with pytest.raises(ServiceError, match="pays nothing again"):
            ServiceEditor(given).edit(ask)
    services.never_ends = False
    ServiceEditor(given).edit(ask)
    assert services.billed == len(services.asked) == 1
    assert spent(given) == pytest.approx(given.price)


REFUSALS = {
    "gemini": lambda: JSONResponse({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
    "openrouter": lambda: JSONResponse({"choices": [{"message": {"refusal": "no", "content": None}}]}),
    "bfl": lambda: JSONResponse({"status": "Request Moderated"}),
    "fal": lambda: JSONResponse({"detail": "content_policy_violation"}, 422),
    "replicate": lambda: JSONResponse({"status": "failed", "error": "NSFW content detected"}),
}


@pytest.mark.parametrize("name", PATHS)
def test_a_moderated_request_is_told_in_one_sentence_and_made_once(services, settings, ask, name):
    given = settings(name)
    (services.polls if name in ("bfl", "replicate") else services.script).append(REFUSALS[name])
    with pytest.raises(ServiceError, match="refused the edit") as raised:
        ServiceEditor(given).edit(ask)
    assert "\n" not in str(raised.value)
    assert len(services.asked) == 1
    charged = name == "openrouter"  # the model answered
    assert spent(given) == pytest.approx(given.price * charged)
    assert not list((given.folder / "pending").glob("*.json"))


@pytest.mark.parametrize("name", PATHS)
def test_a_picture_of_another_shape_is_paid_once(services, settings, ask, name):
    given = settings(name)
    services.size = (50, 90)
    for _ in range(2):
        with pytest.raises(ServiceError, match="the shape"):
            ServiceEditor(given).edit(ask)
    assert services.billed == 1
    assert spent(given) == pytest.approx(given.price)


@pytest.mark.parametrize("name", PATHS)
def test_the_key_is_in_no_text_and_no_file(services, settings, ask, name, capfd):
    given = settings(name)
    services.script = [lambda: JSONResponse({"error": {"message": f"bad key {KEY}"}}, 401)]
    with pytest.raises(ServiceError) as raised:
        ServiceEditor(given).edit(ask)
    ServiceEditor(given).edit(ask)
    kept = "".join(path.read_text(errors="replace") for path in given.folder.rglob("*") if path.is_file())
    for text in (str(raised.value), repr(given), kept, *capfd.readouterr()):
        assert "0123456789" not in text


def test_references_are_sent_up_to_what_a_service_takes(services, settings, ask):
    anchor = Reference(torch.rand(40, 56, 3), "anchor")
    ServiceEditor(settings("gemini")).edit(replace(ask, references=(anchor, anchor, anchor)))
    parts = services.asked[0]["contents"][0]["parts"]
    assert len([part for part in parts if "inline_data" in part]) == 3
    assert "Picture 2 shows" in parts[0]["text"]


def test_outside_a_mask_the_picture_stays_whatever_the_service(services, settings, ask):
    mask = torch.zeros(40, 56, dtype=torch.bool)
    mask[:10] = True
    edited = ServiceEditor(settings("gemini")).edit(replace(ask, mask=mask))
    assert torch.equal(edited[10:], ask.condition[10:])
    assert not torch.equal(edited[:10], ask.condition[:10])


@pytest.mark.parametrize(
    ("address", "belongs"),
    [
        ("https://api.bfl.ai/v1/x", True),
        ("https://api.eu4.bfl.ai/v1/get_result?id=1", True),
        ("http://api.bfl.ai/v1/x", False),
        ("https://bfl.ai.example.org/x", False),
        ("https://api.bfl.ai:444/x", False),
        ("https://[::", False),
        ("https://delivery.example/x.png", False),
    ],
)
def test_the_key_goes_to_the_service_and_its_regions_alone(address, belongs):
    assert same_service("https://api.bfl.ai/v1")(address) is belongs


def test_an_address_of_numbers_has_no_regions():
    assert not same_service("https://10.0.0.1")("https://10.9.0.1/x")


def test_settings_come_from_the_environment(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith("EDITOR3D_SERVICE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GEMINI_API_KEY", "abc")
    given = ServiceSettings.from_environment("gemini-3-pro-image-preview", PROVIDERS["gemini"])
    assert (given.key, given.model, given.price) == ("abc", "gemini-3-pro-image-preview", 0.16)
    assert (1376, 768) in given.sizes or (768, 1376) in given.sizes
    elsewhere = ServiceSettings.from_environment("https://example.org/v1#m", PROVIDERS["gemini"])
    assert elsewhere.key == ""
    monkeypatch.setenv("EDITOR3D_PRICES", str(tmp_path / "prices.json"))
    (tmp_path / "prices.json").write_text(json.dumps({"usd_per_picture": {"gpt-image-2:low": 0.01, "mine": 2}}))
    monkeypatch.setenv("EDITOR3D_SERVICE_OPTIONS", "quality=low, input_fidelity=high")
    given = ServiceSettings.from_environment()
    assert (given.price, dict(given.extra)) == (0.01, {"quality": "low", "input_fidelity": "high"})
    assert ServiceSettings.from_environment("http://127.0.0.1:1234/v1#sd").price == 0.0
    assert ServiceSettings.from_environment("https://example.org/v1#other").price == 0.25
    monkeypatch.setenv("EDITOR3D_SERVICE_OPTIONS", "prompt=evil")
    with pytest.raises(ConfigError, match="of these names"):
        ServiceSettings.from_environment()
    monkeypatch.setenv("EDITOR3D_SERVICE_OPTIONS", "")
    (tmp_path / "prices.json").write_text('{"usd_per_picture": {"gpt-image-2": -1}}')
    with pytest.raises(ConfigError, match="at least 0 for gpt-image-2"):
        ServiceSettings.from_environment()


def test_every_service_is_an_editor():
    assert set(PROVIDERS) <= set(EDITORS)
