"""Errors that a user can mend: one line that names the field, the value and what is allowed."""

import difflib
from collections.abc import Iterable

_LONGEST = 1000
"""Characters of a value that an error shows."""


class PentimentoError(Exception):
    """Base of every error that Pentimento raises on purpose."""


class BadInput(PentimentoError, ValueError):
    """An argument has a value that is not allowed."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        shown = repr(value)
        shown = shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST // 2]} … {shown[-_LONGEST // 2 :]}"
        super().__init__(f"{field}: {shown} is not allowed; {allowed}")
        self.field = field
        self.value = value


class UnknownName(BadInput):
    """A name is not in a catalogue; the message lists the catalogue and the nearest name."""

    def __init__(self, field: str, value: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(str(value), names, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        super().__init__(field, value, f"choose from {', '.join(names)}{hint}")


class HeldOutOverlap(BadInput):
    """A held-out set shares something with its training set that its shift says it must not."""
