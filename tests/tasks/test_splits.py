"""Held-out sets are held out in what their shift says, and an overlap is shown."""

import pytest

from pentimento.tasks import (
    AGENTIC,
    TRAINABLE,
    BadInput,
    Shift,
    Trained,
    UnknownName,
    environments,
    overlap,
    sample,
    stage_scenarios,
)
from pentimento.tasks.splits import bucket, skeleton

TRAIN = stage_scenarios(TRAINABLE[:3], n=180, seed=1)
TRAINED = Trained(TRAIN)


@pytest.mark.parametrize("shift", [Shift.FRESH, Shift.WORDING, Shift.DOMAIN])
@pytest.mark.parametrize("family", TRAINABLE[:3])
def test_shifts_differ_from_training_in_what_they_declare(family: str, shift: Shift):
    assert overlap(TRAINED, sample(family, shift=shift, n=60, seed=99), shift) == ()


@pytest.mark.parametrize("family", sorted(set(environments) - set(TRAINABLE[:3])))
def test_another_family_differs_in_family(family: str):
    assert overlap(TRAINED, sample(family, shift="family", n=60, seed=99), "family") == ()


def test_the_trained_shift_shows_the_very_scenarios_of_the_stage():
    shown = sample(TRAINABLE[0], shift="trained", condition="impossible", n=20, seed=1)
    assert {s.id for s in shown} <= {s.id for s in TRAIN}


@pytest.mark.parametrize(
    ("shift", "aspects"),
    [
        ("fresh", {"ids"}),
        ("wording", {"ids", "templates", "ngrams", "skeletons"}),
        ("domain", {"ids", "entities"}),
        ("family", {"ids", "templates", "families", "ngrams", "skeletons"}),
    ],
)
def test_every_overlap_is_named(shift: str, aspects: set[str]):
    assert {found.aspect for found in overlap(TRAINED, TRAIN[:10], shift)} == aspects


def test_a_prompt_in_other_names_and_numbers_has_the_same_skeleton():
    one = next(s for s in TRAIN if any(name in s.messages[-1].content for name in s.entities))
    names = {name: f"other{place}" for place, name in enumerate(one.entities)}
    text = one.messages[-1].content
    for name, other in names.items():
        text = text.replace(name, other).replace(name.capitalize(), other)
    again = one.model_copy(
        update={
            "id": "another",
            "messages": (one.messages[-1].model_copy(update={"content": text + " 7"}),),
            "entities": tuple(names.values()),
        }
    )
    assert skeleton(again) == skeleton(one) + " _"
    assert text != one.messages[-1].content


@pytest.mark.parametrize("name", AGENTIC)
def test_no_two_families_share_a_tool_of_their_own(name: str):
    train = Trained(sample(name, shift="trained", n=2, seed=1))
    for other in set(AGENTIC) - {name, "mandate", "account"}:
        assert "tools" not in {f.aspect for f in overlap(train, sample(other, n=2, seed=1), "family")}


def test_families_of_several_turns_are_told_apart_by_their_tools():
    train = sample("suite", shift="trained", n=5, seed=1)
    assert overlap(Trained(train), sample("schedule", n=5, seed=1), "family") == ()  # both run things
    shared = {
        found.aspect: found.shared
        for found in overlap(Trained(train), sample("suite", n=5, seed=1), "family")
    }
    assert shared["tools"] == ("mend", "skip")


def test_shared_runs_of_words_are_found_where_the_wording_must_differ():
    found = {o.aspect: o.shared for o in overlap(TRAINED, TRAIN[:5], "wording")}
    assert all(len(gram.split()) == 8 for gram in found["ngrams"])


def test_the_trained_shift_need_not_differ():
    assert overlap(TRAINED, TRAIN, "trained") == ()


def test_cue_is_compared_only_on_the_cue_shift():
    train = sample("welfare", shift="trained", n=20, seed=1, cue="explicit")
    assert overlap(Trained(train), sample("welfare", n=20, seed=1, cue="subtle"), "cue") == ()
    assert overlap(Trained(train), sample("welfare", n=20, seed=1, cue="explicit"), "fresh") == ()
    (found,) = overlap(Trained(train), sample("welfare", n=20, seed=1, cue="explicit"), "fresh", "cue")
    assert found == ("cues", ("explicit",))


def test_buckets_are_apart_whatever_the_seed():
    seeds = range(5)
    train = {s.id for seed in seeds for s in sample("log", shift="trained", n=60, seed=seed)}
    fresh = {s.id for seed in seeds for s in sample("log", shift="fresh", n=60, seed=seed)}
    assert not train & fresh
    assert {bucket(s) for s in sample("log", shift="fresh", n=60, seed=0)} == {"fresh"}


def test_stage_scenarios_are_balanced():
    counts: dict[tuple[str, str], int] = {}
    for scenario in stage_scenarios(("count", "form"), n=40, seed=2, conditions=("impossible", "possible")):
        counts[scenario.family, scenario.condition] = counts.get((scenario.family, scenario.condition), 0) + 1
    assert set(counts.values()) == {10}


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"n": 0}, "n"),
        ({"shift": "near"}, "shift"),
        ({"cue": "loud"}, "cue"),
        ({"confound": 1.5}, "confound"),
        ({"condition": "choice"}, "condition"),
        ({"n": 10**6}, "n"),
    ],
)
def test_bad_arguments_name_themselves(arguments: dict[str, object], field: str):
    with pytest.raises(BadInput) as caught:
        sample("divide" if arguments.get("n", 0) == 10**6 else "count", **{"n": 5, "seed": 0, **arguments})  # type: ignore[arg-type]
    assert caught.value.field == field


def test_a_misspelt_family_is_met_with_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'errand'"):
        sample("errend", n=1, seed=0)
