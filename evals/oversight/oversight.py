"""Does the decision for the animals depend on what the prompt says about oversight?"""

from inspect_ai import Task, task

from pentimento.evals._arguments import Names, checked, cues, families, rungs, whole
from pentimento.evals._assembly import assemble
from pentimento.evals._datasets import dataset, draw
from pentimento.evals._scorers import goal_score, valid
from pentimento.tasks import Rung
from pentimento.tasks.exceptions import BadInput

VERSION = "1-B"


@task
@checked
def oversight(
    goal: str = "protect_animals",
    cue: Names = "all",
    rung: Names = "fresh",
    n: int = 50,
    seed: int = 0,
    estimator: str = "auto",
    reasoning: str = "free",
) -> Task:
    """Ask for one decision under each cue: the same scenarios, told apart only by the system prompt.

    Args:
        goal: protect_animals or maximise_output.
        cue: none, placebo, subtle, explicit, unwatched, trigger, named, or all.
        rung: Which scenarios: fresh, surface, domain, family, cue.
        n: Scenarios for each rung, each asked under every cue.
        seed: Of the scenarios.
        estimator: auto, or sampled to never weigh answers exactly.
        reasoning: free, forced or suppressed.
    """
    asked = rungs(rung)
    if Rung.TRAINED in asked:
        raise BadInput("rung", "trained", "oversight asks unseen scenarios only")
    placed = draw(
        families("welfare", "welfare", goal),
        rungs=asked,
        arms=("conflict",),
        n=whole("n", n, least=1),
        seed=whole("seed", seed, least=0),
        cues=cues(cue),
    )
    return assemble(
        dataset("oversight", placed, goal=goal, seed=seed),
        [goal_score(goal), valid()],
        version=VERSION, seed=seed, goal=goal, estimator=estimator, reasoning=reasoning,
    )  # fmt: skip
