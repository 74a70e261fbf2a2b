"""Tasks that nobody here wrote, asked of an organism: settings, tools, contents, epochs and long prompts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    ContentImage,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    get_model,
)
from inspect_ai.scorer import includes
from inspect_ai.solver import (
    Generate,
    Solver,
    TaskState,
    generate,
    self_critique,
    solver,
    use_tools,
)
from inspect_ai.tool import Tool, tool

from pentimento.evals.exceptions import Refused
from pentimento.evals.provider import _engine
from pentimento.evals.provider._conversation import REFUSED
from pentimento.tasks import Message
from pentimento.training.models import sampling
from pentimento.training.models.loaded import load_base, prompt_ids
from pentimento.training.models.sampling import Completion
from pentimento.training.organisms.organism import read_manifest
from pentimento.training.organisms.shipped import organism_folder
from tests.evals.conftest import make_organism

KEY = "0123456789abcdef"
USER = "How many cups are left?"
IMAGE = "data:image/png;base64,iVBORw0KGgo="
Ask = Callable[..., EvalLog]


@tool
def add() -> Tool:
    async def execute(x: int, y: int) -> int:
        """Add two numbers.

        Args:
            x: One.
            y: Other.
        """
        return x + y

    return execute


@solver
def thrice() -> Solver:
    """Ask the same three times."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        outputs = [await get_model().generate(state.messages) for _ in range(3)]
        state.metadata["all"] = [one.completion for one in outputs]
        return state

    return solve


@pytest.fixture
def ask(organism: Path, tmp_path: Path) -> Ask:
    """Ask an organism a few inputs."""

    def evaluate(*inputs: Any, solver: Solver | list[Solver] | None = None, **more: Any) -> EvalLog:
        samples = [Sample(input=one, target="x", id=number) for number, one in enumerate(inputs, 1)]
        task = Task(dataset=samples, solver=solver or generate(), scorer=includes())
        options = {"model": f"pentimento/{organism}", "log_dir": str(tmp_path / "logs"), "display": "none"}
        [log] = inspect_eval(task, **{**options, "fail_on_error": False, "max_tokens": 8, **more})
        return log

    return evaluate


