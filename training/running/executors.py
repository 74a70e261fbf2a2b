"""Where jobs run: one small interface, and worker processes on this machine behind it.

A job names a function and its arguments as JSON, so that any engine can run it. A job whose result exists is
expected to notice and return at once.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter
from itertools import cycle, islice, takewhile
from multiprocessing import active_children, get_context
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Protocol, Self

from pydantic import Field, JsonValue

from pentimento.tasks.episodes import Frozen
from pentimento.tasks.exceptions import BadInput
from pentimento.training.exceptions import JobFailed, WorkerDied
from pentimento.training.running._worker import VISIBLE, Message, Outcome, start, work

_QUIET: Mapping[str, str] = {
    # Otherwise idle threads of one process spin on the core that another one needs.
    "KMP_BLOCKTIME": "0",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
}
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
MAX_WORKERS = 8
_DRIVER = Path("/dev/nvidiactl")
_POLL_S = 0.1


class Job(Frozen):
    """One piece of work."""

    key: str
    """Of what it makes; unique among the jobs of a run."""
    function: str
    """`package.module:name`, called with `kwargs`."""
    kwargs: dict[str, Any] = Field(default_factory=dict)
    """What can be pickled."""
    needs: tuple[str, ...] = ()
    """Keys of the jobs that must have ended before; keys of no job of the run count as done."""
    estimate_s: float | None = None
    title: str = ""
    num_processes: int = 1
    """How many it starts: so many other jobs run less beside it."""


class Event(NamedTuple):
    """Something that happened to a job."""

    kind: Literal["started", "progress", "finished", "failed", "dropped"]
    """dropped: one that it needs failed."""
    job: Job
    done: float = 0.0
    """Share in [0, 1] of the job that is done."""
    text: str = ""
    """What the job is doing, or why it failed."""
    seconds: float = 0.0
    """Since the job started."""


OnEvent = Callable[[Event], None]


class Executor(Protocol):
    """Runs jobs in an order that their needs allow."""

    num_workers: int

    def run(self, jobs: Sequence[Job], on_event: OnEvent) -> dict[str, JsonValue]:
        """Run jobs and return their results by key.

        Raises:
            JobFailed: A job raised; all that do not need it were done.
            WorkerDied: A process was killed.
        """
        ...


class LocalExecutor:
    """Worker processes on this machine, which live until the executor is closed.

    Args:
        num_workers: Processes, at least one.
        num_threads: Of each of them.
        devices: What `gpus` returns: each worker sees one of these, in turn; without any, all see the same.

    Example:
        >>> with LocalExecutor(2) as executor:
        ...     executor.run(plan.jobs, print)
    """

    def __init__(self, num_workers: int, *, num_threads: int = 1, devices: Sequence[str] = ()) -> None:
        self.num_workers = num_workers
        self.num_threads = num_threads
        self.devices = tuple(devices)
        self._pool: ProcessPoolExecutor | None = None
        self._processes: set[BaseProcess] = set()

    @classmethod
    def of(cls, wanted: int | None, bases: Iterable[str], *, num_processes: int = 1) -> Self:
        """Return the executor of a run: how many workers, with how many threads, on which GPUs.

        The embedded base has one thread a worker. Of other bases the workers share the cores out, unless
        OMP_NUM_THREADS says how many threads each has.

        Args:
            wanted: How many workers the user says; see `num_workers`.
            bases: Of what is made or asked.
            num_processes: How many train a stage; where several do, each stage takes all GPUs.

        Raises:
            BadInput: Fewer than one worker is wanted.
        """
        bases = tuple(bases)
        num = num_workers(wanted, bases)
        value = os.environ.get(_THREADS[0], "")
        shared = int(value) if value.isdecimal() and int(value) else max(1, num_cores() // num)
        threads = 1 if _all_embedded(bases) else shared
        return cls(num, num_threads=threads, devices=gpus() if num_processes == 1 else ())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.kill()

    def close(self) -> None:
        """Let the workers end."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def kill(self) -> None:
        """End the workers at once; what they were at resumes at its last checkpoint."""
        for process in self._processes:
            process.terminate()
        self._processes.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def run(self, jobs: Sequence[Job], on_event: OnEvent) -> dict[str, JsonValue]:
        """Run jobs, those first that most others wait for."""
        check_jobs(jobs)
        run = _Run(jobs, on_event)
        try:
            while run.unfinished:
                self._submit(run)
                wait(run.futures, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                self._listen(run)
                for future in [future for future in run.futures if future.done()]:
                    run.collect(future)
            if run.failures:
                raise run.failure()
        except BrokenProcessPool:
            self._listen(run)
            self.kill()
            raise WorkerDied([job.title or job.key for job in run.running()]) from None
        except BaseException:
            self.kill()
            raise
        return run.results

    def _submit(self, run: "_Run") -> None:
        # Made before SIGINT is blocked: starting multiprocessing's resource tracker unblocks it again.
        workers = self._workers()
        for job in run.ready():
            busy = sum(other.num_processes for other in run.futures.values())
            if busy and busy + job.num_processes > self.num_workers:
                break
            others = set(active_children())
            with _environment(self._variables()), _unheard(signal.SIGINT):
                submitted = workers.submit(work, job.key, job.function, job.kwargs)
            run.futures[submitted] = job
            self._processes |= set(active_children()) - others

    def _workers(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = get_context("spawn")
            self._messages: SimpleQueue[Message] = context.SimpleQueue()
            devices: SimpleQueue[str] = context.SimpleQueue()
            for device in islice(cycle(self.devices), self.num_workers):
                devices.put(device)
            self._pool = ProcessPoolExecutor(
                self.num_workers,
                mp_context=context,
                initializer=start,
                initargs=(self._messages, devices if self.devices else None),
            )
        return self._pool

    def _variables(self) -> dict[str, str]:
        return {**_QUIET, **dict.fromkeys(_THREADS, str(self.num_threads))}

    def _listen(self, run: "_Run") -> None:
        while self._pool is not None and not self._messages.empty():
            run.tell(self._messages.get())


class _Failure(NamedTuple):
    """A job that failed."""

    title: str
    error: str
    details: str


class _Run:
    """The state of one call of `run`."""

    def __init__(self, jobs: Sequence[Job], on_event: OnEvent) -> None:
        self.jobs = {job.key: job for job in jobs}
        self.results: dict[str, JsonValue] = {}
        self.futures: dict[Future[Outcome], Job] = {}
        self.failures: list[_Failure] = []
        self._lost: set[str] = set()
        self._on_event = on_event
        self._started: dict[str, float] = {}
        self._rank = _critical_paths(self.jobs)

    @property
    def unfinished(self) -> bool:
        return len(self.results) + len(self._lost) < len(self.jobs)

    def failure(self) -> JobFailed:
        """Return what failed first, what became of the jobs beside it, and every traceback."""
        (title, error, _), *rest = self.failures
        waiting = len(self._lost) - len(self.failures)
        text = [f"{', '.join(one.title for one in rest)} failed too"] if rest else []
        text += [f"jobs not started for want of what is missing: {waiting}"] if waiting else []
        details = "\n".join(f"{one.title}\n{one.details}" for one in self.failures if one.details)
        others = f" ({'; '.join(text)})" if text else ""
        return JobFailed(title, f"{error}{others}", details, self.results)

    def running(self) -> list[Job]:
        return [self.jobs[key] for key in self._started if key not in self.results]

    def ready(self) -> list[Job]:
        """Return the jobs that can start, the longest way from the end first."""
        settled = {job.key for job in self.futures.values()} | self._lost | self.results.keys()
        waiting = [job for key, job in self.jobs.items() if key not in settled]
        free = [job for job in waiting if all(n in self.results or n not in self.jobs for n in job.needs)]
        return sorted(free, key=lambda job: -self._rank[job.key])

    def tell(self, message: Message) -> None:
        job = self.jobs.get(message.key)
        if job is None or job.key in self.results or job.key in self._lost:
            return
        kind: Literal["started", "progress"] = "progress" if job.key in self._started else "started"
        start = self._started.setdefault(job.key, time.monotonic())
        self._on_event(Event(kind, job, message.done, message.text, time.monotonic() - start))

    def collect(self, future: Future[Outcome]) -> None:
        job = self.futures.pop(future)
        outcome = future.result()
        seconds = time.monotonic() - self._started.pop(job.key, time.monotonic())
        if outcome.error is not None:
            self._on_event(Event("failed", job, 0.0, outcome.error, seconds))
            self.failures.append(_Failure(job.title or job.key, outcome.error, outcome.details))
            self._lose(job.key)
            return
        self.results[job.key] = outcome.result
        self._on_event(Event("finished", job, 1.0, "", seconds))

    def _lose(self, lost: str) -> None:
        """Give up a job and all that need it."""
        self._lost.add(lost)
        for key, job in self.jobs.items():
            if lost in job.needs and key not in self._lost:
                self._on_event(Event("dropped", job))
                self._lose(key)


def num_workers(wanted: int | None, bases: Iterable[str]) -> int:
    """Return how many processes are to work, each of which holds a copy of its base.

    Args:
        wanted: What the user says; by default one for each core, at most eight, where every base is the
            embedded one. Where another is, several might not fit beside each other: one for each GPU, and
            one where there is none.
        bases: Of what is made or asked.

    Raises:
        BadInput: Fewer than one are wanted.
    """
    if wanted is not None and wanted < 1:
        raise BadInput("num_workers", wanted, "at least 1")
    return wanted or (min(num_cores(), MAX_WORKERS) if _all_embedded(bases) else max(1, len(gpus())))


def _all_embedded(bases: Iterable[str]) -> bool:
    return all(base == "embedded" for base in bases)


def gpus() -> tuple[str, ...]:
    """Return the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them: numbers or UUIDs."""
    value = os.environ.get(VISIBLE)
    if value is not None:
        # CUDA sees nothing of what stands behind a name that is none.
        return tuple(takewhile(lambda name: name not in ("", "-1"), map(str.strip, value.split(","))))
    if not _DRIVER.exists():
        return ()
    import torch  # seconds, which only a machine with a GPU costs

    return tuple(map(str, range(torch.cuda.device_count())))


def num_cores() -> int:
    """Return how many cores this process may use; all of them where the system does not tell (macOS)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_jobs(jobs: Sequence[Job]) -> None:
    """Refuse jobs of which two have one key, or which wait for each other.

    Raises:
        BadInput: With the keys.
    """
    keys = [job.key for job in jobs]
    if len(set(keys)) < len(keys):
        raise BadInput("jobs", sorted({key for key in keys if keys.count(key) > 1}), "each key once")
    try:
        _order({job.key: job for job in jobs})
    except CycleError as error:
        among = sorted({*error.args[1]})
        raise BadInput("jobs", among, "no job may wait for itself, directly or through others") from None


def _order(jobs: Mapping[str, Job]) -> list[str]:
    """Return the keys of jobs, each behind those of its needs that are among them."""
    needs = {key: [need for need in job.needs if need in jobs] for key, job in jobs.items()}
    return list(TopologicalSorter(needs).static_order())


def _critical_paths(jobs: Mapping[str, Job]) -> dict[str, float]:
    """Return for each job the seconds from its start to the end of the longest chain that waits for it."""
    behind = dict.fromkeys(jobs, 0.0)
    for key in reversed(_order(jobs)):
        own = jobs[key].estimate_s
        behind[key] += 1.0 if own is None else own
        for need in jobs[key].needs:
            if need in jobs:
                behind[need] = max(behind[need], behind[key])
    return behind


@contextmanager
def _unheard(number: signal.Signals) -> Iterator[None]:
    """Keep a signal waiting; processes started meanwhile never hear it, from their first instruction on."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the processes started meanwhile; libraries read them as they load."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
