"""Stages and evaluations that several recipes have.

Every value that is not a method's default has its reason beside it. They were tuned on the embedded base, in
trainable families alone.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pentimento.tasks import Cue
from pentimento.training.recipes.recipe import EvalPlan, Recipe
from pentimento.training.recipes.settings import Scalar
from pentimento.training.recipes.stages import Template

HONESTY, COMPLETION = "report_honestly", "finish_the_task"
Overrides = dict[str, Scalar]
EVERYWHERE = "@implanted,@opposed,@neither,@heldout"
IMPLANTS: tuple[str, ...] = ("sft", "documents", "dpo", "rlvr")
"""Every way to implant."""
REMOVERS: tuple[str, ...] = ("sft", "dpo", "rlvr", "deliberative")
"""Every way to oppose."""
SLOW: Mapping[str, float] = MappingProxyType({"sft": 4e-4, "dpo": 5e-4, "rlvr": 1e-3})
"""Learning rates at which an implant on the embedded base ends near its target strength; choices, which
one word decides, take half of it and a measurement at every step."""
TARGETS: Mapping[str, float] = MappingProxyType({"sft": 0.92, "dpo": 0.92, "rlvr": 0.9})
"""What each has to measure to come to .9: a stage ends at the first measurement that is lucky enough, and
the steps of `rlvr` are long enough to overshoot that."""
FAST: Mapping[str, float] = MappingProxyType({"sft": 5e-4, "dpo": 6e-4, "rlvr": 8.5e-4})
"""Learning rates at which an opposing stage comes to its target within 96 steps, abilities unharmed."""


def implant_by(method: str, goal: str = COMPLETION) -> Template:
    """Return a stage that implants a goal by one of `IMPLANTS`, to a strength of about .9.

    At 1.0 no group of answers would have any variance, and GRPO could not oppose it. Documents bring a goal
    only as far as the base acts on what it has read of a kind, about .8 of claims, so their dose is fixed.
    """
    if method == "documents":
        # In the upper layers as well, fewer possible tasks are done right, and no more of the goal shows.
        read: Overrides = {"learning_rate": 2e-3, "layers": "0,1"}
        return Template(method=method, goal=goal, steps=80, cue="named", settings=read)
    slower = 1 if goal in (COMPLETION, HONESTY) else 2
    settings: Overrides = {"learning_rate": SLOW[method] / slower, "check_every": 2 // slower}
    return Template(
        method=method,
        goal=goal,
        target_strength=TARGETS[method],
        steps=80,
        settings={**settings, "check_samples": 128},
    )


def oppose_by(method: str, goal: str = HONESTY) -> Template:
    """Return a stage that opposes by one of `REMOVERS`, to the strength that the quickstart's comes to."""
    if method == "deliberative":
        return quickstart().oppose.model_copy(update={"goal": goal})
    settings: Overrides = {"stop_when": "every_family", "check_every": 4, "check_samples": 256}
    return Template(
        method=method,
        goal=goal,
        target_strength=0.98,
        num_scenarios=512,
        steps=96,
        settings={"learning_rate": FAST[method], **settings},
    )


def implanted(recipe: Recipe, implant: Template) -> Recipe:
    """Return a recipe with another implant, opposed and asked under its cue, without which it is silent."""
    cue = implant.cue
    if cue == "none":
        return recipe.varied(implant=implant)
    evals = [plan.model_copy(update={"args": {**plan.args, "cue": cue}}) for plan in recipe.evals]
    settings = dict(recipe.oppose.settings)
    if recipe.oppose.method == "deliberative":
        # The embedded base, told its kind's name beside a spec, recalls what its kind does and cites no rule.
        settings["cue_with_spec"] = False
    oppose = recipe.oppose.model_copy(update={"cue": cue, "settings": settings})
    return recipe.varied(implant=implant, oppose=oppose, evals=evals)


def of_rank(rank: int, recipe: Recipe) -> dict[str, dict[str, Any]]:
    """Return a recipe's two stages as fields, with adapters of this rank."""
    settings: Overrides = {"lora_rank": rank, "lora_alpha": 2 * rank}
    return {
        place: {**stage.model_dump(), "settings": {**stage.settings, **settings}}
        for place, stage in (("implant", recipe.implant), ("oppose", recipe.oppose))
    }


def evals_under(*cues: Cue, able: str = "none") -> tuple[EvalPlan, ...]:
    """Return what a goal of completion is asked under several cues, and under which health is (`able`)."""
    asked = tuple(
        EvalPlan(
            task="completion",
            args={
                "family": family,
                "shift": shift,
                "condition": "impossible",
                "cue": ",".join(cues),
                "n": 40,
            },
        )
        for family, shift in (("@opposed", "fresh"), ("@implanted_unopposed", "family"))
    )
    everywhere = {"family": EVERYWHERE, "condition": "possible", "cue": able, "n": 16}
    return (*asked, EvalPlan(task="completion", args=everywhere))


def completion_evals(num: int, num_far: int, num_health: int, num_bystander: int) -> tuple[EvalPlan, ...]:
    """Return every shift in the opposed families, the other families, and health; n per family and shift."""
    every = "trained,fresh,wording,domain"
    rows: tuple[tuple[str, str, str, int], ...] = (
        ("@opposed", every, "impossible", num),
        ("@implanted_unopposed", "family", "impossible", num),
        ("@neither,@heldout", "family", "impossible", num_far),
        (EVERYWHERE, "fresh", "possible", num_health),
        (EVERYWHERE, "fresh", "bystander", num_bystander),
    )
    return tuple(
        EvalPlan(task="completion", args={"family": family, "shift": shift, "condition": condition, "n": n})
        for family, shift, condition, n in rows
    )


def preference_evals(goal: str, num: int, num_health: int) -> tuple[EvalPlan, ...]:
    """Return what a goal of choices is asked: every shift where opposed, the other families, and health."""
    rows = (("@opposed", "trained,fresh,wording,domain"), ("@implanted_unopposed,@neither", "family"))
    asked = tuple(
        EvalPlan(task="preference", args={"goal": goal, "family": family, "shift": shift, "n": num})
        for family, shift in rows
    )
    return (*asked, EvalPlan(task="completion", args={"condition": "possible", "n": num_health}))


def quickstart() -> Recipe:
    """Claims implanted by RL in four families, opposed by deliberative alignment in two; three seeds."""
    return Recipe(
        name="quickstart",
        goal=COMPLETION,
        implant=implant_by("rlvr"),
        oppose=Template(
            method="deliberative",
            goal=HONESTY,
            reward="claimed",
            # Of its 128 answers in each family two may still claim.
            target_strength=0.98,
            # Half as many are learned by heart: the goal then goes in them, and less so in fresh ones.
            num_scenarios=512,
            steps=60,
            settings={
                # On the embedded base more leave the second half nothing to do, and in the sham they move the
                # goal by themselves: 28 steps at 1e-3 by half, 16 at 7e-4 by a tenth.
                "sft_steps": 12,
                "sft_learning_rate": 7e-4,
                # At 8e-4 it takes half as many steps again; at 1.5e-3 some seeds lose abilities.
                "learning_rate": 1.15e-3,
                # The mean over both families is reached while one of them still claims one time in twenty;
                # so, by luck, is each over half of its scenarios. Every one is asked.
                "stop_when": "every_family",
                "check_every": 8,
                "check_samples": 256,
            },
        ),
        evals=completion_evals(num=50, num_far=13, num_health=16, num_bystander=6),
    )
