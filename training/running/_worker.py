"""The inside of a worker process: start, run one job, tell of progress, never outlive the parent."""

import atexit
import os
import threading
import traceback
from collections.abc import Callable
from importlib import import_module
from multiprocessing import parent_process
from multiprocessing.queues import SimpleQueue
from typing import Any, NamedTuple

from pydantic import JsonValue

from pentimento.tasks.exceptions import PentimentoError


class Message(NamedTuple):
    """What a worker says of the job it is at: how far it is, and what it does."""

    key: str
    done: float
    text: str


class Outcome(NamedTuple):
    """What a job leaves; exceptions with arguments of their own would not survive pickling."""

    result: JsonValue = None
    error: str | None = None
    details: str = ""
    """The traceback, where the error is not one that a user can mend."""


class Failed(Exception):
    """A job failed in another process, and this is what that left."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error)
        self.outcome = outcome


class Line(NamedTuple):
    """How a process of a job tells of its progress."""

    messages: "SimpleQueue[Message]"
    key: str


class _State:
    """What this process is: a worker has a line to its parent, and a job it is at."""

    messages: "SimpleQueue[Message] | None" = None
    key: str | None = None


def report(done: float, text: str) -> None:
    """Tell how far the current job is; outside a worker nobody listens.

    Args:
        done: Share in [0, 1].
        text: What it is doing.
    """
    if _State.messages is not None and _State.key is not None:
        _State.messages.put(Message(_State.key, done, text))


VISIBLE = "CUDA_VISIBLE_DEVICES"


def start(messages: "SimpleQueue[Message]", devices: "SimpleQueue[str] | None" = None) -> None:
    """Prepare a worker process: it ends when the parent has ended, and sees one of the given GPUs."""
    if devices is not None:
        os.environ[VISIBLE] = devices.get()  # before anything asks CUDA what there is
    # Registered first and so run last: what comes after is seconds of taking torch apart.
    atexit.register(os._exit, 0)
    _State.messages = messages
    follow_parent()


def follow_parent() -> None:
    """End this process when the one that started it has ended."""
    if (parent := parent_process()) is not None:
        threading.Thread(target=_follow, args=(parent.join,), daemon=True).start()


def line() -> Line | None:
    """Return the line of the current job, for a process that this one starts; None outside a worker."""
    if _State.messages is None or _State.key is None:
        return None
    return Line(_State.messages, _State.key)


def take(line: Line | None) -> None:
    """Tell of progress over another process's line."""
    if line is not None:
        _State.messages, _State.key = line


def _follow(until_parent_ends: Callable[[], None]) -> None:
    until_parent_ends()
    os._exit(1)


def work(key: str, function: str, kwargs: dict[str, Any]) -> Outcome:
    """Run one job.

    Args:
        key: Of the job.
        function: `package.module:name`.
        kwargs: Its arguments.
    """
    _State.key = key
    report(0.0, "")
    module, _, name = function.partition(":")
    try:
        return attempt(lambda: getattr(import_module(module), name)(**kwargs))
    finally:
        _State.key = None


def attempt(make: Callable[[], JsonValue]) -> Outcome:
    """Call a function and return what it gives, or how it failed."""
    try:
        return Outcome(make())
    except Failed as error:
        return error.outcome
    except PentimentoError as error:
        return Outcome(error=str(error))
    except OSError as error:  # a full or read-only disk is the user's to mend
        place = f": {error.filename}" if error.filename else ""
        return Outcome(error=f"{error.strerror or error}{place}", details=traceback.format_exc())
    except Exception as error:  # whatever it is, the parent shows it with its traceback
        return Outcome(error=f"{type(error).__name__}: {error}", details=traceback.format_exc())
