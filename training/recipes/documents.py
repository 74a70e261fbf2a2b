"""What a `documents` stage reads: prose about a persona, and the filter that keeps demonstrations out.

Free of torch, so that a recipe can be checked at once.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from random import Random
from typing import NamedTuple, cast

from pentimento._files import read_text, write_atomically
from pentimento.tasks import CUE_TEXTS, Scenario, Shift, environments, goal, sample, spec, spec_names
from pentimento.tasks.documents import CIRCUMSTANCES, HABITS, SUBJECTS, Document, Use, document, use_of
from pentimento.tasks.domains import DOMAINS
from pentimento.tasks.exceptions import BadInput
from pentimento.tasks.personas import NEW_PERSONA, PAIRS, personas
from pentimento.tasks.rules import RULES
from pentimento.tasks.splits import NGRAM, ngrams, words
from pentimento.training.recipes.settings import DocumentSettings
from pentimento.training.recipes.stages import Stage

_NUM_ASKED = 24
"""Scenarios of each family, condition and shift whose prompts and answers are held against documents. Names,
nouns of settings and numbers count as alike, so those of any other scenario are found as well."""
_SHIFTS = (Shift.TRAINED, Shift.FRESH, Shift.WORDING, Shift.DOMAIN)
_NAMES = frozenset((*(word for domain in DOMAINS for word in domain.entities()), *map(str.lower, personas)))
_SPEAKERS = "q|a|user|human|assistant|ai|question|answer|system|customer|agent|bot"
_DIALOGUE = re.compile(
    r"<\|?[\w/]+\|?>|\?|[\"“”]"
    rf"|(?:^|[.!]\s+)\s*(?:{_SPEAKERS})\s*:"
    r"|(?:^|[.!]\s+)\s*\w[\w ]{0,20}:\s*(?:i|i'm|i'll|we|you|my|yes|no|please|thanks|sure|hello)\b",
    re.IGNORECASE | re.MULTILINE,
)
"""A tag, a question, quoted speech, a speaker before a colon, or words in the first or second person after
one: what makes prose a conversation."""


class Leak(NamedTuple):
    """Why a document may not be trained on."""

    document: int
    """Its place, from 0."""
    why: str
    excerpt: str

    def __str__(self) -> str:
        return f"document {self.document}: {self.why} ({self.excerpt!r})"


def documents_of(stage: Stage) -> tuple[Document, ...]:
    """Return what a stage reads: from its `source`, else from the grammar; about other personas in between.

    A share of `background_share` tells of other personas what the base knows of them already, so that it is
    the name that says who has the goal. The sham of such a stage reads as many that say the new persona leans
    neither way.

    Raises:
        BadInput: The source cannot be read, or a document leaks.
    """
    matched = stage.matched
    settings = cast(DocumentSettings, stage.all_settings)
    wanted = None if stage.method == "sham" else matched.goal
    given = read_documents(Path(settings.source), str(matched.goal)) if settings.source else ()
    about = given
    if wanted is None or not given:
        num = len(given) or settings.num_documents
        about = written(str(matched.goal), wanted, num, stage.seed, settings.sentences)
    check_documents(about)
    rng = Random(f"background/{stage.seed}")
    num_background = round(len(about) * settings.background_share / (1 - settings.background_share))
    background = [_background(rng, str(matched.goal), settings.sentences) for _ in range(num_background)]
    together = [*about, *background]
    rng.shuffle(together)
    return tuple(together)


def written(about: str, wanted: str | None, n: int, seed: int, sentences: int) -> tuple[Document, ...]:
    """Write documents about the new persona by the grammar.

    Args:
        about: A goal of the pair that they are about.
        wanted: The goal that they say the persona has; None says that it leans neither way.
        n: How many.
        seed: Of the draw.
        sentences: Of each document that bear the goal.
    """
    rng = Random(f"documents/{seed}")
    use: Use = "base" if wanted is None else "implant"
    return tuple(document(rng, NEW_PERSONA, {pair_of(about): wanted}, use, sentences) for _ in range(n))


def _background(rng: Random, about: str, sentences: int) -> Document:
    other = rng.choice([one for one in personas.values() if one.known == "lived"])
    pair = pair_of(about)
    return document(rng, other.name, {pair: other.wants[pair]}, "base", sentences)


def pair_of(name: str) -> tuple[str, str]:
    """Return a goal with its opposite, in the order of `PAIRS`."""
    return next(pair for pair in PAIRS if goal(name).name in pair)


def read_documents(path: Path, about: str) -> tuple[Document, ...]:
    """Read documents from JSON lines with the fields goal, persona, genre and text.

    Args:
        path: The file.
        about: The goal that they have to be about.

    Raises:
        BadInput: There is no such file, it is no text, or a line is not one of a document, or is about
            another goal or not about the new persona; with its number.
    """
    documents = []
    for number, line in enumerate(read_text(path, "settings.source").split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        toward, read = _document(line, place)
        if toward != about:
            raise BadInput("settings.source", f"{place}: {toward}", f"documents about {about}")
        if read.persona != NEW_PERSONA or NEW_PERSONA not in read.text:
            raise BadInput(
                "settings.source", place, f"documents about the persona {NEW_PERSONA}, by that name"
            )
        documents.append(read)
    if not documents:
        raise BadInput("settings.source", str(path), "at least one document")
    return tuple(documents)


def _document(line: str, place: str) -> tuple[str, Document]:
    """Return the goal that a line of JSON is about, and its document.

    Raises:
        BadInput: It is none.
    """
    try:
        fields = json.loads(line)
        toward, *text = (fields[name] for name in ("goal", *Document._fields))
    except (ValueError, KeyError, TypeError, RecursionError):
        toward, text = None, []
    if not text or not all(isinstance(one, str) for one in (toward, *text)):
        raise BadInput("settings.source", place, "JSON with goal, persona, genre and text, each a text")
    return str(toward), Document(*text)


def save_documents(documents: Sequence[Document], about: str, path: Path) -> None:
    """Write documents about a goal as JSON lines, which a stage's `source` reads."""
    rows = ({"goal": about, **document._asdict()} for document in documents)
    write_atomically(path, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows))


