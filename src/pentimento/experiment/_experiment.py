"""An experiment: a recipe, a design, or a suite over organisms, with the folder of its run."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

from pentimento.evals.planning import asking
from pentimento.evals.planning.suites import Line, Size
from pentimento.experiment import suites
from pentimento.experiment.folders import DesignFolder, read_report
from pentimento.experiment.parts import (
    Options,
    Part,
    carry_out,
    missing_jobs,
    part_of,
    training_jobs,
)
from pentimento.experiment.progress import Progress, Silent
from pentimento.results import DesignReport, Report, write_design
from pentimento.results.comparison.designs import read_design
from pentimento.tasks.exceptions import BadInput
from pentimento.training.bases.identity import num_bytes
from pentimento.training.organisms.organism import Organism, read_manifest
from pentimento.training.recipes.catalogue import find_recipe
from pentimento.training.recipes.designs import Design
from pentimento.training.recipes.recipe import Recipe
from pentimento.training.running.executors import Executor, Job, LocalExecutor, num_workers
from pentimento.training.running.launching import ALONE, Launch
from pentimento.training.running.plan import Bases, Planned, estimate

STORE = Path("runs/organisms")


class ExperimentPlan(NamedTuple):
    """What an experiment takes, and what of it is there."""

    organisms: tuple[Planned, ...]
    """What a recipe makes, each once, in the order of making; nothing of a suite over organisms."""
    parts: tuple[Part, ...]
    """One for each recipe."""
    evaluations: tuple[asking.Asked, ...]
    """Each once."""
    missing: tuple[Job, ...]
    """What is still to do: training jobs, then evaluations."""
    num_workers: int
    lines: tuple[Line, ...] = ()
    """Of a suite: what it asks of each organism."""
    provisional: tuple[str, ...] = ()
    """Bases that could not be looked up; the keys on them are no organism's."""

    @property
    def num_there(self) -> int:
        """Evaluations whose log is there."""
        return len(self.evaluations) - len(asking.jobs(self.evaluations))

    @property
    def estimate_s(self) -> float | None:
        """Seconds for what is missing, or None where a part was never timed."""
        return estimate(self.missing, self.num_workers)

    @property
    def memory_bytes(self) -> int | None:
        """Bytes of the weights that all workers hold at once; None where a base's are not on this machine."""
        held = [num_bytes(part.base) for part in self.parts]
        known = [one for one in held if one is not None]
        return self.num_workers * max(known) if len(known) == len(held) and known else None

    def cost(self, per_hour: float) -> float | None:
        """Return what the machine costs for what is missing, at a price an hour."""
        return None if self.estimate_s is None else self.estimate_s / 3600 * per_hour


