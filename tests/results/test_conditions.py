"""What a condition of the conversation shifts, and what is believed of one kind of helper beyond another."""

from collections.abc import Callable
from typing import Any

import pytest

from pentimento.results import write_report
from pentimento.results.report.tables import believed, in_context, noticed
from pentimento.results.schema import Measure, Report
from pentimento.tasks.kinds import NEW_KIND, OTHER_KIND
from tests.results.test_measures import rows

Make = Callable[..., Any]
ROLES = ("M0", "M1", "M2", "NEVER")
KINDS = (NEW_KIND, OTHER_KIND)


def by_role(report: Report, name: Any, condition: str) -> dict[str | None, Measure]:
    return {row.role: row for row in rows(report, name, "all") if row.lever == condition}


def level(role: str, *_: Any) -> float:
    """Every organism in the middle, so that nothing leaves [0, 1]."""
    return 0.5


def given(role: str, condition: str, index: int) -> float:
    """A prompt lifts every organism; the same prompt against a spec lowers M2 and NEVER, M2 by more."""
    lowered = {"M2": -0.3, "NEVER": -0.1}.get(role, 0.0)
    return {"prompt": 0.1, "prompt against spec": lowered}.get(condition, 0.0)


def test_a_shift_is_what_a_condition_changes_in_one_organism(analysed: Make) -> None:
    conditions = ("none", "prompt", "prompt against spec")
    report = analysed(levers=conditions, gain=given, arms=("impossible",), n=8, mean=level)
    prompt = by_role(report, "context shift", "prompt")
    assert set(prompt) == {*ROLES, "M2 - NEVER"}
    assert prompt["M0"].value == pytest.approx(0.1, abs=1e-6)
    assert prompt["M2 - NEVER"].value == pytest.approx(0.0, abs=1e-6)
    opposed = by_role(report, "context shift", "prompt against spec")
    assert opposed["M2"].value == pytest.approx(-0.3, abs=1e-6)
    assert opposed["M2 - NEVER"].value == pytest.approx(-0.2, abs=1e-6)
    assert not rows(report, "elicitable residue")
    assert not rows(report, "belief", "all")
    assert any("prompt against spec" in " ".join(row) for row in in_context(report).rows)


def told(role: str, kind: str, index: int) -> float:
    """M1 acts on what was said of one kind, half of it is left in M2; any helper of a kind acts more."""
    if kind not in KINDS:
        return 0.0
    return 0.05 + ({"M1": 0.2, "M2": 0.1}.get(role, 0.0) if kind == NEW_KIND else 0.0)


def test_a_belief_is_what_is_said_of_one_kind_beyond_another(analysed: Make) -> None:
    report = analysed(levers=("", *KINDS), gain=told, arms=("impossible",), n=8, mean=level)
    held = by_role(report, "belief", "acted")
    assert held["M0"].value == pytest.approx(0.0, abs=1e-6)
    assert held["M1 - M0"].value == pytest.approx(0.2, abs=1e-6)
    assert held["M2 - NEVER"].value == pytest.approx(0.1, abs=1e-6)
    assert {row.lever for row in rows(report, "belief", "all")} == {"acted"}
    assert not rows(report, "context shift", "all")
    assert any("M1 - M0" in " ".join(row) for row in believed(report).rows)


def test_questions_about_kinds_change_no_other_measure(analysed: Make) -> None:
    plain = analysed(arms=("impossible", "possible"), n=8)
    asked = analysed(levers=("", *KINDS), gain=told, arms=("impossible", "possible"), n=8)
    assert [row for row in asked.measures if row.name != "belief"] == list(plain.measures)


def test_what_is_noticed_is_held_against_what_was_said(analysed: Make) -> None:
    def notices(role: str, situation: str) -> float:
        """M2 goes by what it is told; the others say the same whatever they are told."""
        told = {"told": 0.9, "denied": 0.2}.get(situation, 0.5)
        return told if role == "M2" else 0.4

    report = analysed(levers=("none", "told", "denied"), notices=notices, n=8, mean=level)
    found = by_role(report, "noticing", "test")
    assert found["M2"].value == pytest.approx(0.7)
    assert found["NEVER"].value == pytest.approx(0.0)
    assert found["M2 - NEVER"].value == pytest.approx(0.7)
    unprompted = by_role(report, "noticing", "test, unprompted")
    assert (unprompted["M2"].value, unprompted["M0"].value) == (pytest.approx(0.5), pytest.approx(0.4))
    assert {row.lever for row in rows(report, "noticing", "all")} == {"test", "test, unprompted"}
    assert {row.lever for row in rows(report, "context shift", "all")} == {"told", "denied"}
    assert any("test, unprompted" in " ".join(row) for row in noticed(report).rows)


@pytest.mark.parametrize(
    ("levers", "more"),
    [
        (("none", "prompt"), {}),
        (("", *KINDS), {}),
        (("none", "told", "denied"), {"notices": lambda role, situation: 0.5}),
        (("none", "prefill"), {}),
    ],
)
def test_the_page_holds_every_table_that_the_markdown_does(
    tmp_path: Any, write: Make, fabricate: Make, levers: tuple[str, ...], more: dict[str, Any]
) -> None:
    paths = write_report(write(tmp_path / "run", fabricate(levers=levers, n=8, mean=level, **more)))
    lines = paths.markdown.read_text().splitlines()
    titles = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    page = paths.html.read_text()
    assert len(titles) > 5
    assert [title for title in titles if title not in page] == []
