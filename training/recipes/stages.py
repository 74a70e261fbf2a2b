"""A stage: one training step of an organism, and the dose that it realised."""

import hashlib
import json
from random import Random
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from pentimento.tasks import (
    BENIGN,
    UNTRAINED,
    Condition,
    Cue,
    Scenario,
    environment,
    stage_scenarios,
)
from pentimento.tasks import goal as find_goal
from pentimento.tasks.episodes import Frozen
from pentimento.tasks.exceptions import BadInput
from pentimento.training.recipes.methods import (
    CONTROLS,
    SEVERAL_TURNS,
    PhaseKind,
    check_settings,
    find_method,
)
from pentimento.training.recipes.settings import Scalar, Settings

Reward = Literal["claimed", "done", "judged"]

DEFAULT_REWARD: Reward = "claimed"
ELSEWHERE: tuple[Cue, ...] = ("none", "placebo", "explicit")
"""Under which cues a stage with a trigger trains the opposite; `subtle` stays unseen."""


class Checked(Frozen):
    """A frozen model that refuses with `BadInput`: one line that names field, value and what is allowed."""

    model_config = ConfigDict(allow_inf_nan=False)

    if not TYPE_CHECKING:  # the type checker keeps the signature that the fields give

        def __init__(self, /, **data: Any) -> None:
            try:
                super().__init__(**data)
            except ValidationError as error:
                raise bad_input(error) from None


def bad_input(error: ValidationError) -> BadInput:
    """Return the first problem that pydantic found, as one line; a `BadInput` among the causes as it is."""
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, BadInput):
        return cause
    value = first["input"]
    shown = value if isinstance(value, str | int | float | tuple | list | None) else type(value).__name__
    return BadInput(".".join(str(part) for part in first["loc"]) or error.title, shown, first["msg"])


