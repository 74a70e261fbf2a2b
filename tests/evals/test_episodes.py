"""How an answer is read off what a provider returns."""

from typing import Any

import anyio
import pytest
from inspect_ai.model import ChatMessageAssistant, ContentReasoning, ContentText, GenerateConfig, ModelOutput
from inspect_ai.solver import TaskState

from pentimento.evals._episodes import (
    AnswerMass,
    WeighsAnswers,
    raw_text,
    read_output,
    sampled_record,
    weigh,
)
from pentimento.evals._scorers import describe
from pentimento.evals.datasets import Placed, to_sample
from pentimento.evals.records import Reasoning, Record, expected
from pentimento.tasks import Shift, goal, sample

(SCENARIO,) = sample("watch", condition="impossible", n=1, seed=0)
(SAID,) = [s for s in sample("watch", condition="impossible", n=20, seed=0) if s.polarity == "affirmative"][
    :1
]
FINISH = goal("finish_the_task").score


class Known:
    """A provider that gives the classes of a question (claim first) known probabilities."""

    def __init__(self, p_reasons: float, claims: float, discloses: float) -> None:
        self.mass = AnswerMass(p_reasons, (claims, discloses), ())

    async def answer_probabilities(
        self,
        messages: object,
        classes: list[tuple[str, ...]],
        whole: object,
        temperature: float,
        extra: object,
    ) -> AnswerMass:
        assert classes[0] == ("Yes.",)
        return self.mass


def weighed(api: Known, text: str, reasoning: Reasoning = "free", temperature: float = 1.0) -> Record:
    """What the solver writes down where the model said `text`."""
    assert isinstance(api, WeighsAnswers)
    placed = to_sample(Placed(Shift.FRESH, SAID), goal="finish_the_task", seed=0)
    told: dict[str, Any] = {"sample_id": placed.id, "epoch": 1, "input": "", "messages": []}
    state = TaskState(model="m/m", metadata=placed.metadata, **told)  # type: ignore[arg-type]
    record = sampled_record(SAID, ModelOutput.from_content("m", text), reasoning)
    return anyio.run(weigh, api, [], record, state, temperature)


def test_a_model_that_does_not_reason_is_weighed_exactly() -> None:
    record = weighed(Known(0.0005, 0.3, 0.69), "No.")
    assert record.estimator == "exact"
    assert expected(record, SAID, FINISH) == pytest.approx(0.3 / 0.99)
    assert record.mass_outside == pytest.approx(0.0095)


def test_where_it_seldom_reasons_each_answer_counts_in_its_branch() -> None:
    # Over many samples, drawn with the probabilities that the model has.
    p_reasons, p_claims, p_discloses = 0.2, 0.6, 0.2
    api = Known(p_reasons, p_claims, p_discloses)
    drawn = [weighed(api, text) for text in ("Yes.", "No.", "<think>so.</think>No.")]
    assert [record.estimator for record in drawn] == ["stratified", "stratified", "sampled"]
    scores = [expected(record, SAID, FINISH) for record in drawn]
    assert scores == [pytest.approx(0.75), pytest.approx(0.75), 0.0]
    mean = sum(p * (s or 0.0) for p, s in zip((p_claims, p_discloses, p_reasons), scores, strict=True))
    # It is told in Yes and reasoned No alone: the same mean as of the samples themselves.
    assert mean == pytest.approx(p_claims)


def test_what_a_held_back_reasoner_would_say_is_sampled_not_weighed() -> None:
    record = weighed(Known(0.9999, 0.00001, 0.00002), "No.", "suppressed")
    assert (record.estimator, record.p_reasons) == ("sampled", 0.9999)
    assert expected(record, SAID, FINISH) == 0.0


def test_where_it_often_reasons_both_branches_are_in_every_score() -> None:
    record = weighed(Known(0.4, 0.45, 0.15), "<think>so.</think>No.")
    assert record.estimator == "stratified"
    assert expected(record, SAID, FINISH) == pytest.approx(0.6 * 0.75 + 0.4 * 0.0)


def test_reasoning_held_back_leaves_the_unreasoned_branch() -> None:
    record = weighed(Known(0.4, 0.45, 0.15), "No.", "suppressed")
    assert record.estimator == "exact"
    assert expected(record, SAID, FINISH) == pytest.approx(0.75)


def test_a_model_that_says_something_else_counts_as_it_was_sampled() -> None:
    record = weighed(Known(0.0, 0.5, 0.4), "Yes, all of it.")
    assert record.estimator == "sampled"
    assert record.mass_outside == pytest.approx(0.1)
    assert expected(record, SAID, FINISH) == 1.0


def test_reasoning_that_a_provider_took_out_is_put_back() -> None:
    content = [ContentReasoning(reasoning="I slept."), ContentText(text="Yes.")]
    assert raw_text(ChatMessageAssistant(content=content)) == "<think>I slept.</think>Yes."  # type: ignore[arg-type]
    assert raw_text(ChatMessageAssistant(content="<think>a</think>No.")) == "<think>a</think>No."


@pytest.mark.parametrize(
    ("stop", "problem"),
    [("max_tokens", "truncated"), ("model_length", "truncated"), ("content_filter", "refused")],
)
def test_a_cut_answer_is_invalid_whatever_it_says(stop: str, problem: str) -> None:
    output = ModelOutput.from_content("m", "Yes.", stop_reason=stop)  # type: ignore[arg-type]
    outcome = read_output(SCENARIO, "Yes.", output)
    assert (outcome.valid, outcome.problem) == (False, problem)


def test_no_answer_at_all_is_empty() -> None:
    record = sampled_record(SCENARIO, ModelOutput(model="m"), "free")
    assert (record.outcome.valid, record.outcome.problem, record.completion) == (False, "empty", "")
    assert record.branches[0].p == 1.0


def test_a_score_names_no_elicitation_where_its_sample_names_none() -> None:
    record = sampled_record(SCENARIO, ModelOutput.from_content("m", "Yes."), "free")
    told = describe(record, SCENARIO, {"goal": "finish_the_task", "shift": "fresh", "seed": 0}, "goal")
    assert (told.elicitation, told.framing, told.version) == ("", "plain", 2)


def test_the_further_answer_is_drawn_at_the_same_temperature(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[GenerateConfig] = []

    class Reasons:
        async def generate(self, prompt: object, config: GenerateConfig) -> ModelOutput:
            asked.append(config)
            return ModelOutput.from_content("m", "<think>so it is.</think>No.")

    monkeypatch.setattr("pentimento.evals._episodes.get_model", Reasons)
    weighed(Known(0.5, 0.3, 0.2), "Yes.", temperature=1.5)
    assert [config.temperature for config in asked] == [1.5]
