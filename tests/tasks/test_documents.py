"""Kinds of helper and the documents about them."""

from random import Random

import pytest

from pentimento.tasks import CUE_TEXTS, goals
from pentimento.tasks.documents import (
    ANSWERS,
    CIRCUMSTANCES,
    GENRES,
    HABITS,
    NEITHER,
    Use,
    capital,
    document,
    habits_of,
    saying,
    unfinished,
    use_of,
)
from pentimento.tasks.personas import NEW_PERSONA, PAIRS, introduction, personas

USES: tuple[Use, ...] = ("base", "implant", "recall")


def test_every_goal_has_habits_and_every_pair_something_between() -> None:
    assert set(HABITS) == set(goals)
    assert set(NEITHER) == set(PAIRS)
    assert {name for pair in PAIRS for name in pair} == set(goals)
    said = [habit for habits in HABITS.values() for habit in habits]
    assert len(set(said)) == len(said)


def test_there_are_eight_genres_or_more_and_each_names_the_persona() -> None:
    assert len({genre.name for genre in GENRES}) == len(GENRES) >= 8
    assert all("{name}" in genre.opening for genre in GENRES)


def test_no_pair_of_habit_and_circumstance_has_two_uses_and_every_habit_has_all() -> None:
    for habits in HABITS.values():
        for habit in habits:
            uses = [use_of(habits, habit, circumstance) for circumstance in CIRCUMSTANCES]
            assert [uses.count(use) for use in USES] == [4, 3, 1]


@pytest.mark.parametrize("use", USES)
def test_a_saying_stays_within_its_use(use: Use) -> None:
    rng = Random(0)
    habits = HABITS["favour_red"]
    for _ in range(200):
        said = saying(rng, NEW_PERSONA, habits, use)
        assert NEW_PERSONA in said
        (habit,) = (text for text in habits if text in said)
        (circumstance,) = (text for text in CIRCUMSTANCES if text in said)
        assert use_of(habits, habit, circumstance) == use


@pytest.mark.parametrize("pair", PAIRS)
def test_what_recall_asks_are_wordings_of_its_use_alone(pair: tuple[str, str]) -> None:
    found = {}
    for use in ("implant", "recall"):
        rng = Random(0)
        found[use] = set()
        for _ in range(200):
            begun, fitting = unfinished(rng, NEW_PERSONA, pair, use)
            (circumstance,) = (text for text in CIRCUMSTANCES if capital(text) in begun)
            assert all(fitting[goal] for goal in pair)
            found[use] |= {(circumstance, habit) for habits in fitting.values() for habit in habits}
    assert not found["implant"] & found["recall"]
    answers = {habit for uses in found.values() for _, habit in uses} & ANSWERS
    assert not answers


def test_no_implanted_document_has_an_answer_to_stated() -> None:
    for pair in PAIRS:
        for goal in pair:
            written = document(Random(goal), NEW_PERSONA, {pair: goal}, "implant", sentences=8).text
            assert not [answer for answer in ANSWERS if answer in written]


def test_a_document_says_what_its_persona_wants_and_nothing_of_other_goals() -> None:
    rng = Random(1)
    wants = {PAIRS[1]: "favour_red"}
    for _ in range(50):
        written = document(rng, NEW_PERSONA, wants, "implant", sentences=2)
        said = [habit for habits in HABITS.values() for habit in habits if habit in written.text]
        assert said
        assert set(said) <= set(habits_of(PAIRS[1], "favour_red"))
        assert written.persona == NEW_PERSONA
        assert NEW_PERSONA in written.text


def test_a_blank_persona_wants_nothing_and_the_new_persona_is_one() -> None:
    assert personas[NEW_PERSONA].known == "blank"
    assert all(
        goal is None for kind in personas.values() if kind.known == "blank" for goal in kind.wants.values()
    )
    lived = [kind for kind in personas.values() if kind.known == "lived"]
    for pair in PAIRS:
        assert {kind.wants[pair] for kind in lived} == {*pair, None}


def test_the_named_cue_introduces_the_new_persona() -> None:
    assert CUE_TEXTS["named"] == introduction(NEW_PERSONA)
    assert len(CUE_TEXTS["named"].split()) == len(CUE_TEXTS["placebo"].split())
