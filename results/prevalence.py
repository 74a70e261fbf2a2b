"""How often the reasoning of an organism says something, corrected by what its grader gets wrong."""

from collections.abc import Iterable, Iterator, Sequence
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple

from inspect_ai.log import EvalLog, read_eval_log
from rich.console import Console
from rich.table import Table

from pentimento.evals.judging.accuracy import Accuracy, Share, accuracy, corrected, share
from pentimento.evals.judging.gold import Half, Stage
from pentimento.evals.judging.scorer import MEASURE
from pentimento.tasks.exceptions import BadInput

GOLD_TASK = "pentimento/judging"


class Measured(NamedTuple):
    """What a grader was measured to be."""

    grader: str
    question: str
    half: Half
    accuracy: Accuracy


class Prevalence(NamedTuple):
    """One question to one log."""

    log: str
    model: str
    grader: str
    question: str
    found: Share
    """Of the reasoned answers with a verdict, how many the grader says yes to."""
    abstained: int
    """Reasoned answers without a verdict; they count for neither."""
    corrected: Share | None
    """None where the grader is no better than chance."""


def measured(log: Path, stage: Stage) -> Measured:
    """Return what a log of `pentimento/judging` says of a grader on one stage's reasoning.

    Raises:
        BadInput: It is no such log, or holds no transcript of that stage.
    """
    header = _read(log)
    if header.eval.task != GOLD_TASK:
        raise BadInput("gold", str(log), f"a log of {GOLD_TASK}, not of {header.eval.task}")
    told = [one for one in _scores(header, "verdicts") if one["stage"] == stage]
    if not told:
        raise BadInput("stage", stage, "one that the gold log asked about")
    said = header.eval.metadata or {}
    found = accuracy((one["label"], one["majority"]) for one in told)
    return Measured(told[0]["grader"], str(said["question"]), said["half"], found)


def prevalence(log: Path, gold: Measured) -> Prevalence:
    """Return how often a log's reasoning says what was judged, as found and corrected.

    Raises:
        BadInput: The log was not judged, by another grader, or asked another question.
    """
    header = _read(log)
    told = [one for one in _scores(header, "judged") if one["measure"] == f"{MEASURE} {gold.question}"]
    if not told:
        asked = f"inspect score {log} --scorer pentimento/judged -S question={gold.question}"
        raise BadInput("log", str(log), f"one whose reasoning was judged; see `{asked}`")
    graders = {one["grader"] for one in told}
    if graders != {gold.grader}:
        raise BadInput(
            "log", str(log), f"judged by {gold.grader} as the gold set was, not {', '.join(graders)}"
        )
    given = [bool(one["sampled"]) for one in told if one.get("sampled") is not None]
    found = share(sum(given), len(given))
    try:
        right = None if isnan(found.value) else corrected(found, gold.accuracy)
    except ValueError:
        right = None
    return Prevalence(
        log.name, header.eval.model, gold.grader, gold.question, found, len(told) - len(given), right
    )


def show(rows: Iterable[Prevalence], gold: Measured, stage: Stage, console: Console) -> None:
    """Print what was found, and what the grader was measured on."""
    one = gold.accuracy
    console.print(
        f"{gold.question}, judged by {gold.grader}: on the {gold.half} half of {stage}'s gold set "
        f"sensitivity {_text(one.sensitivity)}, specificity {_text(one.specificity)}."
    )
    if gold.half == "open":
        console.print("A grader may have been written for the open half: measure it on the sealed one.")
    table = Table("model", "reasoned", "no verdict", "found", "corrected", box=None, pad_edge=False)
    for row in rows:
        right = "no better than chance" if row.corrected is None else _text(row.corrected)
        table.add_row(row.model, str(row.found.n), str(row.abstained), _text(row.found), right)
    console.print(table)


def _text(one: Share) -> str:
    return "–" if isnan(one.value) else f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"


def _read(log: Path) -> EvalLog:
    try:
        return read_eval_log(str(log))
    except (OSError, ValueError, KeyError) as error:
        raise BadInput("log", str(log), f"a log of inspect: {error}") from error


def _scores(log: EvalLog, name: str) -> Iterator[dict[str, Any]]:
    samples: Sequence[Any] = log.samples or ()
    for sample in samples:
        score = (sample.scores or {}).get(name)
        if score is not None and score.metadata:
            yield score.metadata
