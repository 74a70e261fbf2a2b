"""Every evaluation of a recipe as jobs, and one evaluation of one organism.

A finished log lies with its organism, so recipes that ask it the same share it, and the `logs/` of each run
holds a link to it. Each evaluation is an inspect eval set in a folder of its own, and its log is moved to its
place when it is whole: an interrupted run asks the missing samples and leaves the others alone. Where an
organism was made anew, with other weights under the same key, its log counts as missing and is replaced.
"""

import hashlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from contextvars import copy_context
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any, NamedTuple

from filelock import FileLock
from inspect_ai import eval as inspect_eval
from inspect_ai import eval_set
from inspect_ai.log import read_eval_log
from inspect_ai.model import GenerateConfig, get_model
from pydantic import JsonValue

from pentimento._files import UNREADABLE, as_url, reading
from pentimento.evals._assembly import IsOrganism
from pentimento.evals.exceptions import FailedEval
from pentimento.evals.planning.tasks import TASKS, Args, check_task, samples_of
from pentimento.evals.records import logged_identity
from pentimento.training.recipes.recipe import EvalPlan, Recipe, resolve
from pentimento.training.recipes.settings import SAMPLING, Scalar, Settings
from pentimento.training.running.executors import Job
from pentimento.training.running.plan import MANIFEST

LOGS = "logs"
_LINK = re.compile(r".+-\d+-[\w.]+-[0-9a-f]{10}\.eval")
"""What `Asked.link` calls its links."""
RETRIES = 2
"""How often what failed in an evaluation is asked again before it counts as failed."""
_SECONDS_A_SAMPLE = 0.03
_SECONDS_A_LOG = 1.0


class Subject(NamedTuple):
    """An organism of a run that is to be measured."""

    role: str
    """Of an organism; with the stage, its repeat and the dose where one came after."""
    seed: int
    """Of the recipe."""
    key: str
    path: Path
    """Its folder."""
    maker: str = ""
    """Key of the organism that keeps it among its doses; empty where it is one by itself."""


class Asked(NamedTuple):
    """One evaluation of one organism."""

    subject: Subject
    task: str
    args: dict[str, JsonValue]
    sampling: Mapping[str, Scalar] = MappingProxyType({})
    """Settings of `SAMPLING` that are not at their defaults."""

    @property
    def name(self) -> str:
        """The task and a hash of all that the answers depend on beside the weights."""
        parts = [self.task, TASKS[self.task].version, self.subject.key, self.args]
        text = json.dumps([*parts, dict(self.sampling)] if self.sampling else parts, sort_keys=True)
        return f"{self.task.replace('/', '.')}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"

    @property
    def job_key(self) -> str:
        """Key of the job that runs it."""
        return f"{self.subject.key}-{self.name}"

    @property
    def log(self) -> Path:
        """Where the finished log lies with the organism."""
        return self.subject.path / LOGS / f"{self.name}.eval"

    def link(self, output: Path) -> Path:
        """Return where a run's folder links to it: the name says role, seed and task."""
        return output / LOGS / f"{self.subject.role}-{self.subject.seed}-{self.name}.eval"


def asked(recipe: Recipe, subjects: Iterable[Subject]) -> list[Asked]:
    """Return every evaluation of every organism; all organisms of one seed are asked the same scenarios.

    Args:
        recipe: Whose `evals` say what is measured.
        subjects: The organisms, the base once for each seed.

    Raises:
        UnknownName: An evaluation's task does not exist.
    """
    return [
        Asked(subject, plan.task, arguments(plan, recipe, subject.seed), unusual(recipe.sampling))
        for subject in subjects
        for plan in recipe.evals
    ]


def asked_dose(
    text: Mapping[str, Any], folder: Path, plan: EvalPlan, recipe: Recipe, maker: str = ""
) -> Asked:
    """Return what one dose of a stage after an organism is asked.

    Args:
        text: As `run.json` lists it: role, seed, kind, repeat, steps and key.
        folder: The dose's.
        plan: What is asked.
        recipe: Which resolves it.
        maker: Key of the organism that keeps the dose, where it is still to be made.
    """
    name = f"{text['role']}-{text['kind']}-{text['repeat']}-at-{text['steps']}"
    subject = Subject(name, text["seed"], text["key"], folder, maker)
    return Asked(subject, plan.task, arguments(plan, recipe, subject.seed), unusual(recipe.sampling))


