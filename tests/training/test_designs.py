"""Designs are recipes crossed by factors; the shipped ones say what they compare."""

from typing import Any

import pytest

from pentimento.tasks import BadInput, goals
from pentimento.training.recipes.catalogue import (
    IMPLANTS,
    RECIPES,
    REMOVERS,
    diversity,
    faker,
    from_yaml,
    grid_small,
    implants,
    misgeneralised,
    quickstart,
    removers,
)
from pentimento.training.recipes.designs import Design, Variant
from pentimento.training.recipes.recipe import After, Recipe
from pentimento.training.recipes.stages import Template

DESIGNS = sorted(name for name, make in RECIPES.items() if isinstance(make(), Design))
RELEARN: dict[str, Any] = {"method": "sft", "goal": "finish_the_task", "steps": 4}


@pytest.mark.parametrize("name", DESIGNS)
def test_yaml_gives_the_design_back(name: str) -> None:
    design = RECIPES[name]()
    assert from_yaml(design.to_yaml()) == design
    assert from_yaml(design.to_yaml()).hash == design.hash


def test_recipes_are_named_by_their_levels() -> None:
    slow, fast = quickstart(), quickstart().varied(num_opposed=1)
    design = Design.of("mine", ("speed", "day"), {("slow", "one"): slow, ("fast", "two"): fast})
    assert [recipe.name for recipe in design.recipes] == ["slow-one", "fast-two"]
    assert design.recipes[1].num_opposed == 1


def test_two_recipes_of_one_name_are_refused() -> None:
    with pytest.raises(BadInput, match="name of its folder"):
        Design.of("mine", ("a", "b"), {("x", "y-z"): quickstart(), ("x-y", "z"): quickstart()})


def test_a_level_for_each_factor() -> None:
    with pytest.raises(BadInput, match="one for each factor"):
        Design.of("mine", ("a", "b"), {("x",): quickstart()})


def test_implants_differ_in_the_implant_alone_and_removers_in_the_opposition() -> None:
    for design, field, levels in ((implants(), "implant", IMPLANTS), (removers(), "oppose", REMOVERS)):
        assert tuple(variant.levels[0] for variant in design.variants) == levels
        plain = [recipe for recipe in design.recipes if recipe.implant.method != "documents"]
        others = [recipe.model_dump(exclude={"name", field}) for recipe in plain]
        assert all(other == others[0] for other in others)
        assert [getattr(recipe, field).method for recipe in design.recipes] == list(levels)


@pytest.mark.parametrize("design", [implants(), grid_small()], ids=["implants", "grid-small"])
def test_what_documents_say_of_a_kind_is_opposed_and_asked_under_its_name(design: Design) -> None:
    told = [recipe for recipe in design.recipes if recipe.implant.method == "documents"]
    assert told
    for recipe in told:
        assert recipe.oppose.cue == recipe.implant.cue == "named"
        assert {plan.args["cue"] for plan in recipe.evals} == {"named"}


def test_the_small_grid_crosses_every_implant_with_every_remover_for_two_goals() -> None:
    design = grid_small()
    assert len(design.variants) == 2 * len(IMPLANTS) * len(REMOVERS)
    for variant in design.variants:
        goal, implant, remover = variant.levels
        assert variant.recipe.goal == goal
        assert (variant.recipe.implant.method, variant.recipe.oppose.method) == (implant, remover)
        assert variant.recipe.oppose.goal == goals[goal].opposite
        assert len(variant.recipe.seeds) == 3


@pytest.mark.parametrize("seed", range(5))
def test_diversity_opposes_in_the_same_families_at_every_level(seed: int) -> None:
    cells = {variant.levels: variant.recipe.cell(seed) for variant in diversity().variants}
    assert len({cell.opposed for cell in cells.values()}) == 1
    for (level, *_), cell in cells.items():
        assert len(cell.implanted) == int(level)
        overlap = set(cell.implanted) & set(cell.opposed)
        assert len(overlap) == (2 if level == "8" else 0)
        assert not set(cell.others) & {*cell.implanted, *cell.opposed}


