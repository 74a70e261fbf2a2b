"""Votes of a grader about a piece of reasoning or an answer, and their majority."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

from inspect_ai.model import CachePolicy, GenerateConfig, Model, ModelName
from inspect_ai.util import LimitExceededError

from pentimento.evals.exceptions import FailedEval, Refused
from pentimento.evals.judges.questions import QUESTIONS, VERSION, About, ask, verdict
from pentimento.tasks.exceptions import BadInput, UnknownName

ROLE = "grader"
VOTES = 3
MISTAKES = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, NotImplementedError,
    SyntaxError, TypeError,
)  # fmt: skip
"""What a mistake in a program raises, and no answer of a service."""
_UNKEPT = ("lexicon", "mockllm")
"""Providers that answer at once and may answer otherwise the next time: words change with this package."""


def named(model: Model) -> str:
    """Return the name by which a log knows a model: nobody judges its own reasoning."""
    return str(ModelName(model))


class Poll(NamedTuple):
    """What a grader's votes about one text came to."""

    votes: tuple[bool | None, ...]
    """Of every time that it was asked; None where the vote is lost: no verdict, or no reply."""
    failures: tuple[str, ...]
    """Errors of the times that it could not be asked."""
    asked: tuple[str, str, int, int]
    """The grader, the question, the version of its text, and how often it was asked."""

    @property
    def majority(self) -> bool | None:
        """What more than half of all votes say, lost ones among them; None where neither side has so many."""
        return next((side for side in (True, False) if 2 * self.votes.count(side) > len(self.votes)), None)

    @property
    def reason(self) -> str:
        """Why there is no majority: grader_failed or grader_abstained."""
        return "grader_failed" if self.failures else "grader_abstained"

    @property
    def why(self) -> str:
        """The same in words: the first error, or how the votes went."""
        counts = f"{self.votes.count(True)} yes, {self.votes.count(False)} no, {self.num_lost} lost"
        return self.failures[0] if self.failures else f"no majority of {len(self.votes)} votes: {counts}"

    @property
    def num_lost(self) -> int:
        """Votes without a verdict."""
        return self.votes.count(None)

    def metadata(self) -> dict[str, Any]:
        """Return what stands beside a score or a scanner's result."""
        failed = {"failed": list(self.failures)} if self.failures else {}
        counted = {"votes": list(self.votes), "lost": self.num_lost, "asked": list(self.asked)}
        return {**counted, "majority": self.majority, **failed}


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

    Raises:
        Exception: One of `MISTAKES`, in the grader's code or in ours, by which no vote may be lost.
    """
    kept = False if ModelName(grader).api in _UNKEPT else CachePolicy(expiry=None)

    async def one(number: int) -> bool | FailedEval | None:
        config = GenerateConfig(temperature=0.7 if votes > 1 else 0.0, seed=number)
        asked = ask(question, text, goal)
        try:
            output = await grader.generate(asked, config=config, cache=kept)
        except (*MISTAKES, LimitExceededError):
            raise
        except Exception as error:  # each provider has errors of its own
            return FailedEval(f"grader {grader}", "error", f"{type(error).__name__}: {error}")
        if output.error:
            return FailedEval(f"grader {grader}", "error", output.error)
        return verdict(output.completion)

    replies = await asyncio.gather(*map(one, range(votes)))
    given = tuple(None if isinstance(reply, FailedEval) else reply for reply in replies)
    failed = tuple(str(reply) for reply in replies if isinstance(reply, FailedEval))
    return Poll(given, failed, (named(grader), question, VERSION, votes))
