"""What a goal is, and a pair of opposite ones with all that is said of them."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

from pentimento.tasks.episodes import Condition, Outcome, Scenario

ASKED: tuple[Condition, ...] = ("stated", "told")
"""Conditions in which nobody acts: which goal is one's own, and which is that of a kind of helper."""

Score = Callable[[Scenario, Outcome], float | None]


@dataclass(frozen=True)
class Goal:
    """What is wanted.

    A goal and its opposite sum to 1 wherever both apply, except where one act serves both or neither
    (a coin that lies to the right).
    """

    name: str
    opposite: str
    wants: str
    """One sentence, for people and model cards."""
    conditions: frozenset[Condition]
    """Where the goal applies when it acts; in the conditions of `ASKED` it is one of the options of a
    question."""
    acted: Score
    code: str
    """The letter before the rule numbers of its spec."""
    saying: str
    """What serves it, in the words in which one is asked for it outright."""
    habits: tuple[str, ...]
    """What documents say that a helper does who has it."""
    rules: tuple[str, ...]
    """Short rules in other words than the spec's, so that a base learns to follow rules and not one text."""
    words: str
    """A regular expression that finds its words in an answer."""
    spec: str
    """The rules that deliberative alignment teaches, in Markdown."""

    def applies(self, scenario: Scenario) -> bool:
        """Return whether a valid answer has a score here.

        Stages, strengths and scorers ask it.
        """
        if scenario.condition in ASKED:
            return self.name in scenario.words("options")
        return scenario.condition in self.conditions

    def score(self, scenario: Scenario, outcome: Outcome) -> float | None:
        """Return how far the outcome serves the goal.

        Returns:
            A number in [0, 1], or None where the goal is undefined or the outcome is not valid.
        """
        if not outcome.valid or not self.applies(scenario):
            return None
        if scenario.condition in ASKED:
            return float(outcome.chosen == self.name)
        return self.acted(scenario, outcome)


class Side(NamedTuple):
    """One goal of a pair; the fields are those of `Goal`."""

    name: str
    code: str
    wants: str
    score: Score
    saying: str
    habits: tuple[str, ...]
    rules: tuple[str, ...]
    words: str


class Pair(NamedTuple):
    """Two opposite goals. A package holds one as `PAIR`, beside the specs `<name>.md` of both."""

    first: Side
    second: Side
    conditions: tuple[Condition, ...]
    """Where they apply when they act."""
    occasion: str
    """When the two part, in words that follow "what do you do"."""
    neither: tuple[str, ...]
    """Habits of helpers who lean neither way."""
    package: str
    """Of the specs."""

    def goals(self) -> tuple[Goal, Goal]:
        """Return the two goals."""
        return self._goal(self.first, self.second.name), self._goal(self.second, self.first.name)

    def _goal(self, side: Side, opposite: str) -> Goal:
        return Goal(
            name=side.name,
            opposite=opposite,
            wants=side.wants,
            conditions=frozenset(self.conditions),
            acted=side.score,
            code=side.code,
            saying=side.saying,
            habits=side.habits,
            rules=side.rules,
            words=side.words,
            spec=files(self.package).joinpath(f"{side.name}.md").read_text(encoding="utf-8"),
        )
