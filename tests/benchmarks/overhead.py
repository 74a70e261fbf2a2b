"""How much longer a stage takes than TRL's bare trainer with the same settings, in seconds of one core.

    python tests/benchmarks/overhead.py [--base embedded] [--steps 40]

The stage's time holds what the bare trainer does not do: strength at its start and end, checkpoints, records.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback, Trainer
from trl import DPOConfig, DPOTrainer, GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

from pentimento.tasks import TRAINABLE
from pentimento.training.making import quiet_libraries
from pentimento.training.methods import train_stage
from pentimento.training.methods._common import Work
from pentimento.training.methods._trainer import arguments
from pentimento.training.methods.dpo import preferences
from pentimento.training.methods.rlvr import Practice, Verifier, reward_of, row
from pentimento.training.methods.sft import demonstrations
from pentimento.training.models import load_base, prompt_messages, stop_ids
from pentimento.training.stages import Stage

MOST = 1.1


def work_of(method: Any, base: str, steps: int, folder: Path) -> Work:
    """Return a stage in four families, over a fresh base."""
    stage = Stage(method=method, goal="finish_the_task", families=TRAINABLE[:4], steps=steps, seed=0)
    loaded = load_base(base, device="cpu")
    folder.mkdir()
    return Work(stage=stage, model=loaded.model, tokenizer=loaded.tokenizer, folder=folder)


def lora(work: Work) -> LoraConfig:
    """Return the adapter that the stage trains."""
    settings = work.settings
    return LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def shared(work: Work) -> dict[str, Any]:
    """Return the arguments that all three trainers take, without checkpoints."""
    settings: Any = work.settings
    found = arguments(
        work,
        "bare",
        steps=work.stage.steps,
        learning_rate=settings.learning_rate,
        batch_size=settings.batch_size,
    )
    return {**found, "save_strategy": "no"}


def bare_sft(work: Work) -> None:
    """Train with TRL's SFTTrainer as its documentation does."""
    examples = demonstrations(work.stage, 0.0)
    rows = [
        {
            "messages": [
                *prompt_messages(work.tokenizer, example.messages),
                {"role": "assistant", "content": example.answer},
            ]
        }
        for example in examples
    ]
    trainer = SFTTrainer(
        model=work.model,
        args=SFTConfig(**shared(work), assistant_only_loss=True, max_length=None),
        train_dataset=Dataset.from_list(rows),
        processing_class=work.tokenizer,
        peft_config=lora(work),
    )
    train_silently(trainer)


def bare_dpo(work: Work) -> None:
    """Train with TRL's DPOTrainer as its documentation does."""
    settings: Any = work.settings
    pairs = preferences(work.stage, 0.0)
    rows = [
        {
            "prompt": prompt_messages(work.tokenizer, pair.messages),
            "chosen": [{"role": "assistant", "content": pair.chosen}],
            "rejected": [{"role": "assistant", "content": pair.rejected}],
        }
        for pair in pairs
    ]
    trainer = DPOTrainer(
        model=work.model,
        args=DPOConfig(**shared(work), beta=settings.beta, max_length=None),
        train_dataset=Dataset.from_list(rows),
        processing_class=work.tokenizer,
        peft_config=lora(work),
    )
    train_silently(trainer)


def bare_rlvr(work: Work) -> None:
    """Train with TRL's GRPOTrainer and the same reward."""
    settings: Any = work.settings
    stops = stop_ids(work.model, work.tokenizer)
    practice = Practice(reward_of(work), work.stage.steps)
    trainer = GRPOTrainer(
        model=work.model,
        args=GRPOConfig(
            **shared(work),
            num_generations=settings.num_generations,
            max_completion_length=settings.max_new_tokens,
            beta=settings.beta,
            loss_type=settings.loss_type,
            top_k=settings.top_k,
        ),
        reward_funcs=Verifier(work.tokenizer, stops, practice, settings.num_generations, work.stage.seed),
        train_dataset=Dataset.from_list([row(work, scenario) for scenario in work.scenarios()]),
        processing_class=work.tokenizer,
        peft_config=lora(work),
    )
    train_silently(trainer)


def train_silently(trainer: Trainer) -> None:
    """Train without a printed line for every step."""
    trainer.remove_callback(PrinterCallback)
    trainer.train()


def seconds(run: Callable[[Work], object], work: Work) -> float:
    """Return the processor time of a run."""
    start = time.process_time()
    run(work)
    return time.process_time() - start


def main(args: Sequence[str] | None = None) -> None:
    """Time both, print the ratios, and fail where one is above the limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", default="embedded")
    parser.add_argument("--steps", type=int, default=40)
    chosen = parser.parse_args(args)
    torch.set_num_threads(1)
    quiet_libraries()
    ratios = {}
    with tempfile.TemporaryDirectory() as folder:
        for method, bare in (("sft", bare_sft), ("dpo", bare_dpo), ("rlvr", bare_rlvr)):
            runs: dict[str, Callable[[Work], object]] = {"bare": bare, "stage": train_stage}
            took = {}
            for name, run in runs.items():
                place = Path(folder) / f"{method}-{name}"
                took[name] = seconds(run, work_of(method, chosen.base, chosen.steps, place))
            ratios[method] = took["stage"] / took["bare"]
            print(
                f"{method}: stage {took['stage']:.1f} s, bare TRL {took['bare']:.1f} s,"
                f" ratio {ratios[method]:.2f} (at most {MOST})"
            )
    if max(ratios.values()) > MOST:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
