"""Arguments of the tasks: read, checked, and refused in one line."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import ParamSpec

from inspect_ai import Task

from pentimento.evals.exceptions import Refused
from pentimento.tasks import (
    CUES,
    FRAMINGS,
    SORTS,
    Condition,
    Cue,
    Framing,
    PentimentoError,
    Shift,
    UnknownName,
    environment,
    environments,
)
from pentimento.tasks import goal as find_goal
from pentimento.tasks.catalogue import is_usual
from pentimento.tasks.environment import Kind
from pentimento.tasks.exceptions import BadInput

P = ParamSpec("P")

Names = str | Sequence[str]
"""One name, a comma list, or a list (which is what inspect makes of a comma list after -T)."""


def checked(function: Callable[P, Task]) -> Callable[P, Task]:
    """Make a task refuse arguments that it does not have, and tell every bad value in one line.

    inspect drops an argument that a task does not name, with a warning, and would run the default condition.
    It passes every argument to a task that takes `**kwargs`, so the wrapper shows such a signature.
    """
    signature = inspect.signature(function)
    known = list(signature.parameters)

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Task:
        try:
            for name in kwargs:
                if name not in known:
                    raise UnknownName(f"argument of {function.__name__}", name, known)
            return function(*args, **kwargs)
        except PentimentoError as error:
            raise Refused(str(error)) from error

    anything = inspect.Parameter("unknown", inspect.Parameter.VAR_KEYWORD)
    parameters = [*signature.parameters.values(), anything]
    wrapper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return wrapper


def names(
    field: str,
    value: Names,
    allowed: Sequence[str],
    *,
    all_means: Sequence[str] = (),
    groups: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> tuple[str, ...]:
    """Return the names in a comma list or list, each checked and none twice.

    Args:
        field: What the error calls the argument.
        value: The argument as given; "all" stands for `all_means` where that is not empty.
        allowed: Every name that may be given.
        all_means: What "all" stands for.
        groups: What further names stand for.

    Raises:
        UnknownName: A name is not allowed.
        BadInput: No name is given.
    """
    given: object = value  # on a command line a number is no text
    parts = [str(part) for part in given] if isinstance(given, list | tuple) else str(given).split(",")
    standing = {**({"all": all_means} if all_means else {}), **groups}
    chosen: list[str] = []
    for part in (part.strip() for part in parts):
        if part in standing:
            chosen.extend(standing[part])
        elif part in allowed:
            chosen.append(part)
        elif part:
            raise UnknownName(field, part, [*allowed, *standing])
    if not chosen:
        raise BadInput(field, value, f"name one or more of {', '.join(allowed)}")
    return tuple(dict.fromkeys(chosen))


def families(
    value: Names,
    kinds: Kind | Sequence[Kind],
    goal: str,
    *,
    all_means: Sequence[str] = (),
    groups: Mapping[str, Sequence[str]] = MappingProxyType({}),
    several_turns: bool = False,
) -> tuple[str, ...]:
    """Return families in which the goal applies, of one kind or of some, of one turn or of several.

    Raises:
        BadInput: A family is unknown, of another kind, or the goal is undefined in it.
    """
    wanted = (kinds,) if isinstance(kinds, str) else kinds
    there = [
        name
        for name, env in environments.items()
        if env.kind in wanted and (env.max_turns > 1) == several_turns
    ]
    find_goal(goal)
    speaking = [name for name in there if goal in environment(name).goals and is_usual(name, goal)]
    chosen = names("family", value, there, all_means=all_means or speaking or there, groups=groups)
    for name in chosen:
        if goal not in environment(name).goals:
            raise BadInput("goal", goal, f"in {name} only {', '.join(environment(name).goals)} apply")
    return chosen


def conditions(value: Names, allowed: Sequence[Condition]) -> tuple[Condition, ...]:
    """Return conditions by name; "all" are all allowed ones."""
    chosen = names("condition", value, allowed, all_means=allowed)
    return tuple(condition for condition in allowed if condition in chosen)


def shifts(value: Names) -> tuple[Shift, ...]:
    """Return shifts by name."""
    known = [shift.value for shift in Shift]
    return tuple(Shift(name) for name in names("shift", value, known, all_means=()))


def unseen(value: Names, task: str) -> tuple[Shift, ...]:
    """Return shifts by name, for a task that never asks what a stage trained on."""
    asked = shifts(value)
    if Shift.TRAINED in asked:
        raise BadInput("shift", "trained", f"{task} asks unseen scenarios only")
    return asked


def cues(value: Names, *, all_means: Sequence[Cue] = SORTS) -> tuple[Cue, ...]:
    """Return cues by name."""
    chosen = names("cue", value, CUES, all_means=all_means)
    return tuple(cue for cue in CUES if cue in chosen)


def framings(value: Names) -> tuple[Framing, ...]:
    """Return framings of cues by name."""
    chosen = names("framing", value, FRAMINGS, all_means=FRAMINGS)
    return tuple(framing for framing in FRAMINGS if framing in chosen)


def whole(field: str, value: object, *, least: int) -> int:
    """Return a whole number that is not below `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise BadInput(field, value, f"a whole number, at least {least}")
    return value


def one_of(field: str, value: str, allowed: Sequence[str]) -> str:
    """Return one name out of a few."""
    if value not in allowed:
        raise UnknownName(field, str(value), allowed)
    return value


def fraction(field: str, value: object) -> float:
    """Return a number from 0 to 1."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise BadInput(field, value, "a number from 0 to 1")
    return float(value)
