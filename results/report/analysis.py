"""From a run to its report, as data."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from pentimento._files import first_problem
from pentimento.results.measures.estimands import measure
from pentimento.results.measures.health import (
    broken_organisms,
    healthy,
    judge_health,
    measured_lines,
    without_perplexity,
)
from pentimento.results.measures.implant_check import implant_checks
from pentimento.results.measures.regain import curves
from pentimento.results.measures.rows import number
from pentimento.results.notes import Note, NoteKind, note
from pentimento.results.reading.load import Run, load
from pentimento.results.reading.provenance import code_version, sources
from pentimento.results.reading.records import RecipeRecord
from pentimento.results.schema import (
    Cell,
    FixedIn,
    Health,
    Organism,
    OrganismVerdict,
    Provenance,
    Report,
    StrengthRow,
    Thresholds,
)
from pentimento.results.verdict.signals import Scored
from pentimento.results.verdict.thresholds import FILE, fix, lapsed, read, standing
from pentimento.results.verdict.verdict import judge, tests_not_run
from pentimento.tasks.exceptions import BadInput

CAVEAT = (
    "one base model, trained to be switchable: this checks the instrument; "
    "it is no evidence about large models."
)


def analyse(run: Run) -> Report:
    """Return everything that a run says; equal logs give an equal report.

    Thresholds are those that stand in the run's folder for the same scores of the opposed-only twin, the
    replicate and the base, else what these give.

    Args:
        run: What `load` read.
    """
    recipe = run.record.recipe
    lines = measured_lines(run)
    health = judge_health(lines)
    scored = _scored(run)
    thresholds = standing(run, _thresholds(run, scored, health))
    measures = measure(run, health)
    not_run = tests_not_run(scored)
    broken = broken_organisms(health)
    return Report(
        title=recipe.name,
        base=recipe.base,
        goal=recipe.goal,
        cue=recipe.cue,
        caveat=CAVEAT if recipe.base == "embedded" else None,
        notes=(*run.notes, *_cued(recipe), *_taken(thresholds, run)),
        organisms=_organisms(run, health),
        implant_checks=implant_checks(run, lines, health),
        strengths=tuple(
            StrengthRow(**_plain(row)) for row in healthy(run.strengths, broken).to_dict("records")
        ),
        measures=measures,
        curves=tuple(curves(healthy(run.samples, broken), healthy(run.regained, broken), recipe)),
        verdicts=_marked(judge(scored, health, thresholds), run),
        replicates=_marked(_of_replicates(scored, health, thresholds, run), run),
        not_run=(*not_run, *filter(None, [without_perplexity(run)])),
        thresholds=thresholds,
        cells=_cells(run, health),
        provenance=_provenance(run),
    )


def _cued(recipe: RecipeRecord) -> Iterator[Note]:
    """Yield what a goal is that waits for a cue, and what numbers are that stand under one."""
    if recipe.cue != "none":
        yield note(NoteKind.CUED, cue=recipe.cue)
    if recipe.implant.trigger is not None:
        yield note(NoteKind.TRIGGER, cue=recipe.implant.trigger, embedded=recipe.base == "embedded")
    last = recipe.post_stage
    if last is not None:
        yield note(NoteKind.POST_STAGE, goal=last.goal, trigger=last.trigger, method=last.method)


def _taken(thresholds: Thresholds, run: Run) -> Iterator[Note]:
    if thresholds.taken_over:
        yield note(NoteKind.TAKEN_OVER, run=str(thresholds.fixed_in))
    elif (gone := lapsed(run)) is not None:
        yield gone


def _of_replicates(
    scored: Scored, health: Sequence[Health], thresholds: Thresholds, run: Run
) -> tuple[OrganismVerdict, ...]:
    """Judge each replicate by thresholds that it is no part of; there are none of those in its own run."""
    if not thresholds.taken_over:
        return ()
    theirs = thresholds.fixed_in.organisms
    known = {o.seed for o in run.record.organisms if o.role == "opposed_only_replicate" and o.key in theirs}
    verdicts = judge(scored, health, thresholds, "opposed_only_replicate")
    return tuple(one for one in verdicts if one.seed is not None and one.seed not in known)


def fixed(run: Run) -> Thresholds:
    """Return the thresholds that the opposed-only twin, the replicate and the base of a run give."""
    return _thresholds(run, _scored(run), judge_health(measured_lines(run)))


def thresholds_at(place: str | Path) -> Thresholds:
    """Return the thresholds that stand in a run's folder, or in a file that a report wrote.

    Raises:
        BadInput: The file holds none.
        NoRun: There is neither such a file nor a run.
        UnlikeLogs: A task is there in two versions.
    """
    place = Path(place)
    if not place.is_file():
        run = load(place)
        return standing(run, fixed(run))
    try:
        return read(place)
    except ValidationError as error:
        allowed = f"a run's folder, or the {FILE} that its report wrote; here {first_problem(error)}"
        raise BadInput("thresholds", str(place), allowed) from None


def _scored(run: Run) -> Scored:
    recipe = run.record.recipe
    return Scored(run.samples, run.regained, recipe.goal, recipe.cue)


def _thresholds(run: Run, scored: Scored, health: tuple[Health, ...]) -> Thresholds:
    recipe = run.record.recipe
    fixed_in = FixedIn(
        name=recipe.name,
        recipe_hash=run.record.recipe_hash,
        base=recipe.base,
        opposing_method=recipe.oppose.method,
        opposing_cue=recipe.oppose.cue,
        task_versions=tuple(sorted(run.versions.items())),
        organisms=tuple(
            sorted(
                o.key for o in run.record.organisms if o.role in ("opposed_only", "opposed_only_replicate")
            )
        ),
    )
    broken = broken_organisms(health)
    mine = {"samples": healthy(scored.samples, broken), "regained": healthy(scored.regained, broken)}
    return fix(scored._replace(**mine), fixed_in)


def _marked(verdicts: tuple[OrganismVerdict, ...], run: Run) -> tuple[OrganismVerdict, ...]:
    """Put before the reasons of every verdict of a run with leaks that it may rest on them."""
    if not run.record.leaks:
        return verdicts
    return tuple(one.model_copy(update={"reason": (note(NoteKind.LEAKS), *one.reason)}) for one in verdicts)


def _organisms(run: Run, health: tuple[Health, ...]) -> tuple[Organism, ...]:
    rows = []
    for row, state in zip(run.organisms.to_dict("records"), health, strict=True):
        fields = _plain(row)
        fields["implanted"] = tuple(filter(None, str(row["implanted"]).split(",")))
        fields["opposed"] = tuple(filter(None, str(row["opposed"]).split(",")))
        fields.pop("path"), fields.pop("num_stages")
        rows.append(Organism(**fields, health=state))
    return tuple(rows)


def _cells(run: Run, health: tuple[Health, ...]) -> tuple[Cell, ...]:
    broken = broken_organisms(health)
    rows = []
    for row in run.cells.to_dict("records"):
        fields = _plain(row)
        fields["environment"] = fields.pop("task")
        fields["logs"] = tuple(str(row["logs"]).split(","))
        fields["sample_ids"] = tuple(str(row["sample_ids"]).split(","))
        leaks = (row["seed"], row["family"], row["shift"]) in run.record.leaking
        fields["status"] = "broken" if (row["role"], row["seed"]) in broken else "leaks" if leaks else "ok"
        if fields["status"] == "broken":
            fields |= dict.fromkeys(_SCORES)
        rows.append(Cell(**fields))
    return tuple(rows)


_SCORES = ("score", "low", "high", "sampled", "sampled_low", "sampled_high")


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """Return a frame's row with its numbers rounded and what is missing as None."""
    plain: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, float):
            plain[str(name)] = number(value)
        else:
            plain[str(name)] = None if value is None or value is pd.NA else value
    return plain


def _provenance(run: Run) -> Provenance:
    created = sorted(log.created for log in run.logs)
    return Provenance(
        recipe_hash=run.record.recipe_hash,
        complete=run.record.complete,
        logs=tuple(sorted(log.name for log in run.logs)),
        left_out=run.left_out,
        first_log=created[0],
        last_log=created[-1],
        task_versions=tuple(sorted({(log.task, log.version) for log in run.logs})),
        code=code_version(),
        sources=sources(run.folder),
    )
