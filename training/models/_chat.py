"""Chat templates: how messages become token ids, which of them train, and which of them end a turn."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

from transformers import PreTrainedTokenizerBase

from pentimento.tasks.episodes import Message
from pentimento.tasks.exceptions import BadInput
from pentimento.tasks.parsing import THINK_OPEN
from pentimento.training.exceptions import BadBase
from pentimento.training.models._batches import Model
from pentimento.training.models._template import (
    TAGS,
    Unserved,
    num_shared,
    set_template,
    takes_system,
    template_name,
    turn_format,
)

_ASKED = Message(role="user", content="?")
_END_TOKENS = 8
"""Of a prompt: as many last tokens hold a tag that opens a block of reasoning."""


class MaskedIds(NamedTuple):
    """A conversation as token ids, and for each id whether the assistant wrote it."""

    ids: list[int]
    mask: list[bool]


def set_training_template(tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Give the tokenizer the template that SFT, GRPO and every provider use, so a prompt has one set of ids.

    Raises:
        BadBase: It has no chat template, or none in which an answer can stand.
    """
    try:
        set_template(tokenizer)
        _known(tokenizer)
    except Unserved as error:
        differs = _difference(tokenizer, _plain(tokenizer, error.wanted), _plain(tokenizer, error.rendered))
        raise BadBase(name, f"its {named(tokenizer)} {error}{differs}") from error


