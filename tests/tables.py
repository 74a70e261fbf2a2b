"""Tables in the documentation whose rows tests measure: compared, or written with `--write-tables`."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import gettempdir
from typing import NamedTuple

from filelock import FileLock

MODELS = Path(__file__).parents[1] / "docs" / "models.md"


class Table(NamedTuple):
    """The rows between `<!-- table: NAME -->` and `<!-- end -->`, under a header that people write.

    Each row is settled by a test of its own, so that rows may be measured in several processes.
    """

    name: str
    rows: tuple[str, ...]
    """The first cells of all rows, in order."""
    page: Path = MODELS

    def settle(self, cells: Sequence[str], *, write: bool) -> None:
        """Hold a measured row against the committed one, or write it in its place."""
        row = f"| {' | '.join(cell.replace('|', '∣') for cell in cells)} |"
        if not write:
            told = "measured otherwise than it is written; --write-tables writes what is measured"
            assert row in self.read(), f"{self.page.name}: {self.name}: {cells[0]}: {told}"
            return
        with FileLock(Path(gettempdir()) / f"pentimento-{self.page.name}.lock"):
            kept = {first_cell(line): line for line in self.read()} | {cells[0]: row}
            self._put([kept[name] for name in self.rows if name in kept])

    def read(self) -> list[str]:
        """Return the committed rows, without the header."""
        return self._parts()[1].splitlines()[2:]

    def _parts(self) -> tuple[str, str, str]:
        before, start, rest = self.page.read_text(encoding="utf-8").partition(
            f"<!-- table: {self.name} -->\n"
        )
        inside, end, after = rest.partition("<!-- end -->")
        if not end:
            raise LookupError(f"{self.page.name} has no table {self.name}")
        return before + start, inside, end + after

    def _put(self, rows: Sequence[str]) -> None:
        before, inside, after = self._parts()
        header = inside.splitlines()[:2]
        self.page.write_text(before + "\n".join((*header, *rows)) + "\n" + after, encoding="utf-8")


def first_cell(line: str) -> str:
    """Return what a row of a table begins with."""
    return line.split("|")[1].strip()
