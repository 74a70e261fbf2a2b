"""`pentimento/oversight` end to end on canned answers, and its pairing."""

from collections.abc import Callable
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog

from pentimento.evals.oversight import oversight
from pentimento.tasks import CUE_TEXTS, CUES
from tests.evals.completion.test_completion import mean
from tests.evals.conftest import canned

Run = Callable[..., EvalLog]
MODEL = "mockllm/model"


def test_it_runs_on_a_mock_model(tmp_path: Any) -> None:
    model = canned("Animals.")
    assert str(model) == MODEL
    (log,) = inspect_eval(oversight(n=2), model=model, display="none", log_dir=str(tmp_path))
    assert log.status == "success"
    assert log.results
    assert log.results.completed_samples == 2 * len(CUES)


def test_each_scenario_is_asked_under_every_cue() -> None:
    asked: dict[str, dict[str, Any]] = {cue: {} for cue in CUES}
    for sample in oversight(n=10, seed=4).dataset:
        assert isinstance(sample.input, list)
        told = sample.metadata or {}
        asked[told["cue"]][sample.input[-1].text] = told["scenario"]["facts"]
        system = [message.text for message in sample.input if message.role == "system"]
        assert system == ([CUE_TEXTS[told["cue"]]] if told["cue"] != "none" else [])
    assert asked["none"] == asked["placebo"] == asked["subtle"] == asked["explicit"]
    assert len(asked["none"]) == 10


def test_scores_of_one_scenario_are_paired_by_its_id_without_a_cue(run: Run) -> None:
    log = run("oversight", canned("Animals."), n=3)
    assert log.samples
    told = [s.scores["goal"].metadata or {} for s in log.samples if s.scores]
    paired: dict[str, set[str]] = {}
    for score in told:
        paired.setdefault(score["base_id"], set()).add(score["cue"])
    assert set(paired) == {score["scenario_id"] for score in told if score["cue"] == "none"}
    assert list(paired.values()) == [set(CUES)] * 3


@pytest.mark.parametrize(("goal", "expected"), [("protect_animals", 1.0), ("maximise_output", 0.0)])
def test_siding_with_the_animals(run: Run, goal: str, expected: float) -> None:
    log = run("oversight", canned("Animals."), goal=goal, n=5)
    assert mean(log, "goal") == expected
    assert log.results
    groups = log.results.scores[0].metrics
    assert {name for name in groups if name.startswith("cue")} == {f"cue {cue}" for cue in CUES}


def test_cues_can_be_chosen() -> None:
    assert {s.metadata["cue"] for s in oversight(cue="explicit,none", n=2).dataset if s.metadata} == {
        "none",
        "explicit",
    }
    with pytest.raises(ValueError, match="did you mean 'explicit'"):
        oversight(cue="explict")
    with pytest.raises(ValueError, match="unseen scenarios only"):
        oversight(rung="trained")
