"""How whoever calls an experiment follows it; by default nobody does."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar

from pydantic import JsonValue

from pentimento.training.running.executors import Event, Job, OnEvent

T = TypeVar("T")


class Progress(Protocol):
    """Follows an experiment."""

    def jobs(self, jobs: Sequence[Job], num_workers: int) -> AbstractContextManager[OnEvent]:
        """Give what is called with each event while jobs run."""
        ...

    def each(self, items: Sequence[T], what: str) -> Iterable[T]:
        """Go through the recipes of a design, which are planned or reported (`what`) one after the other."""
        ...

    def made(self, job: Job, result: JsonValue) -> None:
        """Take what a job made, an organism's manifest or the path of a log."""
        ...


class Silent:
    """Follows an experiment and says nothing."""

    @contextmanager
    def jobs(self, jobs: Sequence[Job], num_workers: int) -> Iterator[OnEvent]:
        """Give a function that does nothing."""

        def nothing(event: Event) -> None:
            pass

        yield nothing

    def each(self, items: Sequence[T], what: str) -> Iterable[T]:
        """Go through the items."""
        return items

    def made(self, job: Job, result: JsonValue) -> None:
        """Say nothing."""
