"""Exact probabilities of known answers: a prompt is computed once, with all of its answers in one row.

Shape suffixes: b rows, l columns, k columns whose logits are kept, t tokens, v vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from pentimento.tasks.exceptions import BadInput
from pentimento.training.models._architecture import side_by_side, takes
from pentimento.training.models._batches import Model, batches, bucket, check_context, evaluating, num_rows
from pentimento.training.models._chat import answer_ids, stop_ids

_ANSWER_BUCKET_TOKENS = 16
_PAD, _PROMPT = -1, 0  # segments of a row; its answers are 1, 2, …


@dataclass(frozen=True)
class _Row:
    """A prompt and the sequences that may follow it, of which each sees the prompt and itself."""

    prompt: Sequence[int]
    sequences: Sequence[Sequence[int]]
    first: int
    """Place of the first sequence among those of all rows."""

    @property
    def widths(self) -> tuple[int, int]:
        """Columns for the prompt and for the answers; an answer's last token is only predicted."""
        tokens = sum(len(sequence) - 1 for sequence in self.sequences)
        return bucket(len(self.prompt)), bucket(tokens, _ANSWER_BUCKET_TOKENS)


def batch_answer_probabilities(
    model: Model,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[list[int]],
    answers: Sequence[Sequence[str]],
    *,
    temperature: float = 1.0,
) -> list[list[float]]:
    """Return, for each prompt, the probability of each of its answers with its end of turn.

    Args:
        model: In any mode.
        tokenizer: Of the model.
        prompts: Token ids from `chat.prompt_ids`.
        answers: Answer texts of each prompt, without reasoning.
        temperature: Of the sampling that the probabilities stand for; above 0.

    Example: two answers with .7 and .2 leave a mass of .1 for everything else the model may say.
    """
    stops = stop_ids(model, tokenizer)
    ids = {text: answer_ids(tokenizer, text, stops) for texts in answers for text in texts}
    sequences = [[ids[text] for text in texts] for texts in answers]
    return sequence_probabilities(model, prompts, sequences, temperature=temperature)


def answer_probabilities(
    model: Model,
    tokenizer: PreTrainedTokenizerBase,
    prompt: list[int],
    answers: Sequence[str],
    *,
    temperature: float = 1.0,
) -> list[float]:
    """Return the probability of each answer to one prompt; see `batch_answer_probabilities`."""
    return batch_answer_probabilities(model, tokenizer, [prompt], [answers], temperature=temperature)[0]


def sequence_probabilities(
    model: Model,
    prompts: Sequence[list[int]],
    sequences: Sequence[Sequence[list[int]]],
    *,
    temperature: float = 1.0,
) -> list[list[float]]:
    """Return, for each prompt, the probability that the model goes on with each of its token sequences.

    A sequence need not end the turn: the single token `<think>` gives the probability of reasoning.

    Raises:
        BadInput: A sequence is empty, the temperature is not above 0, or a row exceeds the model's context.
    """
    if temperature <= 0:
        raise BadInput("temperature", temperature, "above 0, as probabilities are of sampled answers")
    if any(not sequence for group in sequences for sequence in group):
        raise BadInput("sequences", [], "each has at least one token")
    rows = _rows(model, prompts, sequences)
    values: dict[int, float] = {}
    widths = [row.widths for row in rows]
    with evaluating(model):
        for shape, items, filled in batches(widths, lambda shape: num_rows(model, sum(shape))):
            logits_bkv = _logits(model, [rows[index] for index in filled], *shape)
            for line, index in enumerate(items):
                row = rows[index]
                values.update(enumerate(_probabilities(row, logits_bkv[line], temperature), row.first))
    flat = iter(range(len(values)))
    return [[values[next(flat)] for _ in group] for group in sequences]


class TokenLogprob(NamedTuple):
    """A token with its log-probability, and those of the likeliest tokens in its place."""

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...]


