"""A measured row is held against the page, and written into its place where that is asked for."""

from pathlib import Path

import pytest

from tests.tables import Table

PAGE = """# Models

<!-- table: one -->
| name | outcome |
|---|---|
| b | runs |
<!-- end -->

<!-- table: two -->
| name |
|---|
<!-- end -->
"""


def test_rows_are_compared_or_written_in_order(tmp_path: Path) -> None:
    page = tmp_path / "models.md"
    page.write_text(PAGE)
    table = Table("one", ("a", "b"), page)
    table.settle(("b", "runs"), write=False)
    with pytest.raises(AssertionError, match="one: b: measured otherwise"):
        table.settle(("b", "refused"), write=False)
    table.settle(("a", "x | y"), write=True)
    table.settle(("b", "refused"), write=True)
    assert table.read() == ["| a | x ∣ y |", "| b | refused |"]
    assert page.read_text().endswith(PAGE.partition("<!-- end -->")[2])
    with pytest.raises(LookupError, match="has no table three"):
        Table("three", (), page).read()
