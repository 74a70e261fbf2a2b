"""From inspect logs to rows: which log counts, and what each of its scores says."""

import json
import math
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlparse

from inspect_ai.log import (
    EvalLog,
    list_eval_logs,
    read_eval_log,
    read_eval_log_sample_summaries,
)

from pentimento.results.exceptions import UnlikeLogs
from pentimento.tasks.situations import STEERED

SAMPLE_COLUMNS = (
    "task",
    "version",
    "organism",
    "seed",
    "measure",
    "goal",
    "family",
    "arm",
    "condition",
    "rung",
    "cue",
    "reasoning",
    "polarity",
    "wording",
    "domain",
    "scenario_id",
    "base_id",
    "sample_id",
    "epoch",
    "valid",
    "problem",
    "reasoned",
    "estimator",
    "p_reasons",
    "mass_outside",
    "score",
    "sampled",
    "log",
)
_NAMES = (
    "measure",
    "goal",
    "family",
    "arm",
    "rung",
    "cue",
    "polarity",
    "wording",
    "domain",
    "scenario_id",
    "base_id",
    "problem",
)
PLAIN = "plain"
"""The framing of a cue that is not named beside it."""
FOUR_BITS = "nf4"
"""A precision that is a lever: what a goal covers may show where weights have four bits (`-M dtype=nf4`)."""
_ASKED_ALIKE = ("via", "shots", "strength", "confound")
"""Arguments of tasks that change what is asked and that no row names."""
_SAMPLED_ALIKE = ("temperature", "top_p", "top_k", "max_tokens")
"""Settings of generation that change what is answered and that no row names. Logs of earlier versions do not
name the last; they are like any other."""
_NUMBERS = ("p_reasons", "mass_outside", "sampled")
_UNREADABLE = (OSError, ValueError, KeyError, zipfile.BadZipFile)


