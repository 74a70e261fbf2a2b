"""A whole run: train what is missing, evaluate what is missing, report. The rooms do the work."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import JsonValue
from rich.console import Console
from rich.progress import track
from rich.table import Table

from pentimento._files import write_atomically
from pentimento.cli.console import terminal
from pentimento.cli.folder import DesignFolder, RunFolder, print_design, print_summary, relative
from pentimento.cli.progress import duration, shown
from pentimento.evals.judges import stage_judge
from pentimento.evals.planning import asking
from pentimento.evals.planning.heldout import check_evaluations
from pentimento.results import write_design, write_report
from pentimento.tasks.exceptions import PentimentoError
from pentimento.training.exceptions import JobFailed
from pentimento.training.recipes.designs import Design
from pentimento.training.recipes.recipe import SUBSTITUTES, Recipe
from pentimento.training.running import plan as runner
from pentimento.training.running.executors import Job, LocalExecutor, num_workers
from pentimento.training.running.launching import ALONE, Launch

ERROR = "error.txt"
IMPLANTED = ("M1", "M2", *SUBSTITUTES)
OPPOSED = ("M2", "NEVER", "ERASED")


_T = TypeVar("_T")


class Part(NamedTuple):
    """One recipe of what is run, and its folder."""

    folder: RunFolder
    plan: runner.Plan
    evaluations: list[asking.Asked]
    organisms: list[dict[str, Any]]
    """As `run.json` lists them, their paths relative to the run's folder."""
    regained: list[dict[str, Any]]
    """The same of the doses of stages after them."""
    leaks: Sequence[dict[str, Any]] = ()
    """What its evaluations share with its stages and must not, where that was allowed."""

    def lacks(self, keys: Collection[str]) -> bool:
        """Whether one of these jobs is for it."""
        mine = {job.key for job in self.plan.jobs} | {one.job_key for one in self.evaluations}
        return not mine.isdisjoint(keys)

    def is_made(self) -> bool:
        """Whether every organism and every log is there."""
        made = all((self.plan.store / job.key / runner.MANIFEST).is_file() for job in self.plan.jobs)
        return made and not asking.jobs(self.evaluations)

    def write(self, *, complete: bool) -> None:
        """Write `run.json`."""
        self.folder.write(self.organisms, self.regained, self.leaks, complete=complete)

    def report(self) -> None:
        """Write the report, unless it is newer than all that it comes from."""
        self.write(complete=True)  # leaves the file alone where it says so already
        if not self.folder.finished:
            write_report(self.folder.path)


def run(
    recipe: Recipe | Design,
    output: Path,
    store: Path,
    workers: int | None,
    report_to: str,
    dtype: str = "auto",
    launch: Launch = ALONE,
    *,
    allow_leaks: bool = False,
) -> None:
    """Make what a recipe or a design still lacks, write the reports, and print the summary.

    Raises:
        BadInput: The output folder holds another run, or another process is at work there.
        PentimentoError: A job failed; what does not need it is made, and every whole recipe reported.
    """
    executor = LocalExecutor.of(workers, _bases(recipe), num_processes=launch.num_processes)
    num = executor.num_workers
    parts = _parts(recipe, output, store, report_to, dtype, num, launch, allow_leaks=allow_leaks)
    if isinstance(recipe, Design):  # before its recipes' folders, which nobody would know without it
        DesignFolder(output, recipe).write()
    failure = carry_out(parts, output, executor)
    if isinstance(recipe, Design):
        if any(part.folder.finished for part in parts):
            write_design(output)
            print_design(output)
    elif parts[0].folder.finished:
        print_summary(output)
    if failure is not None:
        raise told(failure, output)


def carry_out(parts: Sequence[Part], output: Path, executor: LocalExecutor) -> JobFailed | None:
    """Make what the parts lack, and write the reports of those that are whole.

    Returns:
        What failed, if anything did.

    Raises:
        BadInput: Another process is at work in a folder.
    """
    console = terminal()
    failure: JobFailed | None = None
    with ExitStack() as stack:
        for part in parts:
            stack.enter_context(part.folder.locked())
        stack.enter_context(executor)
        jobs = _jobs(parts)
        made: Mapping[str, JsonValue] = {}
        (output / ERROR).unlink(missing_ok=True)
        wanted = {job.key for job in jobs}
        lacking: list[Part] = []
        for part in parts:  # before any log: a folder that holds logs and no run is refused
            lacks = part.lacks(wanted)
            part.write(complete=not lacks)
            if lacks:
                lacking.append(part)
            else:
                asking.collect(part.evaluations, part.folder.path)
        try:
            if jobs:
                with shown(jobs, executor.num_workers, console) as on_event:
                    made = executor.run(jobs, on_event)
        except JobFailed as error:
            failure, made = error, error.results
        finally:  # so that what is finished can be looked at, and reported
            for part in lacking:
                asking.collect(part.evaluations, part.folder.path)
        _warn(jobs, made, console)
        whole = [part for part in parts if failure is None or part.is_made()]
        for part in _tracked(whole, "reports"):
            part.report()
    return failure


