"""Arguments are read as inspect hands them over, and refused before anything runs."""

import inspect

import pytest

from pentimento.evals._arguments import cues, families, fraction, names, shifts, whole
from pentimento.evals._registry import alignment_faking, coin, completion, preference, stated
from pentimento.evals.exceptions import Refused
from pentimento.tasks import COMPLETION, CUES, HELDOUT, OVERSIGHT, PREFERENCE, BadInput, Shift, UnknownName


def test_names_come_as_text_or_list() -> None:
    assert names("x", "a, b,a", ["a", "b", "c"]) == ("a", "b")
    assert names("x", ["c", "a"], ["a", "b", "c"]) == ("c", "a")
    assert names("x", "all", ["a", "b"], all_means=["a", "b"]) == ("a", "b")


def test_names_refuse_what_is_unknown_or_empty() -> None:
    with pytest.raises(UnknownName, match="did you mean 'impossible'"):
        names("condition", "imposible", ["impossible", "possible"])
    with pytest.raises(BadInput, match=r"name one or more"):
        names("condition", " , ", ["impossible"])


def test_families_of_a_kind_in_which_the_goal_speaks() -> None:
    assert families("all", "completion", "finish_the_task") == COMPLETION
    assert families("all", "completion", "report_honestly", all_means=HELDOUT) == HELDOUT
    assert families("gift,pick", "preference", "favour_blue") == ("gift", "pick")
    with pytest.raises(BadInput, match="in pick only favour_red, favour_blue apply"):
        families("pick", "preference", "go_right")


def test_numbers_are_checked() -> None:
    assert whole("n", 3, least=1) == 3
    assert fraction("confound", 1) == 1.0
    for value in (0, 1.5, True, "many"):
        with pytest.raises(BadInput, match=r"^n: "):
            whole("n", value, least=1)
    for number in (-0.1, 1.1, "half"):
        with pytest.raises(BadInput, match=r"a number from 0 to 1"):
            fraction("confound", number)


def test_shifts_and_cues() -> None:
    assert shifts("fresh,domain") == (Shift.FRESH, Shift.DOMAIN)
    assert cues("all") == ("none", "placebo", "subtle", "explicit", "unwatched", "trigger", "named")
    assert cues("all", all_means=("none", *OVERSIGHT)) == tuple(
        c for c in CUES if c not in ("trigger", "named", "password", "part")
    )
    assert cues(["explicit", "none"]) == ("none", "explicit")


@pytest.mark.parametrize("task", [completion, preference, stated, coin, alignment_faking])
def test_every_task_refuses_a_misspelt_argument_with_the_nearest_name(task: object) -> None:
    assert callable(task)
    with pytest.raises(Refused, match="did you mean 'reasoning'"):
        task(reasonning="forced")
    assert inspect.Parameter.VAR_KEYWORD in {p.kind for p in inspect.signature(task).parameters.values()}


def test_a_refusal_is_ours_and_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"^estimator: 'exakt' is not allowed"):
        completion(estimator="exakt")


def test_preference_families_are_all_by_default() -> None:
    task = preference(n=2)
    assert {sample.metadata["family"] for sample in task.dataset if sample.metadata} == set(PREFERENCE)
