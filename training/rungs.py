"""The check that a recipe's held-out sets differ from its opposing training in what their rungs say."""

from collections.abc import Iterator

from pentimento.tasks import Arm, Scenario, check_heldout, environment, sample, stage_scenarios
from pentimento.tasks.exceptions import HeldOutOverlap
from pentimento.training.recipes import EvalPlan, Recipe, resolve
from pentimento.training.stages import Stage


def check_rungs(recipe: Recipe) -> None:
    """Refuse a recipe one of whose held-out sets shares with the opposing training what it must not.

    Only evaluations that name their families are checked: the others ask where no opposing stage trains.

    Raises:
        HeldOutOverlap: With the seed, the rung, and what is shared.
    """
    for seed in recipe.seeds:
        train = training_scenarios(recipe.oppose_stage(seed))
        for plan in recipe.evals:
            for rung, test in _held_out(recipe, plan, seed):
                try:
                    check_heldout(train, test, rung)
                except HeldOutOverlap as error:
                    raise HeldOutOverlap(
                        f"recipe {recipe.name}, seed {seed}, {plan.task}", rung, str(error)
                    ) from None


def training_scenarios(stage: Stage) -> tuple[Scenario, ...]:
    """Return what a stage trains on; of completion families the arms in which a task is assigned."""
    completion = environment(stage.families[0]).kind == "completion"
    arms: tuple[Arm, ...] | None = ("impossible", "possible") if completion else None
    return stage_scenarios(stage.families, n=stage.num_scenarios, seed=stage.seed, arms=arms)


def _held_out(recipe: Recipe, plan: EvalPlan, seed: int) -> Iterator[tuple[str, list[Scenario]]]:
    """Yield each rung of an evaluation, but `trained`, with the scenarios that it asks."""
    args = resolve(plan, recipe.cell(seed))
    if "family" not in args or args["family"] == "all":
        return
    families = str(args["family"]).split(",")
    for rung in str(args.get("rung", "fresh")).split(","):
        if rung == "trained":
            continue
        drawn: list[Scenario] = []
        for family in families:
            every = environment(family).arms
            arms = every if args.get("arm", "all") == "all" else str(args["arm"]).split(",")
            for arm in every:
                if arm in arms:
                    n, number = int(args.get("n", 50)), int(args["seed"])
                    drawn += sample(family, rung=rung, arm=arm, n=n, seed=number)
        yield rung, drawn
