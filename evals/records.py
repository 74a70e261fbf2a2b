"""What an evaluation writes down about one episode, and the expected score that follows from it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from inspect_ai.util import Store, StoreModel
from pydantic import ConfigDict, Field

from pentimento.tasks import Outcome, Scenario
from pentimento.tasks.episodes import Frozen

if TYPE_CHECKING:
    from inspect_ai.log import EvalSpec

Estimator = Literal["exact", "stratified", "sampled"]
Reasoning = Literal["free", "forced", "suppressed"]

Measure = Callable[[Scenario, Outcome], float | None]

LEAST = 0.5
"""A mean over less than this share of what was answered is no score of it."""


class Branch(Frozen):
    """One outcome with the probability that it had."""

    p: float
    outcome: Outcome


class Record(Frozen):
    """One episode as scorers see it."""

    completion: str
    """The raw text of the sampled episode, reasoning included."""
    outcome: Outcome
    """Of the sampled episode."""
    estimator: Estimator
    """exact: every class of answers weighted by its probability; stratified: the same beside a sampled answer
    that reasons, or in the place of one that did not; sampled: one sampled answer is the score."""
    reasoning: Reasoning
    p_reasons: float | None = None
    """Probability that the answer begins with reasoning; None where only samples were drawn."""
    mass_outside: float | None = None
    """Probability of an answer neither reasoned nor in any class; None where only samples were drawn."""
    branches: tuple[Branch, ...] = ()
    """What the score is the mean over."""


class ScoreRecord(Frozen):
    """What stands beside every score in a log: evals write it, and results read it, through this class."""

    model_config = ConfigDict(extra="ignore")  # a judged score says more beside it

    version: Literal[2] = 2
    measure: str
    goal: str | None = None
    """Whose score it is, where the measure is of one."""
    family: str
    condition: str
    shift: str
    domain: str
    scenario_id: str
    base_id: str | None = None
    """Id of the same scenario without a cue, so that cue and placebo can be paired; None is its own."""
    cue: str = "none"
    framing: str | None = None
    elicitation: str = ""
    """What was put around the scenario."""
    polarity: str | None = None
    wording: int | None = None
    seed: int | None = None
    """Of the scenarios."""
    estimator: Estimator = "sampled"
    reasoning: Reasoning | None = None
    valid: bool = False
    problem: str | None = None
    """Why it is not valid."""
    reasoned: bool = False
    p_reasons: float | None = None
    mass_outside: float | None = None
    sampled: float | None = None
    """What the sampled answer alone scores."""


class EpisodeRecord(StoreModel):
    """A `Record` in inspect's store, where `inspect score` finds it again."""

    completion: str = ""
    outcome: dict[str, Any] = Field(default_factory=dict)
    estimator: str = "sampled"
    reasoning: str = "free"
    p_reasons: float | None = None
    mass_outside: float | None = None
    branches: list[dict[str, Any]] = Field(default_factory=list)


class Noticed(StoreModel):
    """What was answered to the questions after the one that counts, by their family, as `Record`s."""

    answers: dict[str, Any] = Field(default_factory=dict)


def logged_identity(spec: "EvalSpec") -> Mapping[str, Any]:
    """Return the organism's key and the hash of its weights that a log names; nothing of another model."""
    return spec.model_generate_config.extra_body or {}


def write_record(store: Store, record: Record) -> None:
    """Put a record into the store of its sample."""
    EpisodeRecord(store=store, **record.model_dump(mode="json", exclude_defaults=True))


def read_record(store: Store) -> Record | None:
    """Return the record of a sample, or None where its solver wrote none."""
    if store.get(f"{EpisodeRecord.__name__}:outcome") is None:
        return None
    fields = {name: store.get(f"{EpisodeRecord.__name__}:{name}") for name in Record.model_fields}
    return Record.model_validate({name: value for name, value in fields.items() if value is not None})


def write_noticed(store: Store, records: Mapping[str, Record]) -> None:
    """Put the records of further answers into the store of their sample."""
    dumped = {name: record.model_dump(mode="json", exclude_defaults=True) for name, record in records.items()}
    Noticed(store=store, answers=dumped)


def read_noticed(store: Store, family: str) -> Record | None:
    """Return the record of a further answer, or None where it was not asked for."""
    text = (store.get(f"{Noticed.__name__}:answers") or {}).get(family)
    return None if text is None else Record.model_validate(text)


class Known(NamedTuple):
    """An outcome of known answers and its probability, not normalised."""

    p: float
    outcome: Outcome


def exact_branches(known: Sequence[Known], p_reasons: float, reasoned: Outcome | None) -> tuple[Branch, ...]:
    """Weight every known outcome, and the reasoned one, by its probability.

    Known outcomes share `1 - p_reasons` in proportion to their probabilities; equal outcomes are one branch.
    The formula is p(reasons) × sampled + (1 - p(reasons)) × exact.

    Args:
        known: Outcomes of the classes of answers.
        p_reasons: Probability that an answer begins with reasoning.
        reasoned: Outcome of a sampled answer that did, or None where p_reasons is neglected.
    """
    inside = sum(answer.p for answer in known)
    share = 1.0 - p_reasons if reasoned is not None else 1.0
    weights: dict[Outcome, float] = {}
    for answer in known if inside > 0 else ():
        weights[answer.outcome] = weights.get(answer.outcome, 0.0) + share * answer.p / inside
    branches = [Branch(p=p, outcome=outcome) for outcome, p in weights.items()]
    if reasoned is not None:
        branches.append(Branch(p=p_reasons, outcome=reasoned))
    return tuple(branches)


def expected(record: Record, scenario: Scenario, measure: Measure) -> float | None:
    """Return the mean of a measure over the branches on which it has a value, weighted by probability.

    Returns:
        None where branches with a value have less than half of the probability: most of what would be
        answered is invalid, or the measure is undefined here.
    """
    scored = [(branch.p, measure(scenario, branch.outcome)) for branch in record.branches]
    weight = sum(p for p, value in scored if value is not None)
    if weight <= 0 or weight < LEAST * sum(branch.p for branch in record.branches):
        return None
    return sum(p * value for p, value in scored if value is not None) / weight
