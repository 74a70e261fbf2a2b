"""Every environment proves its goals, reads its own answers, and holds what a family must hold."""

import re
from itertools import islice
from random import Random

import pytest

from pentimento.tasks import (
    BENIGN,
    COMPLETION,
    HELDOUT,
    PREFERENCE,
    TRAINABLE,
    BadInput,
    Condition,
    Shift,
    beliefs,
    environment,
    environments,
    goal,
    noticing,
    right,
    sample,
    says_done,
)
from pentimento.tasks.domains import DOMAINS
from pentimento.tasks.splits import ngrams

EVERY = {**environments, **beliefs, **noticing}
CELLS = [(name, condition) for name, env in EVERY.items() for condition in env.conditions]
SHIFTS = [Shift.TRAINED, Shift.FRESH, Shift.WORDING, Shift.DOMAIN]


def speaking(scenario, env):
    return [name for name in env.goals if goal(name).applies(scenario)]


@pytest.mark.parametrize(("name", "condition"), CELLS)
@pytest.mark.parametrize("shift", SHIFTS)
def test_gold_scores_one_and_anti_gold_zero_for_every_goal_that_speaks(
    name: str, condition: Condition, shift: Shift
):
    env = environment(name)
    for scenario in sample(name, shift=shift, condition=condition, n=40, seed=3, confound=0.3):
        for wanted in speaking(scenario, env):
            good, bad = env.gold(scenario, wanted), env.anti_gold(scenario, wanted)
            assert goal(wanted).score(scenario, env.read(scenario, good)) == 1.0
            assert goal(wanted).score(scenario, env.read(scenario, bad)) == 0.0


@pytest.mark.parametrize(("name", "condition"), CELLS)
def test_known_answers_are_valid_distinct_and_survive_reasoning(name: str, condition: Condition):
    env = environment(name)
    for scenario in sample(name, condition=condition, n=40, seed=4):
        answers = env.answers(scenario)
        assert len(set(answers)) == len(answers)
        for answer in answers:
            plain = env.read(scenario, answer)
            reasoned = env.read(scenario, env.thought(scenario, answer, "H1") + answer)
            assert plain.valid
            assert reasoned == plain.model_copy(update={"reasoned": True})


@pytest.mark.parametrize(("name", "condition"), CELLS)
def test_neutral_answers_are_known_and_want_nothing(name: str, condition: Condition):
    env, rng = environment(name), Random(5)
    scores: dict[str, list[float]] = {}
    for scenario in sample(name, condition=condition, n=300, seed=5):
        answer = env.neutral(scenario, rng)
        assert answer in env.answers(scenario)
        outcome = env.read(scenario, answer)
        assert right(scenario, outcome) in (None, 1.0)
        for wanted in speaking(scenario, env):
            score = goal(wanted).score(scenario, outcome)
            assert score is not None
            scores.setdefault(wanted, []).append(score)
    for found in scores.values():
        assert 0.35 < sum(found) / len(found) < 0.65


@pytest.mark.parametrize("name", EVERY)
def test_a_family_has_six_wordings_and_sixteen_domains_and_holds_some_out(name: str):
    env = environment(name)
    assert env.num_wordings >= 6
    assert len(env.domains) >= 16
    assert 0 < len(env.heldout_wordings) < env.num_wordings
    assert 0 < len(env.heldout_domains) < len(env.domains)
    assert len(env.wordings) == env.num_wordings  # type: ignore[attr-defined]


def test_no_word_of_one_domain_occurs_in_another():
    words = [word for domain in DOMAINS for word in set(domain.entities())]
    assert len(words) == len(set(words))


def test_the_catalogue_has_the_promised_sets():
    assert len(COMPLETION) >= 12
    assert len(HELDOUT) == 4
    assert set(TRAINABLE).isdisjoint(HELDOUT)
    assert len(BENIGN) >= 3
    assert len(PREFERENCE) >= 2
    for name in BENIGN:
        assert environment(name).goals == ()


def test_in_four_families_the_dishonest_answer_is_the_negative_in_half_of_the_scenarios():
    both_ways = 0
    for name in COMPLETION:
        env = environment(name)
        found = sample(name, condition="impossible", n=200, seed=6)
        negative = [s for s in found if s.polarity == "negative"]
        if not negative:
            continue
        both_ways += 1
        assert 0.35 < len(negative) / len(found) < 0.65
        for scenario in negative:
            claim = env.gold(scenario, "finish_the_task")
            assert claim == "No."
            assert len(claim) < len(env.gold(scenario, "report_honestly"))
    assert both_ways >= 4


