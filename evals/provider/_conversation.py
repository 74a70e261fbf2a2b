"""inspect's messages, tools and settings as an organism takes them; the rest is refused in one line."""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    ContentReasoning,
    ContentText,
    GenerateConfig,
)
from inspect_ai.tool import ToolCall, ToolChoice, ToolInfo
from transformers import PreTrainedTokenizerBase
from trl.chat_template_utils import parse_response

from pentimento.tasks import Message
from pentimento.tasks.exceptions import BadInput
from pentimento.training.models._chat import named
from pentimento.training.models._template import know_calls
from pentimento.training.models.loaded import chat_ids
from pentimento.training.models.sampling import TEMPERATURE, TOP_K, TOP_P, check_sampling
from pentimento.training.models.steering import SteeringVector
from pentimento.training.recipes.stages import Checked

REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "frequency_penalty": "0, as this provider penalises nothing",
        "presence_penalty": "0, as this provider penalises nothing",
        "best_of": "none, or num_choices for several answers",
        "logit_bias": "none, as answers are the organism's own",
        "prompt_logprobs": "none; logprobs tells those of the answer",
        "response_schema": "none, as answers are the organism's own",
        "reasoning_effort": "none; extra_body reasoning=forced or suppressed steers it",
        "reasoning_tokens": "none; max_tokens holds reasoning and answer together",
        "reasoning_mode": "none",
        "reasoning_summary": "none, as reasoning is logged whole",
        "effort": "none",
        "verbosity": "none",
        "modalities": "text, which needs no such setting",
        "fallback_models": "none, as the organism alone is asked",
        "batch": "none; requests are batched anyway",
        "extra_headers": "none, as nothing is sent anywhere",
    }
)
"""Settings that would change answers, or pretend to, and that this provider does not have."""


MOST_TOP_LOGPROBS = 20
"""As many as inspect asks of any provider."""


def check_settings(config: GenerateConfig) -> None:
    """Refuse settings of `REFUSED`, but for values that change nothing, and values out of range.

    Raises:
        BadInput: With the setting.
    """
    for name, allowed in REFUSED.items():
        value = getattr(config, name)
        if value and not (name == "best_of" and value == 1):
            raise BadInput(name, value, allowed)
    if config.top_logprobs and not config.logprobs:
        raise BadInput("top_logprobs", config.top_logprobs, "beside logprobs=true")
    if not 0 <= (config.top_logprobs or 0) <= MOST_TOP_LOGPROBS:
        raise BadInput("top_logprobs", config.top_logprobs, f"from 0 to {MOST_TOP_LOGPROBS}")
    for name in ("max_tokens", "num_choices"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise BadInput(name, value, "1 or more")
    if "" in (config.stop_seqs or ()):
        raise BadInput("stop_seqs", config.stop_seqs, "texts of one character or more")
    given = {name: getattr(config, name) for name in ("temperature", "top_p", "top_k")}
    usual: dict[str, Any] = {"temperature": TEMPERATURE, "top_p": TOP_P, "top_k": TOP_K}
    check_sampling(**{name: usual[name] if value is None else value for name, value in given.items()})


class Steering(Checked):
    """What `extra_body` may hold."""

    reasoning: Literal["free", "forced", "suppressed"] = "free"
    repeat: int | None = None
    """A number that sets samples of the same words apart."""
    push: SteeringVector = SteeringVector()
    """What is added to activations."""


class Chat(NamedTuple):
    """A conversation with tools, as JSON: it is a key in memory."""

    turns: str
    """A list of messages as chat templates take them."""
    tools: str
    """A list of functions as chat templates take them."""

    def ids(self, tokenizer: PreTrainedTokenizerBase) -> list[int]:
        """Return the token ids of the prompt.

        Raises:
            BadInput: The chat template has no tools, or cannot write such a conversation.
        """
        return chat_ids(tokenizer, json.loads(self.turns), json.loads(self.tools))


Conversation = tuple[Message, ...] | Chat


def conversation(
    messages: Sequence[ChatMessage], tools: Sequence[ToolInfo], choice: ToolChoice
) -> Conversation:
    """Return a conversation as texts alone where it is one, else with its tools.

    Raises:
        BadInput: A message holds something else than text, or the model is told to call a tool.
    """
    if choice not in ("auto", "none"):
        raise BadInput("tool_choice", str(choice), "auto or none: nobody can make an organism call a tool")
    offered = [_function(tool) for tool in tools] if choice == "auto" else []
    calls = any(isinstance(one, ChatMessageTool) or getattr(one, "tool_calls", None) for one in messages)
    if not offered and not calls:
        return tuple(Message(role=one.role, content=plain_text(one)) for one in messages)
    turns = [_turn(message) for message in messages]
    return Chat(json.dumps(turns, sort_keys=True), json.dumps(offered, sort_keys=True))


def plain_text(message: ChatMessage) -> str:
    """Return a message's text; an assistant's reasoning stands before it in think tags.

    Raises:
        BadInput: It holds something else, such as an image, or text that is no Unicode.
    """
    parts = [ContentText(text=message.content)] if isinstance(message.content, str) else message.content
    for part in parts:
        if not isinstance(part, ContentText | ContentReasoning):
            raise BadInput("content", part.type, f"text, in a message of the {message.role}")
    text = "".join(part.text for part in parts if isinstance(part, ContentText | ContentReasoning))
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput(
            "content", text[error.start : error.end], "text that can be written as UTF-8"
        ) from error
    return text


def _turn(message: ChatMessage) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": plain_text(message)}
    if isinstance(message, ChatMessageTool):
        turn |= {"name": message.function, "tool_call_id": message.tool_call_id}
    if isinstance(message, ChatMessageAssistant) and message.tool_calls:
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    return turn


def _function(tool: ToolInfo) -> dict[str, Any]:
    parameters = tool.parameters.model_dump(mode="json", exclude_none=True)
    described = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": described}


class Reply(NamedTuple):
    """What a model said, and the tools that it calls."""

    text: str
    calls: tuple[ToolCall, ...]


def read_calls(
    tokenizer: PreTrainedTokenizerBase, prompt: Sequence[int], ids: Sequence[int], text: str, chat: Chat
) -> Reply:
    """Return what an answer to a conversation with tools calls, as the template writes calls.

    Args:
        tokenizer: With its chat template.
        prompt: Ids of the prompt.
        ids: Of the answer.
        text: Of the answer.
        chat: The conversation.

    Raises:
        BadInput: Nobody knows how this template writes calls.
    """
    if getattr(tokenizer, "response_template", None) is None and not know_calls(tokenizer):
        allowed = f"none: nobody knows how its {named(tokenizer)} writes calls"
        raise BadInput("tools", f"{len(json.loads(chat.tools))} functions", allowed)
    read = parse_response(tokenizer, list(ids), prefix=list(prompt), tools=json.loads(chat.tools) or None)
    calls = tuple(
        _call(number, one.get("function", {})) for number, one in enumerate(read.get("tool_calls") or ())
    )
    return Reply(str(read.get("content") or "") if calls else text, calls)


def _call(number: int, written: Mapping[str, Any]) -> ToolCall:
    given = written.get("arguments")
    problem = None if isinstance(given, dict) else f"its arguments are no object: {given!r}"
    arguments = given if isinstance(given, dict) else {}
    name = str(written.get("name", ""))
    return ToolCall(id=f"call_{number}", function=name, arguments=arguments, parse_error=problem)
