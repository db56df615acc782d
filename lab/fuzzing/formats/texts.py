"""Texts from people and models: regions, Blender programs, a vision model's answers, jobs for the service."""

from __future__ import annotations

import json
from pathlib import Path

from lab.fuzzing.formats.contract import Format
from lab.fuzzing.formats.mutate import Files

_PROGRAM = """import bpy
import math

light = bpy.data.objects["Key"]
light.data.energy = 120.0
for index, name in enumerate(["A", "B"]):
    light.rotation_euler[index] = math.radians(30.0 * index)
material = bpy.data.materials["Wood"]
material.node_tree.nodes["Principled BSDF"].inputs["Roughness"].default_value = 0.4
"""
_CHANGED = _PROGRAM.replace("120.0", "300.0")
_BLOCKS = """Brighter.

<<<<<<< SEARCH
light.data.energy = 120.0
=======
light.data.energy = 300.0
>>>>>>> REPLACE
"""


def _words(*texts: str) -> tuple[Files, ...]:
    return tuple({"text.txt": text.encode()} for text in texts)


def _text(folder: Path) -> str:
    path = folder / "text.txt"
    return path.read_bytes().decode("utf-8", "surrogateescape") if path.is_file() else ""


def region() -> Format:
    from editor3d.regions.notation import parse_region

    texts = ("box:0,0,0.5,1,1,1", "sphere:1,2,3,0.5", "object:teapot", "text:the red teapot", "masks:folder")
    return Format(_words(*texts), lambda folder: parse_region(_text(folder)))


def region_file() -> Format:
    from editor3d.regions.notation import parse_region

    ball = {"type": "sphere", "center": [0, 0, 1], "radius": 2}
    box = {"type": "box", "center": [0, 0, 0], "half_extents": [1, 1, 1], "rotation": [1, 0, 0, 0]}
    around = {"type": "dilate", "region": {"type": "union", "regions": [box, ball]}, "amount": 0.1}
    value = {"type": "intersection", "regions": [box, {"type": "invert", "region": ball}, around]}
    return Format(
        ({"region.json": json.dumps(value).encode()},), lambda folder: parse_region(str(folder / "region.json"))
    )


def program() -> Format:
    from editor3d.programs.language.syntax import Program
    from editor3d.programs.request import read_program
    from editor3d.programs.sandbox import gate

    def read(folder: Path) -> object:
        source = read_program(folder / "text.txt")
        refused = gate.check(source)
        return refused or Program(source)

    return Format(_words(_PROGRAM), read)


def answer() -> Format:
    from editor3d.programs.language.diffs import AnswerError, program_of
    from editor3d.programs.vision.evaluator import _choice

    def read(folder: Path) -> object:
        text = _text(folder)
        _choice(text)
        return program_of(text, _PROGRAM)

    texts = (_BLOCKS, f"Here it is:\n```python\n{_CHANGED}```\n", f'```json\n{{"nearer": "first"}}\n```\n{_BLOCKS}')
    return Format(_words(*texts), read, (AnswerError,))


def chat() -> Format:
    """The body of a model's answer, and of an image service's."""
    import base64

    from editor3d.editors.services import answers as service_answers
    from editor3d.editors.services import client as service_client
    from editor3d.programs.vision import client as vision_client
    from lab.fuzzing.formats.captures import photograph, png

    message = {"choices": [{"message": {"role": "assistant", "content": _BLOCKS}}], "usage": {"total_tokens": 12}}
    image = {"data": [{"b64_json": base64.b64encode(png(photograph())).decode()}]}

    def read(folder: Path) -> object:
        for path in sorted(folder.glob("*.json")):
            body = path.read_bytes()
            if path.stem == "chat":
                vision_client._read(body)
            else:
                encoded = json.loads(body)["data"][0]["b64_json"]
                service_answers.decoded(encoded)
        return None

    # what the client counts as a failed answer
    failures = (*service_client._NOT_THE_PROTOCOL, service_answers.Failed)
    return Format(
        ({"chat.json": json.dumps(message).encode()}, {"image.json": json.dumps(image).encode()}), read, failures
    )


def job() -> Format:
    from editor3d.service.jobs.requests import parse_request

    body = {
        "kind": "scene",
        "instruction": "make it gold",
        "inputs": {"scene": {"path": "demo"}},
        "settings": {
            "editor": "procedural",
            "steps": 20,
            "seed": 3,
            "region": "sphere:0,0,0,1",
            "scene_up": "-y",
            "center": [0, 0, -1],
            "distance": 2.5,
            "cameras": 24,
            "force": True,
        },
    }

    def read(folder: Path) -> object:
        path = folder / "job.json"
        return parse_request(path.read_bytes(), {}) if path.is_file() else None

    return Format(({"job.json": json.dumps(body).encode()},), read)
