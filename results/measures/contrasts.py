"""Differences between organisms, paired by seed and scenario."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pentimento.results.reading.logs import FOUR_BITS, apart_from_weighed
from pentimento.results.statistics.intervals import Array, Grid

_PLACE = ["where", "distance", "cue"]
_PAIRED_BY = ["seed", "family", *_PLACE, "domain", "base_id", "scenario_id"]

Where = tuple[str, str, str]
"""Where, distance and oversight cue: where a scenario stands."""
Names = NDArray[Any]


class Values(NamedTuple):
    """One number for each scenario, with what it is grouped by."""

    seed: Names
    family: Names
    domain: Names
    value: Array
    scenario: Names
    """Its id without a cue."""
    sampled: bool = False
    """Whether the values are those of sampled answers, as nothing was weighed exactly."""


class Table(NamedTuple):
    """Scores of every organism side by side: one row a scenario of a seed, one column a role."""

    rows: dict[str, Names]
    """seed, family, where, distance, cue, domain and base_id of each row."""
    scores: dict[str, Array]
    """By role, NaN where it has none."""
    sampled: dict[str, Array]
    """What the sampled answers alone score."""
    by_sampling: dict[str, NDArray[np.bool_]]
    """By role, whether the score is that of the sampled answer, as nothing was weighed exactly."""

    @property
    def places(self) -> list[Where]:
        """The places that were measured, in a fixed order."""
        return sorted(set(self.keys(*_PLACE)))

    @property
    def roles(self) -> list[str]:
        """The roles that were measured anywhere."""
        return list(self.scores)

    def keys(self, *names: str) -> list[tuple[Any, ...]]:
        """Return these fields of each row."""
        return list(zip(*(self.rows[name].tolist() for name in names), strict=True))

    def select(self, **wanted: str | Collection[str]) -> NDArray[np.bool_]:
        """Return the rows whose fields have these values, or one of these."""
        chosen = np.ones(len(self.rows["seed"]), dtype=bool)
        for name, value in wanted.items():
            chosen &= np.isin(self.rows[name], [value] if isinstance(value, str) else list(value))
        return chosen

    def ordered(self, rows: Sequence[int]) -> "Table":
        """Return these rows, in this order."""
        chosen = np.asarray(rows, dtype=int)
        return Table(
            {name: values[chosen] for name, values in self.rows.items()},
            {role: values[chosen] for role, values in self.scores.items()},
            {role: values[chosen] for role, values in self.sampled.items()},
            {role: values[chosen] for role, values in self.by_sampling.items()},
        )

    def at(self, place: Where) -> NDArray[np.bool_]:
        """Return the rows of one place."""
        return self.select(**dict(zip(_PLACE, place, strict=True)))

    def values(self, rows: NDArray[np.bool_], plus: str, minus: str | None = None) -> Values:
        """Return a role's scores, or the difference of two, where there is one."""
        nothing = np.full(len(rows), np.nan)
        scores = self.scores.get(plus, nothing)
        if minus is not None:
            scores = scores - self.scores.get(minus, nothing)
        there = rows & np.isfinite(scores)
        names = (self.rows[name][there] for name in ("seed", "family", "domain", "base_id"))
        seed, family, domain, scenario = names
        return Values(seed, family, domain, scores[there], scenario, True in self.kinds(there, [plus]))

    def between(
        self, plus: NDArray[np.bool_], minus: NDArray[np.bool_], role: str, less: str | None = None
    ) -> Values:
        """Return scores in some rows less those of the same scenario, but for its cue, in others.

        They are a role's, or what it scores more than the role `less` does.
        """
        nothing = np.full(len(plus), np.nan)
        scores = self.scores.get(role, nothing)
        if less is not None:
            scores = scores - self.scores.get(less, nothing)
        keys = self.keys("seed", "family", "where", "distance", "base_id")
        there = np.isfinite(scores)
        other = {keys[row]: scores[row] for row in np.flatnonzero(minus & there)}
        rows = [row for row in np.flatnonzero(plus & there) if keys[row] in other]
        values = np.array([scores[row] - other[keys[row]] for row in rows], dtype=float)
        chosen = (self.rows[name][rows] for name in ("seed", "family", "domain", "base_id"))
        seed, family, domain, scenario = chosen
        return Values(seed, family, domain, values, scenario, True in self.kinds(plus | minus, [role]))

    def alike(self, rows: NDArray[np.bool_], roles: Iterable[str]) -> "Table | None":
        """Return the table with scores that may be compared: in each family all weighed, or all sampled.

        Where the roles' scores in a family were estimated in both ways, the sampled answers stand in for
        every one of them there.

        Returns:
            None where they were not all recorded.
        """
        there = [role for role in roles if role in self.scores]
        if len(self.kinds(rows, there)) <= 1:
            return self
        mixed = np.zeros(len(rows), dtype=bool)
        for family in np.unique(self.rows["family"][rows]):
            here = rows & self.select(family=family)
            mixed |= here & (len(self.kinds(here, there)) > 1)
        return self.resampled(mixed) if self.recorded(mixed, there) else None

    def kinds(self, rows: NDArray[np.bool_], roles: Iterable[str]) -> set[bool]:
        """Return whether scores in these rows are sampled: both, where some are and some are not."""
        there = [role for role in roles if role in self.scores]
        return {
            bool(kind)
            for role in there
            for kind in np.unique(self.by_sampling[role][rows & np.isfinite(self.scores[role])])
        }

    def recorded(self, rows: NDArray[np.bool_], roles: Iterable[str]) -> bool:
        """Return whether the sampled answers' own scores stand beside these; invalid ones have none."""
        scored = {role: rows & np.isfinite(self.scores[role]) for role in roles if role in self.scores}
        return all(
            np.isfinite(self.sampled[role][there]).any() for role, there in scored.items() if there.any()
        )

    def resampled(self, rows: NDArray[np.bool_] | None = None) -> "Table":
        """Return the table with sampled answers only, in these rows or in all."""
        here = np.ones(len(self.rows["seed"]), dtype=bool) if rows is None else rows
        return self._replace(
            scores={role: np.where(here, self.sampled[role], score) for role, score in self.scores.items()},
            by_sampling={role: here | kind for role, kind in self.by_sampling.items()},
        )


