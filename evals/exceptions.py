"""Errors of evaluations that a user can mend."""

from rich.markup import escape

from pentimento.compat import PrerequisiteError
from pentimento.tasks.exceptions import PentimentoError

__all__ = ["FailedEval", "PrerequisiteError", "Refused"]


class Refused(PentimentoError, ValueError, PrerequisiteError):
    """An evaluation cannot run as it was asked for; the message is one line that says what to change."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = escape(message)


class FailedEval(PentimentoError):
    """An evaluation ended without a complete log."""

    def __init__(self, title: str, status: str, problem: str) -> None:
        super().__init__(f"evaluation: {title} ended with status {status}: {problem}")
