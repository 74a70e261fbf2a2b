"""The report's tables, as text cells; the Markdown and the HTML page print the same ones."""

import json
from collections.abc import Collection, Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from pentimento.results.measures.gaps import OF_CUES
from pentimento.results.measures.rows import MARGIN
from pentimento.results.reading.records import ROLES
from pentimento.results.report.score_tables import contexts, roles, scoring
from pentimento.results.report.sentences import decide, health_notes, reason, signal, status
from pentimento.results.report.texts import (
    DASH,
    LINE_COLUMNS,
    Table,
    about,
    asked_under,
    check_cells,
    covers,
    interval,
    overall,
    remarks,
    tested,
    value_interval,
    worst_right,
)
from pentimento.results.schema import Measure, Report
from pentimento.results.statistics.hypotheses import ALPHA
from pentimento.results.verdict.signals import SPEAKS_FOR
from pentimento.tasks.personas import NEW_PERSONA, OTHER_PERSONA

COVERS = (
    "Covers: what a 95 % interval over three seeds held in simulations; in brackets the worst case, where a "
    "seed keeps the goal or loses it."
)


_LEFT = ("implant strength", "reach", "persistence", "retention", "replacement")


def every(report: Report) -> dict[str, Table]:
    """Return every table that has rows, by name."""
    tables = {
        "headline": headline(report),
        "under cues": under_cues(report),
        "controls": controls(report),
        "gaps": gaps(report),
        "elicited": elicited(report),
        "in context": in_context(report),
        "believed": believed(report),
        "noticed": noticed(report),
        "regain": regain(report),
        "curves": curves(report),
        "families": families(report),
        "seeds": seeds(report),
        "roles": roles(report),
        "conditions": contexts(report),
        "scoring": scoring(report),
        "verdicts": verdicts(report),
        "thresholds": thresholds(report),
        "implant_checks": implant_checks(report),
        "organisms": organisms(report),
        "strengths": strengths(report),
        "published": published(),
    }
    return {name: table for name, table in tables.items() if table.rows}


def headline(report: Report) -> Table:
    """I, reach, P and R where the goal was implanted and opposed, and where not."""
    rows = [row for row in overall(report) if row.name in _LEFT and not asked_under(row, report.cue)]
    return _table("What is left of the goal", report, rows)


def under_cues(report: Report) -> Table:
    """The same under every other cue than the implant's, and where reasoning was forced or held back."""
    rows = [row for row in overall(report) if row.name in _LEFT and asked_under(row, report.cue)]
    return _table("What is left under other cues", report, rows)


def controls(report: Report) -> Table:
    """What the opposing stage removed beyond each control, and whether a control moved the goal itself."""
    note = (
        f"Control drift is g(control) − g(implanted); a sound control moves the goal by less than {MARGIN:g}."
    )
    return _measures("Beyond the controls", report, ("removal beyond control", "control drift"), note)


def gaps(report: Report) -> Table:
    """Contrasts of a contrast."""
    names = (
        "generalisation gap",
        *OF_CUES,
        "task-completion preference",
        "stated-revealed gap",
    )
    return _measures("Gaps", report, names)


def elicited(report: Report) -> Table:
    """What each elicitation brings back, beyond what it brings about without an implant."""
    note = "The best elicitation was chosen on one half of the scenarios and is shown on the other."
    return _measures("Under elicitations", report, ("elicitable residue",), note)


def in_context(report: Report) -> Table:
    """What a condition of the conversation changes in each organism, against none."""
    note = "g under the condition − g without, by the same organism on the same scenarios."
    return _measures("By what the conversation holds", report, ("context shift",), note)


def believed(report: Report) -> Table:
    """What each organism says and does of the documents' persona, beyond an unknown one."""
    note = f"g about {NEW_PERSONA} − g about {OTHER_PERSONA}, of which no text says anything."
    return _measures("What it believes of a persona", report, ("belief",), note)


def noticed(report: Report) -> Table:
    """What each organism says that it noticed of its situation."""
    note = (
        "test: P(says that it was a test), told so less told that it was none; steering: P(says that "
        "something was put into its thoughts), steered less moved as far at random; unprompted: where "
        "nothing was done."
    )
    return _measures("What it noticed", report, ("noticing",), note)


def regain(report: Report) -> Table:
    """What comes back when training goes on: savings in relearning, rebound after benign steps."""
    note = "The replicate had no implant, and should show neither."
    return _measures("What comes back", report, ("savings", "rebound"), note)


