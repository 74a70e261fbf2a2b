"""How a task is put together of a dataset, the solver and scorers, for the model at hand."""

import os
from collections.abc import Callable, Sequence
from typing import Protocol, get_args, runtime_checkable

from inspect_ai import Task
from inspect_ai.dataset import Dataset
from inspect_ai.model import GenerateConfig, Model, ModelName, get_model
from inspect_ai.scorer import Scorer
from inspect_ai.solver import Solver

from pentimento.evals._arguments import one_of
from pentimento.evals._episodes import WeighsAnswers, play
from pentimento.evals.records import Reasoning
from pentimento.tasks.exceptions import BadInput

LOCAL = ("pentimento", "hf", "vllm", "sglang", "llama-cpp-python", "mockllm")
"""Providers whose models take every sampling setting; a hosted one may refuse top-p beside temperature."""


@runtime_checkable
class IsOrganism(Protocol):
    """A model provider that answers as an organism."""

    organism: str
    adapter: str | None

    def prepare(self) -> None:
        """Load the weights."""
        ...

    def release(self) -> None:
        """Let go of the weights."""
        ...


def assemble(
    dataset: Dataset,
    scorers: Sequence[Scorer],
    *,
    version: str,
    seed: int,
    goal: str,
    estimator: str,
    reasoning: str,
    solver: Callable[..., Solver] = play,
) -> Task:
    """Return the task.

    Args:
        dataset: The samples.
        scorers: What is read off every record.
        version: `N-X`: N changes where scores are no longer comparable, X where arguments changed.
        seed: Of the scenarios.
        goal: Whose score is the main one.
        estimator: auto or sampled.
        reasoning: free, forced or suppressed.
        solver: Makes a solver of the last two.

    Raises:
        UnknownName: An estimator or a way of reasoning does not exist.
    """
    one_of("estimator", estimator, ("auto", "sampled"))
    one_of("reasoning", reasoning, get_args(Reasoning))
    return Task(
        dataset=dataset,
        solver=solver(estimator, reasoning),
        scorer=list(scorers),
        config=_sampling(_model_at_hand()),
        version=version,
        metadata={"task_version": version, "seed": seed, "goal": goal},
    )


def is_organism() -> bool:
    """Whether the model at hand can be weighed and steered, or there is none."""
    model = _model_at_hand()
    return model is None or isinstance(model.api, WeighsAnswers)


def refuse_organism(field: str, value: str, why: str) -> None:
    """Refuse a value where the model at hand is an organism.

    Raises:
        BadInput: With the reason.
    """
    model = _model_at_hand()
    if model is not None and isinstance(model.api, IsOrganism):
        raise BadInput(field, value, why)


def evaluating() -> bool:
    """Whether inspect evaluates; a program that makes a task by itself names the model and roles later.

    Where INSPECT_EVAL_MODEL is set nobody can tell, and the answer is no.
    """
    return "INSPECT_EVAL_MODEL" not in os.environ and _model_at_hand() is not None


def _model_at_hand() -> Model | None:
    """Return the model that the task is made for; there is none where a program makes a task by itself."""
    try:
        model = get_model()
    except ValueError:
        return None
    return None if ModelName(model).api == "none" else model


def _sampling(model: Model | None) -> GenerateConfig:
    if model is not None and isinstance(model.api, IsOrganism):
        return GenerateConfig()  # our provider has set what was not asked for
    if model is None or ModelName(model).api in LOCAL:
        return GenerateConfig(temperature=1.0, top_p=1.0, top_k=0)
    return GenerateConfig(temperature=1.0)
