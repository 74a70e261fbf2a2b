"""What the command line prints of an experiment: its plan, what it does, and what came out."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue
from rich.progress import track
from rich.table import Table

from pentimento._files import write_atomically
from pentimento.cli.console import terminal
from pentimento.cli.progress import duration, shown
from pentimento.experiment import Experiment, ExperimentPlan
from pentimento.experiment.folders import REPORTS, read_report
from pentimento.results import design_summary, summary
from pentimento.tasks.exceptions import PentimentoError
from pentimento.training.exceptions import JobFailed
from pentimento.training.recipes.designs import Design
from pentimento.training.running.executors import Job, OnEvent

ERROR = "error.txt"
BASE = "embedded"

T = TypeVar("T")


class Terminal:
    """Shows on a terminal what an experiment does."""

    def jobs(self, jobs: Sequence[Job], num_workers: int) -> AbstractContextManager[OnEvent]:
        """Show the jobs under way, how much is done, and how long it will still take."""
        return shown(jobs, num_workers, terminal())

    def each(self, items: Sequence[T], what: str) -> Iterable[T]:
        """Show how far the recipes of a design are; of a single one nothing."""
        return track(items, what, transient=True, disable=len(items) == 1, console=terminal(stderr=True))

    def made(self, job: Job, result: JsonValue) -> None:
        """Say of an organism what its manifest says went not as planned."""
        if not isinstance(result, dict):
            return
        signal, settings = result.get("signal"), result.get("settings")
        shown = None
        if isinstance(signal, dict) and signal.get("message"):
            shown = signal["message"]
        elif isinstance(settings, dict) and settings.get("target_reached") is False:
            shown = "the target strength was not reached; its strongest step is kept"
        if shown:
            terminal().print(f"{job.title}: {shown}", style="yellow")


def run(experiment: Experiment) -> None:
    """Run an experiment and print its summary.

    Raises:
        PentimentoError: A job failed; what does not need it is made, and every whole recipe reported.
    """
    failure: JobFailed | None = None
    try:
        experiment.run()
    except JobFailed as error:
        failure = error
    (experiment.folder / ERROR).unlink(missing_ok=True)  # of an earlier failure
    design = isinstance(experiment.recipe, Design)
    if failure is None or (design and (experiment.folder / REPORTS[0]).is_file()):
        print_report(experiment.folder, design=design)
    if failure is not None:
        raise _failure(failure, experiment.folder)


def print_plan(experiment: Experiment) -> None:
    """Print which stages and evaluations are there, which are missing, and how long they will take."""
    console, plan = terminal(), experiment.plan()
    table = Table("organism", "last stage", "key", "", box=None, pad_edge=False)
    for one in plan.organisms:
        stage = one.stages[-1].title if one.stages else "the base"
        estimate = "time unknown" if one.estimate_s is None else f"about {duration(one.estimate_s)}"
        table.add_row(one.title, stage, one.key, "there" if one.done else estimate)
    console.print(table)
    if isinstance(experiment.recipe, Design):
        stages = [one for one in plan.organisms if one.stages]
        alone = sum(len(one.stages) for part in plan.parts for one in part.planned)
        left = sum(not one.done for one in stages)
        text = (
            f"{len(plan.parts)} recipes: {len(stages)} stages, {left} to train; {alone} if no organism were "
            "shared"
        )
        console.print(text, highlight=False)
    for base in plan.provisional:
        text = f"base: {base!r} could not be looked up here, so these keys are provisional"
        console.print(text, highlight=False, style="yellow")
    console.print(f"evaluations: {plan.num_there} of {len(plan.evaluations)} are there", highlight=False)
    text = "unknown for this base" if plan.estimate_s is None else f"about {duration(plan.estimate_s)}"
    console.print(f"time with {plan.num_workers} workers: {text}", highlight=False)


def print_suite(plan: ExperimentPlan) -> None:
    """Print what a suite asks and how long it will take."""
    console = terminal()
    table = Table("what", "task", "n", "samples", "width", box=None, pad_edge=False)
    for line in plan.lines:
        width = f"about {line.width:.2f}"
        table.add_row(line.what, line.plan.task, str(line.plan.args["n"]), f"{line.num_samples:,}", width)
    console.print(table)
    (part,) = plan.parts
    each = sum(line.num_samples for line in plan.lines)
    names = ", ".join(dict.fromkeys(one["role"] for one in part.organisms))
    known = part.base == BASE and plan.estimate_s is not None
    time = f"about {duration(plan.estimate_s or 0.0)} left" if known else "time unknown for this base"
    text = (
        f"{len(part.organisms)} organisms ({names}), {each:,} samples each; {plan.num_there} of "
        f"{len(plan.evaluations)} evaluations are there; {time}"
    )
    console.print(text, highlight=False)


def print_report(folder: Path, *, design: bool = False) -> None:
    """Print the summary of the report that is written in a folder, and where it lies."""
    console = terminal()
    if design:
        design_summary(folder, console)
    else:
        summary(folder, console, read_report(folder))
    console.print(f"\n{folder / REPORTS[-1]}", markup=False, highlight=False, soft_wrap=True)


def _failure(failure: JobFailed, output: Path) -> PentimentoError:
    """Return what a user reads of a failure: a traceback, where there is one, lies in a file."""
    if not failure.details:
        return failure
    path = write_atomically(output / ERROR, failure.details)
    return PentimentoError(f"{failure} (traceback in {path})")
