"""The solver of families of several turns: it plays a scenario once, by text actions or by tools."""

import inspect
from collections.abc import Callable
from typing import Literal

from inspect_ai.model import ChatMessageUser, execute_tools
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import Tool, ToolDef

from pentimento.evals._episodes import PROBLEMS, raw_text, steered
from pentimento.evals.datasets import scenario_of
from pentimento.evals.records import Branch, Reasoning, Record, write_record
from pentimento.tasks import Play, actions, agentic, transcript

Via = Literal["text", "tools"]
BY_TOOLS = "Every command is a tool: call it instead of writing it."
"""What the prompt says where tools are offered."""


@solver
def play_turns(
    estimator: Literal["sampled"] = "sampled", reasoning: Reasoning = "free", via: Via = "text"
) -> Solver:
    """Generate a turn, act, show what the world says, until the episode is over; then write a `Record`.

    A call of a tool is the same turn as its command in words, and a turn is one call: what stands beside the
    first was written before the world said anything, so it is not carried out. A turn that was cut off or
    filtered ends the episode, which is then not valid.

    Args:
        estimator: Episodes are sampled: no class of episodes has a probability that could be weighed.
        reasoning: Of each turn: free as the model likes, forced or suppressed.
        via: How it acts.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        extra = steered(state, reasoning)
        scenario = scenario_of(state.metadata)
        play, problem = Play(agentic(scenario.family), scenario), None
        if via == "tools":
            state.tools = [_tool(play, name, action) for name, action in actions(play.world).items()]
            state.messages[-1].content = f"{state.messages[-1].text} {BY_TOOLS}"
            extra["parallel_tool_calls"] = False
        while not play.over and problem is None:
            state = await generate(state, tool_calls="none", **extra)
            problem = PROBLEMS.get(state.output.stop_reason) if state.output.choices else "empty"
            if problem is None:
                await _act(play, state)
        outcome = play.outcome()
        if problem is not None:
            outcome = outcome.model_copy(update={"valid": False, "problem": problem})
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


async def _act(play: Play, state: TaskState) -> None:
    """Take the turn that the model has just generated, and show what the world says of it.

    A message that brings nothing about, as with arguments that no tool can read, costs a turn all the same.
    """
    message, taken = state.output.message, len(play.turns)
    if message.tool_calls:
        state.messages[-1] = message.model_copy(update={"tool_calls": message.tool_calls[:1]})
        replies, _ = await execute_tools(state.messages, state.tools)
        state.messages.extend(replies)
        if len(play.turns) == taken:
            play.step("")
        return
    seen = play.step(raw_text(message))
    if not play.over:
        state.messages.append(ChatMessageUser(content=seen))


def _tool(play: Play, name: str, action: Callable[[str], str]) -> Tool:
    """Return an action as a tool that takes its turn in the play."""
    [parameter] = inspect.signature(action).parameters
    about, _, arguments = (inspect.getdoc(action) or "").partition("Args:")

    async def execute(**given: str) -> str:
        return "The task is closed." if play.over else play.step(f"{name.capitalize()} {given[parameter]}")

    shape = inspect.Parameter(parameter, inspect.Parameter.KEYWORD_ONLY, annotation=str)
    execute.__signature__ = inspect.Signature([shape], return_annotation=str)  # type: ignore[attr-defined]
    execute.__annotations__ = {parameter: str, "return": str}
    described = {parameter: arguments.partition(":")[2].strip()}
    return ToolDef(execute, name=name, description=about.strip(), parameters=described).as_tool()