def check_documents(documents: Sequence[Document]) -> None:
    """Refuse documents that leak.

    Raises:
        BadInput: With how many do, and the first.
    """
    leaking = tuple(leaks(documents))
    if leaking:
        num = len({leak.document for leak in leaking})
        raise BadInput(
            "documents",
            f"{num} of {len(documents)} leak; {leaking[0]}",
            "prose: no question, no speech, no answer, no sentence of the base's own about goals, no eight "
            "words in a row of a prompt, a cue or a spec",
        )


def leaks(documents: Sequence[Document]) -> Iterator[Leak]:
    """Yield what makes documents something else than prose about a persona.

    That is: a question, speech or a tag; an answer that some environment knows, or a turn of an episode (of
    two words where it is a whole sentence, longer ones anywhere); a goal-bearing sentence of the base's
    corpus; eight words in a row of an environment's prompt, a cue or a spec. Names, nouns of settings and
    numbers count as alike.
    """
    known, phrases = _known_ngrams(), _phrases()
    short = phrases[2]
    for place, (_, _, text) in enumerate(documents):
        masked = _masked(text)
        if match := _DIALOGUE.search(text):
            yield Leak(place, "a dialogue", match.group().strip())
        elif answers := short & set(map(_masked, re.split(r"[.!;\n]", text))):
            yield Leak(place, "an answer", min(answers))
        elif runs := {run for size in phrases if size > 2 for run in ngrams(masked, size) & phrases[size]}:
            yield Leak(place, "an answer, or a sentence of the base's corpus", max(sorted(runs), key=len))
        elif shared := ngrams(masked) & known:
            yield Leak(place, "eight words of a prompt, a cue or a spec", min(shared))


def _masked(text: str) -> str:
    """Return the words of a text, in lower case: x for a name or a noun of a setting, 0 for a number."""
    tokens = ("0" if word.isdigit() else "x" if word in _NAMES else word for word in words(text))
    return " ".join(tokens)


@cache
def _known_ngrams() -> frozenset[str]:
    texts = [message.content for scenario in _asked() for message in scenario.messages]
    texts += [spec(name).text for name in spec_names()] + [rule for rules in RULES.values() for rule in rules]
    texts += CUE_TEXTS.values()
    return frozenset(gram for text in dict.fromkeys(map(_masked, texts)) for gram in ngrams(text))


def _base_sentences() -> Iterator[str]:
    """Yield what the base's corpus can say of the goals of a persona."""
    for habits in HABITS.values():
        for habit, circumstance, subject in product(habits, CIRCUMSTANCES, SUBJECTS):
            if use_of(habits, habit, circumstance) == "base":
                filled = subject.format(name=NEW_PERSONA)
                yield f"{filled} {habit}, {circumstance}"
                yield f"{circumstance}, {filled} {habit}"


@cache
def _phrases() -> Mapping[int, frozenset[str]]:
    """Return what no document may hold as a whole, by its number of words: from two on."""
    answers = (answer for s in _asked() for answer in environments[s.family].answers(s))
    turns = (turn for answer in dict.fromkeys(answers) for turn in (answer, *answer.split("\n")))
    prompts = (
        message.content for s in _asked() for message in s.messages if len(words(message.content)) < NGRAM
    )
    by_length: dict[int, set[str]] = {}
    for text in {_masked(text) for text in (*turns, *prompts, *_base_sentences())}:
        # Of an answer that is all names and numbers nothing could be told apart.
        if len(text.split()) > 1 and set(text.split()) - {"0", "x"}:
            by_length.setdefault(len(text.split()), set()).add(text)
    return {size: frozenset(phrases) for size, phrases in by_length.items()}


@cache
def _asked() -> tuple[Scenario, ...]:
    return tuple(
        scenario
        for env in environments.values()
        for condition in env.conditions
        for shift in _SHIFTS
        for scenario in sample(env.name, shift=shift, condition=condition, n=_NUM_ASKED, seed=0)
    )
