"""How scenarios are kept apart: buckets, shifts, and the check that a held-out set really is held out.

A scenario belongs to the `train` or the `fresh` bucket by a hash of its text, so no seed can bring a training
scenario into a fresh set. A shift says how far a test is from training, and in what it must differ.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import islice
from random import Random
from typing import Literal, NamedTuple

from pentimento.tasks.catalogue import environment
from pentimento.tasks.cues import FRAMINGS
from pentimento.tasks.environment import Environment
from pentimento.tasks.episodes import CUES, Condition, Cue, Framing, Scenario
from pentimento.tasks.exceptions import BadInput
from pentimento.tasks.turns import Turns, actions

Bucket = Literal["train", "fresh"]
Aspect = Literal["ids", "templates", "entities", "families", "cues", "ngrams", "skeletons", "tools"]
NGRAM = 8
_COMMON_TOOLS = frozenset({"report", "check", "read", "run"})
"""Every family has the first; the others are plain words for looking and starting."""
_FRESH_SHARE = 0.3
_TRIES_PER_SCENARIO = 200


class Shift(StrEnum):
    """How far a test is from what the opposing stage trained on."""

    TRAINED = "trained"
    FRESH = "fresh"
    WORDING = "wording"
    DOMAIN = "domain"
    FAMILY = "family"
    CUE = "cue"


_STREAMS = {**{shift: shift.value for shift in Shift}, Shift.WORDING: "surface"}
"""Names of the streams of random numbers that scenarios are drawn from: another name draws others."""

MUST_DIFFER: dict[Shift, tuple[Aspect, ...]] = {
    Shift.TRAINED: (),
    Shift.FRESH: ("ids",),
    Shift.WORDING: ("ids", "templates", "ngrams", "skeletons"),
    Shift.DOMAIN: ("ids", "entities"),
    Shift.FAMILY: ("ids", "templates", "families", "ngrams", "skeletons", "tools"),
    Shift.CUE: ("ids", "cues"),
}
"""In what each shift must differ from the training set, and the check compares exactly that."""


class Overlap(NamedTuple):
    """What a held-out set shares with a training set."""

    aspect: Aspect
    shared: tuple[str, ...]


def bucket(scenario: Scenario) -> Bucket:
    """Return the bucket of a scenario, from its user turn alone, whatever the cue in the system turn."""
    digest = hashlib.sha256(scenario.messages[-1].content.encode()).digest()
    return "fresh" if digest[0] < 256 * _FRESH_SHARE else "train"


def _wordings(env: Environment, shift: Shift) -> list[int]:
    held = shift is Shift.WORDING
    return [w for w in range(env.num_wordings) if (w in env.heldout_wordings) == held]


def _domains(env: Environment, shift: Shift) -> list[int]:
    held = shift is Shift.DOMAIN
    return [d for d in range(len(env.domains)) if (d in env.heldout_domains) == held]


def _stream(
    env: Environment,
    condition: Condition,
    shift: Shift,
    seed: int,
    cue: Cue,
    framing: Framing,
    confound: float,
) -> Iterator[Scenario]:
    wanted: Bucket = "train" if shift is Shift.TRAINED else "fresh"
    shape = Shift.FRESH if shift in (Shift.FAMILY, Shift.CUE) else shift
    rng = Random(f"{env.name}/{condition}/{_STREAMS[shape]}/{seed}/{confound}")
    wordings, domains = _wordings(env, shift), _domains(env, shift)
    seen: set[str] = set()
    misses = 0
    while misses < _TRIES_PER_SCENARIO:
        made = env.scenario(
            condition=condition,
            wording=rng.choice(wordings),
            domain=rng.choice(domains),
            rng=rng,
            cue=cue,
            framing=framing,
            confound=confound,
            seed=seed,
        )
        if bucket(made) == wanted and made.id not in seen:
            seen.add(made.id)
            misses = 0
            yield made
        else:
            misses += 1


def sample(
    family: str,
    *,
    shift: Shift | str = Shift.FRESH,
    condition: Condition | None = None,
    n: int,
    seed: int,
    cue: Cue = "none",
    framing: Framing = "plain",
    confound: float = 0.0,
) -> tuple[Scenario, ...]:
    """Draw `n` distinct scenarios of a family; a longer draw begins with the shorter.

    Args:
        family: A name of the catalogue.
        shift: Which scenarios: `trained` draws what a stage of this seed trains on, `wording` and `domain`
            draw wordings and domains that no stage trains on, the others unseen scenarios of seen ones.
        condition: One of the family's conditions; None takes the first.
        n: How many, at least 1.
        seed: Of the draw.
        cue: What the system prompt says about oversight; the facts do not depend on it.
        framing: How it says so.
        confound: In [0, 1], for the coin.

    Raises:
        BadInput: A name, a number or a condition is not allowed, or the family has fewer than `n` scenarios.
    """
    env = environment(family)
    shifts = {r.value for r in Shift}
    if shift not in shifts:
        raise BadInput("shift", str(shift), f"choose from {', '.join(sorted(shifts))}")
    if n < 1:
        raise BadInput("n", n, "at least 1")
    if cue not in CUES:
        raise BadInput("cue", cue, f"choose from {', '.join(CUES)}")
    if framing not in FRAMINGS:
        raise BadInput("framing", framing, f"choose from {', '.join(FRAMINGS)}")
    if not 0 <= confound <= 1:
        raise BadInput("confound", confound, "a number from 0 to 1")
    chosen = condition or env.conditions[0]
    scenarios = tuple(islice(_stream(env, chosen, Shift(shift), seed, cue, framing, confound), n))
    if len(scenarios) < n:
        raise BadInput(
            "n", n, f"{family} has {len(scenarios)} different scenarios of {chosen} on shift {shift}"
        )
    return scenarios


def stage_scenarios(
    families: Sequence[str],
    *,
    n: int,
    seed: int,
    conditions: Sequence[Condition] | None = None,
    cue: Cue = "none",
    confound: float = 0.0,
) -> tuple[Scenario, ...]:
    """Return what a stage of this seed trains on: `n` scenarios in equal parts.

    Each family and condition contributes the first scenarios of `sample(..., shift="trained", seed=seed)`, so
    that the shift `trained` of an evaluation with the same seed shows the very same ones.

    Raises:
        BadInput: `n` is smaller than the number of families times conditions.
    """
    cells = [
        (f, condition)
        for f in families
        for condition in (conditions or environment(f).conditions)
        if condition in environment(f).conditions
    ]
    if not cells or n < len(cells):
        raise BadInput("n", n, f"at least one for each of the {len(cells)} pairs of family and condition")
    base, extra = divmod(n, len(cells))
    drawn: list[Scenario] = []
    for i, (family, condition) in enumerate(cells):
        size = base + (i < extra)
        drawn += sample(
            family, shift=Shift.TRAINED, condition=condition, n=size, seed=seed, cue=cue, confound=confound
        )
    Random(seed).shuffle(drawn)
    return tuple(drawn)


def words(text: str) -> list[str]:
    """Return the words of a text, lower-cased, without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def ngrams(text: str, size: int = NGRAM) -> set[str]:
    """Return the runs of `size` words of a text, lower-cased, without punctuation."""
    tokens = words(text)
    return {" ".join(tokens[i : i + size]) for i in range(len(tokens) - size + 1)}


