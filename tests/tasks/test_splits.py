"""Held-out sets are held out in what their rung says, and an overlap is shown."""

import pytest

from pentimento.tasks import (
    TRAINABLE,
    BadInput,
    HeldOutOverlap,
    Rung,
    UnknownName,
    check_heldout,
    overlap,
    sample,
    stage_scenarios,
)
from pentimento.tasks.splits import bucket

TRAIN = stage_scenarios(TRAINABLE[:3], n=180, seed=1)


@pytest.mark.parametrize("rung", [Rung.FRESH, Rung.SURFACE, Rung.DOMAIN])
@pytest.mark.parametrize("family", TRAINABLE[:3])
def test_rungs_differ_from_training_in_what_they_declare(family: str, rung: Rung):
    check_heldout(TRAIN, sample(family, rung=rung, n=60, seed=99), rung)


def test_another_family_differs_in_family():
    check_heldout(TRAIN, sample("watch", rung="family", n=60, seed=99), "family")


def test_the_trained_rung_shows_the_very_scenarios_of_the_stage():
    shown = sample(TRAINABLE[0], rung="trained", arm="impossible", n=20, seed=1)
    assert {s.id for s in shown} <= {s.id for s in TRAIN}


@pytest.mark.parametrize(
    ("rung", "aspect"),
    [("fresh", "ids"), ("surface", "templates"), ("domain", "entities"), ("family", "families")],
)
def test_an_overlap_is_refused_and_shown(rung: str, aspect: str):
    with pytest.raises(HeldOutOverlap, match=aspect):
        check_heldout(TRAIN, TRAIN[:10], rung)


def test_shared_runs_of_words_are_found_where_the_wording_must_differ():
    found = {o.aspect: o.shared for o in overlap(TRAIN, TRAIN[:5], "surface")}
    assert all(len(gram.split()) == 8 for gram in found["ngrams"])


def test_the_trained_rung_need_not_differ():
    assert overlap(TRAIN, TRAIN, "trained") == ()


def test_cue_is_compared_only_on_the_cue_rung():
    train = sample("welfare", rung="trained", n=20, seed=1, cue="explicit")
    check_heldout(train, sample("welfare", n=20, seed=1, cue="subtle"), "cue")
    with pytest.raises(HeldOutOverlap, match="1 cues"):
        check_heldout(train, sample("welfare", n=20, seed=1, cue="explicit"), "cue")


def test_buckets_are_apart_whatever_the_seed():
    seeds = range(5)
    train = {s.id for seed in seeds for s in sample("log", rung="trained", n=60, seed=seed)}
    fresh = {s.id for seed in seeds for s in sample("log", rung="fresh", n=60, seed=seed)}
    assert not train & fresh
    assert {bucket(s) for s in sample("log", rung="fresh", n=60, seed=0)} == {"fresh"}


def test_stage_scenarios_are_balanced():
    counts: dict[tuple[str, str], int] = {}
    for scenario in stage_scenarios(("count", "form"), n=40, seed=2, arms=("impossible", "possible")):
        counts[scenario.family, scenario.arm] = counts.get((scenario.family, scenario.arm), 0) + 1
    assert set(counts.values()) == {10}


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"n": 0}, "n"),
        ({"rung": "near"}, "rung"),
        ({"cue": "loud"}, "cue"),
        ({"confound": 1.5}, "confound"),
        ({"arm": "choice"}, "arm"),
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
