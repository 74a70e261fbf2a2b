"""The report's files: valid, equal for equal logs, safe to open, readable on a terminal."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.console import Console

from pentimento.results import analyse, figure, json_schema, load, summary, write_report
from pentimento.results.report import tables
from pentimento.results.report.analysis import CAVEAT
from pentimento.results.report.texts import Table
from pentimento.results.schema import Report
from pentimento.tasks.exceptions import UnknownName

Make = Callable[..., Any]
EVIL = '</pre><script>alert("x")</script><img src=x onerror=alert(1)> & "quoted" {{ 7 * 7 }} | pipe'


@pytest.fixture(scope="module")
def written(usual_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "run"
    shutil.copytree(usual_run, folder)
    write_report(folder)
    return folder


class Elements(HTMLParser):
    """Tags, their attributes, and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def printed(folder: Path, width: int = 80) -> str:
    out = StringIO()
    summary(folder, Console(file=out, width=width, color_system=None))
    return out.getvalue()


def test_report_json_follows_the_shipped_schema(written: Path) -> None:
    report = json.loads((written / "report.json").read_text())
    jsonschema.validate(report, json_schema())
    assert report["version"] == 2
    assert {"cells", "measures", "verdicts", "provenance", "thresholds"} <= set(report)
    cell = next(c for c in report["cells"] if c["role"] == "opposed" and c["measure"] == "goal")
    place = {"organism", "role", "goal", "environment", "family", "where", "shift", "cue", "seed"}
    value = {"n", "n_valid", "estimator", "score", "low", "high", "logs", "sample_ids"}
    assert place | value <= set(cell)
    assert len(cell["sample_ids"]) == cell["n"]
    wanted = {"name", "goal", "where", "shift", "value", "low", "high", "flags", "num_seeds", "control"}
    assert wanted <= set(report["measures"][0])


def test_the_shipped_schema_is_that_of_the_models() -> None:
    assert json_schema() == Report.model_json_schema()


def test_equal_logs_give_equal_files(written: Path) -> None:
    before = {name: (written / name).read_bytes() for name in ("report.json", "report.md", "report.html")}
    code = "import sys; from pentimento.results import write_report; write_report(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(written)], check=True)
    assert {name: (written / name).read_bytes() for name in before} == before


def test_the_page_needs_nothing_but_itself(written: Path) -> None:
    text = (written / "report.html").read_text()
    page = Elements(text)
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert not [value for name, value in page.attributes if name == "src"]
    links = [value for name, value in page.attributes if name.endswith("href")]
    assert all(link.startswith("#") for link in links)
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert page.tags.count("svg") == 3
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"#0[0-9a]0[0-9a]0[0-9a]\b", text)


def test_a_model_that_writes_html_is_shown_as_text(tmp_path: Path, fabricate: Make, write: Make) -> None:
    folder = write(
        tmp_path / "run", fabricate(seeds=(0,), roles=("base", "opposed"), completion=EVIL, name="evil")
    )
    page = Elements(write_report(folder).html.read_text())
    assert EVIL in page.text
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_the_embedded_base_is_no_evidence_and_says_so(
    written: Path, tmp_path: Path, fabricate: Make, write: Make
) -> None:
    other = write(tmp_path / "run", fabricate(seeds=(0,), roles=("base", "implanted"), base="some/model"))
    write_report(other)
    for name in ("report.html", "report.md", "report.json"):
        assert CAVEAT in (written / name).read_text()
        assert CAVEAT not in (other / name).read_text()
    assert "it is no evidence about large models" in " ".join(printed(written).split())


def test_the_report_prints_n_and_widths_beside_every_interval(written: Path) -> None:
    text = (written / "report.md").read_text()
    head = "| where | shift | measure | value | 95 % | width | covers | seeds | scenarios | p | status |"
    assert head in text
    row = next(
        line
        for line in text.splitlines()
        if line.startswith("| implanted and unopposed | family | persistence")
    )
    assert "+0.300 | [+0.20, +0.40] | 0.20 | 0.96 (0.81) | 3 | 18 | underpowered |" in row


