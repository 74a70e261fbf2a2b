"""The report as Markdown and as one self-contained page."""

import json
from collections.abc import Mapping, Sequence
from itertools import groupby

import jinja2
from markupsafe import Markup

from pentimento.results.report.examples import Example
from pentimento.results.report.figures import draw
from pentimento.results.report.sentences import decide, reason, said, say
from pentimento.results.report.tables import every
from pentimento.results.report.texts import Row, Table, held_by, overall
from pentimento.results.schema import DesignReport, Report

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("pentimento.results.report", "templates"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _grouped(rows: Sequence[Row], num_groups: int) -> list[tuple[Row, list[Row]]]:
    """Split rows where their first cells change."""
    return [(key, list(group)) for key, group in groupby(rows, key=lambda row: row[:num_groups])]


_ENVIRONMENT.filters |= {"groupby_first": _grouped, "say": say, "reason": reason, "decide": decide}


def html(report: Report, examples: Sequence[Example]) -> str:
    """Return one page with everything in it: no script, no link to a file, every answer escaped."""
    figures = {name: Markup(svg) for name, svg in draw(report).items()}
    template = _ENVIRONMENT.get_template("report.html")
    return template.render(
        report=report,
        tables=every(report),
        figures=figures,
        examples=examples,
        covers=held_by(overall(report)),
    )


def markdown(report: Report) -> str:
    """Return the same tables as Markdown; figures and transcripts stand in the page."""
    parts = [f"# {report.title}: how much of {report.goal} is left", f"Base: {report.base}."]
    if report.caveat:
        parts.append(f"> {report.caveat}")
    parts += [f"- {note}" for note in said(report.notes)]
    for table in every(report).values():
        parts.append(_markdown_table(table))
    if report.not_run:
        parts.append("## Not run\n\n" + "\n".join(f"- {line}" for line in said(report.not_run)))
    parts.append("Figures and transcripts stand in `report.html`, every cell in `report.json`.")
    return "\n\n".join(parts) + "\n"


def design_html(report: DesignReport, tables: Mapping[str, Table], figure: str | None, covers: str) -> str:
    """Return a design's page, with links to the pages of its recipes."""
    template = _ENVIRONMENT.get_template("design.html")
    drawn = None if figure is None else Markup(figure)
    return template.render(report=report, tables=tables, figure=drawn, covers=covers)


def design_markdown(report: DesignReport, tables: Mapping[str, Table]) -> str:
    """Return a design's tables as Markdown."""
    parts = [f"# {report.title}", f"Base: {report.base}."]
    parts += [f"> {report.caveat}"] if report.caveat else []
    parts += [f"- {note}" for note in said(report.notes)]
    parts += [_markdown_table(table) for table in tables.values()]
    return "\n\n".join(parts) + "\n"


def to_json(report: Report | DesignReport) -> str:
    """Return `report.json`; equal reports give equal bytes."""
    return json.dumps(report.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def _markdown_table(table: Table) -> str:
    align = [":--" if index < table.num_names else "--:" for index in range(len(table.columns))]
    lines = [table.columns, tuple(align), *table.rows]
    text = "\n".join("| " + " | ".join(map(_markdown_cell, line)) + " |" for line in lines)
    return f"## {table.title}\n\n{text}" + (f"\n\n{table.note}" if table.note else "")


def _markdown_cell(text: str) -> str:
    return " ".join(text.split("\n")).replace("|", "\\|")
