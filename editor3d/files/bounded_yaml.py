"""Read YAML from untrusted files: plain values, with bounded size and nesting."""

from __future__ import annotations

from typing import Any

import yaml

MAX_DEPTH = 32
MAX_NODES = 20_000
"""Values in a file, what an alias repeats counted each time."""
_MAX_DIGITS = 400
"""Characters of a number."""
TAG = "tag:yaml.org,2002:"
"""What YAML's own tags begin with."""
BUILDING = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError, RecursionError)
"""What comes, besides PyYAML's own errors, of values that are none, as of !!int with no digits."""


class Refused(yaml.YAMLError):
    """What a file says is no part of one of its kind; the text completes "found ... in it"."""


class BoundedLoader(yaml.SafeLoader):
    """Builds plain values alone. A file that would grow without bounds, by aliases or by nesting, is refused."""

    yaml_constructors: dict = {}
    yaml_multi_constructors: dict = {}

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._count = 0
        self._counts: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Refused(f"values nested more than {MAX_DEPTH} deep")
        before, is_alias = self._count, self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        if is_alias and id(node) not in self._counts:
            raise Refused("a value that holds itself")
        self._count += self._counts[id(node)] if is_alias else 1
        if self._count > MAX_NODES:
            raise Refused(f"more than {MAX_NODES} values")
        self._counts[id(node)] = self._count - before
        self._depth -= 1
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for key, _ in node.value:
            if key.tag == f"{TAG}merge":
                raise Refused("a merge of mappings (<<)")

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        text = self.construct_scalar(node)
        if len(text) > _MAX_DIGITS:
            raise Refused(f"a number of {len(text)} characters")
        return self.construct_yaml_int(node) if node.tag == f"{TAG}int" else self.construct_yaml_float(node)

    def construct_unknown(self, node: yaml.Node) -> None:
        raise Refused(f"the tag {node.tag.replace(TAG, '!!')!r:.80}")


for _tag, _constructor in {
    "null": BoundedLoader.construct_yaml_null,
    "bool": BoundedLoader.construct_yaml_bool,
    "int": BoundedLoader.construct_number,
    "float": BoundedLoader.construct_number,
    "str": BoundedLoader.construct_yaml_str,
    "seq": BoundedLoader.construct_yaml_seq,
    "map": BoundedLoader.construct_yaml_map,
}.items():
    BoundedLoader.add_constructor(TAG + _tag, _constructor)
# None is for every other tag
BoundedLoader.add_constructor(None, BoundedLoader.construct_unknown)  # pyright: ignore[reportArgumentType]


def load_plain(text: str) -> Any:
    """The plain value in a text: null, numbers, strings, lists and mappings.

    Raises:
        yaml.YAMLError: it is no YAML, or more than that; `Refused` says what.
    """
    loader = BoundedLoader(text)
    try:
        return loader.get_single_data()
    except BUILDING as error:
        raise Refused(f"a value that is none ({str(error):.80})") from error
    finally:
        loader.dispose()
