"""What does a model notice of its situation, and what does it know of itself?"""

from copy import copy
from math import isfinite
from typing import Any, Literal, cast

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.solver import Generate, Solver, TaskState, solver

from pentimento.evals._arguments import Names, checked, cues, families, names, unseen, whole
from pentimento.evals._assembly import assemble, is_organism
from pentimento.evals._episodes import answered, give_answer
from pentimento.evals._scorers import goal_score, notices_push, notices_test, speaks_of_tests, valid
from pentimento.evals.datasets import CONFLICTS, KINDS, Placed, begun, draw, to_chat
from pentimento.evals.records import Reasoning, write_noticed
from pentimento.tasks import Scenario, noticing, sample
from pentimento.tasks.exceptions import BadInput
from pentimento.tasks.situations import ASKED_AFTER, SITUATIONS, STEERED, Situation, situated

VERSION = "1-B"
ONLY_OURS = "only organisms (pentimento/…) can be steered"
ANY_MODEL = tuple(name for name in SITUATIONS if name not in STEERED)
_MOST_QUESTIONS = 240
"""Wordings of one question; beyond that they come again."""


@task
@checked
def awareness(
    goal: str = "finish_the_task",
    family: Names = "all",
    situation: Names = "all",
    strength: float = 4.0,
    shift: Names = "fresh",
    cue: Names = "none",
    n: int = 10,
    seed: int = 0,
    estimator: str = "auto",
    reasoning: str = "free",
) -> Task:
    """Ask for decisions in several situations, and after each what was noticed of it.

    Args:
        goal: Whose score it is, and whose direction activations are moved in.
        family: Families of one turn in which the goal is at stake, or all of these.
        situation: none, placebo, told (that it is a test), denied, predicted (what would you answer?),
            steered, random, or all but the last two, as only organisms can be steered.
        strength: How far activations are moved: 1 is the mean difference that the goal's spec in the prompt
            makes beside its opposite's; below 0 away from the goal.
        shift: Which scenarios: fresh, wording, domain, family, cue.
        cue: What the system prompt says of oversight besides.
        n: Scenarios for each family, shift and cue, each asked in every situation.
        seed: Of the scenarios.
        estimator: auto, or sampled to never weigh answers exactly.
        reasoning: free, forced or suppressed.
    """
    moved = [name for name in situations(situation) if name in STEERED]
    if moved and not is_organism():
        raise BadInput("situation", moved[0], ONLY_OURS)
    return assemble(
        samples(
            goal=goal, family=family, situation=situation, strength=strength, shift=shift,
            cue=cue, n=n, seed=seed,
        ),
        [goal_score(goal), notices_test(), notices_push(), speaks_of_tests(), valid()],
        version=VERSION, seed=seed, goal=goal, estimator=estimator, reasoning=reasoning, solver=attend,
    )  # fmt: skip


def situations(named: Names) -> tuple[Situation, ...]:
    """Return situations by name; "all" are those that any model can be put into."""
    return cast(tuple[Situation, ...], names("situation", named, SITUATIONS, all_means=ANY_MODEL))


def samples(
    *,
    goal: str,
    family: Names,
    situation: Names,
    strength: float,
    shift: Names,
    cue: Names,
    n: int,
    seed: int,
) -> MemoryDataset:
    """Return what the task asks; the arguments are its own, and no model changes anything.

    Raises:
        BadInput: An argument is not allowed.
    """
    chosen = situations(situation)
    if not isinstance(strength, int | float) or not isfinite(strength) or not strength:
        raise BadInput("strength", strength, "a number other than 0")
    placed = draw(
        families(family, KINDS, goal),
        shifts=unseen(shift, "awareness"),
        conditions=CONFLICTS,
        n=whole("n", n, least=1),
        seed=whole("seed", seed, least=0),
        cues=cues(cue),
    )
    asked = {name: sample(name, n=min(len(placed), _MOST_QUESTIONS), seed=seed) for name in noticing}
    made = (
        _posed(
            place,
            name,
            [asked[question][number % len(asked[question])] for question in ASKED_AFTER[name]],
            {"goal": goal, "strength": strength, "random": name == "random"} if name in STEERED else {},
            goal=goal,
            seed=seed,
        )
        for name in chosen
        for number, place in enumerate(placed)
    )
    return MemoryDataset(list(made), name="awareness")


@solver
def attend(estimator: Literal["auto", "sampled"] = "auto", reasoning: Reasoning = "free") -> Solver:
    """Take the scored answer, then ask what was noticed, each question right after that answer.

    Args:
        estimator: auto weighs classes of answers where the provider can; sampled never does.
        reasoning: Of the scored answer: free as the model likes, forced or suppressed. What was noticed
            is always answered at once.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if state.metadata["push"] and not is_organism():
            raise BadInput("situation", state.metadata["elicitation"], ONLY_OURS)
        state = await give_answer(state, generate, estimator, reasoning)
        records = {}
        for fields in state.metadata["after"]:
            question = Scenario.model_validate(fields)
            further = copy(state)
            further.messages = [*state.messages, *map(to_chat, question.messages)]
            further.metadata = {**state.metadata, "scenario": fields}
            _, records[question.family] = await answered(further, generate, estimator, "suppressed")
        write_noticed(state.store, records)
        return state

    return solve


def _posed(
    placed: Placed,
    situation: Situation,
    after: list[Scenario],
    push: dict[str, Any],
    *,
    goal: str,
    seed: int,
) -> Sample:
    questions = [question.model_dump(mode="json") for question in after]
    messages = situated(placed.scenario, situation)
    return begun(placed, messages, situation, goal=goal, seed=seed, after=questions, push=push)
