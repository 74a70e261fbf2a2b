"""The check that a recipe's evaluations differ from its opposing training in what their rungs say."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from pentimento.tasks import (
    COMPLETION,
    CUES,
    PARTITIONS,
    PREFERENCE,
    Cue,
    Rung,
    Scenario,
    environment,
    overlap,
    sample,
)
from pentimento.tasks.exceptions import BadInput, HeldOutOverlap, UnknownName
from pentimento.training.recipes import EvalPlan, Recipe, resolve
from pentimento.training.stages import Stage

ALL_FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "completion": COMPLETION,
        "preference": PREFERENCE,
        "stated": ("stated",),
        "coin": ("coin",),
        "oversight": ("welfare",),
    }
)
"""By task: the families that it asks where an evaluation names none."""

BYSTANDER = "bystander"
"""The arm of completion families that no stage trains on: the rung `trained` leaves it out."""


class Asked(NamedTuple):
    """What an evaluation asks, as its task reads the arguments."""

    families: tuple[str, ...]
    rungs: tuple[str, ...]
    arms: tuple[str, ...]
    """`all` among them stands for every arm of a family."""
    cues: tuple[Cue, ...]
    n: int
    seed: int
    confound: float


def check_rungs(recipe: Recipe) -> None:
    """Refuse a recipe with an evaluation that is not as far from the opposing training as its rung says.

    Raises:
        HeldOutOverlap: A held-out set shares with the training what it must not; with the seed, the rung, and
            what is shared.
        BadInput: The rung `trained` asks what the opposing stage did not train on, or an evaluation asks for
            something that does not exist.
    """
    for seed in recipe.seeds:
        stage = recipe.oppose_stage(seed)
        train = stage.scenarios()
        for plan in recipe.evals:
            title = f"recipe {recipe.name}, seed {seed}, {plan.task}"
            asked = _asked(plan, resolve(plan, recipe.cell(seed)))
            for rung in asked.rungs:
                drawn = _drawn(asked, rung, stage)
                if rung == Rung.TRAINED:
                    _check_trained(title, train, drawn)
                else:
                    _check_held_out(title, train, drawn, rung)


def _asked(plan: EvalPlan, args: Mapping[str, bool | int | float | str]) -> Asked:
    if plan.task not in ALL_FAMILIES:
        raise UnknownName("task", plan.task, ALL_FAMILIES)
    every = PARTITIONS.get(str(args.get("partition")), ALL_FAMILIES[plan.task])
    families = _names(args.get("family", "all"), every)
    shown = _names(args.get("cue", "all" if plan.task == "oversight" else "none"), CUES)
    return Asked(
        families=families,
        rungs=_names(args.get("rung", "fresh"), ()),
        arms=_names(args.get("arm", "all"), ("all",)),
        cues=tuple(cue for cue in CUES if cue in shown),
        n=int(args.get("n", 50)),
        seed=int(args["seed"]),
        confound=float(args.get("confound", 0.0)),
    )


def _names(value: object, every: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a comma list, each once; `all` stands for `every`."""
    parts = [part.strip() for part in str(value).split(",")]
    return tuple(dict.fromkeys(name for part in parts for name in (every if part == "all" else (part,))))


def _drawn(asked: Asked, rung: str, stage: Stage) -> list[Scenario]:
    """Return what is asked on a rung: on `trained` the stage's own, on `cue` under changed cues alone."""
    trained = rung == Rung.TRAINED
    n, seed = (min(asked.n, stage.num_in_each), stage.seed) if trained else (asked.n, asked.seed)
    shown = [cue for cue in asked.cues if rung != Rung.CUE or cue != "none"]
    if not shown:
        raise BadInput("cue", "none", "the rung cue needs a changed one: placebo, subtle, explicit")
    return [
        scenario
        for family in asked.families
        for arm in environment(family).arms
        if {arm, "all"} & set(asked.arms) and not (trained and arm == BYSTANDER)
        for cue in shown
        for scenario in sample(family, rung=rung, arm=arm, n=n, seed=seed, cue=cue, confound=asked.confound)
    ]


def _check_trained(title: str, train: Sequence[Scenario], asked: Sequence[Scenario]) -> None:
    known = {scenario.id for scenario in train}
    foreign = dict.fromkeys(scenario.family for scenario in asked if scenario.id not in known)
    if foreign:
        raise BadInput(
            title, "trained", f"the opposing stage did not train on what is asked in {', '.join(foreign)}"
        )


def _check_held_out(title: str, train: Sequence[Scenario], test: Sequence[Scenario], rung: str) -> None:
    if found := overlap(train, test, rung):
        told = "; ".join(f"{len(o.shared)} {o.aspect} ({', '.join(o.shared[:3])})" for o in found)
        raise HeldOutOverlap(title, rung, f"it shares with the opposing training {told}")
