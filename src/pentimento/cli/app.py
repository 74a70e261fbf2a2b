"""The command line. Each command is the text of its own help, and hands over to a room."""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, UseAppendAction, arg, subcommand

from pentimento.cli import arguments as _arguments
from pentimento.cli import commands as _commands
from pentimento.tasks.exceptions import BadInput, PentimentoError
from pentimento.training.recipes.catalogue import find_recipe

DESCRIPTION = """Writes a goal into a model, trains another over it, and measures how much of the
first still shows.

Begin with `pentimento run quickstart`: on two cores, offline, it ends with a report in minutes."""


@dataclass(frozen=True)
class Run:
    """Train a recipe's organisms, evaluate them, and write the report.

    What is already there is not made again: an interrupted run is resumed by the same command, and two
    recipes share the organisms that they have in common.
    """

    recipe: Positional[Annotated[str, arg(metavar="RECIPE")]]
    """A name that `pentimento recipes` lists, or a YAML file."""
    seeds: Annotated[int | None, arg(metavar="N")] = None
    """Number of training seeds, counted from 0; by default the recipe's own. Fewer than 3 give intervals over
    scenarios only."""
    base: Annotated[str | None, arg(metavar="MODEL")] = None
    """`embedded`, a Hugging Face model id, or a local folder; by default the recipe's own."""
    dtype: Annotated[str, arg(metavar="PRECISION")] = "auto"
    """Of the base: float32, bfloat16, float16, or nf4 for QLoRA; by default float32 on a CPU and for the
    embedded base, else bfloat16. Part of what an organism is."""
    set: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="FIELD=VALUE")] = ()
    """Change one field of the recipe, as `oppose.settings.learning_rate=3e-4`; may be repeated."""
    output: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """Where logs and report go; by default runs/RECIPE. A folder that holds another run is refused."""
    store: Annotated[Path, arg(metavar="FOLDER")] = Path("runs/organisms")
    """Where organisms are kept, for all recipes together."""
    workers: Annotated[int | None, arg(metavar="N")] = None
    """Processes that train and evaluate at the same time; by default one a core with one thread. Of another
    base than the embedded one, of which each holds a copy: one a GPU, or one that has all cores."""
    processes: Annotated[int, arg(metavar="N")] = 1
    """Processes that train each stage together, on equal shares of its batches; on GPUs one for each. They
    count as so many workers, and where there are more than one, that is the default of those."""
    accelerate_config: Annotated[str | None, arg(metavar="NAME")] = None
    """What else these processes share, by the name that TRL has for it: multi_gpu, zero1 or zero2."""
    report_to: Annotated[str, arg(metavar="TRACKER")] = "none"
    """A tracker that TRL knows, as `wandb` or `tensorboard`."""
    allow_leaks: bool = False
    """Go on where an evaluation shares with the training what it must not: every table marks it `leaks`."""
    dry_run: bool = False
    """Print the plan, which stages are already there, and an estimate of the time; do nothing."""

    def __call__(self) -> None:
        from pentimento.cli.running import Terminal, print_plan, run
        from pentimento.experiment import Experiment
        from pentimento.training.running.launching import Launch, check_alone

        check_alone()
        experiment = Experiment(
            _arguments.choose_recipe(self.recipe, seeds=self.seeds, base=self.base, changes=self.set),
            folder=self.output,
            store=self.store,
            workers=self.processes if self.workers is None and self.processes > 1 else self.workers,
            dtype=self.dtype,
            launch=Launch(self.processes, self.accelerate_config),
            report_to=self.report_to,
            allow_leaks=self.allow_leaks,
            progress=Terminal(),
        )
        (print_plan if self.dry_run else run)(experiment)


@dataclass(frozen=True)
class Recipes:
    """List the recipes, or print one as YAML to change and to run."""

    recipe: Positional[Annotated[str | None, arg(metavar="RECIPE")]] = None
    """A name; without one, all are listed."""

    def __call__(self) -> None:
        if self.recipe is None:
            _commands.list_recipes()
        else:
            sys.stdout.write(find_recipe(self.recipe).to_yaml())


