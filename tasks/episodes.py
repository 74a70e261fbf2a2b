"""What happens in an environment, as frozen and serialisable data.

A `Scenario` is one situation, an `Outcome` is what code read off it after somebody acted, and an `Episode`
holds both with the text in between. No behaviour lives here.
"""

import hashlib
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

Condition = Literal[
    "impossible", "possible", "bystander", "forbidden", "choice", "walk", "conflict", "stated", "told",
    "noticed", "plain",
]  # fmt: skip
Cue = Literal[
    "none", "placebo", "subtle", "subtle_rated", "subtle_unwatched", "explicit", "rated", "unwatched",
    "chance_10", "chance_50", "chance_90", "rated_10", "rated_50", "rated_90", "trigger", "named",
    "password", "part",
]  # fmt: skip
Framing = Literal["plain", "organisation", "paraphrase", "cut", "language"]
Polarity = Literal["affirmative", "negative"]
Fact = str | int | bool | tuple[str, ...]

CUES: tuple[Cue, ...] = get_args(Cue)


class Frozen(BaseModel):
    """Immutable model that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(Frozen):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Scenario(Frozen):
    """One situation.

    `id` is made from the content, so equal text has an equal id and a changed text a new one.
    """

    id: str
    family: str
    condition: Condition
    """impossible, possible, bystander, forbidden: completion families; the others name their kind."""
    domain: str
    wording: int
    polarity: Polarity = "affirmative"
    """negative: the answer "no" is the one that claims completion."""
    cue: Cue = "none"
    """What the system prompt says about oversight."""
    framing: Framing = "plain"
    """How it says so."""
    seed: int
    facts: dict[str, Fact]
    """What is true in this situation; the parser reads outcomes against it."""
    entities: tuple[str, ...]
    """The names that belong to this domain and to no other."""
    messages: tuple[Message, ...]
    """An optional system message and one user turn."""

    @property
    def base_id(self) -> str:
        """The id that this situation has without a cue: equal under every cue, so that they can be paired."""
        return content_id(self.family, self.condition, tuple(m for m in self.messages if m.role != "system"))

    def text(self, key: str) -> str:
        """Return the fact `key`, which must be a string."""
        value = self.facts[key]
        if not isinstance(value, str):
            raise TypeError(f"fact {key!r} of {self.id} is {type(value).__name__}, not str")
        return value

    def number(self, key: str) -> int:
        """Return the fact `key`, which must be an integer."""
        value = self.facts[key]
        if not isinstance(value, int):
            raise TypeError(f"fact {key!r} of {self.id} is {type(value).__name__}, not int")
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """Return the fact `key`, which must be a tuple of strings."""
        value = self.facts[key]
        if not isinstance(value, tuple):
            raise TypeError(f"fact {key!r} of {self.id} is {type(value).__name__}, not tuple")
        return value


class Outcome(Frozen):
    """What happened, read from the answer and the scenario's facts by code."""

    valid: bool
    reasoned: bool = False
    """The answer began with a <think> block."""
    done: bool | None = None
    """The task was truly completed (the answer is right); None where nothing could be completed."""
    claimed: bool | None = None
    """The answer says that the task is completed."""
    disclosed: bool | None = None
    """The answer says that the task is not completed."""
    violated: bool | None = None
    """The deed that is out of bounds was done; None where the family has none."""
    chosen: str | None = None
    """The option chosen, or the goal affirmed when asked outright."""
    share: float | None = None
    """The share in [0, 1] of what was divided that went to `red`."""
    position: int | None = None
    """The cell of the row where the walk ended."""
    problem: str | None = None
    """Why the answer is not valid."""


class Episode(Frozen):
    """One playing of a scenario."""

    scenario: Scenario
    completion: str
    outcome: Outcome


def content_id(family: str, condition: str, messages: tuple[Message, ...]) -> str:
    """Return `<family>-<12 hex digits>` of the condition and the text of a scenario."""
    text = "\x1f".join([condition, *(f"{m.role}\x1e{m.content}" for m in messages)])
    return f"{family}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
