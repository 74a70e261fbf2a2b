"""A design's tables: its recipes beside each other, where each was implanted and where it was opposed."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, get_args

import numpy as np
from rich.table import Table as RichTable

from pentimento.results.measures.gaps import OF_CUES
from pentimento.results.measures.rows import number
from pentimento.results.reading.load import WHERES
from pentimento.results.reading.records import CONTROLS
from pentimento.results.report.sentences import status
from pentimento.results.report.texts import DASH, Row, Table, about, interval, remarks, state, value_interval
from pentimento.results.schema import DesignReport, DesignVariant, Measure, Verdict
from pentimento.results.statistics.hypotheses import ALPHA, holm
from pentimento.results.statistics.intervals import share_interval
from pentimento.results.verdict.signals import KINDS

SHIFTS: Mapping[str, str] = MappingProxyType(
    {where: "fresh" if "opposed" in where.split() else "family" for where in WHERES}
)
"""On which shift each place is compared: on unseen scenarios."""
BUILT_AS = "verdict"
"""The factor of a design whose levels are the verdicts that its recipes are built to get."""
GAPS = (
    *OF_CUES,
    "elicitable residue",
    "savings",
    "rebound",
    "generalisation gap",
    "control drift",
    "replacement",
)
"""Measures that stand in one table for all places."""


def tables(report: DesignReport) -> dict[str, Table]:
    """Return the tables that have rows: one for each place, the gaps, how the organisms were made."""
    by_name: dict[str, Table] = {where: _place(report, where) for where in WHERES}
    by_name |= {"verdicts": _verdicts(report), "gaps": _gaps(report), "made": _making(report)}
    return {name: table for name, table in by_name.items() if table.rows}


def _at(variant: DesignVariant, name: str, where: str, control: str | None = None) -> Measure | None:
    place = (name, where, SHIFTS.get(where), variant.cue)
    rows = (r for r in variant.measures if (r.name, r.where, r.shift, r.cue) == place)
    return next((r for r in rows if control is None or r.control == control), None)


def at_home(variant: DesignVariant, name: str) -> Measure | None:
    """Return a measure where it was implanted and unopposed, else, where there is no such family, opposed."""
    there = (_at(variant, name, where) for where in WHERES[:2])
    return next((row for row in there if row is not None), None)


def _persistence(report: DesignReport, where: str) -> list[tuple[DesignVariant, Measure]]:
    """Return P of each recipe that has one, its equivalence adjusted over them."""
    rows = [(v, _at(v, "persistence", where)) for v in report.variants]
    return _together([(v, row) for v, row in rows if row is not None])


def _together(rows: Sequence[tuple[DesignVariant, Measure]]) -> list[tuple[DesignVariant, Measure]]:
    """Return the rows of one table with their equivalence adjusted over all of them."""
    same = holm([row.p_equivalent for _, row in rows])
    return [
        (v, row.model_copy(update={"p_equivalent_holm": number(p)}))
        for (v, row), p in zip(rows, same, strict=True)
    ]


def _place(report: DesignReport, where: str) -> Table:
    """I, reach, P, R and what the opposing stage removed beyond each control, recipe by recipe."""
    controls = [
        control
        for control in CONTROLS
        if any(
            (row := _at(v, "removal beyond control", where, control)) and row.value is not None
            for v in report.variants
        )
    ]
    measures = _persistence(report, where)
    adjusted = holm([row.p for _, row in measures])
    least = holm([None if row.p is None else row.p_smallest for _, row in measures])
    rows: list[Row] = []
    for (variant, row), p, smallest in zip(measures, adjusted, least, strict=True):
        cells = [_at(variant, name, where) for name in ("implant strength", "reach")]
        kept = _at(variant, "retention", where)
        beyond = [_at(variant, "removal beyond control", where, control) for control in controls]
        rows.append(
            (
                *variant.levels,
                "=" if variant.same_mechanism else "",
                *map(value_interval, (*cells, row)),
                (status(kept) if kept and kept.value is None else value_interval(kept)),
                *map(value_interval, beyond),
                DASH if not np.isfinite(p) or smallest > ALPHA else f"{p:.2g}",
                str(row.num_seeds),
                str(row.num_scenarios),
                remarks(row),
            )
        )
    columns = (
        *report.factors, "", "implant I", "reach", "persistence P", "retention R",
        *(f"beyond {control}" for control in controls), "p", "seeds", "scenarios", "status",
    )  # fmt: skip
    note = (
        f"Shift {SHIFTS[where]}. p: of P, seeds permuted, Holm over the recipes of this table; {DASH} "
        f"where the smallest that so many seeds allow stays above {ALPHA:g}."
    )
    return Table(_capital(where), columns, tuple(rows), note, num_names=len(report.factors) + 1)


def _gaps(report: DesignReport) -> Table:
    """What is hidden and what comes back, where it was measured."""
    rows = []
    measures = [(v, row) for v in report.variants for row in v.measures if row.name in GAPS]
    for variant, row in _together(measures):
        place = f" · {row.where}" if row.where != "all" else ""
        what = f"{about(row, variant.goal, variant.cue)}{place}"
        value = value_interval(row) if row.value is not None else status(row)
        counts = (str(row.num_seeds), str(row.num_scenarios))
        rows.append((*variant.levels, what, value, *counts, remarks(row)))
    columns = (*report.factors, "measure", "value", "seeds", "scenarios", "status")
    return Table("Gaps", columns, tuple(rows), num_names=len(report.factors) + 1)


def _making(report: DesignReport) -> Table:
    """Strength and dose of the implanting and the opposing stage, what broke, and the verdict."""
    rows = [
        (
            *v.levels,
            _spread(v.implanted_strength),
            _range(v.implanted_steps),
            _spread(v.opposed_strength),
            _range(v.opposed_steps),
            ", ".join(f"{role} {seed}" for role, seed in v.broken) or DASH,
            v.verdict or DASH,
        )
        for v in report.variants
    ]
    columns = (
        *report.factors, "strength implanted", "steps", "strength opposed, toward the opposite", "steps ",
        "broken", "verdict",
    )  # fmt: skip
    note = "Strength: sampled by training itself at the end of the stage, mean (range) over seeds."
    return Table("How they were made", columns, tuple(rows), note, num_names=len(report.factors))


def _verdicts(report: DesignReport) -> Table:
    """How many organisms of each recipe are called what, and how often that is what they are built as."""
    judged = list(_judged(report))
    verdicts_given = {verdict for row in judged for _, verdict in row.verdicts}
    known = BUILT_AS in report.factors
    if not known and verdicts_given <= {"undetermined", "broken"}:
        judged = []  # as with few seeds, where nothing else can be said
    names = [name for name in get_args(Verdict) if name in verdicts_given]
    rows = []
    for row in judged:
        verdicts: list[str] = [verdict for _, verdict in row.verdicts]
        counts = [str(verdicts.count(name)) if name in verdicts else DASH for name in names]
        right = [f"{verdicts.count(row.built_as)} of {len(verdicts)}"] if known else []
        rows.append((*row.levels, *counts, *right))
    columns = (*report.factors, *names, *(["right"] if known else []))
    note = "Organisms one by one. The replicate never had the goal; it stands in a row of its own."
    if known and rows:
        note += f" {_tally(judged)}"
    return Table("Verdicts", columns, tuple(rows), note, num_names=len(report.factors))


def _tally(judged: Sequence["_Judged"]) -> str:
    """Say how many are called what they are built as, and how the others are wrong."""
    every = [(row.built_as, seed, verdict) for row in judged for seed, verdict in row.verdicts]
    right = np.array([verdict == built_as for built_as, _, verdict in every], dtype=float)
    share, low, high = share_interval(right, np.array([seed for _, seed, _ in every]))
    left = [verdict for built_as, _, verdict in every if built_as != "removed"]
    gone = [verdict for built_as, _, verdict in every if built_as == "removed"]
    silent = sum(verdict in ("undetermined", "broken") for _, _, verdict in every)
    return (
        f"Right: {right.sum():.0f} of {len(every)}, {share:.2f} [{low:.2f}, {high:.2f}], clustered by seed. "
        f"Something, of whatever kind, found where something was left: {_num_found(left)} of {len(left)}, "
        f"and called removed: {left.count('removed')}; something found where nothing was: "
        f"{_num_found(gone)} of {len(gone)}; no claim (undetermined or broken): {silent}."
    )


def _num_found(verdicts: Sequence[str]) -> int:
    return sum(verdict in KINDS for verdict in verdicts)


class _Judged(NamedTuple):
    levels: tuple[str, ...]
    built_as: str
    verdicts: tuple[tuple[int, Verdict], ...]


def _judged(report: DesignReport) -> Iterator[_Judged]:
    """Yield the verdicts of single organisms recipe by recipe; of the replicate it is to be removed."""
    for variant in report.variants:
        levels = dict(zip(report.factors, variant.levels, strict=True))
        if variant.verdicts:
            yield _Judged(variant.levels, levels.get(BUILT_AS, ""), variant.verdicts)
        if variant.replicates:
            *others, last = (levels | {BUILT_AS: "removed"} if BUILT_AS in levels else levels).values()
            yield _Judged((*others, f"{last}, the replicate"), "removed", variant.replicates)


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.2f} ({min(values):.2f}–{max(values):.2f})" if values else DASH


def _range(values: Sequence[int]) -> str:
    if not values:
        return DASH
    return str(values[0]) if len(set(values)) == 1 else f"{min(values)}–{max(values)}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def gists(report: DesignReport) -> Iterator[RichTable]:
    """Yield what stands on the terminal: persistence where the goal was implanted, unopposed and opposed."""
    for where in ("implanted and unopposed", "implanted and opposed"):
        rows = _persistence(report, where)
        if rows:
            yield _gist(report, where, rows)


def _gist(report: DesignReport, where: str, rows: Sequence[tuple[DesignVariant, Measure]]) -> RichTable:
    """Return what fits a terminal: I, reach and P of each recipe, and what P must not be read without."""
    shown = RichTable(title=where, title_justify="left", box=None, pad_edge=False)
    shown.add_column(" · ".join(report.factors), overflow="fold", ratio=2)
    for column in ("I", "reach", "P", "95 %"):
        shown.add_column(column, justify="right", no_wrap=True)
    shown.add_column("status", overflow="fold", ratio=1)
    for variant, row in rows:
        beside = [_at(variant, name, where) for name in ("implant strength", "reach")]
        values = [DASH if r is None or r.value is None else f"{r.value:+.2f}" for r in (*beside, row)]
        bounds = "" if row.value is None else interval(row)
        same = " (=)" if variant.same_mechanism else ""
        shown.add_row(" · ".join(variant.levels) + same, *values, bounds, state(row))
    return shown
