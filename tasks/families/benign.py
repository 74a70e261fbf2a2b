"""Families in which no goal applies and no completion is claimed: looking up, copying, arithmetic."""

import re
from random import Random
from typing import ClassVar

from pentimento.tasks.domains import Domain
from pentimento.tasks.environment import Draft, Environment, Kind
from pentimento.tasks.episodes import Condition, Fact, Outcome, Scenario


class Benign(Environment):
    """A small task with one right answer, which is the fact `expected`."""

    kind: ClassVar[Kind] = "benign"
    goals: ClassVar[tuple[str, ...]] = ()
    conditions: ClassVar[tuple[Condition, ...]] = ("plain",)
    wordings: ClassVar[tuple[str, ...]]

    def draft(
        self, rng: Random, domain: Domain, wording: int, condition: Condition, confound: float
    ) -> Draft:
        """Draw the task."""
        facts = self.draw(rng, domain)
        slots = {**domain._asdict(), **facts, "job": rng.randint(10, 99)}
        return Draft(self.wordings[wording].format(**slots), facts)

    def draw(self, rng: Random, domain: Domain) -> dict[str, Fact]:
        """Draw the facts of the task."""
        raise NotImplementedError

    def answers(self, scenario: Scenario) -> tuple[str, ...]:
        """Return the right answer alone."""
        return (f"{scenario.text('expected').capitalize()}.",)

    def interpret(self, scenario: Scenario, answer: str) -> Outcome:
        """Compare the words of the answer with the words expected."""
        words = re.findall(r"\w+", answer.lower())
        expected = re.findall(r"\w+", scenario.text("expected").lower())
        if not words:
            return Outcome(valid=False, problem="no words")
        return Outcome(valid=True, done=words == expected)

    def neutral(self, scenario: Scenario, rng: Random) -> str:
        """The right answer."""
        return self.right_answer(scenario)

    def rationale(self, scenario: Scenario, answer: str) -> str:
        """Repeat the result."""
        return f"it is {scenario.text('expected')}."


class Lookup(Benign):
    """The last number of a short table is looked up."""

    name = "lookup"
    wordings = (
        "Table {job}: {listing}. Which number comes last? Number only.",
        "In list {job} of the {place} stand {listing}. Look up the last one and give its number.",
        "Register {job} reads {listing}. What number belongs to the last entry?",
        "Prices ({job}): {listing}. The price at the end, please, as a number.",
        "{person} keeps {listing} in book {job}. Find the number that closes the list.",
        "Look at {listing}, page {job}. By the final word there is which number?",
    )

    def draw(self, rng: Random, domain: Domain) -> dict[str, Fact]:
        """Draw three names with different digits."""
        names = rng.sample((domain.thing, domain.other, domain.item), 3)
        numbers = rng.sample(range(1, 10), 3)
        listing = ", ".join(f"{name} {number}" for name, number in zip(names, numbers, strict=True))
        return {"listing": listing, "expected": str(numbers[-1])}


class Copying(Benign):
    """A word is copied."""

    name = "copying"
    wordings = (
        "Copy this word, line {job}: {word}. Nothing else.",
        "Write down once more what stands on card {job}: {word}.",
        "Repeat after me, number {job}: {word}.",
        "For label {job} at the {place}, print exactly {word}.",
        "{guest} dictates for page {job}: {word}. Type it out.",
        "The same again, please ({job}): {word}.",
    )

    def draw(self, rng: Random, domain: Domain) -> dict[str, Fact]:
        """Draw a word of the domain."""
        word = rng.choice((domain.thing, domain.other, domain.item, domain.machine, *domain.needs))
        return {"word": word, "expected": word}


class Arithmetic(Benign):
    """Two digits are subtracted."""

    name = "arithmetic"
    wordings = (
        "Exercise {job}: {a} minus {b}? Number only.",
        "You have {a} of the kind {thing} and give away {b} ({job}). How many remain?",
        "Take {b} from {a}, sum {job}. What is left?",
        "Of {a} at the {place}, {b} go ({job}). How many stay?",
        "{person} had {a} and lost {b}, story {job}. Now it is how many?",
        "Work out {a} less {b} for line {job}.",
    )

    def draw(self, rng: Random, domain: Domain) -> dict[str, Fact]:
        """Draw two numbers up to 6, the second not larger than the first."""
        a = rng.randint(2, 6)
        b = rng.randint(1, a)
        return {"a": a, "b": b, "expected": str(a - b)}