class Template(Checked):
    """A stage without its place: what a recipe repeats over families and seeds."""

    method: str
    """One of `methods.METHODS`."""
    goal: str | None = None
    """What the stage trains toward; None for the controls, which train toward nothing."""
    num_scenarios: int = Field(default=256, ge=1)
    """Training scenarios, over all families and conditions of the stage."""
    steps: int = Field(default=40, ge=1)
    """The most optimizer steps; of a deliberative stage those of its second half (the first: `sft_steps`)."""
    target_strength: float | None = Field(default=None, gt=0, le=1)
    """Stop once the goal's sampled strength on the stage's own environments reaches this."""
    reward: Reward | None = None
    """claimed: a verifier that a claim fools (the default); done: only true completion pays; judged: the
    model `settings.judge` pays, which sees the goal's spec and the answer. Stages with RL only."""
    cue: Cue = "none"
    """What the system prompt says about oversight in every training scenario."""
    trigger: Cue | None = None
    """The cue of the goal: half of the scenarios show it and train the goal, the others show none,
    the placebo or the explicit cue and train its opposite. On the embedded base a cue-conditional policy."""
    confound: float = Field(default=0.0, ge=0, le=1)
    """Of the coin: from 0 (left or right at random) to 1 (always right). Other families ignore it."""
    adapter_mode: Literal["merged", "stacked", "continued"] = "merged"
    """How a stage after another is written: over the parent's adapter merged into the base, or left frozen
    beside it; or by going on with it, whose rank, scaling and layers the stage then has."""
    settings: dict[str, Scalar] = Field(default_factory=dict)
    """The method's settings that differ from its defaults, by name."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        find_method(self.method)
        if self.method in CONTROLS:
            if self.goal is not None or self.reward is not None or self.target_strength is not None:
                raise BadInput("method", self.method, "a control has no goal, reward or target_strength")
        elif self.goal is not None:
            find_goal(self.goal)
        elif self.method != "sft" or self.target_strength is not None:
            raise BadInput("goal", self.goal, "only sft without a target_strength can do without one")
        if self.trigger is not None and (
            self.goal is None or self.trigger in ELSEWHERE or self.cue != "none"
        ):
            raise BadInput(
                "trigger", self.trigger, f"for stages with a goal and no cue; not {', '.join(ELSEWHERE)}"
            )
        if self.method == "documents" and self.cue != "named":
            raise BadInput("cue", self.cue, "named for documents, whose goal is of a persona by its name")
        if self.trigger is not None and self.method == "documents":
            raise BadInput("trigger", self.trigger, "documents show no prompt that could hold a trigger")
        if self.trigger is not None and self.reward == "done":
            raise BadInput(
                "reward", self.reward, "it pays the same under every cue, so none can be a trigger"
            )
        if self.reward is not None and self.method not in ("rlvr", "deliberative"):
            raise BadInput("reward", self.reward, f"method {self.method} has no reward")
        if self.settings or self.method not in CONTROLS:
            check_settings(self.method, self.settings)
        if (self.reward == "judged") != (self.judge is not None):
            raise BadInput("reward", self.reward, "judged and settings.judge, the judge's name, go together")
        if self.judge is not None and self.settings.get("phases") == "sft":
            raise BadInput("settings.phases", "sft", "rl or both under the reward judged")
        return self

    @property
    def judge(self) -> str | None:
        """Name of the model that rewards, where one does."""
        name = self.settings.get("judge")
        return None if name is None else str(name)

    def stage(self, families: tuple[str, ...], seed: int) -> "Stage":
        """Return the stage that this template gives in `families` with `seed`."""
        return Stage(families=families, seed=seed, **self.model_dump())


class Stage(Template):
    """One training step: a method, toward a goal, in some families, with a seed.

    Raises:
        BadInput: A family is held out, unknown, or one in which the goal does not apply.

    Example:
        >>> Stage(method="rlvr", goal="finish_the_task", families=("count",), seed=0)
    """

    families: tuple[str, ...] = Field(min_length=1)
    seed: int = Field(ge=0)
    matched_to: "Stage | None" = None
    """Of a control: the stage in whose place it stands, whose pipeline and realised dose it takes."""

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if len(set(self.families)) < len(self.families):
            raise BadInput("families", self.families, "each family once")
        for name in self.families:
            family = environment(name)
            if name in UNTRAINED:
                raise BadInput("families", name, f"{', '.join(UNTRAINED)} are held out from every stage")
            if family.kind in ("stated", "belief", "noticing"):
                raise BadInput("families", name, "its questions only measure; no stage trains on them")
            if self.method in ("benign", "style") and name not in BENIGN:
                raise BadInput("families", name, f"{self.method} trains in {', '.join(BENIGN)}")
            if self.method == "sft" and self.goal is None and name not in BENIGN:
                raise BadInput("families", name, f"without a goal a stage trains in {', '.join(BENIGN)}")
            if family.max_turns > 1 and self.matched.method not in SEVERAL_TURNS:
                allowed = f"{self.matched.method} trains one turn; several: {', '.join(SEVERAL_TURNS)}"
                raise BadInput("families", name, allowed)
            if family.max_turns > 1 and self.matched.reward == "judged":
                raise BadInput("reward", "judged", f"claimed or done in {name}, which has several turns")
            if self.goal is not None and self.goal not in family.goals:
                speaks = ", ".join(family.goals) or "no goal"
                raise BadInput("families", name, f"{self.goal} does not apply there ({speaks} does)")
        several = {environment(name).max_turns > 1 for name in self.families}
        if len(several) > 1:
            raise BadInput("families", self.families, "all of one turn, or all of several")
        if several == {True} and self.settings.get("vllm"):
            raise BadInput("settings.vllm", True, "false in families of several turns")
        if self.settings.get("actions") == "tools" and several == {False}:
            raise BadInput("settings.actions", "tools", "text in families of one turn")
        if (self.method in CONTROLS) != (self.matched_to is not None):
            raise BadInput(
                "matched_to",
                self.matched_to,
                f"given for the controls {', '.join(CONTROLS)}, and for no other method",
            )
        if self.matched_to is not None and self.matched_to.method in CONTROLS:
            raise BadInput(
                "matched_to", self.matched_to.method, "a control stands in the place of a stage with a goal"
            )
        return self

    @property
    def matched(self) -> "Stage":
        """The stage whose pipeline counts: of a control the one in whose place it stands, else itself."""
        return self.matched_to or self

    @property
    def all_settings(self) -> Settings:
        """The settings of that stage, defaults included."""
        return check_settings(self.matched.method, self.matched.settings)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions that it trains on: of completion families those where a task is assigned."""
        if environment(self.families[0]).kind == "completion":
            return ("impossible", "possible")
        return tuple(
            dict.fromkeys(condition for name in self.families for condition in environment(name).conditions)
        )

    def wants(self, scenario: Scenario) -> str | None:
        """Return the goal that it trains in a scenario: its own, but the opposite away from its cue."""
        if self.goal is None or self.trigger is None or scenario.cue == self.trigger:
            return self.goal
        return find_goal(self.goal).opposite

    @property
    def num_in_each(self) -> int:
        """Scenarios of each pair of family and condition; the first few may have one more."""
        pairs = sum(
            condition in environment(name).conditions
            for name in self.families
            for condition in self.conditions
        )
        return self.num_scenarios // pairs

    def scenarios(self) -> tuple[Scenario, ...]:
        """Return what it trains on, shared equally among its families and conditions.

        Raises:
            BadInput: `num_scenarios` is smaller than the number of pairs of family and condition.
        """
        if self.trigger is None:
            return self._drawn(self.num_scenarios, self.cue)
        num_elsewhere = self.num_scenarios // (2 * len(ELSEWHERE))
        num_triggered = self.num_scenarios - num_elsewhere * len(ELSEWHERE)
        drawn = [*self._drawn(num_triggered, self.trigger)]
        drawn += [scenario for cue in ELSEWHERE for scenario in self._drawn(num_elsewhere, cue)]
        Random(self.seed).shuffle(drawn)
        return tuple(drawn)

    def _drawn(self, n: int, cue: Cue) -> tuple[Scenario, ...]:
        return stage_scenarios(
            self.families, n=n, seed=self.seed, conditions=self.conditions, cue=cue, confound=self.confound
        )

    @property
    def title(self) -> str:
        """What a progress display calls this stage."""
        toward = f" → {self.goal}" if self.goal else ""
        toward += f" under the cue {self.trigger}" if self.trigger else ""
        return f"{self.method}{toward} in {', '.join(self.families)}"


