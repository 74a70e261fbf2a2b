"""Checkpoints that an interrupted training goes on from: only those that were written to their end."""

import shutil
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from pentimento.training.models._processes import by_the_first, wait_for_all

COMPLETE = "complete"


class Marks(TrainerCallback):
    """Marks each checkpoint once it is whole."""

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Mark the checkpoint: a process killed while it writes leaves one without the mark."""
        folder = Path(str(args.output_dir)) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        wait_for_all()  # each writes its own random state
        by_the_first((folder / COMPLETE).touch)


def last_checkpoint(folder: Path) -> str | None:
    """Return the last complete checkpoint in a folder, and delete what an interruption left half written."""
    return by_the_first(lambda: _last_checkpoint(folder))


def _last_checkpoint(folder: Path) -> str | None:
    found = sorted(
        folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*"), key=lambda path: int(path.name.rsplit("-", 1)[1])
    )
    for path in found:
        if not (path / COMPLETE).exists():
            shutil.rmtree(path)
    return next((str(path) for path in reversed(found) if path.exists()), None)
