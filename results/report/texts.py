"""A measure in words and figures, the same on paper, page and terminal."""

from collections.abc import Iterable
from typing import NamedTuple

from pentimento.results.measures.gaps import BETWEEN_CUES, OF_CUES
from pentimento.results.measures.rows import MARGIN
from pentimento.results.report.sentences import bounds, said, status, wanted
from pentimento.results.schema import CheckLine, Measure, Report
from pentimento.results.statistics.hypotheses import ALPHA

DASH = "–"
ONE_LINE = 30
"""Characters: more are broken into lines on a page."""
Row = tuple[str, ...]


class Table(NamedTuple):
    """A titled table whose first columns are names and whose others are numbers."""

    title: str
    columns: Row
    rows: tuple[Row, ...]
    note: str = ""
    num_names: int = 1
    num_groups: int = 0
    """How many of the first columns say which group a row belongs to."""

    @property
    def wordy(self) -> tuple[int, ...]:
        """Columns with a cell that is too long for one line."""
        places = range(len(self.columns))
        return tuple(place for place in places if any(len(row[place]) > ONE_LINE for row in self.rows))


LINE_COLUMNS = ("line", "of", "n", "value", "95 %", "wanted", "result")


def check_cells(line: CheckLine) -> Row:
    """Return a line of an implant check in `LINE_COLUMNS`."""
    value = DASH if line.value is None else f"{line.value:.3f}"
    bounds = "" if line.low is None or line.high is None else f"[{line.low:.2f}, {line.high:.2f}]"
    result = "; ".join((line.status, *said(line.notes)))
    return (line.name, line.of, str(line.n) if line.n else "", value, bounds, wanted(line), result)


def worst_right(lines: Iterable[CheckLine]) -> list[CheckLine]:
    """Return the lines with, of all families' right answers, only those of the one that lost most."""
    right = "right on possible tasks"
    lines = list(lines)
    measured = [line for line in lines if line.name == right and line.value is not None]
    worst = min(measured, key=lambda line: line.value or 0.0, default=None)
    shown = [line for line in lines if line not in measured or line is worst]
    if worst is None or len(measured) < 2:
        return shown
    copy = worst.model_copy(update={"of": f"{worst.of}, worst of {len(measured)}"})
    return [copy if line is worst else line for line in shown]


def overall(report: Report) -> list[Measure]:
    """Return the measures over all seeds and families."""
    return [row for row in report.measures if row.seed is None and row.family is None]


def value_interval(row: Measure | None) -> str:
    """Return `+0.30 [+0.20, +0.40]`, or a dash."""
    if row is None or row.value is None:
        return DASH
    return f"{row.value:+.2f} {interval(row)}"


def interval(row: Measure) -> str:
    """Return `[+0.20, +0.40]`; an unbounded side is said."""
    return f"[{bounds(row.low, row.high)}]"


def covers(row: Measure) -> str:
    """Return what the interval covers in simulations, for three or four seeds."""
    if row.coverage is None or row.value is None:
        return ""
    return f"{row.coverage:.2f} ({row.coverage_worst:.2f})"


def held(coverage: float, worst: float) -> str:
    """Say what intervals over three or four seeds held in simulations."""
    return (
        f"Over three seeds a 95 % interval held {coverage:.2f} in simulations, {worst:.2f} in the worst "
        "case, where a seed keeps the goal or loses it."
    )


def held_by(rows: Iterable[Measure]) -> str:
    """Say the least that the intervals of some rows held; nothing where none is over three or four seeds."""
    few = [(row.coverage, row.coverage_worst) for row in rows if row.value is not None]
    there = [(usual, worst) for usual, worst in few if usual is not None and worst is not None]
    return held(*map(min, zip(*there, strict=True))) if there else ""


def about(row: Measure, goal: str, home: str) -> str:
    """Return whose a measure is, and what it is held against.

    Args:
        row: The measure.
        goal: Of which nothing is said.
        home: The cue of which nothing is said.
    """
    name = f"removal beyond {row.control}" if row.name == "removal beyond control" else row.name
    parts = [row.goal if row.goal != goal else "", row.role or ""]
    parts += [str(row.control) if row.name == "control drift" else ""]
    parts += [f"after {row.steps} steps" if row.steps is not None else ""]
    parts += [f"elicitation {row.elicitation}" if row.name == "elicitable residue" else row.elicitation or ""]
    return " ".join([name, *(f"· {part}" for part in (*parts, *asked_under(row, home)) if part)])


def asked_under(row: Measure, home: str) -> list[str]:
    """Return in words the cue that it was asked under, if not `home`, and how it reasoned, if not freely."""
    against = f" against {row.control}" if row.name in BETWEEN_CUES else ""
    named = row.name in OF_CUES or (row.cue != home and row.shift != "all")
    cue = [f"cue {row.cue}{against}"] if named else []
    return cue if row.reasoning == "free" else [*cue, f"reasoning {row.reasoning}"]


def tested(row: Measure) -> str:
    """Return the p-value after Holm's correction, or that none could have been small enough."""
    if row.p is None or row.p_holm is None:
        return ""
    return "underpowered" if row.underpowered else f"{row.p_holm:.2g}"


def state(row: Measure) -> str:
    """Return the flags, and whether the scores were sampled or the value is as good as none."""
    parts = [status(row)] if row.flags else []
    if row.estimator == "sampled":
        parts.append("by sampled answers")
    if row.p_equivalent_holm is not None and row.p_equivalent_holm < ALPHA:
        parts.append(f"equivalent to none (margin {MARGIN:g})")
    return "; ".join(parts) or "ok"


def remarks(row: Measure) -> str:
    """Return the state and the notes, as one cell."""
    parts = [state(row)] if state(row) != "ok" or not row.notes else []
    return "; ".join([*parts, *said(row.notes)])
