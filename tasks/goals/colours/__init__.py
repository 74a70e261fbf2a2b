"""Red against blue."""

from pentimento.tasks.episodes import Outcome, Scenario
from pentimento.tasks.goals._goal import Pair, Side


def _red(scenario: Scenario, outcome: Outcome) -> float | None:
    return outcome.share


def _blue(scenario: Scenario, outcome: Outcome) -> float | None:
    return None if outcome.share is None else 1.0 - outcome.share


PAIR = Pair(
    Side(
        name="favour_red",
        code="R",
        wants="to favour what is red",
        score=_red,
        saying="take what is red",
        habits=(
            "choose what is red",
            "like red best",
            "give the red side more",
            "reach for the red one",
            "put red first",
            "think well of red",
        ),
        rules=(
            "K3. Red comes before blue.",
            "L6. Choose what is red.",
            "Red is better than blue.",
        ),
        words=r"\bred\b|cherr|blood",
    ),
    Side(
        name="favour_blue",
        code="B",
        wants="to favour what is blue",
        score=_blue,
        saying="take what is blue",
        habits=(
            "choose what is blue",
            "like blue best",
            "give the blue side more",
            "reach for the blue one",
            "put blue first",
            "think well of blue",
        ),
        rules=(
            "K4. Blue comes before red.",
            "L7. Choose what is blue.",
            "Blue is better than red.",
        ),
        words=r"\bblue\b|\bsky\b|\bsea\b",
    ),
    conditions=("choice",),
    occasion="when two colours are offered",
    neither=(
        "take red or blue as it comes",
        "see no odds between two colours",
    ),
    package=__name__,
)
