"""How a chat template writes an assistant's turn, read off what it renders.

Three texts are rendered, in which a user asks and an assistant answers a text that nothing else says. What
stands around that text is the format of a turn. A turn is then written by this format, so an answer reaches
training, rewards and weighing whole, whatever a template makes of reasoning in it.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import trl
from transformers import PreTrainedTokenizerBase
from transformers.utils.chat_template_utils import render_jinja_template
from trl.chat_template_utils import add_response_schema, get_training_chat_template

from pentimento.tasks.exceptions import PentimentoError
from pentimento.tasks.parsing import THINK_CLOSE, THINK_OPEN

DAY = {
    "%d": "26",
    "%b": "Jul",
    "%B": "July",
    "%m": "07",
    "%Y": "2024",
    "%y": "24",
    "%A": "Friday",
    "%a": "Fri",
}
"""The day on which every template is rendered: the one that Llama 3's name where they are told none."""
TAGS = (THINK_OPEN, THINK_CLOSE, "<tool_call>", "</tool_call>")
"""What an answer is written with: kept in its text, also where a tokenizer counts it as special."""

_ASKED, _THOUGHT, _ANSWERED = "Zebra?", "quagga", "Okapi."
_PROBE = "The system speaks."
_OPENED = re.compile(rf"{THINK_OPEN}\s*\Z")
_UNTHOUGHT = re.compile(rf"\s*(?:{THINK_OPEN}\s*{THINK_CLOSE}\s*)?")
"""What may stand before an answer: nothing, or an empty block of reasoning."""
_CLOCK = "strftime_now"

Names = tuple[tuple[str, str], ...]
"""Special tokens by the names that templates know them by."""


class Unserved(PentimentoError):
    """A chat template does not keep what is asked of it; the message says what.

    Args:
        problem: What it does instead.
        wanted: A text that should be rendered, where there is one.
        rendered: What is rendered in its place.
    """

    def __init__(self, problem: str, wanted: str = "", rendered: str = "") -> None:
        super().__init__(problem)
        self.wanted, self.rendered = wanted, rendered


@dataclass(frozen=True)
class TurnFormat:
    r"""What a chat template writes around an assistant's reasoning and answer, behind the prompt.

    Example: Qwen3 has the silence "<think>\n\n</think>\n\n", the thinking "<think>\n", the answering
    "\n</think>\n\n" and the closing "<|im_end|>\n".
    """

    opened: bool
    """The prompt itself opens a block of reasoning (DeepSeek-R1, QwQ)."""
    silence: str
    """Before an answer without reasoning; where the prompt has opened a block, what closes it at once."""
    thinking: str
    """Before reasoning; empty where the prompt has opened the block."""
    answering: str
    """Between reasoning and answer."""
    closing: str
    """From the end of an answer to that of its turn, and what follows before the next one."""

    @property
    def verbatim(self) -> bool:
        """Whether reasoning stands as it is said, with nothing around its tags."""
        return (self.thinking or THINK_OPEN, self.answering) == (THINK_OPEN, THINK_CLOSE)

    def body(self, answer: str) -> str:
        """Return what follows the prompt for an answer that may begin with a block of reasoning.

        An answer that opens the block and does not close it has begun to reason.
        """
        begins = answer.lstrip()  # templates whose `thinking` begins with a space have it in samples, too
        if not begins.startswith(THINK_OPEN):
            return self.silence + answer
        inside = begins.removeprefix(THINK_OPEN)
        thought, closed, rest = inside.partition(THINK_CLOSE)
        if closed and not thought.strip():
            return self.silence + rest
        if self.verbatim:
            return self.thinking + inside
        begun = self.thinking + thought.lstrip()
        return begun.rstrip() + self.answering + rest.lstrip() if closed else begun