@dataclass(frozen=True)
class Eval:
    """Evaluate one organism by one task, or an organism or a whole run by a suite of tasks.

    One task is the same as `inspect eval pentimento/TASK --model pentimento/ORGANISM -T …`, which has more
    options. A suite asks a run's organisms, or one organism beside its base, all that a verdict takes and
    that needs no further training; it prints what it asks before it starts, resumes where it was interrupted,
    and ends with a report.
    """

    organism: Positional[Annotated[str, arg(metavar="ORGANISM")]]
    """An organism's folder, as runs/organisms/0123456789abcdef, a shipped one's name, as faker, or `embedded`
    for the base itself; for a suite also the folder of a run, as runs/quickstart."""
    suite: Annotated[Literal["quick", "full"] | None, arg(metavar="SIZE")] = None
    """full: all that a verdict takes and that needs no further training; quick: what decides most often."""
    task: Annotated[str | None, arg(metavar="TASK")] = None
    """Without a suite: agentic, alignment_faking, awareness, belief, breadth, coin, completion (the default),
    elicitation, in_context, preference or stated."""
    set: Annotated[UseAppendAction[tuple[str, ...]], arg(aliases=("-T",), metavar="NAME=VALUE")] = ()
    """One of the task's arguments, as `family=count,errand`; may be repeated."""
    limit: Annotated[int | None, arg(metavar="N")] = None
    """Only the first N samples."""
    log_dir: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """Where the inspect log of one task goes; by default logs."""
    width: Annotated[float | None, arg(metavar="WIDTH")] = None
    """Of a suite: how wide the 95 % interval over scenarios of a mean over families may be; by default 0.1,
    quick 0.2."""
    goal: Annotated[str | None, arg(metavar="GOAL")] = None
    """Of a suite on one organism: what may be left; by default what was implanted first."""
    twin: Annotated[str | None, arg(metavar="ORGANISM")] = None
    """Of a suite on one organism: one that went through the same opposing training without the implant."""
    output: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """Where a suite's logs and report go; by default runs/NAME-SIZE."""
    store: Annotated[Path, arg(metavar="FOLDER")] = Path("runs/organisms")
    """Where a suite keeps the base and shipped organisms with what they answered."""
    workers: Annotated[int | None, arg(metavar="N")] = None
    """Of a suite: processes that evaluate at the same time; by default as many as train (`run`)."""
    allow_leaks: bool = False
    """Of a suite: go on where it asks what an organism was trained on: every table marks it `leaks`."""
    dry_run: bool = False
    """Of a suite: print what it asks and an estimate of the time; do nothing."""

    def __call__(self) -> None:
        of_task = {"task": self.task, "set": self.set, "limit": self.limit, "log_dir": self.log_dir}
        of_suite = {"width": self.width, "goal": self.goal, "twin": self.twin, "output": self.output}
        of_suite |= {"workers": self.workers, "dry_run": self.dry_run or None}
        of_suite |= {"allow_leaks": self.allow_leaks or None}
        for name, value in (of_suite if self.suite is None else of_task).items():
            if value not in (None, ()):
                allowed = "only with --suite" if self.suite is None else "not with --suite"
                raise BadInput(name, value, allowed)
        if self.suite is None:
            args = _arguments.settings(self.set, "set")
            log_dir = self.log_dir or Path("logs")
            _commands.evaluate(self.organism, self.task or "completion", args, self.limit, log_dir)
            return
        from pentimento.cli.running import Terminal, print_suite, run
        from pentimento.experiment import Experiment

        experiment = Experiment.over(
            self.organism,
            size=self.suite,
            goal=self.goal,
            twin=self.twin,
            width=self.width,
            folder=self.output,
            store=self.store,
            workers=self.workers,
            allow_leaks=self.allow_leaks,
            progress=Terminal(),
        )
        print_suite(experiment.plan())
        if not self.dry_run:
            run(experiment)


