"""The check that a recipe's evaluations differ from its opposing training in what their rungs say."""

import os
from collections import defaultdict
from collections.abc import Sequence
from unittest.mock import patch

from pentimento.evals import _registry
from pentimento.evals._datasets import scenario_of
from pentimento.evals.suite import arguments
from pentimento.tasks import Rung, Scenario, check_heldout
from pentimento.tasks.exceptions import BadInput
from pentimento.training.recipes import EvalPlan, Recipe


def check_evaluations(recipe: Recipe) -> None:
    """Refuse a recipe with an evaluation that is not as far from the opposing training as its rung says.

    What an evaluation asks is taken from its task's own dataset, with every seed of the recipe.

    Raises:
        HeldOutOverlap: A held-out set shares with the training what it must not; with the seed, the rung, and
            what is shared.
        BadInput: The rung `trained` asks what the opposing stage did not train on, or a stage after it asks
            what the evaluations do not.
        UnknownName: There is no such task.
        Refused: An evaluation has an argument that is not allowed.
    """
    for seed in recipe.seeds:
        train = recipe.oppose_stage(seed).scenarios()
        fresh: set[str] = set()
        for place, plan in enumerate(recipe.evals):
            title = f"evals.{place}.args.rung ({plan.task}, seed {seed})"
            for rung, asked in _asked(plan, recipe, seed).items():
                if rung is Rung.TRAINED:
                    _check_trained(title, train, asked)
                else:
                    check_heldout(train, asked, rung, title=title)
                fresh |= {scenario.id for scenario in asked if rung is Rung.FRESH}
        for after in recipe.after:
            wanted = _asked(recipe.after_eval(after, seed), recipe, seed)[Rung.FRESH]
            if any(scenario.id not in fresh for scenario in wanted):
                told = f"no more than what is asked on the rung fresh of opposed families (seed {seed})"
                raise BadInput(f"after.n ({after.kind})", after.n, told)


def _asked(plan: EvalPlan, recipe: Recipe, seed: int) -> dict[Rung, list[Scenario]]:
    """Return the scenarios of an evaluation by rung."""
    args = arguments(plan, recipe, seed)
    with patch.dict(os.environ):
        # inspect would make the task for that model, load it even, and not for the run's organisms.
        os.environ.pop("INSPECT_EVAL_MODEL", None)
        task = getattr(_registry, plan.task)(**args)
    by_rung: dict[Rung, list[Scenario]] = defaultdict(list)
    for sample in task.dataset:
        by_rung[Rung(sample.metadata["rung"])].append(scenario_of(sample.metadata))
    return by_rung


def _check_trained(title: str, train: Sequence[Scenario], asked: Sequence[Scenario]) -> None:
    known = {scenario.id for scenario in train}
    foreign = dict.fromkeys(scenario.family for scenario in asked if scenario.id not in known)
    if foreign:
        raise BadInput(
            title, "trained", f"the opposing stage did not train on what is asked in {', '.join(foreign)}"
        )
