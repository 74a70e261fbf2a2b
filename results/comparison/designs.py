"""A design's report: its recipes beside each other, from the reports in their folders and nothing else."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from pentimento._files import decode, first_problem, read_bytes, reason, write_atomically
from pentimento.results.comparison.design_tables import GAPS, SHIFTS, at_home, gists, tables
from pentimento.results.exceptions import NoRun, UnlikeLogs
from pentimento.results.notes import NOT_REACHED, Flag, Note, NoteKind, note
from pentimento.results.reading.load import load
from pentimento.results.reading.lost import LOST
from pentimento.results.reading.records import RunRecord, read_run
from pentimento.results.report import pages
from pentimento.results.report.analysis import fixed, thresholds_at
from pentimento.results.report.figures import persistence_of
from pentimento.results.report.report import write_report
from pentimento.results.report.sentences import said
from pentimento.results.report.texts import held_by, overall
from pentimento.results.schema import DesignReport, DesignVariant, Measure, Report
from pentimento.results.verdict.thresholds import keep, taken_over

DESIGN = "design.json"
REPORT = "report.json"
_KEPT = ("implant strength", "reach", "persistence", "retention", "removal beyond control")
_REPEATED = LOST | {NoteKind.TARGET_MISSED, NoteKind.NO_SIGNAL}
"""Notes of a recipe that its design repeats."""
EQUAL = 0.05
"""How far from its target a strength may lie where implants are compared as equal."""


class _Made(NamedTuple):
    """A recipe's folder, read."""

    levels: tuple[str, ...]
    folder: str
    record: RunRecord
    report: Report


def write_design(folder: str | Path, *, afresh: bool = False, thresholds: str | Path | None = None) -> Path:
    """Write report.json, report.md and report.html of a design and return the page.

    Args:
        folder: What `pentimento run` of a design wrote.
        afresh: Write the report of each of its recipes again, too.
        thresholds: Another run's folder, or its thresholds.json, from which each takes thresholds over first.

    Raises:
        NoRun: The folder holds no design, or no recipe in it has a report.
        BadInput: The other run's thresholds are not for one of the recipes; nothing is written then.
        UnlikeLogs: A task is there in two versions.
    """
    folder = Path(folder)
    if thresholds is not None:
        _take_over(folder, thresholds)
    report = _analyse(folder, afresh)
    every = tables(report)
    drawn = persistence_of({" · ".join(v.levels): at_home(v, "persistence") for v in report.variants})
    covers = held_by(row for variant in report.variants for row in variant.measures)
    page = pages.design_html(report, every, drawn, covers)
    texts = {
        REPORT: pages.to_json(report),
        "report.md": pages.design_markdown(report, every),
        "report.html": page,
    }
    return [write_atomically(folder / name, text) for name, text in texts.items()][-1]


def read_design(folder: str | Path) -> DesignReport:
    """Return the report that is written in a design's folder."""
    return DesignReport.model_validate_json((Path(folder) / REPORT).read_bytes())


def design_summary(folder: str | Path, console: Console) -> None:
    """Print what a design's report says of each recipe, where the goal was implanted."""
    report = read_design(folder)
    console.print(Text(f"{report.title}: {len(report.variants)} recipes", style="bold"))
    for line in (*((report.caveat,) if report.caveat else ()), *said(report.notes)):
        console.print(Text(line, style="italic"))
    for table in gists(report):
        console.print(table)


def _take_over(folder: Path, place: str | Path) -> None:
    """Let the thresholds of another run stand in every whole recipe's folder, or in none."""
    theirs, wanted = thresholds_at(place), {}
    for _, name in _design(folder)[2]:
        path = folder / name
        try:
            if not read_run(path).complete:
                continue
        except NoRun:
            continue  # the report names it
        mine = load(path)
        wanted[path] = taken_over(mine, fixed(mine), theirs, str(place))
    for path, thresholds in wanted.items():
        keep(path, thresholds)


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
            *(note(NoteKind.NO_REPORT, recipe=name, error=str(error)) for name, error in missing),
            *_notes(made),
            *_least(made, compared),
        ),
        variants=compared,
    )


def _design(folder: Path) -> tuple[str, tuple[str, ...], list[tuple[tuple[str, ...], str]]]:
    """Return name, factors, and levels and folder of each variant."""
    try:
        content = json.loads(decode(read_bytes(folder / DESIGN)))
        variants = [(tuple(one["levels"]), str(one["folder"])) for one in content["variants"]]
        return str(content["name"]), tuple(content["factors"]), variants
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise NoRun(folder, f"{DESIGN}: {reason(error)}") from None


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
    try:
        return _Made(levels, path.name, record, Report.model_validate_json(report.read_bytes()))
    except ValidationError as error:
        return NoRun(path, f"{REPORT}: {first_problem(error)}")