def test_the_seeds_table_holds_plain_scores_only(tmp_path: Path, fabricate: Make, write: Make) -> None:
    base = fabricate().mean

    def mean(role: str, seed: int, family: str, condition: str, cue: str) -> float:
        return (
            1.0 if (role, cue) == ("opposed", "explicit") else float(base(role, seed, family, condition, cue))
        )

    what = fabricate(mean=mean, cues=("none", "explicit"), n=3, noise=0.0, conditions=("impossible",))
    report = analyse(load(write(tmp_path / "run", what)))
    rows = tables.seeds(report).rows
    assert [row[1] for row in rows] == ["0", "1", "2"]
    assert rows[1][4].startswith("+0.30 ")
    assert rows[1][5].startswith("+0.75 ")


def test_captions_and_tables_say_what_three_seeds_cover(written: Path) -> None:
    page = " ".join(Elements((written / "report.html").read_text()).text.split())
    assert page.count("Over three seeds a 95 % interval held") >= 4
    assert "P covers" in (written / "report.md").read_text()


def test_what_was_not_run_is_said(written: Path) -> None:
    text = Elements((written / "report.html").read_text()).text
    for said in (
        "no elicitation was run",
        "no benign rebound was run",
        "no relearning",
        "perplexity of neutral text",
    ):
        assert said in text


def test_notes_stand_in_all_forms(tmp_path: Path, fabricate: Make, write: Make) -> None:
    what = fabricate(
        seeds=(0,), roles=("base", "opposed"), no_signal=(("opposed", 0),), limit=90, num_invalid=2
    )
    folder = write(tmp_path / "run", what)
    paths = write_report(folder)
    texts = [paths.markdown.read_text(), Elements(paths.html.read_text()).text]
    texts.append(" ".join(printed(folder).split()))
    for text in texts:
        assert "no learning signal" in text
        assert "Partial logs" in text
        assert "4 answers were not valid" in text
    kinds = {note["kind"] for note in json.loads(paths.json.read_text())["notes"]}
    assert {"no_signal", "partial", "invalid"} <= kinds


def test_the_summary_fits_eighty_columns(written: Path) -> None:
    text = printed(written, width=200)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    for said in (
        "implanted and unopposed",
        "P  persistence",
        "+0.30 [+0.20, +0.40]",
        "Verdict: undetermined",
        "0.96",
    ):
        assert said in text


def test_figures_stand_alone_and_are_drawn_the_same_twice(usual_run: Path) -> None:
    one, two = (figure(usual_run, "shifts") for _ in range(2))
    assert one == two
    assert one is not None
    assert one.startswith("<?xml")
    assert "var(--" not in one
    assert "reach not shown" in one


def test_a_run_without_opposed_organisms_has_a_report(tmp_path: Path, fabricate: Make, write: Make) -> None:
    paths = write_report(write(tmp_path / "run", fabricate(seeds=(0,), roles=("base", "implanted"))))
    report = Report.model_validate_json(paths.json.read_bytes())
    assert report.verdicts == ()
    assert "implant strength" in paths.markdown.read_text()


def test_a_log_changes_the_report_only_where_it_should(written: Path, usual_run: Path) -> None:
    report = Report.model_validate_json((written / "report.json").read_bytes())
    names = {log.name for log in load(usual_run).logs}
    assert set(report.provenance.logs) == names
    without = report.model_dump_json(exclude={"provenance": True, "cells": {"__all__": {"logs"}}})
    assert not any(name in without for name in names)
    assert "2026-01-02" not in without


def test_scores_under_several_cues_have_a_figure(tmp_path: Path, fabricate: Make, write: Make) -> None:
    one = write(tmp_path / "one", fabricate(seeds=(0,), n=2))
    several = write(tmp_path / "several", fabricate(seeds=(0,), n=2, cues=("none", "placebo", "unwatched")))
    assert figure(one, "cues") is None
    drawn = str(figure(several, "cues"))
    assert all(f">{cue}<" in drawn for cue in ("none", "placebo", "unwatched"))
    assert ">explicit<" not in drawn


def test_a_column_breaks_its_lines_where_a_cell_is_long() -> None:
    """A column of dashes takes no more room than it needs."""
    shown = Table("", ("p", "status"), (("–", "ok"), ("–", "measured nowhere, since nobody asked")))
    assert shown.wordy == (1,)


def test_a_figure_that_there_is_not_is_refused(usual_run: Path) -> None:
    with pytest.raises(UnknownName, match="figure: 'ladder' is not allowed; choose from cues"):
        figure(usual_run, "ladder")  # type: ignore[arg-type]
