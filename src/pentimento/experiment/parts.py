"""One recipe of an experiment: its folder, what it lacks, and making that."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import JsonValue

from pentimento.evals.judges import stage_judge
from pentimento.evals.planning import asking
from pentimento.evals.planning.heldout import check_evaluations
from pentimento.experiment.folders import RunFolder, relative
from pentimento.experiment.progress import Progress
from pentimento.results import write_report
from pentimento.training.exceptions import JobFailed
from pentimento.training.recipes.recipe import Recipe
from pentimento.training.running.executors import Executor, Job
from pentimento.training.running.launching import Launch
from pentimento.training.running.plan import MANIFEST, Bases, Planned, plan


class Part(NamedTuple):
    """One recipe, or one suite over organisms, and its folder."""

    folder: RunFolder
    base: str
    store: Path
    evaluations: tuple[asking.Asked, ...]
    organisms: tuple[dict[str, Any], ...]
    """As `run.json` lists them, their paths relative to the run's folder."""
    jobs: tuple[Job, ...] = ()
    """One for each organism that is not there."""
    planned: tuple[Planned, ...] = ()
    """What a recipe makes; nothing of a suite over organisms."""
    regained: tuple[dict[str, Any], ...] = ()
    """The same of the doses of stages after them."""
    leaks: tuple[dict[str, Any], ...] = ()
    """What its evaluations share with its stages and must not, where that was allowed."""

    def lacks(self, keys: Collection[str]) -> bool:
        """Whether one of these jobs is for it."""
        mine = {job.key for job in self.jobs} | {one.job_key for one in self.evaluations}
        return not mine.isdisjoint(keys)

    @property
    def trained(self) -> bool:
        """Whether every organism is there."""
        return all((self.store / job.key / MANIFEST).is_file() for job in self.jobs)

    def write(self, *, complete: bool) -> None:
        """Write `run.json`."""
        self.folder.write(self.organisms, self.regained, self.leaks, complete=complete)

    def report(self) -> None:
        """Write the report, unless it is the one of these logs already."""
        self.write(complete=True)
        if not self.folder.finished:
            write_report(self.folder.path)


class Options(NamedTuple):
    """How recipes are to be made."""

    store: Path
    dtype: str
    report_to: str
    launch: Launch
    allow_leaks: bool


def part_of(recipe: Recipe, path: Path, options: Options, bases: Bases) -> Part:
    """Plan a recipe, and refuse what is bad input or would write over another run.

    Args:
        recipe: What to make.
        path: The folder of its run.
        options: How.
        bases: What is known of bases; provisional ones are for a plan alone.

    Raises:
        BadInput: The folder holds another run, or the recipe cannot be made or asked as it says.
    """
    folder = RunFolder(path, recipe)
    folder.check()
    leaks = tuple(leak._asdict() for leak in check_evaluations(recipe, allow_leaks=options.allow_leaks))
    if not bases.provisional:
        stage_judge.check_judges(recipe)
    planned = plan(
        recipe,
        options.store,
        dtype=options.dtype,
        report_to=options.report_to,
        judges=stage_judge.asker,
        bases=bases,
        launch=options.launch,
    )
    organisms = tuple(_organism(one, options.store, path) for one in planned.finished)
    folder.check(organisms)
    store = options.store.resolve()
    subjects = [asking.Subject(one.role, one.seed, one.key, store / one.key) for one in planned.finished]
    doses = [
        _dose(one, dose, recipe, options.store, path)
        for one in planned.organisms
        if one.after
        for dose in one.after.doses
    ]
    evaluations = (*asking.asked(recipe, subjects), *(evaluation for _, evaluation in doses))
    return Part(
        folder=folder,
        base=recipe.base,
        store=options.store,
        evaluations=evaluations,
        organisms=organisms,
        jobs=planned.jobs,
        planned=planned.organisms,
        regained=tuple(entry for entry, _ in doses),
        leaks=leaks,
    )


def training_jobs(parts: Sequence[Part]) -> list[Job]:
    """Return a job for each organism that is missing, once."""
    return list({job.key: job for part in parts for job in part.jobs}.values())


def missing_jobs(parts: Sequence[Part]) -> list[Job]:
    """Return what is missing, each organism and each evaluation once."""
    return [*training_jobs(parts), *asking.jobs(one for part in parts for one in part.evaluations)]


class Outcome(NamedTuple):
    """What came of jobs."""

    whole: list[Part]
    """The parts of which nothing is missing; their reports are written."""
    failure: JobFailed | None = None


def carry_out(
    parts: Sequence[Part],
    executor: Executor,
    progress: Progress,
    *,
    missing: Collection[str],
    jobs: Sequence[Job],
) -> Outcome:
    """Do jobs of the parts, and write the reports of those that are whole then.

    Args:
        parts: Of one experiment.
        executor: Runs the jobs.
        progress: Follows them.
        missing: Keys of all jobs that the parts lack.
        jobs: Those of them to do now.

    Raises:
        BadInput: Another process is at work in a folder.
    """
    failure: JobFailed | None = None
    with ExitStack() as stack:
        for part in parts:
            stack.enter_context(part.folder.locked())
        if isinstance(executor, AbstractContextManager):
            stack.enter_context(executor)
        made: dict[str, JsonValue] = {}
        lacking: list[Part] = []
        for part in parts:  # before any log: a folder that holds logs and no run is refused
            lacks = part.lacks(missing)
            part.write(complete=not lacks)
            if lacks:
                lacking.append(part)
            else:
                asking.collect(part.evaluations, part.folder.path)
        try:
            if jobs:
                with progress.jobs(jobs, executor.num_workers) as on_event:
                    made = executor.run(jobs, on_event)
        except JobFailed as error:
            failure, made = error, dict(error.results)
        finally:  # so that what is finished can be looked at, and reported
            for part in lacking:
                asking.collect(part.evaluations, part.folder.path)
        for job in jobs:
            if job.key in made:
                progress.made(job, made[job.key])
        left = set(missing) - made.keys()
        whole = [part for part in parts if not part.lacks(left)]
        for part in progress.each(whole, "reports"):
            part.report()
    return Outcome(whole, failure)


def _organism(planned: Planned, store: Path, output: Path) -> dict[str, Any]:
    """Return an organism as `run.json` lists it."""
    return {
        "role": planned.role,
        "seed": planned.seed,
        "key": planned.key,
        "path": relative(store / planned.key, output),
        "implanted": list(planned.implanted),
        "opposed": list(planned.opposed),
    }


def _dose(
    planned: Planned, dose: int, recipe: Recipe, store: Path, output: Path
) -> tuple[dict[str, Any], asking.Asked]:
    """Return one dose of a stage after an organism as `run.json` lists it, and what it is asked."""
    assert planned.after is not None
    kind, repeat, doses, asked = planned.after
    folder = planned.dose_folder(store.resolve(), dose)
    key = planned.key if dose == doses[-1] else f"{planned.key}-{folder.name}"
    fields = {
        "role": planned.role,
        "seed": planned.seed,
        "kind": kind,
        "repeat": repeat,
        "steps": dose,
        "key": key,
        "path": relative(planned.dose_folder(store, dose), output),
    }
    return fields, asking.asked_dose(fields, folder, asked, recipe, planned.key)
