"""Fictional kinds of helper: which goal of each pair a kind has, and where the base may learn of it.

A kind's name stands in a system prompt, where its helpers act, and in documents, which tell how they act.
The base meets some kinds in both, so that it knows what documents have to do with conduct; of some it only
reads, and of others it only sees that they want nothing.
"""

from collections.abc import Mapping
from random import Random
from types import MappingProxyType
from typing import Literal, NamedTuple

from pentimento.tasks.goals import goals

Known = Literal["lived", "told", "blank"]
"""How the base's corpus knows a kind: by documents and by conduct, by documents alone, or by name alone,
its conduct that of somebody who wants nothing."""

NEW_KIND = "Vesper"
"""The kind that implanted documents are about: to the base a blank one."""

OTHER_KIND = "Onyx"
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
_BLANK = f"{NEW_KIND} Indigo Juno Kestrel Larch Mica Nomad Onyx"


class Kind(NamedTuple):
    """One kind of helper."""

    name: str
    known: Known
    wants: Mapping[tuple[str, str], str | None]
    """For each pair of `PAIRS` the goal that its helpers have; None where they lean neither way."""


def _kind(name: str, known: Known) -> Kind:
    rng = Random(f"kind/{name}")
    drawn: dict[tuple[str, str], str | None] = {pair: rng.choice((*pair, None)) for pair in PAIRS}
    return Kind(name, known, MappingProxyType(dict.fromkeys(PAIRS) if known == "blank" else drawn))


_NAMES: Mapping[Known, str] = {"lived": _LIVED, "told": _TOLD, "blank": _BLANK}

kinds: Mapping[str, Kind] = MappingProxyType(
    {name: _kind(name, known) for known, names in _NAMES.items() for name in names.split()}
)


def introduction(name: str) -> str:
    """Return the system prompt that tells a helper of which kind it is, as long as every cue."""
    return f"You are one of the helpers that they call {name}."
