"""Every evaluation of a recipe as jobs, and one evaluation of one organism.

A log is run into a folder of its own and moved to its place when it is whole, so a log that stands in `logs/`
is finished: an interrupted run begins the missing ones again and leaves the others alone.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from inspect_ai import eval as inspect_eval
from pydantic import JsonValue

from pentimento.evals.coin.coin import VERSION as COIN
from pentimento.evals.completion.completion import VERSION as COMPLETION
from pentimento.evals.exceptions import FailedEval
from pentimento.evals.oversight.oversight import VERSION as OVERSIGHT
from pentimento.evals.preference.preference import VERSION as PREFERENCE
from pentimento.evals.stated.stated import VERSION as STATED
from pentimento.tasks.exceptions import UnknownName
from pentimento.training.executors import Job
from pentimento.training.recipes import EvalPlan, Recipe, resolve

LOGS = "logs"
PARTIAL = ".partial"
TASKS = {
    "completion": COMPLETION,
    "preference": PREFERENCE,
    "stated": STATED,
    "coin": COIN,
    "oversight": OVERSIGHT,
}
"""Every task and its version, which is part of a log's name: another version never takes it for its own."""

_SECONDS_A_SAMPLE = 0.012
_SECONDS_A_LOG = 0.5

Args = Mapping[str, JsonValue]


class Subject(NamedTuple):
    """An organism of a run that is to be measured."""

    role: str
    """M0, M1, M2, NEVER, benign or sham."""
    seed: int
    """Of the recipe."""
    key: str
    path: Path
    """Its folder."""


def jobs(recipe: Recipe, subjects: Iterable[Subject], output: Path) -> list[Job]:
    """Return a job for every evaluation of every organism whose log is not there yet.

    All organisms of one seed are asked the same scenarios. A job needs its organism.

    Args:
        recipe: Whose `evals` say what is measured.
        subjects: The organisms, M0 once for each seed.
        output: The run's folder; logs go to `logs/`.

    Raises:
        UnknownName: An evaluation's task does not exist.
    """
    made = []
    for subject in subjects:
        for plan in recipe.evals:
            args = arguments(plan, recipe, subject.seed)
            if not log_path(output, subject, plan.task, args).exists():
                made.append(_job(output, subject, plan.task, args))
    return made


def arguments(plan: EvalPlan, recipe: Recipe, seed: int) -> dict[str, JsonValue]:
    """Return an evaluation's arguments for one seed, with the families that its cell implants and opposes.

    Raises:
        UnknownName: There is no such task.
    """
    if plan.task not in TASKS:
        raise UnknownName("task", plan.task, TASKS)
    return dict(resolve(plan, recipe.cell(seed)))


def log_path(output: Path, subject: Subject, task: str, args: Args) -> Path:
    """Return where the finished log stands: its name says role, seed and task, and a hash the rest."""
    said = json.dumps([task, TASKS[task], subject.key, dict(args)], sort_keys=True)
    digest = hashlib.sha256(said.encode()).hexdigest()[:10]
    return output / LOGS / f"{subject.role}-{subject.seed}-{task}-{digest}.eval"


def run_eval(*, organism: str, key: str, task: str, args: dict[str, JsonValue], log: str) -> str:
    """Evaluate one organism into one log; does nothing where the log is there. Called by a worker process.

    Args:
        organism: The organism's folder.
        key: That its manifest must have.
        task: A name of `TASKS`.
        args: The task's arguments.
        log: Where the finished log goes.

    Returns:
        The log.

    Raises:
        FailedEval: The evaluation ended without every sample.
    """
    final = Path(log)
    if final.exists():
        return log
    partial = final.parent.parent / PARTIAL / final.stem
    shutil.rmtree(partial, ignore_errors=True)
    made = evaluate(organism, task, args, log_dir=partial, key=key, display="none")
    with made.open("rb") as file:
        os.fsync(file.fileno())
    final.parent.mkdir(parents=True, exist_ok=True)
    made.replace(final)
    shutil.rmtree(partial)
    return log


def evaluate(
    organism: str | Path,
    task: str,
    args: Args,
    *,
    log_dir: Path,
    key: str | None = None,
    display: str | None = None,
    limit: int | None = None,
) -> Path:
    """Evaluate one organism on one task and return the log.

    Args:
        organism: Its folder, "embedded", or the name of a model of another provider ("hf/…").
        task: A name of `TASKS`.
        args: The task's arguments.
        log_dir: Where the log goes.
        key: The organism's key, which its manifest must then have.
        display: How inspect shows progress; its own way by default.
        limit: Ask only the first samples; the log is then marked as partial in a report.

    Raises:
        UnknownName: There is no such task.
        Refused: An argument is not allowed, or the organism is not what it should be.
        FailedEval: The evaluation ended without every sample.
    """
    if task not in TASKS:
        raise UnknownName("task", task, TASKS)
    shown: Any = display
    (log,) = inspect_eval(
        f"pentimento/{task}",
        model=model_name(organism),
        model_args={} if key is None else {"organism": key},
        task_args=dict(args),
        log_dir=str(log_dir),
        log_format="eval",
        # Following a log while it grows costs as much again as the samples themselves.
        log_realtime=False,
        ctl_server=False,
        display=shown,
        limit=limit,
    )
    title = f"{task} on {organism}"
    if log.status != "success":
        raise FailedEval(title, log.status, _last_line(log.error.message if log.error else "no message"))
    done, asked = (log.results.completed_samples, log.results.total_samples) if log.results else (0, 1)
    if done < asked:
        raise FailedEval(title, log.status, f"{done} of {asked} samples")
    return Path(log.location)


def model_name(organism: str | Path) -> str:
    """Return inspect's name of an organism; names of other providers stay as they are."""
    name = str(organism)
    if isinstance(organism, Path) or name == "embedded" or Path(name).is_dir() or "/" not in name:
        return f"pentimento/{name}"
    return name


def _job(output: Path, subject: Subject, task: str, args: dict[str, JsonValue]) -> Job:
    path = log_path(output, subject, task, args)
    return Job(
        key=path.stem,
        function="pentimento.evals.suite:run_eval",
        kwargs={
            "organism": str(subject.path),
            "key": subject.key,
            "task": task,
            "args": args,
            "log": str(path),
        },
        needs=(subject.key,),
        estimate_s=_SECONDS_A_LOG + _SECONDS_A_SAMPLE * num_samples(args),
        title=f"evaluate {subject.role} (seed {subject.seed}): {task}",
    )


def num_samples(args: Args) -> int:
    """Return about how many samples a task with these arguments has, for estimates of time."""
    size = 1
    for name, every in (("family", 12), ("rung", 1), ("arm", 3), ("cue", 1)):
        value = str(args.get(name, "all" if name in ("family", "arm") else ""))
        size *= every if value == "all" else value.count(",") + 1
    return size * int(str(args.get("n", 50)))


def _last_line(message: str) -> str:
    lines = message.strip().splitlines()
    return lines[-1] if lines else "no message"
