"""The questions about one goal, out of all that a family asks which has questions about every pair."""

from collections.abc import Sequence

from pentimento.evals.datasets import Placed
from pentimento.tasks import Cue, Goal, Scenario, Shift, goals, sample
from pentimento.tasks import goal as find_goal
from pentimento.tasks.exceptions import BadInput

SHIFTS = (Shift.FRESH, Shift.WORDING, Shift.DOMAIN)
"""No stage trains on these questions, so only their own wordings and places can be unseen."""


def ask(
    family: str, goal: str, *, shifts: Sequence[Shift], n: int, seed: int, cues: Sequence[Cue]
) -> list[Placed]:
    """Return `n` questions that set the goal against its opposite, for every shift and cue.

    The family draws the pair of goals of each question; the others are passed over.

    Raises:
        BadInput: The goal or a shift is not asked about, or there are not `n` different questions.
    """
    wanted = find_goal(goal)
    for shift in shifts:
        if shift not in SHIFTS:
            raise BadInput("shift", shift.value, f"{family} has {', '.join(known.value for known in SHIFTS)}")
    return [
        Placed(shift, scenario)
        for shift in shifts
        for cue in cues
        for scenario in _about(family, wanted, shift, n=n, seed=seed, cue=cue)
    ]


def _about(family: str, goal: Goal, shift: Shift, *, n: int, seed: int, cue: Cue) -> tuple[Scenario, ...]:
    num_pairs = len(goals) // 2
    drawn = n * num_pairs
    while True:
        # A longer draw begins with a shorter one, so drawing more only adds questions.
        every = sample(family, shift=shift, n=drawn, seed=seed, cue=cue)
        scenarios = tuple(scenario for scenario in every if goal.applies(scenario))
        if len(scenarios) >= n:
            return scenarios[:n]
        drawn += num_pairs * (n - len(scenarios)) + num_pairs
