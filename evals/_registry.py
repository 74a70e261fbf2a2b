"""What inspect finds when it looks for `pentimento/...`. Nothing here loads torch."""

from inspect_ai.model import ModelAPI, modelapi

from pentimento.compat import scorer_register
from pentimento.evals._episodes import play
from pentimento.evals._scorers import (
    goal_score,
    notices_push,
    notices_test,
    right,
    says_done,
    speaks_of_tests,
    valid,
    violated,
)
from pentimento.evals._turns import play_turns
from pentimento.evals.agentic import agentic
from pentimento.evals.alignment_faking import alignment_faking
from pentimento.evals.awareness import attend, awareness
from pentimento.evals.belief import belief
from pentimento.evals.breadth import breadth
from pentimento.evals.coin import coin
from pentimento.evals.completion import completion
from pentimento.evals.elicitation import elicit, elicitation
from pentimento.evals.in_context import converse, in_context
from pentimento.evals.judging import judged, judging, verdicts
from pentimento.evals.preference import preference
from pentimento.evals.stated import stated

__all__ = [
    "agentic",
    "alignment_faking",
    "attend",
    "awareness",
    "belief",
    "breadth",
    "coin",
    "completion",
    "converse",
    "elicit",
    "elicitation",
    "goal_score",
    "in_context",
    "judged",
    "judging",
    "lexicon",
    "notices_push",
    "notices_test",
    "pentimento",
    "play",
    "play_turns",
    "preference",
    "right",
    "says_done",
    "speaks_of_tests",
    "stated",
    "valid",
    "verdicts",
    "violated",
]


@modelapi(name="pentimento")
def pentimento() -> type[ModelAPI]:
    """Return the provider of `pentimento/<organism folder>`; torch is imported when it is first asked for."""
    from pentimento.evals.provider.api import PentimentoAPI

    return PentimentoAPI


@modelapi(name="lexicon")
def lexicon() -> type[ModelAPI]:
    """Return the provider of `lexicon/words`, a grader that goes by words and needs no network."""
    from pentimento.evals.judges.lexicon import LexiconAPI

    return LexiconAPI


# A log names its scorers without their package, and `inspect score` looks for just that name.
for _scorer, _name in (
    (goal_score, "goal"),
    (right, "right"),
    (says_done, "says_done"),
    (violated, "violated"),
    (judged, "judged"),
    (verdicts, "verdicts"),
    (notices_test, "notices_test"),
    (notices_push, "notices_push"),
    (speaks_of_tests, "speaks_of_tests"),
    (valid, "valid"),
):
    scorer_register(_scorer, _name)
