"""Answers that depend on model, prompt and seed alone, and the exact probabilities of known answers.

A request is never computed in a shape that its neighbours chose: prompts are padded to a bucket of columns,
batches are filled to a fixed number of rows, and every request draws from its own counter-based stream.
Shape suffixes: b rows, l columns, v vocabulary.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypedDict, cast

import torch
from torch import Tensor
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedTokenizerBase,
    SuppressTokensAtBeginLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from pentimento.tasks.exceptions import BadInput
from pentimento.training.models._batches import (
    Model,
    batches,
    bucket,
    check_context,
    evaluating,
    left_padded,
    num_rows,
)
from pentimento.training.models._chat import decoded, opening, stop_ids, written_ids
from pentimento.training.models._exact import (
    TokenLogprob,
    answer_probabilities,
    batch_answer_probabilities,
    sequence_probabilities,
    token_logprobs,
)
from pentimento.training.models._processes import share, together

__all__ = [
    "Completion",
    "SamplingOptions",
    "TokenLogprob",
    "answer_probabilities",
    "batch_answer_probabilities",
    "check_sampling",
    "derive_seed",
    "sample",
    "sequence_probabilities",
    "token_logprobs",
]

TEMPERATURE = 1.0
TOP_P = 1.0
TOP_K = 0
MAX_NEW_TOKENS = 64

_GOLDEN = -0x61C8864680B583EB  # 2**64 / golden ratio, as a signed 64-bit integer
_MIX_1 = -0x40A7B892E31B1A47
_MIX_2 = -0x6B2FB644ECCEEE15


class Completion(NamedTuple):
    """One sampled answer."""

    text: str
    """What follows the prompt, the prefill included and special tokens stripped; before it the tag of a block
    of reasoning that the prompt has opened."""
    num_tokens: int
    """Sampled tokens, the end-of-turn token included."""
    stopped: bool
    """The model ended its turn; False where the answer was cut at `max_new_tokens`."""
    ids: tuple[int, ...] = ()
    """The sampled tokens."""


class SamplingOptions(TypedDict, total=False):
    """The settings of `sample` that a measurement may change."""

    temperature: float
    top_p: float
    top_k: int
    max_new_tokens: int


def derive_seed(*parts: str | int) -> int:
    """Return a seed in [0, 2**63) from any names and numbers, the same in every process."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def sample(
    model: Model,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[list[int]],
    *,
    seeds: Sequence[int],
    temperature: float = TEMPERATURE,
    top_p: float = TOP_P,
    top_k: int = TOP_K,
    max_new_tokens: int = MAX_NEW_TOKENS,
    prefill: str = "",
    suppress_first: Sequence[int] = (),
    stop_texts: Sequence[str] = (),
) -> list[Completion]:
    """Sample one answer to each prompt.

    An answer is a function of model, prompt, seed and these settings: not of the other prompts, of their
    order or of any global random state, which is neither read nor advanced. Processes that train together
    share the work, and each gets all the answers.

    Args:
        model: In any mode; it is put into evaluation mode meanwhile.
        tokenizer: Of the model.
        prompts: Token ids from `chat.prompt_ids`.
        seeds: One for each prompt; equal prompts with different seeds are independent samples.
        temperature: 0 takes the most probable token.
        top_p: Nucleus in (0, 1]; 1 keeps every token.
        top_k: Tokens kept at each step; 0 keeps every token.
        max_new_tokens: The most tokens of an answer, without the prefill.
        prefill: Text that every answer begins with, as it stands behind a prompt.
        suppress_first: Token ids that may not come first, such as the opening think tag.
        stop_texts: An answer ends before the first of these texts, too.

    Raises:
        BadInput: A setting is out of range, or a prompt does not fit the model's context.
    """
    if len(seeds) != len(prompts):
        raise BadInput("seeds", len(seeds), f"give one for each of the {len(prompts)} prompts")
    warpers = _warpers(temperature, top_p, top_k)
    filled = written_ids(tokenizer, prefill)
    contexts = [[*prompt, *filled] for prompt in prompts]
    widths = [bucket(len(context)) for context in contexts]
    check_context(model, max(widths, default=0) + max_new_tokens)
    stops = stop_ids(model, tokenizer)
    written: dict[int, list[int]] = {}
    generate = cast(Callable[..., Tensor], model.generate)
    with evaluating(model):
        for width, items, filled_up in share(batches(widths, partial(num_rows, model))):
            processors = LogitsProcessorList()
            if suppress_first:
                processors.append(
                    SuppressTokensAtBeginLogitsProcessor(list(suppress_first), width, str(model.device))
                )
            processors += warpers
            if temperature > 0:
                processors.append(_GumbelNoise([seeds[item] for item in filled_up], width, model.device))
            ids_bl, mask_bl = left_padded([contexts[item] for item in filled_up], width, model.device)
            out_bl = generate(
                input_ids=ids_bl,
                attention_mask=mask_bl,
                logits_processor=processors,
                do_sample=False,
                max_new_tokens=max_new_tokens,
                eos_token_id=sorted(stops),
                pad_token_id=min(stops),
                **({"stop_strings": list(stop_texts), "tokenizer": tokenizer} if stop_texts else {}),
            )
            written.update(zip(items, out_bl[:, width:].tolist(), strict=False))
    written = together(written)
    begun = [opening(tokenizer, prompt) + prefill for prompt in prompts]
    read = partial(_behind, tokenizer, filled)
    return [_completion(read, written[item], stops, begun[item], stop_texts) for item in range(len(prompts))]


