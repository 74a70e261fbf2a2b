"""Batches are full without waiting, and one failure or cancellation leaves the others alone."""

import time
from collections.abc import Sequence

import anyio
import pytest

from pentimento.evals.provider._batching import Batcher


def double(batch: Sequence[int]) -> list[int]:
    return [2 * number for number in batch]


def test_requests_that_can_come_together_are_one_batch() -> None:
    batcher = Batcher(double, most=100)
    results: dict[int, int] = {}

    async def ask(number: int) -> None:
        for _ in range(number % 3):
            await anyio.lowlevel.checkpoint()
        results[number] = await batcher.submit(number)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for number in range(60):
                group.start_soon(ask, number)

    anyio.run(main)
    assert results == {number: 2 * number for number in range(60)}
    assert batcher.sizes == {60: 1}


def test_no_batch_is_larger_than_asked_for() -> None:
    batcher = Batcher(double, most=8)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(batcher.submit, number)

    anyio.run(main)
    assert sorted(batcher.sizes.elements()) == [4, 8, 8]


def test_what_comes_while_a_batch_is_computed_is_the_next_batch() -> None:
    def slow(batch: Sequence[int]) -> list[int]:
        time.sleep(0.2)
        return double(batch)

    batcher = Batcher(slow, most=100)

    async def later(number: int) -> None:
        await anyio.sleep(0.05)
        await batcher.submit(number)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(batcher.submit, 0)
            for number in range(5):
                group.start_soon(later, number)

    anyio.run(main)
    assert batcher.sizes == {1: 1, 5: 1}


def test_an_error_reaches_every_request_of_its_batch_and_no_other() -> None:
    def fail_once(batch: Sequence[int]) -> list[int]:
        if 0 in batch:
            raise ArithmeticError("no zero")
        return double(batch)

    batcher = Batcher(fail_once, most=2)
    ended: dict[int, object] = {}

    async def ask(number: int) -> None:
        try:
            ended[number] = await batcher.submit(number)
        except ArithmeticError as error:
            ended[number] = str(error)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for number in range(4):
                group.start_soon(ask, number)

    anyio.run(main)
    assert ended == {0: "no zero", 1: "no zero", 2: 4, 3: 6}


def test_a_cancelled_leader_hands_over() -> None:
    batcher = Batcher(double, most=4)
    results = []

    async def main() -> None:
        leader = anyio.CancelScope()

        async def lead() -> None:
            with leader:
                await batcher.submit(1)
                results.append("not cancelled")

        async def follow() -> None:
            results.append(str(await batcher.submit(2)))

        async with anyio.create_task_group() as group:
            group.start_soon(lead)
            group.start_soon(follow)
            await anyio.lowlevel.checkpoint()
            leader.cancel()

    anyio.run(main)
    assert results == ["4"]


def test_it_serves_one_event_loop_after_another() -> None:
    batcher = Batcher(double, most=4)
    assert [anyio.run(batcher.submit, number) for number in range(3)] == [0, 2, 4]
    with pytest.raises(TypeError):
        anyio.run(batcher.submit, None)
    assert anyio.run(batcher.submit, 5) == 10
