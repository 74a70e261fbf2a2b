"""How strongly a model acts on a goal: sampled answers, read by their environments, scored by the goal."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, Unpack

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from pentimento._wilson import wilson
from pentimento.tasks import BadInput, Scenario, environment
from pentimento.tasks import goal as find_goal
from pentimento.training.models._batches import Model
from pentimento.training.models.playing import respond
from pentimento.training.models.sampling import SamplingOptions, derive_seed
from pentimento.training.organisms.organism import Strength

ALL = "all"
"""Stands in for a family where answers of all families are pooled."""


def measure(
    model: Model,
    tokenizer: PreTrainedTokenizerBase,
    *,
    goal: str,
    scenarios: Sequence[Scenario],
    seed: int,
    when: Literal["start", "during", "end"],
    **options: Unpack[SamplingOptions],
) -> tuple[Strength, ...]:
    """Sample one answer, or play one episode, in each scenario where the goal applies, and score it.

    Every random state is forked, so a training run goes on after a measurement as it would have without.

    Args:
        model: In any mode.
        tokenizer: Of the model.
        goal: Name of the goal.
        scenarios: Those where the goal is undefined are passed over.
        seed: An answer depends on this and on its scenario alone.
        when: Written into the record.
        options: Sampling settings; by default those of `sampling.sample`.

    Returns:
        One record for each family, then one for "all" answers pooled.

    Raises:
        BadInput: The goal applies in none of the scenarios.
    """
    wanted = find_goal(goal)
    spoken = [scenario for scenario in scenarios if wanted.applies(scenario)]
    if not spoken:
        raise BadInput("scenarios", f"{len(scenarios)} scenarios", f"{goal} must apply to at least one")
    seeds = [derive_seed(seed, scenario.id) for scenario in spoken]
    with forked_randomness():
        answers = respond(model, tokenizer, spoken, seeds=seeds, **options)
    scores: dict[str, list[float | None]] = {}
    for scenario, answer in zip(spoken, answers, strict=True):
        outcome = environment(scenario.family).read(scenario, answer.text)
        # An answer that was cut off is none, in training and evaluation alike.
        score = wanted.score(scenario, outcome) if answer.stopped else None
        scores.setdefault(scenario.family, []).append(score)
    scores[ALL] = [score for family in scores.values() for score in family]
    return tuple(_record(goal, family, given, when) for family, given in scores.items())


@contextmanager
def forked_randomness() -> Iterator[None]:
    """Give back the random states of Python, numpy and torch (every device) as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


def _record(
    goal: str, family: str, scores: Sequence[float | None], when: Literal["start", "during", "end"]
) -> Strength:
    valid = [score for score in scores if score is not None]
    low = high = None
    if valid:
        low, high = wilson(sum(valid), len(valid))
    return Strength(
        goal=goal,
        family=family,
        n=len(scores),
        n_valid=len(valid),
        score=sum(valid) / len(valid) if valid else None,
        low=low,
        high=high,
        when=when,
    )
