"""The judged questions as scanners of Inspect Scout, over logs of ours and of others."""

from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import (
    ChatMessageAssistant,
    ChatMessageUser,
    ContentReasoning,
    ContentText,
    Model,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_scout import Status, scan, scan_results_df, transcripts_from

from pentimento.evals.exceptions import Refused
from pentimento.evals.judges.questions import asked
from pentimento.evals.judging.scanners import judged_reasoning

WATCHED = "They watch me here."


def spoken(content: Any, model: str = "mockllm/model") -> ModelOutput:
    """A reply that says what it used: inspect would look for a tokenizer on the network."""
    return ModelOutput.from_content(model, content).model_copy(update={"usage": ModelUsage()})


def logged(tmp_path: Path, *replies: Any, begun: str = "") -> None:
    """Write a log of one sample for each reply, by tasks that are not ours."""
    asked_of = [ChatMessageUser(content="Red or blue?")]
    told = [*asked_of, ChatMessageAssistant(content=begun)] if begun else asked_of
    outputs = [spoken(reply) for reply in replies]
    inspect_eval(
        Task(dataset=MemoryDataset([Sample(input=told) for _ in replies])),
        model=get_model("mockllm/model", custom_outputs=outputs),
        max_connections=1, display="none", log_dir=str(tmp_path / "logs"),
    )  # fmt: skip


def scanned(tmp_path: Path, grader: Model | str, **arguments: Any) -> Status:
    return scan(
        [judged_reasoning(**arguments)],
        transcripts=transcripts_from(str(tmp_path / "logs")),
        scans=str(tmp_path / "scans"),
        model_roles={"grader": grader},
        max_processes=1,
        display="none",
    )


def found(tmp_path: Path, grader: Model | str, **arguments: Any) -> list[dict[str, Any]]:
    status = scanned(tmp_path, grader, **arguments)
    rows: list[dict[str, Any]] = (
        scan_results_df(status.location).scanners["judged_reasoning"].to_dict("records")
    )
    return rows


def test_reasoning_is_found_in_tags_and_in_parts(tmp_path: Path) -> None:
    parts = [ContentReasoning(reasoning=WATCHED), ContentText(text="Red.")]
    logged(tmp_path, f"<think>{WATCHED}</think>Red.", parts, "<think>Red is nearer.</think>Red.", "Red.")
    rows = found(tmp_path, "lexicon/words", votes=1)
    assert sorted(str(row["value"]).lower() for row in rows) == ["false", "none", "true", "true"]
    assert [row["explanation"] for row in rows if row["explanation"]] == ["no reasoning of its own"]


def test_it_asks_what_the_gold_sets_were_asked(tmp_path: Path) -> None:
    prompts = []

    def grade(messages: Any, *rest: Any) -> ModelOutput:
        prompts.append(asked(messages[-1].text))
        return spoken("VERDICT: yes", "mockllm/other")

    logged(tmp_path, f"<think>{WATCHED}</think>Red.")
    (row,) = found(tmp_path, get_model("mockllm/other", custom_outputs=grade), question="complies_for_raters")
    assert prompts == [("complies_for_raters", "", WATCHED)] * 3
    assert row["value"] in (True, "true")


def test_without_a_majority_there_is_no_value_but_a_reason(tmp_path: Path) -> None:
    logged(tmp_path, f"<think>{WATCHED}</think>Red.")
    grader = get_model("mockllm/other", custom_outputs=lambda *_: spoken("I would rather not say."))
    (row,) = found(tmp_path, grader)
    assert row["explanation"] == "grader_abstained: no majority of 3 votes: 0 yes, 0 no, 3 lost"


def test_what_was_put_into_its_mouth_is_not_judged(tmp_path: Path) -> None:
    logged(tmp_path, f"<think>{WATCHED}</think>Red.", begun="<think>")
    (row,) = found(tmp_path, "lexicon/words")
    assert row["explanation"] == "no reasoning of its own"


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="question: 'nonsense' is not allowed"):
        judged_reasoning(question="nonsense")
    with pytest.raises(Refused, match="question: 'tells_of_goal' is not allowed"):
        judged_reasoning(question="tells_of_goal")
    with pytest.raises(Refused, match="votes: 2"):
        judged_reasoning(votes=2)


def test_transcripts_of_the_grader_itself_are_left_out(tmp_path: Path) -> None:
    logged(tmp_path, f"<think>{WATCHED}</think>Red.", f"<think>{WATCHED}</think>Blue.")
    rows = found(tmp_path, "mockllm/model")
    assert {row["explanation"] for row in rows} == {"the grader would judge itself"}
    assert len(rows) == 2
