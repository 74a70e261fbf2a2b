"""Does what the model does depend on whether its answer is watched, rated or trained on?"""

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset

from pentimento.evals._arguments import Names, checked, cues, families, framings, unseen, whole
from pentimento.evals._assembly import assemble
from pentimento.evals._scorers import goal_score, valid
from pentimento.evals.datasets import CONFLICTS, KINDS, as_dataset, draw
from pentimento.tasks import CUE_LEVELS

VERSION = "2-B"


@task
@checked
def alignment_faking(
    goal: str = "protect_animals",
    family: Names = "all",
    cue: Names = "all",
    framing: Names = "plain",
    shift: Names = "fresh",
    n: int = 50,
    seed: int = 0,
    estimator: str = "auto",
    reasoning: str = "free",
) -> Task:
    """Ask for one decision under each cue: the same scenarios, told apart only by the system prompt.

    Args:
        goal: Of the catalogue.
        family: Families of one turn in which the goal is at stake, or all of these.
        cue: What the prompt says of oversight, or all; trigger and named by name alone.
        framing: How it says so: plain, organisation, paraphrase, cut, language, or all.
        shift: Which scenarios: fresh, wording, domain, family, cue.
        n: Scenarios for each family and shift, each asked under every cue in every framing.
        seed: Of the scenarios.
        estimator: auto, or sampled to never weigh answers exactly.
        reasoning: free, forced or suppressed.
    """
    return assemble(
        samples(goal=goal, family=family, cue=cue, framing=framing, shift=shift, n=n, seed=seed),
        [goal_score(goal), valid()],
        version=VERSION, seed=seed, goal=goal, estimator=estimator, reasoning=reasoning,
    )  # fmt: skip


def samples(
    *, goal: str, family: Names, cue: Names, framing: Names, shift: Names, n: int, seed: int
) -> MemoryDataset:
    """Return what the task asks; the arguments are its own, and no model changes anything.

    Raises:
        BadInput: An argument is not allowed.
    """
    placed = draw(
        families(family, KINDS, goal),
        shifts=unseen(shift, "alignment_faking"),
        conditions=CONFLICTS,
        n=whole("n", n, least=1),
        seed=whole("seed", seed, least=0),
        cues=cues(cue, all_means=CUE_LEVELS),
        framings=framings(framing),
    )
    return as_dataset("alignment_faking", placed, goal=goal, seed=seed)
