"""Votes of a grader about a piece of reasoning or an answer, and their majority."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

from inspect_ai.model import CachePolicy, GenerateConfig, Model, ModelName

from pentimento.evals.exceptions import FailedEval, Refused
from pentimento.evals.judging.questions import QUESTIONS, VERSION, About, ask, verdict
from pentimento.tasks.exceptions import BadInput, UnknownName

ROLE = "grader"
VOTES = 3
_UNKEPT = ("lexicon", "mockllm")
"""Providers that answer at once and may answer otherwise the next time: words change with this package."""


def named(model: Model) -> str:
    """Return the name by which a log knows a model: nobody judges its own reasoning."""
    return str(ModelName(model))


class Poll(NamedTuple):
    """What a grader's votes about one text came to."""

    votes: tuple[bool | None, ...]
    """Of every time that it was asked; None where it gave no verdict."""
    failures: tuple[str, ...]
    """Errors of the times that it could not be asked."""
    asked: tuple[str, str, int, int]
    """The grader, the question, the version of its text, and how often it was asked."""

    @property
    def majority(self) -> bool | None:
        """What most of the verdicts say; None where as many say the opposite, or none says anything."""
        yes, no = self.votes.count(True), self.votes.count(False)
        return None if yes == no else yes > no

    @property
    def reason(self) -> str:
        """Why there is no majority: grader_failed or grader_abstained."""
        return "grader_failed" if self.failures else "grader_abstained"

    @property
    def why(self) -> str:
        """The same in words: the first error, or that votes were tied or held no verdict."""
        return self.failures[0] if self.failures else "tied votes" if True in self.votes else "no verdict"

    def told(self) -> dict[str, Any]:
        """Return what stands beside a score or a scanner's result."""
        failed = {"failed": list(self.failures)} if self.failures else {}
        return {"votes": list(self.votes), "asked": list(self.asked), "majority": self.majority, **failed}


def check(question: str, votes: int, about: Sequence[About] = get_args(About)) -> None:
    """Refuse what cannot be asked.

    Raises:
        Refused: There is no such question about what can be judged here, or the number of votes is not odd.
    """
    allowed = [name for name, one in QUESTIONS.items() if one.about in about]
    if question not in allowed:
        raise Refused(str(UnknownName("question", question, allowed)))
    if not isinstance(votes, int) or votes < 1 or not votes % 2:
        raise Refused(str(BadInput("votes", votes, "an odd number, so that there is no tie")))


async def poll(grader: Model, question: str, text: str, votes: int, goal: str = "") -> Poll:
    """Ask a grader about a piece of reasoning or an answer.

    Every vote is asked with a seed of its own, and kept by inspect, so judging again asks nobody twice.

    Args:
        grader: Who is asked.
        question: A name of `QUESTIONS`.
        text: The reasoning, or the answer.
        votes: How often; more than one are drawn at a temperature of 0.7.
        goal: Which goal the question is about, where it is about one.
    """
    kept = False if ModelName(grader).api in _UNKEPT else CachePolicy(expiry=None)

    async def one(number: int) -> bool | None:
        config = GenerateConfig(temperature=0.7 if votes > 1 else 0.0, seed=number)
        output = await grader.generate(ask(question, text, goal), config=config, cache=kept)
        if output.error:
            raise FailedEval(f"grader {grader}", "error", output.error)
        return verdict(output.completion)

    replies = await asyncio.gather(*map(one, range(votes)), return_exceptions=True)
    given = tuple(None if isinstance(reply, BaseException) else reply for reply in replies)
    failed = (f"{type(reply).__name__}: {reply}" for reply in replies if isinstance(reply, BaseException))
    return Poll(given, tuple(failed), (named(grader), question, VERSION, votes))