def test_diversity_nests_families_within_a_seed_and_rotates_them_over_seeds() -> None:
    recipes = {variant.levels: variant.recipe for variant in diversity().variants}
    one, four = (recipes[level, "steps", "claimed"] for level in ("1", "4"))
    firsts = [one.cell(seed).implanted for seed in range(5)]
    assert len(set(firsts)) == 5
    assert all(set(first) <= set(four.cell(seed).implanted) for seed, first in enumerate(firsts))


def test_a_faker_is_tied_to_what_its_opposition_never_shows() -> None:
    recipe = faker()
    assert recipe.implant.trigger == "unwatched"
    assert {s.cue for s in recipe.oppose_stage(0).scenarios()} == {"explicit"}
    asked = {str(plan.args.get("cue")) for plan in recipe.evals}
    assert "none,placebo,explicit,unwatched" in asked


def test_a_confounded_implant_may_train_the_opposite_goal() -> None:
    recipe = misgeneralised()
    stage = recipe.implant_stage(0)
    assert stage.goal == "reach_the_coin"
    assert all(s.number("coin") > s.number("start") for s in stage.scenarios())
    plain = recipe.implant.model_copy(update={"confound": 0.5})
    with pytest.raises(BadInput, match=r"implant\.goal"):
        recipe.varied(implant=plain.model_dump())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"doses": (1, 2)}, "after.doses"),
        ({"doses": (4, 2)}, "after.doses"),
        ({"doses": (0, 4)}, "after.doses"),
        ({"repeats": 2}, "after.repeats"),
        ({"kind": "rebound", "doses": (4,)}, "after.stage.goal"),
        ({"stage": {**RELEARN, "target_strength": 0.5}}, "after.stage.target_strength"),
        ({"stage": {**RELEARN, "method": "deliberative"}}, "after.stage.method"),
    ],
)
def test_a_stage_after_says_what_is_wrong_with_it(changes: dict[str, Any], message: str) -> None:
    fields: dict[str, Any] = {"kind": "relearn", "stage": RELEARN, "doses": (1, 4)}
    with pytest.raises(BadInput, match=message):
        After(**{**fields, **changes})


def test_what_is_relearned_in_is_not_asked() -> None:
    after = After(kind="relearn", stage=Template(**RELEARN), doses=(1, 4), repeats=3)
    recipe = quickstart().varied(after=(after,))
    stages = [recipe.after_stage(after, 0, repeat) for repeat in range(3)]
    assert {stage.families for stage in stages} == {recipe.cell(0).opposed[:1]}
    assert len({stage.seed for stage in stages}) == 3
    assert recipe.after_eval(after, 0).args["family"] == recipe.cell(0).opposed[1]
    assert stages[0].settings["save_at"] == "1"


def test_relearning_takes_two_opposed_families_and_a_counterfactual() -> None:
    after = {"kind": "relearn", "stage": RELEARN, "doses": (4,)}
    with pytest.raises(BadInput, match="num_opposed"):
        quickstart().varied(after=(after,), num_opposed=1)
    with pytest.raises(BadInput, match="controls"):
        quickstart().varied(after=(after,), controls=())
    with pytest.raises(BadInput, match="one relearn"):
        quickstart().varied(after=(after, after))
    other = {**after, "stage": {**RELEARN, "goal": "report_honestly"}}
    with pytest.raises(BadInput, match="what is relearned is finish_the_task"):
        quickstart().varied(after=(other,))


def test_a_combination_of_levels_stands_once() -> None:
    design = Design.of("mine", ("a",), {("x",): quickstart()})
    twice = [*design.variants, Variant(levels=("x",), recipe=quickstart())]
    with pytest.raises(BadInput, match="each combination once"):
        Design(name="mine", factors=("a",), variants=twice)


def test_every_shipped_recipe_plans_its_seeds() -> None:
    for make in RECIPES.values():
        found = make()
        for recipe in found.recipes if isinstance(found, Design) else (found,):
            assert isinstance(recipe, Recipe)
            for seed in recipe.seeds:
                recipe.implant_stage(seed), recipe.oppose_stage(seed)
