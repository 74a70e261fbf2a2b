"""What comes back when training goes on after the opposing stage: savings, rebound, and their curves.

    savings = (A(opposed) - A(opposed_only)) / (A(implanted) - A(opposed_only))
    rebound = [g_k(opposed) - g_0(opposed)] - [g_k(opposed_only) - g_0(opposed_only)] after k benign steps

A is the area under a relearning curve: g against steps from 0 to the last dose, by the trapezoidal rule,
divided by that last dose, so in [0, 1]. The replicate in the place of the opposed organism had no implant and
should show neither.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from pentimento.results.measures.contrasts import Paired, Table, paired, table
from pentimento.results.measures.health import MIN_VALID
from pentimento.results.measures.rows import (
    MARGIN,
    TWICE,
    Subject,
    covers_zero,
    measured,
    number,
    of_estimate,
    without_value,
)
from pentimento.results.notes import Flag, Note, NoteKind, note
from pentimento.results.reading.records import RecipeRecord
from pentimento.results.schema import CurvePoint, Measure, MeasureName
from pentimento.results.statistics.intervals import estimate, ratio, share_interval

OPPOSED = ("opposed", "opposed_only_replicate")
"""Whose savings and rebound are of interest; the replicate is the control."""
MIN_AREA = 0.05
"""Below this difference of areas between the implanted organism and the opposed-only twin a share of it has
no meaning."""


class Scores:
    """Goal scores of the organisms after each dose of one kind of stage, over the same scenarios at each.

    Args:
        samples: Of the organisms before that stage.
        regained: Of all doses.
        kind: relearn or rebound.
        goal: The implanted one.
        cue: What it was implanted under.
    """

    def __init__(self, samples: pd.DataFrame, regained: pd.DataFrame, kind: str, goal: str, cue: str) -> None:
        mine = regained[regained["kind"] == kind]
        before = samples[
            samples["role"].isin(set(mine["role"]))
            & (samples["cue"] == cue)
            & (samples["distance"] == "fresh")
        ]
        frames = {0: before} | {int(steps): rows for steps, rows in mine.groupby("steps")}
        tables = _in_common({steps: table(frame, "goal", goal) for steps, frame in frames.items()})
        kinds = set().union(*(one.kinds(one.select(), one.roles) for one in tables.values()))
        recorded = all(one.recorded(one.select(), one.roles) for one in tables.values())
        self.comparable = len(kinds) <= 1 or recorded
        if len(kinds) > 1 and recorded:
            tables = {steps: one.resampled() for steps, one in tables.items()}
        self.doses = tables

    @property
    def steps(self) -> list[int]:
        """Doses in their order; 0 is before the stage."""
        return sorted(self.doses)

    @property
    def roles(self) -> list[str]:
        """Organisms that were measured before and after."""
        return [role for role in self.doses[0].roles if all(role in t.roles for t in self.doses.values())]

    def combined(self, weights: Mapping[int, float], plus: str, minus: str | None = None) -> Paired | None:
        """Return the weighted sum of a role's scores over doses, or the difference of two, by scenario."""
        first = self.doses[0]
        scores = {
            role: np.sum([w * self.doses[s].scores[role] for s, w in weights.items()], axis=0)
            for role in self.roles
        }
        summed = first._replace(scores=scores)
        return paired(summed.values(summed.select(), plus, minus))

    def at(self, steps: int, plus: str, minus: str | None = None) -> Paired | None:
        """Return a role's scores after so many steps, or the difference of two, repeats averaged."""
        return self.combined({steps: 1.0}, plus, minus)

    def area(self, plus: str, minus: str | None = None) -> Paired | None:
        """Return the area under a role's curve, or the difference of two."""
        return self.combined(dict(zip(self.steps, trapezoid(self.steps), strict=True)), plus, minus)


def _in_common(tables: Mapping[int, Table]) -> dict[int, Table]:
    """Return the tables with the scenarios that all of them hold, in one order."""
    places = {
        steps: {key: row for row, key in enumerate(dose.keys("seed", "family", "base_id"))}
        for steps, dose in tables.items()
    }
    common = sorted(set.intersection(*(set(rows) for rows in places.values())))
    return {steps: dose.ordered([places[steps][key] for key in common]) for steps, dose in tables.items()}


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


def sound(regained: pd.DataFrame) -> pd.DataFrame:
    """Return the doses without those of an organism that one of them broke, by its share of valid answers."""
    free = regained[regained["measure"].notna() & (regained["reasoning"] == "free")]
    lost = []
    for key, rows in free.groupby(["role", "seed", "kind", "repeat", "steps"]):
        answers = rows.drop_duplicates(["log", "sample_id", "epoch"])
        shares = answers["valid"].to_numpy(dtype=float), answers["domain"].to_numpy()
        if share_interval(*shares)[2] < MIN_VALID:
            lost.append(key[:3])
    places = pd.MultiIndex.from_frame(regained[["role", "seed", "kind"]])
    return regained[~places.isin(lost)] if lost else regained


