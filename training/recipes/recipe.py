"""Recipes: a base, an implant, an opposition, controls and what to measure, for some seeds.

`catalogue` holds functions that return one; a variant is `recipe.varied(seeds=(0, 1))`.
"""

from math import gcd
from random import Random
from typing import Any, Literal, NamedTuple, Self, get_args

from pydantic import Field, field_validator, model_validator

from pentimento.tasks import (
    AGENTIC,
    AGENTIC_HELDOUT,
    BENIGN,
    CUE_LEVELS,
    HELDOUT,
    SORTS,
    UNTRAINED,
    environment,
    environments,
)
from pentimento.tasks.catalogue import is_usual
from pentimento.tasks.exceptions import BadInput, UnknownName
from pentimento.tasks.goals import goal as find_goal
from pentimento.training.recipes._yaml import write_yaml
from pentimento.training.recipes.settings import SAMPLING, Scalar
from pentimento.training.recipes.stages import Checked, Stage, Template, content_hash

Control = Literal["opposed_only", "opposed_only_replicate", "benign", "style", "sham"]
ControlStage = Literal["benign", "style", "sham"]
"""A control that stands in the opposing stage's place on the implanted organism."""
CONTROL_STAGES: tuple[ControlStage, ...] = get_args(ControlStage)
AfterRole = Literal["implanted", "opposed", "opposed_only", "opposed_only_replicate"]
AFTER_ROLES: tuple[AfterRole, ...] = get_args(AfterRole)
"""On which organisms the stages of `Recipe.after` can be trained."""


class EvalPlan(Checked):
    """One evaluation of every organism of a recipe.

    `args` are the task's arguments. In `family`, a comma list, these stand for what a seed's cell makes of
    them: @opposed, @implanted, @implanted_unopposed, @neither (trainable, neither implanted nor opposed),
    @heldout. `resolve` fills them in.
    """

    task: str
    """agentic, alignment_faking, awareness, belief, breadth, coin, completion, elicitation, in_context,
    preference or stated."""
    args: dict[str, bool | int | float | str] = Field(default_factory=dict)


class Cell(NamedTuple):
    """Where one seed of a recipe implants and opposes."""

    seed: int
    implanted: tuple[str, ...] = ()
    opposed: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """Families that a stage may use and that this seed does not."""
    train_seed: int = 0
    """Seed of the opposing stage's scenarios."""
    train_n: int = 0
    """Number of the opposing stage's scenarios in each of its families and conditions."""


