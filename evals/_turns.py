"""The solver of families of several turns: it plays a scenario once, by text actions."""

from typing import Any, Literal

from inspect_ai.model import ChatMessageUser, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver

from pentimento.evals._datasets import scenario_of
from pentimento.evals._episodes import PROBLEMS, WeighsAnswers, cannot_steer, raw_text, steering
from pentimento.evals._records import Branch, Reasoning, Record, write_record
from pentimento.evals.exceptions import Refused
from pentimento.tasks import Outcome, Play, agentic, transcript


@solver
def play_turns(estimator: Literal["sampled"] = "sampled", reasoning: Reasoning = "free") -> Solver:
    """Generate a turn, act, show what the world says, until the episode is over; then write a `Record`.

    A turn that was cut off or filtered ends the episode, which is then not valid.

    Args:
        estimator: Episodes are sampled: no class of episodes has a probability that could be weighed.
        reasoning: Of each turn; free as the model likes, other ways only on our own provider.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        weighs = isinstance(get_model().api, WeighsAnswers)
        if reasoning != "free" and not weighs:
            raise Refused(cannot_steer(reasoning, str(state.model)))
        extra: dict[str, Any] = {"extra_body": steering(reasoning, state.epoch)} if weighs else {}
        scenario = scenario_of(state.metadata)
        play, problem = Play(agentic(scenario.family), scenario), None
        while not play.over and problem is None:
            state = await generate(state, **extra)
            problem = PROBLEMS.get(state.output.stop_reason) if state.output.choices else "empty"
            seen = play.step(raw_text(state.output.message) if state.output.choices else "")
            if not play.over and problem is None:
                state.messages.append(ChatMessageUser(content=seen))
        outcome = play.outcome()
        if problem is not None:
            outcome = Outcome(valid=False, reasoned=outcome.reasoned, problem=problem)
        write_record(
            state.store,
            Record(
                completion=transcript(play.turns),
                outcome=outcome,
                estimator=estimator,
                reasoning=reasoning,
                branches=(Branch(p=1.0, outcome=outcome),),
            ),
        )
        return state

    return solve
