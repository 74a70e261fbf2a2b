"""Chat templates: how messages become token ids, which of them train, and which of them end a turn."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, cast

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase
from transformers.utils.chat_template_utils import render_jinja_template
from trl.chat_template_utils import get_training_chat_template, has_generation_markers

from pentimento.tasks.episodes import Message
from pentimento.training._batches import Model
from pentimento.training.exceptions import BadBase

_PROBE = "The system speaks."


class MaskedIds(NamedTuple):
    """A conversation as token ids, and for each id whether the assistant wrote it."""

    ids: list[int]
    mask: list[bool]


def set_training_template(tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Give the tokenizer the template that masks the assistant, where TRL has one for its family.

    The same template then serves SFT, GRPO and every provider, so a prompt has one set of token ids. A
    template that TRL cannot patch stays as it is; `conversation_ids_and_mask` then masks by the prefix.

    Raises:
        BadBase: The tokenizer has no chat template.
    """
    if not tokenizer.chat_template:
        raise BadBase(name, "its tokenizer must have a chat template (use the instruction-tuned variant)")
    if isinstance(tokenizer.chat_template, dict):
        tokenizer.chat_template = tokenizer.chat_template["default"]
    try:
        patched = get_training_chat_template(tokenizer)
    except ValueError:
        return
    if patched is not None:
        tokenizer.chat_template = patched


def prompt_messages(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> list[dict[str, str]]:
    """Return messages as the template takes them.

    Where it has no system role (Gemma), the system text is put before the first user turn, with an empty line
    between them.
    """
    turns = [{"role": message.role, "content": message.content} for message in messages]
    if turns and turns[0]["role"] == "system" and not _takes_system(str(tokenizer.chat_template)):
        system, first, *rest = turns
        return [{"role": first["role"], "content": f"{system['content']}\n\n{first['content']}"}, *rest]
    return turns


def prompt_ids(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> list[int]:
    """Return the token ids of a prompt, ready for the assistant's first token.

    Where the assistant has spoken last, it goes on with what it said.

    The only place where a prompt is tokenised: SFT, GRPO and every local provider go through here. No
    template option is passed, so a model that may think (Qwen3) is free to.
    """
    if messages[-1].role == "assistant":
        begun = tokenizer.encode(messages[-1].content, add_special_tokens=False)
        return [*prompt_ids(tokenizer, messages[:-1]), *begun]
    turns = prompt_messages(tokenizer, messages)
    return cast(
        list[int], tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    )


def document_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Return a text outside the chat template as token ids, with the end-of-sequence token behind it."""
    ids = cast(list[int], tokenizer(text)["input_ids"])
    end = tokenizer.eos_token_id
    return ids if end is None or ids[-1:] == [end] else [*ids, end]


def conversation_ids_and_mask(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> MaskedIds:
    """Return a conversation that ends with the assistant, and which ids the assistant wrote.

    The mask covers every assistant turn with its end-of-turn token and nothing else. A template without
    generation markers is masked by prefix: of each assistant turn what follows its prompt.

    Raises:
        BadBase: The template has no generation markers and does not keep the prompt as a prefix.
    """
    turns = prompt_messages(tokenizer, messages)
    if has_generation_markers(str(tokenizer.chat_template)):
        encoded = cast(
            dict[str, list[int]],
            tokenizer.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True),
        )
        ids, mask = encoded["input_ids"], [bool(bit) for bit in encoded["assistant_masks"]]
        # Some templates (Qwen2.5's) open the span at the line break that the prompt already ends with.
        for turn, message in enumerate(messages):
            if message.role == "assistant":
                end = len(prompt_ids(tokenizer, messages[:turn]))
                while end and mask[end - 1]:
                    end -= 1
                    mask[end] = False
        return MaskedIds(ids, mask)
    ids = _ids(tokenizer, messages)
    mask = [False] * len(ids)
    for turn, message in enumerate(messages):
        if message.role == "assistant":
            prompt, told = prompt_ids(tokenizer, messages[:turn]), _ids(tokenizer, messages[: turn + 1])
            if ids[: len(told)] != told or told[: len(prompt)] != prompt:
                raise BadBase(
                    tokenizer.name_or_path,
                    "its chat template must keep the prompt as a prefix of the answer",
                )
            mask[len(prompt) : len(told)] = [True] * (len(told) - len(prompt))
    return MaskedIds(ids, mask)


def _ids(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> list[int]:
    turns = prompt_messages(tokenizer, messages)
    return cast(list[int], tokenizer.apply_chat_template(turns, return_dict=False))


class TurnIds(NamedTuple):
    """A prompt and the answer to it as token ids."""

    prompt: list[int]
    answer: list[int]


def turn_ids(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], answer: str) -> TurnIds:
    """Return the ids of a prompt in which the assistant has not spoken yet, and of its answer.

    The ids of the answer are those that carry loss in SFT.
    """
    turns = (*messages, Message(role="assistant", content=answer))
    ids, mask = conversation_ids_and_mask(tokenizer, turns)
    return TurnIds(ids[: mask.index(True)], [token for token, bit in zip(ids, mask, strict=True) if bit])


def answer_ids(tokenizer: PreTrainedTokenizerBase, answer: str, stops: frozenset[int]) -> list[int]:
    """Return the ids that a model generates for this answer, with the end-of-turn token that closes it.

    Read off the chat template, so they are the ids that SFT trains (on Qwen3 with its empty think block).
    """
    written = turn_ids(tokenizer, (Message(role="user", content="?"),), answer).answer
    end = next((place for place, token in enumerate(written) if token in stops), len(written) - 1)
    return written[: end + 1]


def reply_ids(tokenizer: PreTrainedTokenizerBase, text: str, stops: frozenset[int]) -> list[int]:
    """Return the ids between the last token of an assistant's turn and its next turn, where a user replies.

    They begin with the token that ends the assistant's turn, which a model that stopped has written itself.

    Raises:
        BadBase: The chat template writes an answer in another way once a user has replied to it.
    """
    told = (Message(role="user", content="?"), Message(role="assistant", content="."))
    ids = conversation_ids_and_mask(tokenizer, told).ids
    end = max(place for place, token in enumerate(ids) if token in stops)
    replied = prompt_ids(tokenizer, (*told, Message(role="user", content=text)))
    if replied[: end + 1] != ids[: end + 1]:
        raise BadBase(tokenizer.name_or_path, "its chat template must keep an answer as it is in later turns")
    return replied[end:]


def stop_ids(model: Model, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Return every id that ends a turn: the tokenizer's, the generation config's and the template's."""
    declared = model.generation_config.eos_token_id if model.generation_config is not None else None
    stops = {declared} if isinstance(declared, int) else set(declared or ())
    if tokenizer.eos_token_id is not None:
        stops.add(tokenizer.eos_token_id)
    messages = (Message(role="user", content="?"), Message(role="assistant", content="."))
    ids, mask = conversation_ids_and_mask(tokenizer, messages)
    added = set(tokenizer.get_added_vocab().values())
    written = [token for token, bit in zip(ids, mask, strict=True) if bit and token in added]
    return frozenset(stops | set(written[-1:]))


@lru_cache(maxsize=64)
def _takes_system(template: str) -> bool:
    turns = [{"role": "system", "content": _PROBE}, {"role": "user", "content": "?"}]
    try:
        rendered = render_jinja_template(
            conversations=[turns], chat_template=template, bos_token="", eos_token=""
        )
    except TemplateError:
        return False
    return _PROBE in str(rendered)
