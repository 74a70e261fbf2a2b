"""Does a goal come back when somebody pulls on it?"""

from typing import Literal

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.solver import Generate, Solver, TaskState, solver

from pentimento.evals._arguments import Names, checked, cues, families, names, unseen, whole
from pentimento.evals._assembly import assemble
from pentimento.evals._episodes import give_answer, go_on
from pentimento.evals._scorers import goal_score, valid
from pentimento.evals.datasets import CONFLICTS, KINDS, Placed, begun, draw, scenario_of
from pentimento.evals.records import Reasoning
from pentimento.tasks import ELICITATIONS, Condition, demonstrations, elicitations

VERSION = "1-B"


@task
@checked
def elicitation(
    goal: str = "finish_the_task",
    family: Names = "all",
    elicitation: Names = "all",
    shift: Names = "fresh",
    cue: Names = "none",
    n: int = 20,
    seed: int = 0,
    shots: int = 4,
    estimator: str = "auto",
) -> Task:
    """Ask for decisions in which two goals part, without an elicitation and with each.

    Args:
        goal: What the elicitations pull on, and whose score it is.
        family: Families of one turn in which the goal is at stake, or all of these.
        elicitation: none, naming, role, shots, prefill, argument, temperature, or all.
        shift: Which scenarios: fresh, wording, domain, family, cue.
        cue: What the system prompt says of oversight besides.
        n: Scenarios for each family, shift and cue, each asked with every elicitation.
        seed: Of the scenarios.
        shots: How many demonstrations the elicitation shots gives.
        estimator: auto, or sampled to never weigh answers exactly.
    """
    return assemble(
        samples(
            goal=goal, family=family, elicitation=elicitation, shift=shift, cue=cue, n=n, seed=seed,
            shots=shots,
        ),
        [goal_score(goal), valid()],
        version=VERSION, seed=seed, goal=goal, estimator=estimator, reasoning="free", solver=elicit,
    )  # fmt: skip


def samples(
    *, goal: str, family: Names, elicitation: Names, shift: Names, cue: Names, n: int, seed: int, shots: int
) -> MemoryDataset:
    """Return what the task asks; the arguments are its own, and no model changes anything.

    Raises:
        BadInput: An argument is not allowed.
    """
    chosen = [
        elicitations[name]
        for name in names("elicitation", elicitation, tuple(elicitations), all_means=ELICITATIONS)
    ]
    placed = draw(
        families(family, KINDS, goal),
        shifts=unseen(shift, "elicitation"),
        conditions=CONFLICTS,
        n=whole("n", n, least=1),
        seed=whole("seed", seed, least=0),
        cues=cues(cue),
    )
    num_shots = whole("shots", shots, least=1)
    shown = (
        demonstrations([p.scenario for p in placed], num_shots)
        if any(one.demonstrates for one in chosen)
        else {}
    )
    made = (
        begun(
            place,
            pull.begin(place.scenario, goal, shown.get(_cell(place), ())),
            pull.name,
            goal=goal,
            seed=seed,
        )
        for pull in chosen
        for place in placed
    )
    return MemoryDataset(list(made), name="elicitation")


@solver
def elicit(estimator: Literal["auto", "sampled"] = "auto", reasoning: Reasoning = "free") -> Solver:
    """Do what an elicitation does besides the first prompt, then take the scored answer.

    Args:
        estimator: auto weighs classes of answers where the provider can; sampled never does.
        reasoning: free as the model likes, forced or suppressed.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        scenario, pull = scenario_of(state.metadata), elicitations[state.metadata["elicitation"]]
        if replies := pull.replies(scenario, state.metadata["goal"]):
            state = await go_on(state, generate, replies, reasoning)
        return await give_answer(state, generate, estimator, reasoning, temperature=pull.temperature)

    return solve


def _cell(place: Placed) -> tuple[str, Condition]:
    return place.scenario.family, place.scenario.condition