def named(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return what a message calls a tokenizer's chat template."""
    return template_name(tokenizer) if isinstance(tokenizer.chat_template, str) else "tokenizer"


def prompt_messages(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> list[dict[str, str]]:
    """Return messages as the template takes them.

    Where it has no system role (Gemma), the system text is put before the first user turn, with an empty line
    between them.
    """
    turns = [{"role": message.role, "content": message.content} for message in messages]
    if len(turns) > 1 and turns[0]["role"] == "system" and not takes_system(tokenizer):
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
        begun = _written(tokenizer, turn_format(tokenizer).body(messages[-1].content))
        return [*prompt_ids(tokenizer, messages[:-1]), *begun]
    turns = prompt_messages(tokenizer, messages)
    try:
        ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    except Exception as error:  # a template is a program of its own, and raises what it likes
        roles = ", ".join(turn["role"] for turn in turns)
        raise BadInput("messages", roles, f"what its {named(tokenizer)} can write: {error}") from error
    return cast(list[int], ids)


def chat_ids(
    tokenizer: PreTrainedTokenizerBase, turns: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
) -> list[int]:
    """Return the token ids of a prompt with tools, or with calls of tools, ready for the assistant.

    Args:
        tokenizer: With its chat template.
        turns: Messages as the template takes them.
        tools: Functions as it takes them; none where calls are only looked back on.

    Raises:
        BadInput: The template shows no tools, or cannot write such a conversation.
    """
    try:
        ids: Any = tokenizer.apply_chat_template(
            [dict(turn) for turn in turns], tools=[dict(one) for one in tools] or None,
            add_generation_prompt=True, return_dict=False,
        )  # fmt: skip
    except Exception as error:
        problem = " ".join(str(error).split())
        raise BadInput(
            "messages", turns[-1]["role"], f"what its {named(tokenizer)} can write: {problem}"
        ) from error
    text = str(tokenizer.decode(ids))
    hidden = next((one["function"]["name"] for one in tools if one["function"]["name"] not in text), None)
    if hidden is not None:
        raise BadInput("tools", hidden, f"none: its {named(tokenizer)} shows no tools")
    return cast(list[int], ids)


def document_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Return a text outside the chat template as token ids, with the end-of-sequence token behind it."""
    ids = cast(list[int], tokenizer(text)["input_ids"])
    end = tokenizer.eos_token_id
    return ids if end is None or ids[-1:] == [end] else [*ids, end]


def conversation_ids_and_mask(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> MaskedIds:
    """Return a conversation that ends with the assistant, and which ids the assistant wrote.

    The mask covers every assistant turn with the token that ends it and nothing else. Each turn follows its
    prompt as a sampled answer would.

    Raises:
        Unserved: The template writes an earlier turn in another way once others follow.
    """
    ids: list[int] = []
    mask: list[bool] = []
    for turn, message in enumerate(messages):
        if message.role != "assistant":
            continue
        prompt = prompt_ids(tokenizer, messages[:turn])
        check_kept(tokenizer, ids, prompt, "an answer that others follow")
        answer = _answer(tokenizer, message.content)
        mask += [False] * (len(prompt) - len(ids)) + [True] * len(answer)
        ids = [*prompt, *answer]
    rest = _known(tokenizer).rest
    return MaskedIds([*ids, *rest], mask + [False] * len(rest))


def check_kept(
    tokenizer: PreTrainedTokenizerBase, begun: Sequence[int], whole: Sequence[int], what: str
) -> None:
    """Refuse a template under which ids do not begin a longer conversation.

    Args:
        tokenizer: Whose template it is.
        begun: The ids that should come first.
        whole: Of the conversation.
        what: That the template changes, for the message.

    Raises:
        Unserved: With the first token that differs.
    """
    if list(whole[: len(begun)]) == list(begun):
        return
    raise Unserved(f"does not keep {what}{_difference(tokenizer, begun, whole)}")


def _difference(tokenizer: PreTrainedTokenizerBase, wanted: Sequence[int], rendered: Sequence[int]) -> str:
    """Return, for a message, the first token in which two sequences part; nothing where none is given."""
    if not wanted:
        return ""
    shared = num_shared(wanted, rendered)
    ours, theirs = (tokenizer.decode(list(ids[shared : shared + 1])) for ids in (wanted, rendered))
    return f": token {shared} is {theirs!r} instead of {ours!r}"


def rendered_ids(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> list[int]:
    """Return a conversation's ids as the template itself writes them, whatever that leaves out."""
    turns = prompt_messages(tokenizer, messages)
    return cast(list[int], tokenizer.apply_chat_template(turns, return_dict=False))


class TurnIds(NamedTuple):
    """A prompt and the answer to it as token ids."""

    prompt: list[int]
    answer: list[int]


def turn_ids(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], answer: str) -> TurnIds:
    """Return the ids of a prompt, and of the answer to it with the token that ends its turn.

    The ids of the answer are those that carry loss in SFT.
    """
    return TurnIds(prompt_ids(tokenizer, messages), _answer(tokenizer, answer))


def answer_ids(tokenizer: PreTrainedTokenizerBase, answer: str, stops: frozenset[int]) -> list[int]:
    """Return the ids that a model generates for this answer, with the first of `stops` that closes it.

    They are the ids that SFT trains: on Qwen3 with its empty think block, on DeepSeek-R1, whose prompt opens
    the block, with what closes it.
    """
    written = _answer(tokenizer, answer)
    end = next((place for place, token in enumerate(written) if token in stops), len(written) - 1)
    return written[: end + 1]


def written_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Return the ids of a text that follows a prompt as it stands, such as `TurnFormat.silence`."""
    return _written(tokenizer, text) if text else []


def reply_ids(tokenizer: PreTrainedTokenizerBase, text: str, stops: frozenset[int]) -> list[int]:
    """Return the ids between the last token of an assistant's turn and its next turn, where a user replies.

    They begin with the token that ends the assistant's turn, which a model that stopped has written itself.

    Raises:
        Unserved: The chat template writes an answer in another way once a user has replied to it.
    """
    line = (_ASKED, Message(role="assistant", content="."))
    prompt, answer = turn_ids(tokenizer, line[:1], ".")
    replied = prompt_ids(tokenizer, (*line, Message(role="user", content=text)))
    check_kept(tokenizer, [*prompt, *answer], replied, "an answer that others follow")
    return replied[len(prompt) + len(answer) - 1 :]


def stop_ids(model: Model, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Return every id that ends a turn: the tokenizer's, the generation config's and the template's."""
    declared = model.generation_config.eos_token_id if model.generation_config is not None else None
    stops = {declared} if isinstance(declared, int) else set(declared or ())
    # Some configurations name an end of -1, or one that the vocabulary has not.
    stops = {stop for stop in stops if 0 <= stop < len(tokenizer)}
    if tokenizer.eos_token_id is not None:
        stops.add(tokenizer.eos_token_id)
    return frozenset(stops | set(_known(tokenizer).ends[-1:]))


def decoded(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """Return the text of what a model wrote, without special tokens but with the tags of `TAGS`.

    Some tokenizers count tags of reasoning as special, and decoding would drop them and keep the reasoning.
    """
    dropped = _known(tokenizer).dropped
    kept = [token for token in ids if token not in dropped]
    return str(tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def opening(tokenizer: PreTrainedTokenizerBase, prompt: Sequence[int]) -> str:
    """Return the tag with which a prompt has opened a block of reasoning; nothing where it has not."""
    if not turn_format(tokenizer).opened:
        return ""
    end = str(tokenizer.decode(list(prompt[-_END_TOKENS:]))).rstrip()
    return THINK_OPEN if end.endswith(THINK_OPEN) else ""


def _answer(tokenizer: PreTrainedTokenizerBase, answer: str) -> list[int]:
    return [*_written(tokenizer, turn_format(tokenizer).body(answer)), *_known(tokenizer).ends]


def _written(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Return the ids of a text behind a prompt, where tokenizers may write it otherwise than by itself."""
    known = _known(tokenizer)
    whole = _plain(tokenizer, known.prompt + text)
    check_kept(tokenizer, known.prompt_ids, whole, "a prompt that an answer follows")
    return whole[len(known.prompt_ids) :]


def _plain(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return cast(list[int], tokenizer(text, add_special_tokens=False)["input_ids"])


class _Known(NamedTuple):
    """What is the same in every conversation under one template."""

    prompt: str
    """One that an answer may follow."""
    prompt_ids: list[int]
    ends: list[int]
    """What closes a turn, up to the token that ends it."""
    rest: list[int]
    """What follows that token before the next turn."""
    dropped: frozenset[int]
    """Special tokens that are no part of an answer's text."""


_knowledge: WeakKeyDictionary[PreTrainedTokenizerBase, dict[str, _Known]] = WeakKeyDictionary()
"""By tokenizer and template."""


def _known(tokenizer: PreTrainedTokenizerBase) -> _Known:
    """Return what is known of a tokenizer's template, found once for each of both."""
    by_template = _knowledge.setdefault(tokenizer, {})
    template = str(tokenizer.chat_template)
    if template not in by_template:
        by_template[template] = _know(tokenizer)
    return by_template[template]


def _know(tokenizer: PreTrainedTokenizerBase) -> _Known:
    closing = _plain(tokenizer, turn_format(tokenizer).closing)
    added = tokenizer.added_tokens_decoder
    # Gemma's line breaks and GPT-NeoX's runs of spaces are added tokens, too.
    ending = {*tokenizer.all_special_ids, *(token for token, text in added.items() if str(text).strip())}
    end = next((place for place, token in enumerate(closing) if token in ending), None)
    if end is None:
        raise Unserved("ends a turn with no token of its own")
    kept = {token for token, text in added.items() if str(text) in TAGS}
    special = {token for token, text in added.items() if text.special} | {*tokenizer.all_special_ids}
    turns = prompt_messages(tokenizer, (_ASKED,))
    prompt = str(tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))
    return _Known(
        prompt,
        _plain(tokenizer, prompt),
        closing[: end + 1],
        closing[end + 1 :],
        frozenset(special - kept),
    )
