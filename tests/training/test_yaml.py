"""YAML: scalars as version 1.2 has them, and one line for what would be read as something else."""

from itertools import pairwise
from typing import Any

import pytest

from pentimento.tasks.exceptions import BadInput
from pentimento.training.recipes._yaml import read_yaml, write_yaml


def value(text: str) -> Any:
    return read_yaml(f"key: {text}\n", "recipe", "mine.yaml")["key"]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *(
            (word, word)
            for word in ("on", "off", "yes", "no", "Y", "n", "On", "2026-01-02", "1:30", "=", "1_000")
        ),
        *(("true", True), ("False", False), ("~", None), ("", None), ("null", None)),
        *(("010", 10), ("0o17", 15), ("0x1F", 31), ("-3", -3), ("+5", 5)),
        *(("1e-3", 0.001), ("3E4", 30000.0), ("1.5", 1.5), (".5", 0.5), ("-1.", -1.0), ("1e5", 100000.0)),
        *(("'1e-3'", "1e-3"), ('"true"', "true"), ("!!str 3", "3"), ("[on, 1]", ["on", 1])),
    ],
)
def test_a_scalar_is_what_it_says(text: str, meant: object) -> None:
    found = value(text)
    assert (found, type(found)) == (meant, type(meant))


def test_a_key_is_a_text_whatever_it_is_called() -> None:
    assert read_yaml("on: 1\nno: {off: 2}\n'3': x\n", "recipe", "") == {"on": 1, "no": {"off": 2}, "3": "x"}


def test_anchors_and_merges_are_followed() -> None:
    text = "a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}\n"
    assert read_yaml(text, "recipe", "") == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 2},
        "c": {"x": 1, "y": 3},
    }


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3, column 1", "the key a stands in line 1 already"),
        ("a:\n  - {b: 1, b: 2}\n", "line 2, column 12", "the key b stands in line 2 already"),
        ("1: x\n", "line 1, column 1", "the key 1 is no text; put it in quotes"),
        ("a: {true: x}\n", "line 1, column 5", "the key true is no text"),
        ("? [a, b]\n: x\n", "line 1, column 3", "is no text"),
        ("a: .nan\n", "line 1, column 4", ".nan is no finite number"),
        ("a:\n- -.inf\n", "line 2, column 3", "-.inf is no finite number"),
        ("a: 1e400\n", "line 1, column 4", "1e400 is no finite number"),
        (f"a: {'9' * 5000}\n", "line 1, column 4", "no whole number of 18 digits at most"),
        ("a: !!int x\n", "line 1, column 4", "no whole number"),
        ("a: !!float x\n", "line 1, column 4", "no finite number"),
        ("a: !!bool x\n", "line 1, column 4", "no boolean"),
        ("a: !!binary aGk=\n", "line 1, column 4", "the tag !!binary is not allowed"),
        (
            "a: !!python/name:os.system\n",
            "line 1, column 4",
            "the tag !!python/name:os.system is not allowed",
        ),
        ("a: !mine x\n", "line 1, column 4", "the tag !mine is not allowed"),
        ("a: 1\n---\na: 2\n", "line 2, column 1", "but found another document"),
        ("a:\n\tb: 1\n", "line 2, column 1", "cannot start any token"),
        ("a: *b\n", "line 1, column 4", "undefined alias 'b'"),
        ("a: &a [*a]\n", "line 1, column 4", "an alias of what it lies in"),
        ("a: [1\n", "line 2, column 1", "expected ',' or ']'"),
        ("a: 1\nb: \x07\n", "line 2, column 4", "the character #x0007 is not allowed"),
    ],
)
def test_what_would_be_read_as_something_else_is_refused(text: str, place: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_yaml(text, "recipe", "mine.yaml")
    assert str(caught.value).startswith(
        f"recipe: 'mine.yaml, {place}' is not allowed; YAML that can be read; "
    )
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_nested_without_end_is_refused() -> None:
    for text in ("[" * 3000 + "]" * 3000, "a: &a [x, x]\n" + _bomb()):
        with pytest.raises(BadInput, match=r"nested too deep|aliases that repeat too much"):
            read_yaml(text, "recipe", "mine.yaml")


def _bomb() -> str:
    """Ten lists of ten of the one before."""
    names = "abcdefghijk"
    return "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in pairwise(names)
    )


@pytest.mark.parametrize(
    "data",
    [
        {"a": text}
        for text in (
            "on",
            "1e-3",
            "010",
            "0o17",
            "1:30",
            "2026-01-02",
            "null",
            "~",
            "",
            ".inf",
            "<<",
            "true",
            "ü\n",
        )
    ]
    + [{"on": [1, 2.5e-5, True, None]}, {"1": {"no": 1e20}}],
)
def test_what_is_written_is_read_back(data: Any) -> None:
    assert read_yaml(write_yaml(data), "recipe", "") == data
