"""What a run shows while it works: the jobs under way, how much is done, and how long it will still take."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from pentimento.training.running.executors import Event, Job, OnEvent

GUESS_S = 5.0
"""For a job that brings no estimate."""


class Schedule:
    """How much work is left, in seconds: estimates, corrected by how well they have held so far."""

    def __init__(self, jobs: Sequence[Job], num_workers: int) -> None:
        self._estimates = {job.key: GUESS_S if job.estimate_s is None else job.estimate_s for job in jobs}
        self._done = dict.fromkeys(self._estimates, 0.0)
        self._num_workers = num_workers
        self._spent_s = 0.0
        self._foreseen_s = 0.0

    def note(self, event: Event) -> None:
        """Take an event in; a job that has ended corrects the estimates of those that have not."""
        if event.kind == "finished":
            self._done[event.job.key] = 1.0
            self._spent_s += event.seconds
            self._foreseen_s += self._estimates[event.job.key]
        elif event.kind in ("failed", "dropped"):
            self._done[event.job.key] = 1.0
        else:
            self._done[event.job.key] = event.done

    @property
    def share(self) -> float:
        """Share in [0, 1] of the foreseen work that is done, or never will be."""
        total = sum(self._estimates.values())
        return (
            1.0 if not total else sum(self._estimates[key] * done for key, done in self._done.items()) / total
        )

    @property
    def left_s(self) -> float:
        """Seconds until the end, were all workers kept busy."""
        left = sum(self._estimates[key] * (1 - done) for key, done in self._done.items())
        # A few seconds of faith in the estimates, so that one short odd job does not rule the rest.
        slowness = (self._spent_s + GUESS_S) / (self._foreseen_s + GUESS_S)
        return slowness * left / self._num_workers


@contextmanager
def shown(jobs: Sequence[Job], num_workers: int, console: Console) -> Iterator[OnEvent]:
    """Show the progress of jobs: bars on a terminal, one line for each finished job elsewhere."""
    schedule = Schedule(jobs, num_workers)
    display = _Bars(jobs, schedule) if console.is_terminal else _Lines(jobs, schedule, console)

    def note(event: Event) -> None:
        if event.kind == "failed":
            text = f"{event.job.title or event.job.key} failed, the rest goes on: {event.text}"
            console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
        display.note(event)

    if isinstance(display, _Lines):
        yield note
        return
    with Live(display.group, console=console, transient=True, refresh_per_second=4):
        yield note


class _Lines:
    def __init__(self, jobs: Sequence[Job], schedule: Schedule, console: Console) -> None:
        self._schedule = schedule
        self._console = console
        self._num_jobs = len(jobs)
        self._num_done = 0

    def note(self, event: Event) -> None:
        self._schedule.note(event)
        self._num_done += event.kind in ("finished", "failed", "dropped")
        if event.kind == "finished":
            title = event.job.title or event.job.key
            times = f"{duration(event.seconds)}; {duration(self._schedule.left_s)} left"
            text = f"[{self._num_done}/{self._num_jobs}] {title}, {times}"
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class _Bars:
    def __init__(self, jobs: Sequence[Job], schedule: Schedule) -> None:
        self._schedule = schedule
        self._num_jobs = len(jobs)
        self._num_done = 0
        self._started = time.monotonic()
        title = TextColumn("{task.description}", markup=False)
        status = TextColumn("{task.fields[told]}", markup=False)
        self._all, self._each = (Progress(title, BarColumn(20), status) for _ in range(2))
        self._total = self._all.add_task("", total=1.0, told="")
        self._rows: dict[str, TaskID] = {}
        self.group = Group(self._each, self._all)
        self._refresh()

    def note(self, event: Event) -> None:
        self._schedule.note(event)
        key = event.job.key
        if event.kind in ("finished", "failed", "dropped"):
            self._num_done += 1
            if key in self._rows:
                self._each.remove_task(self._rows.pop(key))
        else:
            if key not in self._rows:
                self._rows[key] = self._each.add_task(event.job.title or key, total=1.0, told="")
            self._each.update(self._rows[key], completed=event.done, told=event.text)
        self._refresh()

    def _refresh(self) -> None:
        text = f"{duration(time.monotonic() - self._started)}, {duration(self._schedule.left_s)} left"
        described = f"{self._num_done} of {self._num_jobs} jobs"
        self._all.update(self._total, description=described, completed=self._schedule.share, told=text)


def duration(seconds: float) -> str:
    """Return a time as people say it.

    Example:
        >>> duration(71)
        '1 min 11 s'
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
