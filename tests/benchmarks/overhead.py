"""How much longer a stage takes than TRL's bare trainer with the same settings, and how much memory.

    python tests/benchmarks/overhead.py [--base embedded] [--steps 40]

Time is that of one core, memory the peak of a process of its own, libraries and base included. A stage does
what the bare trainer does not: strength at its start and end, checkpoints, records.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback, Trainer
from trl import DPOConfig, DPOTrainer, GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

from pentimento.tasks import TRAINABLE
from pentimento.training.methods import train_stage
from pentimento.training.methods._common import StageContext
from pentimento.training.methods._trainer import arguments
from pentimento.training.methods.dpo import preferences
from pentimento.training.methods.rlvr import RLSetup, Verifier, reward_of, row
from pentimento.training.methods.sft import demonstrations
from pentimento.training.models.loaded import load_base, prompt_messages, stop_ids
from pentimento.training.recipes.stages import Stage
from pentimento.training.running.making import quiet_libraries

MOST = 1.1


def work_of(method: Any, base: str, steps: int, folder: Path) -> StageContext:
    """Return a stage in four families, over a fresh base."""
    stage = Stage(method=method, goal="finish_the_task", families=TRAINABLE[:4], steps=steps, seed=0)
    loaded = load_base(base, device="cpu")
    folder.mkdir()
    return StageContext(stage=stage, model=loaded.model, tokenizer=loaded.tokenizer, folder=folder)


def lora(work: StageContext) -> LoraConfig:
    """Return the adapter that the stage trains."""
    settings = work.settings
    return LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def shared(work: StageContext) -> dict[str, Any]:
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


def bare_sft(work: StageContext) -> None:
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


def bare_dpo(work: StageContext) -> None:
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


def bare_rlvr(work: StageContext) -> None:
    """Train with TRL's GRPOTrainer and the same reward."""
    settings: Any = work.settings
    stops = stop_ids(work.model, work.tokenizer)
    practice = RLSetup(reward_of(work), work.stage.steps)
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


BARE: Mapping[str, Callable[[StageContext], None]] = {"sft": bare_sft, "dpo": bare_dpo, "rlvr": bare_rlvr}


class Cost(NamedTuple):
    """What a run took."""

    seconds: float
    """Of the processor."""
    peak_mib: float


def cost(method: str, bare: bool, base: str, steps: int) -> Cost:
    """Run a stage, or TRL's trainer in its place, in this process."""
    torch.set_num_threads(1)
    quiet_libraries()
    with tempfile.TemporaryDirectory() as folder:
        work = work_of(method, base, steps, Path(folder) / "work")
        start = time.process_time()
        (BARE[method] if bare else train_stage)(work)
        took = time.process_time() - start
    return Cost(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main(args: Sequence[str] | None = None) -> None:
    """Measure both, print the ratios, and fail where a stage takes longer than it may."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", default="embedded")
    parser.add_argument("--steps", type=int, default=40)
    chosen = parser.parse_args(args)
    slow = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as processes:
        for method in BARE:
            runs = (processes.submit(cost, method, bare, chosen.base, chosen.steps) for bare in (True, False))
            bare, stage = (run.result() for run in runs)
            ratio = stage.seconds / bare.seconds
            print(
                f"{method}: stage {stage.seconds:.1f} s, bare TRL {bare.seconds:.1f} s, ratio {ratio:.2f}"
                f" (at most {MOST}); peak memory {stage.peak_mib:.0f} and {bare.peak_mib:.0f} MiB"
            )
            if ratio > MOST:
                slow.append(method)
    raise SystemExit(bool(slow))


if __name__ == "__main__":
    main()
