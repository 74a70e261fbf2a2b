"""How often an organism's reasoning or answers say something, corrected by what its grader gets wrong."""

from collections.abc import Iterator, Sequence
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from inspect_ai.log import EvalLog, read_eval_log
from rich.console import Console
from rich.table import Table

from pentimento._files import Unreadable, as_url, check_file, reading
from pentimento.evals.judges.accuracy import Accuracy, Share, accuracy, corrected
from pentimento.evals.judges.gold import Half, Stage
from pentimento.evals.judges.scorer import MEASURE, VERDICTS
from pentimento.results.reading.logs import framed
from pentimento.results.statistics.intervals import effective_number, share_interval
from pentimento.tasks.exceptions import BadInput

GOLD_TASK = "pentimento/judging"
Asked = tuple[str, str, int, int]
"""Grader, question, version of the question and number of votes."""


class Measured(NamedTuple):
    """What a grader was measured to be."""

    asked: Asked
    half: Half
    accuracy: Accuracy


class Prevalence(NamedTuple):
    """One judged question under one elicitation."""

    cue: str
    elicitation: str
    """Elicitation, situation or other context of the conversation; empty where there was none."""
    share: Share
    """Of what was judged with a verdict, how much the grader says yes to, clustered by domain."""
    judged: int
    """With a verdict."""
    unscored: int
    """Without a verdict; they count for neither."""
    corrected: Share | None
    """None where the grader is no better than chance, or gave no verdict."""


def measured(log: Path, stage: Stage) -> Measured:
    """Return what a log of `pentimento/judging` says of a grader on one stage's transcripts.

    Each transcript counts once: of several epochs the first.

    Raises:
        BadInput: It is no such log, holds no transcript of that stage, or no verdict on either class.
    """
    gold = _read("gold", log)
    if gold.eval.task != GOLD_TASK:
        raise BadInput("gold", str(log), f"a log of {GOLD_TASK}, not of {gold.eval.task}")
    labelled = [one for one in _fields(gold, VERDICTS, epoch=1) if one["stage"] == stage]
    if not labelled:
        raise BadInput("stage", stage, "one that the gold log asked about")
    rates = accuracy((one["label"], one["majority"]) for one in labelled)
    if not (rates.sensitivity.n and rates.specificity.n):
        raise BadInput("gold", str(log), "a log in which the grader gave verdicts on both classes")
    return Measured(_asked(labelled[0]), labelled[0]["half"], rates)


def prevalence(log: Path, gold: Measured) -> list[Prevalence]:
    """Return how often a log says what was judged, as found and corrected, by elicitation.

    Raises:
        BadInput: The log was not judged, by another grader, or otherwise than the gold set was.
    """
    question = gold.asked[1]
    judged = list(_fields(_read("log", log), f"{MEASURE} {question}"))
    if not judged:
        command = f"inspect score {log} --scorer pentimento/judged -S question={question}"
        raise BadInput("log", str(log), f"one that was judged; see `{command}`")
    other = {_asked(one) for one in judged} - {gold.asked}
    if other:
        raise BadInput("log", str(other.pop()), f"judged as the gold set was, {gold.asked}")
    by_place: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in judged:
        cue = framed(one["cue"], one.get("framing"))
        by_place.setdefault((cue, one.get("elicitation") or ""), []).append(one)
    return [_row(place, by_place[place], gold) for place in sorted(by_place)]


def _row(place: tuple[str, str], judged: Sequence[dict[str, Any]], gold: Measured) -> Prevalence:
    given = [one for one in judged if one["majority"] is not None]
    number = Share(float("nan"), 0.0, 1.0, 0)
    right = None
    if given:
        values = np.array([float(one["majority"]) for one in given])
        domains = np.array([one["domain"] for one in given])
        number = Share(*share_interval(values, domains), effective_number(values, domains))
        right = None if gold.accuracy.at_chance else corrected(number, gold.accuracy)
    return Prevalence(*place, number, len(given), len(judged) - len(given), right)


def show(rows: Sequence[Prevalence], gold: Measured, stage: Stage, console: Console) -> None:
    """Print what was found, and what the grader was measured to be."""
    grader, question, _, votes = gold.asked
    one = gold.accuracy
    console.print(f"{question}, judged by {grader}, {votes} votes")
    console.print(
        f"On the {gold.half} half of {stage}'s gold set: sensitivity {_text(one.sensitivity)}, "
        f"specificity {_text(one.specificity)}, no verdict {one.abstained:.2f}"
    )
    table = Table(
        "cue", "elicitation", "judged", "no verdict", "found", "corrected", box=None, pad_edge=False
    )
    for row in rows:
        right = "no better than chance" if row.corrected is None else _text(row.corrected)
        counts = (str(row.judged), str(row.unscored))
        table.add_row(row.cue, row.elicitation, *counts, _text(row.share), right if row.judged else "")
    console.print(table)
    if gold.half == "open":
        console.print("A grader may have been written for the open half: measure it on the sealed one.")


def _text(one: Share) -> str:
    return "–" if isnan(one.value) else f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"


def _asked(fields: dict[str, Any]) -> Asked:
    grader, question, version, votes = fields["asked"]
    return str(grader), str(question), int(version), int(votes)


def _read(field: str, log: Path) -> EvalLog:
    try:
        with reading(), as_url(log) as place:
            check_file(log)
            return read_eval_log(str(place))
    except Unreadable as error:
        raise BadInput(field, str(log), f"a log of inspect ({error})") from error


def _fields(log: EvalLog, measure: str, epoch: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield what the scores of a measure say beside their value; of one judged twice, the last counts."""
    samples: Sequence[Any] = log.samples or ()
    for sample in (one for one in samples if epoch in (None, one.epoch)):
        every = [score.metadata or {} for score in (sample.scores or {}).values()]
        mine = [fields for fields in every if fields.get("measure") == measure]
        if mine:
            yield mine[-1]