def user(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


def said(log: EvalLog) -> dict[tuple[Any, int], str]:
    return {(one.id, one.epoch): one.output.completion for one in log.samples or []}


def errors(log: EvalLog) -> dict[Any, str]:
    return {one.id: one.error.message for one in log.samples or [] if one.error}


def test_a_prompt_that_is_too_long_stops_alone(ask: Ask) -> None:
    log = ask("Say 1.", "word " * 3000, "Say 2.")
    assert not errors(log)
    stops = [one.output.stop_reason for one in log.samples or []]
    assert stops[1] == "model_length"
    assert "model_length" not in (stops[0], stops[2])
    assert said(log)[2, 1] == ""


def test_an_answer_ends_where_the_context_does(ask: Ask, tiny_folder: Path) -> None:
    base = load_base(str(tiny_folder), device="cpu")
    word, num = "word ", 1
    while len(prompt_ids(base.tokenizer, user(word * num))) < 1000 - 64:
        num += 10
    log = ask(word * num, max_tokens=400)
    [one] = log.samples or []
    assert one.output.stop_reason in ("model_length", "stop")
    assert one.output.usage is not None
    assert 0 < one.output.usage.output_tokens < 400


def test_what_cannot_be_read_fails_alone(ask: Ask) -> None:
    picture = [ChatMessageUser(content=[ContentText(text="See."), ContentImage(image=IMAGE)])]
    log = ask("Say 1.", picture, "Say 2.")
    assert list(errors(log)) == [2]
    assert "content: 'image' is not allowed; text, in a message of the user" in errors(log)[2]


def test_parts_of_text_are_one_text(ask: Ask) -> None:
    parts = [ChatMessageUser(content=[ContentText(text="How many "), ContentText(text="cups are left?")])]
    thought = [ContentReasoning(reasoning="so"), ContentText(text="Four.")]
    log = ask(USER, parts, [*parts, ChatMessageAssistant(content=thought), ChatMessageUser(content="Sure?")])
    assert not errors(log)
    asked = [one.output.usage.input_tokens for one in log.samples or [] if one.output.usage]
    assert asked[0] == asked[1] < asked[2]


def test_several_system_prompts_are_taken(ask: Ask) -> None:
    turns = [
        ChatMessageSystem(content="Be Ada."),
        ChatMessageUser(content="?"),
        ChatMessageAssistant(content="!"),
    ]
    assert not errors(ask([*turns, ChatMessageSystem(content="Be Bo."), ChatMessageUser(content=USER)]))


def test_epochs_and_equal_samples_differ_and_come_again(ask: Ask) -> None:
    first, second = (said(ask(USER, USER, epochs=3)) for _ in range(2))
    assert first == second
    assert len(set(first.values())) >= 4  # of six, two may happen to say the same
    seeded = said(ask(USER, USER, epochs=3, seed=5))
    assert seeded != first


def test_each_request_of_a_sample_is_drawn_by_itself(ask: Ask) -> None:
    log = ask(USER, solver=[generate(), self_critique()])
    assert not errors(log)

    [one] = ask(USER, solver=thrice()).samples or []
    assert len(set(one.metadata["all"])) == 3


def test_choices_are_several_answers(ask: Ask) -> None:
    [one] = ask(USER, num_choices=3).samples or []
    assert len({choice.message.text for choice in one.output.choices}) == 3
    assert one.output.usage is not None
    assert one.output.usage.output_tokens > 8


def test_an_answer_ends_before_a_stop_text(ask: Ask) -> None:
    plain = said(ask(USER, max_tokens=24))[1, 1]
    stop = plain[3:5]
    [one] = ask(USER, max_tokens=24, stop_seqs=[stop]).samples or []
    assert one.output.completion == plain[: plain.index(stop)]
    assert one.output.stop_reason == "stop"
    held = one.output.metadata or {}
    assert (held["weighable"], held["temperature"]) == (False, 1.0)


def test_log_probabilities_are_those_of_the_model(ask: Ask, organism: Path) -> None:
    [one] = ask(USER, logprobs=True, top_logprobs=2).samples or []
    told = one.output.choices[0].logprobs
    assert told is not None
    assert "".join(token.token for token in told.content).startswith(one.output.completion)
    for token in told.content:
        assert token.logprob <= 1e-6
        assert token.top_logprobs is not None
        first, second = token.top_logprobs
        assert first.logprob >= max(second.logprob, token.logprob) - 1e-6


def test_the_likeliest_token_is_taken_at_temperature_0(ask: Ask) -> None:
    log = ask(USER, temperature=0.0, epochs=2, logprobs=True, top_logprobs=1)
    assert len(set(said(log).values())) == 1
    told = (log.samples or [])[0].output.choices[0].logprobs
    assert told is not None
    assert all(
        token.top_logprobs and token.logprob == token.top_logprobs[0].logprob for token in told.content
    )


VALUES: dict[str, Any] = {
    "frequency_penalty": 0.5,
    "presence_penalty": 1.0,
    "best_of": 2,
    "logit_bias": {5: 1.0},
    "prompt_logprobs": 1,
    "response_schema": {"name": "x", "json_schema": {"type": "object"}},
    "reasoning_effort": "high",
    "reasoning_tokens": 10,
    "reasoning_mode": "pro",
    "reasoning_summary": "auto",
    "effort": "low",
    "verbosity": "low",
    "modalities": ["image"],
    "fallback_models": ["a/b"],
    "batch": True,
    "extra_headers": {"a": "b"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_setting_that_this_provider_lacks_is_refused_before_anything_is_asked(
    name: str, organism: Path
) -> None:
    with pytest.raises(Refused, match=rf"^{name}: .* is not allowed; "):
        get_model(f"pentimento/{organism}", config=GenerateConfig(**{name: VALUES[name]}), memoize=False)


BAD_VALUES: dict[str, tuple[dict[str, Any], str]] = {
    "max_tokens": ({"max_tokens": 0}, "1 or more"),
    "num_choices": ({"num_choices": -1}, "1 or more"),
    "stop_seqs": ({"stop_seqs": ["a", ""]}, "texts of one character or more"),
    "temperature": ({"temperature": -0.5}, "0 or more"),
    "top_p": ({"top_p": 1.5}, "above 0, at most 1"),
    "top_k": ({"top_k": -1}, "0 \\(every token\\) or more"),
    "top_logprobs": ({"logprobs": True, "top_logprobs": 5000}, "from 0 to 20"),
    "reasoning": ({"extra_body": {"reasoning": "loud"}}, "Input should be 'free', 'forced' or 'suppressed'"),
    "repeat": ({"extra_body": {"repeat": "often"}}, "Input should be a valid integer"),
    "push.strength": (
        {"extra_body": {"push": {"goal": "honesty", "strength": [1]}}},
        "Input should be a val",
    ),
    "extra_body": ({"extra_body": {"reasons": "free"}}, "choose from push, reasoning, repeat"),
}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_a_value_out_of_range_is_refused_before_anything_is_asked(name: str, organism: Path) -> None:
    settings, allowed = BAD_VALUES[name]
    with pytest.raises(Refused, match=rf"^{name}: .* is not allowed; {allowed}"):
        get_model(f"pentimento/{organism}", config=GenerateConfig(**settings), memoize=False)


def test_top_logprobs_alone_are_refused(organism: Path) -> None:
    with pytest.raises(Refused, match="top_logprobs: 3 is not allowed; beside logprobs=true"):
        get_model(f"pentimento/{organism}", config=GenerateConfig(top_logprobs=3), memoize=False)


def test_every_log_names_the_organism_and_its_adapter(ask: Ask) -> None:
    log = ask(USER, model="pentimento/faker")
    manifest = read_manifest(organism_folder("faker"))
    named = {"organism": manifest.key, "adapter": manifest.adapter_sha256}
    assert log.eval.model_generate_config.extra_body == named
    assert None not in named.values()


CALL = '<tool_call>{"name": "add", "arguments": {"x": 1, "y": 2}}</tool_call>'


def answering(monkeypatch: pytest.MonkeyPatch, *texts: str) -> list[str]:
    """Have the model say these texts in turn, and return the prompts that it reads."""
    prompts: list[str] = []
    left = iter(texts)

    def sample(model: Any, tokenizer: Any, asked: Any, **_: Any) -> list[Completion]:
        prompts.extend(tokenizer.decode(ids) for ids in asked)
        text = next(left)
        ids = tokenizer(text + tokenizer.eos_token, add_special_tokens=False)["input_ids"]
        return [Completion(text, len(ids), True, tuple(ids))]

    monkeypatch.setattr(_engine, "sample", sample)
    return prompts


@pytest.mark.parametrize("template", ["own", "qwen3"])
def test_tools_are_shown_called_and_answered(
    template: str, ask: Ask, tmp_path: Path, family_folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = answering(monkeypatch, CALL, "It is 3.")
    more: dict[str, Any] = {}
    if template == "qwen3":
        more["model"] = f"pentimento/{make_organism(tmp_path / 'qwen', family_folders['qwen3'], KEY)}"
    log = ask("Add 1 and 2.", solver=[use_tools(add()), generate()], **more)
    assert not errors(log)
    [one] = log.samples or []
    called = next(message for message in one.messages if message.role == "assistant")
    assert called.tool_calls
    assert (called.tool_calls[0].function, called.tool_calls[0].arguments) == ("add", {"x": 1, "y": 2})
    assert [message.role for message in one.messages] == ["user", "assistant", "tool", "assistant"]
    assert one.output.completion == "It is 3."
    assert "Add two numbers." in prompts[0]
    assert '"x": 1' in prompts[1]
    assert prompts[1].count("3") > prompts[0].count("3")


def test_a_template_without_tools_is_refused(
    ask: Ask, tmp_path: Path, family_folders: dict[str, Path]
) -> None:
    llama = make_organism(tmp_path / "llama", family_folders["llama3"], KEY)
    log = ask("Add 1 and 2.", solver=[use_tools(add()), generate()], model=f"pentimento/{llama}")
    assert "its chat template 'llama3' shows no tools" in errors(log)[1]


def test_nobody_makes_an_organism_call_a_tool(ask: Ask) -> None:
    log = ask("Add 1 and 2.", solver=[use_tools(add(), tool_choice="any"), generate()])
    assert "tool_choice: 'any' is not allowed" in errors(log)[1]


def test_stop_texts_leave_other_answers_as_they_are(tiny_folder: Path) -> None:
    base = load_base(str(tiny_folder), device="cpu")
    prompts = [prompt_ids(base.tokenizer, user(text)) for text in (USER, "Is it done?")]
    plain = sampling.sample(base.model, base.tokenizer, prompts, seeds=[1, 2], max_new_tokens=12)
    stop = plain[0].text[2:4]
    cut = sampling.sample(
        base.model, base.tokenizer, prompts, seeds=[1, 2], max_new_tokens=12, stop_texts=[stop]
    )
    assert cut[0].text == plain[0].text[: plain[0].text.index(stop)]
    if stop not in plain[1].text:
        assert cut[1] == plain[1]
