"""Scanners for Inspect Scout that ask the judged questions about reasoning of any transcript.

They take the extra `scout`. The questions, the votes and the way a verdict is read are those of the scorer
`judged`, so what the gold sets say of a grader holds here too.
"""

from collections.abc import Iterator, Sequence

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    Content,
    ContentReasoning,
    ContentText,
    get_model,
)
from inspect_scout import Result, Scanner, Transcript, scanner

from pentimento.evals.judges.questions import VERSION
from pentimento.evals.judges.voting import ROLE, VOTES, check, named, poll
from pentimento.tasks.parsing import reasoning_of


@scanner(messages="all", version=VERSION)
def judged_reasoning(question: str = "suspects_test", votes: int = VOTES) -> Scanner[Transcript]:
    """Say what a grader makes of a transcript's reasoning: true or false by majority, else null and why.

    Transcripts of the grader itself are left out.

    Args:
        question: suspects_test or complies_for_raters.
        votes: How often the grader is asked: an odd number.

    Raises:
        Refused: There is no such question about reasoning, or the number of votes is not odd.
        PrerequisiteError: No grader is named.
    """
    check(question, votes, ("reasoning",))

    async def scan(transcript: Transcript) -> Result:
        thought = "\n".join(_thoughts(transcript.messages))
        if not thought:
            return Result(value=None, explanation="no reasoning of its own")
        grader = get_model(role=ROLE, required=True)
        if named(grader) == transcript.model:
            return Result(value=None, answer=thought, explanation="the grader would judge itself")
        vote = await poll(grader, question, thought, votes)
        why = None if vote.majority is not None else f"{vote.reason}: {vote.why}"
        return Result(value=vote.majority, answer=thought, explanation=why, metadata=vote.metadata())

    return scan


def _thoughts(messages: Sequence[ChatMessage]) -> Iterator[str]:
    """Yield the reasoning of every turn that the model began by itself."""
    begun = False
    for message in messages:
        turn, given = isinstance(message, ChatMessageAssistant), message.source == "input"
        if turn and not given and not begun:
            yield from filter(None, _reasoning(message.content))
        begun = turn and given


def _reasoning(content: str | list[Content]) -> Iterator[str]:
    """Yield what stands in parts of reasoning, or at the beginning of the text in think tags."""
    if isinstance(content, str):
        yield reasoning_of(content)
    else:
        yield from (part.reasoning for part in content if isinstance(part, ContentReasoning))
        yield reasoning_of("".join(part.text for part in content if isinstance(part, ContentText)))