class Paired(NamedTuple):
    """A difference on one grid, with the rows and columns named."""

    grid: Grid
    seeds: tuple[int, ...]
    families: tuple[str, ...]
    counts: NDArray[np.int_]
    """(S, F): scenarios in each cell."""
    sampled: bool = False
    """Whether the values are those of sampled answers."""

    @property
    def num_scenarios(self) -> int:
        """Number of scenarios in all cells."""
        return int(self.counts.sum())

    @property
    def seed_means(self) -> Array:
        """Mean over the measured families of each seed, (S,)."""
        return np.asarray(np.nanmean(self.grid.mean, axis=1))

    def only(self, *, seed: int | None = None, family: str | None = None) -> "Paired":
        """Return the part of one seed, or of one family with the seeds that measured it."""
        seeds = self.seeds if seed is None else (seed,)
        families = self.families if family is None else (family,)
        part = self.restricted(seeds, families)
        kept = [s for s, row in zip(seeds, part.grid.mean, strict=True) if np.isfinite(row).any()]
        return part.restricted(kept, families)

    def restricted(self, seeds: Sequence[int], families: Sequence[str]) -> "Paired":
        """Return these seeds and families, in this order."""
        rows, columns = [self.seeds.index(s) for s in seeds], [self.families.index(f) for f in families]
        cells = np.ix_(rows, columns)
        return self._replace(
            grid=Grid(self.grid.mean[cells], self.grid.variance[cells]),
            seeds=tuple(seeds),
            families=tuple(families),
            counts=self.counts[cells],
        )

    def within(self, other: "Paired") -> "Paired | None":
        """Return the part in the cells of another difference, or None where it has none of them."""
        seeds = [seed for seed in self.seeds if seed in other.seeds]
        families = [family for family in self.families if family in other.families]
        mine, theirs = self.restricted(seeds, families), other.restricted(seeds, families)
        both = np.isfinite(mine.grid.mean) & np.isfinite(theirs.grid.mean)
        if not both.any():
            return None
        grid = Grid(np.where(both, mine.grid.mean, np.nan), mine.grid.variance)
        masked = mine._replace(grid=grid, counts=np.where(both, mine.counts, 0))
        rows, columns = (np.flatnonzero(both.any(axis=axis)) for axis in (1, 0))
        return masked.restricted([seeds[row] for row in rows], [families[column] for column in columns])


APART = ("stated", "told", "forbidden")
"""Conditions that stand by themselves: a goal is asked for and not acted on, or what serves it is ruled
out."""


