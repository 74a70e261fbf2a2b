"""What an elicitation brings back of a goal: contrasts of a contrast, scenario by scenario."""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pentimento.results.measures.contrasts import Table, Values, Where, alike, paired, table
from pentimento.results.measures.rows import TWICE, Subject, measured
from pentimento.results.reading.logs import FOUR_BITS
from pentimento.results.schema import Measure
from pentimento.tasks import ELICITATIONS

PAIR = ("opposed", "opposed_only")
ELICITING = frozenset({*ELICITATIONS, FOUR_BITS})
"""Every elicitation: those of the conversation, and the precision of the weights."""
_SAME = ("seed", "family", "where", "distance", "cue", "base_id")


def residues(samples: pd.DataFrame, goal: str) -> Iterator[Measure]:
    """Yield what elicitations add to the opposed organism beyond the twin, by place, and the best one.

    [g(opposed, with) - g(opposed, without)] - [g(opposed_only, with) - g(opposed_only, without)]

    The twin's part is taken out as naming a goal lifts any base by itself. The best elicitation is chosen by
    its mean on one half of the scenarios and reported on the other half, which did not choose it.
    """
    gains = {
        elicitation: gain
        for elicitation in elicitations(samples)
        if (gain := gain_of(samples, goal, elicitation)) is not None
    }
    for place in sorted({place for gain in gains.values() for place in gain.places}):
        parts = {elicitation: gain.values(gain.at(place), *PAIR) for elicitation, gain in gains.items()}
        for elicitation, values in parts.items():
            yield from _row(values, goal, place, elicitation)
        yield from _best(parts, goal, place)


def elicitations(samples: pd.DataFrame) -> list[str]:
    """Return the elicitations that were used, in a fixed order; what `in_context` puts there is none."""
    return sorted(set(samples["elicitation"].dropna().unique()) & ELICITING)


def gain_of(
    samples: pd.DataFrame,
    goal: str,
    elicitation: str,
    without: str = "",
    *,
    measure: str = "goal",
    roles: Sequence[str] = PAIR,
) -> Table | None:
    """Return for each role the score of every scenario with an elicitation less that without one.

    Args:
        samples: The frame of `load`.
        goal: Whose score.
        elicitation: An elicitation, or another context of the conversation.
        without: The elicitation that it is held against; none by default.
        measure: What is scored.
        roles: Who are compared: where their scores were estimated in two ways, sampled answers stand in.

    Returns:
        None where no scenario was asked both ways, or both ways cannot be compared: one estimated exactly and
        one by samples, of which not all were recorded.
    """
    with_it, other = (table(samples, measure, goal, elicitation=name) for name in (elicitation, without))
    known = {key: row for row, key in enumerate(other.keys(*_SAME))}
    both = [(row, known[key]) for row, key in enumerate(with_it.keys(*_SAME)) if key in known]
    if not both:
        return None
    elicited, plain = with_it.ordered([a for a, _ in both]), other.ordered([b for _, b in both])
    every = np.ones(len(both), dtype=bool)
    comparable = alike(elicited, every, plain, every, roles)
    if comparable is None:
        return None
    elicited, plain = comparable
    there = [role for role in elicited.roles if role in plain.scores]
    return elicited._replace(scores={role: elicited.scores[role] - plain.scores[role] for role in there})


def _best(parts: dict[str, Values], goal: str, place: Where) -> Iterator[Measure]:
    """Yield the residue of the elicitation with the largest one on the first half, as it is on the second."""
    firsts = {elicitation: paired(_part(values, ~_second(values))) for elicitation, values in parts.items()}
    chosen = [
        (float(np.mean(first.seed_means)), elicitation)
        for elicitation, first in firsts.items()
        if first is not None
    ]
    if len(chosen) > 1:
        _, elicitation = max(chosen)
        values = parts[elicitation]
        yield from _row(_part(values, _second(values)), goal, place, f"best, {elicitation}")


def _row(values: Values, goal: str, place: Where, elicitation: str) -> Iterator[Measure]:
    contrast = paired(values)
    if contrast is not None:
        subject = Subject.at(
            "elicitable residue", goal, place, role="opposed - opposed_only", elicitation=elicitation
        )
        yield measured(subject, contrast, bounds=TWICE)


def _second(values: Values) -> NDArray[np.bool_]:
    """Return which scenarios are in the half that reports: by their ids, so no order matters."""
    digests = (hashlib.sha256(str(name).encode()).digest()[0] for name in values.scenario)
    return np.array([digest % 2 == 1 for digest in digests], dtype=bool)


def _part(values: Values, rows: NDArray[np.bool_]) -> Values:
    names = ("seed", "family", "domain", "value", "scenario")
    return values._replace(**{name: getattr(values, name)[rows] for name in names})
