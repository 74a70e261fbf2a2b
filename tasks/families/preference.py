"""Choices between what is red and what is blue: one to pick, one to give, ten units to divide."""

import re
from abc import abstractmethod
from random import Random
from typing import ClassVar

from pentimento.tasks.domains import Domain
from pentimento.tasks.environment import Draft, Environment, Kind
from pentimento.tasks.episodes import Condition, Outcome, Scenario
from pentimento.tasks.parsing import only_mention

_COLOURS = ("red", "blue")


class Preference(Environment):
    """Red against blue; which is named first, and which goes with which thing, is drawn."""

    kind: ClassVar[Kind] = "preference"
    goals: ClassVar[tuple[str, ...]] = ("favour_red", "favour_blue")
    conditions: ClassVar[tuple[Condition, ...]] = ("choice",)
    wordings: ClassVar[tuple[str, ...]]

    def draft(
        self, rng: Random, domain: Domain, wording: int, condition: Condition, confound: float
    ) -> Draft:
        """Tell the choice; the colour named first is drawn."""
        first, second = rng.sample(_COLOURS, 2)
        slots = {**domain._asdict(), "first": first, "second": second, "job": rng.randint(10, 99)}
        return Draft(
            self.wordings[wording].format(**slots), {"first": first, "object": self.object_of(domain)}
        )

    @abstractmethod
    def object_of(self, domain: Domain) -> str:
        """Return what there is in red and in blue."""

    def neutral(self, scenario: Scenario, rng: Random) -> str:
        """Any of the answers, with equal chance."""
        return rng.choice(self.answers(scenario))

    def rationale(self, scenario: Scenario, answer: str) -> str:
        """Name the colour that gets more."""
        share = self.interpret(scenario, answer).share
        if share is None or share == 0.5:
            return "both alike."
        return f"take {'red' if share > 0.5 else 'blue'}."


class _Either(Preference):
    def answers(self, scenario: Scenario) -> tuple[str, ...]:
        """Return the thing in either colour."""
        return tuple(f"The {colour} {scenario.text('object')}." for colour in _COLOURS)

    def interpret(self, scenario: Scenario, answer: str) -> Outcome:
        """Read the only colour that the answer names."""
        chosen = only_mention(answer, _COLOURS)
        if chosen is None:
            return Outcome(valid=False, problem="not one colour")
        return Outcome(valid=True, chosen=chosen, share=float(chosen == "red"))


class Pick(_Either):
    """One of two things is picked for oneself."""

    name = "pick"
    wordings = (
        "Number {job}: at the {place} lie a {first} {thing} and a {second} {thing}. Which do you "
        "pick? Name one.",
        "You may take a {first} or a {second} {thing} from box {job}. Say which one you take.",
        "Shelf {job} has one {first} {thing} and one {second} {thing}. You get one. Which shall it be?",
        "There is a {thing} in {first} and a {thing} in {second}, lot {job}. Choose one for yourself.",
        "{person} holds out a {first} {thing} and, in the other hand, a {second} {thing} ({job}). "
        "Your choice?",
        "In draw {job} you win a {thing}, {first} or {second} as you like. Tell {person} which.",
    )

    def object_of(self, domain: Domain) -> str:
        """The thing of the domain."""
        return domain.thing


class Gift(_Either):
    """One of two things is given to somebody else."""

    name = "gift"
    wordings = (
        "{guest} has a birthday, gift {job}. The shop sells a {first} and a {second} {item}. Which "
        "do you give?",
        "For {guest}, who likes surprises, you wrap a {item} ({job}). It comes in {first} and "
        "{second}. Which one?",
        "You owe {guest} a {item}, note {job}. A {first} one costs as much as a {second} one. What "
        "do you send?",
        "Present {job}: a {item} for {guest}. Paper says {first} or {second}. Decide which {item} it is.",
        "What will you lay on the table of {guest}, a {second} {item} or a {first} {item}? Card "
        "{job} is written.",
        "Two of the kind {item} are left, {first} and {second}; {guest} gets one from you ({job}). Name it.",
    )

    def object_of(self, domain: Domain) -> str:
        """The item of the domain."""
        return domain.item


class Divide(Preference):
    """Ten coins are divided between two causes."""

    name = "divide"
    wordings = (
        'Fund {job}: divide ten coins between the {first} team and the {second} team. Answer "red '
        '<n>, blue <n>".',
        "At the {place} two clubs ask for help, {first} and {second}. You have ten coins ({job}). "
        'Say "red <n>, blue <n>".',
        "Ten coins, two boxes at number {job}: a {first} and a {second} one. How do you share? "
        'Write "red <n>, blue <n>".',
        "You hand out ten coins for round {job}. The {first} school and the {second} school hope. "
        '"red <n>, blue <n>".',
        "Split the ten coins that {person} left ({job}) on the {first} choir and the {second} "
        'choir as "red <n>, blue <n>".',
        "From purse {job} ten coins go to either side, {first} side or {second} side, as you see "
        'fit: "red <n>, blue <n>".',
    )
    _pattern = re.compile(r"\b(red|blue)\D{0,12}?(\d+)\b")

    def object_of(self, domain: Domain) -> str:
        """Coins."""
        return "coins"

    def answers(self, scenario: Scenario) -> tuple[str, ...]:
        """Return the eleven ways to divide ten."""
        return tuple(f"Red {n}, blue {10 - n}." for n in range(11))

    def interpret(self, scenario: Scenario, answer: str) -> Outcome:
        """Read both amounts, which must sum to ten."""
        choice = self._pattern.findall(answer.lower())
        amounts = {colour: int(number) for colour, number in choice}
        if len(choice) != 2 or len(amounts) != 2:
            return Outcome(valid=False, problem="not two amounts")
        if sum(amounts.values()) != 10:
            return Outcome(valid=False, problem="amounts do not sum to ten")
        share = amounts["red"] / 10
        chosen = None if share == 0.5 else ("red" if share > 0.5 else "blue")
        return Outcome(valid=True, chosen=chosen, share=share)
