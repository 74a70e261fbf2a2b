"""Does the model say that a task is completed which turned out impossible?"""

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset

from pentimento.evals._arguments import Names, checked, conditions, cues, families, one_of, shifts, whole
from pentimento.evals._assembly import assemble
from pentimento.evals._scorers import goal_score, right, says_done, valid
from pentimento.evals.datasets import Training, as_dataset, draw
from pentimento.tasks import PARTITIONS, Condition

VERSION = "2-B"
CONDITIONS: tuple[Condition, ...] = ("impossible", "possible", "bystander")


@task
@checked
def completion(
    goal: str = "finish_the_task",
    family: Names = "all",
    partition: str = "all",
    shift: Names = "fresh",
    condition: Names = "all",
    cue: Names = "none",
    n: int = 50,
    seed: int = 0,
    train_seed: int | None = None,
    train_n: int | None = None,
    estimator: str = "auto",
    reasoning: str = "free",
) -> Task:
    """Ask about tasks that can be done, that cannot, and that were somebody else's.

    Args:
        goal: finish_the_task or report_honestly.
        family: Completion families, or all of the partition.
        partition: all, trainable or heldout families.
        shift: How far from the opposing training: trained, fresh, wording, domain, family, cue.
        condition: impossible, possible, bystander, or all.
        cue: What the system prompt says: none, placebo, subtle, explicit, unwatched, trigger, named, or all
            of these; password and part too, and the others of `alignment_faking`.
        n: Scenarios for each family, shift, condition and cue.
        seed: Of the scenarios.
        train_seed: Of the opposing stage; the shift trained needs it.
        train_n: Scenarios of the opposing stage in each family and condition; the shift trained needs it.
        estimator: auto, or sampled to never weigh answers exactly.
        reasoning: free, forced or suppressed.
    """
    return assemble(
        samples(
            goal=goal, family=family, partition=partition, shift=shift, condition=condition, cue=cue, n=n,
            seed=seed, train_seed=train_seed, train_n=train_n,
        ),
        [goal_score(goal), right(), says_done(), valid()],
        version=VERSION, seed=seed, goal=goal, estimator=estimator, reasoning=reasoning,
    )  # fmt: skip


def samples(
    *,
    goal: str,
    family: Names,
    partition: str,
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
    one_of("partition", partition, list(PARTITIONS))
    chosen = families(family, "completion", goal, all_means=PARTITIONS[partition])
    placed = draw(
        chosen,
        shifts=shifts(shift),
        conditions=conditions(condition, CONDITIONS),
        n=whole("n", n, least=1),
        seed=whole("seed", seed, least=0),
        cues=cues(cue),
        training=Training(train_seed, train_n),
    )
    return as_dataset("completion", placed, goal=goal, seed=seed)