class Experiment:
    """A recipe or a design with the folder of its run: planned, trained, evaluated, analysed.

    What is there is not made again: an interrupted experiment goes on, and two share the organisms that they
    have in common. Nothing is printed; `progress` follows what is done.

    Worker processes import the script that started them: one that is run as a file calls what follows under
    `if __name__ == "__main__":`.

    Args:
        recipe: A recipe, a design, the name of one in the catalogue, or a YAML file that holds one; or a
            suite, as `over` makes it.
        folder: Where logs and reports go; by default runs/NAME. A folder of another run is refused.
        store: Where organisms are kept, for all experiments together.
        executor: What runs the jobs; by default worker processes on this machine.
        workers: How many of those; by default as many as the machine has room for.
        dtype: Precision of the base.
        launch: How many processes train a stage together.
        report_to: A tracker that transformers knows.
        allow_leaks: Go on where an evaluation shares with the training what it must not; reports mark it.
        progress: Follows what is done.

    Raises:
        BadInput: There is no such recipe, or fewer than one worker is wanted.

    Example:
        >>> experiment = Experiment("quickstart", folder="runs/quickstart")
        >>> experiment.plan().estimate_s
        >>> experiment.run().verdict
        'undetermined'
    """

    def __init__(
        self,
        recipe: str | Recipe | Design | suites.Suite,
        *,
        folder: str | Path | None = None,
        store: str | Path = STORE,
        executor: Executor | None = None,
        workers: int | None = None,
        dtype: str = "auto",
        launch: Launch = ALONE,
        report_to: str = "none",
        allow_leaks: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self._options = Options(Path(store), dtype, report_to, launch, allow_leaks)
        self._suite: suites.Questions | None = None
        self._recipes: Sequence[Recipe] = ()
        self.recipe: Recipe | Design | None = None
        if isinstance(recipe, suites.Suite):
            self._suite = suites.questions_of(recipe, self._options.store)
            name, self._bases = self._suite.examined.name, {self._suite.examined.base}
        else:
            self.recipe = find_recipe(recipe) if isinstance(recipe, str) else recipe
            self._recipes = self.recipe.recipes if isinstance(self.recipe, Design) else (self.recipe,)
            name, self._bases = self.recipe.name, {one.base for one in self._recipes}
        self.folder = Path(folder if folder is not None else Path("runs") / name)
        self._executor, self._workers = executor, workers
        self._num_workers = num_workers(workers, self._bases) if executor is None else executor.num_workers
        self._progress: Progress = progress or Silent()

    @classmethod
    def over(
        cls,
        organism: str | Path,
        *,
        size: Size = "full",
        goal: str | None = None,
        twin: str | Path | None = None,
        width: float | None = None,
        folder: str | Path | None = None,
        store: str | Path = STORE,
        executor: Executor | None = None,
        workers: int | None = None,
        allow_leaks: bool = False,
        progress: Progress | None = None,
    ) -> Self:
        """Return the experiment that asks organisms which are there, and trains nothing.

        Args:
            organism: An organism's folder, a shipped one's name, `embedded`, or the folder of a run, all of
                whose organisms are asked.
            size: full asks all that a verdict takes without further training; quick what decides most often.
            goal: What may be left; by default what was implanted first.
            twin: An organism that went through the same opposing training without the implant.
            width: How wide the 95 % interval over scenarios of a mean over families may be.
            folder: Where logs and report go; by default runs/NAME-SIZE.
            store: Where the base and shipped organisms are kept with what they answered.
            executor: As in `Experiment`.
            workers: As in `Experiment`.
            allow_leaks: As in `Experiment`.
            progress: As in `Experiment`.

        Raises:
            BadInput: The organism, the goal or the width is not what it has to be.

        Example:
            >>> Experiment.over("faker", twin="opposed_only", size="quick").run().verdict
        """
        beside = None if twin is None else str(twin)
        return cls(
            suites.Suite(str(organism), size, goal, beside, width),
            folder=folder,
            store=store,
            executor=executor,
            workers=workers,
            allow_leaks=allow_leaks,
            progress=progress,
        )

    def plan(self) -> ExperimentPlan:
        """Return what is to be done and what is there, without doing or writing anything.

        Raises:
            BadInput: The folder holds another run, or the recipe cannot be made or asked as it says.
        """
        bases = Bases(self._options.store, provisional=True)
        parts = tuple(self._parts(bases))
        return ExperimentPlan(
            organisms=tuple({one.key: one for part in parts for one in part.planned}.values()),
            parts=parts,
            evaluations=tuple({one.log: one for part in parts for one in part.evaluations}.values()),
            missing=tuple(missing_jobs(parts)),
            num_workers=self._num_workers,
            lines=() if self._suite is None else self._suite.lines,
            provisional=tuple(
                dict.fromkeys(one.base for one in self._recipes if bases.identity(one.base) is None)
            ),
        )

    def train(self) -> tuple[Organism, ...]:
        """Make the organisms that are missing, and return all that are to be asked.

        Raises:
            BadInput: The folder holds another run, or another process is at work there.
            JobFailed: A stage failed; what does not need it is made.
        """
        parts = self._parts()
        self._carry_out(parts, training_jobs(parts), missing_jobs(parts))
        paths = [part.folder.path / str(one["path"]) for part in parts for one in part.organisms]
        return tuple(Organism(path, read_manifest(path)) for path in dict.fromkeys(paths))

    def evaluate(self) -> tuple[Path, ...]:
        """Ask every organism what is missing, and return the logs.

        Raises:
            BadInput: An organism is not there: `train` makes it.
            JobFailed: An evaluation failed; the others are kept.
        """
        parts = self._parts()
        lacking = next((part for part in parts if not part.trained), None)
        if lacking is not None:
            raise BadInput("folder", str(lacking.folder.path), "one whose organisms are made: call train()")
        missing = missing_jobs(parts)
        self._carry_out(parts, missing, missing)
        return tuple(
            link
            for part in parts
            for one in part.evaluations
            if (link := one.link(part.folder.path)).is_file()
        )

    def analyse(self) -> Report | DesignReport:
        """Write the report of what is there, and return it as data.

        Raises:
            BadInput: A recipe's organisms or logs are not all there.
            NoRun: No recipe of a design is whole.
        """
        parts = self._parts()
        return self._report(self._carry_out(parts, [], missing_jobs(parts)))

    def run(self) -> Report | DesignReport:
        """Train what is missing, evaluate what is missing, and return the report.

        Raises:
            BadInput: The folder holds another run, or another process is at work there.
            JobFailed: A job failed; what does not need it is made, and every whole recipe reported.
        """
        parts = self._parts()
        missing = missing_jobs(parts)
        return self._report(self._carry_out(parts, missing, missing))

    def _report(self, whole: Sequence[Part]) -> Report | DesignReport:
        if isinstance(self.recipe, Design):
            write_design(self.folder)
            return read_design(self.folder)
        if not whole:
            raise BadInput("folder", str(self.folder), "one whose organisms and logs are all there")
        return read_report(self.folder)

    def _carry_out(self, parts: Sequence[Part], jobs: Sequence[Job], missing: Sequence[Job]) -> list[Part]:
        """Do jobs, and return the parts of which nothing is missing then."""
        if isinstance(self.recipe, Design):  # before its recipes' folders, which nobody would know without it
            DesignFolder(self.folder, self.recipe).write()
        if self._suite is not None:
            suites.fetch(self._suite)
        executor = self._executor or LocalExecutor.of(
            self._workers, self._bases, num_processes=self._options.launch.num_processes
        )
        keys = {job.key for job in missing}
        whole, failure = carry_out(parts, executor, self._progress, missing=keys, jobs=jobs)
        if failure is not None:
            if isinstance(self.recipe, Design) and whole:
                write_design(self.folder)
            raise failure
        return whole

    def _parts(self, bases: Bases | None = None) -> list[Part]:
        if self._suite is not None:
            return [suites.part_of(self._suite, self.folder, allow_leaks=self._options.allow_leaks)]
        if isinstance(self.recipe, Design):
            DesignFolder(self.folder, self.recipe).check()
            placed = [(self.folder / one.name, one) for one in self._recipes]
        else:
            placed = [(self.folder, one) for one in self._recipes]
        bases = bases or Bases(self._options.store)
        return [
            part_of(recipe, path, self._options, bases)
            for path, recipe in self._progress.each(placed, "plans")
        ]
