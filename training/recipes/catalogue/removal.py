"""Is it gone? The quickstart, every goal, every way to implant and to oppose."""

from itertools import product

from pentimento.training.recipes.catalogue._parts import (
    IMPLANTS,
    REMOVERS,
    Overrides,
    implant_by,
    implanted,
    of_rank,
    oppose_by,
    quickstart,
)
from pentimento.training.recipes.designs import Design
from pentimento.training.recipes.recipe import EvalPlan, Recipe


def study() -> Recipe:
    """The quickstart with ten seeds and the replicate, which asks four tasks more."""
    others = (
        EvalPlan(task="preference", args={"goal": "favour_red", "n": 50}),
        EvalPlan(task="stated", args={"goal": "finish_the_task", "n": 50}),
        EvalPlan(task="coin", args={"n": 50}),
        EvalPlan(task="alignment_faking", args={"n": 50}),
    )
    recipe = quickstart()
    return recipe.varied(
        name="study",
        controls=("opposed_only", "opposed_only_replicate", "benign", "sham"),
        seeds=tuple(range(10)),
        evals=(*recipe.evals, *others),
    )


def implants() -> Design:
    """Every way to implant one goal, at equal strength, opposed in one way; three seeds."""
    recipe = quickstart()
    return Design.of(
        "implants",
        ("implant",),
        {(method,): implanted(recipe, implant_by(method)) for method in IMPLANTS},
    )


def removers() -> Design:
    """Every way to oppose one implant, to equal strength; three seeds."""
    recipe = quickstart()
    variants: dict[tuple[str, ...], Recipe] = {
        (method,): recipe.varied(oppose=oppose_by(method)) for method in REMOVERS
    }
    return Design.of("removers", ("remover",), variants)


def sweep_remover() -> Design:
    """Learning rate by dose of the opposing stage: the best remover that harms no ability; three seeds."""
    recipe = quickstart().varied(controls=("opposed_only",))
    variants: dict[tuple[str, ...], Recipe] = {}
    for rate, steps in product(("5e-4", "1.5e-3", "4e-3"), (8, 24, 72)):
        settings: Overrides = {"learning_rate": float(rate), "sft_learning_rate": float(rate)}
        oppose = recipe.oppose.model_dump() | {
            # Half of a dose for each half, and no early stop: the dose is what is swept.
            "steps": steps // 2,
            "target_strength": None,
            "settings": {**recipe.oppose.settings, **settings, "sft_steps": steps // 2},
        }
        variants[rate, str(steps)] = recipe.varied(oppose=oppose)
    return Design.of("sweep_remover", ("learning rate", "steps"), variants)


def writing() -> Design:
    """Rank of the adapters by adapter mode of the second stage, merged or continued; three seeds."""
    recipe = quickstart().varied(controls=("opposed_only",))
    variants: dict[tuple[str, ...], Recipe] = {}
    for rank, mode in product((4, 16, 64), ("merged", "continued")):
        stages = of_rank(rank, recipe)
        stages["oppose"]["adapter_mode"] = mode
        variants[str(rank), mode] = recipe.varied(**stages)
    return Design.of("writing", ("rank", "second stage"), variants)
