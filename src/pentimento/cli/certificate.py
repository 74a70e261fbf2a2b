"""A base's certificate as a table: one row for each family, its goals at their worst."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from rich import box
from rich.table import Table

from pentimento._files import first_problem, read_text
from pentimento.tasks.exceptions import BadInput

if TYPE_CHECKING:
    from pentimento.training.embedded.certify import Certificate, Row

COLUMNS = ("family", "valid ≥", "right", "no rule", "new persona", "for ≥", "against ≤", "")


def read(path: Path) -> "Certificate":
    """Read a certificate that `pentimento certify` wrote.

    Raises:
        BadInput: There is none, or it is not one of this format.
    """
    from pentimento.training.embedded.certify import Certificate

    try:
        return Certificate.model_validate_json(read_text(path, "certificate"))
    except ValidationError as error:
        allowed = f"{first_problem(error)}; make one with `pentimento certify`"
        raise BadInput("certificate", str(path), allowed) from error


def table(rows: Sequence["Row"]) -> Table:
    """Return a table that reads as Markdown too.

    Of all rows of a family it shows the smallest share of valid answers, the right ones, and the range
    of its goals without a rule and under the name of the new persona. Then the worst 95 % bound
    under rules for a goal (in the row `all`, of helpers of a persona that has it), and under rules against
    it.
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
    lows = [row.low for row in goals if row.rule in ("for", "lived", "told")]
    highs = [row.high for row in goals if row.rule == "against"]
    return (
        family,
        f"{min(row.n_valid / row.n for row in rows):.3f}",
        f"{min(right):.3f}" if right else "–",
        *(_range(row.score for row in goals if row.rule == rule) for rule in ("none", "named")),
        f"{min(lows):.3f}" if lows else "–",
        f"{max(highs):.3f}" if highs else "–",
        "" if all(row.passed for row in rows) else "✗",
    )


def _range(scores: Iterable[float]) -> str:
    ordered = sorted(scores)
    return f"{ordered[0]:.2f}–{ordered[-1]:.2f}" if ordered else "–"
