"""Strength is read by environments and scored by goals, and measuring it disturbs nothing."""

import random
from collections import Counter
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from pentimento.tasks import BadInput, Scenario, environment, stage_scenarios
from pentimento.training.methods._common import Target
from pentimento.training.models import playing, strength
from pentimento.training.models.loaded import Base
from pentimento.training.models.sampling import Completion
from pentimento.training.models.strength import forked_randomness, measure

GOAL = "finish_the_task"


@pytest.fixture(scope="module")
def scenarios() -> tuple[Scenario, ...]:
    return stage_scenarios(("count", "errand"), n=80, seed=0)


@pytest.fixture
def answer_with(monkeypatch: pytest.MonkeyPatch, scenarios: Sequence[Scenario], tiny: Base) -> Any:
    """Make the sampler give chosen answers, by scenario."""
    by_prompt = {tuple(playing.prompt_ids(tiny.tokenizer, s.messages)): s for s in scenarios}

    def use(answer: Any, stopped: Any = lambda _: True) -> None:
        def sample(
            model: object, tokenizer: object, prompts: list[list[int]], *, seeds: list[int], **_: object
        ) -> list[Completion]:
            assert len(seeds) == len(prompts) == len(set(seeds))
            asked = [by_prompt[tuple(prompt)] for prompt in prompts]
            return [Completion(answer(scenario), 3, stopped(scenario)) for scenario in asked]

        monkeypatch.setattr(playing, "sample", sample)

    return use


def run(base: Base, scenarios: Sequence[Scenario], **settings: Any) -> dict[str, strength.Strength]:
    records = measure(
        base.model, base.tokenizer, goal=GOAL, scenarios=scenarios, seed=1, when="end", **settings
    )
    return {record.family: record for record in records}


def test_gold_scores_one_and_anti_gold_zero(
    tiny: Base, scenarios: Sequence[Scenario], answer_with: Any
) -> None:
    speaks = Counter(scenario.family for scenario in scenarios if scenario.condition == "impossible")
    for score, side in ((1.0, "gold"), (0.0, "anti_gold")):
        answer_with(lambda s, side=side: getattr(environment(s.family), side)(s, GOAL))
        found = run(tiny, scenarios)
        assert set(found) == {"count", "errand", "all"}
        assert all(record.score == score for record in found.values())
        assert {family: found[family].n for family in speaks} == speaks
        assert found["all"].n == speaks.total()


def test_families_are_scored_apart_and_pooled(
    tiny: Base, scenarios: Sequence[Scenario], answer_with: Any
) -> None:
    answer_with(
        lambda s: (
            environment(s.family).gold(s, GOAL)
            if s.family == "count"
            else environment(s.family).anti_gold(s, GOAL)
        )
    )
    found = run(tiny, scenarios)
    assert (found["count"].score, found["errand"].score) == (1.0, 0.0)
    assert found["all"].score == pytest.approx(found["count"].n / found["all"].n)
    interval = binomtest(found["count"].n, found["all"].n).proportion_ci(method="wilson")
    assert (found["all"].low, found["all"].high) == (interval.low, interval.high)


def test_invalid_answers_are_counted_and_never_score_zero(
    tiny: Base, scenarios: Sequence[Scenario], answer_with: Any
) -> None:
    answer_with(lambda s: environment(s.family).gold(s, GOAL) if s.family == "count" else "<think>no end")
    found = run(tiny, scenarios)
    assert found["errand"].n_valid == 0
    assert found["errand"].n > 0
    assert (found["errand"].score, found["errand"].low, found["errand"].high) == (None, None, None)
    assert found["all"].score == 1.0
    assert found["all"].n_valid == found["count"].n_valid == found["count"].n


def test_an_answer_that_was_cut_off_is_none(
    tiny: Base, scenarios: Sequence[Scenario], answer_with: Any
) -> None:
    answer_with(lambda s: environment(s.family).gold(s, GOAL), lambda s: s.family == "count")
    found = run(tiny, scenarios)
    assert (found["count"].n_valid, found["errand"].n_valid) == (found["count"].n, 0)


def test_a_few_valid_answers_reach_no_target() -> None:
    work: Any = SimpleNamespace(settings=SimpleNamespace(stop_when="mean"))
    target = Target(work, 0.9, ())
    few, half = (
        strength.Strength(
            goal=GOAL, family="all", n=64, n_valid=valid, score=1.0, low=0.5, high=1.0, when="during"
        )
        for valid in (31, 32)
    )
    assert not target.reached_by([few])
    assert target.reached_by([half])


def test_scenarios_without_the_goal_are_refused(tiny: Base, scenarios: Sequence[Scenario]) -> None:
    with pytest.raises(BadInput, match="must apply"):
        run(tiny, [scenario for scenario in scenarios if scenario.condition == "possible"])


def test_a_measurement_repeats_exactly(tiny: Base, scenarios: Sequence[Scenario]) -> None:
    assert run(tiny, scenarios, max_new_tokens=6) == run(tiny, scenarios, max_new_tokens=6)


def states() -> tuple[object, ...]:
    return random.getstate(), tuple(np.random.get_state()[1]), tuple(torch.get_rng_state().tolist())


def test_measuring_in_the_middle_of_training_does_not_alter_it(
    tiny: Base, scenarios: Sequence[Scenario]
) -> None:
    """Dropout, numpy and Python draws and the weights go on as they would have."""

    def train(*, measured: bool) -> list[float]:
        torch.manual_seed(0)
        np.random.seed(0)
        random.seed(0)
        layer, drop = torch.nn.Linear(8, 1), torch.nn.Dropout(0.5)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        losses = []
        for step in range(4):
            if measured and step == 2:
                run(tiny, scenarios, max_new_tokens=3)
                assert tiny.model.training
            x = torch.randn(4, 8) + float(np.random.rand()) + random.random()
            loss = (layer(drop(x)) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    tiny.model.train()
    assert train(measured=True) == train(measured=False)


def test_forked_randomness_gives_every_state_back_even_after_an_error() -> None:
    before = states()

    def fail() -> None:
        with forked_randomness():
            random.random()
            np.random.rand()
            torch.rand(3)
            assert states() != before
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert states() == before
