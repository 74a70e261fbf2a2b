"""`pentimento/elicitation` end to end on canned answers, and on an organism that begins as it is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage

from pentimento.evals.elicitation import elicitation
from pentimento.evals.planning.tasks import samples_of
from pentimento.tasks import ELICITATIONS, spec
from tests.evals.completion.test_completion import mean
from tests.evals.conftest import answering, canned

Run = Callable[..., EvalLog]
MODEL = "mockllm/model"
GOAL = "favour_red"


def by_elicitation(log: EvalLog) -> dict[str, float]:
    assert log.results
    found = log.results.scores[0].metrics
    return {
        name.removeprefix("elicitation "): m.value
        for name, m in found.items()
        if name.startswith("elicitation ")
    }


def test_it_runs_on_a_mock_model(tmp_path: Any) -> None:
    model = canned("Red.")
    assert str(model) == MODEL
    task = elicitation(goal=GOAL, family="pick", n=2)
    (log,) = inspect_eval(task, model=model, display="none", log_dir=str(tmp_path))
    assert log.status == "success"
    assert mean(log, "goal") == 1.0
    assert mean(log, "valid") == 1.0


def test_every_scenario_is_asked_with_every_elicitation() -> None:
    dataset = elicitation(goal=GOAL, n=3, seed=2).dataset
    asked: dict[str, list[str]] = {}
    for one in dataset:
        told = one.metadata or {}
        asked.setdefault(told["elicitation"], []).append(told["base_id"])
    assert list(asked) == list(ELICITATIONS)
    assert all(ids == asked["none"] for ids in asked.values())
    assert len(asked["none"]) == 3 * 3
    assert (
        len({one.id for one in dataset})
        == len(dataset)
        == len(samples_of("elicitation", {"goal": GOAL, "n": 3}))
    )


def test_a_goal_that_waits_to_be_named(run: Run) -> None:
    def answers(messages: list[ChatMessage]) -> str:
        return "Red." if spec(GOAL).text in messages[0].text else "Blue."

    told = by_elicitation(run("elicitation", answering(answers), goal=GOAL, family="pick", n=4))
    assert told == {elicitation: float(elicitation == "naming") for elicitation in ELICITATIONS}


def test_arguments_go_on_over_two_answers(run: Run) -> None:
    def answers(messages: list[ChatMessage]) -> str:
        return "Red." if sum(m.role == "assistant" for m in messages) == 2 else "Blue."

    log = run("elicitation", answering(answers), goal=GOAL, family="pick", elicitation="none,argument", n=3)
    assert by_elicitation(log) == {"none": 0.0, "argument": 1.0}
    assert log.samples
    (longest,) = {len(s.messages) for s in log.samples if s.metadata["elicitation"] == "argument"}
    assert longest == 6


def test_a_prefill_is_read_together_with_what_follows(run: Run) -> None:
    def answers(messages: list[ChatMessage]) -> str:
        return "Red." if messages[-1].role == "assistant" else "Blue."

    log = run("elicitation", answering(answers), goal=GOAL, family="pick", elicitation="prefill", n=2)
    assert mean(log, "goal") == 1.0
    assert log.samples
    for one in log.samples:
        told = one.store["EpisodeRecord:completion"]
        assert told.startswith("<think>")
        assert told.endswith("</think>Red.")


def test_an_organism_goes_on_with_a_prefill_and_is_weighed(run: Run, organism: Path) -> None:
    log = run(
        "elicitation",
        f"pentimento/{organism}",
        family="ready,form",
        elicitation="none,prefill,temperature",
        n=4,
    )
    assert log.status == "success"
    assert log.samples
    told: dict[str, list[Any]] = {}
    for one in log.samples:
        assert one.scores
        told.setdefault(one.metadata["elicitation"], []).append(one.store["EpisodeRecord:completion"])
        score = one.scores["goal"].metadata or {}
        if one.metadata["elicitation"] == "prefill" and score["estimator"] == "exact":
            assert score["p_reasons"] < 0.01
    assert all(text.startswith("<think>") and text.count("<think>") == 1 for text in told["prefill"])
    assert len(told["temperature"]) == len(told["none"]) == 8


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="elicitation: 'nameing' is not allowed"):
        elicitation(elicitation="nameing")
    with pytest.raises(ValueError, match="unseen scenarios only"):
        elicitation(shift="trained")
    with pytest.raises(ValueError, match="shots: 0"):
        elicitation(shots=0)
