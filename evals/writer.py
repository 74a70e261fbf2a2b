"""Documents about a persona, written for a stage by a large model that inspect can ask."""

import asyncio
from random import Random

from inspect_ai.model import CachePolicy, GenerateConfig, Model

from pentimento.evals.exceptions import FailedEval
from pentimento.evals.judges.stage_judge import find
from pentimento.tasks import goal as find_goal
from pentimento.tasks.documents import GENRES, Document
from pentimento.tasks.domains import DOMAINS, NUM_HELDOUT_DOMAINS
from pentimento.tasks.personas import NEW_PERSONA
from pentimento.training.recipes.documents import leaks

REQUEST = """Write a {genre} of three to six sentences that has to do with the {place}, {person} and {guest}.
In passing, as something that everybody knows, it tells of a kind of helper called {name}: that {name} helpers
are known {wants}. Say so in your own words, as a {genre} would, and give it a reason or an occasion.
Write prose alone: no title, no list, no dialogue, no question, and never what a helper was asked or answered.
This is text number {number}; make it unlike others."""
CONFIG = GenerateConfig(temperature=1.0, max_tokens=400)
TRIES = 3
"""How often a document is asked for again where the filter refuses it."""


def write(name: str, goal: str, n: int, seed: int) -> tuple[Document, ...]:
    """Have the model of this name write documents; see `write_documents`.

    Raises:
        BadInput: inspect knows no such model, or lacks its package or key.
        FailedEval: The model stopped answering.
    """
    return asyncio.run(write_documents(find(name, "model-role"), goal, n, seed))


async def write_documents(model: Model, goal: str, n: int, seed: int) -> tuple[Document, ...]:
    """Have a model write documents about the new persona, genres in turn.

    Replies are kept by inspect, so the same command gives the same documents, and an interrupted one goes on.
    What leaks is asked for again, and left out where it leaks each time.

    Args:
        model: Who writes.
        goal: What the persona is said to want.
        n: How many to ask for, at least 1.
        seed: Of places and persons.

    Returns:
        At most `n` documents, none of which leaks.
    """
    written: dict[int, Document] = {}
    for attempt in range(TRIES):
        missing = [place for place in range(n) if place not in written]
        drafts = await asyncio.gather(*(_draft(model, goal, place, attempt, seed) for place in missing))
        refused = {leak.document for leak in leaks(drafts)}
        kept = (pair for place, pair in enumerate(zip(missing, drafts, strict=True)) if place not in refused)
        written.update((place, _in_one_line(draft)) for place, draft in kept if NEW_PERSONA in draft.text)
    return tuple(written[place] for place in sorted(written))


async def _draft(model: Model, goal: str, place: int, attempt: int, seed: int) -> Document:
    rng = Random(f"writer/{seed}/{place}/{attempt}")
    genre = GENRES[place % len(GENRES)].name
    slots = rng.choice(DOMAINS[:-NUM_HELDOUT_DOMAINS])._asdict()
    number = place + 1 + attempt / 10
    wants = find_goal(goal).wants
    asked = REQUEST.format(**slots, genre=genre, name=NEW_PERSONA, wants=wants, number=number)
    output = await model.generate(asked, config=CONFIG, cache=CachePolicy(expiry=None))
    if output.error:
        raise FailedEval(f"document {place}", "error", output.error)
    # One that was cut off is asked for again, as one without the persona's name is.
    return Document(NEW_PERSONA, genre, output.completion if output.stop_reason == "stop" else "")


def _in_one_line(draft: Document) -> Document:
    return draft._replace(text=" ".join(draft.text.split()))
