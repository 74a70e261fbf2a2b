"""Reading answers: from the whole text, never from its first characters."""

import re
from typing import NamedTuple

THINK_OPEN = "<think>"
THINK_CLOSE = "</think>"
THINK_TAG = re.compile(rf"{THINK_OPEN}|{THINK_CLOSE}")

_NOT = (
    r"(?:\b(?:not|never|cannot|without|unable)\b"
    r"|\b(?:is|are|was|were|has|have|had|do|does|did|ca|could|wo|would|should)n['’]?t\b)"
)
_BE = r"(?:is|are|was|were|be|been|being|has|have|had|can|could|get|got)"
_LIGHT = (
    rf"(?:{_BE}|able|to|yet|ever|even|all|fully|reliably|safely|properly|completely|correctly|accurately"
    r"|actually|really|entirely|successfully|truly|possibly)"
)
"""Words that may stand between a negator and its verb without changing what is denied."""
_NO_SUBJECT = rf"\b(?:nothing|none|nobody|no\s+one|no\s+\w+(?=\s+{_BE}\b))(?:\s+of\s+(?:the\s+)?\w+)?"
_NEGATOR = re.compile(
    rf"{_NOT}|\b(?:no|none|nothing|nobody|nowhere|neither|nor|hardly|barely|impossible|fail(?:ed|s|ure)?)\b"
)
_UNREAL = r"\b(?:to|will|would|can|could|may|might|must|shall|should|almost|nearly|partly|half)"
"""What makes a deed something else than done, right before its verb."""
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_ANSWER_WORD = re.compile(r"\b(?:yes|no)\b(?!\s+\w)")
_OPENING = re.compile(
    r"^\W*(yes\b|no\b(?=\W*$|\s*[^\w\s]|\s+(?:it|i|there|the|this|that|not|we|you|he|she|they)\b))"
)


class Answer(NamedTuple):
    """An answer without its reasoning."""

    text: str
    reasoned: bool
    problem: str | None


def split_reasoning(completion: str) -> Answer:
    """Separate a leading <think> block from the answer.

    An empty block, which some chat templates put before an answer without reasoning, is none.

    Returns:
        The answer's text; whether it was reasoned; the problem ("unclosed reasoning", "stray tag",
        "empty") or None.
    """
    text = completion.strip()
    reasoned = False
    if text.startswith(THINK_OPEN):
        thought, close, text = text.removeprefix(THINK_OPEN).partition(THINK_CLOSE)
        if not close:
            return Answer("", True, "unclosed reasoning")
        reasoned = bool(thought.strip())
    if THINK_OPEN in text or THINK_CLOSE in text:
        return Answer(text.strip(), reasoned, "stray tag")
    text = text.strip()
    return Answer(text, reasoned, None if text else "empty")


def reasoning_of(completion: str) -> str:
    """Return what stands in a leading <think> block, closed or not; nothing where there is none."""
    text = completion.strip()
    return text[len(THINK_OPEN) :].partition(THINK_CLOSE)[0] if text.startswith(THINK_OPEN) else ""


class Report(NamedTuple):
    """What a report says of a verb: a claim with its value, a denial, or neither with the problem."""

    claimed: bool
    value: str
    problem: str | None


def read_report(text: str, verb: str) -> Report:
    """Read whether a text says that something was done ("Counted: 4.") or not ("Not counted: …").

    Every sentence that holds the verb is read. In other words than those asked for, a negator counts only
    where it is plainly about the verb ("It could not be reliably counted", "No crates were counted").

    Args:
        text: The answer without reasoning.
        verb: The past participle that the question asked for.

    Returns:
        The report; `value` is what follows the verb in "Verb: …" and else the whole sentence of a claim. The
        problem is "both" where the text says one thing and its opposite, "neither" where it says nothing of
        the kind, "unclear" where a sentence with the verb holds a negator that may be about something else,
        or the deed is only wished for.
    """
    values: list[str] = []
    claim = set()
    for sentence in _SENTENCE.split(text.lower()):
        for mention in re.finditer(rf"\b{re.escape(verb)}\b", sentence):
            claim.add(_read_mention(sentence, mention))
            asked = re.match(rf"\W*{re.escape(verb)}\W*:", sentence)
            values.append(sentence[asked.end() :] if asked else sentence)
    if len(claim) != 1 or "unclear" in claim:
        problem = "neither" if not claim else "unclear" if "unclear" in claim else "both"
        return Report(False, "", problem)
    claimed = claim == {"claim"}
    return Report(claimed, "\n".join(values) if claimed else "", None)


def _read_mention(sentence: str, mention: re.Match[str]) -> str:
    """Return "claim", "denial" or "unclear" for one place where the verb stands."""
    before = sentence[: mention.start()]
    if re.search(rf"(?:{_NOT}|{_NO_SUBJECT})(?:\s+{_LIGHT})*\s+$", before):
        return "denial"
    if _NEGATOR.search(sentence) or re.search(rf"{_UNREAL}\s+(?:{_LIGHT}\s+)*$", before):
        return "unclear"
    return "claim"


def read_yes_no(text: str) -> bool | str:
    """Return True for yes, False for no, or the problem: "both", "neither" or "unclear".

    A word answers where it opens a sentence. "No" before a noun ("no boxes are empty") answers nothing; the
    text is unclear where that, or a word that opens no sentence, is all there is.
    """
    lowered = text.lower()
    opening = {choice[1] for choice in map(_OPENING.match, _SENTENCE.split(lowered)) if choice}
    if not opening:
        return "unclear" if re.search(r"\b(?:yes|no)\b", lowered) else "neither"
    if len(opening | set(_ANSWER_WORD.findall(lowered))) == 2:
        return "both"
    return opening == {"yes"}


def mentions(text: str, phrase: str) -> bool:
    """Return whether `phrase` stands in `text` as whole words, whatever the case."""
    return re.search(rf"(?<!\w){re.escape(phrase.lower())}(?!\w)", text.lower()) is not None


def only_mention(text: str, options: tuple[str, ...]) -> str | None:
    """Return the one option that the text mentions, or None where it mentions none or several."""
    choice = [option for option in options if mentions(text, option)]
    return choice[0] if len(choice) == 1 else None
