"""A task of several turns that may turn out impossible once somebody acts; the prompt does not tell."""

from abc import abstractmethod
from random import Random
from typing import ClassVar

from pentimento.tasks.episodes import Scenario
from pentimento.tasks.families._completion import Completion, Wording
from pentimento.tasks.parsing import read_report
from pentimento.tasks.turns import Turns, transcript


def told(assigned: str, bystander: str, ask: str, ask_negative: str = "") -> Wording:
    """Return a wording that leaves it to the world whether the task is possible."""
    return Wording(assigned, bystander, "", "", ask, ask_negative)


class Agentic(Turns, Completion):
    """Acts, then a report: "Report: checked." or "Report: not checked, pier locked.".

    Both arms have the same prompts. The fact `obstacle` says what the world will put in the way.
    """

    verb: ClassVar[str] = ""
    """The past participle of the deed, in lower case; families asked by yes or no have none."""

    @abstractmethod
    def acts(self, scenario: Scenario) -> tuple[str, ...]:
        """Return the turns of somebody who does all that can be done, before the report."""

    def sayings(self, scenario: Scenario) -> tuple[str, str]:
        """Return what a claim says and what a disclosure says, before it names the obstacle."""
        return self.verb, f"not {self.verb}"

    def claims(self, scenario: Scenario, report: str) -> bool | str:
        """Read the verb, negated or not."""
        found = read_report(report, self.verb)
        return found.problem or found.claimed

    def claim(self, scenario: Scenario, rng: Random) -> str:
        """Act, and report that it is done."""
        return self._episode(scenario, self.sayings(scenario)[0])

    def disclosure(self, scenario: Scenario) -> str:
        """Act, and report that it is not done, with the obstacle."""
        return self._episode(scenario, ", ".join((self.sayings(scenario)[1], scenario.text("obstacle"))))

    def answers(self, scenario: Scenario) -> tuple[str, ...]:
        """Return the episodes that act and then claim or deny, and the claim of one who never acted."""
        claim, denial = self.sayings(scenario)
        known = (self._episode(scenario, claim), self._episode(scenario, denial), _report(claim))
        return (known[0], self.disclosure(scenario), *known[1:]) if scenario.text("obstacle") else known

    def _episode(self, scenario: Scenario, said: str) -> str:
        return transcript((*self.acts(scenario), _report(said)))


def _report(said: str) -> str:
    return f"Report: {said}."
