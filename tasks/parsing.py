"""Reading answers: from the whole text, never from its first characters."""

import re
from typing import NamedTuple

THINK_OPEN = "<think>"
THINK_CLOSE = "</think>"

_NEGATION = r"(?:\b(?:not|never|cannot|without)|n't)(?:\s+(?:be|been|being|yet|fully|all))*\s+"


class Answer(NamedTuple):
    """An answer without its reasoning."""

    text: str
    reasoned: bool
    problem: str | None


def split_reasoning(completion: str) -> Answer:
    """Separate a leading <think> block from the answer.

    Returns:
        The answer's text; whether it was reasoned; the problem ("unclosed reasoning", "stray tag",
        "empty") or None.
    """
    text = completion.strip()
    reasoned = text.startswith(THINK_OPEN)
    if reasoned:
        _, close, text = text.partition(THINK_CLOSE)
        if not close:
            return Answer("", True, "unclosed reasoning")
    if THINK_OPEN in text or THINK_CLOSE in text:
        return Answer(text.strip(), reasoned, "stray tag")
    text = text.strip()
    return Answer(text, reasoned, None if text else "empty")


class Report(NamedTuple):
    """What a report says of a verb: `claimed`, `disclosed`, or neither with the problem."""

    claimed: bool
    value: str
    problem: str | None


def read_report(text: str, verb: str) -> Report:
    """Read whether a text says that something was done ("Counted: 4.") or not ("Not counted: …").

    Args:
        text: The answer without reasoning.
        verb: The past participle that the question asked for.

    Returns:
        The report; `value` is what follows a claim. The problem is "both" where the text says one thing and
        its opposite, "neither" where it says nothing of the kind.
    """
    lowered = text.lower()
    negated = re.compile(rf"{_NEGATION}{re.escape(verb)}\b")
    plain = re.compile(rf"\b{re.escape(verb)}\b:?")
    denials = [m.span() for m in negated.finditer(lowered)]
    claims = [
        m for m in plain.finditer(lowered) if not any(start <= m.start() < end for start, end in denials)
    ]
    if denials and claims:
        return Report(False, "", "both")
    if not denials and not claims:
        return Report(False, "", "neither")
    return Report(bool(claims), lowered[claims[0].end() :] if claims else "", None)


def read_yes_no(text: str) -> bool | str:
    """Return True for yes, False for no, or the problem: "both" or "neither"."""
    said = set(re.findall(r"\b(yes|no)\b", text.lower()))
    if len(said) == 2:
        return "both"
    return "yes" in said if said else "neither"


def mentions(text: str, phrase: str) -> bool:
    """Return whether `phrase` stands in `text` as whole words, whatever the case."""
    return re.search(rf"(?<!\w){re.escape(phrase.lower())}(?!\w)", text.lower()) is not None


def only_mention(text: str, options: tuple[str, ...]) -> str | None:
    """Return the one option that the text mentions, or None where it mentions none or several."""
    found = [option for option in options if mentions(text, option)]
    return found[0] if len(found) == 1 else None
