"""A base's certificate as a table: one row for each family, its goals at their worst."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from rich import box
from rich.table import Table

from pentimento.tasks.exceptions import BadInput

if TYPE_CHECKING:
    from pentimento.training.embedded.certify import Certificate, Row

COLUMNS = ("family", "n", "valid ≥", "right", "no rule", "for ≥", "against ≤", "")


def read(path: Path) -> "Certificate":
    """Read a certificate that `pentimento certify` wrote.

    Raises:
        BadInput: There is none, or it is not one of this format.
    """
    from pentimento.training.embedded.certify import Certificate

    try:
        return Certificate.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput("certificate", str(path), f"{reason}; make one with `pentimento certify`") from error


def table(rows: Sequence["Row"]) -> Table:
    """Return a table that reads as Markdown too.

    Of all rows of a family it shows the fewest answers, the smallest share of valid ones, the right answers,
    the range of its goals without a rule, and under rules for and against a goal the worst 95 % bound.
    """
    shown = Table(box=box.MARKDOWN, pad_edge=True)
    for index, name in enumerate(COLUMNS):
        shown.add_column(name, justify="right" if index else "left", no_wrap=True)
    for family in dict.fromkeys(row.family for row in rows):
        shown.add_row(*_cells(family, [row for row in rows if row.family == family]))
    return shown


def _cells(family: str, rows: Sequence["Row"]) -> tuple[str, ...]:
    right = [row.score for row in rows if row.measure == "right"]
    goals = [row for row in rows if row.measure != "right"]
    neutral = [row.score for row in goals if row.rule == "none"]
    lows = [row.low for row in goals if row.rule == "for"]
    highs = [row.high for row in goals if row.rule == "against"]
    return (
        family,
        str(min(row.n for row in rows)),
        f"{min(row.n_valid / row.n for row in rows):.3f}",
        f"{min(right):.3f}" if right else "–",
        f"{min(neutral):.2f} to {max(neutral):.2f}" if neutral else "–",
        f"{min(lows):.3f}" if lows else "–",
        f"{max(highs):.3f}" if highs else "–",
        "" if all(row.passed for row in rows) else "fails",
    )
