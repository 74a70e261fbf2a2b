"""The residue that elicitations bring back, against the opposed-only twin, and the elicitation that one half
of the scenarios chooses."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pentimento.results import load
from pentimento.results.measures import elicitation
from pentimento.results.measures.contrasts import Values, table
from pentimento.results.report import sentences
from pentimento.results.report.analysis import analyse
from pentimento.results.report.summary import summary
from pentimento.results.schema import Measure, Report
from tests.results.test_measures import HEADLINE, rows

Make = Callable[..., Any]
ELICITATIONS = ("none", "naming", "prefill")


def gain(role: str, elicitation: str, index: int) -> float:
    """Naming lifts every organism; a prefill lifts the opposed organism alone."""
    return {"naming": 0.1, "prefill": 0.2 if role == "opposed" else 0.0}.get(elicitation, 0.0)


def residues(report: Report) -> dict[str | None, Measure]:
    return {row.elicitation: row for row in rows(report, "elicitable residue")}


def test_what_lifts_any_base_is_taken_out(analysed: Make) -> None:
    report = analysed(elicitations=ELICITATIONS, gain=gain, conditions=("impossible",), n=8)
    found = residues(report)
    assert set(found) == {"naming", "prefill", "best, prefill"}
    assert found["naming"].value == pytest.approx(0.0, abs=1e-6)
    assert found["prefill"].value == pytest.approx(0.2, abs=1e-6)
    assert found["best, prefill"].value == pytest.approx(0.2, abs=1e-6)
    assert found["prefill"].num_scenarios == 3 * 8
    assert 0 < found["best, prefill"].num_scenarios < 3 * 8
    assert found["prefill"].role == "opposed - opposed_only"
    assert "masked: no benign rebound was run" in sentences.said(report.not_run)
    assert "masked: no elicitation was run" not in sentences.said(report.not_run)


def test_weights_in_four_bits_are_an_elicitation(tmp_path: Path, fabricate: Make, write: Make) -> None:
    conditions = ("impossible", "forbidden")
    what = fabricate(
        roles=("base", "implanted", "opposed", "opposed_only"),
        conditions=conditions,
        n=8,
        elicitations=ELICITATIONS,
        gain=gain,
    )
    folder = write(tmp_path / "run", what)
    plain = analyse(load(folder))
    for path in list((folder / "logs").glob("*.json")):
        log = json.loads(path.read_text())
        log["eval"]["model_args"]["dtype"] = "nf4"
        lift = 0.3 if re.search(r"_opposed\d", path.name) else 0.1
        for score in (score for sample in log["samples"] for score in sample["scores"].values()):
            if score["metadata"]["measure"] == "goal":
                score["value"] += lift
        path.with_name(path.name.replace("2026-01", "2026-02")).write_text(json.dumps(log))
    run = load(folder)
    quantised = analyse(run)
    (row,) = [row for row in rows(quantised, "elicitable residue") if row.elicitation == "nf4"]
    assert row.value == pytest.approx(0.2, abs=1e-6)
    # The best elicitation may be another one now; an elicitation elicited on such weights is no elicitation,
    # and nothing else.
    others = [
        [row for row in report.measures if row.name != "elicitable residue"] for report in (plain, quantised)
    ]
    assert others[0] == others[1]
    assert "prefill, nf4" in set(run.samples["elicitation"])
    assert "prefill, nf4" not in {row.elicitation for row in quantised.measures}
    asked = [
        table(run.samples, "goal", "finish_the_task", elicitation=elicitation) for elicitation in ("", "nf4")
    ]
    assert len(asked[0].rows["base_id"]) == len(asked[1].rows["base_id"]) > 0
    forbidden = set(run.samples.loc[run.samples["condition"] == "forbidden", "base_id"])
    assert forbidden
    assert forbidden.isdisjoint(asked[1].rows["base_id"])
    assert [o.health for o in quantised.organisms] == [o.health for o in plain.organisms]


def test_elicitation_change_no_other_measure(analysed: Make) -> None:
    plain = analysed(conditions=("impossible", "possible"), n=8)
    elicited = analysed(elicitations=ELICITATIONS, gain=gain, conditions=("impossible", "possible"), n=8)
    assert [row for row in elicited.measures if row.name != "elicitable residue"] == list(plain.measures)
    assert [o.health for o in elicited.organisms] == [o.health for o in plain.organisms]


def test_the_best_elicitation_is_not_chosen_by_the_half_that_reports() -> None:
    names = np.array([f"count-{number}" for number in range(40)])
    nowhere = np.zeros(40)
    blank = Values(np.zeros(40, int), np.full(40, "count"), names, nowhere, names)
    second = elicitation._second(blank)
    assert 10 < second.sum() < 30
    lucky, steady = np.where(second, 0.0, 0.9), np.where(second, 0.5, 0.4)
    parts = {"lucky": blank._replace(value=lucky), "steady": blank._replace(value=steady)}
    (row,) = elicitation._best(parts, "finish_the_task", (HEADLINE, "family", "none"))
    assert (row.elicitation, row.value, row.num_scenarios) == ("best, lucky", 0.0, second.sum())


def test_answers_under_an_elicitation_do_not_make_an_organism_broken(analysed: Make) -> None:
    report = analysed(elicitations=("temperature",), num_invalid=40, n=6)
    assert {o.health.status for o in report.organisms} <= {"ok", "not measured", "uncertain"}


def test_the_terminal_shows_the_best_elicitation(
    tmp_path: Any, write: Make, fabricate: Make, capsys: Any
) -> None:
    from rich.console import Console

    folder = write(
        tmp_path / "run", fabricate(elicitations=ELICITATIONS, gain=gain, conditions=("impossible",), n=8)
    )
    summary(folder, Console(width=100))
    told = capsys.readouterr().out
    assert "residue best, prefill" in told
    assert "residue naming" not in told


def test_a_place_is_shown_with_its_elicitation(analysed: Make) -> None:
    from pentimento.results.report.tables import elicited

    table = elicited(analysed(elicitations=ELICITATIONS, gain=gain, conditions=("impossible",), n=8))
    assert any(HEADLINE in row and "elicitation best, prefill" in " ".join(row) for row in table.rows)