class LogFile(NamedTuple):
    """One log and what its header says."""

    name: str
    """Path below the run's `logs` folder, with forward slashes."""
    location: str
    task: str
    version: str
    organism: str
    """Key of the organism that answered; empty where the model names none."""
    seed: int
    args: str
    """Task arguments as canonical JSON."""
    reasoning: str
    created: str
    status: str
    num_expected: int
    num_completed: int
    limited: bool
    lever: str
    """`FOUR_BITS` where its model was loaded so; else empty."""
    unnamed: tuple[tuple[str, Any], ...]
    """What no row names of how it was asked: it has to be the same in all logs of a task."""

    @property
    def partial(self) -> bool:
        """Whether the log holds less than the whole task."""
        return self.limited or self.status != "success" or self.num_completed < self.num_expected

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Logs with an equal identity answer the same questions about the same organism."""
        return (self.task, self.organism, self.args, self.lever)


class LogFolder(NamedTuple):
    """The logs of a run, one for each identity, and what was left out."""

    used: tuple[LogFile, ...]
    superseded: tuple[str, ...]
    unreadable: tuple[str, ...]


def read_folder(folder: Path) -> LogFolder:
    """Read the headers of every log below a folder and keep, of equal ones, the most complete.

    An interrupted run leaves logs that were started and never finished; the log that replaced one counts.

    Raises:
        UnlikeLogs: One task is there in two versions, or was asked in two ways that no row tells apart.
    """
    found: list[LogFile] = []
    unreadable: list[str] = []
    for info in list_eval_logs(str(folder)) if folder.is_dir() else []:
        location = unquote(urlparse(info.name).path) if "://" in info.name else info.name
        place = Path(location).resolve().relative_to(folder.resolve())
        # A hidden folder holds logs that are being written.
        if any(part.startswith(".") for part in place.parts):
            continue
        name = place.as_posix()
        try:
            found.append(_header(name, location, read_eval_log(location, header_only=True)))
        except _UNREADABLE:
            unreadable.append(name)
    _check_alike(found)
    best: dict[tuple[str, str, str, str], LogFile] = {}
    for log in sorted(found, key=_completeness):
        best[log.identity] = log
    used = sorted(best.values(), key=lambda log: (log.identity, log.name))
    left = sorted({log.name for log in found} - {log.name for log in used})
    return LogFolder(tuple(used), tuple(left), tuple(sorted(unreadable)))


def rows(log: LogFile) -> Iterator[dict[str, Any]]:
    """Yield one row for each score of a log, in `SAMPLE_COLUMNS`.

    A sample that failed has no score and yields one row without a measure, so that it is counted.
    """
    common = {
        "task": log.task,
        "version": log.version,
        "organism": log.organism,
        "seed": log.seed,
        "reasoning": log.reasoning,
        "log": log.name,
    }
    for (sample_id, epoch), sample in _summaries(log.location).items():
        place = {**common, "sample_id": str(sample_id), "epoch": epoch}
        scores = list(_scores(sample, log.lever))
        if not scores:
            yield {**place, "valid": False}
        for score in scores:
            yield {**place, **score}


def _summaries(location: str) -> dict[tuple[str | int, int], dict[str, Any]]:
    """Return a log's samples without their transcripts, by id and epoch; a sample run again counts once.

    A finished log holds them in one file, which is read as it stands: inspect's own models shorten every text
    once more, and that takes forty times as long. Any other log goes through inspect.
    """
    try:
        with zipfile.ZipFile(location) as archive:
            found = json.loads(archive.read("summaries.json"))
    except (KeyError, NotImplementedError, zipfile.BadZipFile):
        found = [summary.model_dump() for summary in read_eval_log_sample_summaries(location)]
    return {(sample["id"], sample["epoch"]): sample for sample in found}


def _scores(sample: dict[str, Any], lever: str) -> Iterable[dict[str, Any]]:
    """Return the sample's scores by measure and goal; of a measure scored twice, the last scoring counts.

    Args:
        sample: As its log has it.
        lever: The log's, beside its own.
    """
    found: dict[tuple[str, str | None], dict[str, Any]] = {}
    for score in (sample.get("scores") or {}).values():
        said = score.get("metadata") or {}
        if "measure" not in said:
            continue
        row: dict[str, Any] = {name: said.get(name) for name in _NAMES}
        row["base_id"] = row["base_id"] or row["scenario_id"]
        row["cue"] = framed(row["cue"], said.get("framing"))
        pulled = (said.get("lever", ""), lever)
        row["condition"] = ", ".join(name for name in pulled if name not in ("", "none"))
        row |= {name: _number(said.get(name)) for name in _NUMBERS}
        row |= {name: bool(said.get(name, False)) for name in ("valid", "reasoned")}
        row |= {"estimator": said.get("estimator", "sampled"), "score": _number(score["value"])}
        if "reasoning" in said:
            row["reasoning"] = said["reasoning"]
        found[(row["measure"], row["goal"])] = row
    return found.values()


def framed(cue: str, framing: str | None) -> str:
    """Return a cue as reports name it: "rated", or in another framing "rated, cut"."""
    return cue if framing in (None, "", PLAIN) else f"{cue}, {framing}"


def framing_of(cue: str) -> str:
    """Return the framing that a cue names, as in "rated, cut"."""
    return cue.partition(", ")[2] or PLAIN


def plainly_asked(condition: str, cue: str) -> bool:
    """Whether nothing was put around the scenario and the cue was framed as plainly as it can be.

    An organism need not be whole under a lever, nor in another language.
    """
    return not condition and framing_of(cue) == PLAIN


def _number(value: object) -> float:
    """Return a number, NaN for anything that is none."""
    return float(value) if isinstance(value, int | float) else math.nan


def _header(name: str, location: str, log: EvalLog) -> LogFile:
    spec = log.eval
    args = spec.task_args
    metadata = spec.metadata or {}
    results = log.results
    expected = spec.dataset.samples or 0
    config = spec.config
    epochs = config.epochs or 1
    dtype = str(spec.model_args.get("dtype", "auto"))
    lever = FOUR_BITS if dtype == FOUR_BITS else ""
    sampled = spec.model_generate_config.model_dump(include=set(_SAMPLED_ALIKE))
    asked = {name: args.get(name) for name in _ASKED_ALIKE if name != "strength" or _steers(args)}
    unnamed = {**asked, **sampled, "dtype": "auto" if lever else dtype}
    return LogFile(
        name=name,
        location=location,
        task=spec.task_registry_name or spec.task,
        version=str(metadata.get("task_version", spec.task_version)),
        organism=str(spec.model_args.get("organism", "")),
        seed=int(args.get("seed", metadata.get("seed", 0))),
        args=json.dumps(args, sort_keys=True, default=str),
        reasoning=str(args.get("reasoning", "free")),
        created=str(spec.created),
        status=log.status,
        num_expected=expected * epochs,
        num_completed=results.completed_samples if results else 0,
        limited=config.limit is not None or config.sample_id is not None,
        lever=lever,
        unnamed=tuple(unnamed.items()),
    )


def _steers(args: Mapping[str, Any]) -> bool:
    """Whether a task can move activations, which of the others no strength concerns."""
    given = args.get("situation", "all")
    named = given if isinstance(given, list | tuple) else str(given).split(",")
    return not {"all", *STEERED}.isdisjoint(named)


def _completeness(log: LogFile) -> tuple[bool, bool, int, str, str]:
    return (log.status == "success", not log.limited, log.num_completed, log.created, log.name)


def _check_alike(logs: Iterable[LogFile]) -> None:
    first: dict[tuple[str, str], tuple[Any, str]] = {}
    for log in sorted(logs, key=lambda log: log.name):
        for name, ours in (("version", log.version), *log.unnamed):
            if name == "max_tokens" and ours is None:
                continue
            theirs, other = first.setdefault((log.task, name), (ours, log.name))
            if ours == theirs:
                continue
            if name == "version":
                raise UnlikeLogs(
                    f"{log.name}: task {log.task} is version {ours!r} here and {theirs!r} in {other}; two "
                    "versions cannot stand in one report: evaluate again or remove one"
                )
            raise UnlikeLogs(
                f"{log.name}: task {log.task} was asked with {name}={ours!r} here and {theirs!r} in {other}; "
                "they cannot stand in one report: remove one"
            )
