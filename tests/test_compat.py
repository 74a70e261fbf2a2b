"""Private names of other packages stand in one file, and are there."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from pentimento import ROOMS, compat

ROOT = Path(__file__).parents[1]
HERE = ROOT / "src" / "pentimento"
FOLDERS = [*(ROOT / room for room in ROOMS), HERE / "cli"]
FILES = sorted([*HERE.glob("*.py"), *(file for folder in FOLDERS for file in folder.rglob("*.py"))])


def private_imports(file: Path) -> Iterator[str]:
    """Names of other packages with a part that begins with one underscore."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            named = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        else:
            continue
        for name in named:
            parts = name.split(".")
            private = any(part.startswith("_") and not part.startswith("__") for part in parts)
            if private and parts[0] != "pentimento":
                yield name


@pytest.mark.parametrize("name", compat.__all__)
def test_every_private_name_is_there(name: str) -> None:
    assert getattr(compat, name) is not None


def test_no_other_file_imports_a_private_name() -> None:
    held = {file.relative_to(ROOT): list(private_imports(file)) for file in FILES}
    assert len(held) > 200
    assert {str(file) for file, names in held.items() if names} == {"src/pentimento/compat.py"}
