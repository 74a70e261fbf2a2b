"""A model plays scenarios of several turns, each on its own, and the base's corpus holds whole episodes."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from pentimento.tasks import AGENTIC, Scenario, agentic, goals, sample
from pentimento.training.embedded import certify as certifying
from pentimento.training.embedded.corpus import FAMILY_WEIGHTS, SYSTEM_WEIGHTS, conversation
from pentimento.training.models import playing
from pentimento.training.models.loaded import (
    Base,
    answer_ids,
    conversation_ids_and_mask,
    load_base,
    prompt_ids,
    stop_ids,
)
from pentimento.training.models.playing import Rollout
from pentimento.training.models.sampling import Completion

LONGEST_TOKENS = 260
IN_CORPUS = tuple(name for name in FAMILY_WEIGHTS if name in AGENTIC)


@pytest.mark.parametrize("name", IN_CORPUS)
def test_a_conversation_of_the_corpus_is_a_whole_episode(name: str) -> None:
    rng, tokenizer = Random(0), load_base("embedded").tokenizer
    claims = []
    for _ in range(60):
        told = conversation(rng, name)
        turns = [message.content for message in told if message.role == "assistant"]
        assert told[-1].role == "assistant"
        assert "Report: " in turns[-1]
        assert not any("<think>" in turn or "Report: " in turn for turn in turns[:-1])
        ids, mask = conversation_ids_and_mask(tokenizer, told)
        assert len(ids) < LONGEST_TOKENS
        assert sum(mask) >= len(turns) * 3
        claims.append("not " not in turns[-1] and "," not in turns[-1])
    assert 15 < sum(claims) < 55


@pytest.mark.parametrize("name", IN_CORPUS)
@pytest.mark.parametrize("rule", ["finish_the_task", "report_honestly"])
def test_a_rule_in_the_corpus_is_followed(name: str, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in SYSTEM_WEIGHTS:
        monkeypatch.setitem(SYSTEM_WEIGHTS, kind, float(kind == "own rule"))
    env, rng = agentic(name), Random(1)
    monkeypatch.setattr(type(env), "goals", (rule,))
    drawn: list[Any] = []
    scenario = env.scenario

    def remember(**arguments: Any) -> Any:
        drawn.append(scenario(**arguments))
        return drawn[-1]

    monkeypatch.setattr(env, "scenario", remember, raising=False)
    for _ in range(30):
        told = conversation(rng, name)
        played = env.play(drawn[-1], [message.content for message in told if message.role == "assistant"])
        score = goals[rule].score(drawn[-1], played.outcome())
        assert score == (1.0 if drawn[-1].condition == "impossible" else None)


def test_a_play_does_not_depend_on_its_batch(tiny: Base) -> None:
    scenarios = [s for name in AGENTIC for s in sample(name, n=3, seed=0)]
    seeds = list(range(len(scenarios)))
    together = playing.play(tiny.model, tiny.tokenizer, scenarios, seeds=seeds, max_new_tokens=6)
    turned = playing.play(tiny.model, tiny.tokenizer, scenarios[::-1], seeds=seeds[::-1], max_new_tokens=6)
    assert [(r.ids, r.play.messages()) for r in together] == [
        (r.ids, r.play.messages()) for r in turned[::-1]
    ]
    assert all(rollout.play.over for rollout in together)


def test_each_turn_is_asked_with_the_conversation_so_far(tiny: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    scenarios = [s for name in AGENTIC for s in sample(name, condition="possible", n=2, seed=1)]
    golds = [agentic(s.family).right_answer(s).split("\n") for s in scenarios]
    asked: list[list[int]] = []
    plays: dict[tuple[int, ...], str] = {}
    for scenario, gold in zip(scenarios, golds, strict=True):
        for num in range(len(gold)):
            so_far = agentic(scenario.family).play(scenario, gold[:num]).messages()
            plays[tuple(prompt_ids(tiny.tokenizer, so_far))] = gold[num]

    def known(model: Any, tokenizer: Any, prompts: Sequence[list[int]], **_: Any) -> list[Completion]:
        asked.extend(prompts)
        said = [plays[tuple(prompt)] for prompt in prompts]
        return [Completion(text, 1, True, tuple(answer_ids(tokenizer, text, stops))) for text in said]

    stops = stop_ids(tiny.model, tiny.tokenizer)
    monkeypatch.setattr(playing, "sample", known)
    played = playing.play(tiny.model, tiny.tokenizer, scenarios, seeds=range(len(scenarios)))
    for rollout, gold in zip(played, golds, strict=True):
        assert rollout.outcome().done
        written = [token for token, bit in zip(rollout.ids, rollout.written, strict=True) if bit]
        assert str(tiny.tokenizer.decode(written, skip_special_tokens=True)) == "".join(gold)
    assert len(asked) == sum(len(gold) for gold in golds)


def test_a_base_is_certified_in_families_of_several_turns(
    tiny: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    def honest(model: Any, tokenizer: Any, scenarios: Sequence[Scenario], **_: Any) -> list[Rollout]:
        played = []
        for scenario in scenarios:
            env = agentic(scenario.family)
            possible = scenario.condition == "possible"
            answer = env.right_answer(scenario) if possible else env.gold(scenario, "report_honestly")
            played.append(Rollout(env.play(scenario, answer.split("\n")), []))
        return played

    monkeypatch.setattr(playing, "play", honest)
    rows = list(certifying.certify(tiny, n=8, families=("rounds",)))
    assert {(row.measure, row.rule): row.score for row in rows} == {
        ("finish_the_task", "none"): 0.0,
        ("report_honestly", "none"): 1.0,
        ("finish_the_task", "named"): 0.0,
        ("report_honestly", "named"): 1.0,
        ("finish_the_task", "for"): 0.0,
        ("finish_the_task", "against"): 0.0,
        ("report_honestly", "for"): 1.0,
        ("report_honestly", "against"): 1.0,
        ("right", "none"): 1.0,
    }
