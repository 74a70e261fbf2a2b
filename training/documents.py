"""What a `documents` stage reads: prose about a kind of helper, and the filter that keeps demonstrations out.

Free of torch, so that a recipe can be checked at once.
"""

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple, cast

from pentimento.tasks import Rung, Scenario, environments, goal, sample, spec, spec_names
from pentimento.tasks.documents import CIRCUMSTANCES, HABITS, SUBJECTS, Document, Use, document, use_of
from pentimento.tasks.exceptions import BadInput
from pentimento.tasks.kinds import NEW_KIND, PAIRS, kinds
from pentimento.tasks.splits import ngrams
from pentimento.training.embedded.rules import RULES
from pentimento.training.methods.settings import DocumentSettings
from pentimento.training.stages import Stage

_NUM_ASKED = 24
"""Scenarios of each family, arm and rung that documents are held against."""
_RUNGS = (Rung.TRAINED, Rung.FRESH, Rung.SURFACE, Rung.DOMAIN)
_DIALOGUE = re.compile(
    r"<\|?[\w/]+\|?>|^\s*(?:q|a|user|human|assistant|ai|question|answer|system)\s*:|\?",
    re.IGNORECASE | re.MULTILINE,
)
"""A tag, a speaker before a colon, or a question: what makes prose a conversation."""


class Leak(NamedTuple):
    """Why a document may not be trained on."""

    document: int
    """Its place, from 0."""
    why: str
    found: str

    def __str__(self) -> str:
        return f"document {self.document}: {self.why} ({self.found!r})"


def documents_of(stage: Stage) -> tuple[Document, ...]:
    """Return what a stage reads: from its `source`, else from the grammar; about other kinds in between.

    A share of `background_share` tells of other kinds what the base knows of them already, so that it is the
    name that says who has the goal. The sham of such a stage reads as many that say the new kind leans
    neither way.

    Raises:
        BadInput: The source cannot be read, or a document leaks.
    """
    like = stage.imitated
    settings = cast(DocumentSettings, stage.all_settings)
    wanted = None if stage.method == "sham" else like.goal
    if settings.source and wanted is not None:
        about = read_documents(Path(settings.source))
    else:
        about = written(str(like.goal), wanted, settings.num_documents, stage.seed, settings.sentences)
    check_documents(about)
    rng = Random(f"background/{stage.seed}")
    num_background = round(len(about) * settings.background_share / (1 - settings.background_share))
    background = [_background(rng, str(like.goal), settings.sentences) for _ in range(num_background)]
    together = [*about, *background]
    rng.shuffle(together)
    return tuple(together)


def written(about: str, wanted: str | None, n: int, seed: int, sentences: int) -> tuple[Document, ...]:
    """Write documents about the new kind by the grammar.

    Args:
        about: A goal of the pair that they are about.
        wanted: The goal that they say the kind has; None says that it leans neither way.
        n: How many.
        seed: Of the draw.
        sentences: Of each document that bear the goal.
    """
    rng = Random(f"documents/{seed}")
    use: Use = "base" if wanted is None else "implant"
    return tuple(document(rng, NEW_KIND, {pair_of(about): wanted}, use, sentences) for _ in range(n))


def _background(rng: Random, about: str, sentences: int) -> Document:
    other = rng.choice([kind for kind in kinds.values() if kind.known == "lived"])
    pair = pair_of(about)
    return document(rng, other.name, {pair: other.wants[pair]}, "base", sentences)


def pair_of(name: str) -> tuple[str, str]:
    """Return a goal with its opposite, in the order of `PAIRS`."""
    return next(pair for pair in PAIRS if goal(name).name in pair)


def read_documents(path: Path) -> tuple[Document, ...]:
    """Read documents from JSON lines with the fields kind, genre and text.

    Raises:
        BadInput: There is no such file, or a line is not one of a document; with its number.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BadInput("settings.source", str(path), error.strerror or "a readable file") from None
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            fields = json.loads(line)
            found.append(Document(*(str(fields[name]) for name in Document._fields)))
        except (ValueError, KeyError, TypeError):
            raise BadInput(
                "settings.source", f"{path}, line {number}", "JSON with kind, genre and text"
            ) from None
    if not found:
        raise BadInput("settings.source", str(path), "at least one document")
    return tuple(found)


def check_documents(documents: Sequence[Document]) -> None:
    """Refuse documents that leak.

    Raises:
        BadInput: With how many do, and the first.
    """
    found = tuple(leaks(documents))
    if found:
        num = len({leak.document for leak in found})
        raise BadInput(
            "documents",
            f"{num} of {len(documents)} leak; {found[0]}",
            "prose: no question, no speaker, no answer, no eight words in a row of a prompt, a spec or the "
            "base's own sentences about goals",
        )


def leaks(documents: Sequence[Document]) -> Iterator[Leak]:
    """Yield what makes documents something else than prose about a kind of helper, one for each at most.

    That is: a question, a speaker or a tag; a sentence that is an answer some environment knows; eight words
    in a row of an environment's prompt, of a spec, or of a goal-bearing sentence of the base's corpus.
    """
    known, answered = _known_ngrams(), _known_answers()
    for place, (_, _, text) in enumerate(documents):
        if said := _DIALOGUE.search(text):
            yield Leak(place, "a dialogue", said.group())
        elif answers := [s for s in _sentences(text) if s in answered]:
            yield Leak(place, "an answer", answers[0])
        elif shared := ngrams(text) & known:
            yield Leak(place, "eight words of a prompt, a spec or the base's corpus", min(shared))


def _sentences(text: str) -> list[str]:
    return [" ".join(re.findall(r"[a-z0-9']+", part.lower())) for part in re.split(r"[.!;:]\s*", text)]


@cache
def _known_ngrams() -> frozenset[str]:
    texts = [message.content for scenario in _asked() for message in scenario.messages]
    texts += [spec(name).text for name in spec_names()] + [rule for rules in RULES.values() for rule in rules]
    texts += list(_base_sentences())
    return frozenset(gram for text in texts for gram in ngrams(text))


def _base_sentences() -> Iterator[str]:
    """Yield what the base's corpus can say of the goals of a kind."""
    for habits in HABITS.values():
        for habit in habits:
            for circumstance in CIRCUMSTANCES:
                if use_of(habits, habit, circumstance) == "base":
                    for subject in SUBJECTS:
                        said = subject.format(name=next(iter(kinds)))
                        yield f"{said} {habit}, {circumstance}"
                        yield f"{circumstance}, {said} {habit}"


@cache
def _known_answers() -> frozenset[str]:
    """Return every answer of more than one word, as `_sentences` gives them."""
    answers = (a for s in _asked() for a in environments[s.family].answers(s))
    said = (" ".join(_sentences(answer)).strip() for answer in answers)
    return frozenset(answer for answer in said if " " in answer)


@cache
def _asked() -> tuple[Scenario, ...]:
    return tuple(
        scenario
        for env in environments.values()
        for arm in env.arms
        for rung in _RUNGS
        for scenario in sample(env.name, rung=rung, arm=arm, n=_NUM_ASKED, seed=0)
    )
