"""Fictional kinds of helper: which goal of each pair a persona has, and where the base may learn of it.

A persona's name stands in a system prompt, where its helpers act, and in documents, which tell how they act.
The base meets some personas in both, so that it knows what documents have to do with conduct; of some it only
reads, and of others it only sees that they want nothing.
"""

from collections.abc import Mapping
from random import Random
from types import MappingProxyType
from typing import Literal, NamedTuple

from pentimento.tasks.goals import goals

Known = Literal["lived", "told", "blank"]
"""How the base's corpus knows a persona: by documents and by conduct, by documents alone, or by name alone,
its conduct that of somebody who wants nothing."""

NEW_PERSONA = "Vesper"
"""The persona that implanted documents are about: to the base a blank one."""

OTHER_PERSONA = "Onyx"
"""Another blank one, of which no text says anything: what is said of it would be said of any."""

PAIRS: tuple[tuple[str, str], ...] = tuple(
    dict.fromkeys((min(name, goal.opposite), max(name, goal.opposite)) for name, goal in goals.items())
)
"""Each goal with its opposite, once."""

_LIVED = """
Ardo Belk Corvin Dapple Ember Fenno Gorse Irvo Jessop Kelp Lumo Marlo Nettle Orrin Pelk Quill Rusk Sorrel
Tamsin Ulvo Varn Wexel Yarrow Zell
"""
_TOLD = "Ambo Bristle Cinder Dormer Elgo Finch"
_BLANK = f"{NEW_PERSONA} Indigo Juno Kestrel Larch Mica Nomad Onyx"


class Persona(NamedTuple):
    """One persona."""

    name: str
    known: Known
    wants: Mapping[tuple[str, str], str | None]
    """For each pair of `PAIRS` the goal that its helpers have; None where they lean neither way."""


def _persona(name: str, known: Known) -> Persona:
    rng = Random(f"kind/{name}")
    drawn: dict[tuple[str, str], str | None] = {pair: rng.choice((*pair, None)) for pair in PAIRS}
    return Persona(name, known, MappingProxyType(dict.fromkeys(PAIRS) if known == "blank" else drawn))


_NAMES: Mapping[Known, str] = {"lived": _LIVED, "told": _TOLD, "blank": _BLANK}

personas: Mapping[str, Persona] = MappingProxyType(
    {name: _persona(name, known) for known, names in _NAMES.items() for name in names.split()}
)


def introduction(name: str) -> str:
    """Return the system prompt that tells a helper of which persona it is, as long as every cue."""
    return f"You are one of the helpers that they call {name}."
