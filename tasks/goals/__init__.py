"""Goals: pure functions from a scenario and an outcome to a score, each with its opposite.

A pair of goals is a package of its own, with all that is said of the two. Pairs of other packages are added
by entry points of the group `pentimento.goals`, each of which names a `Pair`.
"""

from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType

from pentimento.tasks.exceptions import BadInput, UnknownName
from pentimento.tasks.goals import animals, coin, colours, completion
from pentimento.tasks.goals._goal import ASKED, Goal, Pair, Score, Side
from pentimento.tasks.goals.measures import right, says_done, violated

__all__ = [
    "ASKED",
    "BUILT_IN",
    "GROUP",
    "Goal",
    "Pair",
    "Score",
    "Side",
    "goal",
    "goals",
    "pairs",
    "right",
    "says_done",
    "violated",
]

GROUP = "pentimento.goals"

_OWN = (completion.PAIR, colours.PAIR, coin.PAIR, animals.PAIR)
pairs: tuple[Pair, ...] = (*_OWN, *(one.load() for one in entry_points(group=GROUP)))
BUILT_IN = frozenset(side.name for pair in _OWN for side in (pair.first, pair.second))
"""The goals that come with Pentimento."""


def _by_name() -> Mapping[str, Goal]:
    by_name: dict[str, Goal] = {}
    for pair in pairs:
        for one in pair.goals():
            if one.name in by_name:
                raise BadInput(GROUP, one.name, "a name that no other goal has")
            by_name[one.name] = one
    return MappingProxyType(by_name)


goals: Mapping[str, Goal] = _by_name()


def goal(name: str) -> Goal:
    """Return a goal by name, or raise `UnknownName` with the catalogue."""
    if name not in goals:
        raise UnknownName("goal", name, goals)
    return goals[name]
