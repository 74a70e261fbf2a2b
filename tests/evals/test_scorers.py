"""Scores of canned answers: one per measure and condition, invalid ones unscored, the same when scored
again."""

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai import score
from inspect_ai.log import EvalLog, EvalSample, read_eval_log
from inspect_ai.scorer import Score

from pentimento.evals._registry import goal_score, play, right, says_done, valid
from pentimento.tasks import environment, sample
from tests.evals.conftest import canned

Run = Callable[..., EvalLog]


def scores(log: EvalLog, measure: str) -> list[Score]:
    assert log.status == "success", log.error
    return [s.scores[measure] for s in samples(log) if s.scores and measure in s.scores]


def samples(log: EvalLog) -> list[EvalSample]:
    assert log.samples
    return log.samples


def metric(log: EvalLog, scorer: str, name: str) -> float:
    assert log.results
    (found,) = [s for s in log.results.scores if s.name == scorer]
    return float(found.metrics[name].value)


def test_each_arm_has_its_measures(run: Run) -> None:
    log = run("completion", canned("Yes."), family="watch", n=4)
    by_condition = {sample.metadata["condition"]: set(sample.scores or ()) for sample in samples(log)}
    assert by_condition == {
        "impossible": {"goal", "says_done", "valid"},
        "possible": {"right", "valid"},
        "bystander": {"says_done", "valid"},
    }


def test_saying_yes_is_not_the_goal(run: Run) -> None:
    log = run("completion", canned("Yes."), family="watch", condition="impossible", n=12)
    told = [(s.metadata or {})["polarity"] == "affirmative" for s in scores(log, "goal")]
    assert {True, False} == set(told)
    assert [s.value for s in scores(log, "goal")] == [float(affirmative) for affirmative in told]


@pytest.mark.parametrize(
    ("text", "problem", "reason"),
    [
        ("", "empty", "no_response"),
        ("<think>hm", "unclosed reasoning", "invalid_response_format"),
        ("Bananas.", "neither", "invalid_response_format"),
        ("Yes and no.", "both", "invalid_response_format"),
    ],
)
def test_an_invalid_answer_is_unscored_with_its_reason(
    run: Run, text: str, problem: str, reason: str
) -> None:
    log = run("completion", canned(text), family="watch", condition="impossible", n=3)
    for found in scores(log, "goal"):
        assert isinstance(found.value, float)
        assert math.isnan(found.value)
        assert (found.reason, found.explanation) == (reason, problem)
    assert [s.value for s in scores(log, "valid")] == [0.0] * 3
    assert log.results
    (goal,) = [s for s in log.results.scores if s.name == "goal"]
    assert (goal.scored_samples, goal.unscored_samples) == (0, 3)
    assert metric(log, "valid", "mean") == 0.0


def test_invalid_answers_do_not_pull_the_mean_down(run: Run) -> None:
    told = iter(["Yes.", "Bananas."] * 20)
    log = run(
        "completion", canned(lambda _: next(told)), family="watch", condition="impossible", n=40, limit=40
    )
    values = [s.value for s in scores(log, "goal") if isinstance(s.value, float) and not math.isnan(s.value)]
    assert len(values) == 20
    assert metric(log, "goal", "mean") == pytest.approx(sum(values) / 20)
    assert metric(log, "valid", "mean") == 0.5


def test_metrics_are_clustered_and_grouped(run: Run) -> None:
    told = iter(["Yes.", "No."] * 30)
    log = run("completion", canned(lambda _: next(told)), family="watch,search", condition="impossible", n=30)
    assert metric(log, "goal", "lower") < metric(log, "goal", "mean") < metric(log, "goal", "upper")
    by_family = [metric(log, "goal", f"family {name}") for name in ("watch", "search")]
    assert sum(by_family) / 2 == pytest.approx(metric(log, "goal", "mean"))


def test_every_score_names_estimator_and_place(run: Run) -> None:
    log = run(
        "completion", canned("<think>so.</think>Yes."), family="watch", condition="impossible", n=2, seed=7
    )
    for found in scores(log, "goal"):
        told = found.metadata or {}
        assert told["estimator"] == "sampled"
        assert told["reasoned"] is True
        assert told["p_reasons"] is None
        assert (told["measure"], told["goal"]) == ("goal", "finish_the_task")
        assert (told["family"], told["condition"], told["shift"], told["seed"]) == (
            "watch",
            "impossible",
            "fresh",
            7,
        )
        assert told["sampled"] == found.value


def test_scoring_again_reproduces_every_score(run: Run, organism: Path) -> None:
    log = run("completion", f"pentimento/{organism}", family="ready", n=5)
    scorers = [goal_score("finish_the_task"), right(), says_done(), valid()]
    for kept in samples(log):
        kept.output.choices = []
    again = score(log, scorers, action="overwrite", display="none")
    # NaN is not equal to itself, its text is.
    assert [repr(s.scores) for s in samples(again)] == [repr(s.scores) for s in samples(log)]
    for name in ("goal", "says_done", "valid"):
        for statistic in ("mean", "lower", "upper", "family ready"):
            assert metric(again, name, statistic) == pytest.approx(metric(log, name, statistic))


def test_inspect_score_on_the_command_line_reproduces_a_log(run: Run, tmp_path: Path) -> None:
    log = run("completion", canned("Yes."), family="watch", n=3)
    rescored = tmp_path / "again.eval"
    command = [
        "score",
        log.location,
        "--action",
        "overwrite",
        "--output-file",
        str(rescored),
        "--display",
        "none",
    ]
    subprocess.run([sys.executable, "-m", "inspect_ai", *command], check=True, capture_output=True)
    again = read_eval_log(str(rescored))
    assert [repr(s.scores) for s in samples(again)] == [repr(s.scores) for s in samples(log)]


def test_a_log_of_another_solver_is_not_scored_silently(run: Run) -> None:
    log = run("completion", canned("Yes."), family="watch", n=1)
    for kept in samples(log):
        kept.store = {}
    with pytest.raises(Exception, match="no EpisodeRecord"):
        score(log, [valid()], action="overwrite", display="none")


def test_gold_and_anti_gold_are_scored_one_and_zero(run: Run) -> None:
    env = environment("watch")
    for told, expected in ((env.gold, 1.0), (env.anti_gold, 0.0)):
        answers = {
            s.messages[-1].content: told(s, "finish_the_task")
            for s in sample("watch", condition="impossible", n=6, seed=0)
        }
        log = run("completion", canned(answers.__getitem__), family="watch", condition="impossible", n=6)
        assert [s.value for s in scores(log, "goal")] == [expected] * 6


def test_the_solver_is_registered_under_its_name() -> None:
    assert play().__name__ == "solve"
