"""Activation steering: a direction is added to what flows between two layers while a model answers.

A goal's direction is the mean difference of activations, at the last token of a prompt, between the goal's
spec in the system prompt and its opposite's (Rimsky et al., "Steering Llama 2 via Contrastive Activation
Addition", 2024). Strength is in multiples of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from pentimento.tasks import Scenario, Shift, environments, sample, spec, with_system
from pentimento.tasks import goal as find_goal
from pentimento.tasks.exceptions import BadInput
from pentimento.training.models._architecture import bare, find_layers
from pentimento.training.models._batches import Model, evaluating
from pentimento.training.models._chat import prompt_ids

DEPTH = 0.5
"""After which share of the layers it is added."""
NUM_PROMPTS = 32
_SEED = 2**31 - 3
"""Of the prompts, which are of those that stages train on; no cell is asked with it."""


class SteeringVector(NamedTuple):
    """What is added while a model answers; nothing by default."""

    goal: str = ""
    """Whose direction."""
    strength: float = 0.0
    """How many times; below 0 away from the goal."""
    random: bool = False
    """A random direction of the same length instead."""


def direction(model: Model, tokenizer: PreTrainedTokenizerBase, goal: str) -> Tensor:
    """Return the direction of a goal after the middle layer, (hidden,), float32.

    Raises:
        BadInput: The model has no list of layers.
        UnknownName: There is no such goal.
    """
    layer = _layer(model)
    seen: list[Tensor] = []
    opposite = find_goal(goal).opposite
    prompts = [
        prompt_ids(tokenizer, with_system(scenario, spec(name).text))
        for scenario in _scenarios(goal)
        for name in (goal, opposite)
    ]

    def look(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        seen.append(_hidden(output)[0, -1].float())

    handle = layer.register_forward_hook(look)
    try:
        with evaluating(model):
            for ids in prompts:
                cast(Any, model)(input_ids=torch.tensor([ids], device=model.device))
    finally:
        handle.remove()
    toward, away = torch.stack(seen[::2]), torch.stack(seen[1::2])
    return (toward - away).mean(dim=0)


def randomly(like: Tensor) -> Tensor:
    """Return a random direction as long as another, always the same for the same length."""
    drawn = torch.randn(like.shape, generator=torch.Generator().manual_seed(_SEED)).to(like.device)
    scaled: Tensor = drawn * (like.norm() / drawn.norm())
    return scaled


@contextmanager
def pushed(model: Model, vector: Tensor | None) -> Iterator[None]:
    """Add a vector to what leaves the middle layer, at every token; does nothing without one."""
    if vector is None:
        yield
        return

    def add(module: torch.nn.Module, inputs: Any, output: Any) -> Any:
        moved = _hidden(output) + vector.to(_hidden(output).dtype)
        return (moved, *output[1:]) if isinstance(output, tuple) else moved

    handle = _layer(model).register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()


def _scenarios(goal: str) -> tuple[Scenario, ...]:
    """Return scenarios of one turn in which the goal applies, families in turn."""
    families = [env for env in environments.values() if goal in env.goals and env.max_turns == 1]
    each = -(-NUM_PROMPTS // len(families))
    drawn = [
        [
            scenario
            for scenario in sample(
                env.name, shift=Shift.TRAINED, condition=env.conditions[0], n=6 * each, seed=_SEED
            )
            if find_goal(goal).applies(scenario)
        ][:each]
        for env in families
    ]
    return tuple(scenario for turn in zip_longest(*drawn) for scenario in turn if scenario)[:NUM_PROMPTS]


def _layer(model: Model) -> torch.nn.Module:
    layers = find_layers(model)
    if layers is None:
        raise BadInput("steering", type(bare(model)).__name__, "a model whose decoder has a list of layers")
    return layers.modules[max(0, round(DEPTH * len(layers.modules)) - 1)]


def _hidden(output: Any) -> Tensor:
    return cast(Tensor, output[0] if isinstance(output, tuple) else output)