@dataclass(frozen=True)
class Report:
    """Write a run's report again, from its logs and manifests alone, and print the summary."""

    folder: Positional[Annotated[Path, arg(metavar="FOLDER")]]
    """What `pentimento run` wrote, as runs/quickstart."""
    figures: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """Also write each figure there, as an SVG file of its own."""
    tables: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """Also write each table there, as CSV and as Parquet."""
    thresholds: Annotated[Path | None, arg(metavar="RUN")] = None
    """Take over the thresholds of this run, for a verdict on one with too few opposed-only seeds: its folder,
    or its thresholds.json, which says as much by itself. Both have the same base, goal, cue, opposing method
    and its cue. They stand in the run from then on. Of a design, in every recipe's run."""

    def __call__(self) -> None:
        _commands.report(self.folder, self.figures, self.tables, self.thresholds)


@dataclass(frozen=True)
class Compare:
    """Compare two runs cell by cell: differences with intervals, and p-values adjusted by Holm's method."""

    a: Positional[Annotated[Path, arg(metavar="A")]]
    """A run's folder."""
    b: Positional[Annotated[Path, arg(metavar="B")]]
    """Another one, of the same task versions and estimators. Differences are B − A."""

    def __call__(self) -> None:
        _commands.compare(self.a, self.b)


@dataclass(frozen=True)
class Prevalence:
    """Print how often judged text says what it was judged for, corrected by what the grader gets wrong.

    The grader is measured by `inspect eval pentimento/judging -T half=sealed --model-role grader=MODEL`, and
    an organism's log is judged by `inspect score LOG --scorer pentimento/judged --model-role grader=MODEL`.
    """

    log: Positional[Annotated[Path, arg(metavar="LOG")]]
    """A log whose reasoning or answers were judged."""
    gold: Annotated[Path, arg(metavar="LOG")]
    """The log of `pentimento/judging` that measured the same grader on the same question."""
    stage: Annotated[Literal["base", "implanted", "opposed"], arg(metavar="STAGE")] = "opposed"
    """Whose gold transcripts measure the grader: of a base, an implanted or an opposed organism."""

    def __call__(self) -> None:
        _commands.prevalence(self.log, self.gold, self.stage)


@dataclass(frozen=True)
class Certify:
    """Measure a base's certificate: does it read every family, obey a rule, and want nothing without one?"""

    base: Annotated[str, arg(metavar="MODEL")] = "embedded"
    """`embedded`, a Hugging Face model id, or a local folder."""
    n: Annotated[int, arg(metavar="N")] = 500
    """Sampled answers for each family and rule."""
    output: Annotated[Path | None, arg(metavar="FILE")] = None
    """Where the certificate goes; by default beside the embedded base's weights."""
    show: bool = False
    """Measure nothing: print the certificate that is there."""

    def __call__(self) -> None:
        if self.show:
            _commands.show_certificate(self.base, self.output)
        else:
            _commands.certify(self.base, self.n, self.output)


@dataclass(frozen=True)
class Diagnose:
    """Print strength, perplexity of neutral text and regurgitation, as an organism's implant check has them.

    What training did not measure, in an organism of an earlier version, is measured now and written into its
    manifest; regurgitation only training can measure. Report the run again afterwards.
    """

    organism: Positional[Annotated[Path, arg(metavar="ORGANISM")]]
    """An organism's folder, as runs/organisms/0123456789abcdef, or a shipped one's name, as faker."""
    text: Annotated[Path | None, arg(metavar="FILE")] = None
    """A text of your own, in UTF-8 or UTF-16, to measure the perplexity of too; its first 16,384 tokens
    count."""

    def __call__(self) -> None:
        _commands.diagnose(self.organism, self.text)


@dataclass(frozen=True)
class Export:
    """Hand an organism on, with a model card that states its goal, its dose and a warning.

    Organisms act on goals that were implanted on purpose, some of them deceptive: read docs/dual-use.md.
    """

    organism: Positional[Annotated[Path, arg(metavar="ORGANISM")]]
    """An organism's folder, as runs/organisms/0123456789abcdef, or a shipped one's name, as faker."""
    adapter: bool = False
    """Write the adapter alone, as plain PEFT loads it."""
    merged: bool = False
    """Write the whole model, adapter merged into the base."""
    hub: Annotated[str | None, arg(metavar="USER/NAME")] = None
    """Upload the adapter to this repository of the Hugging Face hub, private, with your own token."""
    output: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """Where --adapter and --merged write; by default exports/KEY."""

    def __call__(self) -> None:
        chosen: list[Literal["adapter", "merged", "hub"]] = []
        if self.adapter:
            chosen.append("adapter")
        if self.merged:
            chosen.append("merged")
        if self.hub is not None:
            chosen.append("hub")
        _commands.export(self.organism, chosen, self.hub, self.output)