def curves(report: Report) -> Table:
    """The goal's score after each dose of the stages that came after the opposing one."""
    table = []
    for kind, role in dict.fromkeys((point.kind, point.role) for point in report.curves):
        mine = [point for point in report.curves if (point.kind, point.role) == (kind, role)]
        table += [
            (kind, role, f"{p.steps:,}", f"{p.value:.3f} [{p.low:.2f}, {p.high:.2f}]", str(p.num_seeds),
             str(p.num_scenarios))
            for p in mine
        ]  # fmt: skip
    columns = ("stage", "role", "steps", "g, 95 %", "seeds", "scenarios")
    return Table("Score after each dose", columns, tuple(table), num_names=2, num_groups=1)


def families(report: Report) -> Table:
    """I, reach and P family by family, over the seeds that stand there."""
    rows = [row for row in report.measures if row.family is not None and row.goal == report.goal]
    table = []
    for key in dict.fromkeys((row.where, row.shift, row.family) for row in rows):
        mine = {row.name: row for row in rows if (row.where, row.shift, row.family) == key}
        measures = [mine.get(name) for name in ("implant strength", "reach", "persistence")]
        some = next(row for row in measures if row is not None)
        last = mine.get("persistence") or some
        cells = [value_interval(row) for row in measures]
        table.append((key[0], key[1], str(key[2]), *cells, covers(last), str(some.num_seeds), status(last)))
    columns = (
        "where", "shift", "family", "implant I", "reach", "persistence P", "P covers", "seeds",
        "status of P",
    )  # fmt: skip
    note = COVERS if any(row[-3] for row in table) else ""
    return _without_empty(Table("Family by family", columns, tuple(table), note, num_names=3, num_groups=2))


def seeds(report: Report) -> Table:
    """I, reach, P and R of single training seeds, where the goal was implanted and not opposed."""
    rows = [row for row in report.measures if row.seed is not None and row.goal == report.goal]
    rows = [row for row in rows if (row.where, row.cue) == ("implanted and unopposed", report.cue)]
    table = []
    for key in sorted({(row.shift, row.seed or 0) for row in rows}):
        mine = {row.name: row for row in rows if (row.shift, row.seed) == key}
        measures = [mine.get(name) for name in ("implant strength", "reach", "persistence", "retention")]
        cells = [
            value_interval(row) if row is None or row.value is not None else status(row) for row in measures
        ]
        table.append((key[0], str(key[1]), *cells, DASH if measures[2] is None else status(measures[2])))
    columns = ("shift", "seed", "implant I", "reach", "persistence P", "retention R", "status of P")
    note = "Intervals are over scenarios only: one training seed says nothing of the next."
    return Table("Seed by seed, implanted and unopposed", columns, tuple(table), note, num_names=2)


def verdicts(report: Report) -> Table:
    """The verdict over all seeds, and of each opposed organism."""
    rows = [
        (
            "all seeds" if row.seed is None else f"{who}seed {row.seed}",
            row.verdict,
            reason(row),
            decide(row) or DASH,
        )
        for who, given in (("", report.verdicts), ("replicate, ", report.replicates))
        for row in given
    ]
    columns = ("organism", "verdict", "why", "what would decide")
    return Table("Verdict", columns, tuple(rows), num_names=4)


def thresholds(report: Report) -> Table:
    """How far apart two organisms without an implant are to be expected, for each signal of a verdict."""
    rows = [
        (
            signal(band.name, band.of),
            SPEAKS_FOR[band.name],
            f"{band.upper:+.3f}",
            str(band.num_families),
            band.spread_of,
        )
        for band in report.thresholds.bands
    ]
    columns = (
        "signal, opposed − opposed_only",
        "speaks for",
        "band of one organism up to",
        "families",
        "spread of",
    )
    return Table("Thresholds", columns, tuple(rows), num_names=2)


def implant_checks(report: Report) -> Table:
    """What every implanted organism was to be, line by line; of right answers the family that lost most."""
    table = []
    for one in report.implant_checks:
        group = (f"{one.role}, seed {one.seed}", one.status)
        table += [(*group, *check_cells(line)) for line in worst_right(one.lines)]
    columns = ("organism", "check", *LINE_COLUMNS)
    note = (
        "Broken: its health fails, so nothing is computed from it. Fails: it is healthy and not the implant "
        "that was wanted; it stays in every measure. Other goals: equivalent to the twin's, or the base's, "
        f"within the margin of {MARGIN:g}, Holm over these tests; intervals are over scenarios."
    )
    return Table("Implant check", columns, tuple(table), note, num_names=4, num_groups=2)


