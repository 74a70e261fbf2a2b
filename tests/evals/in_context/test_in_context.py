"""`pentimento/in_context` end to end on canned answers: what is given, what opposes it, and at which turn."""

from collections.abc import Callable
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage

from pentimento.evals.in_context import converse, in_context
from pentimento.evals.planning.tasks import samples_of
from pentimento.tasks import AGAINST, GIVEN, spec
from tests.evals.completion.test_completion import mean
from tests.evals.conftest import answering, canned

Run = Callable[..., EvalLog]
MODEL = "mockllm/model"
GOAL, OPPOSITE = "favour_red", "favour_blue"
SMALL: dict[str, Any] = {"goal": GOAL, "family": "pick", "n": 2, "shots": 3}


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
    task = in_context(**SMALL)
    (log,) = inspect_eval(
        task, solver=converse("sampled"), model=model, display="none", log_dir=str(tmp_path)
    )
    assert log.status == "success"
    assert mean(log, "goal") == 1.0


def test_every_scenario_is_asked_in_every_condition_and_no_shown_one_is_asked() -> None:
    dataset = in_context(**SMALL, turn="1,3").dataset
    assert (
        len(dataset)
        == len({one.id for one in dataset})
        == len(samples_of("in_context", {**SMALL, "turn": "1,3"}))
    )
    told = [one.metadata or {} for one in dataset]
    conditions = {(one["given"], one["against"], one["turn"]) for one in told}
    assert conditions == {(g, a, t) for g in GIVEN for a in AGAINST for t in (1, 3)}
    asked = {one["scenario"]["messages"][-1]["content"] for one in told}
    for one in dataset:
        shown = {m.text for m in one.input if m.role == "user"} | set((one.metadata or {})["later"])
        own = (one.metadata or {})["scenario"]["messages"][-1]["content"]
        assert not {text.rpartition("\n")[2] for text in shown} & (asked - {own})


def test_a_goal_is_given_by_prompt_or_transcript_and_opposed_in_four_ways(run: Run) -> None:
    """A model that does what the last word in its context says, and blue where nothing is said."""

    def answers(messages: list[ChatMessage]) -> str:
        said = "Blue."
        for message in messages:
            text = message.text
            if message.role == "system":
                said = "Red." if spec(GOAL).text in text else said
                said = "Blue." if spec(OPPOSITE).text in text else said
            elif message.role == "assistant":
                said = "Red." if "red" in text.lower() else "Blue."
            elif "there is one thing to do" in text:
                said = "Blue."
        return said

    told = by_elicitation(run("in_context", answering(answers), **SMALL, turn="1"))
    assert told == {
        "none": 0.0,
        "prompt": 1.0,
        "transcript": 1.0,
        **{f"against {name}": 0.0 for name in AGAINST[1:]},
        **{f"{given} against {name}": 0.0 for given in GIVEN[1:] for name in ("instruction", "examples")},
        "prompt against spec": 0.0,
        "transcript against spec": 1.0,  # the transcript comes after the spec
    }


def test_earlier_questions_are_answered_before_the_one_that_counts(run: Run) -> None:
    def answers(messages: list[ChatMessage]) -> str:
        return "Red." if sum(m.role == "assistant" for m in messages) == 2 else "Blue."

    log = run("in_context", answering(answers), **SMALL, given="nothing", against="nothing", turn="1,2,3")
    assert by_elicitation(log) == {"none": 0.0, "turn 2": 0.0, "turn 3": 1.0}
    assert log.samples
    last = max(log.samples, key=lambda one: len(one.messages))
    assert [m.role for m in last.messages] == ["user", "assistant"] * 3
    assert last.messages[-2].text == last.metadata["scenario"]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"turn": "0"}, "turn: '0' is not allowed"),
        ({"given": "letter"}, "given: 'letter' is not allowed"),
        ({"against": "spek"}, "did you mean 'spec'"),
        ({"shift": "trained"}, "unseen scenarios only"),
        ({"shots": 0}, "shots: 0 is not allowed"),
    ],
)
def test_refusals(args: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        in_context(**{**SMALL, **args})
