"""What the command line says, as the values that the rooms take: recipes, overrides, one-line refusals."""

import contextlib
import io
import json
import math
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import tyro

from pentimento.tasks.exceptions import BadInput
from pentimento.training.recipes import catalogue
from pentimento.training.recipes.designs import Design
from pentimento.training.recipes.recipe import Recipe

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_MISMATCH = re.compile(r"no type matching .* from \[(.*?)\]\..*")
_RULE = re.compile(r"[─-]{3,}")
_BOX = re.compile(r"[│╭╮╰╯]")


def check_text(args: Sequence[str]) -> None:
    """Refuse a word that is no text in the encoding of the terminal: logs and reports could not name it.

    Raises:
        BadInput: There is one.
    """
    for word in args:
        try:
            word.encode()
        except UnicodeEncodeError:
            allowed = "a text in UTF-8; where the locale is another one, set PYTHONUTF8=1"
            raise BadInput("argument", word, allowed) from None


def parse(commands: Any, args: Sequence[str] | None, description: str) -> Any:
    """Return the command that the arguments name; a wrong one is refused in one line, with exit status 2."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            return tyro.cli(
                commands,
                prog="pentimento",
                description=description,
                args=args,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as leaving:
        if leaving.code:
            _refuse(printed.getvalue())
        raise


def _refuse(box: str) -> NoReturn:
    """Say in one line what tyro says in a box: its first part, and the name that comes nearest."""
    lines = [_BOX.sub("", line).strip() for line in _ANSI.sub("", box).splitlines()]
    parts: list[list[str]] = [[]]
    for line in lines[1:]:
        if _RULE.fullmatch(line):
            parts.append([])
        elif line:
            parts[-1].append(line)
    parts = [part for part in parts if part] or [["bad arguments"]]
    first = parts[0][:2] if parts[0] and parts[0][0].startswith("Missing") else parts[0]
    text = _MISMATCH.sub(r"\1 is not allowed", " ".join(first)).rstrip(". ")
    for part in parts[1:]:
        if part and part[0].startswith("Perhaps you meant"):
            text += f"; did you mean {part[1].split()[0]}?"
        elif part and part[0].startswith("Available subcommands"):
            text += f"; {' '.join(part).lower()}"
    print(f"pentimento: {text} (see `pentimento --help`)", file=sys.stderr)
    raise SystemExit(2)


def choose_recipe(
    name: str, *, seeds: int | None, base: str | None, changes: Sequence[str]
) -> Recipe | Design:
    """Return a recipe by name with what the command line changes of it; of a design, of each of its recipes.

    Raises:
        BadInput: The name, the number of seeds or a change is not allowed.
    """
    recipe = catalogue.find_recipe(name)
    if seeds is not None and seeds < 1:
        raise BadInput("seeds", seeds, "give a number of training seeds, at least 1")
    given = {"seeds": None if seeds is None else tuple(range(seeds)), "base": base}
    fields = {field: value for field, value in given.items() if value is not None}
    if isinstance(recipe, Recipe):
        return override(recipe.varied(**fields), changes)
    variants = [
        variant.model_copy(update={"recipe": override(variant.recipe.varied(**fields), changes)})
        for variant in recipe.variants
    ]
    return Design(name=recipe.name, factors=recipe.factors, variants=tuple(variants))


def override(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    """Return the recipe with some fields changed by their dotted names, checked again.

    Args:
        recipe: What to start from.
        changes: `field=value`, as `num_opposed=1`, `oppose.settings.learning_rate=3e-4` or
            `evals.0.args.n=20`; a value is read as JSON where it is JSON, else as text.

    Raises:
        BadInput: A change has no `=`, or names a field that is not there.
    """
    data = recipe.model_dump(mode="json")
    for change in changes:
        path, separator, text = change.partition("=")
        if not separator:
            raise BadInput("set", change, "write field=value")
        *parents, last = path.split(".")
        place: Any = data
        for part in parents:
            place = _entry(place, part, path)
        if isinstance(place, list):
            _entry(place, last, path)
            place[int(last)] = _value(text)
        elif isinstance(place, dict):
            place[last] = _value(text)
        else:
            raise BadInput("set", path, f"{'.'.join(parents)} has no fields")
    return Recipe(**data)


def _entry(place: Any, part: str, path: str) -> Any:
    if isinstance(place, dict) and part in place:
        return place[part]
    if isinstance(place, list) and part.isdecimal() and int(part) < len(place):
        return place[int(part)]
    raise BadInput("set", path, f"the recipe has no {part!r} there")


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_float=_finite, parse_constant=_finite)
    except BadInput:
        raise
    except ValueError:
        return text
    except RecursionError:
        raise BadInput("set", text[:40], "a value that is not nested so deep") from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadInput("set", text, "a finite number")
    return number


def settings(pairs: Sequence[str], field: str) -> dict[str, Any]:
    """Return `name=value` pairs as a mapping, values read as JSON where they are JSON.

    Raises:
        BadInput: A pair has no `=`.
    """
    values = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator:
            raise BadInput(field, pair, "write name=value")
        values[name] = _value(text)
    return values
