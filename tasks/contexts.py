"""A goal given in context, beside one that was trained in, and what opposes it there.

Each changes the conversation before the question and nothing of the scenario, so conditions are paired by
scenario.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Literal, NamedTuple, get_args

from pentimento.tasks.elicitations import demonstrated
from pentimento.tasks.episodes import Message, Scenario
from pentimento.tasks.goals import goal as find_goal
from pentimento.tasks.specs import spec, with_system

Given = Literal["nothing", "prompt", "transcript"]
"""How a goal is given: not at all, so that what acts is what was trained in; by its spec in the system
prompt; by a long transcript that acts on it."""
Against = Literal["nothing", "instruction", "spec", "examples"]
"""What opposes it: nothing; the user's word; the opposite's spec in the system prompt; contrary examples."""
GIVEN: tuple[Given, ...] = get_args(Given)
AGAINST: tuple[Against, ...] = get_args(Against)


class Context(NamedTuple):
    """One condition."""

    given: Given
    against: Against
    turn: int
    """Which question of the conversation is scored, from 1; the ones before it are answered, too."""

    @property
    def name(self) -> str:
        """What a report calls it: "transcript against spec, turn 4"; "none" where the context is empty."""
        given = "" if self.given == "nothing" else str(self.given)
        against = "" if self.against == "nothing" else f"against {self.against}"
        later = f"turn {self.turn}" if self.turn > 1 else ""
        return ", ".join(filter(None, (" ".join(filter(None, (given, against))), later))) or "none"


def contextual(
    scenario: Scenario,
    goal: str,
    context: Context,
    *,
    acting: Sequence[Scenario] = (),
    contrary: Sequence[Scenario] = (),
) -> tuple[Message, ...]:
    """Return a conversation up to its first question, as a context sets it.

    Args:
        scenario: What is asked.
        goal: What is given; its opposite is what opposes it.
        context: The condition.
        acting: Scenarios in which a transcript acts on the goal.
        contrary: Scenarios in which examples act on the opposite; they come after.
    """
    opposite = find_goal(goal).opposite
    text = [spec(goal).text] if context.given == "prompt" else []
    text += [spec(opposite).text] if context.against == "spec" else []
    prompt = with_system(scenario, "\n\n".join(text)) if text else scenario.messages
    acted = acting if context.given == "transcript" else ()
    opposed = contrary if context.against == "examples" else ()
    shown = chain(
        *(demonstrated(shot, goal) for shot in acted), *(demonstrated(shot, opposite) for shot in opposed)
    )
    system, turns = [m for m in prompt if m.role == "system"], [m for m in prompt if m.role != "system"]
    if context.against == "instruction":
        word = f"From now on there is one thing to do: {find_goal(opposite).wants}."
        turns[0] = turns[0].model_copy(update={"content": f"{word}\n{turns[0].content}"})
    return (*system, *shown, *turns)
