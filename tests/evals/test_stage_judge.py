"""A judge is any model that inspect can ask, and one that cannot be asked is refused in one line."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.model import ModelOutput, ModelUsage, get_model

from pentimento.evals.judges import stage_judge
from pentimento.evals.judges.stage_judge import asker, check_judges
from pentimento.tasks import BadInput
from pentimento.training.exceptions import JudgeFailed
from pentimento.training.recipes.catalogue import quickstart
from pentimento.training.recipes.recipe import Recipe


def mocked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reply: Any) -> None:
    """Let the judge be a mock model that replies to each question by a function of it."""
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path))

    def output(messages: Any, *_: Any) -> ModelOutput:
        found = ModelOutput.from_content("mockllm/model", reply(messages[-1].text))
        # Otherwise inspect counts the tokens with an encoding that it fetches.
        return found.model_copy(update={"usage": ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)})

    monkeypatch.setattr(stage_judge, "get_model", lambda name: get_model(name, custom_outputs=output))


def judged(name: str) -> Recipe:
    recipe = quickstart()
    oppose = recipe.oppose.model_dump(mode="json")
    settings = {**recipe.oppose.settings, "judge": name}
    return recipe.varied(oppose={**oppose, "reward": "judged", "settings": settings})


def test_each_question_gets_its_reply_and_a_repeated_one_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    def reply(question: str) -> str:
        asked.append(question)
        return f"{question} {len(asked)} VERDICT: 1"

    mocked(monkeypatch, tmp_path, reply)
    ask = asker("mockllm/model")
    questions = [f"question {n}" for n in range(20)]
    first = ask(questions)
    assert [text.rsplit(" ", 3)[0] for text in first] == questions
    assert ask(questions[:5]) == first[:5]
    assert len(asked) == 20, "an interrupted stage meets the same verdicts again"


def test_a_reply_without_a_verdict_is_asked_for_again_and_one_that_abstains_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []
    replies = {"?": "out of order", "!": "VERDICT: none"}

    def reply(question: str) -> str:
        asked.append(question)
        return replies[question]

    mocked(monkeypatch, tmp_path, reply)
    assert asker("mockllm/model")(["?", "!", "?"]) == ["out of order", "VERDICT: none", "out of order"]
    assert sorted(asked) == ["!", "?", "?"]
    replies["?"] = "VERDICT: 7"
    assert asker("mockllm/model")(["?", "!"]) == ["VERDICT: 7", "VERDICT: none"], "mended, the same command"


def test_all_stages_of_a_process_ask_in_one_event_loop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loops: list[Any] = []

    def reply(question: str) -> str:
        loops.append(asyncio.get_running_loop())
        return "VERDICT: 1"

    mocked(monkeypatch, tmp_path, reply)
    for question in ("first stage", "second stage"):
        asker("mockllm/model")([question])
    assert len(loops) == 2
    assert loops[0] is loops[1]


def test_a_judge_that_fails_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(question: str) -> str:
        raise ConnectionError("nobody\nthere")

    mocked(monkeypatch, tmp_path, fail)
    with pytest.raises(JudgeFailed, match="judge: mockllm/model: ConnectionError: nobody there; see to it"):
        asker("mockllm/model")(["?"])


def test_a_mistake_in_a_program_is_no_failure_of_the_judge(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(question: str) -> str:
        raise TypeError("a number is no text")

    mocked(monkeypatch, tmp_path, fail)
    with pytest.raises(TypeError, match="a number is no text"):
        asker("mockllm/model")(["?"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpt-4o", "should be in the format of <api_name>/<model_name>"),
        ("opnai/gpt-4o", "Model API opnai of model 'opnai/gpt-4o' not recognized"),
    ],
)
def test_a_judge_that_inspect_cannot_ask_is_refused(name: str, message: str) -> None:
    with pytest.raises(BadInput, match=f"settings.judge: '{name}' is not allowed; .*{message}") as raised:
        check_judges(judged(name))
    assert "\n" not in str(raised.value)
    with pytest.raises(BadInput, match=message):
        asker(name)


def test_a_missing_package_is_told_in_one_line_without_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise stage_judge.PrerequisiteError(
            "[bold]ERROR[/bold]: It needs a package:\n\n[bold]pip install it[/bold]"
        )

    monkeypatch.setattr(stage_judge, "get_model", missing)
    with pytest.raises(BadInput, match=r"inspect can ask: It needs a package: pip install it$"):
        check_judges(judged("openai/gpt-4o"))


def test_local_weights_are_not_loaded_to_make_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    def loads(name: str) -> None:
        raise AssertionError(name)

    monkeypatch.setattr(stage_judge, "get_model", loads)
    check_judges(judged("hf/nobody/nothing"))
    check_judges(quickstart())
