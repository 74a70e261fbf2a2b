"""Whether a base computes what training and evaluations rely on, tried before anything is trained on it."""

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor

from pentimento.tasks import Message
from pentimento.tasks.exceptions import PentimentoError
from pentimento.training.exceptions import BadBase
from pentimento.training.methods._trainer import adapter_targets
from pentimento.training.models._architecture import decoder, linear_layers
from pentimento.training.models._batches import Model, evaluating
from pentimento.training.models._shortages import told_of_full_memory
from pentimento.training.models.loaded import Base, answer_ids, prompt_ids, stop_ids
from pentimento.training.models.sampling import sample, sequence_probabilities
from pentimento.training.models.strength import forked_randomness

ANSWERS = ("Done.", "Not done: the shed is locked, and nobody here has a key to it.")
QUESTIONS = ("Is it done?", "The list is long, and the shed is far away at the end of the lane. Is it done?")
NUM_TOKENS = 4
"""Sampled of each answer."""
TOLERANCE = 1e-3
"""Nats a token, in float32: padded prompts, and answers that share a row, differ by rounding alone."""
TOLERANCE_BELOW = 0.25
"""The same in a lower precision."""
_LEAST = -600.0
"""Log-probability of an answer below which nothing is told apart."""


def check_computes(base: Base) -> None:
    """Refuse a base of an architecture on which training or measuring would go wrong.

    Raises:
        BadBase: It has no language model or no layer of its own that an adapter fits, cannot be trained with
            one, or weighs or samples otherwise than a plain forward pass.
    """
    architecture = type(base.model).__name__
    if decoder(base.model) is base.model:
        raise BadBase(base.name, f"{architecture} does not tell its language model from its output head")
    if not linear_layers(base.model):
        raise BadBase(base.name, f"{architecture} has no linear layer that an adapter can stand on")
    with forked_randomness():
        _check(base, "weighing", _weighing)
        _check(base, "sampling", _sampling)
        _check(base, "training", _training)


def _check(base: Base, what: str, measure: Callable[[Base], float]) -> None:
    text = f"{what} fails on its architecture {type(base.model).__name__}"
    try:
        with told_of_full_memory():
            off = measure(base)
    except PentimentoError:
        raise
    except (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        raise BadBase(base.name, f"{text}: {why}") from error
    if not off <= (TOLERANCE if base.model.dtype == torch.float32 else TOLERANCE_BELOW):
        why = f"it is {off:.2g} nats a token off a plain forward pass"
        raise BadBase(base.name, f"{text}: {why if math.isfinite(off) else 'its numbers are not finite'}")


def _prompts(base: Base) -> list[list[int]]:
    return [prompt_ids(base.tokenizer, (Message(role="user", content=text),)) for text in QUESTIONS]


def _log_probabilities(model: Model, ids: list[int]) -> Tensor:
    """Return log-probabilities of every next token, (l, v), of a row that is alone, whole and unpadded."""
    with evaluating(model):
        logits: Tensor = cast(Any, model)(input_ids=torch.tensor([ids], device=model.device)).logits
    return logits[0].double().log_softmax(-1)


def _weighing(base: Base) -> float:
    """Return how far the weight of an answer is from its plain one, in nats a token."""
    stops = stop_ids(base.model, base.tokenizer)
    answers = [answer_ids(base.tokenizer, text, stops) for text in ANSWERS]
    prompts = _prompts(base)
    worst = 0.0
    weighed = sequence_probabilities(base.model, prompts, [answers] * len(prompts))
    for prompt, probabilities in zip(prompts, weighed, strict=True):
        for answer, probability in zip(answers, probabilities, strict=True):
            rows = _log_probabilities(base.model, [*prompt, *answer])[len(prompt) - 1 : -1]
            plain = float(rows.gather(1, torch.tensor(answer, device=rows.device)[:, None]).sum())
            logged = math.log(probability) if probability > 0 else -math.inf
            off = abs(max(logged, _LEAST) - max(plain, _LEAST)) / len(answer)
            worst = max(worst, off) if not math.isnan(off + probability) else math.inf
    return worst


def _sampling(base: Base) -> float:
    """Return by how much less likely than the likeliest token a greedily sampled one can be, in nats."""
    prompts, worst = _prompts(base), 0.0
    sampled = sample(
        base.model, base.tokenizer, prompts, seeds=range(len(prompts)), temperature=0,
        max_new_tokens=NUM_TOKENS,
    )  # fmt: skip
    for prompt, answer in zip(prompts, sampled, strict=True):
        rows = _log_probabilities(base.model, [*prompt, *answer.ids])[len(prompt) - 1 : -1]
        chosen = rows.gather(1, torch.tensor(answer.ids, device=rows.device)[:, None]).squeeze(1)
        worst = max(worst, float((rows.max(1).values - chosen).max()))
    return worst


def _training(base: Base) -> float:
    """Return 0 where the gradient of an answer reaches an adapter, else infinity."""
    config = LoraConfig(r=1, target_modules=adapter_targets(base.model), task_type="CAUSAL_LM")
    model = cast(PeftModel, get_peft_model(base.model, config))
    try:
        model.train()
        ids = torch.tensor(_prompts(base)[:1], device=base.model.device)
        cast(Any, model)(input_ids=ids).logits.float().logsumexp(-1).mean().backward()
        grads = [weight.grad for name, weight in model.named_parameters() if weight.grad is not None]
        learns = bool(grads) and all(bool(grad.isfinite().all()) for grad in grads)
    finally:
        model.unload().eval()
    return 0.0 if learns else math.inf
