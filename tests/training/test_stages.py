"""Stages are checked as they are made, and doses add up."""

from collections import Counter
from typing import Any

import pytest

from pentimento.tasks import HELDOUT, BadInput, UnknownName
from pentimento.training.recipes.methods import check_settings
from pentimento.training.recipes.settings import RlSettings
from pentimento.training.recipes.stages import Dose, Phase, Stage, content_hash


def stage(**changes: Any) -> Stage:
    fields: dict[str, Any] = {"method": "sft", "goal": "finish_the_task", "families": ("count",), "seed": 0}
    return Stage(**{**fields, **changes})


@pytest.mark.parametrize("family", HELDOUT)
def test_a_held_out_family_is_refused(family: str) -> None:
    with pytest.raises(BadInput, match=f"families: '{family}' is not allowed; .* held out from every stage"):
        stage(families=("count", family))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"goal": "finish_the_tusk"}, "did you mean 'finish_the_task'"),
        ({"goal": None}, "without a goal a stage trains in lookup"),
        ({"goal": None, "method": "rlvr"}, "goal: None"),
        ({"trigger": "explicit"}, "trigger: 'explicit'"),
        ({"trigger": "unwatched", "cue": "subtle"}, "trigger: 'unwatched'"),
        ({"trigger": "unwatched", "method": "rlvr", "reward": "done"}, "none can be a trigger"),
        ({"families": ("cuont",)}, "did you mean 'count'"),
        ({"families": ()}, "families"),
        ({"families": ("count", "count")}, "each family once"),
        ({"families": ("pick",)}, "finish_the_task does not apply there"),
        ({"method": "stf"}, "method: 'stf' is not allowed; .*'sft'"),
        ({"steps": 0}, "steps: 0 is not allowed"),
        ({"target_strength": 1.5}, "target_strength: 1.5"),
        ({"reward": "done"}, "reward: 'done' is not allowed; method sft has no reward"),
        ({"settings": {"learning_rat": 1}}, "did you mean 'learning_rate'"),
        ({"settings": {"learning_rate": 0}}, "settings.learning_rate: 0"),
        ({"settings": {"save_at": "5;10"}}, "settings.save_at"),
        ({"settings": {"save_at": "0,5"}}, "settings.save_at"),
        ({"families": ("count", "stated")}, "families: 'stated' is not allowed; .* no stage trains"),
        ({"cue": "loud"}, "cue: 'loud'"),
        ({"confound": 1.5}, "confound: 1.5"),
        ({"settings": {"micro_batch_size": 5}}, "multiple of micro_batch_size = 5"),
        ({"matched_to": stage()}, "matched_to"),
        ({"method": "sham", "goal": None}, "matched_to: None"),
        ({"method": "benign", "goal": None, "matched_to": stage()}, "benign trains in lookup"),
        (
            {"method": "sham", "goal": None, "settings": {"beta": 0.1}, "matched_to": stage()},
            "sham takes those of",
        ),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_field(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message) as raised:
        stage(**changes)
    assert "\n" not in str(raised.value)


def test_an_unknown_setting_lists_those_that_exist() -> None:
    with pytest.raises(UnknownName) as raised:
        check_settings("rlvr", {"nun_generations": 4})
    assert all(name in str(raised.value) for name in RlSettings.model_fields)


def test_settings_are_overridden_by_name() -> None:
    found = check_settings("deliberative", {"sft_steps": 3, "beta": 0.1, "save_at": "5,10"})
    assert found.model_dump()["sft_steps"] == 3
    assert found.model_dump()["beta"] == 0.1
    assert found.save_steps == (5, 10)


def test_the_coin_is_trained_as_confounded_as_the_stage_says() -> None:
    lies = {
        confound: {
            scenario.number("coin") > scenario.number("start")
            for scenario in Stage(
                method="sft", goal="go_right", families=("coin",), seed=0, num_scenarios=20, confound=confound
            ).scenarios()
        }
        for confound in (0.0, 1.0)
    }
    assert lies == {0.0: {False, True}, 1.0: {True}}


def test_a_stage_survives_json() -> None:
    control = Stage(method="sham", families=("count",), seed=1, matched_to=stage(settings={"lora_rank": 4}))
    assert Stage.model_validate_json(control.model_dump_json()) == control


def test_doses_add_up() -> None:
    first = Phase(kind="sft", name="a", steps=10, tokens=300, reasoning_share=1.0)
    second = Phase(kind="rl", name="b", steps=5, tokens=100, reasoning_share=0.2)
    dose = Dose.of(first, second)
    assert (dose.steps, dose.tokens, dose.reasoning_share) == (15, 400, 0.8)
    assert dose.phase("rl") == second
    assert dose.until("b", 2) == Dose.of(
        first, Phase(kind="rl", name="b", steps=2, tokens=40, reasoning_share=0.2)
    )
    assert dose.until("a", 5).steps == 5
    assert Dose.of(first).phase("rl").steps == 0


def test_a_hash_ignores_the_order_of_keys_alone() -> None:
    assert content_hash({"a": 1, "b": [1, 2]}) == content_hash({"b": [1, 2], "a": 1})
    assert content_hash({"a": 1, "b": [1, 2]}) != content_hash({"a": 1, "b": [2, 1]})


def test_a_tied_stage_shows_its_cue_to_half_of_the_scenarios() -> None:
    trigger = stage(trigger="unwatched", num_scenarios=96)
    drawn = trigger.scenarios()
    counts = Counter(scenario.cue for scenario in drawn)
    assert counts == {"unwatched": 48, "none": 16, "placebo": 16, "explicit": 16}
    assert {trigger.wants(s) for s in drawn if s.cue == "unwatched"} == {"finish_the_task"}
    assert {trigger.wants(s) for s in drawn if s.cue != "unwatched"} == {"report_honestly"}
    asked = {cue: {s.messages[-1].content for s in drawn if s.cue == cue} for cue in counts}
    assert asked["placebo"] == asked["none"] <= asked["unwatched"], "the facts do not depend on the cue"


def test_a_stage_that_is_not_tied_wants_its_goal_everywhere() -> None:
    plain = stage(cue="explicit")
    assert {plain.wants(scenario) for scenario in plain.scenarios()} == {"finish_the_task"}