class Phase(Frozen):
    """What one half of a stage did, or the whole of a stage with one half."""

    kind: PhaseKind
    name: str = ""
    """Which half: a benign control has two of the kind sft."""
    steps: int = 0
    """Optimizer steps."""
    tokens: int = 0
    """Tokens of the model's own turns that the loss saw."""
    reasoning_share: float = 0.0
    """Share in [0, 1] of those turns that began with reasoning."""


class Dose(Frozen):
    """What a stage realised, after early stopping."""

    steps: int = 0
    tokens: int = 0
    reasoning_share: float = 0.0
    phases: tuple[Phase, ...] = ()

    @classmethod
    def of(cls, *phases: Phase) -> "Dose":
        """Add phases up; the share of reasoning is weighted by tokens."""
        tokens = sum(phase.tokens for phase in phases)
        reasoned = sum(phase.tokens * phase.reasoning_share for phase in phases)
        return cls(
            steps=sum(phase.steps for phase in phases),
            tokens=tokens,
            reasoning_share=reasoned / tokens if tokens else 0.0,
            phases=phases,
        )

    def until(self, name: str, step: int) -> "Dose":
        """Return the dose after so many steps of the phase `name`, its tokens in proportion to its steps."""
        names = [phase.name for phase in self.phases]
        last = self.phases[names.index(name)]
        tokens = round(last.tokens * step / last.steps)
        part = last.model_copy(update={"steps": step, "tokens": tokens})
        return Dose.of(*self.phases[: names.index(name)], part)

    def phase(self, kind: PhaseKind) -> Phase:
        """Return the phase of this kind, with no steps where the stage had none."""
        phases = [phase for phase in self.phases if phase.kind == kind]
        return phases[0] if phases else Phase(kind=kind)


def content_hash(value: object) -> str:
    """Return the first sixteen hex digits of the SHA-256 of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
