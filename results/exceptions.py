"""Errors of reading: a run that cannot be read, logs that cannot be held beside each other."""

from pathlib import Path

from pentimento.tasks.exceptions import BadInput, PentimentoError


class NoRun(BadInput):
    """A folder holds no run that can be read."""

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__("folder", str(folder), f"{problem}; give a folder that `pentimento run` wrote")


class UnlikeLogs(PentimentoError, ValueError):
    """Two sets of scores were made by different task versions or estimators, so no difference is formed."""
