"""Folders of runs and designs: what they hold, who is writing there, whether the report is of these logs."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError

from pentimento._files import first_problem, read_json, read_text, write_atomically
from pentimento.results import Report
from pentimento.results.comparison.designs import DESIGN
from pentimento.results.reading.provenance import code_version, sources
from pentimento.tasks.exceptions import BadInput
from pentimento.training.recipes.designs import Design
from pentimento.training.recipes.recipe import Written

RUN = "run.json"
LOCK = ".lock"
REPORTS = ("report.json", "report.md", "report.html")


class RunFolder:
    """Where one run of a recipe leaves its logs and its report; it never overwrites another."""

    def __init__(self, path: Path, recipe: Written) -> None:
        self.path = path
        self.recipe = recipe

    def check(self, organisms: Sequence[dict[str, Any]] | None = None) -> None:
        """Refuse a folder that holds anything but this run.

        Args:
            organisms: What the recipe makes now; where a run of it holds others, the base or the methods have
                changed since.

        Raises:
            BadInput: The folder holds another run, or files that are no run.
        """
        held = self._read()
        if held is None:
            names = {entry.name for entry in self.path.iterdir()} if self.path.is_dir() else set()
            foreign = sorted(name for name in names if name != LOCK and not name.startswith(f".{RUN}."))
            if foreign:
                allowed = f"it holds {foreign[0]} and no run; give an empty folder"
                raise BadInput("output", str(self.path), allowed)
            return
        if held.get("recipe_hash") != self.recipe.hash:
            name = held.get("recipe", {}).get("name")
            allowed = f"it holds another run (of recipe {name!r}); give another --output"
            raise BadInput("output", str(self.path), allowed)
        if organisms is not None and _keys(held["organisms"]) != _keys(organisms):
            allowed = "it holds this recipe's run with an earlier base or method code; give another --output"
            raise BadInput("output", str(self.path), allowed)

    @property
    def finished(self) -> bool:
        """Whether every organism and log is there, and the report is of these logs and of this code."""
        held = self._read()
        if held is None or not held.get("complete"):
            return False
        if not all((self.path / name).is_file() for name in REPORTS):
            return False
        try:
            written = read_report(self.path).provenance
        except BadInput:
            return False  # damaged, or of an earlier version: it is written again
        return (written.code, written.sources) == (code_version(), sources(self.path))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and keep other processes out of it; the lock goes with the process.

        Raises:
            BadInput: Another process is at work there.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / LOCK, timeout=0):
                yield
        except Timeout:
            raise BadInput("output", str(self.path), "another process is running there") from None

    def write(
        self,
        organisms: Sequence[dict[str, Any]],
        regained: Sequence[dict[str, Any]] = (),
        leaks: Sequence[dict[str, Any]] = (),
        *,
        complete: bool,
    ) -> None:
        """Write `run.json`, unless it says so already.

        Args:
            organisms: Role, seed, key, path and families of each.
            regained: Of each dose of a stage of `Recipe.after`: on whom, which stage, steps, key and path.
            leaks: What evaluations share with stages and must not, where that was allowed.
            complete: Whether all of them are made.
        """
        fields = {
            "format": 2,
            "recipe": self.recipe.model_dump(mode="json"),
            "recipe_hash": self.recipe.hash,
            "organisms": list(organisms),
            "regained": list(regained),
            "leaks": list(leaks),
            "complete": complete,
        }
        if self._read() != fields:
            write_atomically(self.path / RUN, json.dumps(fields, indent=2, ensure_ascii=False) + "\n")

    def _read(self) -> dict[str, Any] | None:
        return read_record(self.path / RUN)


class DesignFolder:
    """Where a design leaves what compares its recipes; each of them has a folder of its own in there."""

    def __init__(self, path: Path, design: Design) -> None:
        self.path = path
        self.design = design

    def check(self) -> None:
        """Refuse a folder that holds anything but this design.

        Raises:
            BadInput: The folder holds another design, a run, or other files.
        """
        held = read_record(self.path / DESIGN)
        if held is not None:
            if held.get("design_hash") != self.design.hash:
                raise BadInput("output", str(self.path), "it holds another design; give another --output")
            return
        names = sorted(entry.name for entry in self.path.iterdir()) if self.path.is_dir() else []
        foreign = [name for name in names if not name.startswith(f".{DESIGN}.")]
        if foreign:
            raise BadInput("output", str(self.path), f"it holds {foreign[0]}; give an empty folder")

    def write(self) -> None:
        """Write `design.json`: the factors, and each variant's levels and folder."""
        fields = {
            "format": 2,
            "name": self.design.name,
            "factors": self.design.factors,
            "variants": [
                {"levels": variant.levels, "folder": variant.recipe.name} for variant in self.design.variants
            ],
            "design_hash": self.design.hash,
        }
        if not (self.path / DESIGN).is_file():
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path / DESIGN, json.dumps(fields, indent=2, ensure_ascii=False) + "\n")


def relative(path: Path, folder: Path) -> str:
    """Return how a run's folder names a path; links on the way to either are followed first."""
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def read_record(path: Path) -> dict[str, Any] | None:
    """Return a run's or a design's record, or None where there is none.

    Raises:
        BadInput: It cannot be read.
    """
    if not path.is_file():
        return None
    held = read_json(path, "output", "a run of format 2; give another --output")
    if not isinstance(held, dict) or held.get("format") != 2:
        raise BadInput("output", str(path), "it is no run of format 2; give another --output")
    return held


def read_report(folder: Path) -> Report:
    """Return the report that is written in a run's folder.

    Raises:
        BadInput: It is damaged, or of another version.
    """
    path = folder / REPORTS[0]
    try:
        return Report.model_validate_json(read_text(path, "report"))
    except ValidationError as error:
        allowed = f"a report of this version ({first_problem(error)}); write it with `pentimento report`"
        raise BadInput("report", str(path), allowed) from None


def _keys(organisms: Sequence[dict[str, Any]]) -> set[tuple[Any, Any, Any]]:
    return {(organism.get("role"), organism.get("seed"), organism.get("key")) for organism in organisms}
