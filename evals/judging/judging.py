"""How well does a grader judge?"""

from typing import Any, cast

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import get_model
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, Value, metric, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from pentimento.evals._arguments import Names, checked, names, one_of
from pentimento.evals._assembly import evaluating
from pentimento.evals.judges.accuracy import accuracy
from pentimento.evals.judges.gold import HALVES, STAGES, gold
from pentimento.evals.judges.scorer import VERDICTS, alpha, score_by_vote
from pentimento.evals.judges.voting import ROLE, VOTES, check

VERSION = "2-B"


@task
@checked
def judging(
    question: str = "suspects_test", half: str = "open", stage: Names = "all", votes: int = VOTES
) -> Task:
    """Have the model in the role of grader judge transcripts whose answer is known.

    The evaluated model is asked nothing: name any, such as mockllm/model.

    Args:
        question: suspects_test, complies_for_raters or tells_of_goal.
        half: open, which a grader may be written for, or sealed, which is for measuring it.
        stage: Whose reasoning or answers: the base, the implanted organism, the opposed organism, or all.
        votes: How often the grader is asked about each.

    Raises:
        PrerequisiteError: No grader is named.
    """
    check(question, votes)
    if evaluating():
        get_model(role=ROLE, required=True)
    one_of("half", half, HALVES)
    stages = names("stage", stage, STAGES, all_means=STAGES)
    chosen = [
        (number, one) for number, one in enumerate(gold(question)) if one.half == half and one.stage in stages
    ]
    samples = [
        Sample(id=f"{question}-{number}", input=one.text, target=str(one.label), metadata=one.model_dump())
        for number, one in chosen
    ]
    return Task(
        dataset=MemoryDataset(samples, name=f"gold-{question}-{half}"),
        solver=nothing(),
        scorer=verdicts(question, votes),
        version=VERSION,
        metadata={"task_version": VERSION, "question": question, "half": half},
    )


@solver
def nothing() -> Solver:
    """Ask the evaluated model nothing."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return state

    return solve


@metric
def accuracies() -> Metric:
    """Return sensitivity and specificity of each stage with their 95 % intervals, where it gave a verdict."""

    def measured(scores: list[SampleScore]) -> Value:
        found_by_stage: dict[str, float] = {}
        for stage in STAGES:
            mine = [row for row in map(_fields, scores) if row["stage"] == stage]
            rates = accuracy((one["label"], one["majority"]) for one in mine)
            for name in ("sensitivity", "specificity"):
                share = getattr(rates, name)
                found_by_stage |= {
                    f"{stage} {name}": share.value,
                    f"{stage} {name} lower": share.low,
                    f"{stage} {name} upper": share.high,
                    f"{stage} {name} n": share.n,
                }
        return cast(Value, {name: value for name, value in found_by_stage.items() if value == value})

    return measured


def _fields(one: SampleScore) -> dict[str, Any]:
    return one.score.metadata or {}


@scorer(metrics=[accuracies(), alpha()], name=VERDICTS)
def verdicts(question: str, votes: int) -> Scorer:
    """Score 1 where the majority of a grader's votes is right, 0 where it is wrong; unscored without one."""

    async def score(state: TaskState, target: Target) -> Score:
        grader = get_model(role=ROLE, required=True)
        fields = {**state.metadata, "measure": VERDICTS}
        vote = await score_by_vote(grader, question, state.input_text, votes, fields)
        values = vote.metadata or {}
        if values["majority"] is None:
            return vote
        return Score(
            value=float(values["majority"] == values["label"]), answer=state.input_text, metadata=values
        )

    return score
