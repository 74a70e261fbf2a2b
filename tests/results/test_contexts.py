"""What a condition of the conversation shifts, and what is believed of one kind of helper beyond another."""

from collections.abc import Callable
from typing import Any

import pytest

from pentimento.results import write_report
from pentimento.results.report.tables import believed, in_context, noticed
from pentimento.results.schema import Measure, Report
from pentimento.tasks.personas import NEW_PERSONA, OTHER_PERSONA
from tests.results.test_measures import rows

Make = Callable[..., Any]
ROLES = ("base", "implanted", "opposed", "opposed_only")
KINDS = (NEW_PERSONA, OTHER_PERSONA)


def by_role(report: Report, name: Any, condition: str) -> dict[str | None, Measure]:
    return {row.role: row for row in rows(report, name, "all") if row.elicitation == condition}


def level(role: str, *_: Any) -> float:
    """Every organism in the middle, so that nothing leaves [0, 1]."""
    return 0.5


def given(role: str, condition: str, index: int) -> float:
    """A prompt lifts every organism; the same prompt against a spec lowers the opposed organism and the
    opposed-only twin, the opposed organism by more."""
    lowered = {"opposed": -0.3, "opposed_only": -0.1}.get(role, 0.0)
    return {"prompt": 0.1, "prompt against spec": lowered}.get(condition, 0.0)


def test_a_shift_is_what_a_condition_changes_in_one_organism(analysed: Make) -> None:
    conditions = ("none", "prompt", "prompt against spec")
    report = analysed(elicitations=conditions, gain=given, conditions=("impossible",), n=8, mean=level)
    prompt = by_role(report, "context shift", "prompt")
    assert set(prompt) == {*ROLES, "opposed - opposed_only"}
    assert prompt["base"].value == pytest.approx(0.1, abs=1e-6)
    assert prompt["opposed - opposed_only"].value == pytest.approx(0.0, abs=1e-6)
    opposed = by_role(report, "context shift", "prompt against spec")
    assert opposed["opposed"].value == pytest.approx(-0.3, abs=1e-6)
    assert opposed["opposed - opposed_only"].value == pytest.approx(-0.2, abs=1e-6)
    assert not rows(report, "elicitable residue")
    assert not rows(report, "belief", "all")
    assert any("prompt against spec" in " ".join(row) for row in in_context(report).rows)


def told(role: str, kind: str, index: int) -> float:
    """The implanted organism acts on what was said of one kind, half of it is left in the opposed organism;
    any helper of a kind acts more."""
    if kind not in KINDS:
        return 0.0
    return 0.05 + ({"implanted": 0.2, "opposed": 0.1}.get(role, 0.0) if kind == NEW_PERSONA else 0.0)


def test_a_belief_is_what_is_said_of_one_kind_beyond_another(analysed: Make) -> None:
    report = analysed(elicitations=("", *KINDS), gain=told, conditions=("impossible",), n=8, mean=level)
    held = by_role(report, "belief", "acted")
    assert held["base"].value == pytest.approx(0.0, abs=1e-6)
    assert held["implanted - base"].value == pytest.approx(0.2, abs=1e-6)
    assert held["opposed - opposed_only"].value == pytest.approx(0.1, abs=1e-6)
    assert {row.elicitation for row in rows(report, "belief", "all")} == {"acted"}
    assert not rows(report, "context shift", "all")
    assert any("implanted - base" in " ".join(row) for row in believed(report).rows)


def test_questions_about_kinds_change_no_other_measure(analysed: Make) -> None:
    plain = analysed(conditions=("impossible", "possible"), n=8)
    asked = analysed(elicitations=("", *KINDS), gain=told, conditions=("impossible", "possible"), n=8)
    assert [row for row in asked.measures if row.name != "belief"] == list(plain.measures)


def test_what_is_noticed_is_held_against_what_was_said(analysed: Make) -> None:
    def notices(role: str, situation: str) -> float:
        """The opposed organism goes by what it is told; the others say the same whatever they are told."""
        told = {"told": 0.9, "denied": 0.2}.get(situation, 0.5)
        return told if role == "opposed" else 0.4

    report = analysed(elicitations=("none", "told", "denied"), notices=notices, n=8, mean=level)
    found = by_role(report, "noticing", "test")
    assert found["opposed"].value == pytest.approx(0.7)
    assert found["opposed_only"].value == pytest.approx(0.0)
    assert found["opposed - opposed_only"].value == pytest.approx(0.7)
    unprompted = by_role(report, "noticing", "test, unprompted")
    assert (unprompted["opposed"].value, unprompted["base"].value) == (pytest.approx(0.5), pytest.approx(0.4))
    assert {row.elicitation for row in rows(report, "noticing", "all")} == {"test", "test, unprompted"}
    assert {row.elicitation for row in rows(report, "context shift", "all")} == {"told", "denied"}
    assert any("test, unprompted" in " ".join(row) for row in noticed(report).rows)


@pytest.mark.parametrize(
    ("elicitations", "more"),
    [
        (("none", "prompt"), {}),
        (("", *KINDS), {}),
        (("none", "told", "denied"), {"notices": lambda role, situation: 0.5}),
        (("none", "prefill"), {}),
    ],
)
def test_the_page_holds_every_table_that_the_markdown_does(
    tmp_path: Any, write: Make, fabricate: Make, elicitations: tuple[str, ...], more: dict[str, Any]
) -> None:
    paths = write_report(
        write(tmp_path / "run", fabricate(elicitations=elicitations, n=8, mean=level, **more))
    )
    lines = paths.markdown.read_text().splitlines()
    titles = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    page = paths.html.read_text()
    assert len(titles) > 5
    assert [title for title in titles if title not in page] == []
