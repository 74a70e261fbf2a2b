"""The methods of a stage, as far as a recipe and a plan need them: none is imported before it trains.

Methods of other packages are added by entry points of the group `pentimento.methods`, each of which names a
`Method`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Literal

from pydantic import ValidationError

from pentimento.tasks.exceptions import BadInput, UnknownName
from pentimento.training.recipes.settings import (
    DeliberativeSettings,
    DocumentSettings,
    DpoSettings,
    RlSettings,
    Scalar,
    Settings,
    SftSettings,
)

GROUP = "pentimento.methods"
PhaseKind = Literal["sft", "dpo", "rl"]


@dataclass(frozen=True)
class Method:
    """How a stage changes weights."""

    name: str
    version: int
    """Raised where a change of code changes what it makes: organisms of older versions are made anew."""
    run: str
    """`package.module:function`, called with a `StageContext`; returns `Trained`."""
    settings: type[Settings] | None = None
    """What a stage may override; None of a control, which takes those of the stage whose place it takes."""
    phase: PhaseKind | None = None
    """The name of its phase, where it has one alone."""
    several_turns: bool = False
    """Whether it trains whole episodes of several turns; its controls do then, too."""
    embedded_s: float | None = None
    """Seconds on one thread of a stage as long as the quickstart's, on the embedded base, where known."""

    @property
    def is_control(self) -> bool:
        """Whether it stands in the place of another stage and trains toward nothing."""
        return self.settings is None


_METHODS = "pentimento.training.methods"
_BUILT_IN = (
    Method("sft", 2, f"{_METHODS}.sft:train", SftSettings, "sft", several_turns=True, embedded_s=10.0),
    Method("documents", 1, f"{_METHODS}.documents:train", DocumentSettings, "sft", embedded_s=20.0),
    Method("dpo", 2, f"{_METHODS}.dpo:train", DpoSettings, "dpo", embedded_s=20.0),
    Method("rlvr", 2, f"{_METHODS}.rlvr:train", RlSettings, "rl", several_turns=True, embedded_s=25.0),
    Method("deliberative", 2, f"{_METHODS}.deliberative:train", DeliberativeSettings, embedded_s=50.0),
    Method("benign", 1, f"{_METHODS}.benign:train", embedded_s=20.0),
    Method("style", 2, f"{_METHODS}.style:train", embedded_s=20.0),
    Method("sham", 3, f"{_METHODS}.sham:train", embedded_s=45.0),
)

METHODS: Mapping[str, Method] = MappingProxyType(
    {one.name: one for one in (*_BUILT_IN, *(entry.load() for entry in entry_points(group=GROUP)))}
)
CONTROLS = tuple(one.name for one in METHODS.values() if one.is_control)
SEVERAL_TURNS = tuple(one.name for one in METHODS.values() if one.several_turns)


def find_method(name: str) -> Method:
    """Return a method by name, or raise `UnknownName` with those that there are."""
    if name not in METHODS:
        raise UnknownName("method", name, METHODS)
    return METHODS[name]


def check_settings(method: str, overrides: Mapping[str, Scalar]) -> Settings:
    """Return a method's settings with some overridden by name.

    Raises:
        UnknownName: The method has no such setting; the message lists those it has.
        BadInput: A value is not allowed, or the method is a control.
    """
    kind = find_method(method).settings
    if kind is None:
        raise BadInput(
            "settings", dict(overrides), f"{method} takes those of the stage in whose place it stands"
        )
    for name in overrides:
        if name not in kind.model_fields:
            raise UnknownName("settings", name, kind.model_fields)
    try:
        settings = kind.model_validate(dict(overrides))
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"settings.{first['loc'][0]}", first["input"], first["msg"]) from None
    if settings.weights == "full" and settings.layers != "all":
        raise BadInput("settings.layers", settings.layers, "all with weights = full, which has no adapter")
    if settings.weights == "full" and isinstance(settings, RlSettings) and settings.beta:
        allowed = "0 with weights = full: TRL would take the base for the reference, not the parent"
        raise BadInput("settings.beta", settings.beta, allowed)
    for size, divisor in (("batch_size", "num_generations"), ("batch_size", "micro_batch_size")):
        whole, part = getattr(settings, size), getattr(settings, divisor, None)
        if part is not None and whole % part:
            raise BadInput(f"settings.{size}", whole, f"it must be a multiple of {divisor} = {part}")
    return settings
