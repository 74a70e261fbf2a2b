"""A whole run: train what is missing, evaluate what is missing, report. The rooms do the work."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue
from rich.console import Console
from rich.table import Table

from pentimento._files import write_atomically
from pentimento._folder import RunFolder, print_summary
from pentimento._progress import duration, shown
from pentimento.evals import suite
from pentimento.evals.heldout import check_evaluations
from pentimento.results import write_report
from pentimento.tasks import goals
from pentimento.tasks.exceptions import PentimentoError
from pentimento.training import runner
from pentimento.training.exceptions import JobFailed
from pentimento.training.executors import Executor, Job, LocalExecutor, OnEvent
from pentimento.training.recipes import Recipe
from pentimento.training.stages import Stage

ERROR = "error.txt"


def run(recipe: Recipe, output: Path, store: Path, workers: int | None, report_to: str) -> None:
    """Make what a recipe still lacks, write its report, and print the summary.

    Raises:
        BadInput: The output folder holds another run, or another process is at work there.
        PentimentoError: A job failed; what is finished is kept.
    """
    console = Console()
    folder = RunFolder(output, recipe)
    folder.check()
    check_evaluations(recipe)
    executor = LocalExecutor(workers)
    plan = runner.plan(recipe, store, report_to=report_to, num_workers=executor.num_workers)
    organisms = _organisms(plan, output)
    folder.check(organisms)
    with folder.locked(), executor:
        jobs = _jobs(plan, output)
        if jobs:
            folder.write(organisms, complete=False)
            with shown(jobs, executor.num_workers, console) as on_event:
                made = _execute(executor, jobs, on_event, output)
            _warn(jobs, made, console)
        if not folder.finished:
            folder.write(organisms, complete=True)
            write_report(output)
    print_summary(output)


def dry_run(recipe: Recipe, output: Path, store: Path, workers: int | None) -> None:
    """Print which stages and evaluations are there, which are missing, and how long they will take."""
    console = Console()
    folder = RunFolder(output, recipe)
    folder.check()
    check_evaluations(recipe)
    num_workers = LocalExecutor(workers).num_workers
    plan = runner.plan(recipe, store, num_workers=num_workers)
    folder.check(_organisms(plan, output))
    table = Table("organism", "last stage", "key", "", box=None, pad_edge=False)
    for planned in plan.describe():
        stage = planned.stages[-1].title if planned.stages else "the base"
        estimate = "time unknown" if planned.estimate_s is None else f"about {duration(planned.estimate_s)}"
        table.add_row(planned.title, stage, planned.key, "there" if planned.done else estimate)
    console.print(table)
    evaluations = suite.jobs(recipe, _subjects(plan), output)
    whole = len(recipe.evals) * len(plan.organisms)
    console.print(f"evaluations: {whole - len(evaluations)} of {whole} are there", highlight=False)
    left_s = plan._replace(jobs=tuple(_jobs(plan, output))).estimate_s
    told = "unknown for this base" if left_s is None else f"about {duration(left_s)}"
    console.print(f"time with {num_workers} workers: {told}", highlight=False)


def _execute(
    executor: Executor, jobs: Sequence[Job], on_event: OnEvent, output: Path
) -> dict[str, JsonValue]:
    try:
        return executor.run(jobs, on_event)
    except JobFailed as error:
        if not error.details:
            raise
        path = write_atomically(output / ERROR, error.details)
        raise PentimentoError(f"{error} (traceback in {path})") from error


def _warn(jobs: Sequence[Job], made: Mapping[str, JsonValue], console: Console) -> None:
    """Say of new organisms what their manifests say went not as planned."""
    for job in jobs:
        manifest = made.get(job.key)
        if not isinstance(manifest, dict):
            continue
        signal, settings = manifest.get("signal"), manifest.get("settings")
        if isinstance(signal, dict) and signal.get("message"):
            console.print(f"{job.title}: {signal['message']}", style="yellow")
        elif isinstance(settings, dict) and settings.get("target_reached") is False:
            console.print(f"{job.title}: the target strength was not reached", style="yellow")


def _jobs(plan: runner.Plan, output: Path) -> list[Job]:
    return [*plan.jobs, *suite.jobs(plan.recipe, _subjects(plan), output)]


def _subjects(plan: runner.Plan) -> list[suite.Subject]:
    store = plan.store.resolve()
    return [suite.Subject(o.role, o.seed, o.key, store / o.key) for o in plan.organisms]


def _organisms(plan: runner.Plan, output: Path) -> list[dict[str, Any]]:
    """Return the organisms as `run.json` lists them, their paths relative to the run's folder."""
    goal, opposite = plan.recipe.goal, goals[plan.recipe.goal].opposite
    return [
        {
            "role": planned.role,
            "seed": planned.seed,
            "key": planned.key,
            "path": Path(os.path.relpath(plan.store / planned.key, output)).as_posix(),
            "implanted": _families(planned.stages, goal),
            "opposed": _families(planned.stages, opposite),
        }
        for planned in plan.organisms
    ]


def _families(stages: Sequence[Stage], goal: str) -> list[str]:
    return [family for stage in stages if stage.goal == goal for family in stage.families]
