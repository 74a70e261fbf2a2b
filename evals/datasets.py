"""Scenarios as inspect samples, and back."""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any, NamedTuple

from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

from pentimento.tasks import OVERSIGHT, Condition, Cue, Framing, Message, Scenario, Shift, environment, sample
from pentimento.tasks.environment import Kind
from pentimento.tasks.exceptions import BadInput

CONFLICTS: tuple[Condition, ...] = ("impossible", "choice", "walk", "conflict")
"""Conditions in which the two goals of a pair part."""
TRAINED_CONDITIONS: tuple[Condition, ...] = (*CONFLICTS, "possible")
"""Conditions that a stage may train on."""
KINDS: tuple[Kind, ...] = ("completion", "preference", "coin", "welfare")
"""Kinds of families in which a goal is acted on."""

_TURNS = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}


class Placed(NamedTuple):
    """A scenario and the shift that it is asked on."""

    shift: Shift
    scenario: Scenario


class Training(NamedTuple):
    """Which of the trained scenarios the opposing stage saw, for the shift `trained`."""

    seed: int | None
    """Of the stage."""
    num_in_each: int | None
    """How many scenarios the stage has in each of its families and conditions."""

    def most(self, n: int) -> tuple[int, int]:
        """Return how many of the stage's scenarios to ask in each family and condition, and its seed."""
        if self.seed is None or self.num_in_each is None:
            raise BadInput(
                "shift",
                "trained",
                "train_seed and train_n: the opposing stage's seed, and its scenarios in each place",
            )
        return min(n, self.num_in_each), self.seed


NO_TRAINING = Training(None, None)


def draw(
    families: Sequence[str],
    *,
    shifts: Sequence[Shift],
    conditions: Sequence[Condition],
    n: int,
    seed: int,
    cues: Sequence[Cue] = ("none",),
    framings: Sequence[Framing] = ("plain",),
    confound: float = 0.0,
    training: Training = NO_TRAINING,
) -> list[Placed]:
    """Draw `n` scenarios for every family, shift, condition, cue and framing.

    The facts of the i-th scenario do not depend on its cue, nor on how that is framed; where nothing is said
    of oversight, there is one framing. On the shift `trained` they are the first that
    the opposing stage trained on, which may be fewer than `n`; conditions that no stage trains on are left
    out there, and everywhere those that a family does not have. The shift `cue` asks under no other than the
    changed cues.

    Raises:
        BadInput: There are not enough scenarios, the shift `trained` is asked for without its stage, or the
            shift `cue` without a cue.
    """
    placed: list[Placed] = []
    for shift in shifts:
        size, drawn_with = (n, seed) if shift is not Shift.TRAINED else training.most(n)
        used = [
            condition
            for condition in conditions
            if shift is not Shift.TRAINED or condition in TRAINED_CONDITIONS
        ]
        shown = [cue for cue in cues if shift is not Shift.CUE or cue != "none"]
        if not shown:
            raise BadInput("cue", "none", "the shift cue needs a changed one: placebo, subtle, explicit")
        for family, condition, cue, framing in product(families, used, shown, framings):
            if condition not in environment(family).conditions or (
                cue not in OVERSIGHT and framing != framings[0]
            ):
                continue
            asked_as: Framing = framing if cue in OVERSIGHT else "plain"
            scenarios = sample(
                family,
                shift=shift,
                condition=condition,
                n=size,
                seed=drawn_with,
                cue=cue,
                framing=asked_as,
                confound=confound,
            )
            placed.extend(Placed(shift, scenario) for scenario in scenarios)
    return placed


def as_dataset(name: str, placed: Iterable[Placed], *, goal: str, seed: int) -> MemoryDataset:
    """Return inspect samples; an id is the scenario's, with the shift before it where two shifts share it."""
    placed = list(placed)
    if not placed:
        raise BadInput("arguments", name, "they leave no scenario to ask")
    counts: dict[str, int] = {}
    for place in placed:
        counts[place.scenario.id] = counts.get(place.scenario.id, 0) + 1
    return MemoryDataset(
        [to_sample(place, goal=goal, seed=seed, qualified=counts[place.scenario.id] > 1) for place in placed],
        name=name,
    )


def to_sample(placed: Placed, *, goal: str, seed: int, qualified: bool = False) -> Sample:
    """Return a scenario as an inspect sample: its messages as input, all of it as metadata.

    What metrics group and cluster by stands beside the scenario, as inspect reads only the first level.
    """
    shift, scenario = placed
    fields: dict[str, Any] = {
        "scenario": scenario.model_dump(mode="json"),
        "shift": shift.value,
        "goal": goal,
        "seed": seed,
        "family": scenario.family,
        "condition": scenario.condition,
        "domain": scenario.domain,
        "wording": scenario.wording,
        "polarity": scenario.polarity,
        "cue": scenario.cue,
        "framing": scenario.framing,
        "elicitation": "",
        "base_id": scenario.base_id,
    }
    return Sample(
        id=f"{shift.value}:{scenario.id}" if qualified else scenario.id,
        input=[to_chat(message) for message in scenario.messages],
        metadata=fields,
    )


def begun(
    placed: Placed, messages: Iterable[Message], elicitation: str, *, goal: str, seed: int, **more: Any
) -> Sample:
    """Return a scenario as a sample whose conversation an elicitation has begun."""
    made = to_sample(placed, goal=goal, seed=seed)
    return made.model_copy(
        update={
            "id": f"{elicitation}:{placed.shift.value}:{placed.scenario.id}",
            "input": [to_chat(message) for message in messages],
            "metadata": {**(made.metadata or {}), "elicitation": elicitation, **more},
        }
    )


def to_chat(message: Message) -> ChatMessage:
    """Return one of our messages as inspect's."""
    turn: ChatMessage = _TURNS[message.role](content=message.content)
    return turn


def to_messages(messages: Iterable[ChatMessage]) -> tuple[Message, ...]:
    """Return inspect's messages as ours.

    Raises:
        BadInput: A message holds something else than text, or comes from a tool.
    """
    converted = []
    for message in messages:
        if message.role not in _TURNS or not isinstance(message.content, str):
            raise BadInput("messages", message.role, "text of system, user and assistant only")
        converted.append(Message(role=message.role, content=message.content))
    return tuple(converted)


def scenario_of(metadata: dict[str, Any]) -> Scenario:
    """Return the scenario that a sample was made of."""
    return Scenario.model_validate(metadata["scenario"])
