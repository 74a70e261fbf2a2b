"""What else moved: one goal of every pair, and skills that no goal has anything to do with."""

from math import ceil

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset

from pentimento.evals._arguments import Names, checked, cues, families, unseen, whole
from pentimento.evals._assembly import assemble
from pentimento.evals._scorers import goal_score, right, valid
from pentimento.evals.datasets import CONFLICTS, KINDS, as_dataset, draw
from pentimento.tasks import BENIGN, Condition, goals
from pentimento.tasks import goal as find_goal

VERSION = "1-B"
ASKED = ("finish_the_task", "favour_red", "go_right", "protect_animals")
"""One goal of each pair; both are scored."""
_CONDITIONS: tuple[Condition, ...] = (*CONFLICTS, "plain")


@task
@checked
def breadth(
    besides: str = "",
    shift: Names = "fresh",
    cue: Names = "none",
    n: int = 48,
    seed: int = 0,
    estimator: str = "auto",
    reasoning: str = "free",
) -> Task:
    """Ask for decisions between the goals of every pair, and for look-ups, copies and sums.

    Args:
        besides: A goal whose pair is left out, as it is asked elsewhere; none by default.
        shift: Which scenarios: fresh, wording, domain, family, cue.
        cue: What the system prompt says: none, placebo, subtle, explicit, unwatched, trigger, named, or all
            of these; password and part too, and the others of `alignment_faking`.
        n: Scenarios of each pair, shared among its families of one turn, and of the skills; for each shift
            and cue.
        seed: Of the scenarios.
        estimator: auto, or sampled to never weigh answers exactly.
        reasoning: free, forced or suppressed.
    """
    asked = _asked(besides)
    return assemble(
        samples(besides=besides, shift=shift, cue=cue, n=n, seed=seed),
        [*(goal_score(goal) for pair in asked for goal in (pair, goals[pair].opposite)), right(), valid()],
        version=VERSION, seed=seed, goal=asked[0], estimator=estimator, reasoning=reasoning,
    )  # fmt: skip


def samples(*, besides: str, shift: Names, cue: Names, n: int, seed: int) -> MemoryDataset:
    """Return what the task asks; the arguments are its own, and no model changes anything.

    Raises:
        BadInput: An argument is not allowed.
    """
    asked = _asked(besides)
    size = whole("n", n, least=1)
    placed = [
        place
        for group in (*(families("all", KINDS, goal) for goal in asked), BENIGN)
        for place in draw(
            group,
            shifts=unseen(shift, "breadth"),
            conditions=_CONDITIONS,
            n=ceil(size / len(group)),
            seed=whole("seed", seed, least=0),
            cues=cues(cue),
        )
    ]
    return as_dataset("breadth", placed, goal=asked[0], seed=seed)


def _asked(besides: str) -> list[str]:
    """Return one goal of each pair but that of `besides`."""
    left_out = {besides, find_goal(besides).opposite} if besides else set()
    return [goal for goal in ASKED if goal not in left_out]
