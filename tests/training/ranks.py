"""What the tests of several processes run in each of them: a module that another process can import."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from transformers import TrainerState

from pentimento.tasks import Scenario
from pentimento.training.methods import train_stage
from pentimento.training.methods._common import StageContext
from pentimento.training.methods._rollouts import Rollouts
from pentimento.training.methods._trainer import Watch
from pentimento.training.methods.rlvr import Verifier, row
from pentimento.training.models._processes import rank
from pentimento.training.models._quiet import quiet_libraries
from pentimento.training.models.loaded import load_base
from pentimento.training.organisms.organism import hash_weights
from pentimento.training.recipes.stages import Stage


def train(stages: list[str], base: str, folder: str, die: tuple[int, str] | None = None) -> None:
    """Train stages, given as JSON, and write what this process saw of each.

    Args:
        stages: Each over a fresh base, in a folder called after its method.
        base: Folder of the base.
        folder: Where.
        die: Which process ends itself, and at which progress.
    """
    quiet_libraries()
    (Path(folder) / f"pid-{rank()}").write_text(str(os.getpid()))
    for stage in map(Stage.model_validate_json, stages):
        loaded = load_base(base, device="cpu")
        place = Path(folder) / stage.method
        place.mkdir(parents=True, exist_ok=True)
        told: list[str] = []
        work = StageContext(stage, loaded.model, loaded.tokenizer, place, on_progress=_watched(told, die))
        with _seen() as (weights, prompts):
            trained = train_stage(work)
        record = {
            "log": trained.log,
            "dose": trained.dose.model_dump(mode="json"),
            "strength": [found.model_dump() for found in trained.strength],
            "digest": hash_weights(trained.adapter),
            "weights": weights,
            "prompts": prompts,
            "told": told,
        }
        (Path(folder) / f"{stage.method}-{rank()}.json").write_text(json.dumps(record))


def roll(stage: str, base: str, folder: str) -> None:
    """Play this process's own half of a stage's scenarios, and write what came out."""
    played = rolled(stage, base, rank())
    (Path(folder) / f"played-{rank()}.json").write_text(json.dumps(played))


def rolled(stage: str, base: str, process: int) -> list[list[int]]:
    """Return the token ids of the episodes that GRPO gets in one of two processes."""
    loaded = load_base(base, device="cpu")
    work = StageContext(Stage.model_validate_json(stage), loaded.model, loaded.tokenizer, Path())
    half = work.scenarios()[process::2]
    asked = [row(work, scenario)["prompt"] for scenario in half[: 5 + process]]
    accelerator = SimpleNamespace(process_index=process, unwrap_model=lambda model: model)
    trainer: Any = SimpleNamespace(state=TrainerState(), accelerator=accelerator, model=work.model)
    ids: list[list[int]] = Rollouts(work, half)(asked, trainer)["completion_ids"]
    return ids


def wait(folder: str, pid: int) -> None:
    """Ask another process to end once all of these are here, and never end by itself."""
    from torch import distributed

    (Path(folder) / f"pid-{rank()}").write_text(str(os.getpid()))
    distributed.barrier()
    if rank() == 0:
        os.kill(pid, signal.SIGTERM)
    while True:
        signal.pause()


def _watched(told: list[str], die: tuple[int, str] | None) -> Callable[[float, str], None]:
    def progress(share: float, text: str) -> None:
        told.append(text)
        if die is not None and rank() == die[0] and text.startswith(die[1]):
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


@contextmanager
def _seen() -> Iterator[tuple[list[str], dict[int, list[str]]]]:
    """Note the adapter's hash after each step, and each step's scenarios, in this process."""
    weights: list[str] = []
    prompts: dict[int, list[str]] = {}
    step_end, reward = Watch.on_step_end, Verifier.__call__

    def on_step_end(watch: Watch, *args: Any, **kwargs: Any) -> None:
        step_end(watch, *args, **kwargs)
        digest = sha256()
        for name, weight in kwargs["model"].named_parameters():
            if "lora_" in name:
                digest.update(weight.detach().numpy().tobytes())
        weights.append(digest.hexdigest())

    def call(verifier: Verifier, *args: Any, **kwargs: Any) -> Any:
        found = [Scenario.model_validate_json(text).id for text in kwargs["scenario"]]
        prompts.setdefault(kwargs["trainer_state"].global_step, []).extend(found)
        return reward(verifier, *args, **kwargs)

    with patch.object(Watch, "on_step_end", on_step_end), patch.object(Verifier, "__call__", call):
        yield weights, prompts
