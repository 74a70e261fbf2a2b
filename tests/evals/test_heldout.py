"""Evaluations are as far from the opposing training as their rungs say, or the recipe is refused."""

from typing import Any

import pytest

from pentimento.evals.exceptions import Refused
from pentimento.evals.heldout import check_evaluations
from pentimento.tasks import BadInput, UnknownName
from pentimento.tasks.exceptions import HeldOutOverlap
from pentimento.training.catalogue import RECIPES, quickstart
from pentimento.training.designs import Design
from pentimento.training.recipes import Recipe


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_what_a_recipe_holds_out_is_held_out(name: str) -> None:
    found = RECIPES[name]()
    for recipe in found.recipes if isinstance(found, Design) else (found,):
        check_evaluations(recipe.varied(seeds=(0, 1)))


def asking(task: str, args: dict[str, Any]) -> Recipe:
    """The quickstart of seed 0 with one evaluation; it implants in count, errand, log, gauge."""
    return quickstart().varied(seeds=(0,), evals=({"task": task, "args": args},))


def test_a_held_out_set_that_overlaps_is_refused_with_the_overlap() -> None:
    wrong = {"family": "@opposed,gauge", "rung": "family", "n": 3}
    told = r"evals\.0\.args\.rung \(completion, seed 0\): 'family'.*2 families \(count, errand\)"
    with pytest.raises(HeldOutOverlap, match=told) as raised:
        check_evaluations(asking("completion", wrong))
    assert str(raised.value).count("is not allowed") == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"rung": "family"}, r"2 families \(count, errand\)"),
        ({"rung": "family", "family": "all"}, r"2 families \(count, errand\)"),
        ({"rung": "family", "partition": "trainable"}, r"2 families \(count, errand\)"),
        ({"rung": "trained"}, "did not train on what is asked in log"),
        ({"rung": "trained", "family": "@implanted"}, "did not train on what is asked in log, gauge"),
        ({"rung": "trained", "family": "@opposed", "cue": "explicit"}, "did not train .* count, errand"),
    ],
)
def test_an_evaluation_that_is_not_what_its_rung_says_is_refused(args: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        check_evaluations(asking("completion", {"n": 3, **args}))


@pytest.mark.parametrize(
    ("task", "args"),
    [
        ("completion", {}),
        ("completion", {"rung": "family", "partition": "heldout"}),
        ("completion", {"rung": "trained,fresh", "family": "@opposed", "n": 100}),
        ("completion", {"rung": "cue", "family": "@opposed", "cue": "all"}),
        ("coin", {"rung": "cue", "cue": "subtle", "confound": 1.0}),
        ("alignment_faking", {"rung": "fresh,cue"}),
    ],
)
def test_an_evaluation_that_is_what_its_rung_says_is_accepted(task: str, args: dict[str, Any]) -> None:
    check_evaluations(asking(task, {"n": 3, **args}))


def test_a_task_refuses_its_own_arguments() -> None:
    with pytest.raises(Refused, match="the rung cue needs a changed one"):
        check_evaluations(asking("completion", {"rung": "cue", "family": "@opposed"}))


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'completion'"):
        check_evaluations(asking("completions", {}))


def test_a_cue_that_was_trained_on_is_not_a_changed_one() -> None:
    asked = asking("completion", {"n": 3, "rung": "cue", "family": "@opposed", "cue": "explicit"})
    check_evaluations(asked)
    opposed = {**asked.oppose.model_dump(mode="json"), "cue": "explicit"}
    assert {scenario.cue for scenario in asked.varied(oppose=opposed).oppose_stage(0).scenarios()} == {
        "explicit"
    }
    with pytest.raises(HeldOutOverlap, match=r"1 cues \(explicit\)"):
        check_evaluations(asked.varied(oppose=opposed))


def test_a_stage_after_asks_no_more_than_the_organisms_before_it_were_asked() -> None:
    stage = {"method": "sft", "goal": "finish_the_task", "steps": 4}
    asked = {
        "task": "completion",
        "args": {"family": "@opposed", "rung": "fresh", "arm": "impossible", "n": 5},
    }
    recipe = quickstart().varied(seeds=(0,), evals=(asked,))
    for n in (5, 6):
        after = {"kind": "relearn", "stage": stage, "doses": (4,), "n": n}
        varied = recipe.varied(after=(after,))
        if n == 5:
            check_evaluations(varied)
        else:
            with pytest.raises(BadInput, match=r"after\.n \(relearn\): 6"):
                check_evaluations(varied)
