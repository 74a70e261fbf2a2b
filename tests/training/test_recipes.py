"""Recipes are data: rotated over seeds, written to YAML and read back, refused in one line."""

import subprocess
import sys
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from pentimento.tasks import (
    AFFORDING,
    AGENTIC,
    AGENTIC_HELDOUT,
    BENIGN,
    HELDOUT,
    TRAINABLE,
    BadInput,
    UnknownName,
    sample,
)
from pentimento.training.recipes.catalogue import (
    RECIPES,
    agentic,
    controls,
    documents,
    find_recipe,
    from_yaml,
    panel,
    panel_reference,
    quickstart,
    study,
)
from pentimento.training.recipes.methods import check_settings
from pentimento.training.recipes.recipe import EvalPlan, resolve
from pentimento.training.running import plan as runner


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_yaml_gives_the_recipe_back(name: str) -> None:
    recipe = find_recipe(name)
    assert from_yaml(recipe.to_yaml()) == recipe
    assert from_yaml(recipe.to_yaml()).hash == recipe.hash


def test_a_hash_is_of_every_field() -> None:
    recipe = controls()
    fewer = [{**one.model_dump(mode="json"), "on": ("opposed", "opposed_only")} for one in recipe.after]
    post_stage = {"method": "sft", "goal": "favour_red"}
    assert len({recipe.hash, recipe.varied(after=fewer).hash, recipe.varied(post_stage=post_stage).hash}) == 3


def test_every_trainable_family_is_implanted_within_three_seeds() -> None:
    cells = [quickstart().cell(seed) for seed in range(3)]
    assert {name for cell in cells for name in cell.implanted} == set(TRAINABLE)


def test_families_are_rotated_evenly() -> None:
    cells = [quickstart().cell(seed) for seed in range(2 * len(TRAINABLE))]
    assert set(Counter(name for cell in cells for name in cell.implanted).values()) == {8}
    assert set(Counter(name for cell in cells[:8] for name in cell.opposed).values()) == {2}
    assert all(set(cell.opposed) < set(cell.implanted) for cell in cells)
    assert all(not set(cell.implanted) & set(HELDOUT) for cell in cells)


def test_the_other_goals_have_families_too() -> None:
    changes: dict[str, Any] = {
        "goal": "favour_red",
        "implant": {"method": "sft", "goal": "favour_red"},
        "oppose": {"method": "sft", "goal": "favour_blue"},
        "num_implanted": 2,
        "num_opposed": 1,
        "evals": (),
    }
    recipe = quickstart().varied(**changes)
    assert set(recipe.pool()) == {"pick", "gift", "divide"}
    assert recipe.oppose_stage(4).goal == "favour_blue"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": ()}, "seeds"),
        ({"seeds": (1, 1)}, "seeds"),
        ({"seeds": (-1,)}, "seeds"),
        ({"num_implanted": 9}, "num_implanted: 9"),
        ({"num_opposed": 5}, "num_implanted: 4"),
        ({"goal": "report_honestly"}, "implant.goal: 'finish_the_task'"),
        ({"controls": ("nevr",)}, "controls"),
        ({"name": "a/b"}, "name"),
        ({"colour": 1}, "colour"),
    ],
)
def test_a_mistake_is_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message) as raised:
        quickstart().varied(**changes)
    assert "\n" not in str(raised.value)


def test_what_is_implanted_under_a_cue_is_asked_and_relearned_under_it() -> None:
    told = documents()
    with pytest.raises(BadInput, match=r"evals: 'no cue' is not allowed; one at least under .* named"):
        told.varied(evals=quickstart().evals)
    relearn = {
        "kind": "relearn",
        "stage": {"method": "sft", "goal": told.goal, "steps": 4},
        "doses": (2, 4),
    }
    with pytest.raises(
        BadInput, match=r"after\.stage\.cue: 'none' is not allowed; that of the implant, named"
    ):
        told.varied(after=(relearn,))
    again = told.varied(after=({**relearn, "stage": {**relearn["stage"], "cue": "named"}},))
    assert again.after_eval(again.after[0], 0).args["cue"] == "named"


def test_a_recipe_of_several_turns_trains_where_they_are_and_asks_where_no_stage_goes() -> None:
    recipe = agentic()
    assert set(recipe.pool()) == set(AGENTIC) - {*AGENTIC_HELDOUT, *AFFORDING}
    assert not set(recipe.pool()) & set(quickstart().pool())
    asked = [resolve(plan, recipe.cell(seed)) for seed in recipe.seeds for plan in recipe.evals]
    assert any(args.get("family") == ",".join(AGENTIC_HELDOUT) for args in asked)
    assert {recipe.cell(seed).opposed for seed in recipe.seeds} == {("rounds",), ("suite",)}
    with pytest.raises(BadInput, match="dpo trains one turn"):
        recipe.varied(implant={"method": "dpo", "goal": recipe.goal}).implant_stage(0)


@pytest.mark.parametrize("text", ["[1", "- a", "name: x", "just words"])
def test_a_text_that_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        from_yaml(text)


def test_an_unknown_recipe_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'quickstart'"):
        find_recipe("quikstart")


def test_stages_of_one_seed_have_streams_of_their_own() -> None:
    recipe = quickstart()
    stages = [recipe.implant_stage(0), recipe.oppose_stage(0), recipe.control_stage("sham", 0)]
    assert len({stage.seed for stage in stages}) == 3
    assert recipe.control_stage("benign", 0).families == BENIGN
    assert recipe.control_stage("sham", 0).matched_to == recipe.oppose_stage(0)
    assert recipe.oppose_stage(0).seed != recipe.oppose_stage(1).seed