def _notes(made: Sequence[_Made]) -> Iterator[Note]:
    same = [" · ".join(one.levels) for one in made if one.record.recipe.same_mechanism]
    if same:
        yield note(NoteKind.SAME_MECHANISM, recipes=same)
    for name, one in _by_implant(made):
        target = one.record.recipe.implant.target_strength
        if target is None:
            continue
        far = [
            score for score in _strengths(one.report, "implanted") if round(abs(score - target), 9) > EQUAL
        ]
        if far:
            limits = {"limit": EQUAL, "target": target}
            yield note(NoteKind.UNEQUAL_IMPLANTS, recipe=name, **limits, strengths=far)
    for one in made:
        missed = [repeated for repeated in one.report.notes if repeated.kind in _REPEATED]
        if missed:
            yield note(NoteKind.OF_ONE, name=" · ".join(one.levels), notes=missed)


def _by_implant(made: Sequence[_Made]) -> Iterator[tuple[str, _Made]]:
    """Yield one of the recipes that share an implanted organism, under the levels that they share."""
    groups: dict[tuple[str, ...], list[_Made]] = {}
    for one in made:
        keys = tuple(sorted(o.key for o in one.record.organisms if o.role == "implanted"))
        groups.setdefault(keys, []).append(one)
    for group in groups.values():
        by_factor = zip(*(one.levels for one in group), strict=True)
        shared = [levels[0] for levels in by_factor if len(set(levels)) == 1]
        yield " · ".join(shared) or ", ".join(" · ".join(one.levels) for one in group), group[0]


def _least(made: Sequence[_Made], variants: Sequence[DesignVariant]) -> Iterator[Note]:
    """Name the recipe that leaves least of the goal where the opposing stage acts, and breaks nothing.

    Where recipes differ in the implant, what is left is told as a share of it.
    """
    name = "persistence" if len([*_by_implant(made)]) == 1 else "retention"
    candidates = []
    for variant in variants:
        row = at_home(variant, name)
        if row is None or row.value is None or any(role == "opposed" for role, _ in variant.broken):
            continue
        if {*NOT_REACHED, Flag.REACH_NOT_MEASURED}.isdisjoint(row.flags):
            candidates.append((row.value, variant, row))
    if len(candidates) > 1:
        _, variant, least = min(candidates, key=lambda one: one[0])
        others = [row for _, _, row in candidates if row is not least]
        near = sum(least.high is None or row.low is None or row.low <= least.high for row in others)
        bounds = {"value": least.value, "low": least.low, "high": least.high}
        recipe = " · ".join(variant.levels)
        place = {"recipe": recipe, "where": least.where, **bounds}
        yield note(NoteKind.LEAST, name=name, num=len(candidates), near=near, **place)


def _variant(made: _Made) -> DesignVariant:
    report, recipe = made.report, made.record.recipe
    rows = [row for row in overall(report) if _is_kept(row, report.goal)]
    broken = [(o.role, o.seed) for o in report.organisms if o.health.status == "broken"]
    # A post stage is the opposed organism's last one: how far and how long it was opposed, its record
    # does not say.
    plain = ("implanted", "opposed") if recipe.post_stage is None else ("implanted",)
    dose = {role: [o.steps for o in report.organisms if o.role == role] for role in plain}
    verdict = next((v.verdict for v in report.verdicts if v.seed is None), None)
    return DesignVariant(
        levels=made.levels,
        folder=made.folder,
        goal=report.goal,
        cue=report.cue,
        same_mechanism=recipe.same_mechanism,
        num_seeds=len(recipe.seeds),
        implanted_strength=tuple(_strengths(report, "implanted")),
        opposed_strength=tuple(_strengths(report, "opposed") if "opposed" in plain else ()),
        implanted_steps=tuple(dose["implanted"]),
        opposed_steps=tuple(dose.get("opposed", ())),
        broken=tuple(broken),
        verdict=verdict,
        verdicts=tuple((v.seed, v.verdict) for v in report.verdicts if v.seed is not None),
        replicates=tuple((v.seed, v.verdict) for v in report.replicates if v.seed is not None),
        measures=tuple(rows),
    )


def _is_kept(row: Measure, goal: str) -> bool:
    """Whether a design shows a row: of the implanted goal, and what replaced it."""
    if row.name == "replacement":
        return row.shift in SHIFTS.values()
    return row.goal == goal and row.name in (*_KEPT, *GAPS)


def _strengths(report: Report, role: str) -> list[float]:
    """Return what training measured at the end of a role's last stage, of its own goal, for each seed."""
    toward = {o.seed: o.toward for o in report.organisms if o.role == role}
    rows = [s for s in report.strengths if (s.role, s.family, s.when) == (role, "all", "end")]
    return [row.score for row in rows if row.score is not None and row.goal == toward[row.seed]]
