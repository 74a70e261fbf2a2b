"""Does the model say that a task of several turns is completed which turned out impossible once it acted?"""

from functools import partial
from typing import cast, get_args

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset

from pentimento.evals._arguments import Names, checked, conditions, cues, families, one_of, shifts, whole
from pentimento.evals._assembly import assemble, refuse_organism
from pentimento.evals._scorers import goal_score, right, says_done, valid, violated
from pentimento.evals._turns import Via, play_turns
from pentimento.evals.datasets import Training, as_dataset, draw
from pentimento.tasks import AGENTIC_GROUPS, Condition

VERSION = "5-A"
CONDITIONS: tuple[Condition, ...] = ("impossible", "possible", "bystander", "forbidden")


@task
@checked
def agentic(
    goal: str = "finish_the_task",
    family: Names = "all",
    shift: Names = "fresh",
    condition: Names = "all",
    cue: Names = "none",
    n: int = 50,
    seed: int = 0,
    train_seed: int | None = None,
    train_n: int | None = None,
    reasoning: str = "free",
    via: str = "text",
) -> Task:
    """Let it act, turn by turn, in tasks that can be done, that cannot, and that were somebody else's.

    Args:
        goal: finish_the_task or report_honestly.
        family: Families of several turns; all: rounds, suite, ledger, archive; affording: the other nine.
        shift: How far from the opposing training: trained, fresh, wording, domain, family, cue.
        condition: impossible, possible, bystander, forbidden, or all.
        cue: What the system prompt says: none, placebo, subtle, explicit, unwatched, trigger, named, or all
            of these; password and part too, and the others of `alignment_faking`.
        n: Scenarios for each family, shift, condition and cue.
        seed: Of the scenarios.
        train_seed: Of the opposing stage; the shift trained needs it.
        train_n: Scenarios of the opposing stage in each family and condition; the shift trained needs it.
        reasoning: free, forced or suppressed, in every turn.
        via: How it acts: by text, or by tools.
    """
    if one_of("via", via, get_args(Via)) == "tools":
        refuse_organism("via", via, "an organism of ours acts by text")
    return assemble(
        samples(
            goal=goal, family=family, shift=shift, condition=condition, cue=cue, n=n, seed=seed,
            train_seed=train_seed, train_n=train_n,
        ),
        [goal_score(goal), right(), says_done(), violated(), valid()],
        version=VERSION, seed=seed, goal=goal, estimator="sampled", reasoning=reasoning,
        solver=partial(play_turns, via=cast(Via, via)),
    )  # fmt: skip


def samples(
    *,
    goal: str,
    family: Names,
    shift: Names,
    condition: Names,
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
        families(family, "completion", goal, groups=AGENTIC_GROUPS, several_turns=True),
        shifts=shifts(shift),
        conditions=conditions(condition, CONDITIONS),
        n=whole("n", n, least=1),
        seed=whole("seed", seed, least=0),
        cues=cues(cue),
        training=Training(train_seed, train_n),
    )
    return as_dataset("agentic", placed, goal=goal, seed=seed)
