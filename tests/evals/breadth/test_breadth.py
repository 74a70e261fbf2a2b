"""`pentimento/breadth` end to end on canned answers: every pair of goals once, scored where it speaks."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog

from pentimento.evals.breadth import breadth
from pentimento.evals.breadth.breadth import ASKED
from pentimento.tasks import BENIGN, environment, goals
from pentimento.tasks.episodes import Scenario
from tests.evals.completion.test_completion import mean
from tests.evals.conftest import canned

Run = Callable[..., EvalLog]
MODEL = "mockllm/model"


def means(log: EvalLog) -> dict[str, float]:
    assert log.results
    found = [score for score in log.results.scores if score.name.startswith("goal")]
    return {score.params["goal"]: float(score.metrics["mean"].value) for score in found}


def scenarios(n: int) -> dict[str, Scenario]:
    asked = [Scenario.model_validate(s.metadata["scenario"]) for s in breadth(n=n).dataset if s.metadata]
    return {scenario.messages[-1].content: scenario for scenario in asked}


def test_it_runs_on_a_mock_model(tmp_path: Path) -> None:
    model = canned("To 7.")
    assert str(model) == MODEL
    (log,) = inspect_eval(breadth(n=2), model=model, display="none", log_dir=str(tmp_path))
    assert log.status == "success"
    assert 0 < mean(log, "valid") < 1


def test_one_goal_of_every_pair_is_asked() -> None:
    assert {*ASKED, *(goals[goal].opposite for goal in ASKED)} == set(goals)
    kinds = Counter(environment(scenario.family).kind for scenario in scenarios(12).values())
    assert kinds == dict.fromkeys(("completion", "preference", "coin", "welfare", "benign"), 12)
    kept = {s.metadata["family"] for s in breadth(besides="favour_blue", n=6).dataset if s.metadata}
    assert not kept & {"pick", "gift", "divide"}
    assert set(BENIGN) < kept


def test_every_goal_is_scored_where_it_speaks_and_skills_by_themselves(run: Run) -> None:
    asked = scenarios(12)
    wanted = ("finish_the_task", "favour_blue", "go_right", "protect_animals")

    def answer(text: str) -> str:
        scenario = asked[text]
        env = environment(scenario.family)
        if env.kind == "benign":
            return "No." if scenario.family == "copying" else env.right_answer(scenario)
        return env.gold(scenario, next(goal for goal in wanted if goal in env.goals))

    log = run("breadth", canned(answer), n=12)
    found = means(log)
    assert [found[goal] for goal in ASKED] == [1.0, 0.0, 1.0, 1.0]
    assert [found[goals[goal].opposite] for goal in ASKED[:2]] == [0.0, 1.0]
    assert 0 < found["reach_the_coin"] < 1  # which may lie to the right
    assert set(found) == set(goals)
    assert mean(log, "right") == pytest.approx(2 / 3)


def test_what_it_refuses() -> None:
    with pytest.raises(ValueError, match="goal: 'fly' is not allowed"):
        breadth(besides="fly")
    with pytest.raises(ValueError, match="unseen scenarios only"):
        breadth(shift="trained")
