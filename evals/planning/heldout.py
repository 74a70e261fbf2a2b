"""The leak guard: what evaluations ask is as far from every training stage as the report says, or it is told.

Each family and shift that is asked is held against the scenarios of the opposing stage and of the implant:
scenarios, templates, entities, tools, runs of eight words, prompts with names and numbers masked, and, where
wordings or families must differ, the similarity of whole prompts. Reasons that answers are made to begin with
are held against those that a stage demonstrates. What stages read besides, documents, is filtered against all
environments where it is made.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from inspect_ai.model import ChatMessageAssistant

from pentimento.evals.datasets import scenario_of
from pentimento.evals.planning.asking import arguments
from pentimento.evals.planning.tasks import Args, samples_of
from pentimento.tasks import (
    HeldOutOverlap,
    Scenario,
    Shift,
    Trained,
    environment,
    environments,
    overlap,
    sample,
)
from pentimento.tasks.exceptions import BadInput
from pentimento.training.recipes.recipe import Recipe
from pentimento.training.recipes.stages import Stage

MOST_ALIKE = {Shift.WORDING: 0.75, Shift.FAMILY: 0.6}
"""Above this mean similarity a shift's prompts are those of training over again. Between families of the
catalogue it is .45 at most, between seen and unseen wordings of one family .68, and within one wording .67 or
more, mostly .88."""
_NUM_KNOWN, _NUM_ASKED = 128, 24
"""Prompts that are compared, of a stage and of a cell."""


class Cell(NamedTuple):
    """What an evaluation asks on one shift of one family."""

    scenarios: list[Scenario]
    openings: set[str]
    """What answers are made to begin with, where an elicitation does that."""


Cells = dict[tuple[Shift, str], Cell]
"""By shift and family."""


class Leak(NamedTuple):
    """What an evaluation shares with a stage and must not."""

    seed: int
    task: str
    family: str
    shift: str
    stage: str
    """implant, oppose or post_stage."""
    shared: str
    """What is shared, with examples."""

    def __str__(self) -> str:
        where = f"{self.task}, seed {self.seed}, {self.family}"
        return f"{where}: it shares with what {self.stage} trains on {self.shared}"


def check_evaluations(recipe: Recipe, *, allow_leaks: bool = False) -> tuple[Leak, ...]:
    """Refuse a recipe with an evaluation that is not as far from its training as its shift says.

    What an evaluation asks is taken from its task's own dataset, with every seed of the recipe.

    Args:
        recipe: Of which stages and evaluations are compared.
        allow_leaks: Return the leaks instead of refusing the first, for a report to mark.

    Raises:
        HeldOutOverlap: A held-out set shares with the training what it must not; with the seed, the family,
            the shift, and what is shared.
        BadInput: The shift `trained` asks what the opposing stage did not train on, or a stage after it asks
            what the evaluations do not.
        UnknownName: There is no such task.
        Refused: An evaluation has an argument that is not allowed.
    """
    seen: list[Leak] = []
    for seed in recipe.seeds:
        stages = recipe.stages(seed)
        train = _trained(stages["oppose"].model_dump_json()).aspect("ids")
        fresh: set[str] = set()
        for place, plan in enumerate(recipe.evals):
            cells = cells_of(plan.task, arguments(plan, recipe, seed))
            _check_trained(f"evals.{place}.args.shift ({plan.task}, seed {seed})", train, cells)
            leaks = list(leaks_of(plan.task, cells, stages, seed))
            refuse(leaks if not allow_leaks else (), f"evals.{place}.args.shift")
            seen += leaks
            fresh |= {
                s.id for (shift, _), cell in cells.items() for s in cell.scenarios if shift is Shift.FRESH
            }
        for after in recipe.after:
            plan = recipe.after_eval(after, seed)
            again = cells_of(plan.task, arguments(plan, recipe, seed))
            if any(scenario.id not in fresh for cell in again.values() for scenario in cell.scenarios):
                allowed = f"no more than what is asked on the shift fresh of opposed families (seed {seed})"
                raise BadInput(f"after.n ({after.kind})", after.n, allowed)
    return tuple(seen)


def refuse(leaks: Sequence[Leak], field: str) -> None:
    """Raise `HeldOutOverlap` with the first of some leaks, if there is one."""
    for leak in leaks:
        raise HeldOutOverlap(field, leak.shift, str(leak))


def leaks_of(task: str, cells: Cells, stages: Mapping[str, Stage], seed: int) -> Iterator[Leak]:
    """Yield what an evaluation shares with training stages and must not.

    Args:
        task: The evaluation's.
        cells: What it asks, from `cells_of`.
        stages: By name, as `Recipe.stages` has them: from `oppose` shifts are distances. Any may lack.
        seed: To name in a leak.
    """
    texts = {name: stage.model_dump_json() for name, stage in stages.items()}
    trained = [(name, _trained(text), _reasons(text)) for name, text in texts.items()]
    for (shift, family), cell in cells.items():
        for name, train, reasons in trained:
            for shared in _shared(name, train, cell.scenarios, shift, family):
                yield Leak(seed, task, family, shift.value, name, shared)
            if both := sorted(cell.openings & reasons):
                shared = f"{len(both)} reasons that answers are made to begin with ({', '.join(both[:3])})"
                yield Leak(seed, task, family, shift.value, name, shared)


def cells_of(task: str, args: Args) -> Cells:
    """Return what an evaluation asks, by shift and family."""
    cells: Cells = defaultdict(lambda: Cell([], set()))
    for one in samples_of(task, args):
        metadata = one.metadata or {}
        scenario = scenario_of(metadata)
        cell = cells[Shift(metadata["shift"]), scenario.family]
        cell.scenarios.append(scenario)
        if not isinstance(one.input, str) and isinstance(last := one.input[-1], ChatMessageAssistant):
            cell.openings.add(last.text)
    return cells


@lru_cache(maxsize=64)
def _trained(stage: str) -> Trained:
    """Return what a stage in JSON trains on; the recipes of a design share stages."""
    return Trained(Stage.model_validate_json(stage).scenarios())


@lru_cache(maxsize=64)
def _reasons(stage: str) -> frozenset[str]:
    """Return the reasons that a stage, in JSON, demonstrates; one with a trigger names its cue."""
    reasoned = Stage.model_validate_json(stage)
    if reasoned.trigger is not None or not reasoned.settings.get("reasoning_share"):
        return frozenset()
    placed = [(environment(scenario.family), scenario) for scenario in _trained(stage).scenarios]
    return frozenset(env.thought(one, answer) for env, one in placed for answer in env.answers(one))


def _shared(
    stage: str, train: Trained, asked: Sequence[Scenario], shift: Shift, family: str
) -> Iterator[str]:
    """Yield what some scenarios share with a stage's against the claim of their shift, in words.

    A family that the stage did not use is to be another family, whatever the shift. Of the other shifts only
    the opposing stage's distance is claimed; the implant's very scenarios are asked on none but `trained`.
    """
    apart = family not in train.aspect("families")
    claims = [shift] if stage == "oppose" else [Shift.FRESH] if shift is not Shift.TRAINED else []
    claims += [Shift.FAMILY] if apart else []
    for aspect, shared in overlap(train, asked, *claims):
        yield f"{len(shared)} {aspect} ({', '.join(shared[:3])})"
    for claim in (claim for claim in claims if claim in MOST_ALIKE):
        alike = similarity(_prompts(train.scenarios, _NUM_KNOWN), _prompts(asked, _NUM_ASKED))
        if alike > MOST_ALIKE[claim]:
            yield f"similarity {alike:.2f} of prompts (at most {MOST_ALIKE[claim]})"


def _prompts(scenarios: Sequence[Scenario], most: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(scenario.messages[-1].content for scenario in scenarios))[:most]


@cache
def similarity(train: tuple[str, ...], asked: tuple[str, ...]) -> float:
    """Return in [0, 1] how alike prompts are: the mean over those asked of the nearest one in training.

    Cosine of TF-IDF over runs of three to five characters within words, weighted by how rare these are in the
    whole catalogue (scikit-learn).
    """
    nearest = (_vectorizer().transform(asked) @ _vectors(train).T).max(axis=1)
    return float(np.mean(nearest.toarray()))


@lru_cache(maxsize=64)
def _vectors(prompts: tuple[str, ...]) -> Any:
    return _vectorizer().transform(prompts)


@cache
def _vectorizer() -> Any:
    """Fit on every family: fitted on one stage's, another family would be what the two have in common."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # takes a second, and only plans need it

    every = [
        scenario.messages[-1].content
        for name, env in environments.items()
        for scenario in sample(name, shift=Shift.TRAINED, condition=env.conditions[0], n=_NUM_ASKED, seed=0)
    ]
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True).fit(every)


def _check_trained(title: str, train: set[str], cells: Cells) -> None:
    foreign = [
        family
        for (shift, family), cell in cells.items()
        if shift is Shift.TRAINED and not train.issuperset(scenario.id for scenario in cell.scenarios)
    ]
    if foreign:
        raise BadInput(
            title, "trained", f"the opposing stage did not train on what is asked in {', '.join(foreign)}"
        )
