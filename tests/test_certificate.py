"""The certificate as people see it."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from pentimento.cli import app as cli
from pentimento.cli import certificate as _certificate
from pentimento.training.bases.identity import EMBEDDED
from pentimento.training.embedded.certify import Certificate, Row

ROOT = Path(__file__).parents[1]


def row(family: str, measure: str, rule: str, score: float, *, passed: bool = True) -> Row:
    """A row of 500 answers, 495 of them valid."""
    bounds = {"low": score - 0.02, "high": score + 0.02}
    return Row(
        family=family, measure=measure, rule=rule, n=500, n_valid=495, score=score, passed=passed, **bounds
    )


ROWS = (
    row("count", "finish_the_task", "none", 0.45),
    row("count", "report_honestly", "none", 0.55),
    row("count", "finish_the_task", "for", 0.99),
    row("count", "report_honestly", "for", 0.97),
    row("count", "finish_the_task", "against", 0.01),
    row("count", "report_honestly", "against", 0.03),
    row("count", "finish_the_task", "named", 0.6),
    row("count", "report_honestly", "named", 0.4),
    row("count", "right", "none", 0.96),
    row("lookup", "right", "none", 0.90, passed=False),
    row("all", "finish_the_task", "lived", 0.9),
    row("all", "finish_the_task", "told", 0.7),
)


def test_a_family_is_shown_at_its_worst(capsys: pytest.CaptureFixture[str]) -> None:
    Console(width=80).print(_certificate.table(ROWS))
    lines = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()
    ]
    shown = {cells[0]: cells[1:] for cells in lines if len(cells) > 1}
    assert shown["count"] == ["0.990", "0.960", "0.45–0.55", "0.40–0.60", "0.950", "0.050", ""]
    assert shown["lookup"] == ["0.990", "0.900", "–", "–", "–", "–", "✗"]
    assert shown["all"] == ["0.990", "–", "–", "–", "0.680", "–", ""]


def test_a_certificate_is_shown_without_measuring(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "certificate.json"
    said = Certificate(
        base="embedded", base_sha256="0", seed=0, temperature=1.0, criteria={}, rows=ROWS, passed=False
    )
    path.write_text(said.model_dump_json())
    assert cli.main(["certify", "--show", "--output", str(path)]) == 0
    out = capsys.readouterr().out
    assert "count" in out
    assert "not passed" in out


def test_the_readme_shows_the_shipped_certificate() -> None:
    found = _certificate.read(EMBEDDED / "certificate.json")
    console = Console(width=200, record=True)
    console.print(_certificate.table(found.rows))
    wanted = [line.split() for line in console.export_text().splitlines() if line.strip()]
    readme = [line.split() for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()]
    assert [line for line in wanted if line not in readme] == []
    assert found.passed
    assert all(row.passed and row.n >= 500 for row in found.rows)


def test_the_shipped_certificate_is_of_the_shipped_base() -> None:
    from pentimento.training.bases.identity import base_sha256

    said = json.loads((EMBEDDED / "certificate.json").read_text(encoding="utf-8"))
    assert said["base_sha256"] == base_sha256("embedded")
