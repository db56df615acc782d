"""ComfyUI workflows in API format: find where the picture, the words and the seed go, and fill them in."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from editor3d.errors import ConfigError
from editor3d.files.safe_open import read_json

PICTURE, MASK, PROMPT, NEGATIVE, SEED, STRENGTH, OUTPUT = (
    *("picture", "mask", "prompt", "negative", "seed", "strength", "output"),
)
REFERENCE = "reference"
ROLES = (PICTURE, MASK, REFERENCE, PROMPT, NEGATIVE, SEED, STRENGTH, OUTPUT)
INSTRUCTION = "{instruction}"
"""Where a prompt's own text has this, the instruction is put in its place; else it replaces the text."""
_TITLE = re.compile(rf"\s*(?:editor3d\b[\s:]*)?({'|'.join(ROLES)})(?:[\s_-]*(\d))?\s*", re.IGNORECASE)
_MARKED = re.compile(r"\s*editor3d\b", re.IGNORECASE)
_INPUTS = {
    PICTURE: ("image",),
    REFERENCE: ("image",),
    MASK: ("image", "mask"),
    PROMPT: ("text", "prompt", "value", "string", "clip_l"),
    NEGATIVE: ("text", "prompt", "value", "string"),
    SEED: ("seed", "noise_seed", "value", "int"),
    STRENGTH: ("denoise", "strength", "value", "float"),
}
"""The inputs of a node that may be filled, by its role; the first that it has."""
_LOADS, _LOADS_MASK = ("LoadImage", "LoadImageOutput"), ("LoadImageMask",)
_SAVES = ("SaveImage", "PreviewImage", "SaveAnimatedWEBP", "SaveImageAdvanced")
_SEEDS = ("seed", "noise_seed")


@dataclass(frozen=True)
class Mark:
    """One input of a workflow that an edit fills, or the node whose picture it takes."""

    role: str
    node: str
    """The node's number."""
    input: str
    """The name of its input; empty for the output."""
    found_by: str
    """Title or class."""
    number: int = 1
    """Which reference, from 1."""


