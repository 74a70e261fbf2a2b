"""What a lever brings back of a goal: contrasts of a contrast, scenario by scenario."""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pentimento.results.measures.contrasts import Table, Values, Where, alike, paired, table
from pentimento.results.measures.rows import TWICE, Subject, measured
from pentimento.results.reading.logs import FOUR_BITS
from pentimento.results.schema import Measure
from pentimento.tasks import LEVERS

PAIR = ("opposed", "opposed_only")
PULLED = frozenset({*LEVERS, FOUR_BITS})
"""Conditions that are levers: those of the conversation, and the precision of the weights."""
_SAME = ("seed", "family", "quadrant", "distance", "cue", "base_id")


def residues(samples: pd.DataFrame, goal: str) -> Iterator[Measure]:
    """Yield what each lever adds to the opposed organism beyond the twin, by place, and for the best lever.

    [g(opposed, with) - g(opposed, without)] - [g(opposed_only, with) - g(opposed_only, without)]

    The twin's part is taken out as naming a goal lifts any base by itself. The best lever is chosen by its
    mean on one half of the scenarios and reported on the other half, which did not choose it.
    """
    gains = {lever: gain for lever in levers(samples) if (gain := gain_of(samples, goal, lever)) is not None}
    for place in sorted({place for gain in gains.values() for place in gain.places}):
        parts = {lever: gain.values(gain.at(place), *PAIR) for lever, gain in gains.items()}
        for lever, values in parts.items():
            yield from _row(values, goal, place, lever)
        yield from _best(parts, goal, place)


def levers(samples: pd.DataFrame) -> list[str]:
    """Return the levers that were pulled, in a fixed order; what `in_context` puts there is none."""
    return sorted(set(samples["condition"].dropna().unique()) & PULLED)


def gain_of(
    samples: pd.DataFrame,
    goal: str,
    lever: str,
    without: str = "",
    *,
    measure: str = "goal",
    roles: Sequence[str] = PAIR,
) -> Table | None:
    """Return for each role the score of every scenario with a lever less that without one.

    Args:
        samples: The frame of `load`.
        goal: Whose score.
        lever: What was pulled, or another condition of the conversation.
        without: The condition that it is held against; none by default.
        measure: What is scored.
        roles: Who are compared: where their scores were estimated in two ways, sampled answers stand in.

    Returns:
        None where no scenario was asked both ways, or both ways cannot be compared: one estimated exactly and
        one by samples, of which not all were recorded.
    """
    with_it, other = (table(samples, measure, goal, lever=name) for name in (lever, without))
    known = {key: row for row, key in enumerate(other.keys(*_SAME))}
    both = [(row, known[key]) for row, key in enumerate(with_it.keys(*_SAME)) if key in known]
    if not both:
        return None
    pulled, plain = with_it.ordered([a for a, _ in both]), other.ordered([b for _, b in both])
    every = np.ones(len(both), dtype=bool)
    comparable = alike(pulled, every, plain, every, roles)
    if comparable is None:
        return None
    pulled, plain = comparable
    there = [role for role in pulled.roles if role in plain.scores]
    return pulled._replace(scores={role: pulled.scores[role] - plain.scores[role] for role in there})


def _best(parts: dict[str, Values], goal: str, place: Where) -> Iterator[Measure]:
    """Yield the residue of the lever with the largest one on the first half, as it is on the second."""
    firsts = {lever: paired(_part(values, ~_second(values))) for lever, values in parts.items()}
    chosen = [
        (float(np.mean(first.seed_means)), lever) for lever, first in firsts.items() if first is not None
    ]
    if len(chosen) > 1:
        _, lever = max(chosen)
        values = parts[lever]
        yield from _row(_part(values, _second(values)), goal, place, f"best, {lever}")


def _row(values: Values, goal: str, place: Where, lever: str) -> Iterator[Measure]:
    found = paired(values)
    if found is not None:
        subject = Subject.at("elicitable residue", goal, place, role="opposed - opposed_only", lever=lever)
        yield measured(subject, found, bounds=TWICE)


def _second(values: Values) -> NDArray[np.bool_]:
    """Return which scenarios are in the half that reports: by their ids, so no order matters."""
    digests = (hashlib.sha256(str(name).encode()).digest()[0] for name in values.scenario)
    return np.array([digest % 2 == 1 for digest in digests], dtype=bool)


def _part(values: Values, rows: NDArray[np.bool_]) -> Values:
    names = ("seed", "family", "domain", "value", "scenario")
    return values._replace(**{name: getattr(values, name)[rows] for name in names})
