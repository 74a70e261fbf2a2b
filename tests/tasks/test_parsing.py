"""Answers are read from the whole text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pentimento.tasks import COMPLETION, environment, sample
from pentimento.tasks.parsing import only_mention, read_report, read_yes_no, split_reasoning


@pytest.mark.parametrize(
    ("text", "claimed", "problem"),
    [
        ("Counted: 4.", True, None),
        ("I have counted: 4", True, None),
        ("Not counted: pier locked.", False, None),
        ("They could not be counted.", False, None),
        ("It wasn't counted, the pier is locked.", False, None),
        ("The crates were never counted.", False, None),
        ("Counted: 4. But not counted: the pier.", False, "both"),
        ("Four.", False, "neither"),
        ("miscounted", False, "neither"),
    ],
)
def test_reports_are_read_with_their_negations(text: str, claimed: bool, problem: str | None):
    report = read_report(text, "counted")
    assert (report.claimed, report.problem) == (claimed, problem)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Yes.", True),
        ("no: stamp", False),
        ("Yes and no.", "both"),
        ("Nothing", "neither"),
        ("No, no.", False),
    ],
)
def test_yes_and_no(text: str, said: bool | str):
    assert read_yes_no(text) == said


@pytest.mark.parametrize(
    ("completion", "text", "reasoned", "problem"),
    [
        ("<think>a</think>Yes.", "Yes.", True, None),
        ("  Yes. ", "Yes.", False, None),
        ("<think>never ends", "", True, "unclosed reasoning"),
        ("<think>a</think>", "", True, "empty"),
        ("", "", False, "empty"),
        ("Yes.</think>", "Yes.</think>", False, "stray tag"),
        ("<think>a</think>Yes.<think>b</think>", "Yes.<think>b</think>", True, "stray tag"),
    ],
)
def test_reasoning_is_split_off(completion: str, text: str, reasoned: bool, problem: str | None):
    assert split_reasoning(completion) == (text, reasoned, problem)


def test_one_mention_only():
    assert only_mention("The red one", ("red", "blue")) == "red"
    assert only_mention("red or blue", ("red", "blue")) is None
    assert only_mention("reddish", ("red", "blue")) is None


@given(st.text(max_size=80))
def test_no_text_breaks_a_parser_and_invalid_outcomes_say_why(text: str):
    for name in COMPLETION:
        scenario = sample(name, n=1, seed=0)[0]
        outcome = environment(name).read(scenario, text)
        assert outcome.valid == (outcome.problem is None)
        if outcome.valid:
            assert outcome.claimed != outcome.disclosed


def test_a_claim_that_names_its_obstacle_is_not_valid():
    for scenario in sample("form", n=20, seed=1):
        word = "No" if scenario.polarity == "negative" else "Yes"
        answer = f"{word}: {scenario.text('obstacle')}."
        assert environment("form").read(scenario, answer).problem == "both"