def unusual(settings: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return what settings, of a recipe or of a manifest, say of sampling that is not the default."""
    usual = {name: Settings.model_fields[name].default for name in SAMPLING}
    return {name: settings[name] for name in SAMPLING if settings.get(name, usual[name]) != usual[name]}


def jobs(evaluations: Iterable[Asked]) -> list[Job]:
    """Return a job for every evaluation whose log is not there yet. A job needs its organism."""
    missing = {one.log: one for one in evaluations if not is_current(one.log, one.subject.path)}
    return [_job(one) for one in missing.values()]


def collect(evaluations: Iterable[Asked], output: Path) -> None:
    """Link every finished log into a run's folder; it is copied where the file system cannot link.

    A link of an evaluation that is asked no more, as of an earlier version of a task, is taken away; logs by
    other names stay.
    """
    links = {one.link(output): one for one in evaluations}
    for old in set((output / LOGS).glob("*.eval")) - links.keys():
        if _LINK.fullmatch(old.name):
            old.unlink()
    for link, one in links.items():
        linked = link.exists() and one.log.exists() and link.samefile(one.log)
        if linked or not is_current(one.log, one.subject.path):
            continue
        link.parent.mkdir(parents=True, exist_ok=True)
        partial = link.with_name(f".{link.name}.{os.getpid()}.partial")
        partial.unlink(missing_ok=True)
        try:
            os.link(one.log, partial)
        except OSError:
            shutil.copy2(one.log, partial)
        partial.replace(link)


def arguments(plan: EvalPlan, recipe: Recipe, seed: int) -> dict[str, JsonValue]:
    """Return an evaluation's arguments for one seed, with the families that its cell implants and opposes.

    Raises:
        UnknownName: There is no such task.
    """
    check_task(plan.task)
    return dict(resolve(plan, recipe.cell(seed)))


def is_current(log: Path, organism: Path) -> bool:
    """Return whether a finished log is about an organism as it now stands in its folder.

    One that was made again has the same key, but hardly the same adapter. False, too, where the log or the
    manifest is missing or cannot be read.
    """
    try:
        with reading():
            return bool(_identity(log)["adapter"] == _weights(organism))
    except UNREADABLE:
        return False


def _weights(organism: Path) -> str | None:
    """Return the hash of an organism's adapter, or of the base where it has none."""
    made = json.loads((organism / MANIFEST).read_bytes())
    weights: str | None = made["adapter_sha256"] or made.get("model_sha256")
    return weights


def _identity(log: Path) -> dict[str, Any]:
    """Return the organism's key and the hash of its weights that a log's header names."""
    try:
        with zipfile.ZipFile(log) as archive:
            header = json.loads(archive.read("header.json"))
    except NotImplementedError:  # compressed in a way that only inspect reads, which takes ten times as long
        with as_url(log) as place:
            return dict(logged_identity(read_eval_log(str(place), header_only=True).eval))
    return dict(header["eval"]["model_generate_config"]["extra_body"])


def run_eval(
    *, organism: str, key: str, task: str, args: dict[str, JsonValue], log: str, sampling: dict[str, Any]
) -> str:
    """Evaluate one organism into one log; does nothing where it is there. Called by a worker process.

    A log of the organism before it was made again is replaced, once the new one is whole.

    Args:
        organism: The organism's folder.
        key: That its manifest must have.
        task: A name of `TASKS`.
        args: The task's arguments.
        log: Where the finished log goes.
        sampling: What `Asked.sampling` holds.

    Returns:
        The log.

    Raises:
        FailedEval: The evaluation ended without every sample.
    """
    from pentimento.training.models._quiet import quiet_libraries  # torch, which only a worker needs

    quiet_libraries()
    final = Path(log)
    final.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(final.with_name(f".{final.stem}.lock")):  # two runs may want the same at once
        if is_current(final, Path(organism)):
            return log
        partial = final.with_name(f".{final.stem}.partial")
        if not _can_go_on(partial, Path(organism)):
            shutil.rmtree(partial, ignore_errors=True)
        more: dict[str, Any] = {"log_dir": partial, "key": key, "display": "none", "go_on": True}
        made = evaluate(organism, task, args, sampling=sampling, **more)
        with made.open("rb") as file:
            os.fsync(file.fileno())
        made.replace(final)
        shutil.rmtree(partial)
    return log


def _can_go_on(partial: Path, organism: Path) -> bool:
    """Return whether the samples of an interrupted evaluation are about an organism as it now stands.

    Logs that cannot be read are removed.
    """
    logs = []
    for path in partial.glob("*.eval"):
        try:
            with reading(), as_url(path) as place:
                logs.append(read_eval_log(str(place), header_only=True))
        except UNREADABLE:  # its process was killed while it wrote; what others hold is gone on with
            path.unlink()
    try:
        adapter = _weights(organism)
    except UNREADABLE:
        return False
    return bool(logs) and all(logged_identity(log.eval).get("adapter") == adapter for log in logs)


def evaluate(
    organism: str | Path,
    task: str,
    args: Args,
    *,
    log_dir: Path,
    key: str | None = None,
    display: str | None = None,
    limit: int | None = None,
    go_on: bool = False,
    sampling: Mapping[str, Any] = MappingProxyType({}),
) -> Path:
    """Evaluate one organism on one task and return the log; its weights do not stay in memory.

    Args:
        organism: Its folder, the name of a shipped one, or "embedded".
        task: A name of `TASKS`.
        args: The task's arguments.
        log_dir: Where the log goes.
        key: The organism's key, which its manifest must then have.
        display: How inspect shows progress; its own way by default.
        limit: Ask only the first samples; the log is then marked as partial in a report.
        go_on: Whether the folder is of this evaluation alone: what was asked there before is not asked again,
            and what fails is asked `RETRIES` times more.
        sampling: Settings of `SAMPLING`, in the place of those that the organism was trained with.

    Raises:
        UnknownName: There is no such task.
        Refused: An argument is not allowed, or the organism is not what it should be.
        FailedEval: The evaluation ended without every sample.
    """
    check_task(task)
    # inspect finds ours by name; of another package it need not know the name.
    registered: Any = TASKS[task].task if "/" in task else f"pentimento/{task}"
    fields: dict[str, Any] = {} if key is None else {"organism": key}
    names = {"max_new_tokens": "max_tokens"}
    config = GenerateConfig(**{names.get(name, name): value for name, value in sampling.items()})
    # Not memoized, or inspect would keep every organism that a worker ever evaluated.
    model = get_model(f"pentimento/{organism}", config=config, memoize=False, **fields)
    settings: dict[str, Any] = {
        "model": model,
        "task_args": dict(args),
        "log_format": "eval",
        # Following a log while it grows costs as much again as the samples themselves.
        "log_realtime": False,
        "ctl_server": False,
        "display": display,
        "limit": limit,
    }
    if isinstance(model.api, IsOrganism):
        model.api.prepare()  # what cannot be loaded is refused before anything is asked
    try:
        # Only a set lists its folder, which takes the names there for URLs.
        with as_url(log_dir, make=True) if go_on else nullcontext(log_dir.absolute()) as place:
            settings["log_dir"] = str(place)
            if go_on:
                # In a context of its own, or the model would stay the one that is evaluated.
                _, (log,) = copy_context().run(
                    eval_set,
                    registered,
                    retry_attempts=RETRIES,
                    log_dir_allow_dirty=True,
                    **settings,
                )
            else:
                (log,) = inspect_eval(registered, **settings)
    finally:
        if isinstance(model.api, IsOrganism):
            model.api.release()
    title = f"{task} on {organism}"
    if log.status != "success":
        raise FailedEval(title, log.status, _last_line(log.error.message if log.error else "no message"))
    done, asked = (log.results.completed_samples, log.results.total_samples) if log.results else (0, 1)
    if done < asked:
        raise FailedEval(title, log.status, f"{done} of {asked} samples")
    return log_dir / PurePath(log.location).name


def _job(one: Asked) -> Job:
    subject = one.subject
    return Job(
        key=one.job_key,
        function="pentimento.evals.planning.asking:run_eval",
        kwargs={
            "organism": str(subject.path),
            "key": subject.key,
            "task": one.task,
            "args": one.args,
            "log": str(one.log),
            "sampling": dict(one.sampling),
        },
        needs=(subject.maker or subject.key,),
        estimate_s=_SECONDS_A_LOG + _SECONDS_A_SAMPLE * len(samples_of(one.task, one.args)),
        title=f"evaluate {subject.role} (seed {subject.seed}): {one.task}",
    )


def _last_line(message: str) -> str:
    lines = message.strip().splitlines()
    return lines[-1] if lines else "no message"
