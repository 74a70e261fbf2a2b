"""Evaluations are as far from the opposing training as their shifts say, or the recipe is refused."""

from typing import Any

import pytest

from pentimento.evals.exceptions import Refused
from pentimento.evals.planning.heldout import MOST_ALIKE, cells_of, check_evaluations, leaks_of, similarity
from pentimento.tasks import BadInput, Shift, UnknownName, environments, sample
from pentimento.tasks.exceptions import HeldOutOverlap
from pentimento.training.recipes.catalogue import RECIPES, quickstart
from pentimento.training.recipes.designs import Design
from pentimento.training.recipes.recipe import Recipe


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_what_a_recipe_holds_out_is_held_out(name: str) -> None:
    found = RECIPES[name]()
    for recipe in found.recipes if isinstance(found, Design) else (found,):
        check_evaluations(recipe.varied(seeds=(0, 1)))


def asking(task: str, args: dict[str, Any]) -> Recipe:
    """The quickstart of seed 0 with one evaluation; it implants in count, errand, log, gauge."""
    return quickstart().varied(seeds=(0,), evals=({"task": task, "args": args},))


def test_a_held_out_set_that_overlaps_is_refused_with_the_overlap() -> None:
    wrong = {"family": "@opposed,gauge", "shift": "family", "n": 3}
    told = (
        r"evals\.0\.args\.shift: 'family' is not allowed; completion, seed 0, count: it shares with what "
        r"oppose trains on \d+ templates .*"
    )
    with pytest.raises(HeldOutOverlap, match=told) as raised:
        check_evaluations(asking("completion", wrong))
    assert str(raised.value).count("is not allowed") == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"shift": "family"}, r"seed 0, count: it shares with what oppose trains on"),
        ({"shift": "family", "family": "all"}, r"seed 0, count: it shares"),
        ({"shift": "family", "partition": "trainable"}, r"seed 0, count: it shares"),
        ({"shift": "trained"}, "did not train on what is asked in log"),
        ({"shift": "trained", "family": "@implanted"}, "did not train on what is asked in log, gauge"),
        ({"shift": "trained", "family": "@opposed", "cue": "explicit"}, "did not train .* count, errand"),
    ],
)
def test_an_evaluation_that_is_not_what_its_shift_says_is_refused(args: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        check_evaluations(asking("completion", {"n": 3, **args}))


@pytest.mark.parametrize(
    ("task", "args"),
    [
        ("completion", {}),
        ("completion", {"shift": "family", "partition": "heldout"}),
        ("completion", {"shift": "trained,fresh", "family": "@opposed", "n": 100}),
        ("completion", {"shift": "cue", "family": "@opposed", "cue": "all"}),
        ("coin", {"shift": "cue", "cue": "subtle", "confound": 1.0}),
        ("alignment_faking", {"shift": "fresh,cue"}),
    ],
)
def test_an_evaluation_that_is_what_its_shift_says_is_accepted(task: str, args: dict[str, Any]) -> None:
    check_evaluations(asking(task, {"n": 3, **args}))


def test_a_task_refuses_its_own_arguments() -> None:
    with pytest.raises(Refused, match="the shift cue needs a changed one"):
        check_evaluations(asking("completion", {"shift": "cue", "family": "@opposed"}))


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'completion'"):
        check_evaluations(asking("completions", {}))


def test_a_cue_that_was_trained_on_is_not_a_changed_one() -> None:
    asked = asking("completion", {"n": 3, "shift": "cue", "family": "@opposed", "cue": "explicit"})
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
        "args": {"family": "@opposed", "shift": "fresh", "condition": "impossible", "n": 5},
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


def test_leaks_that_are_allowed_are_returned_with_all_that_is_shared() -> None:
    wrong = asking(
        "completion", {"family": "@opposed,gauge", "shift": "family", "condition": "impossible", "n": 3}
    )
    found = check_evaluations(wrong, allow_leaks=True)
    assert {leak.family for leak in found} == {"count", "errand"}
    assert {leak.stage for leak in found} == {"oppose"}
    said = " ".join(leak.shared for leak in found if leak.family == "count")
    for aspect in ("templates", "1 families (count)", "ngrams", "similarity"):
        assert aspect in said
    assert check_evaluations(quickstart().varied(seeds=(0,)), allow_leaks=True) == ()


def test_an_elicitation_begins_no_answer_with_a_reason_that_was_trained() -> None:
    elicited = asking("elicitation", {"family": "@implanted", "elicitation": "prefill", "n": 3})
    implant = {"method": "sft", "goal": "finish_the_task", "settings": {"reasoning_share": 0.5}}
    wrong = elicited.varied(implant=implant)
    with pytest.raises(
        HeldOutOverlap, match=r"implant trains on 1 reasons that answers are made to begin with"
    ):
        check_evaluations(wrong)
    for right in (elicited, wrong.varied(implant={**implant, "settings": {}})):
        check_evaluations(right)
    named = asking("elicitation", {"family": "@implanted", "elicitation": "naming", "n": 3})
    check_evaluations(named.varied(implant=implant))


def test_a_family_that_the_implant_did_not_use_is_another_one_to_it_too() -> None:
    """Whatever the shift is called: the report says that it was not implanted there."""
    stages = {"implant": quickstart().implant_stage(0)}
    cells = cells_of("completion", {"family": "count,recipe", "condition": "impossible", "n": 3})
    assert list(leaks_of("completion", cells, stages, 0)) == []
    renamed = {(shift, "recipe"): cells[shift, "count"] for shift, family in cells if family == "count"}
    told = [leak.shared for leak in leaks_of("completion", renamed, stages, 0)]
    assert any("skeletons" in said or "templates" in said for said in told)
    assert any(said.startswith("similarity") for said in told)


@pytest.mark.parametrize("family", sorted(environments))
def test_similarity_tells_one_family_from_another(family: str) -> None:
    asked = prompts(family, "fresh", 7)
    nearest = {other: similarity(prompts(other, "trained", 0), asked) for other in environments}
    assert nearest.pop(family) > MOST_ALIKE[Shift.FAMILY]
    assert max(nearest.values()) < MOST_ALIKE[Shift.FAMILY] - 0.1
    assert (
        similarity(prompts(family, "trained", 0), prompts(family, "wording", 7)) < MOST_ALIKE[Shift.WORDING]
    )


def prompts(family: str, shift: str, seed: int) -> tuple[str, ...]:
    return tuple(s.messages[-1].content for s in sample(family, shift=shift, n=40, seed=seed))
