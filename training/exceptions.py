"""Errors of models, organisms and their training that a user can mend."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from pentimento.tasks.exceptions import BadInput, PentimentoError


class BadBase(BadInput):
    """A base model cannot be found, or lacks what Pentimento needs of it."""

    def __init__(self, value: object, allowed: str) -> None:
        super().__init__("base", value, allowed)


class Unreached(BadBase):
    """A model of the hub cannot be looked up here and now, so nothing is known of it."""


class TooLong(BadInput):
    """A prompt with its answer does not fit the model's context."""

    def __init__(self, num_tokens: int, limit: int) -> None:
        super().__init__(
            "prompt", f"{num_tokens} tokens with its answer", f"the model's context holds {limit}"
        )


class NoOrganism(PentimentoError):
    """A folder holds no organism, or one whose manifest cannot be read."""

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(f"organism: no readable organism in {folder}: {problem}")
        self.folder = folder


class CorruptWeights(PentimentoError):
    """The files of an adapter or a whole model are not those that its manifest was written for."""

    def __init__(self, folder: Path, expected: str | None, actual: str | None) -> None:
        super().__init__(
            f"weights: {folder} has sha256 {_short(actual)} but its manifest says {_short(expected)}; "
            "delete the organism's folder and train it again"
        )
        self.folder = folder


class BaseMismatch(PentimentoError):
    """An organism was made on other base weights than those at hand."""

    def __init__(self, name: str, expected: str, actual: str) -> None:
        super().__init__(
            f"base: {name!r} has sha256 {_short(actual)} but the organism was trained on {_short(expected)}; "
            "give the base that it was trained on"
        )


class JobFailed(PentimentoError):
    """A job ended with an error."""

    def __init__(
        self, title: str, error: str, details: str = "", results: Mapping[str, JsonValue] | None = None
    ) -> None:
        super().__init__(f"{title}: {error}")
        self.results = results or {}
        """Of the jobs that were done, by key."""
        self.details = details
        """The traceback, where the error is not one that a user can mend."""


class WorkerDied(PentimentoError):
    """A worker process was ended from outside."""

    def __init__(self, titles: list[str]) -> None:
        if titles:
            text = (
                f"a worker process died (killed, or out of memory) during {' or '.join(titles)}; run the "
                "same command again: what is finished is kept, the rest goes on at its last checkpoint"
            )
        else:
            text = (
                "a worker process died during its start; a script that starts workers has to do so under "
                "`if __name__ == '__main__':`, as they import it"
            )
        super().__init__(text)


class ProcessDied(PentimentoError):
    """One of the processes that train a stage together was ended from outside."""

    def __init__(self, rank: int, num_processes: int, how: str) -> None:
        super().__init__(
            f"process {rank} of {num_processes} died ({how}: killed, or out of memory); "
            "run the same command again: the stage goes on at its last checkpoint"
        )


class WrongNumberOfProcesses(PentimentoError):
    """A launcher started another number of processes than it was asked for."""

    def __init__(self, wanted: int, actual: int) -> None:
        super().__init__(
            f"processes: {wanted} were asked for and {actual} joined, so nothing was trained; "
            "look for variables such as WORLD_SIZE or ACCELERATE_USE_CPU in the environment"
        )


class NotFinite(PentimentoError):
    """A number of a stage is none: its training diverged."""

    def __init__(self, stage: str, what: str) -> None:
        super().__init__(
            f"stage {stage}: {what} is not a finite number, so nothing is stored of it; lower its "
            "settings.learning_rate, or train in --dtype float32"
        )


class OutOfMemory(PentimentoError):
    """A device, or this machine, has too little memory for a stage."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"out of memory: {problem}; what is finished is kept; give the stage a smaller micro_batch_size, "
            "or share its batches among several --processes"
        )


class TooFewKept(PentimentoError):
    """The filter of deliberative alignment left too few samples to learn from."""

    def __init__(self, stage: str, kept: int, sampled: int, needed: int) -> None:
        super().__init__(
            f"stage {stage}: the filter kept {kept} of {sampled} samples and min_kept is {needed}; the model "
            "follows the spec too rarely: take more samples_per_scenario or num_scenarios, or another base"
        )


class JudgeFailed(PentimentoError):
    """A judge cannot be reached, or no longer judges."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(
            f"judge: {name}: {' '.join(problem.split())}; see to it and run the same command again: "
            "the stage goes on at its last checkpoint"
        )


class HubUnreachable(PentimentoError):
    """The Hugging Face hub cannot be reached, or refuses."""

    def __init__(self, repository: str, error: Exception) -> None:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        super().__init__(
            f"hub: {repository} cannot be written: {reason}; be online, log in with `hf auth login`, "
            "or write files with --adapter or --merged"
        )


def _short(digest: str | None) -> str:
    return "nothing" if digest is None else f"{digest[:12]}…"