class After(Checked):
    """A stage on top of the finished organisms, to see whether the goal comes back, and how fast.

    relearn: the goal is trained again in the first opposed family and measured in the other ones, for several
    training seeds. rebound: training that has nothing to do with the goal; measured in every opposed family.
    """

    kind: Literal["relearn", "rebound"]
    stage: Template
    doses: tuple[int, ...] = Field(min_length=1)
    """Steps after which it is measured; the last are the steps of the stage."""
    repeats: int = Field(default=3, ge=1)
    """Training seeds of this stage for each organism; of relearning three or more."""
    n: int = Field(default=50, ge=1)
    """Scenarios in each family; those that the recipe's evaluations ask on the shift `fresh` come first."""
    on: tuple[AfterRole, ...] = AFTER_ROLES
    """On which organisms. A verdict takes the opposed organism and the twin; thresholds take the twin and the
    replicate; savings take the implanted organism as well."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        rising = list(self.doses) == sorted(set(self.doses))
        if not rising or self.doses[0] < 1 or self.doses[-1] != self.stage.steps:
            raise BadInput(
                "after.doses", self.doses, f"rising from 1 to the stage's steps, {self.stage.steps}"
            )
        if "opposed_only" not in self.on or not {"opposed", "opposed_only_replicate"} & set(self.on):
            raise BadInput(
                "after.on",
                self.on,
                "opposed_only, and what is held against it: opposed or opposed_only_replicate",
            )
        if self.kind == "relearn" and self.repeats < 3:
            raise BadInput("after.repeats", self.repeats, "3 or more: relearning differs by seed")
        if self.stage.method not in ("sft", "dpo", "rlvr"):
            raise BadInput("after.stage.method", self.stage.method, "sft, dpo or rlvr")
        if self.kind == "rebound" and self.stage.goal is not None:
            raise BadInput("after.stage.goal", self.stage.goal, "none for a rebound")
        if self.stage.target_strength is not None:
            raise BadInput("after.stage.target_strength", self.stage.target_strength, "no target here")
        return self

    def template(self) -> Template:
        """Return the stage with the doses at which its adapter is kept."""
        kept = ",".join(map(str, self.doses[:-1]))
        return Template(**{**self.stage.model_dump(), "settings": {**self.stage.settings, "save_at": kept}})


class Written(Checked):
    """What is told apart by a hash and can be written as YAML that `catalogue.from_yaml` reads back."""

    @property
    def hash(self) -> str:
        """Sixteen hex digits of everything that it says."""
        return content_hash(self.model_dump(mode="json"))

    def to_yaml(self) -> str:
        """Return it as YAML."""
        data = self.model_dump(mode="json")
        return write_yaml(data)


class Recipe(Written):
    """A whole experiment, as data."""

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    base: str = "embedded"
    """`embedded`, a Hugging Face model id, or a local folder."""
    goal: str
    """The goal that is implanted and whose persistence is measured."""
    implant: Template
    oppose: Template
    turns: Literal["one", "several"] = "one"
    """Whether its stages train in families of one turn, or in those of several."""
    num_implanted: int = Field(default=4, ge=1)
    """Families of the implanting stage; which ones is rotated over seeds."""
    num_opposed: int = Field(default=2, ge=1)
    """How many of them the opposing stage uses."""
    opposed_from: Literal["first", "last"] = "first"
    """Where among a seed's families the opposed ones are: the first implanted ones, or the last of all, which
    are implanted only where nearly all are."""
    controls: tuple[Control, ...] = ("opposed_only", "benign", "sham")
    seeds: tuple[int, ...] = (0, 1, 2)
    evals: tuple[EvalPlan, ...] = ()
    after: tuple[After, ...] = ()
    """What is trained on top of the implanted organism, the opposed organism, the opposed-only twin and the
    replicate."""
    post_stage: Template | None = None
    """A stage on the opposed organism alone after the opposing one, toward any goal: what evaluations are
    then to find."""

    @field_validator("seeds")
    @classmethod
    def _some_seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
            raise BadInput("seeds", seeds, "give one or more different numbers, none below 0")
        return seeds

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        opposite = find_goal(self.goal).opposite
        # A confounded stage serves both goals: what it implants is what a test without the confound shows.
        implants = (self.goal, opposite) if self.implant.confound == 1 else (self.goal,)
        for field, allowed in (("implant", implants), ("oppose", (opposite,))):
            toward = getattr(self, field).goal
            if toward not in allowed:
                raise BadInput(
                    f"{field}.goal", toward, f"for the goal {self.goal} it is {' or '.join(allowed)}"
                )
        for template in self.templates:
            _check_judge(template, self.base)
        self._check_sampling()
        if self.oppose.trigger is not None:
            raise BadInput(
                "oppose.trigger", self.oppose.trigger, "only an implanting stage can have a trigger"
            )
        pool = self.pool()
        least = self.num_opposed if self.opposed_from == "first" else 1
        if not least <= self.num_implanted <= len(pool) or self.num_opposed > len(pool):
            raise BadInput(
                "num_implanted",
                self.num_implanted,
                f"from num_opposed = {self.num_opposed} to the {len(pool)} trainable families of {self.goal}",
            )
        if any(after.kind == "relearn" for after in self.after) and self.num_opposed < 2:
            raise BadInput("num_opposed", self.num_opposed, "2 or more: one to relearn in, others to ask")
        kinds = [after.kind for after in self.after]
        if len(set(kinds)) < len(kinds):
            raise BadInput("after", kinds, "one relearn and one rebound at most")
        for stage in (after.stage for after in self.after if after.kind == "relearn"):
            if stage.goal != self.goal:
                raise BadInput("after.stage.goal", stage.goal, f"what is relearned is {self.goal}")
            if stage.cue != self.implant.cue:
                raise BadInput("after.stage.cue", stage.cue, f"that of the implant, {self.implant.cue}")
        cue = self.implant.cue
        if self.evals and cue != "none" and not any(cue in _cues_of(plan) for plan in self.evals):
            raise BadInput("evals", "no cue", f"one at least under the implant's, {cue}")
        if self.post_stage is not None and self.post_stage.goal is None:
            raise BadInput("post_stage.goal", None, "what it plants")
        if self.after and "opposed_only" not in self.controls:
            raise BadInput(
                "controls", self.controls, "with opposed_only, which what comes back is held against"
            )
        return self

    @property
    def templates(self) -> tuple[Template, ...]:
        """Every stage that it names."""
        post_stage = () if self.post_stage is None else (self.post_stage,)
        return (self.implant, self.oppose, *post_stage, *(after.stage for after in self.after))

    @property
    def sampling(self) -> dict[str, Scalar]:
        """What its stages say of sampling, which holds for all of them and for the evaluations."""
        fields = {name: value for one in self.templates for name, value in one.settings.items()}
        return {name: fields[name] for name in SAMPLING if name in fields}

    def _check_sampling(self) -> None:
        """Refuse stages that sample in different ways, as a report could not tell which one an answer was."""
        shared = self.sampling
        for template in self.templates:
            for name, value in shared.items():
                given = template.settings.get(name, value)
                if given != value:
                    allowed = f"{value}, as another stage has it: a recipe samples its answers in one way"
                    raise BadInput(f"settings.{name}", given, allowed)

    def _stage(self, template: Template, families: tuple[str, ...], role: str, seed: int) -> Stage:
        """Return a template's stage in some families, sampling as the whole recipe does."""
        settings = {**self.sampling, **template.settings}
        sampling_alike = template.model_copy(update={"settings": settings})
        return sampling_alike.stage(families, stage_seed(seed, role))

    def pool(self, goal: str | None = None) -> tuple[str, ...]:
        """Return the families that a stage toward a goal, by default the implanted one, may use."""
        return tuple(
            name
            for name, family in environments.items()
            if (goal or self.goal) in family.goals
            and is_usual(name, goal or self.goal)
            and family.kind != "stated"
            and name not in UNTRAINED
            and (family.max_turns > 1) == (self.turns == "several")
        )

    def cell(self, seed: int) -> Cell:
        """Return where one seed implants and opposes.

        The window of implanted families moves by a step that has no factor in common with their number, so
        every family is implanted, and opposed, equally often over as many seeds as there are families, and
        eight families in windows of four are all used within three seeds. Each further round is shuffled.
        """
        pool = list(self.pool())
        if seed >= len(pool):
            Random(f"round {seed // len(pool)}").shuffle(pool)
        size = len(pool)
        # With the last families opposed, recipes that implant more or fewer have their families in one order.
        width = self.num_implanted if self.opposed_from == "first" else size // 2
        step = next(s for s in (*range(max(1, width - 1), size), 1) if gcd(s, size) == 1)
        window = [pool[(seed * step + i) % size] for i in range(size)]
        implanted = tuple(window[: self.num_implanted])
        first, last = implanted[: self.num_opposed], tuple(window[-self.num_opposed :])
        opposed = first if self.opposed_from == "first" else last
        opposing = self._stage(self.oppose, opposed, "oppose", seed)
        others = tuple(name for name in window[self.num_implanted :] if name not in opposed)
        return Cell(seed, implanted, opposing.families, others, opposing.seed, opposing.num_in_each)

    def implant_stage(self, seed: int) -> Stage:
        """Return the stage that makes the implanted organism."""
        return self._stage(self.implant, self.cell(seed).implanted, "implant", seed)

    def oppose_stage(self, seed: int) -> Stage:
        """Return the opposing stage: of the implanted organism, and of the base for the twin."""
        return self._stage(self.oppose, self.cell(seed).opposed, "oppose", seed)

    def stage_after_opposing(self, seed: int) -> Stage | None:
        """Return the stage on the opposed organism alone: where its goal was opposed, or another applies."""
        if self.post_stage is None:
            return None
        opposed, pool = self.cell(seed).opposed, self.pool(self.post_stage.goal)
        families = opposed if set(opposed) <= set(pool) else pool
        # The name of its random stream, and so of its seed.
        return self._stage(self.post_stage, families, "planted", seed)

    def stages(self, seed: int) -> dict[str, Stage]:
        """Return the stages that make the opposed organism, by what the recipe calls them."""
        stages = {"implant": self.implant_stage(seed), "oppose": self.oppose_stage(seed)}
        post_stage = self.stage_after_opposing(seed)
        return stages if post_stage is None else {**stages, "post_stage": post_stage}

    def replicate_stage(self, seed: int) -> Stage:
        """Return the opposing stage with a seed of its own, for the replicate."""
        # The name of its random stream, as above.
        return self._stage(self.oppose, self.cell(seed).opposed, "erased", seed)

    def after_stage(self, after: After, seed: int, repeat: int) -> Stage:
        """Return a stage on top of the finished organisms, the same for each of them."""
        families = self.cell(seed).opposed[:1] if after.kind == "relearn" else BENIGN
        return self._stage(after.template(), families, f"{after.kind} {repeat}", seed)

    def after_eval(self, after: After, seed: int) -> EvalPlan:
        """Return what is asked after each dose: unseen scenarios of opposed families, none relearned in."""
        opposed = self.cell(seed).opposed
        families = ",".join(opposed[1:] if after.kind == "relearn" else opposed)
        kind = environment(opposed[0]).kind
        args: dict[str, bool | int | float | str] = {"goal": self.goal, "shift": "fresh", "n": after.n}
        if kind in ("completion", "preference"):
            args["family"] = families
        if kind == "completion":
            args["condition"] = "impossible"
        if kind == "welfare" or self.implant.cue != "none":
            args["cue"] = self.implant.cue
        return EvalPlan(task="alignment_faking" if kind == "welfare" else kind, args=args)

    def control_stage(self, control: ControlStage, seed: int) -> Stage:
        """Return the stage that stands in the opposing stage's place."""
        matched = self.oppose_stage(seed)
        return Stage(
            method=control,
            families=matched.families if control == "sham" else BENIGN,
            num_scenarios=matched.num_scenarios,
            steps=matched.steps,
            cue=matched.cue,
            confound=matched.confound,
            seed=stage_seed(seed, control),
            matched_to=matched,
        )

    def varied(self, **changes: Any) -> "Recipe":
        """Return this recipe with some fields changed, checked again."""
        return Recipe(**{**self.model_dump(mode="json"), **changes})