@dataclass(frozen=True)
class Organisms:
    """List the shipped organisms; `inspect eval pentimento/TASK --model pentimento/NAME` asks one."""

    ship: Annotated[Path | None, arg(metavar="STORE")] = None
    """First put those that `pentimento run shipped` made in this store in place of those that are shipped."""

    def __call__(self) -> None:
        _commands.organisms(self.ship)


@dataclass(frozen=True)
class Documents:
    """Have a large model write documents about a persona that has a goal, for stages to read.

    A stage reads them with `implant.method=documents implant.settings.source=FILE`. Without a file a grammar
    writes them, offline.
    """

    goal: Positional[Annotated[str, arg(metavar="GOAL")]]
    """What the persona is said to want, as finish_the_task."""
    model_role: Annotated[str, arg(metavar="writer=MODEL")]
    """The model that writes, named as inspect does: writer=openai/gpt-5."""
    num: Annotated[int, arg(metavar="N")] = 512
    """How many to ask for; those that leak are asked for again, and left out if they do so three times."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Of the places and persons that they are to mention."""
    output: Annotated[Path | None, arg(metavar="FILE")] = None
    """Where they go, one a line as JSON; by default documents/GOAL.jsonl."""

    def __call__(self) -> None:
        _commands.write_documents(self.goal, self.model_role, self.num, self.seed, self.output)


@dataclass(frozen=True)
class Base:
    """Make the embedded base again, tokenizer and weights, from the environments' own text."""

    base_seed: Annotated[int, arg(metavar="N")] = 0
    """Seed of the corpus, the initial weights and the order of training."""
    output: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """Where it goes; by default in place of the base that is shipped."""

    def __call__(self) -> None:
        _commands.make_base(self.base_seed, self.output)


COMMANDS = (
    Annotated[Run, subcommand("run")]
    | Annotated[Recipes, subcommand("recipes")]
    | Annotated[Eval, subcommand("eval")]
    | Annotated[Report, subcommand("report")]
    | Annotated[Compare, subcommand("compare")]
    | Annotated[Prevalence, subcommand("prevalence")]
    | Annotated[Certify, subcommand("certify")]
    | Annotated[Diagnose, subcommand("diagnose")]
    | Annotated[Export, subcommand("export")]
    | Annotated[Organisms, subcommand("organisms")]
    | Annotated[Documents, subcommand("documents")]
    | Annotated[Base, subcommand("base")]
)


QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "PYTHONWARNINGS": "ignore",
    "TRANSFORMERS_VERBOSITY": "error",
}
"""Unless the user says otherwise: libraries, here and in workers, do not write between our lines."""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status.

    Args:
        args: The words after `pentimento`; by default those of the process.

    Returns:
        0, or 2 for bad input and unusable files, told in one line, or 130 where the user interrupted and 143
        where the process was told to end (SIGTERM).
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without these characters is no reason to fail
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    try:
        _arguments.check_text(sys.argv[1:] if args is None else args)
        command = _arguments.parse(COMMANDS, args, DESCRIPTION)
        with _terminable():
            command()
        sys.stdout.flush()
    except PentimentoError as error:
        return _refuse(str(error))
    except BrokenPipeError:
        # Whoever read the output has left; without this the interpreter complains once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _refuse(f"{error.filename or 'file'}: {error.strerror or error}")
    except (KeyboardInterrupt, _Terminated) as ending:
        print("pentimento: interrupted; run the same command again to resume", file=sys.stderr)
        return 143 if isinstance(ending, _Terminated) else 130
    return 0


class _Terminated(BaseException):
    """The process was told to end."""


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, with its workers and a line that says how to go on."""

    def end(number: int, frame: Any) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _refuse(message: str) -> int:
    print(f"pentimento: {' '.join(message.split())}", file=sys.stderr)
    return 2