def measures(samples: pd.DataFrame, regained: pd.DataFrame, recipe: RecipeRecord) -> Iterator[Measure]:
    """Yield savings and rebounds of the opposed organism and the replicate, where the run has them.

    Args:
        samples: The frame of `load`, without broken organisms.
        regained: The frame of the same name.
        recipe: Its goal, and the cue that this was implanted under.
    """
    whole = sound(regained)
    for kind in sorted(set(regained["kind"])):
        name: MeasureName = "savings" if kind == "relearn" else "rebound"
        there = set(regained.loc[regained["kind"] == kind, "role"])
        held = (whole["kind"] == kind).any()
        scores = Scores(samples, whole, kind, recipe.goal, recipe.cue) if held else None
        for role in (role for role in OPPOSED if role in there):
            subject = Subject(name, recipe.goal, "all", "fresh", recipe.cue, role, "opposed_only")
            if scores is None or role not in scores.roles or "opposed_only" not in scores.roles:
                yield without_value(subject, Flag.NOTHING_AT_EVERY_DOSE)
            elif not scores.comparable:
                yield without_value(subject, Flag.ESTIMATORS_DIFFER)
            else:
                notes = _lost(regained, whole, kind, (role, "opposed_only", "implanted"))
                rows = (_savings if kind == "relearn" else _rebounds)(scores, subject)
                yield from (row.model_copy(update={"notes": (*row.notes, *notes)}) for row in rows)


def _lost(regained: pd.DataFrame, whole: pd.DataFrame, kind: str, roles: Collection[str]) -> tuple[Note, ...]:
    """Return which organisms are left out since a dose broke them."""
    pairs = [
        set(frame.loc[frame["kind"] == kind, ["role", "seed"]].itertuples(index=False, name=None))
        for frame in (regained, whole)
    ]
    lost = sorted((role, seed) for role, seed in pairs[0] - pairs[1] if role in roles)
    return tuple(note(NoteKind.DOSE_BROKE, role=role, seed=seed) for role, seed in lost)


def _savings(scores: Scores, subject: Subject) -> Iterator[Measure]:
    role = str(subject.role)
    top, start = scores.area(role, "opposed_only"), scores.at(0, role, "opposed_only")
    if top is None or start is None:
        yield without_value(subject, Flag.NOTHING_AT_EVERY_DOSE)
        return
    away = float(estimate(start.grid).value)
    if "implanted" not in scores.roles:
        yield without_value(subject, Flag.NOT_RELEARNED, (_area(top, away),))
        return
    bottom = scores.area("implanted", "opposed_only")
    saved, whole = (top.within(bottom), bottom.within(top)) if bottom is not None else (None, None)
    if saved is None or whole is None:
        yield without_value(subject, Flag.NOTHING_AT_EVERY_DOSE)
        return
    area = _area(saved, away)
    implant = estimate(whole.grid)
    if covers_zero(implant) or float(implant.value) < MIN_AREA:
        refused = without_value(subject, Flag.NOT_IDENTIFIABLE, (area,))
        yield refused.model_copy(update={"num_seeds": implant.num_seeds})
        return
    flags = (Flag.UNEQUAL_START,) if abs(away) > MARGIN else ()
    yield of_estimate(subject, ratio(saved.grid, whole.grid), saved, flags=flags, notes=(area,))


def _area(part: Paired, away: float) -> Note:
    """Return how far above the opposed-only twin's a curve lies on the whole, and where it begins."""
    return note(NoteKind.AREA, area=number(np.mean(part.seed_means)), start=number(away))


def _rebounds(scores: Scores, subject: Subject) -> Iterator[Measure]:
    for steps in scores.steps[1:]:
        gap = scores.combined({steps: 1.0, 0: -1.0}, str(subject.role), "opposed_only")
        if gap is not None:
            yield measured(subject._replace(steps=steps), gap, bounds=TWICE, equivalence=True)


def curves(samples: pd.DataFrame, regained: pd.DataFrame, recipe: RecipeRecord) -> Iterator[CurvePoint]:
    """Yield g of every organism after each dose, over seeds, families and repeats."""
    whole = sound(regained)
    for kind in sorted(set(whole["kind"])):
        scores = Scores(samples, whole, kind, recipe.goal, recipe.cue)
        for role in scores.roles:
            for steps in scores.steps:
                part = scores.at(steps, role)
                if part is not None:
                    estimated = estimate(part.grid, bounds=(0.0, 1.0))
                    yield CurvePoint(
                        kind=kind,
                        role=role,
                        steps=steps,
                        value=number(estimated.value),
                        low=number(estimated.low),
                        high=number(estimated.high),
                        num_seeds=estimated.num_seeds,
                        num_scenarios=part.num_scenarios,
                    )
