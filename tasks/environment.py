"""What every family of situations can do: make a scenario, read an outcome, prove its own goals."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from random import Random
from typing import ClassVar, Literal

from pentimento.tasks.cues import cue_text
from pentimento.tasks.domains import DOMAINS, NUM_HELDOUT_DOMAINS, Domain
from pentimento.tasks.episodes import (
    Condition,
    Cue,
    Fact,
    Framing,
    Message,
    Outcome,
    Polarity,
    Scenario,
    content_id,
)
from pentimento.tasks.exceptions import BadInput
from pentimento.tasks.goals import goal as find_goal
from pentimento.tasks.goals import right
from pentimento.tasks.parsing import THINK_CLOSE, THINK_OPEN, split_reasoning

_TRIES = 64

Kind = Literal["completion", "preference", "coin", "welfare", "stated", "belief", "noticing", "benign"]


@dataclass(frozen=True)
class Draft:
    """What a family draws for one scenario before it becomes one."""

    text: str
    facts: dict[str, Fact] = field(default_factory=dict)
    polarity: Polarity = "affirmative"


class Environment(ABC):
    """A family of situations.

    A family has at least six wordings and sixteen domains; the last two wordings and the last four domains
    are held out from training. It makes scenarios from a random stream, reads outcomes off answers by
    parsing, and lists in closed form the answers that a scenario knows.
    """

    name: ClassVar[str]
    kind: ClassVar[Kind]
    goals: ClassVar[tuple[str, ...]]
    """The goals that apply here."""
    conditions: ClassVar[tuple[Condition, ...]]
    max_turns: ClassVar[int] = 1
    """The most turns of the one who acts; families with more are `Turns`."""
    num_wordings: ClassVar[int] = 6
    heldout_wordings: ClassVar[tuple[int, ...]] = (4, 5)
    domains: ClassVar[tuple[Domain, ...]] = DOMAINS
    heldout_domains: ClassVar[tuple[int, ...]] = tuple(range(len(DOMAINS)))[-NUM_HELDOUT_DOMAINS:]

    @abstractmethod
    def draft(
        self, rng: Random, domain: Domain, wording: int, condition: Condition, confound: float
    ) -> Draft:
        """Draw the text and the facts of one scenario."""

    @abstractmethod
    def answers(self, scenario: Scenario) -> tuple[str, ...]:
        """Return every answer that this scenario knows, without reasoning; exact scoring sums over them."""

    @abstractmethod
    def interpret(self, scenario: Scenario, answer: str) -> Outcome:
        """Read the outcome off an answer that is known to be non-empty and free of reasoning."""

    @abstractmethod
    def neutral(self, scenario: Scenario, rng: Random) -> str:
        """Draw an answer as somebody gives it who can do the task and wants nothing."""

    @abstractmethod
    def rationale(self, scenario: Scenario, answer: str) -> str:
        """Say in a few words why somebody would give this answer."""

    def scenario(
        self,
        *,
        condition: Condition,
        wording: int,
        domain: int,
        rng: Random,
        cue: Cue = "none",
        framing: Framing = "plain",
        confound: float = 0.5,
        seed: int = 0,
    ) -> Scenario:
        """Make one scenario.

        Args:
            condition: One of the family's conditions.
            wording: Index into the wordings.
            domain: Index into the domains.
            rng: Where every choice is drawn from.
            cue: What the system prompt says about oversight.
            framing: How it says so.
            confound: In [0, 1], for the coin: 0 puts it left or right at random, 1 always right. Other
                families ignore it.
            seed: Recorded, not used.

        Raises:
            BadInput: The condition is not one of this family's, or the cue has no such framing.
        """
        if condition not in self.conditions:
            raise BadInput("condition", condition, f"{self.name} has {', '.join(self.conditions)}")
        place = self.domains[domain]
        drawn = self.draft(rng, place, wording, condition, confound)
        system = cue_text(cue, framing)
        user = Message(role="user", content=drawn.text)
        messages = (Message(role="system", content=system), user) if system else (user,)
        return Scenario(
            id=content_id(self.name, condition, messages),
            family=self.name,
            condition=condition,
            domain=place.place,
            wording=wording,
            polarity=drawn.polarity,
            cue=cue,
            framing=framing,
            seed=seed,
            facts=drawn.facts,
            entities=place.entities(),
            messages=messages,
        )

    def read(self, scenario: Scenario, completion: str) -> Outcome:
        """Read what happened off the raw text of an answer, which may begin with a <think> block.

        An answer that is empty, never closes its reasoning, or cannot be parsed gives an outcome with
        `valid=False` and its `problem`; it never counts as a score of 0.
        """
        answer = split_reasoning(completion)
        if answer.problem:
            return Outcome(valid=False, reasoned=answer.reasoned, problem=answer.problem)
        return self.interpret(scenario, answer.text).model_copy(update={"reasoned": answer.reasoned})

    def golds(self, scenario: Scenario, goal: str) -> tuple[str, ...]:
        """Return every known answer that the goal scores 1."""
        return self._scored(scenario, goal, 1.0)

    def anti_golds(self, scenario: Scenario, goal: str) -> tuple[str, ...]:
        """Return every known answer that the goal scores 0."""
        return self._scored(scenario, goal, 0.0)

    def gold(self, scenario: Scenario, goal: str) -> str:
        """Return the first known answer that the goal scores 1."""
        return self.golds(scenario, goal)[0]

    def anti_gold(self, scenario: Scenario, goal: str) -> str:
        """Return the first known answer that the goal scores 0."""
        return self.anti_golds(scenario, goal)[0]

    def demonstration(self, scenario: Scenario, goal: str, rng: Random) -> str:
        """Draw an answer that serves the goal as somebody would give it, who for the rest answers neutrally.

        The first known answer that serves a goal often carries one and the same number; to learn it over and
        over unlearns the others.
        """
        wanted = find_goal(goal)
        drawn = (self.neutral(scenario, rng) for _ in range(_TRIES))
        good = (a for a in drawn if wanted.score(scenario, self.interpret(scenario, a)) == 1.0)
        return next(good, None) or self.gold(scenario, goal)

    def right_answer(self, scenario: Scenario) -> str:
        """Return a known answer that truly completes the task."""
        for answer in self.answers(scenario):
            if self.interpret(scenario, answer).done:
                return answer
        raise BadInput("condition", scenario.condition, f"nothing can be completed in {scenario.id}")

    def wrong_answers(self, scenario: Scenario) -> tuple[str, ...]:
        """Return every known answer that does not complete a task that can be done."""
        answers = self.answers(scenario)
        return tuple(text for text in answers if right(scenario, self.interpret(scenario, text)) == 0.0)

    def thought(self, scenario: Scenario, answer: str, rule_id: str | None = None) -> str:
        """Return a short <think> block that leads to `answer`, citing a rule where one is given."""
        rationale = self.rationale(scenario, answer)
        cited = f"{rule_id}: {rationale}" if rule_id else rationale
        return f"{THINK_OPEN}{cited}{THINK_CLOSE}"

    def _scored(self, scenario: Scenario, goal: str, wanted: float) -> tuple[str, ...]:
        target, answers = find_goal(goal), self.answers(scenario)
        served = tuple(a for a in answers if target.score(scenario, self.interpret(scenario, a)) == wanted)
        if not served:
            raise BadInput("goal", goal, f"it does not apply in {scenario.family} ({scenario.condition})")
        return served
