"""YAML as people mean it: the core schema of YAML 1.2, and nothing that changes a value without a word.

PyYAML reads YAML 1.1, in which `on` and `no` are booleans, 010 is eight, 1:30 is ninety, 1e-3 is a text, a
date is no text, and the second of two equal keys wins.
"""

import math
import re
from typing import Any, ClassVar

import yaml
from yaml.constructor import ConstructorError

from pentimento._files import place
from pentimento.tasks.exceptions import BadInput

_CORE = "tag:yaml.org,2002:"
_MERGE = f"{_CORE}merge"
_TAGS = {f"{_CORE}{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")}
_MOST_NODES = 100_000
"""With what aliases repeat: a recipe has hundreds."""
_MOST_DIGITS = 18
"""Of a whole number, so that it fits into 64 bits."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Scalars as YAML 1.2's core schema resolves them."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def whole(self, node: yaml.ScalarNode) -> int:
        text = node.value
        if len(text) > _MOST_DIGITS or not re.fullmatch(r"[-+]?\d+|0[ox][\da-fA-F]+", text):
            line = "no whole number of 18 digits at most"
            raise ConstructorError(problem=line, problem_mark=node.start_mark)
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)

    def number(self, node: yaml.ScalarNode) -> float:
        number = float(node.value) if re.fullmatch(r"[-+\d.eE]+", node.value) else math.inf
        if not math.isfinite(number):
            raise ConstructorError(problem=f"{node.value} is no finite number", problem_mark=node.start_mark)
        return number

    def either(self, node: yaml.ScalarNode) -> bool:
        if node.value.lower() not in ("true", "false"):
            raise ConstructorError(problem=f"{node.value} is no boolean", problem_mark=node.start_mark)
        return bool(node.value.lower() == "true")


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Texts in quotes wherever either YAML would take them for something else."""


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    for _of in (_Loader, _Dumper):
        _of.add_implicit_resolver(f"{_CORE}{_tag}", re.compile(f"^(?:{_pattern})$"), [*_first])
_Loader.add_constructor(f"{_CORE}int", _Loader.whole)
_Loader.add_constructor(f"{_CORE}float", _Loader.number)
_Loader.add_constructor(f"{_CORE}bool", _Loader.either)


def write_yaml(data: Any) -> str:
    """Return data as YAML that `read_yaml` reads back."""
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True))


def read_yaml(text: str, field: str, name: str) -> Any:
    """Return what a YAML text says.

    Only `true` and `false` are booleans; 1e-3 is a number; dates, `on`, `yes` and 1:30 are texts; `.nan` and
    `.inf` are refused, and so are equal keys, keys that are no texts, tags, and several documents.

    Args:
        text: The text.
        field: What it was given as.
        name: What it is called where it is refused.

    Raises:
        BadInput: It is no such YAML; with the line.
    """
    where, line = "", "nested too deep"
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node)
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        line = ", ".join(filter(None, (error.context, error.problem)))
    except yaml.reader.ReaderError as error:
        where = f", {place(text[: error.position])}"
        line = f"the character #x{error.character:04x} is not allowed"
    except RecursionError:
        pass
    raise BadInput(field, f"{name}{where}", f"YAML that can be read; {line}")


def _check(root: yaml.Node) -> None:
    """Refuse what YAML 1.1 would let pass: equal keys, keys that are no texts, tags, aliases without end."""
    sizes: dict[int, int] = {}
    _size(root, sizes, set())


def _size(node: yaml.Node, sizes: dict[int, int], above: set[int]) -> int:
    """Return how many nodes a node comes to, what aliases repeat counted again.

    Args:
        node: The node.
        sizes: Of nodes that were looked at.
        above: The nodes that it lies in.
    """
    if id(node) in sizes:
        return sizes[id(node)]
    if id(node) in above:
        raise ConstructorError(problem="an alias of what it lies in", problem_mark=node.start_mark)
    if node.tag not in _TAGS:
        tag = node.tag.replace(_CORE, "!!")
        raise ConstructorError(problem=f"the tag {tag} is not allowed", problem_mark=node.start_mark)
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
        children = [value for _, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    inside = above | {id(node)}
    size = 1 + sum(_size(child, sizes, inside) for child in children)
    if size > _MOST_NODES:
        raise ConstructorError(problem="aliases that repeat too much", problem_mark=node.start_mark)
    sizes[id(node)] = size
    return size


def _check_keys(node: yaml.MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        text = ""
        if key.tag == _MERGE:
            continue
        if key.tag != f"{_CORE}str":
            shown = key.value if isinstance(key, yaml.ScalarNode) else "a list or a mapping"
            text = f"the key {shown} is no text; put it in quotes"
        elif key.value in lines:
            text = f"the key {key.value} stands in line {lines[key.value]} already"
        if text:
            raise ConstructorError(problem=text, problem_mark=key.start_mark)
        lines[key.value] = key.start_mark.line + 1