def table(
    samples: pd.DataFrame,
    measure: str,
    goal: str | None = None,
    condition: str | None = None,
    elicitation: str = "",
    reasoning: str = "free",
) -> Table:
    """Put the scores of all organisms beside each other, epochs averaged.

    Args:
        samples: The frame of `load`.
        measure: "goal", "right" or "says_done".
        goal: Only scores of this goal.
        condition: Only scenarios of this condition; by default all that do not stand apart.
        elicitation: Only scenarios under this elicitation or context, of every condition (in four bits of
            `condition`); by default those under none.
        reasoning: Only answers of which the reasoning was free, forced or suppressed.
    """
    chosen = (samples["measure"] == measure) & (samples["reasoning"] == reasoning) & samples["score"].notna()
    chosen &= (samples["goal"] == goal) if goal is not None else True
    chosen &= samples["elicitation"] == elicitation
    if elicitation in ("", FOUR_BITS):
        chosen &= (
            samples["condition"] == condition if condition is not None else ~samples["condition"].isin(APART)
        )
    mine = samples[chosen]
    mine = mine.assign(by_sampling=apart_from_weighed(mine))
    columns = ["score", "sampled", "by_sampling"]
    frame = mine.groupby([*_PAIRED_BY, "role"])[columns].mean().unstack("role")
    rows = {name: np.asarray(frame.index.get_level_values(name)) for name in _PAIRED_BY[:-1]}
    roles = sorted(set(mine["role"]))
    scores, sampled, by_sampling = (
        {role: frame[column, role].to_numpy(dtype=float) for role in roles if (column, role) in frame}
        for column in columns
    )
    return Table(rows, scores, sampled, {role: share > 0 for role, share in by_sampling.items()})


def alike(
    one: Table, one_rows: NDArray[np.bool_], two: Table, two_rows: NDArray[np.bool_], roles: Collection[str]
) -> tuple[Table, Table] | None:
    """Return two tables whose scores of these roles may be compared.

    Where any were estimated in another way than the rest, sampled answers stand in for all of them.
    """
    if len(one.kinds(one_rows, roles) | two.kinds(two_rows, roles)) <= 1:
        return one, two
    if not (one.recorded(one_rows, roles) and two.recorded(two_rows, roles)):
        return None
    return one.resampled(), two.resampled()


def paired(values: Values) -> Paired | None:
    """Gather scenario-level values into a grid of seeds and families.

    The variance of a cell's mean is clustered by domain: G / (G - 1) Σ_g (Σ_i∈g (x_i - mean))² / n². A cell
    with a single domain gets 1 / n, the largest variance of a mean of independent differences in [-1, 1].

    Returns:
        None where there is nothing to gather.
    """
    if not len(values.value):
        return None
    seeds, row = np.unique(values.seed, return_inverse=True)
    families, column = np.unique(values.family, return_inverse=True)
    _, domain = np.unique(values.domain, return_inverse=True)
    shape = (len(seeds), len(families))
    cell = row * shape[1] + column
    size = np.bincount(cell, minlength=shape[0] * shape[1]).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(cell, values.value, minlength=size.size) / size
        clusters, member = np.unique(cell * (domain.max() + 1) + domain, return_inverse=True)
        squares = np.bincount(member, values.value - mean[cell]) ** 2
        owner = clusters // (domain.max() + 1)
        groups = np.bincount(owner, minlength=size.size).astype(float)
        spread = groups / (groups - 1) * np.bincount(owner, squares, minlength=size.size) / size**2
        variance = np.where(groups > 1, spread, 1 / size)
    return Paired(
        Grid(mean.reshape(shape), variance.reshape(shape)),
        tuple(int(seed) for seed in seeds),
        tuple(str(family) for family in families),
        size.astype(int).reshape(shape),
        values.sampled,
    )


def difference(scores: Table, rows: NDArray[np.bool_], plus: str, minus: str) -> Paired | None:
    """Return what one role scores more than another in some rows, or None where nothing can be compared."""
    comparable = scores.alike(rows, (plus, minus))
    return None if comparable is None else paired(comparable.values(rows, plus, minus))


def by_seed(parts: Iterable[tuple[float, Paired | None]]) -> Paired | None:
    """Combine several contrasts into one number for each seed that has them all.

    Args:
        parts: Weights and contrasts; the result is the weighted sum of their means over families.

    Returns:
        A grid with one column, or None where a part is missing or no seed has every part.
    """
    gathered = list(parts)
    there = [(weight, part) for weight, part in gathered if part is not None]
    if not there or len(there) < len(gathered):
        return None
    seeds = sorted(set.intersection(*(set(part.seeds) for _, part in there)))
    if not seeds:
        return None
    mean, variance = np.zeros((len(seeds), 1)), np.zeros((len(seeds), 1))
    counts = np.zeros((len(seeds), 1), dtype=int)
    for weight, part in there:
        rows = [part.seeds.index(seed) for seed in seeds]
        present = np.isfinite(part.grid.mean[rows])
        mean[:, 0] += weight * np.nanmean(part.grid.mean[rows], axis=1)
        summed = np.where(present, part.grid.variance[rows], 0.0).sum(axis=1)
        variance[:, 0] += weight**2 * summed / present.sum(axis=1) ** 2
        counts[:, 0] += part.counts[rows].sum(axis=1)
    families = sorted({family for _, part in there for family in part.families})
    sampled = any(part.sampled for _, part in there)
    return Paired(Grid(mean, variance), tuple(seeds), ("+".join(families),), counts, sampled)
