"""Batches of fixed shapes: what a row's numbers are must not depend on its neighbours."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from peft import PeftModel
from torch import Tensor
from transformers import PreTrainedModel

from pentimento.training.exceptions import TooLong

Model = PreTrainedModel | PeftModel
Shape = TypeVar("Shape", int, tuple[int, int])

ROW_TOKENS = 2048
"""Prompts up to this width come in full batches."""
BUCKET_TOKENS = 32
"""Prompts are padded on the left to a multiple of this."""


def num_rows(model: Model, width: int) -> int:
    """Return the fixed number of rows in a batch of prompts of one width.

    Few fit a CPU's cache best, a GPU wants many; of long prompts fewer fit into memory.
    """
    most = 16 if model.device.type == "cpu" else 64
    return max(1, min(most, most * ROW_TOKENS // width))


def bucket(length: int, size: int = BUCKET_TOKENS) -> int:
    """Round a length up to a multiple of `size`, at least one."""
    return max(1, -(-length // size)) * size


def batches(
    shapes: Sequence[Shape], num_rows: Callable[[Shape], int]
) -> Iterator[tuple[Shape, list[int], list[int]]]:
    """Group items of equal shape into batches of as many rows as the shape has.

    Yields:
        The shape, the items of the batch, and the item in each row: a batch with fewer items than rows is
        filled up with copies of its first.
    """
    by_shape: dict[Shape, list[int]] = {}
    for item, shape in enumerate(shapes):
        by_shape.setdefault(shape, []).append(item)
    for shape, members in by_shape.items():
        rows = num_rows(shape)
        for start in range(0, len(members), rows):
            items = members[start : start + rows]
            yield shape, items, items + [items[0]] * (rows - len(items))


def left_padded(
    sequences: Sequence[Sequence[int]], width: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return ids and attention mask, both (rows, width), of sequences that end in the last column."""
    ids = torch.zeros(len(sequences), width, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        start = width - len(sequence)
        ids[row, start:] = torch.tensor(sequence, dtype=torch.long)
        mask[row, start:] = 1
    return ids.to(device), mask.to(device)


def check_context(model: Model, longest: int) -> None:
    """Raise `TooLong` where a padded sequence of `longest` tokens does not fit the model's context."""
    limit = context(model)
    if limit is not None and longest > limit:
        raise TooLong(longest, limit)


def context(model: Model) -> int | None:
    """Return how many tokens a model's context holds, or None where its configuration says no limit.

    Where the longest row of a batch decides how all rows are rotated (longrope), it is the shorter limit,
    below which nothing changes: a row's numbers must not depend on its neighbours.
    """
    config = model.config.get_text_config()
    limits = [getattr(config, name, None) for name in ("max_position_embeddings", "max_seq_len")]
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type") == "longrope":
        limits.append(rope.get("original_max_position_embeddings"))
    return min((limit for limit in limits if limit is not None), default=None)


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """Put a model into evaluation mode without gradients, and back into the mode that it was in."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)
