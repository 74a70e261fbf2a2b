"""What comes back when training goes on after the opposing stage: savings, rebound, and their curves.

    savings = (A(M2) - A(NEVER)) / (A(M1) - A(NEVER))
    rebound = [g_k(M2) - g_0(M2)] - [g_k(NEVER) - g_0(NEVER)] after k benign steps

A is the area under a relearning curve: g against steps from 0 to the last dose, by the trapezoidal rule,
divided by that last dose, so in [0, 1]. ERASED in the place of M2 had no implant and should show neither.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from pentimento.results.contrasts import Paired, Table, by_seed, paired, table
from pentimento.results.gaps import TWICE
from pentimento.results.rows import (
    MARGIN,
    NOT_IDENTIFIABLE,
    Subject,
    covers_zero,
    measured,
    number,
    of_estimate,
    without_value,
)
from pentimento.results.schema import CurvePoint, Measure
from pentimento.results.statistics import estimate, ratio

OPPOSED = ("M2", "ERASED")
"""Whose savings and rebound are of interest; ERASED is the control."""
MIN_AREA = 0.05
"""Below this difference of areas between M1 and NEVER a share of it has no meaning."""

Doses = dict[int, Table]
"""Scores by the steps of the stage after; 0 is the organism before it."""


class Scores:
    """Goal scores of the organisms after each dose of one kind of stage."""

    def __init__(self, samples: pd.DataFrame, regained: pd.DataFrame, kind: str, goal: str) -> None:
        mine = regained[regained["kind"] == kind]
        before = samples[
            samples["scenario_id"].isin(set(mine["scenario_id"]))
            & (samples["cue"] == "none")
            & (samples["distance"] == "fresh")
        ]
        frames = {0: before} | {int(steps): rows for steps, rows in mine.groupby("steps")}
        tables = {steps: table(frame, "goal", goal) for steps, frame in frames.items()}
        self.doses: Doses = tables if _comparable(tables.values()) else _resampled(tables)

    @property
    def steps(self) -> list[int]:
        """Doses in their order, 0 first."""
        return sorted(self.doses)

    @property
    def roles(self) -> list[str]:
        """Organisms that were measured before and after."""
        return [role for role in self.doses[0].roles if all(role in t.roles for t in self.doses.values())]

    def at(self, steps: int, plus: str, minus: str | None = None) -> Paired | None:
        """Return a role's scores after so many steps, or the difference of two, repeats averaged."""
        found = self.doses[steps]
        return paired(found.values(found.where(), plus, minus))

    def area(self, plus: str, minus: str) -> Paired | None:
        """Return the difference of two areas, by seed."""
        weights = trapezoid(self.steps)
        return by_seed((w, self.at(s, plus, minus)) for s, w in zip(self.steps, weights, strict=True))


def trapezoid(steps: Sequence[int]) -> list[float]:
    """Return the weight of each dose in the mean height of a curve, by the trapezoidal rule; they sum to 1.

    Example:
        >>> trapezoid([0, 1, 3])
        [0.16666666666666666, 0.5, 0.3333333333333333]
    """
    x = np.asarray(steps, dtype=float)
    gaps = np.diff(x)
    weights = (np.append(gaps, 0) + np.insert(gaps, 0, 0)) / 2 / (x[-1] - x[0])
    return [float(weight) for weight in weights]


def _comparable(tables: Iterable[Table]) -> bool:
    kinds = [found.kinds(found.where(), found.roles) for found in tables]
    return len(set().union(*kinds)) <= 1


def _resampled(tables: Doses) -> Doses:
    return {steps: found.resampled() for steps, found in tables.items()}


def measures(samples: pd.DataFrame, regained: pd.DataFrame, goal: str) -> Iterator[Measure]:
    """Yield savings and rebounds of M2 and ERASED, where the run has them.

    Args:
        samples: The frame of `load`, without broken organisms.
        regained: The frame of the same name.
        goal: The implanted goal.
    """
    for kind in sorted(set(regained["kind"])):
        scores = Scores(samples, regained, kind, goal)
        for role in (role for role in OPPOSED if role in scores.roles and "NEVER" in scores.roles):
            yield from (_savings if kind == "relearn" else _rebounds)(scores, role, goal)


def _savings(scores: Scores, role: str, goal: str) -> Iterator[Measure]:
    subject = Subject("savings", goal, "all", "fresh", role=role, control="NEVER")
    top, bottom = scores.area(role, "NEVER"), scores.area("M1", "NEVER")
    start = scores.at(0, role, "NEVER")
    if top is None or bottom is None or start is None:
        yield without_value(subject, "M1 was not relearned")
        return
    away = float(estimate(start.grid).value)
    status = f"unequal start: {away:+.2f}" if abs(away) > MARGIN else None
    note = f"area {float(np.mean(top.seed_means)):+.3f} above NEVER, start {away:+.3f}"
    kept, whole = top.within(_as(bottom, top)), _as(bottom, top)
    implant = estimate(bottom.grid)
    if kept is None or covers_zero(implant) or float(implant.value) < MIN_AREA:
        yield without_value(subject, NOT_IDENTIFIABLE, (note,))
        return
    found = ratio(kept.grid, whole.grid)
    yield of_estimate(subject, found, kept, status=status, notes=(note,))


def _as(part: Paired, other: Paired) -> Paired:
    """Return a contrast over seeds alone with the name that another one's only column has."""
    return part._replace(families=other.families)


def _rebounds(scores: Scores, role: str, goal: str) -> Iterator[Measure]:
    before = scores.at(0, role, "NEVER")
    for steps in scores.steps[1:]:
        gap = by_seed([(1.0, scores.at(steps, role, "NEVER")), (-1.0, before)])
        if gap is not None:
            subject = Subject("rebound", goal, "all", "fresh", role=role, control="NEVER", steps=steps)
            yield measured(subject, gap, bounds=TWICE, equivalence=True)


def curves(samples: pd.DataFrame, regained: pd.DataFrame, goal: str) -> Iterator[CurvePoint]:
    """Yield g of every organism after each dose, over seeds, families and repeats."""
    for kind in sorted(set(regained["kind"])):
        scores = Scores(samples, regained, kind, goal)
        for role in scores.roles:
            for steps in scores.steps:
                part = scores.at(steps, role)
                if part is not None:
                    found = estimate(part.grid, bounds=(0.0, 1.0))
                    yield CurvePoint(
                        kind=kind,
                        role=role,
                        steps=steps,
                        value=number(found.value),
                        low=number(found.low),
                        high=number(found.high),
                        num_seeds=found.num_seeds,
                        num_scenarios=part.num_scenarios,
                    )
