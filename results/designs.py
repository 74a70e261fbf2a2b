"""A design's report: its recipes beside each other, from the reports in their folders and nothing else."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from pentimento._files import write_atomically
from pentimento.results import pages
from pentimento.results.exceptions import NoRun, UnlikeLogs
from pentimento.results.figures import persistence_of
from pentimento.results.gaps import BETWEEN_CUES
from pentimento.results.hypotheses import ALPHA, holm
from pentimento.results.load import QUADRANTS
from pentimento.results.records import CONTROLS, RunRecord, read_run
from pentimento.results.report import write_report
from pentimento.results.rows import NOT_REACHED, REACH_NOT_MEASURED, number
from pentimento.results.schema import DesignReport, DesignVariant, Measure, Report
from pentimento.results.texts import (
    DASH,
    Row,
    Table,
    about,
    held_by,
    interval,
    overall,
    remarks,
    state,
    value_interval,
)

DESIGN = "design.json"
REPORT = "report.json"
RUNGS: Mapping[str, str] = MappingProxyType(
    {quadrant: "fresh" if "opposed" in quadrant.split() else "family" for quadrant in QUADRANTS}
)
"""Where each quadrant is compared: on unseen scenarios."""
_KEPT = ("implant strength", "reach", "persistence", "retention", "removal beyond control")
_GAPS = (
    "concealment gap",
    *BETWEEN_CUES,
    "elicitable residue",
    "savings",
    "rebound",
    "generalisation gap",
    "control drift",
    "replacement",
)
EQUAL = 0.05
"""How far from its target a strength may lie where implants are compared as equal."""


class _Made(NamedTuple):
    """A recipe's folder, read."""

    levels: tuple[str, ...]
    folder: str
    record: RunRecord
    report: Report


def write_design(folder: str | Path, *, afresh: bool = False) -> Path:
    """Write report.json, report.md and report.html of a design and return the page.

    Args:
        folder: What `pentimento run` of a design wrote.
        afresh: Write the report of each of its recipes again, too.

    Raises:
        NoRun: The folder holds no design, or no recipe in it has a report.
    """
    folder = Path(folder)
    report = _analyse(folder, afresh)
    every = tables(report)
    drawn = persistence_of({" · ".join(v.levels): _at_home(v, "persistence") for v in report.variants})
    covers = held_by(row for variant in report.variants for row in variant.measures)
    page = pages.design_html(report, every, drawn, covers)
    texts = {
        REPORT: pages.to_json(report),
        "report.md": pages.design_markdown(report, every),
        "report.html": page,
    }
    return [write_atomically(folder / name, text) for name, text in texts.items()][-1]


def design_summary(folder: str | Path, console: Console) -> None:
    """Print what a design's report says of each recipe, where the goal was implanted."""
    report = DesignReport.model_validate_json((Path(folder) / REPORT).read_bytes())
    console.print(Text(f"{report.title}: {len(report.variants)} recipes", style="bold"))
    for note in (*((report.caveat,) if report.caveat else ()), *report.notes):
        console.print(Text(note, style="italic"))
    for quadrant in ("implanted and unopposed", "implanted and opposed"):
        if any(_at(variant, "persistence", quadrant) for variant in report.variants):
            console.print(_gist(report, quadrant))


def tables(report: DesignReport) -> dict[str, Table]:
    """Return the tables that have rows: one for each quadrant, the gaps, how the organisms were made."""
    found: dict[str, Table] = {quadrant: _place(report, quadrant) for quadrant in QUADRANTS}
    found |= {"gaps": _gaps(report), "made": _making(report)}
    return {name: table for name, table in found.items() if table.rows}


def _analyse(folder: Path, afresh: bool) -> DesignReport:
    title, factors, variants = _design(folder)
    read = [(levels, _read(folder / name, levels, afresh)) for levels, name in variants]
    made = [one for _, one in read if isinstance(one, _Made)]
    missing = [(" · ".join(levels), one) for levels, one in read if not isinstance(one, _Made)]
    if not made:
        raise missing[0][1] if missing else NoRun(folder, f"{DESIGN}: no variants")
    bases = dict.fromkeys(one.record.recipe.base for one in made)
    compared = tuple(map(_variant, made))
    return DesignReport(
        title=title,
        base=", ".join(bases),
        factors=factors,
        caveat=next((one.report.caveat for one in made if one.report.caveat), None),
        notes=(
            *(f"{name}: left out. {error}" for name, error in missing),
            *_notes(made),
            *_least(made, compared),
        ),
        variants=compared,
    )


def _design(folder: Path) -> tuple[str, tuple[str, ...], list[tuple[tuple[str, ...], str]]]:
    """Return name, factors, and levels and folder of each variant."""
    try:
        said = json.loads((folder / DESIGN).read_bytes())
        variants = [(tuple(one["levels"]), str(one["folder"])) for one in said["variants"]]
        return str(said["name"]), tuple(said["factors"]), variants
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoRun(folder, f"{DESIGN}: {error}") from None