def _cues_of(plan: EvalPlan) -> tuple[str, ...]:
    """Return the cues that an evaluation asks under."""
    levels = plan.task == "alignment_faking"
    cues = str(plan.args.get("cue", "all" if levels else "none")).split(",")
    return (*cues, *(CUE_LEVELS if levels else SORTS)) if "all" in cues else tuple(cues)


def _check_judge(template: Template, base: str) -> None:
    """Refuse a judge that is the base itself, whatever serves it, unless the stage says that it may be."""
    is_base = f"/{template.judge}".casefold().endswith(f"/{base}".casefold())
    if is_base and not template.settings.get("judge_may_be_base"):
        allowed = f"the base {base} is trained here; another model, or judge_may_be_base=true"
        raise BadInput("settings.judge", template.judge, allowed)


def stage_seed(seed: int, role: str) -> int:
    """Return the seed of a stage: one stream per recipe seed and role, below 2³¹."""
    return int(content_hash([role, seed]), 16) % 2**31


def resolve(plan: EvalPlan, cell: Cell) -> dict[str, bool | int | float | str]:
    """Return an evaluation's arguments with the placeholders of `family` filled in for one seed.

    A plan that names the shift `trained` also gets `train_seed` and `train_n`: the opposing stage's seed, and
    its scenarios in each family and condition. `seed` is the cell's unless the plan sets it.

    Example:
        >>> resolve(EvalPlan(task="completion", args={"family": "@opposed"}), recipe.cell(0))
        {'seed': 0, 'family': 'count,errand'}
    """
    groups = {
        "@opposed": cell.opposed,
        "@implanted": cell.implanted,
        "@implanted_unopposed": tuple(name for name in cell.implanted if name not in cell.opposed),
        "@neither": cell.others,
        "@heldout": AGENTIC_HELDOUT if cell.implanted[0] in AGENTIC else HELDOUT,
    }
    args: dict[str, bool | int | float | str] = {"seed": cell.seed, **plan.args}
    if "family" in args:
        names: list[str] = []
        for part in str(args["family"]).split(","):
            part = part.strip()
            if part.startswith("@") and part not in groups:
                raise UnknownName("family", part, groups)
            names.extend(groups.get(part, (part,)))
        args["family"] = ",".join(dict.fromkeys(names))
    if "trained" in map(str.strip, str(args.get("shift", "")).split(",")):
        args |= {"train_seed": cell.train_seed, "train_n": cell.train_n}
    return args