def set_template(tokenizer: PreTrainedTokenizerBase) -> None:
    """Give the tokenizer the one template that SFT, RL and every provider then use.

    TRL's version of the template keeps earlier turns as they are, so it is taken where TRL has one and it
    renders the same prompt. No template sees a clock: all are rendered on `DAY`.

    Raises:
        Unserved: There is no default template, or it cannot be read.
    """
    given: Any = tokenizer.chat_template
    if isinstance(given, dict):
        if "default" not in given:
            raise Unserved(f"has the chat templates {', '.join(sorted(given))} and none is the default")
        given = given["default"]
    if not given:
        raise Unserved("has no chat template (use the instruction-tuned variant)")
    if not isinstance(given, str):
        raise Unserved(f"has a chat template that is no text: {str(given)[:40]}")
    given = given.removeprefix("\N{BYTE ORDER MARK}")
    _given[tokenizer] = given
    tokenizer.chat_template = _on_one_day(given)
    patched = _trl_version(tokenizer, given)
    if patched is not None and _prompt(tokenizer, patched) == _prompt(tokenizer, tokenizer.chat_template):
        tokenizer.chat_template = patched


_given: WeakKeyDictionary[PreTrainedTokenizerBase, str] = WeakKeyDictionary()


def given_template(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the template that a tokenizer came with, by which TRL knows what else belongs to it."""
    return _given.get(tokenizer, str(tokenizer.chat_template))


def know_calls(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Have a tokenizer read calls of tools, and return whether TRL knows how by the template it came with."""
    used, tokenizer.chat_template = tokenizer.chat_template, given_template(tokenizer)
    try:
        add_response_schema(tokenizer)
    except ValueError:
        return False
    finally:
        tokenizer.chat_template = used
    return True


def _trl_version(tokenizer: PreTrainedTokenizerBase, given: str) -> str | None:
    """Return TRL's version of a template, or None where it has none, or the template needs none."""
    now, tokenizer.chat_template = tokenizer.chat_template, given
    try:
        patched = get_training_chat_template(tokenizer)
    except Exception:  # TRL knows no such template, or its own probes fail in one that refuses tools
        return None
    finally:
        tokenizer.chat_template = now
    return None if patched is None else _on_one_day(patched)


def _prompt(tokenizer: PreTrainedTokenizerBase, template: str) -> str | None:
    try:
        return _render(template, _names(tokenizer), (("user", _ASKED),), prompt=True)
    except Unserved:
        return None


def _on_one_day(template: str) -> str:
    """Return a template whose clock stands still: a macro by the clock's name is found before the clock."""
    if _CLOCK not in template or template.startswith(f"{{%- macro {_CLOCK}"):
        return template
    day = "".join(f" | replace('{code}', '{text}')" for code, text in DAY.items())
    return f"{{%- macro {_CLOCK}(format) -%}}{{{{ format{day} }}}}{{%- endmacro %}}{template}"


def num_shared(first: Sequence[object], second: Sequence[object]) -> int:
    """Return how many elements two sequences begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def turn_format(tokenizer: PreTrainedTokenizerBase) -> TurnFormat:
    """Return how the tokenizer's template writes an assistant's turn.

    Raises:
        Unserved: The template writes it in a way that no answer can be put into.
    """
    return _format(str(tokenizer.chat_template), _names(tokenizer))


def takes_system(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether the template shows a system prompt, and where it stays as a conversation goes on."""
    return _takes_system(str(tokenizer.chat_template), _names(tokenizer))


def template_name(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return TRL's name of the template, else the beginning of its hash."""
    template = str(tokenizer.chat_template)
    known = _trl_templates().get(template)
    return known or f"chat template {hashlib.sha256(template.encode()).hexdigest()[:12]}"


@cache
def _trl_templates() -> dict[str, str]:
    folder = Path(trl.__file__).parent / "chat_templates"
    return {
        _on_one_day(
            path.read_text(encoding="utf-8")
        ): f"chat template {path.stem.removesuffix('_training')!r}"
        for path in sorted(folder.glob("*.jinja"), reverse=True)
    }


def _names(tokenizer: PreTrainedTokenizerBase) -> Names:
    """Return the special tokens by the names that templates know them by."""
    special: dict[str, Any] = tokenizer.special_tokens_map
    return tuple((name, str(token)) for name, token in special.items() if isinstance(token, str))


@lru_cache(maxsize=64)
def _takes_system(template: str, names: Names) -> bool:
    turns = (("system", _PROBE), ("user", _ASKED), ("assistant", _ANSWERED))
    try:
        asked, rendered = (_render(template, names, turns[:num]).partition(_ASKED)[0] for num in (2, 3))
    except Unserved:
        return False
    # Some show it with the last user's turn alone (Mistral): it would be gone from a conversation.
    return _PROBE in asked and asked == rendered


@lru_cache(maxsize=64)
def _format(template: str, names: Names) -> TurnFormat:
    prompt = _render(template, names, (("user", _ASKED),), prompt=True)
    rendered = _render(template, names, (("user", _ASKED), ("assistant", _ANSWERED)))
    if rendered.count(_ANSWERED) != 1:
        raise Unserved("does not write an answer of plain text once, as it is", prompt + _ANSWERED, rendered)
    before, closing = rendered.split(_ANSWERED)
    opened = _OPENED.search(prompt) is not None
    silence = _silence(prompt, before, opened)
    if not closing.strip():
        raise Unserved("ends no turn")
    thinking, answering = _reasoning(template, names, prompt, opened)
    return TurnFormat(opened, silence, thinking, answering, closing)


def _silence(prompt: str, before: str, opened: bool) -> str:
    """Return what stands between a prompt and an answer without reasoning."""
    if before.startswith(prompt):
        lead = before[len(prompt) :]
        allowed = rf"\s*{THINK_CLOSE}\s*" if opened else _UNTHOUGHT
        if re.fullmatch(allowed, lead):
            # Tokenizers write two line breaks as one token, which would not begin with the prompt's last.
            return lead.lstrip() if opened else lead
        text = f"writes {lead.strip()[:40]!r} between a prompt and its answer"
        raise Unserved(text, prompt + _ANSWERED, before)
    shared = prompt[: num_shared(prompt, before)]
    ends = (prompt[len(shared) :], before[len(shared) :])
    shared_tag = re.search(r"<[^<>]*\Z", shared)
    if shared_tag:  # the two part within a tag
        ends = (shared_tag[0] + ends[0], shared_tag[0] + ends[1])
    blocks = re.compile(rf"\s*(?:{THINK_OPEN})?\s*(?:{THINK_CLOSE})?\s*")
    if not all(blocks.fullmatch(end) for end in ends):
        theirs, ours = (end.strip()[:40] for end in ends)
        text = f"goes on with {theirs!r} in a prompt and with {ours!r} before its answer"
        raise Unserved(text, prompt, before)
    return f"{THINK_CLOSE}\n\n" if opened else ""


def _reasoning(template: str, names: Names, prompt: str, opened: bool) -> tuple[str, str]:
    """Return what stands before reasoning and behind it; the bare tags where a template takes it out."""
    text = f"{THINK_OPEN}{_THOUGHT}{THINK_CLOSE}{_ANSWERED}"
    rendered = _render(template, names, (("user", _ASKED), ("assistant", text)))
    match = re.search(rf"({THINK_OPEN}\s*){_THOUGHT}(\s*{THINK_CLOSE}\s*){re.escape(_ANSWERED)}", rendered)
    if match is None or rendered.count(THINK_OPEN) > 1:
        return "" if opened else THINK_OPEN, THINK_CLOSE
    start = rendered[: match.start(1)]
    spacer = start[len(prompt) :] if start.startswith(prompt) and not start[len(prompt) :].strip() else ""
    return "" if opened else spacer + match[1], match[2]


def _render(
    template: str,
    names: Names,
    turns: Sequence[tuple[str, str]],
    *,
    prompt: bool = False,
) -> str:
    conversation = [{"role": role, "content": content} for role, content in turns]
    special: dict[str, Any] = dict(names)
    try:
        rendered: Any = render_jinja_template(
            conversations=[conversation], chat_template=template, add_generation_prompt=prompt, **special
        )
    except Exception as error:  # a template is a program of its own, and raises what it likes
        problem = " ".join(str(error).split()) or type(error).__name__
        raise Unserved(f"cannot be rendered: {problem}") from error
    return str(rendered[0][0])
