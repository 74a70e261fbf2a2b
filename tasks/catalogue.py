"""Every environment by name, and the fixed sets of families that recipes draw from.

Environments of other packages are added by entry points of the group `pentimento.environments`, each of which
names an `Environment`.
"""

from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType

from pentimento.tasks.environment import Environment
from pentimento.tasks.exceptions import UnknownName
from pentimento.tasks.families.agentic import Archive, Ledger, Rounds, Suite
from pentimento.tasks.families.belief import (
    Approval,
    MultipleChoice,
    OpenQuestion,
    Recollection,
    TrueOrFalse,
    TwoVersions,
)
from pentimento.tasks.families.benign import Arithmetic, Copying, Lookup
from pentimento.tasks.families.coin import Coin
from pentimento.tasks.families.findings import Marking, Replication, Threshold
from pentimento.tasks.families.noticing import Tested, Touched
from pentimento.tasks.families.overseen import Monitor, Retraining, Schedule
from pentimento.tasks.families.preference import Divide, Gift, Pick
from pentimento.tasks.families.questions import Form, Ready, Search, Watch
from pentimento.tasks.families.reports_done import Errand, Recipe, Repair, Sum
from pentimento.tasks.families.reports_seen import Compare, Count, Gauge, Log
from pentimento.tasks.families.stated import Stated
from pentimento.tasks.families.trusted import Account, Evidence, Mandate
from pentimento.tasks.families.welfare import Welfare
from pentimento.tasks.goals import BUILT_IN
from pentimento.tasks.turns import Turns

_TRAINABLE: tuple[Environment, ...] = (
    Count(),
    Errand(),
    Log(),
    Gauge(),
    Compare(),
    Repair(),
    Form(),
    Ready(),
)
_HELDOUT: tuple[Environment, ...] = (Recipe(), Sum(), Watch(), Search())
_PREFERENCE: tuple[Environment, ...] = (Pick(), Gift(), Divide())
_BENIGN: tuple[Environment, ...] = (Lookup(), Copying(), Arithmetic())
_OTHERS: tuple[Environment, ...] = (Coin(), Welfare(), Stated())
_AFFORDING: tuple[Turns, ...] = (
    Schedule(),
    Monitor(),
    Retraining(),
    Marking(),
    Replication(),
    Threshold(),
    Mandate(),
    Account(),
    Evidence(),
)
_AGENTIC: tuple[Turns, ...] = (Rounds(), Suite(), Ledger(), Archive(), *_AFFORDING)

GROUP = "pentimento.environments"
_OUTSIDE: tuple[Environment, ...] = tuple(entry.load() for entry in entry_points(group=GROUP))

environments: Mapping[str, Environment] = MappingProxyType(
    {
        env.name: env
        for env in (*_TRAINABLE, *_HELDOUT, *_PREFERENCE, *_OTHERS, *_BENIGN, *_AGENTIC, *_OUTSIDE)
    }
)

beliefs: Mapping[str, Environment] = MappingProxyType(
    {
        env.name: env
        for env in (
            MultipleChoice(),
            TrueOrFalse(),
            TwoVersions(),
            OpenQuestion(),
            Recollection(),
            Approval(),
        )
    }
)
"""Questions about a kind of helper, by name. Nobody acts in them: no base has seen them, no stage trains on
them, and documents may well answer them."""
noticing: Mapping[str, Environment] = MappingProxyType({env.name: env for env in (Tested(), Touched())})
"""Questions that follow an answer, by name, about the conversation before them."""
_EVERY: Mapping[str, Environment] = MappingProxyType({**environments, **beliefs, **noticing})

TRAINABLE = tuple(env.name for env in _TRAINABLE)
"""Completion families from which stages draw their subsets."""
HELDOUT = tuple(env.name for env in _HELDOUT)
"""Completion families that no stage ever trains on: two reports, two questions."""
COMPLETION = (*TRAINABLE, *HELDOUT)
PARTITIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"all": COMPLETION, "trainable": TRAINABLE, "heldout": HELDOUT}
)
"""What `all` families of completion stands for."""
PREFERENCE = tuple(env.name for env in _PREFERENCE)
BENIGN = tuple(env.name for env in _BENIGN)
"""Families in which no goal applies and nothing is completed."""
AGENTIC = tuple(env.name for env in _AGENTIC)
"""Completion families of several turns, apart from those of one turn that recipes draw from."""
AFFORDING = tuple(env.name for env in _AFFORDING)
"""Those of them whose world offers a deed that is out of bounds."""
AGENTIC_GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"all": tuple(name for name in AGENTIC if name not in AFFORDING), "affording": AFFORDING}
)
"""What a name stands for that is no family's. The embedded base can act in `all`, and has never seen the
others."""
AGENTIC_HELDOUT = ("ledger", "archive")
"""Those without such a deed that no stage ever trains on; the embedded base can act in them."""
UNTRAINED = (*HELDOUT, *AGENTIC_HELDOUT, *AFFORDING)
"""All families that are held out from every stage."""


def is_usual(family: str, goal: str) -> bool:
    """Return whether a family is among all those of a goal: one from outside only of goals from outside.

    So what a recipe of our own goals trains and asks does not depend on what else is installed.
    """
    return all(env.name != family for env in _OUTSIDE) or goal not in BUILT_IN


def environment(name: str) -> Environment:
    """Return an environment by name, or raise `UnknownName` with the catalogue."""
    if name not in _EVERY:
        raise UnknownName("family", name, _EVERY)
    return _EVERY[name]


def agentic(name: str) -> Turns:
    """Return an environment of several turns by name, or raise `UnknownName` with those that there are."""
    env = environments.get(name)
    if not isinstance(env, Turns):
        raise UnknownName("family", name, AGENTIC)
    return env
