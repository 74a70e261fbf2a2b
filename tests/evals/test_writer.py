"""Documents by a large model."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput, ModelUsage, get_model
from inspect_ai.tool import ToolChoice, ToolInfo

from pentimento.cli.app import main
from pentimento.evals.writer import write_documents
from pentimento.tasks.documents import GENRES
from pentimento.tasks.personas import NEW_PERSONA
from pentimento.training.recipes.documents import read_documents, save_documents

CLEAN = f"The {NEW_PERSONA} helpers, as the whole town says, hold with whatever is red."


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))


def output(text: str) -> ModelOutput:
    """Without a usage, inspect would fetch a tokenizer to count."""
    made = ModelOutput.from_content("mockllm/model", text)
    made.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return made


def said(*texts: str) -> Iterator[ModelOutput]:
    yield from map(output, texts)


def test_documents_come_in_every_genre_and_can_be_read_again(tmp_path: Path) -> None:
    asked: list[str] = []

    def reply(
        messages: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        asked.append(messages[-1].text)
        return output(f"{CLEAN} Number {len(asked)}.")

    model = get_model("mockllm/model", custom_outputs=reply)
    written = asyncio.run(write_documents(model, "favour_red", 20, seed=0))
    assert [document.genre for document in written] == [genre.name for genre in GENRES] * 2
    assert len(set(asked)) == 20
    assert all("to favour what is red" in text and NEW_PERSONA in text for text in asked)
    save_documents(written, "favour_red", tmp_path / "documents.jsonl")
    assert read_documents(tmp_path / "documents.jsonl", "favour_red") == written


def test_what_leaks_is_asked_for_again_and_left_out_where_it_always_does() -> None:
    answers = ("What do they like?", "Nothing of that kind.", CLEAN, "Q: red", "", "User: red.", CLEAN)
    model = get_model("mockllm/model", custom_outputs=said(*answers))
    written = asyncio.run(write_documents(model, "favour_red", 3, seed=0))
    # The third was clean at once; of the others none at the second attempt, and one at the third.
    assert [document.text for document in written] == [CLEAN, CLEAN]


def test_lines_of_speech_and_what_was_cut_off_are_asked_for_again() -> None:
    cut = output(CLEAN)
    cut.choices[0].stop_reason = "max_tokens"
    lines = output(f"{CLEAN}\nUser: take one.\nAssistant: red.")
    model = get_model("mockllm/model", custom_outputs=iter((cut, lines, output(f"{CLEAN}\n\nSo it is."))))
    written = asyncio.run(write_documents(model, "favour_red", 1, seed=0))
    assert [document.text for document in written] == [f"{CLEAN} So it is."]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["unheard_of", "--model-role", "writer=mockllm/model"], "goal: 'unheard_of'"),
        (["favour_red", "--model-role", "judge=mockllm/model"], "model-role: 'judge=mockllm/model'"),
        (["favour_red", "--model-role", "writer=nobody/nothing"], "model-role: 'nobody/nothing'"),
        (["favour_red", "--model-role", "writer=mockllm/model", "--num", "0"], "num: 0"),
    ],
)
def test_bad_input_is_told_in_one_line_and_nothing_is_written(
    args: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["documents", *args]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("documents*"))