def _behind(tokenizer: PreTrainedTokenizerBase, filled: list[int], ids: list[int]) -> str:
    """Return the text of what a model wrote behind a prefill.

    Tokenizers of words and spaces (SentencePiece) drop the space of a text's first token, so both are read.
    """
    lead, whole = decoded(tokenizer, filled), decoded(tokenizer, [*filled, *ids])
    return whole[len(lead) :] if whole.startswith(lead) else decoded(tokenizer, ids)


def check_sampling(temperature: float, top_p: float, top_k: int) -> None:
    """Refuse settings that no answer can be sampled with.

    Raises:
        BadInput: With the setting.
    """
    if not 0 <= temperature < math.inf:
        raise BadInput("temperature", temperature, "0 or more")
    if not 0 < top_p <= 1:
        raise BadInput("top_p", top_p, "above 0, at most 1")
    if top_k < 0:
        raise BadInput("top_k", top_k, "0 (every token) or more")


def _warpers(temperature: float, top_p: float, top_k: int) -> LogitsProcessorList:
    """Return what shapes the distribution before a token is drawn from it."""
    check_sampling(temperature, top_p, top_k)
    warpers = LogitsProcessorList()
    if temperature not in (0, 1):
        warpers.append(TemperatureLogitsWarper(float(temperature)))
    if top_k:
        warpers.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        warpers.append(TopPLogitsWarper(top_p))
    return warpers


def _completion(
    read: Callable[[list[int]], str],
    ids: list[int],
    stops: frozenset[int],
    begun: str,
    stop_texts: Sequence[str],
) -> Completion:
    end = next((place for place, token in enumerate(ids) if token in stops), None)
    kept = ids if end is None else ids[: end + 1]
    text = read(kept)
    ends = [place for place in (text.find(stop) for stop in stop_texts) if place >= 0]
    if not ends:
        return Completion(begun + text, len(kept), end is not None, tuple(kept))
    # After a stop text rows are filled up; what was written until then has it as its end.
    num = next(n for n in range(1, len(kept) + 1) if any(stop in read(kept[:n]) for stop in stop_texts))
    return Completion(begun + text[: min(ends)], num, True, tuple(kept[:num]))


class _GumbelNoise(LogitsProcessor):
    """Adds Gumbel noise, so that the largest score is a sample (the Gumbel-max trick).

    The noise of request, step and token is a SplitMix64 hash of the three: integer arithmetic, so every
    device draws the same bits. Two models that give a request equal probabilities give it the same answer.
    """

    def __init__(self, seeds: Sequence[int], prompt_width: int, device: torch.device) -> None:
        self._keys_B = _mix(torch.tensor([seed % 2**63 for seed in seeds], device=device) * _GOLDEN)
        self._prompt_width = prompt_width

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        vocabulary = scores.shape[-1]
        step = input_ids.shape[-1] - self._prompt_width
        counter_v = torch.arange(vocabulary, device=scores.device) + (step * vocabulary + 1)
        hash_bv = _mix(self._keys_B[:, None] + counter_v * _GOLDEN)
        # 23 bits and a half, so that no draw is exactly 0 or 1 in float32.
        uniform_bv = (_shift(hash_bv, 41).float() + 0.5) * 2.0**-23
        return scores.float() - torch.log(-torch.log(uniform_bv))


def _mix(state: Tensor) -> Tensor:
    """SplitMix64's finalizer (Steele, Lea, Flood 2014) on signed 64-bit integers that wrap."""
    state = (state ^ _shift(state, 30)) * _MIX_1
    state = (state ^ _shift(state, 27)) * _MIX_2
    return state ^ _shift(state, 31)


def _shift(state: Tensor, bits: int) -> Tensor:
    """Shift right without copying the sign bit."""
    return (state >> bits) & ((1 << (64 - bits)) - 1)
