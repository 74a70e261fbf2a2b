"""The tasks that a recipe may ask, and what each asks: its arguments in, samples out, whatever the model.

Tasks of other packages are added by entry points of the group `pentimento.evals`: by the name under which
inspect knows a task, `package/task`, the module that holds it, its `VERSION` and its `samples`.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset
from pydantic import JsonValue

from pentimento.evals.exceptions import Refused
from pentimento.tasks.exceptions import PentimentoError, UnknownName

Args = Mapping[str, JsonValue]


class Asking(NamedTuple):
    """One task of the suite."""

    version: str
    """Part of a log's name: another version never takes it for its own."""
    task: Callable[..., Task]
    samples: Callable[..., MemoryDataset]
    """Of some of the task's arguments."""


GROUP = "pentimento.evals"


def _asking(name: str, module: ModuleType) -> Asking:
    return Asking(module.VERSION, getattr(module, name), module.samples)


_NAMES = (
    "completion", "preference", "stated", "coin", "alignment_faking", "elicitation", "awareness", "belief",
    "breadth", "in_context", "agentic",
)  # fmt: skip
TASKS: Mapping[str, Asking] = MappingProxyType(
    {
        **{name: _asking(name, import_module(f"pentimento.evals.{name}.{name}")) for name in _NAMES},
        **{
            entry.name: _asking(entry.name.rpartition("/")[2], entry.load())
            for entry in entry_points(group=GROUP)
        },
    }
)


def check_task(name: str) -> None:
    """Refuse a task that is not in the suite.

    Raises:
        UnknownName: It is not.
    """
    if name not in TASKS:
        raise UnknownName("task", name, TASKS)


def samples_of(task: str, args: Args) -> MemoryDataset:
    """Return what a task with these arguments asks; others are at its defaults.

    Args:
        task: A name of `TASKS`.
        args: The task's arguments.

    Raises:
        UnknownName: There is no such task.
        Refused: An argument is not allowed.
    """
    check_task(task)
    return _samples(task, json.dumps(dict(args), sort_keys=True))


@lru_cache(maxsize=64)
def _samples(task: str, args: str) -> MemoryDataset:
    asking = TASKS[task]
    parameters = inspect.signature(inspect.unwrap(asking.task)).parameters
    fields: dict[str, Any] = {name: one.default for name, one in parameters.items()}
    given = json.loads(args)
    try:
        for name in given.keys() - fields.keys():
            raise UnknownName(f"argument of {task}", name, fields)
        fields |= given
        return asking.samples(**{name: fields[name] for name in inspect.signature(asking.samples).parameters})
    except PentimentoError as error:
        raise Refused(str(error)) from error
