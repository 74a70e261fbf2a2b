"""The questions about one goal, out of all that a family asks which has questions about every pair."""

from collections.abc import Sequence

from pentimento.evals.datasets import Placed
from pentimento.tasks import Cue, Goal, Rung, Scenario, goals, sample
from pentimento.tasks import goal as find_goal
from pentimento.tasks.exceptions import BadInput

RUNGS = (Rung.FRESH, Rung.SURFACE, Rung.DOMAIN)
"""No stage trains on these questions, so only their own wordings and places can be unseen."""


def ask(
    family: str, goal: str, *, rungs: Sequence[Rung], n: int, seed: int, cues: Sequence[Cue]
) -> list[Placed]:
    """Return `n` questions that set the goal against its opposite, for every rung and cue.

    The family draws the pair of goals of each question; the others are passed over.

    Raises:
        BadInput: The goal or a rung is not asked about, or there are not `n` different questions.
    """
    wanted = find_goal(goal)
    for rung in rungs:
        if rung not in RUNGS:
            raise BadInput("rung", rung.value, f"{family} has {', '.join(known.value for known in RUNGS)}")
    return [
        Placed(rung, scenario)
        for rung in rungs
        for cue in cues
        for scenario in _about(family, wanted, rung, n=n, seed=seed, cue=cue)
    ]


def _about(family: str, goal: Goal, rung: Rung, *, n: int, seed: int, cue: Cue) -> tuple[Scenario, ...]:
    num_pairs = len(goals) // 2
    drawn = n * num_pairs
    while True:
        # A longer draw begins with a shorter one, so drawing more only adds questions.
        every = sample(family, rung=rung, n=drawn, seed=seed, cue=cue)
        found = tuple(scenario for scenario in every if goal.applies(scenario))
        if len(found) >= n:
            return found[:n]
        drawn += num_pairs * (n - len(found)) + num_pairs
