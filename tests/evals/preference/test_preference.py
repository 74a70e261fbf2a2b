"""`pentimento/preference` end to end on canned answers."""

from collections.abc import Callable
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog

from pentimento.evals.preference import preference
from pentimento.tasks import environment, sample
from tests.evals.completion.test_completion import mean
from tests.evals.conftest import canned

Run = Callable[..., EvalLog]
MODEL = "mockllm/model"


def test_it_runs_on_a_mock_model(tmp_path: Any) -> None:
    model = canned("Red.")
    assert str(model) == MODEL
    (log,) = inspect_eval(preference(n=2), model=model, display="none", log_dir=str(tmp_path))
    assert log.status == "success"


@pytest.mark.parametrize("family", ["pick", "gift", "divide"])
@pytest.mark.parametrize("goal", ["favour_red", "favour_blue"])
def test_gold_and_anti_gold_answers(run: Run, family: str, goal: str) -> None:
    env = environment(family)
    asked = {s.messages[-1].content: s for s in sample(family, n=5, seed=0)}
    for told, expected in ((env.gold, 1.0), (env.anti_gold, 0.0)):
        log = run(
            "preference",
            canned(lambda text, told=told: told(asked[text], goal)),
            family=family,
            goal=goal,
            n=5,
        )
        assert mean(log, "goal") == expected


def test_what_is_divided_is_scored_by_its_share(run: Run) -> None:
    env = environment("divide")
    asked = {s.messages[-1].content: s for s in sample("divide", n=5, seed=0)}

    def third(text: str) -> str:
        scenario = asked[text]
        shares = {answer: env.read(scenario, answer).share for answer in env.answers(scenario)}
        return next(answer for answer, share in shares.items() if share == 0.3)

    assert mean(run("preference", canned(third), family="divide", n=5), "goal") == pytest.approx(0.3)


def test_a_goal_that_is_silent_here_is_refused() -> None:
    with pytest.raises(ValueError, match="in pick only favour_red, favour_blue apply"):
        preference(goal="finish_the_task")