class Workflow:
    """A workflow and its marks.

    Raises:
        ConfigError: it is none in API format, or it does not say where the picture and the words go.
    """

    def __init__(self, path: Path) -> None:
        body = read_json(path, ConfigError)
        if isinstance(body, dict) and isinstance(body.get("prompt"), dict):
            body = body["prompt"]
        if not isinstance(body, dict) or not body or not all(_is_node(node) for node in body.values()):
            drawn = isinstance(body, dict) and "nodes" in body
            raise ConfigError(
                f"Expected a ComfyUI workflow in API format at {path}, got "
                f"{'one as it is drawn' if drawn else 'something else'}: save it by File > Export (API)."
            )
        self.path, self._nodes = path, body
        self.marks = self._found()
        for role, remedy in (
            (PICTURE, "a Load Image node"),
            (PROMPT, "the node of the prompt"),
            (OUTPUT, "a Save Image node"),
        ):
            if not self.of(role):
                raise ConfigError(
                    f"Expected {remedy} in the workflow {path}, found none, or several: title it 'editor3d {role}'."
                )

    def of(self, role: str) -> list[Mark]:
        """The marks of one role; references in their order."""
        return sorted((mark for mark in self.marks if mark.role == role), key=lambda mark: mark.number)

    def title(self, node: str) -> str:
        """What a node is called in the drawing; its class where it has no title."""
        return str(self._nodes[node].get("_meta", {}).get("title") or self._nodes[node]["class_type"])

    def kind(self, node: str) -> str:
        """The class of a node."""
        return str(self._nodes[node]["class_type"])

    @property
    def takes_mask_by_alpha(self) -> bool:
        """Whether a node uses the mask that Load Image makes of the picture's transparency."""
        (picture,) = self.of(PICTURE)
        links = [value for node in self._nodes.values() for value in node["inputs"].values()]
        return any(link == [picture.node, 1] for link in links if isinstance(link, list))

    def filled(self, values: Mapping[str, Any], references: list[str]) -> dict[str, Any]:
        """The workflow with values in the places of its marks.

        Args:
            values: by role; a role without a value keeps what the workflow has.
            references: names of uploaded pictures, in order; places that are left get the last one.
        """
        nodes = copy.deepcopy(self._nodes)
        for mark in self.marks:
            inputs = nodes[mark.node]["inputs"]
            if mark.role == REFERENCE and references:
                inputs[mark.input] = references[min(mark.number, len(references)) - 1]
            elif mark.role in values and mark.input:
                value, own = values[mark.role], inputs.get(mark.input)
                if mark.role == PROMPT and isinstance(own, str) and INSTRUCTION in own:
                    value = own.replace(INSTRUCTION, str(value))
                inputs[mark.input] = value
        return nodes

    def _found(self) -> tuple[Mark, ...]:
        titled = [mark for node in self._nodes for mark in self._by_title(node)]
        taken = {mark.role for mark in titled}
        marks = [*titled, *(mark for mark in self._by_class({mark.node for mark in titled}) if mark.role not in taken)]
        return tuple(marks)

    def _by_title(self, node: str) -> list[Mark]:
        title = str(self._nodes[node].get("_meta", {}).get("title") or "")
        match = _TITLE.fullmatch(title)
        if match is None:
            if _MARKED.match(title):
                raise ConfigError(
                    f"Expected 'editor3d' and one of {', '.join(ROLES)} as the title of a node in {self.path}, got "
                    f"'{title[:60]}': correct it."
                )
            return []
        role, number = match[1].lower(), int(match[2] or 1)
        if role == OUTPUT:
            return [Mark(role, node, "", "title")]
        name = self._input(node, role)
        if name is None:
            raise ConfigError(
                f"Expected a node with an input {' or '.join(_INPUTS[role])} under the title '{title}' in {self.path}, "
                f"got {self.kind(node)}: title another node."
            )
        return [Mark(role, node, name, "title", number)]

    def _input(self, node: str, role: str) -> str | None:
        inputs = self._nodes[node]["inputs"]
        return next((name for name in _INPUTS[role] if name in inputs and not isinstance(inputs[name], list)), None)

    def _by_class(self, taken: set[str]) -> list[Mark]:
        """What only one node can be: a role with several candidates is left out."""
        left = [node for node in self._nodes if node not in taken]
        marks = []
        for role, kinds in ((PICTURE, _LOADS), (MASK, _LOADS_MASK)):
            found = [node for node in left if self.kind(node) in kinds]
            if len(found) == 1:
                marks.append(Mark(role, found[0], "image", "class"))
        saving = [node for node in left if self.kind(node) in _SAVES]
        if len(saving) == 1 or (
            saving
            and self.kind(saving[0]) == "SaveImage"
            and len([node for node in saving if self.kind(node) == "SaveImage"]) == 1
        ):
            marks.append(Mark(OUTPUT, saving[0], "", "class"))
        words = self._worded()
        if len(words) == 1:
            node = words.pop()
            marks.append(Mark(PROMPT, node, self._input(node, PROMPT) or "", "class"))
        marks += [
            Mark(SEED, node, name, "class")
            for node, given in self._nodes.items()
            for name in _SEEDS
            if name in given["inputs"] and not isinstance(given["inputs"][name], list)
        ]
        return marks

    def _worded(self) -> set[str]:
        """Nodes of words that flow into an input called positive, and into none called negative; or the only one."""
        worded = {node for node in self._nodes if self._input(node, PROMPT) is not None and "ncode" in self.kind(node)}
        negative = self._above("negative")
        positive = (self._above("positive") & worded) - negative
        return positive or (worded - negative)

    def _above(self, name: str) -> set[str]:
        """Nodes that flow into inputs of this name, through any number of others; not through samplers."""
        waiting = [
            node["inputs"][name][0] for node in self._nodes.values() if isinstance(node["inputs"].get(name), list)
        ]
        seen: set[str] = set()
        while waiting:
            node = str(waiting.pop())
            if node in seen or node not in self._nodes:
                continue
            seen.add(node)
            inputs = self._nodes[node]["inputs"]
            links = {key: value for key, value in inputs.items() if isinstance(value, list) and value}
            # a node between that has both is followed along the side that it was reached by
            both = {"positive", "negative"} <= set(links)
            waiting += [value[0] for key, value in links.items() if not both or key == name]
        return seen


def _is_node(node: Any) -> bool:
    return isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)
