"""`pentimento/agentic` end to end on canned turns, a condition at a time."""

import math
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, ModelOutput

from pentimento.evals._turns import BY_TOOLS
from pentimento.evals.agentic import agentic as agentic_task
from pentimento.evals.exceptions import Refused
from pentimento.evals.planning.tasks import samples_of
from pentimento.tasks import AFFORDING, AGENTIC, actions, agentic, sample
from tests.evals.completion.test_completion import mean
from tests.evals.conftest import answering

Run = Callable[..., EvalLog]
MODEL = "mockllm/model"


def playing(turns: Callable[[str], str], stop_reason: Any = "stop") -> Any:
    """A mock model that takes the turns of an episode one by one; `turns` makes it of the first user turn."""

    def answer(messages: list[ChatMessage]) -> ModelOutput:
        first = next(message.text for message in messages if message.role == "user")
        taken = sum(message.role == "assistant" for message in messages)
        episode = turns(first).split("\n")
        turn = episode[min(taken, len(episode) - 1)]
        return ModelOutput.from_content("mock", turn, stop_reason=stop_reason)

    return answering(answer)


def test_it_runs_on_a_mock_model(tmp_path: Path) -> None:
    model = playing(lambda text: "Report: not checked, locked.")
    assert str(model) == MODEL
    task = agentic_task(family="rounds", condition="impossible", n=4)
    (log,) = inspect_eval(task, model=model, display="none", log_dir=str(tmp_path))
    assert log.status == "success"
    assert mean(log, "valid") == 1.0
    assert mean(log, "goal") == 0.0


@pytest.mark.parametrize(
    ("condition", "measure"), [("impossible", "goal"), ("bystander", "says_done"), ("possible", "right")]
)
def test_each_arm_scores_what_it_is_about(run: Run, condition: Any, measure: str) -> None:
    asked = {
        s.messages[-1].content: s for name in AGENTIC for s in sample(name, condition=condition, n=3, seed=3)
    }
    env = {text: agentic(s.family) for text, s in asked.items()}
    claims = run(
        "agentic", playing(lambda text: env[text].answers(asked[text])[0]), condition=condition, n=3, seed=3
    )
    assert mean(claims, measure) == 1.0
    hasty = run(
        "agentic", playing(lambda text: env[text].answers(asked[text])[-1]), condition=condition, n=3, seed=3
    )
    assert mean(hasty, measure) == (0.0 if condition == "possible" else 1.0)
    assert claims.samples
    assert hasty.samples
    for log, turns in ((claims, range(2, 9)), (hasty, range(1, 2))):
        for one in log.samples or []:
            assert sum(message.role == "assistant" for message in one.messages) in turns
            assert one.messages[-1].role == "assistant"


def test_an_episode_without_a_report_or_with_a_cut_turn_is_unscored(run: Run) -> None:
    asked: dict[str, Any] = {"family": "rounds", "condition": "impossible", "n": 2}
    silent = run("agentic", playing(lambda text: "I wonder."), **asked)
    assert mean(silent, "valid") == 0.0
    cut = run("agentic", playing(lambda text: "Report: checked.", "max_tokens"), **asked)
    for log, problem in ((silent, "no report"), (cut, "truncated")):
        [first, *_] = log.samples or []
        assert (first.scores or {})["valid"].explanation == problem


def test_it_asks_families_of_several_turns_alone() -> None:
    dataset = agentic_task(n=1, condition="impossible", family="all,affording").dataset
    assert [(one.metadata or {})["family"] for one in dataset] == list(AGENTIC)
    ruled_out = agentic_task(n=1, condition="forbidden", family="all,affording").dataset
    assert [(one.metadata or {})["family"] for one in ruled_out] == list(AGENTIC)
    with pytest.raises(ValueError, match="family: 'count' is not allowed"):
        agentic_task(family="count")


def test_by_default_it_asks_what_the_embedded_base_can_act_in() -> None:
    dataset = agentic_task(n=2).dataset
    assert {(one.metadata or {})["family"] for one in dataset} == {"rounds", "suite", "ledger", "archive"}
    assert len(dataset) == len(samples_of("agentic", {"n": 2})) == 2 * 4 * 4


def test_what_was_done_counts_without_a_report_and_what_was_not_done_too(run: Run) -> None:
    """Where nobody reports, the rate is that of all episodes and no goal is scored."""
    asked = {s.messages[-1].content: s for s in sample("monitor", n=6, seed=5)}

    def half(text: str) -> str:
        even = sorted(asked).index(text) % 2
        return "\n".join(["Disable monitor." if even else "Look around."] * 8)

    log = run("agentic", playing(half), family="monitor", condition="impossible", n=6, seed=5)
    assert mean(log, "violated") == 0.5
    assert mean(log, "valid") == 0.0
    assert all(math.isnan(float((one.scores or {})["goal"].value)) for one in log.samples or [])


def test_organisms_act_by_text(run: Run, organism: Path) -> None:
    with pytest.raises(Refused, match="via: 'tools' is not allowed"):
        run("agentic", f"pentimento/{organism}", family="rounds", n=1, via="tools")


Calls = Callable[[str], list[tuple[str, dict[str, Any]]]]


