"""Requests of many concurrent samples, answered in batches that are full and never waited for.

The first request that comes leads: it lets every other coroutine that can run do so, until no further
request comes of it, then answers all of them at once in a thread and hands over to one that came meanwhile.
So a batch holds what the event loop could bring forth by itself, and no clock is involved.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

Q = TypeVar("Q")
R = TypeVar("R")

_QUIET_ROUNDS = 4
"""Rounds of the event loop without a new request after which the others are taken to wait for us."""


@dataclass(eq=False)
class _Ticket(Generic[Q, R]):
    request: Q
    wake: anyio.Event = field(default_factory=anyio.Event)
    """Set when it is answered, and when it is to lead."""
    result: R | None = None
    error: BaseException | None = None
    answered: bool = False


class Batcher(Generic[Q, R]):
    """Gathers requests and answers them together.

    Args:
        work: Called in a thread with a batch; returns for each request, in their order, its result or the
            error that it alone has.
        most: The most requests in a batch.
    """

    def __init__(self, work: Callable[[Sequence[Q]], Sequence[R | Exception]], most: int) -> None:
        self._work = work
        self._most = most
        self._pending: list[_Ticket[Q, R]] = []
        self._led = False
        self.sizes: Counter[int] = Counter()
        """How many batches of each size were answered."""

    async def submit(self, request: Q) -> R:
        """Return the answer to one request.

        Raises:
            Exception: Whatever `work` gave for this request, or raised for the batch.
        """
        ticket: _Ticket[Q, R] = _Ticket(request)
        self._pending.append(ticket)
        try:
            while not ticket.answered:
                if self._led:
                    await ticket.wake.wait()
                    ticket.wake = anyio.Event()
                else:
                    await self._lead()
        finally:
            if not ticket.answered and ticket in self._pending:
                self._pending.remove(ticket)
            if not self._led and self._pending:
                self._pending[0].wake.set()
        if ticket.error is not None:
            raise ticket.error
        return ticket.result  # type: ignore[return-value]

    async def _lead(self) -> None:
        self._led = True
        batch: list[_Ticket[Q, R]] = []
        try:
            await self._settle()
            batch, self._pending = self._pending[: self._most], self._pending[self._most :]
            self.sizes[len(batch)] += 1
            await anyio.to_thread.run_sync(self._answer, batch)
        finally:
            self._led = False
            for ticket in batch:
                ticket.wake.set()

    async def _settle(self) -> None:
        quiet, before = 0, 0
        while quiet < _QUIET_ROUNDS and len(self._pending) < self._most:
            await anyio.lowlevel.checkpoint()
            quiet = quiet + 1 if len(self._pending) == before else 0
            before = len(self._pending)

    def _answer(self, batch: list[_Ticket[Q, R]]) -> None:
        try:
            results = self._work([ticket.request for ticket in batch])
        except Exception as error:  # it is raised again in every request of the batch
            for ticket in batch:
                ticket.error = error
        else:
            for ticket, result in zip(batch, results, strict=True):
                if isinstance(result, Exception):
                    ticket.error = result
                else:
                    ticket.result = result
        for ticket in batch:
            ticket.answered = True
