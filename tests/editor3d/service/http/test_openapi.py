"""The service describes itself, and as it is."""

from __future__ import annotations

import json
import re

import msgspec
import pytest

from editor3d.options import EditOptions, docs_of, schema_of
from editor3d.service.http.openapi import description
from editor3d.service.http.routes import OPERATIONS, Done, Health, Jobs, Problem, Upload
from editor3d.service.jobs.queue import Snapshot
from editor3d.service.jobs.requests import KINDS
from editor3d.service.jobs.settings import DECIDED


@pytest.fixture(scope="module")
def document() -> dict:
    return json.loads(json.dumps(description(OPERATIONS)))


def test_it_lists_each_operation_once(document) -> None:
    listed = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert listed == {(one.method, one.path.replace(":path", "")) for one in OPERATIONS}
    assert len(listed) == len(OPERATIONS)
    names = [one["operationId"] for methods in document["paths"].values() for one in methods.values()]
    assert len(set(names)) == len(names)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            parameters = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"]
            assert parameters == re.findall(r"{(\w+)}", path)
            assert operation["summary"].endswith(".")


def test_every_reference_leads_somewhere(document) -> None:
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert {"MeshJob", "SceneSettings", "Snapshot", "Problem", "Progress"} <= references
    assert references <= set(document["components"]["schemas"])


def test_settings_of_a_scene_are_the_options_of_an_edit(document) -> None:
    settings = document["components"]["schemas"]["SceneSettings"]["properties"]
    for name, part in schema_of()["properties"].items():
        if name not in DECIDED:
            assert settings[name] == part
    assert not set(DECIDED) & set(settings)
    assert settings["steps"]["description"] == docs_of(EditOptions)["steps"]


def test_answers_are_as_described(serve) -> None:
    call = serve()

    def answer(method: str, path: str, kind: type, body: object = None) -> object:
        found = call(method, path, body)
        assert set(found.body) == set(kind.__struct_fields__)
        return msgspec.convert(found.body, kind)

    assert call("GET", "/openapi.json").body == json.loads(json.dumps(description(OPERATIONS)))
    assert answer("GET", "/v1/health", Health).kinds == list(KINDS)
    upload = call.upload("a.glb", b"mesh")
    assert msgspec.convert(upload, Upload).upload == upload["upload"]
    body = {"kind": "mesh", "instruction": "turn it into gold", "inputs": {"mesh": upload}}
    job = answer("POST", "/v1/jobs", Snapshot, body)
    assert [one.id for one in answer("GET", "/v1/jobs", Jobs).jobs] == [job.id]
    assert answer("GET", f"/v1/jobs/{job.id}", Snapshot).settings == {}
    assert answer("POST", f"/v1/jobs/{job.id}/cancel", Snapshot).id == job.id
    assert answer("DELETE", f"/v1/jobs/{job.id}", Done) == Done()
    assert answer("GET", f"/v1/jobs/{job.id}", Problem).error.endswith(".")


def test_it_is_told_to_clients_alone(serve) -> None:
    assert serve()("GET", "/openapi.json", Authorization="").status == 401
