"""The judge of a training stage, asked through inspect, so that every model that inspect knows can judge.

Training knows a judge as text in, text out (`methods.judging`), and is handed this room's `asker`.
"""

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Any

from inspect_ai.model import GenerateConfig, Model, get_model
from rich.text import Text

from pentimento.evals.exceptions import PrerequisiteError
from pentimento.evals.judges.voting import MISTAKES
from pentimento.tasks.exceptions import BadInput
from pentimento.training.exceptions import JudgeFailed
from pentimento.training.methods.judging import Ask, speechless
from pentimento.training.recipes.recipe import Recipe

LOCAL = ("hf", "llama-cpp-python", "nnterp", "ollama", "pentimento", "sglang", "transformer_lens", "vllm")
"""Providers that load weights, or start a server, as soon as a model is named."""
CONFIG = GenerateConfig(temperature=0.0, max_retries=6)
"""Six retries wait about three minutes in all; without a limit, a run would hang on a judge that is gone."""


def asker(name: str) -> Ask:
    """Return what asks a model, each question in a conversation of its own, all of them at once.

    inspect keeps replies for a week, so a stage that was interrupted meets the same verdicts again. A reply
    without a verdict is asked for once more, whether it was kept or not.

    Args:
        name: As inspect names it: "openai/gpt-4o", "vllm/Qwen/Qwen3-32B", "openai-api/<service>/<model>".

    Raises:
        BadInput: inspect knows no such model, or lacks its package or key.
    """
    model = find(name)

    async def reply(question: str) -> str:
        output = await model.generate(question, config=CONFIG, cache=True)
        if speechless(output.completion):
            output = await model.generate(question, config=CONFIG, cache=False)
        return output.completion

    async def replies(questions: Sequence[str]) -> list[str]:
        return await asyncio.gather(*map(reply, questions))

    def ask(questions: Sequence[str]) -> list[str]:
        once = list(dict.fromkeys(questions))
        try:
            answers = dict(zip(once, _runner().run(replies(once)), strict=True))
        except MISTAKES:
            raise
        except Exception as error:  # each provider has errors of its own
            raise JudgeFailed(name, f"{type(error).__name__}: {error}") from error
        return [answers[question] for question in questions]

    return ask


@cache
def _runner() -> asyncio.Runner:
    """Return the one event loop of all batches and stages: a provider's client belongs to its first."""
    return asyncio.Runner()


def find(name: str, field: str = "settings.judge") -> Model:
    """Return the model of this name.

    Args:
        name: As inspect names it.
        field: Where it was given, for the message.

    Raises:
        BadInput: inspect knows no such model, or lacks its package or key.
    """
    # Transformers refuses a temperature of 0 unless it is told not to sample at all.
    more: dict[str, Any] = {"do_sample": False} if name.startswith("hf/") else {}
    try:
        return get_model(name, **more)
    except (PrerequisiteError, ValueError) as error:
        problem = " ".join(Text.from_markup(str(error)).plain.removeprefix("ERROR: ").split())
        raise BadInput(field, name, f"a model that inspect can ask: {problem}") from error


def check_judges(recipe: Recipe) -> None:
    """Refuse a judge that cannot be asked, before anything is trained; local weights are loaded later.

    Raises:
        BadInput: inspect knows no such model, or lacks its package or key.
    """
    for template in recipe.templates:
        if template.judge is not None and template.judge.partition("/")[0] not in LOCAL:
            find(template.judge)
