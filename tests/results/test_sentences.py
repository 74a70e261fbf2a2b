"""Sentences are made in one place, from what stands in the report, and nothing is read out of them."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from pentimento.results import analyse, load, write_design, write_report
from pentimento.results.comparison.designs import read_design
from pentimento.results.notes import Flag, NoteKind, note
from pentimento.results.report import sentences
from pentimento.results.report.figures import draw
from pentimento.results.report.tables import every
from pentimento.results.schema import Report
from tests.results.conftest import Fabricated, write_run
from tests.results.test_designs import write_two

Make = Callable[..., Any]
NUMBER = re.compile(r"[−+-]?(?:\d[\d,.]*|∞)")


@pytest.fixture
def wordless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sentence and every word for a flag is an x."""
    for name in ("FLAGS", "TEXTS", "SIGNALS", "LACKING"):
        texts = getattr(sentences, name)
        monkeypatch.setattr(sentences, name, MappingProxyType(dict.fromkeys(texts, "x")))
    for name in ("few_seeds", "wanted", "check_reason"):
        monkeypatch.setattr(sentences, name, lambda *_: "x")
    monkeypatch.setattr(sentences, "health_notes", lambda _: ("x",))


def write_hard(folder: Path) -> Path:
    """Write a run of which as much as can be has to be said: broken, few seeds, invalid and cut answers."""
    what = Fabricated(
        roles=("base", "implanted", "opposed", "opposed_only", "benign"),
        seeds=(0, 1),
        num_invalid=2,
        num_failed=1,
        limit=90,
        no_signal=(("opposed", 0),),
    )
    return write_run(folder, what)


def numbers(report: Report) -> Iterator[tuple[str, ...]]:
    """Yield every cell of every table that is a number."""
    for name, table in every(report).items():
        for row in table.rows:
            yield (name, *(cell for cell in row if NUMBER.fullmatch(cell)))


def shapes(report: Report) -> dict[str, list[tuple[str, ...]]]:
    """Return what is drawn in each figure, without its texts."""
    drawn = draw(report)
    return {name: re.findall(r"<(path|line|circle|use)([^>]*)>", svg) for name, svg in drawn.items()}


def test_a_report_is_the_same_whatever_its_sentences_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    folder = write_hard(tmp_path / "run")
    before = analyse(load(folder))
    cells, figures = list(numbers(before)), shapes(before)
    assert {flag for row in before.measures for flag in row.flags} >= {Flag.FEW_SEEDS}
    assert before.notes
    assert before.verdicts
    request.getfixturevalue("wordless")
    assert sentences.said(before.notes) == ("x",) * len(before.notes)
    after = analyse(load(folder))
    assert after == before
    assert after.model_dump_json() == before.model_dump_json()
    assert list(numbers(after)) == cells
    assert shapes(after) == figures
    write_report(folder)
    assert Report.model_validate_json((folder / "report.json").read_bytes()) == before


def test_a_design_is_the_same_whatever_its_sentences_are(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = write_two(tmp_path / "design")
    write_design(folder)
    before = read_design(folder)
    request.getfixturevalue("wordless")
    write_design(folder, afresh=True)
    assert read_design(folder) == before


def test_everything_that_can_be_noted_has_a_sentence() -> None:
    assert set(sentences.TEXTS) == set(NoteKind)
    assert set(sentences.FLAGS) == set(Flag)


def test_a_number_that_is_none_is_a_dash_and_a_side_without_bound_is_said() -> None:
    facts = {"num": 2, "recipe": "sft", "where": "neither", "value": 0.1, "near": 0}
    least = note(NoteKind.LEAST, name="retention", low=float("-inf"), high=0.5, **facts)
    assert least.facts["low"] is None
    assert "(neither, +0.10 [−∞, +0.50])" in sentences.say(least)
    assert (
        sentences.say(note(NoteKind.EQUIVALENCE, p=float("nan"), beside=None)) == "equivalence p = – (Holm)"
    )
