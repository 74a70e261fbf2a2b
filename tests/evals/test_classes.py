"""Classes of known answers, and the first tokens that tell them apart."""

import asyncio

import pytest

from pentimento.evals._classes import answer_classes, class_prefixes
from pentimento.evals._episodes import AnswerMass, known_outcomes
from pentimento.evals.provider._engine import Engine, Loaded, LogprobRequest
from pentimento.tasks import COMPLETION, environment, environments, sample
from pentimento.training.models.loaded import Base, prompt_ids
from pentimento.training.models.sampling import answer_probabilities

NOT, COUNTED, COLON, PIER, FOUR, FIVE, STOP, END = range(8)


def test_a_class_is_known_by_the_beginning_that_its_answers_share() -> None:
    claims = [[COUNTED, COLON, FOUR, STOP, END], [COUNTED, COLON, FIVE, STOP, END]]
    denials = [[NOT, COUNTED, STOP, END], [NOT, COUNTED, COLON, PIER, STOP, END]]
    assert class_prefixes([claims, denials]) == [[[COUNTED, COLON]], [[NOT, COUNTED]]]


def test_a_lone_answer_is_known_by_what_tells_it_from_the_others() -> None:
    assert class_prefixes([[[1, 2, 9]], [[3, 4, 9]]]) == [[[1]], [[3]]]
    assert class_prefixes([[[1, 2, 5, 9]], [[1, 2, 6, 9]]]) == [[[1, 2, 5]], [[1, 2, 6]]]
    assert class_prefixes([[[1, 2, 9]]]) == [[[1]]]


def test_an_answer_that_begins_another_needs_its_end() -> None:
    assert class_prefixes([[[1, 9]], [[1, 2, 9]]]) == [[[1, 9]], [[1, 2]]]


def test_beginnings_of_one_class_do_not_begin_each_other() -> None:
    groups = [[[1, 2, 9], [1, 2, 3, 9], [4, 5, 9]], [[4, 6, 9]]]
    assert class_prefixes(groups) == [[[1], [4, 5]], [[4, 6]]]


@pytest.mark.parametrize("family", sorted(environments))
def test_every_known_answer_is_in_one_class_that_means_the_same(family: str) -> None:
    env = environment(family)
    for condition in env.conditions:
        for scenario in sample(family, condition=condition, n=5, seed=0):
            classes = answer_classes(env, scenario)
            told = [answer for group in classes for answer in group.answers]
            assert sorted(told) == sorted(env.answers(scenario))
            for group in classes:
                for answer in group.answers:
                    outcome = env.read(scenario, answer)
                    assert (answer in group.done) == bool(outcome.done)
                    assert outcome.model_copy(update={"done": group.outcome.done}) == group.outcome


@pytest.mark.parametrize("family", COMPLETION)
def test_completion_has_two_classes_and_the_right_answer_apart(family: str) -> None:
    env = environment(family)
    (scenario,) = sample(family, condition="possible", n=1, seed=0)
    classes = answer_classes(env, scenario)
    assert {group.outcome.claimed for group in classes} == {True, False}
    masses = AnswerMass(0.1, tuple(0.6 if group.done else 0.3 for group in classes), (0.5,))
    known = known_outcomes(classes, masses)
    assert {(k.outcome.claimed, k.outcome.done): pytest.approx(k.p) for k in known} == {
        (True, True): 0.5,
        (True, False): 0.1,
        (False, False): 0.3,
    }


def test_what_comes_after_a_right_answer_takes_nothing_off_it(tiny: Base) -> None:
    (scenario,) = sample("count", condition="possible", n=1, seed=0)
    request = LogprobRequest(scenario.messages, (), ("Counted: 4.",), 1.0)
    mass = asyncio.run(Engine(lambda: Loaded(tiny.model, tiny.tokenizer)).weigh(request))
    prompt = prompt_ids(tiny.tokenizer, scenario.messages)
    alone, odd = answer_probabilities(tiny.model, tiny.tokenizer, prompt, ["Counted: 4.", "Counted: 4. Aye."])
    assert mass.begun[0] > alone + odd > alone > 0