def dry_run(
    recipe: Recipe | Design,
    output: Path,
    store: Path,
    workers: int | None,
    dtype: str = "auto",
    launch: Launch = ALONE,
    *,
    allow_leaks: bool = False,
) -> None:
    """Print which stages and evaluations are there, which are missing, and how long they will take."""
    console = terminal()
    num = num_workers(workers, _bases(recipe))
    parts = _parts(
        recipe, output, store, "none", dtype, num, launch, allow_leaks=allow_leaks, provisional=True
    )
    planned = list({one.key: one for part in parts for one in part.plan.organisms}.values())
    table = Table("organism", "last stage", "key", "", box=None, pad_edge=False)
    for one in planned:
        stage = one.stages[-1].title if one.stages else "the base"
        estimate = "time unknown" if one.estimate_s is None else f"about {duration(one.estimate_s)}"
        table.add_row(one.title, stage, one.key, "there" if one.done else estimate)
    console.print(table)
    if isinstance(recipe, Design):
        stages = [one for one in planned if one.stages]
        alone = sum(len(one.stages) for part in parts for one in part.plan.organisms)
        left = sum(not one.done for one in stages)
        told = (
            f"{len(parts)} recipes: {len(stages)} stages, {left} to train; {alone} if no organism were shared"
        )
        console.print(told, highlight=False)
    for base in dict.fromkeys(part.plan.base for part in parts if part.plan.provisional):
        told = f"base: {base!r} could not be looked up here, so these keys are provisional"
        console.print(told, highlight=False, style="yellow")
    evaluations = {one.log: one for part in parts for one in part.evaluations}
    missing = asking.jobs(evaluations.values())
    there = len(evaluations) - len(missing)
    console.print(f"evaluations: {there} of {len(evaluations)} are there", highlight=False)
    left_s = parts[0].plan._replace(jobs=tuple(_jobs(parts))).estimate_s
    told = "unknown for this base" if left_s is None else f"about {duration(left_s)}"
    console.print(f"time with {num} workers: {told}", highlight=False)


def _bases(recipe: Recipe | Design) -> set[str]:
    return {one.base for one in (recipe.recipes if isinstance(recipe, Design) else (recipe,))}


def _parts(
    recipe: Recipe | Design,
    output: Path,
    store: Path,
    report_to: str,
    dtype: str,
    num: int,
    launch: Launch,
    *,
    allow_leaks: bool,
    provisional: bool = False,
) -> list[Part]:
    """Plan each recipe, and refuse what is bad input or would write over another run."""
    if isinstance(recipe, Design):
        DesignFolder(output, recipe).check()
        placed = [(output / one.name, one) for one in recipe.recipes]
    else:
        placed = [(output, recipe)]
    bases = runner.Bases(store, provisional=provisional)
    parts = []
    for path, one in _tracked(placed, "plans"):
        folder = RunFolder(path, one)
        folder.check()
        leaks = [leak._asdict() for leak in check_evaluations(one, allow_leaks=allow_leaks)]
        if not provisional:
            stage_judge.check_judges(one)
        plan = runner.plan(
            one,
            store,
            dtype=dtype,
            report_to=report_to,
            judges=stage_judge.ASKER,
            num_workers=num,
            bases=bases,
            launch=launch,
        )
        organisms = [_organism(planned, store, path) for planned in plan.finished]
        folder.check(organisms)
        subjects = [asking.Subject(o.role, o.seed, o.key, store.resolve() / o.key) for o in plan.finished]
        doses = [_dose(planned, dose, one, store, path) for planned in plan.organisms
                 if planned.after for dose in planned.after.doses]  # fmt: skip
        evaluations = [*asking.asked(one, subjects), *(asked for _, asked in doses)]
        parts.append(Part(folder, plan, evaluations, organisms, [said for said, _ in doses], leaks))
    return parts


def told(failure: JobFailed, output: Path) -> PentimentoError:
    """Return what a user reads of a failure: a traceback, where there is one, lies in a file."""
    if not failure.details:
        return failure
    path = write_atomically(output / ERROR, failure.details)
    return PentimentoError(f"{failure} (traceback in {path})")


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
            told = "the target strength was not reached; its strongest step is kept"
            console.print(f"{job.title}: {told}", style="yellow")


def _tracked(parts: Sequence[_T], what: str) -> Iterable[_T]:
    """Show how far the recipes of a design are; of a single one nothing."""
    return track(parts, what, transient=True, disable=len(parts) == 1, console=terminal(stderr=True))


def _jobs(parts: Sequence[Part]) -> list[Job]:
    """Return what is missing, each organism and each evaluation once."""
    making = {job.key: job for part in parts for job in part.plan.jobs}
    return [*making.values(), *asking.jobs(one for part in parts for one in part.evaluations)]


def _organism(planned: runner.Planned, store: Path, output: Path) -> dict[str, Any]:
    """Return an organism as `run.json` lists it."""
    implanted = planned.cell.implanted if planned.role in IMPLANTED else ()
    opposed = planned.cell.opposed if planned.role in OPPOSED else ()
    return {
        "role": planned.role,
        "seed": planned.seed,
        "key": planned.key,
        "path": relative(store / planned.key, output),
        "implanted": list(implanted),
        "opposed": list(opposed),
    }


def _dose(
    planned: runner.Planned, dose: int, recipe: Recipe, store: Path, output: Path
) -> tuple[dict[str, Any], asking.Asked]:
    """Return one dose of a stage after an organism as `run.json` lists it, and what it is asked."""
    assert planned.after is not None
    kind, repeat, doses, asked = planned.after
    folder = planned.dose_folder(store.resolve(), dose)
    key = planned.key if dose == doses[-1] else f"{planned.key}-{folder.name}"
    said = {
        "role": planned.role,
        "seed": planned.seed,
        "kind": kind,
        "repeat": repeat,
        "steps": dose,
        "key": key,
        "path": relative(planned.dose_folder(store, dose), output),
    }
    return said, asking.asked_dose(said, folder, asked, recipe, planned.key)
