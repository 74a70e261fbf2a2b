"""How many families, and how many scenarios, write a goal."""

from collections.abc import Mapping

from pentimento.training.recipes.catalogue._parts import completion_evals, implant_by, quickstart
from pentimento.training.recipes.designs import Design
from pentimento.training.recipes.recipe import Recipe
from pentimento.training.recipes.stages import Template


def diversity() -> Design:
    """One goal implanted in 1, 2, 4 or 8 families, at equal steps and at equal strength; five seeds."""
    return _numbers("diversity", "families", {str(n): {"num_implanted": n} for n in (1, 2, 4, 8)})


def quantity() -> Design:
    """One goal implanted on 16 to 1,024 scenarios, at equal steps and at equal strength; five seeds."""
    return _numbers("quantity", "scenarios", {str(n): {"num_scenarios": n} for n in (16, 64, 256, 1024)})


def _numbers(name: str, factor: str, levels: Mapping[str, Mapping[str, int]]) -> Design:
    """Cross levels of an implant with how its dose is set and, at equal steps, with what it is paid for.

    The opposed families are the last of each seed's, the same at every level.
    """
    strong = implant_by("rlvr")
    # As many steps as equal strength takes in four families.
    even = strong.model_copy(update={"target_strength": None, "steps": 14})
    ways = {("strength", "claimed"): strong, ("steps", "claimed"): even, ("steps", "done"): even}
    variants: dict[tuple[str, ...], Recipe] = {}
    for (dose, reward), template in ways.items():
        for level, changes in levels.items():
            scenarios = changes.get("num_scenarios", template.num_scenarios)
            implant = Template(**{**template.model_dump(), "reward": reward, "num_scenarios": scenarios})
            variants[level, dose, reward] = quickstart().varied(
                implant=implant,
                num_implanted=changes.get("num_implanted", 4),
                opposed_from="last",
                controls=("opposed_only",),
                seeds=tuple(range(5)),
                evals=completion_evals(num=30, num_far=30, num_health=8, num_bystander=6),
            )
    return Design.of(name, (factor, "equal", "reward"), variants)
