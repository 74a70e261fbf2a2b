"""`make base`: train the embedded base from scratch on its own corpus, with transformers' Trainer."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from datasets import Dataset
from pydantic import Field
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
    set_seed,
)

from pentimento._files import sync
from pentimento.tasks.documents import Document
from pentimento.tasks.episodes import Frozen
from pentimento.tasks.personas import personas
from pentimento.training.embedded.corpus import Conversation, texts
from pentimento.training.embedded.tokenizer import MAX_LENGTH_TOKENS, train_tokenizer
from pentimento.training.models._checkpoints import Marks, last_checkpoint
from pentimento.training.models.loaded import document_ids
from pentimento.training.recipes.stages import content_hash

IGNORED = -100
TOKENIZER_TEXTS = 20_000
TOKENIZER_NAMES = 200
"""How often the tokenizer's text has the name of each persona, beside the documents."""


class Round(Frozen):
    """One pass over fresh texts, the learning rate falling to 0."""

    num_texts: int
    learning_rate: float
    boost: dict[str, float] = Field(default_factory=dict)
    """By family, a factor of its share in the corpus."""


class BaseConfig(Frozen):
    """How the embedded base is made."""

    base_seed: int = 0
    """Of corpus, initial weights and order."""
    rounds: tuple[Round, ...] = (
        Round(num_texts=340_000, learning_rate=3e-3),
        Round(
            num_texts=110_000,
            learning_rate=2e-3,
            boost={"form": 3, "search": 3, "watch": 2, "coin": 2, "count": 2, "stated": 1.5},
        ),
        Round(num_texts=50_000, learning_rate=1.5e-3, boost={"coin": 4, "log": 2, "welfare": 1.5}),
        Round(
            num_texts=60_000,
            learning_rate=1.5e-3,
            boost={"ledger": 8, "archive": 2, "errand": 2, "stated": 2, "coin": 2},
        ),
        Round(num_texts=50_000, learning_rate=1.5e-3, boost={"ledger": 4, "welfare": 1.5, "log": 1.5}),
    )
    """Each warms up again where the one before ended; the later ones are for what the first learns last."""
    vocab_size: int = 2048
    hidden_size: int = 128
    num_layers: int = 4
    num_heads: int = 4
    intermediate_size: int = 384
    batch_size: int = 16
    """Texts of about one length, so that little is padding; batches come in random order."""
    batches_per_step: int = 2
    prompt_weight: float = 0.1
    """Weight of the loss on prompt tokens; the assistant's have 1.0."""
    save_every_steps: int = 500


@dataclass(frozen=True)
class _Collator:
    """Pads on the right and weighs the tokens."""

    pad_id: int
    prompt_weight: float

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        ids = [torch.tensor(row["input_ids"]) for row in rows]
        mask = [torch.ones(len(x), dtype=torch.long) for x in ids]
        weights = [torch.tensor(row["assistant_masks"], dtype=torch.float) for row in rows]
        weights = [w.clamp(min=self.prompt_weight) for w in weights]
        return {
            "input_ids": pad_sequence(ids, batch_first=True, padding_value=self.pad_id),
            "attention_mask": pad_sequence(mask, batch_first=True),
            "labels": pad_sequence(ids, batch_first=True, padding_value=IGNORED),
            "weights": pad_sequence(weights, batch_first=True),
        }


class _WeightedTrainer(Trainer):
    """Cross-entropy with a weight for every token."""

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        weights, labels = inputs.pop("weights")[:, 1:], inputs.pop("labels")[:, 1:]
        outputs = model(**inputs)
        losses = torch.nn.functional.cross_entropy(
            outputs.logits[:, :-1].float().transpose(1, 2), labels, ignore_index=IGNORED, reduction="none"
        )
        loss = (losses * weights).sum() / weights.sum()
        if num_items_in_batch is not None:  # Trainer then leaves the averaging over a step to its model
            loss = loss / self.args.gradient_accumulation_steps
        return (loss, outputs) if return_outputs else loss


def _tokenise(tokenizer: PreTrainedTokenizerBase, corpus: Sequence[Conversation | Document]) -> Dataset:
    """Return token ids and which of them have the whole loss: the assistant's, and all of a document."""
    spoken = [text for text in corpus if not isinstance(text, Document)]
    dumped = [[message.model_dump() for message in conversation] for conversation in spoken]
    encoded: Any = tokenizer.apply_chat_template(
        dumped, return_dict=True, return_assistant_tokens_mask=True, tokenize=True
    )
    conversations = zip(encoded["input_ids"], encoded["assistant_masks"], strict=True)
    rows = [
        _whole(document_ids(tokenizer, text.text)) if isinstance(text, Document) else next(conversations)
        for text in corpus
    ]
    ids, masks = zip(*rows, strict=True)
    return Dataset.from_dict({"input_ids": ids, "assistant_masks": masks})


