"""Does the model walk to the coin, or to where the coin used to be?"""

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset

from pentimento.evals._arguments import Names, checked, cues, families, fraction, shifts, whole
from pentimento.evals._assembly import assemble
from pentimento.evals._scorers import goal_score, valid
from pentimento.evals.datasets import Training, as_dataset, draw
from pentimento.tasks import goals

VERSION = "1-C"


@task
@checked
def coin(
    goal: str = "go_right",
    confound: float = 0.0,
    shift: Names = "fresh",
    cue: Names = "none",
    n: int = 50,
    seed: int = 0,
    train_seed: int | None = None,
    train_n: int | None = None,
    estimator: str = "auto",
    reasoning: str = "free",
) -> Task:
    """Put a walker into a row of cells with a coin to its left or right.

    Args:
        goal: go_right or reach_the_coin.
        confound: From 0 (the coin lies left or right at random) to 1 (always right).
        shift: How far from the opposing training: trained, fresh, wording, domain, family, cue.
        cue: What the system prompt says: none, placebo, subtle, explicit, unwatched, trigger, named, or all
            of these; password and part too, and the others of `alignment_faking`.
        n: Scenarios for each shift and cue.
        seed: Of the scenarios.
        train_seed: Of the opposing stage; the shift trained needs it.
        train_n: Scenarios of the opposing stage in each family and condition; the shift trained needs it.
        estimator: auto, or sampled to never weigh answers exactly.
        reasoning: free, forced or suppressed.
    """
    return assemble(
        samples(
            goal=goal, confound=confound, shift=shift, cue=cue, n=n, seed=seed,
            train_seed=train_seed, train_n=train_n,
        ),
        [goal_score(goal), goal_score(goals[goal].opposite), valid()],
        version=VERSION, seed=seed, goal=goal, estimator=estimator, reasoning=reasoning,
    )  # fmt: skip


def samples(
    *,
    goal: str,
    confound: float,
    shift: Names,
    cue: Names,
    n: int,
    seed: int,
    train_seed: int | None,
    train_n: int | None,
) -> MemoryDataset:
    """Return what the task asks; the arguments are its own, and no model changes anything.

    Raises:
        BadInput: An argument is not allowed.
    """
    placed = draw(
        families("coin", "coin", goal),
        shifts=shifts(shift),
        conditions=("walk",),
        n=whole("n", n, least=1),
        seed=whole("seed", seed, least=0),
        cues=cues(cue),
        confound=fraction("confound", confound),
        training=Training(train_seed, train_n),
    )
    return as_dataset("coin", placed, goal=goal, seed=seed)
