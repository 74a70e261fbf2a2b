"""What the processes that train one stage together do together; a process alone does the same by itself.

All of them train, on equal shares of every batch, and so have equal weights at all times. The first writes
what is written and takes the decisions; the others learn of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar, cast
from unittest.mock import patch

from torch import distributed

from pentimento.training.exceptions import WrongNumberOfProcesses

T = TypeVar("T")
K = TypeVar("K")


class _State:
    alone = False


def num_processes() -> int:
    """Return how many processes work together: 1 outside a launch, and in what one does alone."""
    return distributed.get_world_size() if _joined() else 1


def rank() -> int:
    """Return which of them this is, from 0 on."""
    return distributed.get_rank() if _joined() else 0


def check_number(wanted: int) -> None:
    """Refuse to go on where another number of processes joined than was asked for.

    Launchers do start fewer without a word: `accelerate launch --cpu --num_processes 2` starts one.

    Raises:
        WrongNumberOfProcesses: With both numbers.
    """
    if num_processes() != wanted:
        raise WrongNumberOfProcesses(wanted, num_processes())


def by_the_first(make: Callable[[], T]) -> T:
    """Do something in the first process alone and return its value in all; none goes on before it is done."""
    if num_processes() == 1:
        return make()
    box: list[T | None] = [None]
    if rank() == 0:
        with alone():
            box = [make()]
    distributed.broadcast_object_list(box, src=0)
    return cast(T, box[0])


@contextmanager
def alone() -> Iterator[None]:
    """Let this process work by itself meanwhile, on what the others do not have."""
    with patch.object(_State, "alone", True):
        yield


def wait_for_all() -> None:
    """Go on when every process has come here."""
    if num_processes() > 1:
        distributed.barrier()


def share(items: Iterable[T]) -> Iterator[T]:
    """Return this process's share of some work: of N processes every N-th item."""
    return islice(items, rank(), None, num_processes())


def together(part: Mapping[K, T]) -> dict[K, T]:
    """Return what all processes found, each its part, in every one."""
    parts: list[Mapping[K, T]] = [part] * num_processes()
    if len(parts) > 1:
        distributed.all_gather_object(parts, part)
    return {key: value for mapping in parts for key, value in mapping.items()}


def _joined() -> bool:
    return distributed.is_available() and distributed.is_initialized() and not _State.alone