def token_logprobs(model: Model, prompt: Sequence[int], ids: Sequence[int], top: int) -> list[TokenLogprob]:
    """Return the log-probabilities of an answer's tokens, at temperature 1 and before top-p and top-k.

    Args:
        model: In any mode.
        prompt: Token ids.
        ids: Of the answer.
        top: How many of the likeliest tokens to name in each place.
    """
    if not ids:
        return []
    row = torch.tensor([[*prompt, *ids]], device=model.device)
    with evaluating(model):
        logits_lv = model(input_ids=row, use_cache=False).logits[0, len(prompt) - 1 : -1].float()
    logprobs_lv = logits_lv.log_softmax(-1)
    own = logprobs_lv.gather(1, row[0, len(prompt) :, None]).squeeze(1).tolist()
    best = logprobs_lv.topk(top, dim=-1) if top else None
    tops: list[tuple[tuple[int, float], ...]] = [()] * len(ids)
    if best is not None:
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        tops = [tuple(zip(tokens, values, strict=True)) for tokens, values in pairs]
    return [TokenLogprob(*one) for one in zip(ids, own, tops, strict=True)]


def _rows(model: Model, prompts: Sequence[list[int]], sequences: Sequence[Sequence[list[int]]]) -> list[_Row]:
    rows: list[_Row] = []
    first = 0
    for prompt, group in zip(prompts, sequences, strict=True):
        whole = _Row(prompt, group, first)
        if group and side_by_side(model, sum(whole.widths)):
            rows.append(whole)
        else:
            rows += [_Row(prompt, [sequence], first + place) for place, sequence in enumerate(group)]
        first += len(group)
    return rows


def _logits(model: Model, rows: Sequence[_Row], prompt_width: int, answer_width: int) -> Tensor:
    """Return the logits of the last prompt column and of every answer column, (b, k, v)."""
    check_context(model, prompt_width + answer_width)
    ids_bl, position_bl, segment_bl = (
        torch.tensor(columns, device=model.device)
        for columns in zip(*(_columns(row, prompt_width, answer_width) for row in rows), strict=True)
    )
    packed = any(len(row.sequences) > 1 for row in rows)
    logits: Tensor = model(
        input_ids=ids_bl,
        **({"position_ids": position_bl} if takes(model, "position_ids") else {}),
        attention_mask=_mask(segment_bl, model.dtype) if packed else (segment_bl != _PAD).long(),
        logits_to_keep=answer_width + 1,
        use_cache=False,
    ).logits
    return logits


def _columns(row: _Row, prompt_width: int, answer_width: int) -> tuple[list[int], list[int], list[int]]:
    """Return ids, positions and segments of a row: padding, prompt, answers side by side, padding."""
    left = prompt_width - len(row.prompt)
    ids = [0] * left + list(row.prompt)
    positions = [0] * left + list(range(len(row.prompt)))
    segments = [_PAD] * left + [_PROMPT] * len(row.prompt)
    for number, sequence in enumerate(row.sequences, 1):
        ids += sequence[:-1]
        positions += range(len(row.prompt), len(row.prompt) + len(sequence) - 1)
        segments += [number] * (len(sequence) - 1)
    right = prompt_width + answer_width - len(ids)
    return ids + [0] * right, positions + [0] * right, segments + [_PAD] * right


def _mask(segment_bl: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the additive mask (b, 1, l, l) under which an answer sees the prompt and itself."""
    query, key = segment_bl[:, :, None], segment_bl[:, None, :]
    length = segment_bl.shape[1]
    earlier = torch.ones(length, length, dtype=torch.bool, device=segment_bl.device).tril()
    visible = earlier & (key != _PAD) & ((key == query) | (key == _PROMPT))
    # Padding sees itself, or its softmax would have nothing to sum over.
    visible |= torch.eye(length, dtype=torch.bool, device=segment_bl.device)
    mask = torch.zeros(visible.shape, dtype=dtype, device=segment_bl.device)
    return mask.masked_fill(~visible, torch.finfo(dtype).min)[:, None]


def _probabilities(row: _Row, logits_kv: Tensor, temperature: float) -> list[float]:
    """Return the probability of each of a row's sequences from the logits that `_logits` kept."""
    columns: list[int] = []
    start = 1
    for sequence in row.sequences:
        columns += [0, *range(start, start + len(sequence) - 1)]
        start += len(sequence) - 1
    tokens = torch.tensor(
        [token for sequence in row.sequences for token in sequence], device=logits_kv.device
    )
    logits_tv = logits_kv[columns].float() / temperature
    logprob_t = logits_tv.gather(1, tokens[:, None]).squeeze(1) - logits_tv.logsumexp(1)
    lengths = [len(sequence) for sequence in row.sequences]
    return [float(part.sum().exp()) for part in torch.split(logprob_t.double(), lengths)]
