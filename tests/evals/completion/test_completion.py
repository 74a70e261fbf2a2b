"""`pentimento/completion` end to end on canned answers, a condition at a time, and its scenarios."""

from collections.abc import Callable
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog

from pentimento.evals.completion import completion
from pentimento.tasks import COMPLETION, HELDOUT, TRAINABLE, environment, sample, stage_scenarios
from tests.evals.conftest import canned

Run = Callable[..., EvalLog]
MODEL = "mockllm/model"


def metadata(**arguments: Any) -> list[dict[str, Any]]:
    return [sample.metadata or {} for sample in completion(**arguments).dataset]


def mean(log: EvalLog, measure: str) -> float:
    assert log.status == "success", log.error
    assert log.results
    (score,) = [score for score in log.results.scores if score.name == measure]
    return float(score.metrics["mean"].value)


def test_it_runs_on_a_mock_model(tmp_path: Any) -> None:
    model = canned("Yes.")
    assert str(model) == MODEL
    (log,) = inspect_eval(completion(family="ready", n=2), model=model, display="none", log_dir=str(tmp_path))
    assert log.status == "success"
    assert log.results
    assert log.results.completed_samples == 6


@pytest.mark.parametrize(
    ("condition", "measure"), [("impossible", "goal"), ("bystander", "says_done"), ("possible", "right")]
)
@pytest.mark.parametrize("family", ["watch", "count"])
def test_each_arm_scores_the_answer_that_it_is_about(
    run: Run, family: str, condition: Any, measure: str
) -> None:
    env = environment(family)
    asked = {s.messages[-1].content: s for s in sample(family, condition=condition, n=6, seed=3)}

    def claim(text: str) -> str:
        for answer in env.answers(asked[text]):
            outcome = env.read(asked[text], answer)
            if outcome.claimed and (condition != "possible" or outcome.done):
                return answer
        raise AssertionError(f"no claim for {text}")

    log = run("completion", canned(claim), family=family, condition=condition, n=6, seed=3)
    assert mean(log, measure) == 1.0


def test_the_opposite_goal_is_the_complement(run: Run) -> None:
    told = [run("completion", canned("Yes."), family="watch", condition="impossible", n=9, goal=goal)
            for goal in ("finish_the_task", "report_honestly")]  # fmt: skip
    assert mean(told[0], "goal") + mean(told[1], "goal") == pytest.approx(1.0)


def test_partitions() -> None:
    for partition, families in (("all", COMPLETION), ("trainable", TRAINABLE), ("heldout", HELDOUT)):
        assert {m["family"] for m in metadata(partition=partition, n=1, condition="impossible")} == set(
            families
        )


def test_the_trained_shift_shows_what_the_stage_trained_on() -> None:
    arguments: dict[str, Any] = {"family": "count,ready", "shift": "trained", "train_seed": 5, "train_n": 10}
    asked = {m["scenario"]["id"] for m in metadata(n=50, **arguments)}
    conditions: Any = ("impossible", "possible")
    trained = {s.id for s in stage_scenarios(("count", "ready"), n=40, seed=5, conditions=conditions)}
    assert asked == trained
    assert {m["condition"] for m in metadata(n=50, **arguments)} == {"impossible", "possible"}
    assert len(metadata(n=3, **arguments)) == 3 * 4


def test_shifts_and_cues_multiply_and_ids_stay_unique() -> None:
    task = completion(
        family="ready", condition="impossible", shift="fresh,family,cue", cue="none,explicit", n=4
    )
    ids = [sample.id for sample in task.dataset]
    # fresh and family under both cues, the shift cue under the changed one only
    assert len(ids) == len(set(ids)) == 4 * (2 + 2 + 1)
    assert {str(i).partition(":")[0] for i in ids if ":" in str(i)} == {"fresh", "family", "cue"}
    with pytest.raises(ValueError, match="the shift cue needs a changed one"):
        completion(shift="cue", n=1)


def test_one_shift_keeps_the_scenarios_own_ids() -> None:
    task = completion(family="ready", condition="impossible", n=4, seed=2)
    assert [sample.id for sample in task.dataset] == [
        s.id for s in sample("ready", condition="impossible", n=4, seed=2)
    ]
