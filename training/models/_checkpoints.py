"""What an interrupted training goes on from: `state.json` says it, and no name or mark of a file.

One `state.json` for a stage, beside the folders of its phases. A checkpoint counts from the moment that it
stands there, so one that a killed process left half written never does.
"""

import shutil
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, JsonValue, ValidationError
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from pentimento._files import first_problem, write_atomically
from pentimento.tasks.episodes import Frozen
from pentimento.tasks.exceptions import BadInput
from pentimento.training.models._processes import by_the_first, wait_for_all

STATE = "state.json"


class PhaseState(Frozen):
    """How far one phase is."""

    checkpoint: int | None = None
    """Steps after which its last whole checkpoint was written."""
    strongest: tuple[int, ...] = ()
    """Steps whose weights are kept since they came nearest to the target."""
    doses: tuple[int, ...] = ()
    """Steps whose weights are kept for a dose schedule."""
    result: dict[str, JsonValue] | None = None
    """What the phase left; None until it ended."""


class StageState(Frozen):
    """How far a stage is, by the names of its phases."""

    version: Literal[1] = 1
    phases: dict[str, PhaseState] = Field(default_factory=dict)


def read_state(folder: Path) -> StageState:
    """Return how far a stage is; nothing was done where there is no `state.json`.

    Raises:
        BadInput: It is damaged, or of another version.
    """
    path = folder / STATE
    if not path.exists():
        return StageState()
    try:
        return StageState.model_validate_json(path.read_bytes())
    except ValidationError as error:
        allowed = f"one of this version ({first_problem(error)}); remove {folder}, and the stage begins again"
        raise BadInput("state", str(path), allowed) from None


def phase_state(folder: Path) -> PhaseState:
    """Return how far a phase is.

    Args:
        folder: Of the phase; the stage's is the one that it lies in.
    """
    return by_the_first(lambda: read_state(folder.parent).phases.get(folder.name, PhaseState()))


def note_state(folder: Path, **changes: Any) -> None:
    """Write down how far a phase is. Of several processes the first alone may call it (`by_the_first`).

    Args:
        folder: Of the phase.
        changes: Fields of `PhaseState`.
    """
    stage = read_state(folder.parent)
    before = stage.phases.get(folder.name, PhaseState())
    phase = PhaseState.model_validate({**before.model_dump(), **changes})
    stage = StageState(phases={**stage.phases, folder.name: phase})
    folder.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(folder.parent / STATE, stage.model_dump_json(indent=1) + "\n")


class Marks(TrainerCallback):
    """Writes down each checkpoint once it is whole.

    Args:
        folder: Of the phase.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Write the checkpoint down, when every process has written its own random state."""
        wait_for_all()
        by_the_first(lambda: note_state(self.folder, checkpoint=state.global_step))


def last_checkpoint(folder: Path, checkpoints: Path) -> str | None:
    """Return the last whole checkpoint of a phase, and delete what an interruption left half written.

    Args:
        folder: Of the phase.
        checkpoints: Where they lie.
    """
    return by_the_first(lambda: _last_checkpoint(folder, checkpoints))


def _last_checkpoint(folder: Path, checkpoints: Path) -> str | None:
    whole = checkpoints / f"{PREFIX_CHECKPOINT_DIR}-{phase_state(folder).checkpoint}"
    for path in checkpoints.glob(f"{PREFIX_CHECKPOINT_DIR}-*"):
        if path != whole:
            shutil.rmtree(path)
    return str(whole) if whole.is_dir() else None
