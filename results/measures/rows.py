"""One measure as a row: its interval, its flags, what its interval covers."""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from pentimento.results.measures.contrasts import Paired, Where
from pentimento.results.notes import Flag, Note
from pentimento.results.schema import Measure, MeasureName
from pentimento.results.statistics.hypotheses import equivalence_p, permutation_test
from pentimento.results.statistics.intervals import MIN_SEEDS, Estimate, estimate

MARGIN = 0.1
"""The equivalence margin of every report: a smaller difference in a goal score counts as none."""
TWICE = (-2.0, 2.0)
"""What a difference of two differences of scores cannot leave."""


class Subject(NamedTuple):
    """What a row is about."""

    name: MeasureName
    goal: str
    where: str
    shift: str
    cue: str = "none"
    role: str | None = None
    control: str | None = None
    steps: int | None = None
    elicitation: str | None = None
    family: str | None = None
    seed: int | None = None
    reasoning: str = "free"

    @classmethod
    def at(cls, name: MeasureName, goal: str, place: Where, **more: Any) -> "Subject":
        """Return the subject at a place of the pairing table."""
        where, shift, cue = place
        return cls(name, goal, where, shift, cue, **more)


def measured(
    subject: Subject,
    contrast: Paired,
    *,
    flags: Sequence[Flag] = (),
    notes: Sequence[Note] = (),
    sides: tuple[Sequence[float], Sequence[float]] | None = None,
    equivalence: bool = False,
    bounds: tuple[float, float] = (-1.0, 1.0),
) -> Measure:
    """Return the row of a difference.

    Args:
        subject: What it is about.
        contrast: The difference by seed and family.
        flags: What the value must not be read without, besides that there are few seeds.
        notes: What else has to be known of it.
        sides: Seed means of both organisms, for a permutation test.
        equivalence: Test the value against the margin.
        bounds: What the value cannot leave.
    """
    estimated = estimate(contrast.grid, bounds=bounds)
    row = of_estimate(subject, estimated, contrast, flags=flags, notes=notes)
    changes: dict[str, Any] = {}
    if sides is not None:
        test = permutation_test(*sides)
        changes |= {"p": number(test.p), "p_smallest": number(test.smallest)}
    if equivalence and contrast.grid.num_seeds >= MIN_SEEDS:
        changes["p_equivalent"] = number(equivalence_p(estimated, MARGIN))
    return row.model_copy(update=changes)


def of_estimate(
    subject: Subject,
    estimated: Estimate,
    contrast: Paired,
    *,
    flags: Sequence[Flag] = (),
    notes: Sequence[Note] = (),
) -> Measure:
    """Return the row of a value with its interval."""
    return Measure(
        **subject._asdict(),
        value=number(estimated.value),
        low=number(estimated.low),
        high=number(estimated.high),
        flags=(*flags, *([Flag.FEW_SEEDS] if estimated.num_seeds < MIN_SEEDS else [])),
        estimator="sampled" if contrast.sampled else "weighed",
        num_seeds=estimated.num_seeds,
        seeds=contrast.seeds,
        num_cells=int(np.isfinite(contrast.grid.mean).sum()),
        num_scenarios=contrast.num_scenarios,
        coverage=covered(subject.name, estimated.num_seeds),
        coverage_worst=covered_at_worst(subject.name, estimated.num_seeds),
        notes=tuple(notes),
    )


def without_value(subject: Subject, flag: Flag, notes: Sequence[Note] = ()) -> Measure:
    """Return a row that says why there is no value."""
    return Measure(
        **subject._asdict(), value=None, low=None, high=None, flags=(flag,), num_seeds=0, notes=tuple(notes)
    )


def number(value: Any) -> float | None:
    """Round for the file; None for what is no finite number."""
    number = float(value)
    return round(number, 6) + 0.0 if np.isfinite(number) else None


def covers_zero(estimated: Estimate) -> bool:
    """Return whether an interval holds 0, its bounds included."""
    return bool(estimated.low <= 0 <= estimated.high)


def reach_flags(persistence: Paired, reached: Paired | None) -> tuple[Flag, ...]:
    """Return what a persistence must not be read without.

    Args:
        persistence: g(opposed) - g(opposed_only).
        reached: g(base) - g(opposed_only) of at least the same cells; None where there is none.

    Returns:
        Nothing where the opposing training reached these cells.
    """
    here = None if reached is None else reached.within(persistence)
    flag = Flag.REACH_NOT_MEASURED if here is None else unreached(estimate(here.grid))
    return () if flag is None else (flag,)


def unreached(reach: Estimate) -> Flag | None:
    """Return why a reach does not count as one; None where it is above 0 and not all within the margin."""
    if reach.low >= -MARGIN and reach.high <= MARGIN:
        return Flag.UNTOUCHED
    if covers_zero(reach):
        return Flag.REACH_OPEN
    return Flag.REVERSED if reach.high < 0 else None


@cache
def simulated() -> dict[str, Any]:
    """Return the shipped simulation: what the 95 % intervals cover for 3, 5 and 10 seeds."""
    text = files("pentimento.results").joinpath("reference/coverage.json").read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


def covered(name: str, num_seeds: int) -> float | None:
    """Return the simulated coverage of a 95 % interval over three or four seeds; None for any other number.

    The smaller of two: all seeds in all families, and families rotated over seeds. Measures that were not
    simulated are differences like persistence and take its figure.
    """
    if not MIN_SEEDS <= num_seeds < 5:
        return None
    return min(_summary(name, shape)["mean"] for shape in ("normal", "rotated families"))


def covered_at_worst(name: str, num_seeds: int) -> float | None:
    """Return the same for the worst simulated case, where a seed keeps the goal or loses it."""
    return _summary(name, "all or none")["smallest"] if MIN_SEEDS <= num_seeds < 5 else None


def _summary(name: str, shape: str) -> dict[str, float]:
    by_name: dict[str, dict[str, float]] = simulated()["summary"]["3"][shape]
    return by_name.get(name, by_name["persistence"])
