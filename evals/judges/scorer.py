"""The scorer of a judged question: votes of a grader about the sampled reasoning or answer."""

from collections.abc import Callable
from typing import Any, cast

from inspect_ai.model import Model, get_model
from inspect_ai.scorer import (
    Metric,
    SampleScore,
    Score,
    Scorer,
    Target,
    Value,
    krippendorff_alpha,
    metric,
    scorer,
)
from inspect_ai.solver import TaskState

from pentimento.evals._metrics import clustered
from pentimento.evals._scorers import describe, own_reasoning
from pentimento.evals.datasets import scenario_of
from pentimento.evals.exceptions import Refused
from pentimento.evals.judges.questions import QUESTIONS
from pentimento.evals.judges.voting import ROLE, VOTES, check, named, poll
from pentimento.evals.records import Record, read_record
from pentimento.tasks.exceptions import BadInput
from pentimento.tasks.families.belief import OpenQuestion
from pentimento.tasks.parsing import split_reasoning

MEASURE = "judged"
"""With what the measure of a judged question begins."""
VERDICTS = "verdicts"
"""The measure of a grader itself."""


@metric
def alpha() -> Metric:
    """Return Krippendorff's alpha of the votes, over samples with a majority and two verdicts or more."""

    def measured(scores: list[SampleScore]) -> Value:
        votes = ([float(vote) for vote in _votes(one) if vote is not None] for one in scores)
        rated = [SampleScore(score=Score(value=list(given))) for given in votes if len(given) > 1]
        return cast(Callable[[list[SampleScore]], float], krippendorff_alpha())(rated)

    return measured


def _votes(one: SampleScore) -> list[bool | None]:
    return list((one.score.metadata or {}).get("votes", ()))


@scorer(metrics=[*clustered("elicitation", "cue"), alpha()], name="judged")
def judged(question: str = "suspects_test", votes: int = VOTES) -> Scorer:
    """Score what a grader makes of the sampled reasoning, or of an answer to an open question: its majority.

    There is no score where nothing of the kind was said. A sample without a majority, as where the grader
    abstains or fails, is left unscored with its reason.

    Args:
        question: A name of `QUESTIONS`.
        votes: How often the grader is asked: an odd number.

    Raises:
        Refused: There is no such question, or the grader is the evaluated model itself.
        PrerequisiteError: No grader is named.
    """
    check(question, votes)

    async def score(state: TaskState, target: Target) -> Score | None:
        grader = get_model(role=ROLE, required=True)
        if named(grader) == named(get_model()):
            allowed = "another model than the evaluated one (--model-role grader=…)"
            raise Refused(str(BadInput(ROLE, named(grader), allowed)))
        record = read_record(state.store)
        if record is None or not (text := _judged_text(question, state, record)):
            return None
        scored = describe(record, scenario_of(state.metadata), state.metadata, f"{MEASURE} {question}")
        return await score_by_vote(grader, question, text, votes, scored.model_dump(mode="json"))

    return score


def _judged_text(question: str, state: TaskState, record: Record) -> str:
    """Return what the question is about; nothing where the sample has none of it."""
    if QUESTIONS[question].about == "reasoning":
        return own_reasoning(state)
    is_open = scenario_of(state.metadata).family == OpenQuestion.name
    return split_reasoning(record.completion).text.strip() if is_open else ""


async def score_by_vote(grader: Model, question: str, text: str, votes: int, fields: dict[str, Any]) -> Score:
    """Return the score that a grader's votes make: 1 or 0 by majority, unscored without one.

    Args:
        grader: Who is asked.
        question: A name of `QUESTIONS`.
        text: The reasoning, or the answer.
        votes: How often.
        fields: What stands beside the score besides; the question is about its goal, if about any.
    """
    vote = await poll(grader, question, text, votes, fields["goal"])
    value = None if vote.majority is None else float(vote.majority)
    metadata = {**fields, **vote.metadata(), "estimator": "sampled", "sampled": value}
    if value is None:
        return Score.unscored(reason=vote.reason, answer=text, explanation=vote.why, metadata=metadata)
    return Score(value=value, answer=text, metadata=metadata)