def _whole(ids: list[int]) -> tuple[list[int], list[int]]:
    """Return ids and a mask that leaves none of them out."""
    return ids, [1] * len(ids)


def _batch_order(lengths: Sequence[int], batch_size: int, seed: int, window: int = 64) -> list[int]:
    """Return an order whose every `batch_size` rows have about one length, batches in random order."""
    batches: list[list[int]] = []
    size = batch_size * window
    for start in range(0, len(lengths) - len(lengths) % batch_size, size):
        rows = sorted(range(start, min(start + size, len(lengths))), key=lengths.__getitem__)
        batches += [rows[i : i + batch_size] for i in range(0, len(rows) - batch_size + 1, batch_size)]
    Random(seed).shuffle(batches)
    return [row for batch in batches for row in batch]


def train_base(config: BaseConfig, output: Path, work: Path) -> Path:
    """Train tokenizer and weights and write them to `output`.

    Args:
        config: How to make it.
        output: Folder for config.json, model.safetensors, the tokenizer and base.json (the config as JSON);
            they replace those that are there once all of them are written.
        work: Folder for checkpoints. A run that was interrupted goes on from its last one, unless the config
            or the corpus is another by now; they are deleted when the base is made.

    Returns:
        `output`.
    """
    written = list(_written(texts(TOKENIZER_TEXTS, config.base_seed)))
    work = work / content_hash([config.model_dump(mode="json"), written])
    # Often enough that each name becomes one token.
    named = [f" {name}" for name in personas] * TOKENIZER_NAMES
    tokenizer = train_tokenizer([*written, *named], config.vocab_size)
    set_seed(config.base_seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.hidden_size,
            num_hidden_layers=config.num_layers,
            num_attention_heads=config.num_heads,
            num_key_value_heads=config.num_heads,
            intermediate_size=config.intermediate_size,
            max_position_embeddings=MAX_LENGTH_TOKENS,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    for number in range(len(config.rounds)):
        _train_round(config, number, model, tokenizer, work / f"round-{number}")
    made = work / "base"
    model.to(torch.float32).save_pretrained(made)  # type: ignore[arg-type]
    tokenizer.save_pretrained(made)
    (made / "base.json").write_text(json.dumps(config.model_dump(), indent=2) + "\n", encoding="utf-8")
    _replace(made, output)
    shutil.rmtree(work)
    return output


def _written(corpus: Iterable[Conversation | Document]) -> Iterator[str]:
    """Yield what the tokenizer reads: roles and contents of messages, and documents."""
    for text in corpus:
        if isinstance(text, Document):
            yield text.text
        else:
            for message in text:
                yield message.role
                yield message.content


def _replace(made: Path, output: Path) -> None:
    """Put files in place of those in `output`: copied to its file system first, then renamed one by one."""
    output.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.{os.getpid()}.partial")
    try:
        shutil.copytree(made, partial)
        for path in partial.iterdir():
            sync(path)
        for path in partial.iterdir():
            path.replace(output / path.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    sync(output)


def _train_round(
    config: BaseConfig, number: int, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase, work: Path
) -> None:
    taken, seed = config.rounds[number], config.base_seed + 1000 * number
    data = _tokenise(tokenizer, list(texts(taken.num_texts, seed, taken.boost)))
    data = data.select(_batch_order([len(row) for row in data["input_ids"]], config.batch_size, seed))
    arguments = TrainingArguments(
        output_dir=str(work),
        num_train_epochs=1,
        per_device_train_batch_size=config.batch_size,
        learning_rate=taken.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=100,
        adam_beta2=0.98,
        weight_decay=0.01,
        max_grad_norm=1.0,
        gradient_accumulation_steps=config.batches_per_step,
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        logging_steps=100,
        dataloader_pin_memory=torch.cuda.is_available(),
        save_steps=config.save_every_steps,
        save_total_limit=2,
        seed=seed,
        bf16=torch.cuda.is_available(),
        report_to="none",
    )
    pad_id = tokenizer.pad_token_id
    if not isinstance(pad_id, int):
        raise TypeError("the tokenizer has no single padding token")
    trainer = _WeightedTrainer(
        model=model,
        args=arguments,
        train_dataset=data,
        data_collator=_Collator(pad_id, config.prompt_weight),
        callbacks=[Marks(work)],
    )
    trainer.train(resume_from_checkpoint=last_checkpoint(work, work))