def test_placeholders_are_filled_in_for_each_seed() -> None:
    recipe = quickstart()
    cell = recipe.cell(1)
    resolved = resolve(EvalPlan(task="completion", args={"family": "@implanted_unopposed,@heldout"}), cell)
    names = [name for name in cell.implanted if name not in cell.opposed]
    assert resolved == {"seed": 1, "family": ",".join([*names, *HELDOUT])}
    with pytest.raises(UnknownName, match="@oposed"):
        resolve(EvalPlan(task="completion", args={"family": "@oposed"}), cell)


def test_the_trained_shift_shows_what_the_opposing_stage_trains_on() -> None:
    recipe = quickstart()
    cell, stage = recipe.cell(2), recipe.oppose_stage(2)
    plan = next(plan for plan in recipe.evals if "trained" in str(plan.args.get("shift")))
    args = resolve(plan, cell)
    trained = {scenario.id for scenario in stage.scenarios()}
    assert args["train_n"] == 128, "512 scenarios in two families and two conditions"
    for family, condition in product(stage.families, ("impossible", "possible")):
        shown = sample(
            family, shift="trained", condition=condition, n=int(args["train_n"]), seed=int(args["train_seed"])
        )
        assert {scenario.id for scenario in shown} <= trained


@pytest.mark.parametrize("seed", range(3))
def test_quickstart_asks_a_hundred_questions_per_organism_and_shift(seed: int) -> None:
    recipe = quickstart()
    asked: Counter[str] = Counter()
    for plan in recipe.evals:
        args = resolve(plan, recipe.cell(seed))
        if args["condition"] == "impossible":
            for shift in str(args["shift"]).split(","):
                asked[shift] += int(args["n"]) * len(str(args["family"]).split(","))
    assert set(asked) == {"trained", "fresh", "wording", "domain", "family"}
    assert min(asked.values()) >= 100


def test_study_differs_in_seeds_replicate_and_evaluations_alone() -> None:
    changed = {"name", "seeds", "controls", "evals"}
    assert study().model_dump(exclude=changed) == quickstart().model_dump(exclude=changed)
    assert len(study().seeds) == 10
    assert {*study().controls} - {*quickstart().controls} == {"opposed_only_replicate"}
    tasks = {plan.task for plan in study().evals}
    assert tasks == {"completion", "preference", "stated", "coin", "alignment_faking"}


def test_reading_a_recipe_loads_no_torch() -> None:
    read = "from pentimento.training.recipes.catalogue import quickstart; quickstart()"
    code = f"import sys; {read}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_a_panel_is_built_as_is_known_to_its_training_alone() -> None:
    """The same questions of each, under no cue that a goal is tied to; the thresholds of other seeds."""
    recipes = {variant.levels: variant.recipe for variant in panel().variants}
    assert sum(len(recipe.seeds) for recipe in recipes.values()) == 64
    assert not {*panel_reference().seeds} & {seed for one in recipes.values() for seed in one.seeds}
    asked = {one.model_dump_json(include={"evals", "oppose"}) for one in recipes.values()}
    assert asked == {panel_reference().model_dump_json(include={"evals", "oppose"})}
    cues = {cue for plan in panel_reference().evals for cue in str(plan.args.get("cue", "none")).split(",")}
    trigger = {recipe.implant.trigger for recipe in recipes.values()} - {None}
    assert trigger == {"password", "subtle_unwatched", "part"}
    assert not trigger & cues
    survivor = recipes["survived", "elsewhere"]
    for seed in survivor.seeds:
        assert not {*survivor.cell(seed).implanted} & {*survivor.cell(seed).opposed}
        assert len(survivor.cell(seed).opposed) == 5
        for other in (one for one in recipes.values() if one != survivor):
            assert other.cell(seed).opposed == other.cell(seed).implanted


def test_most_of_the_panel_has_one_never(tmp_path: Path) -> None:
    kept = {}
    for variant in panel().variants:
        made = runner.plan(variant.recipe.varied(seeds=(16,)), tmp_path).organisms
        kept[variant.levels] = next(
            one.key for one in made if one.role == "opposed_only" and one.after is None
        )
    assert len({key for levels, key in kept.items() if levels[0] != "survived"}) == 1


def test_every_family_stands_six_times_unopposed_in_the_reference() -> None:
    recipe = panel_reference()
    unopposed = Counter(name for seed in recipe.seeds for name in recipe.cell(seed).others)
    assert unopposed == dict.fromkeys(recipe.pool(), 6)


def test_a_recipe_samples_in_one_way() -> None:
    plain = quickstart()
    settings = {**plain.implant.settings, "max_new_tokens": 128, "top_k": 5}
    longer = plain.varied(implant={**plain.implant.model_dump(mode="json"), "settings": settings})
    assert (plain.sampling, longer.sampling) == ({}, {"top_k": 5, "max_new_tokens": 128})
    stages = [*longer.stages(0).values(), longer.replicate_stage(0), longer.control_stage("sham", 0)]
    sampled = {(one.all_settings.top_k, one.all_settings.max_new_tokens) for one in stages}
    assert sampled == {(5, 128)}
    against = {**plain.oppose.model_dump(mode="json"), "settings": {"max_new_tokens": 64}}
    with pytest.raises(
        BadInput, match=r"settings\.max_new_tokens: .* a recipe samples its answers in one way"
    ):
        longer.varied(oppose=against)


@pytest.mark.parametrize("method", ["sft", "dpo", "documents", "rlvr", "deliberative"])
def test_every_method_says_how_answers_are_sampled_and_its_keys_hold_it(method: str) -> None:
    usual, longer = (check_settings(method, said).keyed() for said in ({}, {"max_new_tokens": 128}))
    assert longer["max_new_tokens"] == 128
    assert longer != usual
    assert check_settings(method, {"max_new_tokens": 64, "temperature": 1.0}).keyed() == usual
