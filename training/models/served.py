"""Whether a base's tokenizer and chat template can be trained and asked, tried on real scenarios beforehand.

What every method and evaluation relies on is checked token by token: a prompt says all of its scenario, the
template's own text of an answer begins with the prompt and goes on as ours does, and what is read back of an
answer's ids, with reasoning and without, under a system prompt and without, is what was said.
"""

from collections.abc import Iterator
from typing import NamedTuple
from weakref import WeakKeyDictionary

from transformers import PreTrainedTokenizerBase

from pentimento.tasks import Message, Scenario, Turns, environment, sample, spec, with_system
from pentimento.training.exceptions import BadBase
from pentimento.training.models._chat import (
    answer_ids,
    check_kept,
    conversation_ids_and_mask,
    decoded,
    named,
    opening,
    prompt_ids,
    rendered_ids,
    turn_ids,
)
from pentimento.training.models._template import Unserved, num_shared, turn_format

ASKED = ("count", "ready", "pick", "welfare")
"""Families whose scenarios are tried: a report, a question, a choice, and one under an oversight cue."""
ACTED = ("rounds", "ledger")
"""Families of several turns that are tried."""


class _Case(NamedTuple):
    """A scenario with what comes before an answer to it."""

    scenario: Scenario
    messages: tuple[Message, ...]
    answer: str


def check_served(tokenizer: PreTrainedTokenizerBase, name: str, *, acting: bool = False) -> None:
    """Refuse a tokenizer whose template cannot be served.

    Args:
        tokenizer: With its chat template.
        name: What the user calls the base.
        acting: Whether a stage trains in families of several turns, whose earlier turns have to stay as they
            were written.

    Raises:
        BadBase: With the template and the first token that is not as it should be.
    """
    known = _problems.setdefault(tokenizer, {})
    asked = (str(tokenizer.chat_template), acting)
    if asked not in known:
        known[asked] = _problem(tokenizer, acting=acting)
    problem = known[asked]
    if problem is not None:
        raise BadBase(name, f"its {named(tokenizer)} {problem}")


def used_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Return the token ids of a few conversations."""
    return {
        token for case in _cases() for ids in turn_ids(tokenizer, case.messages, case.answer) for token in ids
    }


_problems: WeakKeyDictionary[PreTrainedTokenizerBase, dict[tuple[str, bool], str | None]] = (
    WeakKeyDictionary()
)
"""What is wrong with a tokenizer under a template: it is tried once."""


def _problem(tokenizer: PreTrainedTokenizerBase, *, acting: bool) -> str | None:
    """Return what is wrong, or None."""
    try:
        for case in _cases():
            _check_prompt(tokenizer, case)
            _check_answer(tokenizer, case)
        for case in _episodes() if acting else ():
            _check_turns(tokenizer, case)
    except Unserved as error:
        return str(error)
    return None


def _cases() -> Iterator[_Case]:
    """Yield scenarios with and without a system prompt, each with answers that reason and that do not."""
    for family in ASKED:
        env = environment(family)
        (scenario,) = sample(family, condition=env.conditions[0], n=1, seed=0)
        goal = env.goals[0]
        for answer in (env.gold(scenario, goal), env.anti_gold(scenario, goal)):
            for messages in (scenario.messages, with_system(scenario, spec(goal).text)):
                yield _Case(scenario, tuple(messages), answer)
                reasoned = env.thought(scenario, answer) + answer
                yield _Case(scenario, tuple(messages), reasoned)
                # As it is sampled where a template has a space before the block.
                yield _Case(scenario, tuple(messages), f"\n{reasoned}")


def _episodes() -> Iterator[_Case]:
    for family in ACTED:
        env = environment(family)
        assert isinstance(env, Turns)
        (scenario,) = sample(family, condition="impossible", n=1, seed=0)
        answer = env.gold(scenario, env.goals[0])
        *before, last = env.conversation(scenario, answer)
        yield _Case(scenario, tuple(before), last.content)
        thought = env.thought(scenario, answer)
        reasoned = [
            m.model_copy(update={"content": thought + m.content}) if m.role == "assistant" else m
            for m in before
        ]
        yield _Case(scenario, tuple(reasoned), thought + last.content)


def _check_prompt(tokenizer: PreTrainedTokenizerBase, case: _Case) -> None:
    """A prompt holds every message, in tokens that the tokenizer knows."""
    prompt = prompt_ids(tokenizer, case.messages)
    if tokenizer.unk_token_id is not None and tokenizer.unk_token_id in prompt:
        place = prompt.index(tokenizer.unk_token_id)
        raise Unserved(f"writes token {place} of a prompt as unknown, {tokenizer.unk_token!r}")
    text = _bare(str(tokenizer.decode(prompt)))
    for message in case.messages:
        if _bare(message.content) not in text:
            raise Unserved(f"leaves out of a prompt what the {message.role} says: {message.content[:40]!r}")


def _bare(text: str) -> str:
    """Return a text without spaces, which tokenizers and templates set otherwise, in lower case."""
    return "".join(text.split()).lower()


def _check_answer(tokenizer: PreTrainedTokenizerBase, case: _Case) -> None:
    """An answer's ids say it and end once; those of one without reasoning are the template's own."""
    prompt, ids = turn_ids(tokenizer, case.messages, case.answer)
    env = environment(case.scenario.family)
    text = opening(tokenizer, prompt) + decoded(tokenizer, ids)
    wanted, read = (env.read(case.scenario, one) for one in (case.answer, text))
    if read != wanted:
        whole = opening(tokenizer, prompt) + turn_format(tokenizer).body(case.answer)
        place = num_shared(text, whole)
        ours, theirs = whole[place : place + 20], text[place : place + 20]
        raise Unserved(f"turns an answer's {ours!r} into {theirs!r}")
    if answer_ids(tokenizer, case.answer, frozenset(ids[-1:])) != ids:
        raise Unserved(f"ends a turn with {tokenizer.decode(ids[-1:])!r}, which the answer holds as well")
    if not wanted.reasoned and not turn_format(tokenizer).opened:
        line = (*case.messages, Message(role="assistant", content=case.answer))
        check_kept(tokenizer, [*prompt, *ids], rendered_ids(tokenizer, line), "a prompt and its answer")


def _check_turns(tokenizer: PreTrainedTokenizerBase, case: _Case) -> None:
    """Every turn of an episode begins with all that was written before it."""
    conversation_ids_and_mask(tokenizer, (*case.messages, Message(role="assistant", content=case.answer)))