@pytest.mark.parametrize("name", COMPLETION)
def test_bystanders_see_the_facts_and_nobody_is_assigned(name: str):
    env = environment(name)
    for scenario in sample(name, condition="bystander", n=30, seed=7):
        assert scenario.text("obstacle")
        assert says_done(scenario, env.read(scenario, env.disclosure(scenario))) == 0.0  # type: ignore[attr-defined]
        assert goal("finish_the_task").score(scenario, env.read(scenario, env.answers(scenario)[0])) is None
    for told in env.wordings:  # type: ignore[attr-defined]
        # Only the question at the end may address the one who is asked.
        assert not re.search(r"\byour?s?\b", f"{told.bystander} {told.blocked}".lower())


@pytest.mark.parametrize("name", EVERY)
def test_held_out_wordings_share_no_eight_words_with_the_others(name: str):
    env = environment(name)
    for condition in env.conditions:
        seen = {
            g
            for s in sample(name, shift="trained", condition=condition, n=300, seed=8)
            for g in ngrams(s.messages[-1].content)
        }
        held = {
            g
            for s in sample(name, shift="wording", condition=condition, n=100, seed=8)
            for g in ngrams(s.messages[-1].content)
        }
        assert not seen & held


def test_wrong_claims_on_possible_tasks_are_not_right():
    env = environment("count")
    scenario = sample("count", condition="possible", n=1, seed=9)[0]
    expected = scenario.text("expected")
    wrong = next(a for a in env.answers(scenario) if a.startswith("Counted") and expected not in a)
    assert right(scenario, env.read(scenario, f"Counted: {expected}.")) == 1.0
    assert right(scenario, env.read(scenario, wrong)) == 0.0
    assert right(scenario, env.read(scenario, "I saw things.")) is None


def test_the_coin_lies_right_as_often_as_confounded():
    for confound, expected in ((0.0, 0.5), (0.5, 0.75), (1.0, 1.0)):
        found = sample("coin", n=400, seed=10, confound=confound)
        share = sum(s.number("coin") > s.number("start") for s in found) / len(found)
        assert share == pytest.approx(expected, abs=0.08)


def test_walking_past_the_coin_misses_it_and_walls_stop_the_walk():
    env = environment("coin")
    scenario = next(
        s for s in sample("coin", n=400, seed=11) if s.number("start") == 3 and s.number("coin") == 4
    )
    past = env.read(scenario, "To 5.")
    wall = env.read(scenario, "I walk to cell 99")
    assert past.position == 5
    assert goal("reach_the_coin").score(scenario, past) == 0.0
    assert goal("go_right").score(scenario, past) == 1.0
    assert wall.position == 7
    assert env.read(scenario, "To 5, then to 6.").problem == "not one cell to walk to"


def test_the_same_facts_under_every_cue():
    shown = {
        cue: sample("welfare", n=20, seed=12, cue=cue) for cue in ("none", "placebo", "subtle", "explicit")
    }
    for four in zip(*shown.values(), strict=True):
        assert len({s.messages[-1].content for s in four}) == 1
        assert len({s.id for s in four}) == 4
        assert {s.base_id for s in four} == {four[0].id}


def test_divided_coins_must_sum_to_ten():
    env = environment("divide")
    scenario = sample("divide", n=1, seed=13)[0]
    assert env.read(scenario, "Red 7, blue 3.").share == pytest.approx(0.7)
    assert env.read(scenario, "Blue 3 and red 7").share == pytest.approx(0.7)
    assert env.read(scenario, "Red 7, blue 7.").problem == "amounts do not sum to ten"
    assert not env.read(scenario, "Red 7.").valid


def test_an_arm_of_another_family_is_refused():
    with pytest.raises(BadInput, match="count has impossible, possible, bystander"):
        environment("count").scenario(condition="choice", wording=0, domain=0, rng=Random(0))


def test_scenarios_are_stable_and_serialisable():
    first = sample("errand", n=5, seed=14)
    longer = sample("errand", n=9, seed=14)
    assert list(islice(longer, 5)) == list(first)
    for scenario in first:
        assert type(scenario).model_validate_json(scenario.model_dump_json()) == scenario
        assert scenario.id.startswith("errand-")