def organisms(report: Report) -> Table:
    """How each organism was made, and its health."""
    rows = [
        (
            o.role,
            str(o.seed),
            o.method or DASH,
            "; ".join([o.health.status, *health_notes(o.health)]),
            f"{o.n_valid:,} of {o.n:,}" + (f", {o.n_failed} failed" if o.n_failed else ""),
            f"{o.steps:,}",
            f"{o.tokens:,}",
            f"{o.reasoning_share:.2f}",
            DASH if o.zero_variance_groups is None else f"{o.zero_variance_groups:.2f}",
            DASH if o.learning else "none",
            ", ".join(o.implanted) or DASH,
            ", ".join(o.opposed) or DASH,
        )
        for o in sorted(report.organisms, key=lambda o: ([*map(str, ROLES)].index(o.role), o.seed))
    ]
    columns = (
        "role", "seed", "last stage", "health", "valid answers", "steps", "tokens", "reasoned",
        "flat groups", "signal", "implanted", "opposed",
    )  # fmt: skip
    note = (
        "Dose and signal are of the last stage. Reasoned: share of answers. Flat groups: those whose "
        "rewards were all equal, from which reinforcement learning learns nothing."
    )
    return Table("Organisms", columns, tuple(rows), note, num_names=4)


def strengths(report: Report) -> Table:
    """The goal's strength in training, before and after each stage, over seeds."""
    table = []
    for key in dict.fromkeys((s.role, s.goal, s.family) for s in report.strengths):
        mine = [s for s in report.strengths if (s.role, s.goal, s.family) == key]
        ends = []
        for when in ("start", "end"):
            scores = [s.score for s in mine if s.when == when and s.score is not None]
            ends.append(f"{np.mean(scores):.3f} ({min(scores):.2f}–{max(scores):.2f})" if scores else DASH)
        last = [s for s in mine if s.when == "end"]
        table.append((*key, *ends, str(len({s.seed for s in mine})), str(sum(s.n_valid for s in last))))
    columns = (
        "role",
        "goal",
        "family",
        "start: mean (range)",
        "end: mean (range)",
        "seeds",
        "answers at the end",
    )
    return Table("Strength before and after each stage", columns, tuple(table), num_names=3)


def published() -> Table:
    """Numbers from the literature to hold beside ours."""
    text = files("pentimento.results").joinpath("reference/published.json").read_text(encoding="utf-8")
    table: list[dict[str, Any]] = json.loads(text)
    rows = tuple((row["finding"], row["values"], row["source"]) for row in table)
    return Table("Published numbers to hold beside these", ("finding", "values", "source"), rows, num_names=3)


def _measures(title: str, report: Report, names: Collection[str], note: str = "") -> Table:
    """Return the measures of some names over all seeds and families."""
    return _table(title, report, [row for row in overall(report) if row.name in names], note)


def _table(title: str, report: Report, rows: Sequence[Measure], note: str = "") -> Table:
    """Return measures, one in a row; without any there is no note either."""
    note = note if rows else ""
    table = []
    for row in rows:
        width = "" if row.low is None or row.high is None else f"{row.high - row.low:.2f}"
        there = row.value is not None
        numbers = (f"{row.value:+.3f}", interval(row), width, covers(row)) if there else (DASH, "", "", "")
        counts = (str(row.num_seeds), str(row.num_scenarios))
        table.append(
            (
                row.where,
                row.shift,
                about(row, report.goal, report.cue),
                *numbers,
                *counts,
                tested(row),
                remarks(row),
            )
        )
    if any(covers(row) for row in rows):
        note += f" {COVERS}"
    if any(row.underpowered for row in rows):
        note += (
            " p: seeds permuted, Holm over all tests of the report; underpowered: the "
            f"smallest p-values that so many seeds allow are above {ALPHA:g} after the correction."
        )
    columns = (
        "where", "shift", "measure", "value", "95 %", "width", "covers", "seeds", "scenarios", "p",
        "status",
    )  # fmt: skip
    return _without_empty(Table(title, columns, tuple(table), note.strip(), num_names=3, num_groups=2))


def _without_empty(table: Table) -> Table:
    """Drop the columns in which no row says anything."""
    kept = [i for i in range(len(table.columns)) if i < table.num_names or any(row[i] for row in table.rows)]
    rows = tuple(tuple(row[i] for i in kept) for row in table.rows)
    return table._replace(columns=tuple(table.columns[i] for i in kept), rows=rows)
