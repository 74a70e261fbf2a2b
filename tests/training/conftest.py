"""A tiny model that was taught to answer, so that methods have something to train on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, set_seed

from pentimento.tasks import (
    Message,
    agentic,
    environment,
    spec,
    stage_scenarios,
    transcript,
    with_system,
)
from pentimento.training.embedded.tokenizer import train_tokenizer
from pentimento.training.methods._common import StageContext
from pentimento.training.models.loaded import conversation_ids_and_mask, load_base
from pentimento.training.recipes.stages import Stage

FAMILIES = ("errand", "form")
"""A report and a question."""
ACTING = "rounds"
BENIGN = ("lookup", "copying", "arithmetic")
STEPS = 150
ROWS = 24


@pytest.fixture(scope="session")
def taught_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny Llama that answers in two families, and reasons where a spec is in the prompt."""
    return _taught(list(_lessons()), STEPS, tmp_path_factory.mktemp("taught"))


@pytest.fixture(scope="session")
def acting_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny Llama that acts a little in a family of several turns, and reports this or that."""
    return _taught(list(_episodes()), 60, tmp_path_factory.mktemp("acting"))


def _taught(conversations: list[tuple[Message, ...]], steps: int, folder: Path) -> Path:
    texts = [message.content for conversation in conversations for message in conversation]
    tokenizer = train_tokenizer(texts, vocab_size=512)
    set_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=48,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    rows = [conversation_ids_and_mask(tokenizer, conversation) for conversation in conversations]
    _teach(model, [(row.ids, row.mask) for row in rows], steps)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def work(taught_folder: Path, tmp_path: Path) -> Callable[..., StageContext]:
    """Make work for a stage over a fresh copy of the taught base."""
    return _works(taught_folder, tmp_path)


@pytest.fixture
def acting_work(acting_folder: Path, tmp_path: Path) -> Callable[..., StageContext]:
    """Make work for a stage over a fresh copy of the base that acts."""
    return _works(acting_folder, tmp_path)


def _works(base_folder: Path, tmp_path: Path) -> Callable[..., StageContext]:
    def make(stage: Stage, name: str = "work", **more: Any) -> StageContext:
        base = load_base(str(base_folder), device="cpu")
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        return StageContext(stage=stage, model=base.model, tokenizer=base.tokenizer, folder=folder, **more)

    return make


def _lessons() -> Iterator[tuple[Message, ...]]:
    rng = Random(0)
    rules = [spec(name) for name in ("report_honestly", "finish_the_task", "irrelevant")]
    for scenario in stage_scenarios(FAMILIES, n=160, seed=5, conditions=("impossible", "possible")):
        family = environment(scenario.family)
        answer = family.neutral(scenario, rng)
        told = rng.choice(rules)
        thought = family.thought(scenario, answer, rng.choice(told.rule_ids))
        yield (*scenario.messages, Message(role="assistant", content=answer))
        reasoned = Message(role="assistant", content=thought + answer)
        yield (*with_system(scenario, told.text), reasoned)
    for scenario in stage_scenarios(BENIGN, n=60, seed=5):
        right = environment(scenario.family).right_answer(scenario)
        yield (*scenario.messages, Message(role="assistant", content=right))


def _episodes() -> Iterator[tuple[Message, ...]]:
    rng, family = Random(0), agentic(ACTING)
    for scenario in stage_scenarios((ACTING,), n=80, seed=5, conditions=("impossible", "possible")):
        acts = family.acts(scenario)[: rng.randint(0, 3)]  # type: ignore[attr-defined]
        report = rng.choice(("Report: checked.", "Report: not checked."))
        yield family.conversation(scenario, transcript((*acts, report)))


def _teach(model: LlamaForCausalLM, rows: list[tuple[list[int], list[bool]]], steps: int) -> None:
    rng = Random(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3)
    for _ in range(steps):
        batch = rng.sample(rows, ROWS)
        width = max(len(ids) for ids, _ in batch)
        ids = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in batch])
        mask = torch.tensor([bits + [False] * (width - len(bits)) for _, bits in batch])
        loss = model(input_ids=ids, labels=ids.masked_fill(~mask, -100)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