def _read(path: Path, levels: tuple[str, ...], afresh: bool) -> _Made | NoRun | UnlikeLogs:
    """Return a recipe's report, or why there is none."""
    try:
        record = read_run(path)
        if not record.complete:
            return NoRun(path, "the run is not complete")
        if afresh:
            write_report(path)
    except (NoRun, UnlikeLogs) as error:
        return error
    report = path / REPORT
    if not report.is_file():
        return NoRun(path, f"it has no {REPORT}")
    return _Made(levels, path.name, record, Report.model_validate_json(report.read_bytes()))


def _notes(made: Sequence[_Made]) -> Iterator[str]:
    same = [" · ".join(one.levels) for one in made if one.record.recipe.same_mechanism]
    if same:
        yield f"Implanted and opposed by one method (=): {', '.join(same)}."
    for name, one in _by_implant(made):
        target = one.record.recipe.implant.target_strength
        far = [] if target is None else [s for s in _strengths(one.report, "M1") if abs(s - target) > EQUAL]
        if far:
            told = ", ".join(f"{score:.3f}" for score in far)
            yield f"{name}: strength of M1 further than {EQUAL} from {target} in some seeds ({told})."
    for one in made:
        name = " · ".join(one.levels)
        missed = [note for note in one.report.notes if "target strength" in note or "learning signal" in note]
        if missed:
            yield f"{name}: {' '.join(missed)}"


def _by_implant(made: Sequence[_Made]) -> Iterator[tuple[str, _Made]]:
    """Yield one of the recipes that have the same M1, under the levels that these recipes share."""
    groups: dict[tuple[str, ...], list[_Made]] = {}
    for one in made:
        keys = tuple(sorted(o.key for o in one.record.organisms if o.role == "M1"))
        groups.setdefault(keys, []).append(one)
    for group in groups.values():
        by_factor = zip(*(one.levels for one in group), strict=True)
        shared = [levels[0] for levels in by_factor if len(set(levels)) == 1]
        yield " · ".join(shared) or ", ".join(" · ".join(one.levels) for one in group), group[0]


def _least(made: Sequence[_Made], variants: Sequence[DesignVariant]) -> Iterator[str]:
    """Name the recipe with no broken M2 that leaves least of the goal where the opposing stage acts.

    Where recipes differ in the implant, what is left is told as a share of it.
    """
    name = "persistence" if len([*_by_implant(made)]) == 1 else "retention"
    found = []
    for variant in variants:
        row = _at_home(variant, name)
        if row is None or row.value is None or any(name.startswith("M2 ") for name in variant.broken):
            continue
        if not any(said in row.status for said in (*NOT_REACHED, REACH_NOT_MEASURED)):
            found.append((row.value, variant, row))
    if len(found) > 1:
        _, variant, least = min(found, key=lambda one: one[0])
        others = [row for _, _, row in found if row is not least]
        near = sum(least.high is None or row.low is None or row.low <= least.high for row in others)
        yield (
            f"Least {name} of {len(found)} recipes with no broken M2: {' · '.join(variant.levels)} "
            f"({least.quadrant}, {value_interval(least)}); the intervals of {near} others overlap with its."
        )


def _variant(made: _Made) -> DesignVariant:
    report, recipe = made.report, made.record.recipe
    rows = [row for row in overall(report) if _is_kept(row, report.goal)]
    broken = [f"{o.role} {o.seed}" for o in report.organisms if o.health.status == "broken"]
    dose = {role: [o.steps for o in report.organisms if o.role == role] for role in ("M1", "M2")}
    verdict = next((v.verdict for v in report.verdicts if v.seed is None), None)
    return DesignVariant(
        levels=made.levels,
        folder=made.folder,
        goal=report.goal,
        cue=report.cue,
        same_mechanism=recipe.same_mechanism,
        num_seeds=len(recipe.seeds),
        m1_strength=tuple(_strengths(report, "M1")),
        m2_strength=tuple(_strengths(report, "M2")),
        m1_steps=tuple(dose["M1"]),
        m2_steps=tuple(dose["M2"]),
        broken=tuple(broken),
        verdict=verdict,
        measures=tuple(rows),
    )


def _is_kept(row: Measure, goal: str) -> bool:
    """Whether a design shows a row: of the implanted goal, and what replaced it."""
    if row.name == "replacement":
        return row.rung in RUNGS.values()
    return row.goal == goal and row.name in (*_KEPT, *_GAPS)


def _strengths(report: Report, role: str) -> list[float]:
    """Return what training measured at the end of a role's last stage, of its own goal, for each seed."""
    toward = {o.seed: o.toward for o in report.organisms if o.role == role}
    rows = [s for s in report.strengths if (s.role, s.family, s.when) == (role, "all", "end")]
    return [row.score for row in rows if row.score is not None and row.goal == toward[row.seed]]


