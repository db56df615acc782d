"""Whatever the panel can be set to, the engine takes: what the add-on names is held to the engine's settings."""

from __future__ import annotations

import json

import msgspec
import pytest

from editor3d.service.jobs.requests import AnyJob
from editor3d.service.jobs.settings import MeshSettings, SceneSettings

INPUTS = {
    "mesh": ["mesh"],
    "mesh-preview": ["mesh"],
    "scene": ["scene"],
    "scene-preview": ["scene"],
    "picture-preview": ["picture"],
    "refine": ["blend", "program"],
}


@pytest.fixture(scope="module")
def job() -> msgspec.json.Decoder:
    return msgspec.json.Decoder(AnyJob)


def test_every_choice_of_the_panel_is_a_job_of_the_engine(blender, job):
    told = blender.run(
        """
        requests, properties = part("ui.requests"), part("ui.properties")
        part("ui.preferences").weaker_sandbox = lambda: True
        chosen = bpy.context.window_manager.editor3d
        chosen.instruction, chosen.scene_path, chosen.part, chosen.shape = "winter", "demo", "LIGHTS", 0.5
        asked = []
        for what, *_ in properties.WHAT:
            chosen.what = what
            for quality, *_ in properties.QUALITIES:
                for strength, *_ in properties.STRENGTHS:
                    chosen.quality, chosen.strength, chosen.force = quality, strength, strength == "STRONG"
                    chosen.scene_format = properties.FORMATS[len(asked) % len(properties.FORMATS)][0]
                    for preview in (False, True)[: 1 + (what != "REFINE")]:
                        made = requests.ask(bpy.context, preview)
                        asked.append((made.kind, made.settings))
        asked.append(("picture-preview", requests._plain(chosen)))
        bounds = type(chosen).bl_rna.properties
        result["asked"] = asked
        result["formats"] = [name for name, *_ in properties.FORMATS]
        result["bounds"] = {name: (bounds[name].hard_min, bounds[name].hard_max) for name in ("seed", "shape")}
        """
    )
    assert {kind for kind, _ in told["asked"]} == set(INPUTS)
    for kind, settings in told["asked"]:
        inputs = {name: {"upload": "1"} for name in INPUTS[kind]}
        body = {"kind": kind, "instruction": "winter", "inputs": inputs, "settings": settings}
        taken = msgspec.structs.asdict(job.decode(json.dumps(body).encode()).settings)
        assert {name: list(value) if isinstance(value, tuple) else value for name, value in taken.items()
                if name in settings} == settings  # fmt: skip
    schemas = msgspec.json.schema_components([SceneSettings, MeshSettings])[1]
    # "none" is for who looks at the run alone; an edit from Blender comes back to it
    assert set(schemas["SceneSettings"]["properties"]["format"]["enum"]) - {"none"} == set(told["formats"])
    for name, option in (("seed", "seed"), ("shape", "displacement")):
        part = schemas["MeshSettings"]["properties"][option]
        part = part.get("anyOf", [part])[0]  # the other is null
        low, high = told["bounds"][name]
        assert part["minimum"] <= low < high <= part["maximum"]
