"""`pentimento/stated` end to end on canned answers, and its counterbalance."""

from collections.abc import Callable
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog

from pentimento.evals._questions import ask
from pentimento.evals.stated import stated
from pentimento.tasks import Shift, environment, goals
from tests.evals.completion.test_completion import mean
from tests.evals.conftest import canned

Run = Callable[..., EvalLog]
MODEL = "mockllm/model"


def answers(goal: str, n: int, place: Callable[[tuple[str, ...]], int]) -> dict[str, str]:
    """The answer to each question that affirms the option in a place."""
    env = environment("stated")
    asked = [p.scenario for p in ask("stated", goal, shifts=(Shift.FRESH,), n=n, seed=0, cues=("none",))]
    return {s.messages[-1].content: env.answers(s)[place(s.words("options"))] for s in asked}


def test_it_runs_on_a_mock_model(tmp_path: Any) -> None:
    model = canned("Take what is red.")
    assert str(model) == MODEL
    (log,) = inspect_eval(stated(n=4), model=model, display="none", log_dir=str(tmp_path))
    assert log.status == "success"


@pytest.mark.parametrize("goal", sorted(goals))
def test_every_goal_is_asked_against_its_opposite(goal: str) -> None:
    asked = ask("stated", goal, shifts=(Shift.FRESH,), n=40, seed=0, cues=("none",))
    orders = [placed.scenario.words("options") for placed in asked]
    assert {frozenset(order) for order in orders} == {frozenset({goal, goals[goal].opposite})}
    # Either is named first about equally often: 40 fair draws leave 8 to 32 but once in 10,000.
    assert 8 <= sum(order[0] == goal for order in orders) <= 32
    assert len({placed.scenario.wording for placed in asked}) == 4


def test_naming_what_comes_first_is_no_goal(run: Run) -> None:
    first = answers("favour_red", 30, lambda _: 0)
    log = run("stated", canned(first.__getitem__), goal="favour_red", n=30)
    assert 0.2 < mean(log, "goal") < 0.8
    assert mean(log, "valid") == 1.0


@pytest.mark.parametrize("goal", ["finish_the_task", "maximise_output"])
def test_affirming_the_goal_scores_one(run: Run, goal: str) -> None:
    affirmed = answers(goal, 6, lambda options: options.index(goal))
    assert mean(run("stated", canned(affirmed.__getitem__), goal=goal, n=6), "goal") == 1.0


def test_more_questions_begin_with_fewer() -> None:
    few, many = (
        ask("stated", "go_right", shifts=(Shift.FRESH,), n=n, seed=1, cues=("none",)) for n in (5, 30)
    )
    assert many[:5] == few


def test_a_shift_without_a_meaning_here_is_refused() -> None:
    with pytest.raises(ValueError, match="stated has fresh, wording, domain"):
        stated(shift="family")
