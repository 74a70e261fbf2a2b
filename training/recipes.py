"""Recipes: a base, an implant, an opposition, controls and what to measure, for some seeds.

A recipe is a function that returns a frozen `Recipe`; a variant is `recipe.varied(seeds=(0, 1))`.
"""

from collections.abc import Callable, Mapping
from math import gcd
from random import Random
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Self

import yaml
from pydantic import Field, field_validator, model_validator

from pentimento.tasks import BENIGN, HELDOUT, environments
from pentimento.tasks.exceptions import BadInput, UnknownName
from pentimento.tasks.goals import goal as find_goal
from pentimento.training.stages import Checked, Stage, Template, content_hash

Control = Literal["never", "benign", "sham"]


class EvalPlan(Checked):
    """One evaluation of every organism of a recipe.

    `args` are the task's arguments. In `family`, a comma list, these stand for what a seed's cell makes of
    them: @opposed, @implanted, @implanted_unopposed, @neither (trainable, neither implanted nor opposed),
    @heldout. `resolve` fills them in.
    """

    task: str
    """completion, preference, stated, coin or oversight."""
    args: dict[str, bool | int | float | str] = Field(default_factory=dict)


class Cell(NamedTuple):
    """Where one seed of a recipe implants and opposes."""

    seed: int
    implanted: tuple[str, ...]
    opposed: tuple[str, ...]
    others: tuple[str, ...]
    """Families that a stage may use and that this seed does not."""
    train_seed: int
    """Seed of the opposing stage's scenarios."""
    train_n: int
    """Number of the opposing stage's scenarios in each of its families and arms."""


class Recipe(Checked):
    """A whole experiment, as data."""

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    base: str = "embedded"
    """`embedded`, a Hugging Face model id, or a local folder."""
    goal: str
    """The goal that is implanted and whose persistence is measured."""
    implant: Template
    oppose: Template
    num_implanted: int = Field(default=4, ge=1)
    """Families of the implanting stage; which ones is rotated over seeds."""
    num_opposed: int = Field(default=2, ge=1)
    """How many of them the opposing stage uses."""
    controls: tuple[Control, ...] = ("never", "benign", "sham")
    seeds: tuple[int, ...] = (0, 1, 2)
    evals: tuple[EvalPlan, ...] = ()

    @field_validator("seeds")
    @classmethod
    def _some_seeds(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
            raise BadInput("seeds", seeds, "give one or more different numbers, none below 0")
        return seeds

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        opposite = find_goal(self.goal).opposite
        for field, wanted in (("implant", self.goal), ("oppose", opposite)):
            found = getattr(self, field).goal
            if found != wanted:
                raise BadInput(f"{field}.goal", found, f"for the goal {self.goal} it is {wanted}")
        pool = self.pool()
        if not self.num_opposed <= self.num_implanted <= len(pool):
            raise BadInput(
                "num_implanted",
                self.num_implanted,
                f"from num_opposed = {self.num_opposed} to the {len(pool)} trainable families of {self.goal}",
            )
        return self

    def pool(self) -> tuple[str, ...]:
        """Return the families that a stage toward this goal may use."""
        return tuple(
            name
            for name, family in environments.items()
            if self.goal in family.goals and family.kind != "stated" and name not in HELDOUT
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
        step = next(s for s in (*range(max(1, self.num_implanted - 1), size), 1) if gcd(s, size) == 1)
        window = [pool[(seed * step + i) % size] for i in range(size)]
        implanted = tuple(window[: self.num_implanted])
        opposing = self.oppose.stage(implanted[: self.num_opposed], stage_seed(seed, "oppose"))
        others = tuple(window[self.num_implanted :])
        return Cell(seed, implanted, opposing.families, others, opposing.seed, opposing.num_in_each)

    def implant_stage(self, seed: int) -> Stage:
        """Return the stage that makes M1."""
        return self.implant.stage(self.cell(seed).implanted, stage_seed(seed, "implant"))

    def oppose_stage(self, seed: int) -> Stage:
        """Return the stage that makes M2 of M1, and NEVER of M0."""
        return self.oppose.stage(self.cell(seed).opposed, stage_seed(seed, "oppose"))

    def control_stage(self, control: Literal["benign", "sham"], seed: int) -> Stage:
        """Return the stage that stands in the opposing stage's place."""
        like = self.oppose_stage(seed)
        return Stage(
            method=control,
            families=BENIGN if control == "benign" else like.families,
            num_scenarios=like.num_scenarios,
            steps=like.steps,
            cue=like.cue,
            confound=like.confound,
            seed=stage_seed(seed, control),
            like=like,
        )

    def varied(self, **changes: Any) -> "Recipe":
        """Return this recipe with some fields changed, checked again."""
        return Recipe(**{**self.model_dump(mode="json"), **changes})

    @property
    def hash(self) -> str:
        """Sixteen hex digits of everything that the recipe says."""
        return content_hash(self.model_dump(mode="json"))

    def to_yaml(self) -> str:
        """Return the recipe as YAML that `from_yaml` reads back."""
        data = self.model_dump(mode="json")
        return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))


