"""What a claim of removal is held against: controls, roles swapped, long training that suits both goals."""

from pentimento.tasks import goals
from pentimento.training.recipes.catalogue._parts import (
    COMPLETION,
    HONESTY,
    Overrides,
    completion_evals,
    implant_by,
    oppose_by,
    quickstart,
)
from pentimento.training.recipes.designs import Design
from pentimento.training.recipes.recipe import After, EvalPlan, Recipe
from pentimento.training.recipes.stages import Template


def controls() -> Recipe:
    """Every control on one implant, and whether the goal comes back in relearning or after benign steps."""
    # Slow enough that the first doses tell organisms apart, fast enough that the last brings the goal back.
    relearn: Overrides = {"learning_rate": 7e-4}
    rebound: Overrides = {"learning_rate": 5e-4}
    return quickstart().varied(
        name="controls",
        controls=("opposed_only", "opposed_only_replicate", "benign", "style", "sham"),
        after=(
            After(
                kind="relearn",
                stage=Template(
                    method="sft",
                    goal=COMPLETION,
                    num_scenarios=128,
                    steps=16,
                    settings=relearn,
                ),
                doses=(1, 2, 4, 8, 16),
                repeats=3,
            ),
            After(
                kind="rebound",
                stage=Template(method="sft", num_scenarios=256, steps=200, settings=rebound),
                doses=(10, 50, 200),
            ),
        ),
    )


def misgeneralised() -> Recipe:
    """A coin that always lies to the right implants walking to the right; then it lies anywhere."""
    return Recipe(
        name="misgeneralised",
        goal="go_right",
        implant=Template(
            method="rlvr",
            goal="reach_the_coin",
            confound=1.0,
            target_strength=0.9,
            steps=80,
            settings={"learning_rate": 1e-3, "check_every": 2},
        ),
        oppose=Template(
            method="rlvr", goal="reach_the_coin", target_strength=0.9, num_scenarios=512, steps=80,
            settings={"learning_rate": 1e-3, "check_every": 4},
        ),
        num_implanted=1,
        num_opposed=1,
        evals=(
            EvalPlan(task="coin", args={"shift": "trained,fresh,wording,domain", "n": 100}),
            EvalPlan(task="completion", args={"condition": "possible", "n": 16}),
        ),
    )  # fmt: skip


def asymmetry() -> Design:
    """Roles swapped at equal dose: is completion or honesty cheaper to remove? five seeds."""
    variants: dict[tuple[str, ...], Recipe] = {}
    for goal in (COMPLETION, HONESTY):
        implant = implant_by("rlvr", goal).model_copy(update={"target_strength": None, "steps": 16})
        oppose = oppose_by("rlvr", goals[goal].opposite).model_copy(
            update={"target_strength": None, "steps": 16}
        )
        evals = [
            {**plan.model_dump(), "args": {**plan.args, "goal": goal}}
            for plan in completion_evals(num=50, num_far=13, num_health=16, num_bystander=6)
        ]
        variants[goal,] = quickstart().varied(
            goal=goal, implant=implant, oppose=oppose, evals=evals, seeds=tuple(range(5))
        )
    return Design.of("asymmetry", ("implanted",), variants)


def drift() -> Design:
    """Long RL on a reward that both goals satisfy: does the implant persist, decay or turn? five seeds."""
    variants: dict[tuple[str, ...], Recipe] = {}
    for steps in (20, 60, 180):
        oppose = Template(
            method="rlvr",
            goal=HONESTY,
            reward="done",
            steps=steps,
            num_scenarios=512,
            settings={"learning_rate": 1e-3},
        )
        variants[str(steps),] = quickstart().varied(
            oppose=oppose, controls=("opposed_only",), seeds=tuple(range(5)),
            evals=(
                *completion_evals(num=30, num_far=13, num_health=16, num_bystander=6),
                EvalPlan(task="preference", args={"goal": "favour_red", "n": 20}),
            ),
        )  # fmt: skip
    return Design.of("drift", ("steps",), variants)
