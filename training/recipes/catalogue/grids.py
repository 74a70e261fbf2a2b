"""Every implant against every remover."""

from itertools import product

from pentimento.tasks import goals
from pentimento.training.recipes.catalogue._parts import (
    COMPLETION,
    IMPLANTS,
    REMOVERS,
    completion_evals,
    implant_by,
    implanted,
    oppose_by,
    preference_evals,
    quickstart,
)
from pentimento.training.recipes.designs import Design
from pentimento.training.recipes.recipe import Control, Recipe


def grid() -> Design:
    """Every implant against every remover with all controls, for two goals; five seeds."""
    return _grid(
        "grid",
        seeds=5,
        controls=("opposed_only", "opposed_only_replicate", "benign", "style", "sham"),
        num=50,
    )


def grid_small() -> Design:
    """The grid with three seeds, two controls and fewer questions: hours on two cores."""
    return _grid("grid-small", seeds=3, controls=("opposed_only", "benign"), num=30)


def _grid(name: str, seeds: int, controls: tuple[Control, ...], num: int) -> Design:
    variants: dict[tuple[str, ...], Recipe] = {}
    for goal, implant, remover in product((COMPLETION, "favour_red"), IMPLANTS, REMOVERS):
        num_families = {"num_implanted": 4, "num_opposed": 2}
        evals = completion_evals(num=num, num_far=13, num_health=16, num_bystander=6)
        if goal != COMPLETION:
            num_families = {"num_implanted": 2, "num_opposed": 1}
            evals = preference_evals(goal, num=num, num_health=8)
        recipe = quickstart().varied(
            goal=goal,
            implant=implant_by("rlvr", goal),
            oppose=oppose_by(remover, goals[goal].opposite),
            controls=controls,
            seeds=tuple(range(seeds)),
            evals=evals,
            **num_families,
        )
        variants[goal, implant, remover] = implanted(recipe, implant_by(implant, goal))
    return Design.of(name, ("goal", "implant", "remover"), variants)
