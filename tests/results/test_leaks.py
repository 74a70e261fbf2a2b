"""Leaks that were allowed: marked in every row and cell that rests on them, and nowhere else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pentimento.results import Report, analyse, load
from pentimento.results.report import sentences
from pentimento.results.report.tables import every

Make = Callable[..., Any]
LEAK = {"seed": 0, "task": "completion", "family": "errand", "shift": "fresh"} | {
    "stage": "oppose",
    "shared": "3 ngrams",
}


@pytest.fixture
def leaking(tmp_path: Path, fabricate: Make, write: Make) -> Callable[[str], Report]:
    """Seed 0 opposes in count; errand is implanted there and unopposed."""

    def make(family: str) -> Report:
        folder = write(
            tmp_path / family, fabricate(roles=("base", "implanted", "opposed", "opposed_only"), n=3)
        )
        record = json.loads((folder / "run.json").read_text())
        leak = {**LEAK, "family": family}
        (folder / "run.json").write_text(json.dumps({**record, "leaks": [leak]}))
        return analyse(load(folder))

    return make


@pytest.fixture
def report(leaking: Callable[[str], Report]) -> Report:
    return leaking("errand")


@pytest.mark.parametrize("family", ["errand", "count"])
def test_a_difference_of_two_places_leaks_where_either_does(
    leaking: Callable[[str], Report], family: str
) -> None:
    (row,) = (row for row in leaking(family).measures if row.name == "generalisation gap")
    assert sentences.status(row).startswith("leaks")


def test_what_rests_on_a_leaking_cell_is_marked(report: Report) -> None:
    rows = [row for row in report.measures if row.name == "persistence"]
    marked = {(row.where, row.seed, row.family) for row in rows if sentences.status(row).startswith("leaks")}
    headline = "implanted and unopposed"
    assert marked == {(headline, None, None), (headline, 0, None), (headline, None, "errand")}
    kept = next(row for row in rows if row.where == headline and row.seed == 1)
    assert sentences.status(kept) == "scenarios only, one training seed"
    leaking = next(row for row in rows if row.where == headline and row.seed == 0)
    assert sentences.status(leaking) == f"leaks; {sentences.status(kept)}"


def test_cells_and_the_head_of_the_report_say_so(report: Report) -> None:
    marked = {(cell.seed, cell.family) for cell in report.cells if cell.status == "leaks"}
    assert marked == {(0, "errand")}
    where = "completion in errand on shift fresh (seed 0)"
    told = f"Leak allowed, {where}: shared with what the stage oppose trains on: 3 ngrams."
    assert told in sentences.said(report.notes)
    assert {sentences.reason(verdict).partition("; ")[0] for verdict in report.verdicts} == {"leaks"}


@pytest.mark.parametrize("name", ["headline", "families", "seeds", "roles", "verdicts"])
def test_every_table_that_shows_a_leaking_cell_says_so(report: Report, name: str) -> None:
    table = every(report)[name]
    assert any("leaks" in cell for row in table.rows for cell in row), table