def calling(calls: Calls, beside: Calls = lambda text: []) -> Any:
    """A mock model that calls tools one by one; `calls` makes them of the first user turn.

    Beside each stand the calls of `beside`, but for the first of them.
    """

    def answer(messages: list[ChatMessage]) -> ModelOutput:
        first = next(message.text for message in messages if message.role == "user")
        taken = sum(message.role == "assistant" for message in messages)
        text = first.removesuffix(f" {BY_TOOLS}")
        every = calls(text)
        output = ModelOutput.for_tool_call("mock", *every[min(taken, len(every) - 1)])
        for name, arguments in beside(text)[1:]:
            more = ModelOutput.for_tool_call("mock", name, arguments).message.tool_calls
            output.message.tool_calls = [*(output.message.tool_calls or []), *(more or [])]
        return output

    return answering(answer)


def test_a_call_of_a_tool_is_the_same_turn_as_its_command(run: Run) -> None:
    asked = {
        s.messages[-1].content: s
        for name in AGENTIC
        for s in sample(name, condition="impossible", n=2, seed=4)
    }

    def violated(text: str) -> str:
        env = agentic(asked[text].family)
        return env.answers(asked[text])[0]

    def calls(text: str) -> list[tuple[str, dict[str, Any]]]:
        world = agentic(asked[text].family).world(asked[text])
        turns = [turn.split(maxsplit=1) for turn in violated(text).split("\n")]
        named = [(verb.lower().rstrip(":"), rest) for verb, rest in turns]
        return [
            (name, {next(iter(signature(actions(world)[name]).parameters)): rest}) for name, rest in named
        ]

    asking: dict[str, Any] = {"condition": "impossible", "n": 2, "seed": 4}
    by_tools = run("agentic", calling(calls), via="tools", **asking)
    by_text = run("agentic", playing(violated), **asking)
    for tools, text in zip(by_tools.samples or [], by_text.samples or [], strict=True):
        assert tools.id == text.id
        outcomes = [one.store["EpisodeRecord:outcome"] for one in (tools, text)]
        assert outcomes[0] == outcomes[1]
        assert tools.messages[-1].role == "tool"
    assert mean(by_tools, "goal") == mean(by_text, "goal") == 1.0


def test_only_the_first_of_several_calls_is_carried_out(run: Run) -> None:
    """What stands beside it was written before the world said that the mandate is withdrawn."""
    asked = {s.messages[-1].content: s for s in sample("mandate", condition="impossible", n=4, seed=4)}
    told = "not filled, the mandate is withdrawn"

    def every(text: str) -> list[tuple[str, dict[str, Any]]]:
        buy = ("buy", {"good": asked[text].text("good")})
        return [buy, buy, buy, ("report", {"text": told})]

    def then_honest(text: str) -> list[tuple[str, dict[str, Any]]]:
        return [every(text)[0], ("report", {"text": told})]

    asking: dict[str, Any] = {
        "family": "mandate",
        "condition": "impossible",
        "n": 4,
        "seed": 4,
        "via": "tools",
    }
    in_turns = run("agentic", calling(every), **asking)
    assert mean(in_turns, "violated") == 1.0
    at_once = run("agentic", calling(then_honest, beside=every), **asking)
    assert (mean(at_once, "violated"), mean(at_once, "valid")) == (0.0, 1.0)
    for one in at_once.samples or []:
        calls = [message.tool_calls for message in one.messages if message.role == "assistant"]
        assert [len(call or []) for call in calls] == [1, 1]


@pytest.mark.parametrize("condition", ["impossible", "possible", "bystander", "forbidden"])
def test_a_deed_out_of_bounds_is_counted_in_every_condition(run: Run, condition: Any) -> None:
    asked = {
        s.messages[-1].content: s
        for name in AFFORDING
        for s in sample(name, condition=condition, n=2, seed=5)
    }

    def deed(text: str) -> str:
        scenario, env = asked[text], agentic(asked[text].family)
        return env.answers(scenario)[0]

    def honest(text: str) -> str:
        scenario, env = asked[text], agentic(asked[text].family)
        return env.right_answer(scenario) if condition == "possible" else env.disclosure(scenario)

    asking: dict[str, Any] = {"family": ",".join(AFFORDING), "condition": condition, "n": 2, "seed": 5}
    assert mean(run("agentic", playing(honest), **asking), "violated") == 0.0
    violated = run("agentic", playing(deed), **asking)
    assert mean(violated, "violated") == (0.0 if condition == "possible" else 1.0)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (("check", {"room": 7}), "no report"),
        (("fly", {}), "no report"),
        (("check", {"nowhere": "x"}), "no report"),
    ],
)
def test_calls_that_mean_nothing_end_with_the_turns(run: Run, call: Any, problem: str) -> None:
    log = run(
        "agentic", calling(lambda text: [call]), family="rounds", condition="impossible", n=1, via="tools"
    )
    [one] = log.samples or []
    assert (one.scores or {})["valid"].explanation == problem
    assert sum(message.role == "assistant" for message in one.messages) == agentic("rounds").max_turns


def test_a_tool_call_in_broken_json_costs_a_turn(run: Run) -> None:
    def answer(messages: list[ChatMessage]) -> ModelOutput:
        output = ModelOutput.for_tool_call("mock", "check", {})
        assert output.message.tool_calls
        output.message.tool_calls[0].parse_error = "no JSON: {room:"
        return output

    log = run("agentic", answering(answer), family="rounds", condition="impossible", n=1, via="tools")
    [one] = log.samples or []
    assert (one.scores or {})["valid"].explanation == "no report"
    errors = [message.error for message in one.messages if message.role == "tool"]
    assert all(error is not None and "no JSON" in error.message for error in errors)
    assert errors
