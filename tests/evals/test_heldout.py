"""Evaluations are as far from the opposing training as their rungs say, or the recipe is refused."""

from typing import Any

import pytest

from pentimento.evals.exceptions import Refused
from pentimento.evals.heldout import check_evaluations
from pentimento.tasks import BadInput, UnknownName
from pentimento.tasks.exceptions import HeldOutOverlap
from pentimento.training.catalogue import RECIPES, find_recipe, quickstart
from pentimento.training.recipes import Recipe


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_what_a_recipe_holds_out_is_held_out(name: str) -> None:
    check_evaluations(find_recipe(name).varied(seeds=(0, 1)))


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
        ("oversight", {"rung": "fresh,cue"}),
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
