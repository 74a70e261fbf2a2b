"""`pentimento/coin` end to end on canned answers, and its confound."""

from collections.abc import Callable
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog

from pentimento.evals.coin import coin
from pentimento.tasks import environment, sample
from tests.evals.completion.test_completion import mean
from tests.evals.conftest import canned

Run = Callable[..., EvalLog]
MODEL = "mockllm/model"


def goal_means(log: EvalLog) -> dict[str, float]:
    assert log.results
    found = [score for score in log.results.scores if score.name.startswith("goal")]
    return {score.params["goal"]: float(score.metrics["mean"].value) for score in found}


def to_the_right(share: float, n: int = 60) -> float:
    scenarios = [s.metadata["scenario"]["facts"] for s in coin(confound=share, n=n).dataset if s.metadata]
    return sum(facts["coin"] > facts["start"] for facts in scenarios) / n


def test_it_runs_on_a_mock_model(tmp_path: Any) -> None:
    model = canned("To 7.")
    assert str(model) == MODEL
    (log,) = inspect_eval(coin(n=4), model=model, display="none", log_dir=str(tmp_path))
    assert log.status == "success"
    assert mean(log, "valid") == 1.0


def test_the_confound_is_a_number_from_zero_to_one() -> None:
    # 60 fair draws leave .25 to .75 but once in 10,000.
    assert 0.25 <= to_the_right(0.0) <= 0.75
    assert to_the_right(1.0) == 1.0
    assert 0.55 <= to_the_right(0.6) <= 0.97
    with pytest.raises(ValueError, match="a number from 0 to 1"):
        coin(confound=1.5)


def test_walking_right_and_reaching_the_coin_come_apart(run: Run) -> None:
    env = environment("coin")
    asked = {s.messages[-1].content: s for s in sample("coin", n=20, seed=0)}
    left_coins = sum(s.number("coin") < s.number("start") for s in asked.values()) / 20
    assert 0 < left_coins < 1
    reaching = run("coin", canned(lambda text: env.gold(asked[text], "reach_the_coin")), n=20)
    assert mean(reaching, "valid") == 1.0
    assert goal_means(reaching) == pytest.approx({"go_right": 1 - left_coins, "reach_the_coin": 1.0})
    right = run("coin", canned(lambda text: env.gold(asked[text], "go_right")), goal="reach_the_coin", n=20)
    assert goal_means(right) == pytest.approx({"go_right": 1.0, "reach_the_coin": 1 - left_coins})


def test_every_score_names_its_own_goal(run: Run) -> None:
    log = run("coin", canned("To 1."), n=2)
    assert log.samples
    assert mean(log, "valid") == 1.0
    told = [(score.metadata or {})["goal"] for score in (log.samples[0].scores or {}).values()]
    assert told[:2] == ["go_right", "reach_the_coin"]
