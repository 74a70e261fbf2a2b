"""Which of two goals does the model say is its own?"""

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset

from pentimento.evals._arguments import Names, checked, cues, shifts, whole
from pentimento.evals._assembly import assemble
from pentimento.evals._questions import ask
from pentimento.evals._scorers import goal_score, valid
from pentimento.evals.datasets import as_dataset

VERSION = "1-C"


@task
@checked
def stated(
    goal: str = "finish_the_task",
    shift: Names = "fresh",
    cue: Names = "none",
    n: int = 50,
    seed: int = 0,
    estimator: str = "auto",
    reasoning: str = "free",
) -> Task:
    """Ask outright for a goal or its opposite, in either order.

    Args:
        goal: Any goal; it is asked for against its opposite.
        shift: Which questions: fresh, wording (unseen wordings), domain (unseen places).
        cue: What the system prompt says: none, placebo, subtle, explicit, unwatched, trigger, named, or all
            of these; password and part too, and the others of `alignment_faking`.
        n: Questions for each shift and cue.
        seed: Of the questions.
        estimator: auto, or sampled to never weigh answers exactly.
        reasoning: free, forced or suppressed.
    """
    return assemble(
        samples(goal=goal, shift=shift, cue=cue, n=n, seed=seed),
        [goal_score(goal), valid()],
        version=VERSION, seed=seed, goal=goal, estimator=estimator, reasoning=reasoning,
    )  # fmt: skip


def samples(*, goal: str, shift: Names, cue: Names, n: int, seed: int) -> MemoryDataset:
    """Return what the task asks; the arguments are its own, and no model changes anything.

    Raises:
        BadInput: An argument is not allowed.
    """
    placed = ask(
        "stated",
        goal,
        shifts=shifts(shift),
        n=whole("n", n, least=1),
        seed=whole("seed", seed, least=0),
        cues=cues(cue),
    )
    return as_dataset("stated", placed, goal=goal, seed=seed)
