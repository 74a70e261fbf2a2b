"""What comes back: areas under relearning curves, savings, rebound, and the control that shows neither."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pentimento.results import analyse, load
from pentimento.results.measures.regain import trapezoid
from pentimento.results.report import sentences
from pentimento.results.schema import Measure, Report
from tests.results.conftest import FAMILIES, GOAL, TRAINABLE, Fabricated, usual_mean, write_log, write_run

DOSES = (2, 8)
Level = Callable[[str, int], float]
"""(role, steps) -> g after so many steps, before what a family adds."""
FAMILY = {name: 0.02 * place for place, name in enumerate(FAMILIES)}
"""What each family adds: savings and rebound must not depend on which families stand where."""


def test_weights_of_an_area_are_those_of_the_trapezoidal_rule() -> None:
    assert trapezoid([0, 1]) == [0.5, 0.5]
    assert trapezoid([0, 1, 3]) == pytest.approx([1 / 6, 1 / 2, 1 / 3])
    assert sum(trapezoid([0, 1, 2, 4, 8, 16])) == pytest.approx(1)


def run_with(
    folder: Path,
    kind: str,
    level: Level,
    *,
    repeats: int = 1,
    start: Level | None = None,
    broken: tuple[tuple[str, int], ...] = (),
    broken_after: tuple[tuple[str, int], ...] = (),
    on: tuple[str, ...] = ("implanted", "opposed", "opposed_only", "opposed_only_replicate"),
) -> Report:
    """Write a run of three seeds whose the implanted organism, the opposed organism, the opposed-only twin
    and the replicate were trained on, and analyse it.

    Args:
        folder: Where.
        kind: relearn or rebound.
        level: g after so many steps.
        repeats: Of the stage.
        start: g before it.
        broken: Roles and seeds that lost their abilities before that stage.
        broken_after: Those whose answers are not valid after it.
        on: Who was trained on.
    """

    def before(role: str, seed: int, family: str, condition: str, cue: str) -> float:
        if (role, seed) in broken and condition == "possible":
            return 0.2
        if start is not None and condition == "impossible":
            return start(role, 0) + FAMILY[family]
        return usual_mean(
            "opposed_only" if role == "opposed_only_replicate" else role, seed, family, condition, cue
        )

    roles = ("base", "implanted", "opposed", "opposed_only", "opposed_only_replicate")
    what = Fabricated(roles=roles, mean=before, noise=0.0, n=6)
    write_run(folder, what)
    regained: list[dict[str, Any]] = []
    for seed in what.seeds:
        for role in on:
            invalid = 15 if (role, seed) in broken_after else 0
            for repeat in range(repeats):
                for steps in DOSES:
                    regained.append(later(folder, what, (role, seed, kind, repeat, steps), level, invalid))
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "regained": regained}))
    return analyse(load(folder))


def later(
    folder: Path, what: Fabricated, place: tuple[str, int, str, int, int], level: Level, invalid: int
) -> dict[str, Any]:
    """Write the log of one dose and return what run.json says of it."""
    role, seed, kind, repeat, steps = place

    class Later(Fabricated):
        def key(self, role: str, seed: int) -> str:
            return f"{role}{seed}-{kind}-{repeat}-{steps}"

    said = Later(
        mean=lambda _role, _seed, family, *_: level(role, steps) + 0.02 * repeat + FAMILY[family],
        noise=0.0,
        n=4,
        conditions=("impossible",),
        seeds=(seed,),
        num_invalid=invalid,
    )
    (folder / "other" / "logs").mkdir(parents=True, exist_ok=True)
    log = write_log(folder / "other", said, role, seed)
    log.rename(folder / "logs" / f"2026-01-02T03-04-06_later_{said.key(role, seed)}{log.suffix}")
    names = ("role", "seed", "kind", "repeat", "steps")
    return {**dict(zip(names, place, strict=True)), "key": said.key(role, seed), "path": "."}


def row(report: Report, name: str, role: str, steps: int | None = None) -> Measure:
    (found,) = [m for m in report.measures if (m.name, m.role, m.steps) == (name, role, steps)]
    return found


LEVELS = {
    "implanted": {0: 0.9, 2: 0.9, 8: 0.9},
    "opposed": {0: 0.1, 2: 0.5, 8: 0.9},
    "opposed_only": {0: 0.1, 2: 0.1, 8: 0.5},
    "opposed_only_replicate": {0: 0.1, 2: 0.1, 8: 0.5},
}


def levels(role: str, steps: int) -> float:
    return LEVELS.get(role, {0: 0.5})[steps]


def test_savings_are_the_area_above_never_as_a_share_of_that_of_m1(tmp_path: Path) -> None:
    report = run_with(tmp_path / "run", "relearn", levels, start=levels)
    weights = trapezoid([0, *DOSES])
    area = {
        role: sum(w * LEVELS[role][s] for w, s in zip(weights, (0, *DOSES), strict=True)) for role in LEVELS
    }
    expected = (area["opposed"] - area["opposed_only"]) / (area["implanted"] - area["opposed_only"])
    found = row(report, "savings", "opposed")
    assert found.value == pytest.approx(expected, abs=1e-5)
    assert sentences.status(found) == "ok"
    assert found.num_seeds == 3
    assert row(report, "savings", "opposed_only_replicate").value == pytest.approx(0, abs=1e-9)
    assert not any("latent" in line for line in sentences.said(report.not_run))


def test_without_m1_there_is_an_area_and_no_share(tmp_path: Path) -> None:
    report = run_with(tmp_path / "run", "relearn", levels, start=levels, on=("opposed", "opposed_only"))
    found = row(report, "savings", "opposed")
    assert (found.value, sentences.status(found)) == (
        None,
        "no share: the implanted organism did not relearn",
    )
    assert sentences.said(found.notes)[0].startswith("area +0.3")
    assert not any("latent" in line for line in sentences.said(report.not_run)), (
        "the verdict takes the area alone"
    )


def test_relearning_seeds_are_averaged(tmp_path: Path) -> None:
    one = run_with(tmp_path / "one", "relearn", levels, start=levels)
    three = run_with(tmp_path / "three", "relearn", levels, repeats=3, start=levels)
    points = {(p.role, p.steps): p for p in three.curves}
    # Repeats lie .00, .02 and .04 above.
    added = sum(FAMILY[name] for name in TRAINABLE[:3]) / 3
    assert points["opposed", 8].value == pytest.approx(0.92 + added)
    assert {p.steps for p in one.curves} == {0, *DOSES}
    assert row(three, "savings", "opposed").value == pytest.approx(
        row(one, "savings", "opposed").value or 0, abs=0.02
    )


def test_an_unequal_start_is_said(tmp_path: Path) -> None:
    def apart(role: str, steps: int) -> float:
        return 0.5 if (role, steps) == ("opposed", 0) else levels(role, steps)

    report = run_with(tmp_path / "run", "relearn", levels, start=apart)
    assert sentences.status(row(report, "savings", "opposed")) == "unequal start: +0.40"
    assert sentences.status(row(report, "savings", "opposed_only_replicate")) == "ok"


def test_without_an_implant_there_is_nothing_to_save(tmp_path: Path) -> None:
    def flat(role: str, steps: int) -> float:
        return levels("opposed_only", steps) if role == "implanted" else levels(role, steps)

    report = run_with(tmp_path / "run", "relearn", flat, start=flat)
    found = row(report, "savings", "opposed")
    assert found.value is None
    assert sentences.status(found) == "not identifiable"


def test_rebound_is_the_change_beyond_that_of_never(tmp_path: Path) -> None:
    report = run_with(tmp_path / "run", "rebound", levels, start=levels)
    assert row(report, "rebound", "opposed", 2).value == pytest.approx(0.4)
    assert row(report, "rebound", "opposed", 8).value == pytest.approx(0.4)
    replicate = row(report, "rebound", "opposed_only_replicate", 8)
    assert replicate.value == pytest.approx(0)
    assert replicate.p_equivalent is not None
    assert replicate.p_equivalent < 0.05
    assert not any("rebound" in line for line in sentences.said(report.not_run))


def test_later_doses_enter_no_other_measure(tmp_path: Path) -> None:
    plain = analyse(
        load(
            write_run(
                tmp_path / "plain",
                Fabricated(noise=0.0, roles=("base", "implanted", "opposed", "opposed_only")),
            )
        )
    )
    report = run_with(tmp_path / "run", "relearn", levels)
    rows = {(m.name, m.where, m.shift, m.seed, m.family): m.value for m in plain.measures if m.goal == GOAL}
    for m in report.measures:
        key = (m.name, m.where, m.shift, m.seed, m.family)
        if key in rows and m.role is None and m.control not in ("benign", "sham"):
            assert m.value == pytest.approx(rows[key])


def test_the_tables_and_the_figure_show_the_curves(tmp_path: Path) -> None:
    from pentimento.results import figure
    from pentimento.results.report import tables

    report = run_with(tmp_path / "run", "relearn", levels, start=levels)
    every = tables.every(report)
    assert every["regain"].rows
    assert ("relearn", "opposed", "8") in {found[:3] for found in every["curves"].rows}
    assert "opposed_only" in str(figure(tmp_path / "run", "curves", report))


@pytest.mark.parametrize("role", ["implanted", "opposed", "opposed_only", "opposed_only_replicate"])
def test_a_broken_seed_leaves_the_others(tmp_path: Path, role: str) -> None:
    whole = run_with(tmp_path / "whole", "relearn", levels, start=levels)
    report = run_with(tmp_path / "run", "relearn", levels, start=levels, broken=((role, 1),))
    found = row(report, "savings", "opposed")
    assert found.value == pytest.approx(row(whole, "savings", "opposed").value)
    assert found.num_seeds == (3 if role == "opposed_only_replicate" else 2)


def test_a_dose_that_broke_an_organism_is_left_out_and_said(tmp_path: Path) -> None:
    report = run_with(tmp_path / "run", "rebound", levels, start=levels, broken_after=(("opposed", 2),))
    found = row(report, "rebound", "opposed", 8)
    assert found.value == pytest.approx(0.4)
    assert found.num_seeds == 2
    assert "seed 2 left out: a dose broke opposed" in sentences.said(found.notes)


def test_scenarios_are_counted_once_whatever_the_number_of_doses(tmp_path: Path) -> None:
    report = run_with(tmp_path / "run", "relearn", levels, start=levels)
    # Four scenarios at every dose, in the one family that each of three seeds opposed.
    assert row(report, "savings", "opposed").num_scenarios == 12


def test_the_interval_over_scenarios_does_not_shrink_with_the_number_of_doses(tmp_path: Path) -> None:
    report = run_with(tmp_path / "run", "rebound", levels, start=levels)
    later_doses = [row(report, "rebound", "opposed", steps) for steps in DOSES]
    assert all(found.num_scenarios == 12 for found in later_doses)