def stage_seed(seed: int, role: str) -> int:
    """Return the seed of a stage: one stream per recipe seed and role, below 2³¹."""
    return int(content_hash([role, seed]), 16) % 2**31


def resolve(plan: EvalPlan, cell: Cell) -> dict[str, bool | int | float | str]:
    """Return an evaluation's arguments with the placeholders of `family` filled in for one seed.

    A plan that names the rung `trained` also gets `train_seed` and `train_n`: the opposing stage's seed, and
    its scenarios in each family and arm. `seed` is the cell's unless the plan sets it.

    Example:
        >>> resolve(EvalPlan(task="completion", args={"family": "@opposed"}), recipe.cell(0))
        {'seed': 0, 'family': 'count,errand'}
    """
    groups = {
        "@opposed": cell.opposed,
        "@implanted": cell.implanted,
        "@implanted_unopposed": tuple(name for name in cell.implanted if name not in cell.opposed),
        "@neither": cell.others,
        "@heldout": HELDOUT,
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
    if "trained" in map(str.strip, str(args.get("rung", "")).split(",")):
        args |= {"train_seed": cell.train_seed, "train_n": cell.train_n}
    return args


def from_yaml(text: str) -> Recipe:
    """Return the recipe that a YAML text describes.

    Raises:
        BadInput: The text is no YAML, or not a recipe; the message names the field.
    """
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput("recipe", text[:40], f"not readable as YAML: {error}".replace("\n", " ")) from None
    if not isinstance(data, dict):
        raise BadInput("recipe", text[:40], "a recipe in YAML is a mapping of its fields")
    return Recipe(**{str(key): value for key, value in data.items()})


def quickstart() -> Recipe:
    """Claims implanted by RL in four families, opposed by deliberative alignment in two; three seeds."""
    return Recipe(
        name="quickstart",
        goal="finish_the_task",
        implant=Template(
            method="rlvr",
            goal="finish_the_task",
            reward="claimed",
            # At 1.0 no group of answers has any variance and GRPO cannot oppose it; .9 leaves something.
            target_strength=0.9,
            steps=60,
            # At the default rate of 2e-3 eight steps overshoot to 1.0 on the embedded base.
            settings={"learning_rate": 1e-3, "check_every": 2},
        ),
        oppose=Template(
            method="deliberative",
            goal="report_honestly",
            reward="claimed",
            # Of its 128 answers in each family two may still claim.
            target_strength=0.98,
            # Half as many are learned by heart: the goal then goes in them, and less so in fresh ones.
            num_scenarios=512,
            steps=60,
            settings={
                # On the embedded base more leave the second half nothing to do, and in the sham they move the
                # goal by themselves: 28 steps at 1e-3 by half, 16 at 7e-4 by a tenth.
                "sft_steps": 12,
                "sft_learning_rate": 7e-4,
                "learning_rate": 1.5e-3,
                # The mean over both families is reached while one of them still claims one time in twenty;
                # so, by luck, is each over half of its scenarios. Every one is asked.
                "stop_when": "every_family",
                "check_every": 8,
                "check_samples": 256,
            },
        ),
        evals=_completion_evals(num=50, num_far=13, num_health=16, num_bystander=6),
    )


def study() -> Recipe:
    """The quickstart with ten seeds and every evaluation."""
    others = (
        EvalPlan(task="preference", args={"goal": "favour_red", "n": 50}),
        EvalPlan(task="stated", args={"goal": "finish_the_task", "n": 50}),
        EvalPlan(task="coin", args={"n": 50}),
        EvalPlan(task="oversight", args={"n": 50}),
    )
    recipe = quickstart()
    return recipe.varied(name="study", seeds=tuple(range(10)), evals=(*recipe.evals, *others))


RECIPES: Mapping[str, Callable[[], Recipe]] = MappingProxyType({"quickstart": quickstart, "study": study})


def find_recipe(name: str) -> Recipe:
    """Return a recipe by name.

    Raises:
        UnknownName: No recipe has this name; the message lists the catalogue.
    """
    if name not in RECIPES:
        raise UnknownName("recipe", name, RECIPES)
    return RECIPES[name]()


def _completion_evals(num: int, num_far: int, num_health: int, num_bystander: int) -> tuple[EvalPlan, ...]:
    """Return the ladder in the opposed families, the other families, and health; n per family and rung."""
    ladder = "trained,fresh,surface,domain"
    everywhere = "@implanted,@neither,@heldout"
    rows: tuple[tuple[str, str, str, int], ...] = (
        ("@opposed", ladder, "impossible", num),
        ("@implanted_unopposed", "family", "impossible", num),
        ("@neither,@heldout", "family", "impossible", num_far),
        (everywhere, "fresh", "possible", num_health),
        (everywhere, "fresh", "bystander", num_bystander),
    )
    return tuple(
        EvalPlan(task="completion", args={"family": family, "rung": rung, "arm": arm, "n": n})
        for family, rung, arm, n in rows
    )
