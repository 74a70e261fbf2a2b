"""Reading: from a folder of inspect logs and run manifests, and from nothing else, to what they say.

- `load` reads a run into data frames; `Run.to_csv` and `Run.to_parquet` write them.
- `write_report` writes report.json, report.md and report.html; `summary` prints the gist on a terminal.
- `write_design` lays the recipes of a design beside each other; `design_summary` prints the gist of that.
- `compare` holds two runs beside each other.
- `analyse` returns the report as data: measures with intervals and flags, which `sentences` says in words.
"""

if __name__ != "pentimento.results":
    raise ImportError(
        f"import pentimento.results, not {__name__}: the room is a part of the package pentimento"
    )

from pentimento.results.comparison.compare import Comparison, compare
from pentimento.results.comparison.designs import design_summary, write_design
from pentimento.results.exceptions import NoRun, UnlikeLogs
from pentimento.results.reading.load import Run, load
from pentimento.results.report import sentences
from pentimento.results.report.analysis import analyse
from pentimento.results.report.report import Paths, figure, write_report
from pentimento.results.report.summary import summary
from pentimento.results.schema import DesignReport, Report, json_schema

__all__ = [
    "Comparison",
    "DesignReport",
    "NoRun",
    "Paths",
    "Report",
    "Run",
    "UnlikeLogs",
    "analyse",
    "compare",
    "design_summary",
    "figure",
    "json_schema",
    "load",
    "sentences",
    "summary",
    "write_design",
    "write_report",
]