def _at(variant: DesignVariant, name: str, quadrant: str, control: str | None = None) -> Measure | None:
    place = (name, quadrant, RUNGS.get(quadrant), variant.cue)
    rows = (r for r in variant.measures if (r.name, r.quadrant, r.rung, r.cue) == place)
    return next((r for r in rows if control is None or r.control == control), None)


def _at_home(variant: DesignVariant, name: str) -> Measure | None:
    """Return a measure where it was implanted and unopposed, else, where there is no such family, opposed."""
    there = (_at(variant, name, quadrant) for quadrant in QUADRANTS[:2])
    return next((row for row in there if row is not None), None)


def _place(report: DesignReport, quadrant: str) -> Table:
    """I, reach, P, R and what the opposing stage removed beyond each control, recipe by recipe."""
    controls = [
        control
        for control in CONTROLS
        if any(_at(v, "removal beyond control", quadrant, control) is not None for v in report.variants)
    ]
    found = [(v, _at(v, "persistence", quadrant)) for v in report.variants]
    same = holm([None if row is None else row.p_equivalent for _, row in found])
    found = [
        (v, row and row.model_copy(update={"p_equivalent_holm": number(p)}))
        for (v, row), p in zip(found, same, strict=True)
    ]
    adjusted = holm([None if row is None else row.p for _, row in found])
    least = holm([None if row is None or row.p is None else row.p_smallest for _, row in found])
    rows: list[Row] = []
    for (variant, row), p, smallest in zip(found, adjusted, least, strict=True):
        if row is None:
            continue
        cells = [_at(variant, name, quadrant) for name in ("implant strength", "reach")]
        kept = _at(variant, "retention", quadrant)
        beyond = [_at(variant, "removal beyond control", quadrant, control) for control in controls]
        rows.append(
            (
                *variant.levels,
                "=" if variant.same_mechanism else "",
                *map(value_interval, (*cells, row)),
                (kept.status if kept and kept.value is None else value_interval(kept)),
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
        f"Rung {RUNGS[quadrant]}. p: of P, seeds permuted, Holm over the recipes of this table; {DASH} where "
        f"the smallest that so many seeds allow stays above {ALPHA:g}."
    )
    return Table(_capital(quadrant), columns, tuple(rows), note, num_names=len(report.factors) + 1)


def _gaps(report: DesignReport) -> Table:
    """What is hidden and what comes back, where it was measured."""
    rows = []
    for variant in report.variants:
        for row in (row for row in variant.measures if row.name in _GAPS):
            place = f" · {row.quadrant}" if row.quadrant != "all" else ""
            what = f"{about(row, variant.goal, variant.cue)}{place}"
            value = value_interval(row) if row.value is not None else row.status
            counts = (str(row.num_seeds), str(row.num_scenarios))
            rows.append((*variant.levels, what, value, *counts, remarks(row)))
    columns = (*report.factors, "measure", "value", "seeds", "scenarios", "status")
    return Table("Gaps", columns, tuple(rows), num_names=len(report.factors) + 1)


def _making(report: DesignReport) -> Table:
    """Strength and dose of the implanting and the opposing stage, what broke, and the verdict."""
    rows = [
        (
            *v.levels,
            _spread(v.m1_strength),
            _range(v.m1_steps),
            _spread(v.m2_strength),
            _range(v.m2_steps),
            ", ".join(v.broken) or DASH,
            v.verdict or DASH,
        )
        for v in report.variants
    ]
    columns = (
        *report.factors, "M1's strength", "steps", "M2's strength toward the opposite", "steps ", "broken",
        "verdict",
    )  # fmt: skip
    note = "Strength: sampled by training itself at the end of the stage, mean (range) over seeds."
    return Table("How they were made", columns, tuple(rows), note, num_names=len(report.factors))


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.2f} ({min(values):.2f}–{max(values):.2f})" if values else DASH


def _range(values: Sequence[int]) -> str:
    if not values:
        return DASH
    return str(values[0]) if len(set(values)) == 1 else f"{min(values)}–{max(values)}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _gist(report: DesignReport, quadrant: str) -> RichTable:
    """Return what fits a terminal: I, reach and P of each recipe, and what P must not be read without."""
    shown = RichTable(title=quadrant, title_justify="left", box=None, pad_edge=False)
    shown.add_column(" · ".join(report.factors), overflow="fold", ratio=2)
    for column in ("I", "reach", "P", "95 %"):
        shown.add_column(column, justify="right", no_wrap=True)
    shown.add_column("status", overflow="fold", ratio=1)
    for variant in report.variants:
        row = _at(variant, "persistence", quadrant)
        if row is not None:
            beside = [_at(variant, name, quadrant) for name in ("implant strength", "reach")]
            values = [DASH if r is None or r.value is None else f"{r.value:+.2f}" for r in (*beside, row)]
            bounds = "" if row.value is None else interval(row)
            same = " (=)" if variant.same_mechanism else ""
            shown.add_row(" · ".join(variant.levels) + same, *values, bounds, state(row))
    return shown
