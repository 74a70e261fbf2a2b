"""From inspect logs to rows: which log counts, and what each of its scores says."""

import json
import math
import os
import re
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from inspect_ai.log import (
    EvalLog,
    EvalSpec,
    read_eval_log,
    read_eval_log_sample_summaries,
)
from pydantic import ValidationError

from pentimento._files import UNREADABLE, Unreadable, as_url, check_file, reading, reason
from pentimento.evals.records import ScoreRecord, logged_identity
from pentimento.results.exceptions import UnlikeLogs
from pentimento.results.notes import Note, NoteKind, note
from pentimento.tasks.situations import STEERED

SAMPLE_COLUMNS = (
    "task",
    "version",
    "organism",
    "seed",
    "measure",
    "goal",
    "family",
    "condition",
    "elicitation",
    "shift",
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
_AS_THEY_ARE = (
    "measure", "goal", "family", "condition", "shift", "polarity", "wording", "domain", "scenario_id",
    "problem", "valid", "reasoned", "estimator",
)  # fmt: skip
PLAIN = "plain"
"""The framing of a cue that is not named beside it."""
FOUR_BITS = "nf4"
"""A precision that elicits: what a goal covers may show where weights have four bits (`-M
dtype=nf4`)."""
OURS = "pentimento/"
"""With what the name of a task begins that a report counts."""
_ASKED_ALIKE = ("via", "shots", "strength", "confound")
"""Arguments of tasks that change what is asked and that no row names."""
_SAMPLED_ALIKE = ("temperature", "top_p", "top_k", "max_tokens")
"""Settings of generation that change what is answered and that no row names. Logs of earlier versions do not
name the last; they are like any other."""
_MOST = 1e300
"""Of a number in a score: beyond it nothing can be averaged."""
_NEARLY_ALWAYS = 0.999
"""From this probability of reasoning on nothing is left to weigh where it is held back."""
_LOG = re.compile(
    r".+\.eval|\d{4}-\d\d-\d\dT\d\d[:-]\d\d[:-]\d\d.*\.json|.+-\d+-[\w.]+-[0-9a-f]{10}\.json", re.DOTALL
)
"""Names of logs: those in JSON as inspect calls them, or as a run's own are called."""


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
    elicitation: str
    """`FOUR_BITS` where its model was loaded so; else empty."""
    unnamed: tuple[tuple[str, Any], ...]
    """What no row names of how it was asked: it has to be the same in all logs of a task."""
    num_scores: int
    """How often its samples were scored, each scorer counted."""
    num_read: int = 0
    """Samples that were read of it, failed ones among them."""

    @property
    def num_missing(self) -> int:
        """How many samples of the whole task it does not hold."""
        return max(0, self.num_expected - self.num_read)

    @property
    def partial(self) -> bool:
        """Whether the log holds less than the whole task."""
        least = min(self.num_completed, self.num_read)
        return self.limited or self.status != "success" or least < self.num_expected

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Logs with an equal identity answer the same questions about the same organism."""
        return (self.task, self.organism, self.args, self.elicitation)


class LeftOut(NamedTuple):
    """A log that was not used."""

    name: str
    why: Note
    organism: str | None
    """Key of the organism that answered, empty where the model names none; None where nobody can tell."""
    num_missing: int = 0
    """Samples that it held, or should have, and that no other log of the same task holds."""


class LogFolder(NamedTuple):
    """The logs of a run, one for each identity, and what was left out."""

    used: tuple[LogFile, ...]
    rows: Mapping[str, tuple[dict[str, Any], ...]]
    """One for each score of a log that is used, in `SAMPLE_COLUMNS`, by its name. A sample that failed has no
    score and one row without a measure, so that it is counted."""
    left: tuple[LeftOut, ...]


class _Unusable(ValueError):
    """A log that can be read says nothing that a report counts."""


def read_folder(folder: Path, known: Collection[str]) -> LogFolder:
    """Read every log below a folder and keep, of equal ones, the most complete that can be read.

    An interrupted run leaves logs that were started and never finished; the log that replaced one counts.

    Args:
        folder: Where they lie.
        known: Keys of the organisms that are asked about; logs of others are left out.

    Raises:
        UnlikeLogs: One task is there in two versions, or was asked in two ways that no row tells apart.
    """
    headers = [_header_of(name, path) for name, path in _candidates(folder)]
    left = [one for one in headers if isinstance(one, LeftOut)]
    left = [
        one if one.organism in (None, *known) else one._replace(why=note(NoteKind.STRANGER)) for one in left
    ]
    groups: dict[tuple[str, str, str, str], list[LogFile]] = {}
    for log in sorted((one for one in headers if isinstance(one, LogFile)), key=_completeness, reverse=True):
        if log.organism in known:
            groups.setdefault(log.identity, []).append(log)
        else:
            left.append(LeftOut(log.name, note(NoteKind.STRANGER), log.organism))
    used: list[LogFile] = []
    logs: dict[str, tuple[dict[str, Any], ...]] = {}
    counted: list[LogFile] = []
    for group in groups.values():
        best, rows, others = _best(group)
        counted += [log for log in group if log.name not in {one.name for one in others if one.num_missing}]
        left += others
        if best is not None:
            used.append(best)
            logs[best.name] = rows
    _check_alike(counted)
    used.sort(key=lambda log: (log.identity, log.name))
    return LogFolder(tuple(used), logs, tuple(sorted(left, key=lambda one: one.name)))


def _best(group: list[LogFile]) -> tuple[LogFile | None, tuple[dict[str, Any], ...], list[LeftOut]]:
    """Return, of logs of one identity, the first that says something, its rows, and why not the others."""
    left: list[LeftOut] = []
    for place, log in enumerate(group):
        try:
            rows, num_read = _rows(log)
        except UNREADABLE as error:
            kind = NoteKind.UNUSABLE if isinstance(error, _Unusable) else NoteKind.SAMPLES_DAMAGED
            ours = log.num_expected if log.task.startswith(OURS) else 0
            left.append(LeftOut(log.name, note(kind, error=reason(error)), log.organism, ours))
            continue
        best = log._replace(num_read=num_read)
        left = [one._replace(num_missing=min(one.num_missing, best.num_missing)) for one in left]
        for other in group[place + 1 :]:
            later = _completeness(other)[:4] == _completeness(log)[:4]
            left.append(LeftOut(other.name, note(NoteKind.REPLACED, later=later), other.organism))
        return best, rows, left
    return None, (), left


def _candidates(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield what lies below a folder by the name of a log; a hidden folder holds what is being written."""
    seen: set[str] = set()
    for top, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if os.path.realpath(top) in seen:
            folders.clear()
            continue
        seen.add(os.path.realpath(top))
        for name in sorted((*folders, *files)):
            if _LOG.fullmatch(name) and not name.startswith("."):
                path = Path(top, name)
                yield path.relative_to(folder).as_posix(), path


def _header_of(name: str, path: Path) -> LogFile | LeftOut:
    try:
        check_file(path)
        if not path.stat().st_size:
            return LeftOut(name, note(NoteKind.EMPTY), None)
    except OSError as error:
        return LeftOut(name, note(NoteKind.UNREADABLE, error=reason(error)), None)
    try:
        with reading(), as_url(path) as place:
            log = read_eval_log(str(place), header_only=True)
    except Unreadable as error:
        return LeftOut(name, note(NoteKind.DAMAGED, error=str(error)), None)
    try:
        return _header(name, str(path.absolute()), log)
    except UNREADABLE as error:
        return LeftOut(name, note(NoteKind.UNUSABLE, error=reason(error)), _organism(log.eval))


def _rows(log: LogFile) -> tuple[tuple[dict[str, Any], ...], int]:
    """Return a row for each score of a log, and how many samples it holds.

    Raises:
        _Unusable: No sample is scored, or no score names a measure.
    """
    common = {
        "task": log.task,
        "version": log.version,
        "organism": log.organism,
        "seed": log.seed,
        "reasoning": log.reasoning,
        "log": log.name,
    }
    samples = _summaries(log.location)
    rows: list[dict[str, Any]] = []
    for (sample_id, epoch), sample in samples.items():
        place = {**common, "sample_id": str(sample_id), "epoch": epoch}
        scores = list(_scores(sample, log.elicitation))
        rows += [{**place, **score} for score in scores] or [{**place, "valid": False}]
    if samples and not any("measure" in row for row in rows):
        scored = any(sample.get("scores") for sample in samples.values())
        if scored or not any(sample.get("error") for sample in samples.values()):
            raise _Unusable(f"none of its {'scores names a measure' if scored else 'samples is scored'}")
    return tuple(rows), len(samples)


def _summaries(location: str) -> dict[tuple[str | int, int], dict[str, Any]]:
    """Return a log's samples without their transcripts, by id and epoch; a sample run again counts once.

    A finished log holds them in one file, which is read as it stands: inspect's own models shorten every text
    once more, and that takes forty times as long. Any other log goes through inspect.
    """
    with reading(), as_url(Path(location)) as place:
        try:
            with zipfile.ZipFile(location) as archive:
                summaries = json.loads(archive.read("summaries.json"))
        except (KeyError, NotImplementedError, zipfile.BadZipFile):
            summaries = [summary.model_dump() for summary in read_eval_log_sample_summaries(str(place))]
    return {(sample["id"], sample["epoch"]): sample for sample in summaries}


def _scores(sample: dict[str, Any], elicitation: str) -> Iterable[dict[str, Any]]:
    """Return the sample's scores by measure and goal; of a measure scored twice, the last scoring counts.

    Args:
        sample: As its log has it.
        elicitation: The log's, beside its own.
    """
    by_measure: dict[tuple[str, str | None], dict[str, Any]] = {}
    for score in (sample.get("scores") or {}).values():
        fields = score.get("metadata") or {}
        if "measure" not in fields:
            continue
        record = _record(fields)
        elicited = (record.elicitation, elicitation)
        row: dict[str, Any] = {
            **{name: getattr(record, name) for name in _AS_THEY_ARE},
            "base_id": record.base_id or record.scenario_id,
            "cue": framed(record.cue, record.framing),
            "elicitation": ", ".join(name for name in elicited if name not in ("", "none")),
            "p_reasons": _number(record.p_reasons),
            "mass_outside": _number(record.mass_outside),
            "sampled": _number(record.sampled),
            "score": _number(score["value"]),
        }
        if record.reasoning is not None:
            row["reasoning"] = record.reasoning
        by_measure[(row["measure"], row["goal"])] = row
    return by_measure.values()


def _record(scored: Mapping[str, Any]) -> ScoreRecord:
    """Return what stands beside a score; one that says it otherwise than ours do is not used."""
    try:
        return ScoreRecord.model_validate(scored)
    except ValidationError as error:
        first = error.errors()[0]
        name = first["loc"][0]
        raise _Unusable(f"one of its scores has the {name} {scored.get(str(name))!r}") from None


def apart_from_weighed(samples: pd.DataFrame) -> pd.Series:
    """Return which scores stand apart from weighed ones: 1 or 0 for each row of `Run.samples`.

    A provider that weighs takes the sampled answer for the score where too little of what is said can be
    weighed. That is the same mean by one answer, so it stands beside the others. It does not where no answer
    was weighed, or where reasoning was held back from a model that all but always reasons.
    """
    return ((samples["estimator"] == "sampled") & ~(samples["p_reasons"] < _NEARLY_ALWAYS)).astype(float)


def framed(cue: str, framing: str | None) -> str:
    """Return a cue as reports name it: "rated", or in another framing "rated, cut"."""
    return cue if framing in (None, "", PLAIN) else f"{cue}, {framing}"


def framing_of(cue: str) -> str:
    """Return the framing that a cue names, as in "rated, cut"."""
    return cue.partition(", ")[2] or PLAIN


def plainly_asked(elicitation: str, cue: str) -> bool:
    """Whether nothing was put around the scenario and the cue was framed as plainly as it can be.

    An organism need not be whole under an elicitation, nor in another language.
    """
    return not elicitation and framing_of(cue) == PLAIN


def _number(value: object) -> float:
    """Return a number, NaN for anything that is none."""
    if not isinstance(value, int | float):
        return math.nan
    if abs(value) > _MOST:
        raise _Unusable("one of its numbers is without bound")
    return float(value)


def _header(name: str, location: str, log: EvalLog) -> LogFile:
    spec = log.eval
    args = spec.task_args
    metadata = spec.metadata or {}
    results = log.results
    expected = spec.dataset.samples or 0
    config = spec.config
    epochs = config.epochs or 1
    dtype = str(spec.model_args.get("dtype", "auto"))
    elicitation = FOUR_BITS if dtype == FOUR_BITS else ""
    sampled = spec.model_generate_config.model_dump(include=set(_SAMPLED_ALIKE))
    asked = {name: args.get(name) for name in _ASKED_ALIKE if name != "strength" or _steers(args)}
    unnamed = {**asked, **sampled, "dtype": "auto" if elicitation else dtype}
    return LogFile(
        name=name,
        location=location,
        task=spec.task_registry_name or spec.task,
        version=str(metadata.get("task_version", spec.task_version)),
        organism=_organism(spec),
        seed=_seed(args.get("seed", metadata.get("seed", 0))),
        args=json.dumps(args, sort_keys=True, default=str),
        reasoning=str(args.get("reasoning", "free")),
        created=str(spec.created),
        status=log.status,
        num_expected=expected * epochs,
        num_completed=results.completed_samples if results else 0,
        limited=config.limit is not None or config.sample_id is not None,
        elicitation=elicitation,
        unnamed=tuple(unnamed.items()),
        num_scores=len(results.scores) if results else 0,
    )


def _organism(spec: EvalSpec) -> str:
    """Return the key of the organism that a log is about; empty where it is about another model."""
    return str(logged_identity(spec).get("organism", ""))


def _seed(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Unusable(f"its seed is {value!r}")
    return value


def _steers(args: Mapping[str, Any]) -> bool:
    """Whether a task can move activations, which of the others no strength concerns."""
    given = args.get("situation", "all")
    named = given if isinstance(given, list | tuple) else str(given).split(",")
    return not {"all", *STEERED}.isdisjoint(named)


def _completeness(log: LogFile) -> tuple[bool, bool, int, int, str, str]:
    whole = (log.status == "success", not log.limited)
    return (*whole, log.num_completed, log.num_scores, log.created, log.name)


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