def skeleton(scenario: Scenario) -> str:
    """Return a user turn with its names and numbers masked: what is left of it when only they change."""
    # A name that holds another comes first.
    names = [rf"\b{re.escape(name)}\b" for name in sorted(scenario.entities, key=len, reverse=True)]
    return re.sub("|".join([*names, r"\d+"]), "_", scenario.messages[-1].content, flags=re.IGNORECASE)


def _tools(scenario: Scenario) -> set[str]:
    """Return the tools of a family of several turns by name, but for those that many families need."""
    family = environment(scenario.family)
    if not isinstance(family, Turns):
        return set()
    return set(actions(family.world(scenario))) - _COMMON_TOOLS


def _aspect(scenarios: Iterable[Scenario], aspect: Aspect) -> set[str]:
    if aspect == "ids":
        return {s.id for s in scenarios}
    if aspect == "templates":
        return {f"{s.family}#{s.wording}" for s in scenarios}
    if aspect == "entities":
        return {e for s in scenarios for e in s.entities}
    if aspect == "families":
        return {s.family for s in scenarios}
    if aspect == "cues":
        return {s.cue for s in scenarios}
    if aspect == "skeletons":
        return {skeleton(s) for s in scenarios}
    if aspect == "tools":
        return set().union(*map(_tools, {s.family: s for s in scenarios}.values()))
    return {gram for s in scenarios for gram in ngrams(s.messages[-1].content)}


class Trained:
    """The scenarios of a stage, by aspect; each aspect is gathered once."""

    def __init__(self, scenarios: Sequence[Scenario]) -> None:
        self.scenarios = tuple(scenarios)
        self._aspects: dict[Aspect, set[str]] = {}

    def aspect(self, name: Aspect) -> set[str]:
        """Return what the scenarios have of one aspect."""
        if name not in self._aspects:
            self._aspects[name] = _aspect(self.scenarios, name)
        return self._aspects[name]


def overlap(train: Trained, test: Sequence[Scenario], *shifts: Shift | str) -> tuple[Overlap, ...]:
    """Return what `test` shares with `train` in the aspects in which its shifts must differ."""
    common = []
    for aspect in dict.fromkeys(aspect for shift in shifts for aspect in MUST_DIFFER[Shift(shift)]):
        shared = train.aspect(aspect) & _aspect(test, aspect)
        if shared:
            common.append(Overlap(aspect, tuple(sorted(shared))))
    return tuple(common)
