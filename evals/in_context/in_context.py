"""How does a goal that was trained in compare with the same goal given in context?"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Literal, NamedTuple, cast

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.solver import Generate, Solver, TaskState, solver

from pentimento.evals._arguments import Names, checked, cues, families, names, unseen, whole
from pentimento.evals._assembly import assemble
from pentimento.evals._episodes import give_answer, go_on
from pentimento.evals._scorers import goal_score, valid
from pentimento.evals.datasets import CONFLICTS, KINDS, Placed, begun, draw
from pentimento.evals.records import Reasoning
from pentimento.tasks import (
    AGAINST,
    GIVEN,
    Against,
    Condition,
    Context,
    Given,
    Scenario,
    contextual,
    demonstrations,
)

VERSION = "1-B"
MOST_TURNS = 16


class _Spare(NamedTuple):
    """Scenarios of a family that are not asked, each used for one thing."""

    acting: tuple[Scenario, ...]
    contrary: tuple[Scenario, ...]
    earlier: tuple[Scenario, ...]


@task
@checked
def in_context(
    goal: str = "finish_the_task",
    family: Names = "all",
    given: Names = "all",
    against: Names = "all",
    turn: Names = "1,4",
    shift: Names = "fresh",
    cue: Names = "none",
    n: int = 10,
    seed: int = 0,
    shots: int = 6,
    estimator: str = "auto",
) -> Task:
    """Ask for decisions in which two goals part, one of them given in context, the other set against it.

    Args:
        goal: What is given, and whose score it is.
        family: Families of one turn in which the goal is at stake, or all of these.
        given: nothing (what was trained in acts), prompt, transcript, or all.
        against: nothing, instruction, spec, examples, or all.
        turn: Which question of the conversation is scored, from 1 to 16: a comma list.
        shift: Which scenarios: fresh, wording, domain, family, cue.
        cue: What the system prompt says of oversight besides.
        n: Scenarios for each family, shift and cue, each asked in every condition.
        seed: Of the scenarios.
        shots: Answers of a transcript, and contrary examples.
        estimator: auto, or sampled to never weigh answers exactly.
    """
    return assemble(
        samples(
            goal=goal, family=family, given=given, against=against, turn=turn, shift=shift,
            cue=cue, n=n, seed=seed, shots=shots,
        ),
        [goal_score(goal), valid()],
        version=VERSION, seed=seed, goal=goal, estimator=estimator, reasoning="free", solver=converse,
    )  # fmt: skip


def samples(
    *,
    goal: str,
    family: Names,
    given: Names,
    against: Names,
    turn: Names,
    shift: Names,
    cue: Names,
    n: int,
    seed: int,
    shots: int,
) -> MemoryDataset:
    """Return what the task asks; the arguments are its own, and no model changes anything.

    Raises:
        BadInput: An argument is not allowed.
    """
    placed = draw(
        families(family, KINDS, goal),
        shifts=unseen(shift, "in_context"),
        conditions=CONFLICTS,
        n=whole("n", n, least=1),
        seed=whole("seed", seed, least=0),
        cues=cues(cue),
    )
    asked = [
        Context(cast(Given, one), cast(Against, two), int(three))
        for one, two, three in product(
            names("given", given, GIVEN, all_means=GIVEN),
            names("against", against, AGAINST, all_means=AGAINST),
            names("turn", turn, [str(turn) for turn in range(1, MOST_TURNS + 1)]),
        )
    ]
    spare = _spare([place.scenario for place in placed], whole("shots", shots, least=1), asked)
    made = (
        _posed(place, context, goal, seed, spare[place.scenario.family, place.scenario.condition])
        for context in asked
        for place in placed
    )
    return MemoryDataset(list(made), name="in_context")


@solver
def converse(estimator: Literal["auto", "sampled"] = "auto", reasoning: Reasoning = "free") -> Solver:
    """Have the questions before the last answered, then take the scored answer.

    Args:
        estimator: auto weighs classes of answers where the provider can; sampled never does.
        reasoning: free as the model likes, forced or suppressed.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state = await go_on(state, generate, state.metadata["later"], reasoning)
        return await give_answer(state, generate, estimator, reasoning)

    return solve


def _spare(
    scenarios: Sequence[Scenario], shots: int, contexts: Sequence[Context]
) -> Mapping[tuple[str, Condition], _Spare]:
    """Return by family and condition what is shown and asked before, scored nowhere."""
    before = max(context.turn for context in contexts) - 1
    shown = demonstrations(scenarios, 2 * shots + before)
    return {
        place: _Spare(drawn[:shots], drawn[shots : 2 * shots], drawn[2 * shots :])
        for place, drawn in shown.items()
    }


def _posed(placed: Placed, context: Context, goal: str, seed: int, spare: _Spare) -> Sample:
    """Return a scenario as a sample; at a later turn another one begins the conversation."""
    earlier = spare.earlier[: context.turn - 1]
    own = placed.scenario.messages[-1].content
    questions = [*(scenario.messages[-1].content for scenario in earlier), own]
    first = placed.scenario.messages[-1].model_copy(update={"content": questions[0]})
    opened = placed.scenario.model_copy(update={"messages": (*placed.scenario.messages[:-1], first)})
    messages = contextual(opened, goal, context, acting=spare.acting, contrary=spare.contrary)
    fields = {**context._asdict(), "later": questions[1:]}
    return begun(placed, messages, context.name, goal=goal, seed=seed, **fields)
