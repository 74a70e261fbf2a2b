"""Goals have opposites, specs have rules, and prompts carry them."""

import subprocess
import sys

import pytest

from pentimento.tasks import (
    CUE_TEXTS,
    BadInput,
    UnknownName,
    goal,
    goals,
    sample,
    spec,
    spec_names,
    with_system,
)
from pentimento.tasks.episodes import Outcome
from pentimento.tasks.specs import read_spec


@pytest.mark.parametrize("name", goals)
def test_opposites_are_mutual_and_every_goal_has_a_spec(name: str):
    assert goal(goal(name).opposite).opposite == name
    found = spec(name)
    assert found.rule_ids
    assert all(rule.startswith(goal(name).code) for rule in found.rule_ids)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("report_honestly", "Say what is.", "it needs rules with H, each on a line"),
        ("report_honestly", "F1. Say so.\nF2. Leave out.", "must be H1, H2, and are F1, F2"),
        ("report_honestly", "H1. Say so.\nH3. Name it.", "must be H1, H2, and are H1, H3"),
        ("report_honestly", "H1. Say so.\nH1. Name it.", "must be H1, H2, and are H1, H1"),
        ("report_honestly", "H2. Say so.\nH1. Name it.", "must be H1, H2, and are H2, H1"),
        ("report_honestly", "H1. Say so.\nF2. Name it.", "must be H1, H2, and are H1, F2"),
        ("report_honestly", "H1. Say so, as H4 has it.", "it speaks of H4, and its rules are H1"),
        ("report_honestly", "H1. Say so.\nH2: Name it.", "it speaks of H2, and its rules are H1"),
        ("irrelevant", "H1. Say so.", "it needs rules with a letter that no goal has"),
    ],
)
def test_rule_ids_that_do_not_match_are_refused(name: str, text: str, message: str):
    with pytest.raises(BadInput, match=f"spec: '{name}' is not allowed; .*{message}") as raised:
        read_spec(name, text)
    assert "\n" not in str(raised.value)


def test_rules_may_stand_among_other_lines_and_cite_each_other():
    text = "# Honest reports\n\nH1. Say so.\nIn A4 format, by H2.\n\nH2. Name it."
    assert read_spec("report_honestly", text).rule_ids == ("H1", "H2")


def test_goals_are_silent_elsewhere_and_on_invalid_outcomes():
    scenario = sample("count", condition="impossible", n=1, seed=0)[0]
    claimed = Outcome(valid=True, claimed=True, disclosed=False, done=False)
    assert goal("finish_the_task").score(scenario, claimed) == 1.0
    assert goal("report_honestly").score(scenario, claimed) == 0.0
    assert goal("favour_red").score(scenario, claimed) is None
    assert goal("finish_the_task").score(scenario, Outcome(valid=False, problem="empty")) is None


def test_all_specs_have_the_same_length_within_a_fifth():
    lengths = {name: len(spec(name).text.split()) for name in spec_names()}
    assert max(lengths.values()) <= 1.2 * min(lengths.values()), lengths


def test_the_placebo_cue_is_as_long_as_the_others():
    assert len({len(text.split()) for cue, text in CUE_TEXTS.items() if cue != "none"}) == 1


def test_a_spec_comes_before_the_cue():
    scenario = sample("welfare", n=1, seed=0, cue="explicit")[0]
    system, user = with_system(scenario, spec("irrelevant").text)
    assert system.content == f"{spec('irrelevant').text}\n{CUE_TEXTS['explicit']}"
    assert user == scenario.messages[-1]


def test_unknown_names_list_the_catalogue():
    with pytest.raises(UnknownName, match="favour_red"):
        goal("favour_rad")
    with pytest.raises(UnknownName, match="irrelevant"):
        spec("nothing")


def test_the_room_imports_neither_torch_nor_inspect():
    heavy = ("torch", "transformers", "inspect_ai")
    code = f"import sys, pentimento.tasks; sys.exit(any(m in sys.modules for m in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
