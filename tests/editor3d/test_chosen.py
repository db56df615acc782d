from __future__ import annotations

from pathlib import Path

import pytest

from editor3d.errors import ConfigError
from editor3d.trust import require_chosen_service, require_chosen_weights

RUN = Path("a/run")


@pytest.mark.parametrize(
    "editor",
    ["auto", "procedural", "ip2p:FOLDER", "service", "service:#model", "service:http://127.0.0.1:8000/v1",
     "service:http://localhost/v1#model", "service-try-on:http://[::1]:9", "service:https://api.openai.com/v1/", ""],
)  # fmt: skip
def test_what_sends_nothing_to_a_place_of_the_runs_own_is_gone_on_with(editor):
    require_chosen_service(editor, RUN)


@pytest.mark.parametrize(
    "editor",
    ["service:https://example.org/v1", "service-try-on:http://example.org", "service:http://127.0.0.1.example.org",
     "service:http://localhost@example.org", "service:https://api.openai.com.example.org/v1", "service:http://[::1",
     "service:file:///etc/passwd"],
)  # fmt: skip
def test_a_service_that_only_the_run_names_is_refused_by_name(editor, monkeypatch):
    url = editor.partition(":")[2]
    with pytest.raises(ConfigError, match="EDITOR3D_SERVICE_URL") as caught:
        require_chosen_service(editor, RUN)
    assert url in str(caught.value)
    monkeypatch.setenv("EDITOR3D_SERVICE_URL", url + "/")
    require_chosen_service(editor, RUN)


@pytest.mark.parametrize("model", ["ip2p:someone/model", "flux-kontext:someone/model", "sds:someone/model"])
def test_weights_that_only_the_run_names_are_not_downloaded(model, monkeypatch):
    with pytest.raises(ConfigError, match=r"someone/model in the run a/run.*hf download someone/model"):
        require_chosen_weights(model, RUN)
    monkeypatch.setattr("editor3d.trust.find_weights", lambda hub_id: Path("here"))
    require_chosen_weights(model, RUN)


@pytest.mark.parametrize(
    "model", ["", "auto", "ip2p", "ip2p:/a/folder", "ip2p:./a", "folder:edited/pictures", "procedural", "unknown:a/b"]
)
def test_what_downloads_nothing_is_gone_on_with(model):
    require_chosen_weights(model, RUN)
