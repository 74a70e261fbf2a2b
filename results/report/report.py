"""Writing a run's report."""

from pathlib import Path
from typing import NamedTuple, get_args

from pentimento._files import write_atomically
from pentimento.results.reading.load import load
from pentimento.results.report import pages
from pentimento.results.report._drawing import standalone
from pentimento.results.report.analysis import analyse, fixed, thresholds_at
from pentimento.results.report.examples import pick
from pentimento.results.report.figures import FigureName, draw
from pentimento.results.schema import Report
from pentimento.results.verdict.thresholds import keep, taken_over
from pentimento.tasks.exceptions import UnknownName


class Paths(NamedTuple):
    """The files of a report."""

    json: Path
    markdown: Path
    html: Path


def write_report(folder: str | Path, thresholds: str | Path | None = None) -> Paths:
    """Read a run folder and write report.json, report.md and report.html into it.

    Thresholds come from the opposed-only twin, the replicate and the base, and stand in thresholds.json from
    the first report on. Equal logs give equal files.

    Args:
        folder: What `pentimento run` wrote.
        thresholds: Another run's folder, or its thresholds.json, whose thresholds it takes over as it has too
            few opposed-only seeds.

    Returns:
        The three paths.

    Raises:
        NoRun: The folder holds no run that can be read.
        UnlikeLogs: One task is there in two versions.
        BadInput: The other run's thresholds are not for this one.
    """
    folder = Path(folder)
    run = load(folder)
    if thresholds is not None:
        keep(folder, taken_over(run, fixed(run), thresholds_at(thresholds), str(thresholds)))
    report = analyse(run)
    keep(folder, report.thresholds)
    # All three are made before the first is written, so that they belong together.
    texts = pages.to_json(report), pages.markdown(report), pages.html(report, pick(run))
    names = ("report.json", "report.md", "report.html")
    return Paths(*(write_atomically(folder / name, text) for name, text in zip(names, texts, strict=True)))


def figure(folder: str | Path, name: FigureName = "shifts", report: Report | None = None) -> str | None:
    """Return one figure of a run as an SVG file of its own, or None where the run has no data for it.

    Args:
        folder: What `pentimento run` wrote.
        name: Which figure.
        report: The run's report where it is at hand; read and computed otherwise.

    Raises:
        UnknownName: There is no such figure.

    Example:
        >>> Path("shifts.svg").write_text(figure("runs/quickstart", "shifts"))
    """
    if name not in get_args(FigureName):
        raise UnknownName("figure", name, get_args(FigureName))
    drawn = draw(report or analyse(load(folder))).get(name)
    return None if drawn is None else standalone(drawn)
