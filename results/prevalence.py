"""How often the reasoning of an organism says something, corrected by what its grader gets wrong."""

from collections.abc import Iterator, Sequence
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple

from inspect_ai.log import EvalLog, read_eval_log
from rich.console import Console
from rich.table import Table

from pentimento.evals.judging.accuracy import Accuracy, Share, accuracy, corrected, share
from pentimento.evals.judging.gold import Half, Stage
from pentimento.evals.judging.scorer import MEASURE, VERDICTS
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
    told = [one for one in _told(header, VERDICTS) if one["stage"] == stage]
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
    told = list(_told(header, f"{MEASURE} {gold.question}"))
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
    return Prevalence(header.eval.model, gold.grader, gold.question, found, len(told) - len(given), right)


def show(found: Prevalence, gold: Measured, stage: Stage, console: Console) -> None:
    """Print what was found, and what the grader was measured to be."""
    one = gold.accuracy
    console.print(f"{found.model}: {found.question}, judged by {found.grader}")
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_row("reasoned answers with a verdict", str(found.found.n))
    table.add_row("without a verdict", str(found.abstained))
    table.add_row("found", _text(found.found))
    right = found.corrected
    table.add_row("corrected", "no better than chance" if right is None else _text(right))
    table.add_row(f"sensitivity, {stage}, {gold.half} half", _text(one.sensitivity))
    table.add_row(f"specificity, {stage}, {gold.half} half", _text(one.specificity))
    console.print(table)
    if gold.half == "open":
        console.print("A grader may have been written for the open half: measure it on the sealed one.")


def _text(one: Share) -> str:
    return "–" if isnan(one.value) else f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"


def _read(log: Path) -> EvalLog:
    try:
        return read_eval_log(str(log))
    except (OSError, ValueError, KeyError) as error:
        raise BadInput("log", str(log), f"a log of inspect: {error}") from error


def _told(log: EvalLog, measure: str) -> Iterator[dict[str, Any]]:
    """Yield what the scores of a measure say beside their value; of a sample judged twice, the last counts."""
    samples: Sequence[Any] = log.samples or ()
    for sample in samples:
        every = [score.metadata or {} for score in (sample.scores or {}).values()]
        mine = [said for said in every if said.get("measure") == measure]
        if mine:
            yield mine[-1]
