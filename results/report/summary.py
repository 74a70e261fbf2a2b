"""The gist of a report for a terminal of 80 columns."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pentimento.results.measures.gaps import BETWEEN_CUES, OF_CUES
from pentimento.results.reading.load import load
from pentimento.results.reading.logs import PLAIN, framing_of
from pentimento.results.report.analysis import analyse
from pentimento.results.report.sentences import check_reason, decide, reason, said
from pentimento.results.report.texts import DASH, interval, overall, state
from pentimento.results.schema import Measure, Report

_SHOWN = {
    "implant strength": "I  implant",
    "reach": "reach",
    "persistence": "P  persistence",
    "retention": "R  retention",
    "removal beyond control": "removal beyond",
    "generalisation gap": "generalisation gap",
    "concealment gap": "concealment",
    "goal-guarding gap": "goal guarding",
    "rater-sycophancy gap": "rater sycophancy",
    "elicitable residue": "residue",
    "savings": "savings",
    "rebound": "rebound",
}


def summary(folder: str | Path, console: Console, report: Report | None = None) -> None:
    """Print what a run says, in at most 80 columns.

    Args:
        folder: What `pentimento run` wrote.
        console: Where to print.
        report: The run's report where it is at hand; read and computed otherwise.
    """
    report = report or analyse(load(folder))
    width = min(80, console.width)
    _line(console, width, Text(f"{report.title}: how much of {report.goal} is left", style="bold"))
    if report.caveat:
        _line(console, width, Text(report.caveat, style="italic"))
    for note in said(report.notes):
        _line(console, width, Text(f"! {note}", style="yellow"))
    _line(console, width, Text(_counted(report)))
    for line in _certified(report):
        _line(console, width, Text(line))
    shown = [row for row in overall(report) if _is_gist(row, report)]
    if shown:
        console.print(_table(shown), width=width)
    for verdict in report.verdicts[:1]:
        deciding = f" What would decide: {decide(verdict)}." if verdict.decide else ""
        first = Text(f"\nVerdict: {verdict.verdict}", style="bold")
        _line(console, width, first.append(f" ({reason(verdict)}).{deciding}", style="not bold"))
    _covered(console, width, shown)


def _is_gist(row: Measure, report: Report) -> bool:
    """Whether a row stands on the terminal.

    Of gaps between cues only what the implant adds does, told plainly and outright and answered freely.
    """
    if row.name not in _SHOWN or row.goal != report.goal:
        return False
    if row.name in OF_CUES:
        pairs = BETWEEN_CUES.get(row.name)
        plainly = framing_of(row.cue) == PLAIN and (pairs is None or row.cue == pairs["outright"][0])
        return row.role == "opposed - opposed_only" and plainly and row.reasoning == "free"
    if row.name == "elicitable residue" and not (row.elicitation or "").startswith("best"):
        return False
    return row.cue == report.cue


def _line(console: Console, width: int, text: Text) -> None:
    console.print(Padding(text, 0), width=width)


def _counted(report: Report) -> str:
    asked = sum(organism.n for organism in report.organisms)
    valid = sum(organism.n_valid for organism in report.organisms)
    names: dict[str, list[str]] = {}
    for organism in report.organisms:
        names.setdefault(organism.health.status, []).append(f"{organism.role} seed {organism.seed}")
    unwell = "; ".join(f"{status}: {', '.join(names[status])}" for status in sorted(names) if status != "ok")
    seeds = len({organism.seed for organism in report.organisms})
    over = f"{seeds} seed{'s' if seeds != 1 else ''}"
    counts = f"{len(report.organisms)} organisms over {over}; {valid:,} of {asked:,} answers valid."
    return f"{counts} Health {unwell or 'ok throughout'}. What is broken enters no measure."


def _certified(report: Report) -> Iterator[str]:
    """Yield what the implant checks of the implanted organism come to, and why where one fails."""
    if not report.implant_checks:
        return
    states = [one.status for one in report.implant_checks]
    counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    failing = [
        f" Seed {one.seed} {check_reason(one)}." for one in report.implant_checks if one.status == "fails"
    ]
    yield f"Implant checks: {counts}.{''.join(failing)}"


def _table(rows: list[Measure]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("", width=23, no_wrap=True)
    table.add_column("value", justify="right", width=5)
    table.add_column("95 %", width=14, no_wrap=True)
    table.add_column("width", justify="right", width=5)
    table.add_column("n", justify="right", width=5)
    table.add_column("covers", justify="right", width=6)
    table.add_column("status", overflow="fold")
    for place in dict.fromkeys((row.where, row.shift, row.cue) for row in rows):
        cue = f", {place[2]}" if place[2] != "none" else ""
        table.add_section()
        table.add_row(Text(place[0], style="bold"), "", Text(f"{place[1]}{cue}", style="bold"))
        for row in (row for row in rows if (row.where, row.shift, row.cue) == place):
            table.add_row(*_cells(row))
    return table


def _cells(row: Measure) -> tuple[str | Text, ...]:
    beyond = f" {row.control}" if row.name == "removal beyond control" else ""
    whose = f" {row.role}" if row.name in ("savings", "rebound") else ""
    elicited = f" {row.elicitation}" if row.elicitation is not None else ""
    after = f" at {row.steps}" if row.steps is not None else ""
    name = f" {_SHOWN[row.name]}{beyond}{whose}{elicited}{after}"
    if row.value is None:
        return (name, DASH, "", "", "", "", Text(state(row)))
    width = "" if row.low is None or row.high is None else f"{row.high - row.low:.2f}"
    covers = "" if row.coverage is None else f"{row.coverage:.2f}"
    return (
        name,
        f"{row.value:+.2f}",
        interval(row),
        width,
        str(row.num_scenarios),
        covers,
        Text(state(row)),
    )


def _covered(console: Console, width: int, rows: list[Measure]) -> None:
    """Say what the column `covers` is, where some intervals are over three seeds."""
    few = [row for row in rows if row.coverage is not None and row.coverage_worst is not None]
    if few:
        worst = min(row.coverage_worst or 1.0 for row in few)
        text = (
            "\nn: scenarios. covers: what such a 95 % interval over three seeds held in simulations; "
            f"{worst:.2f} in the worst case, where a seed keeps the goal or loses it."
        )
        _line(console, width, Text(text, style="dim"))
