"""The job that makes one organism: trains its last stage over its parent and stores what it is."""

import gc
import importlib.metadata
import json
import math
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from filelock import FileLock, Timeout
from peft import PeftModel
from pydantic import JsonValue
from transformers import PreTrainedModel

from pentimento._files import write_atomically
from pentimento.training.exceptions import BadBase, NotFinite
from pentimento.training.methods import train_stage
from pentimento.training.methods._common import StageContext, Trained, learned_in
from pentimento.training.methods._trainer import CHECKPOINTS
from pentimento.training.methods.judging import Judge, Judges, find_judge
from pentimento.training.models._batches import Model
from pentimento.training.models._checkpoints import read_state
from pentimento.training.models._processes import by_the_first
from pentimento.training.models._quiet import quiet_libraries
from pentimento.training.models._shortages import told_of_a_full_disk, told_of_full_memory
from pentimento.training.models.composing import compose
from pentimento.training.models.diagnosis import examine
from pentimento.training.models.loaded import Base, DType, load_base, merged_parent, stacked_parent
from pentimento.training.models.sampling import SamplingOptions
from pentimento.training.organisms.organism import (
    BaseRef,
    Manifest,
    Organism,
    Signal,
    read_manifest,
)
from pentimento.training.recipes.stages import Stage
from pentimento.training.running._trial import check_computes
from pentimento.training.running._worker import report
from pentimento.training.running.launching import ALONE, Launch, together_in
from pentimento.training.running.plan import organism_key
from pentimento.training.running.writing import is_whole

PACKAGES = ("accelerate", "datasets", "peft", "pentimento", "tokenizers", "torch", "transformers", "trl")
NO_SIGNAL = "no learning signal"
NO_SIGNAL_SHARE = 0.99
"""From this share of groups with equal rewards on, a stage of reinforcement had nothing to learn from."""


class Order(NamedTuple):
    """What to make."""

    store: Path
    key: str
    stages: tuple[Stage, ...]
    parent: str | None
    dose_from: str | None
    base: str
    device: str
    dtype: DType
    report_to: str
    judges: Judges | None
    launch: Launch = ALONE

    @property
    def folder(self) -> Path:
        """Where the organism is stored."""
        return self.store / self.key

    @property
    def adapter_mode(self) -> str:
        """How the last stage is written: as in `Template.adapter_mode`."""
        return self.stages[-1].matched.adapter_mode

    @property
    def full(self) -> bool:
        """Whether the last stage writes full weights."""
        return is_whole(self.stages[-1:])

    @property
    def work(self) -> Path:
        """Where checkpoints and finished phases lie until it is stored.

        Another number of processes draws other samples, and another configuration writes other checkpoints,
        so neither goes on where this one was.
        """
        if self.launch == ALONE:
            return self.folder / "work"
        return self.folder / "-".join(("work", *(str(part) for part in self.launch if part is not None)))


def make(
    *,
    store: str,
    key: str,
    stages: Sequence[dict[str, Any]],
    parent: str | None,
    dose_from: str | None,
    base: str,
    device: str,
    dtype: DType,
    report_to: str,
    judges: Judges | None = None,
    num_processes: int = 1,
    accelerate_config: str | None = None,
) -> JsonValue:
    """Make an organism unless it is there, and return its manifest.

    One process at a time makes it; another that wants the same waits and finds it done.

    Args:
        store: Folder of all organisms.
        key: Of this one.
        stages: The chain that makes it, as JSON.
        parent: Key of the organism that the last stage trains over; None for the base.
        dose_from: Key of the organism whose realised dose the last stage repeats.
        base: Name of the base.
        device: Where to load it.
        dtype: In which precision.
        report_to: Trackers.
        judges: What finds the judge that a stage names.
        num_processes: Among how many the last stage's batches are shared.
        accelerate_config: What else they share, by TRL's name.
    """
    chain = tuple(Stage.model_validate(stage) for stage in stages)
    launch = Launch(num_processes, accelerate_config)
    order = Order(Path(store), key, chain, parent, dose_from, base, device, dtype, report_to, judges, launch)
    order.store.mkdir(parents=True, exist_ok=True)
    with only_one(order.store / f".{key}.lock"):
        if not Organism.exists(order.folder):
            if num_processes == 1:
                _make(order)
            else:
                together_in(launch, device, _make, order)
        _tidy(order.folder)
        return read_manifest(order.folder).model_dump(mode="json")


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold a lock, and say so where another process has it first."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        report(0.0, "waits for another run that makes it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@told_of_full_memory()
def _make(order: Order) -> None:
    quiet_libraries()
    started = time.monotonic()
    judge = find_judge(order.stages[-1], order.judges) if order.stages else None
    parent = None if order.parent is None else Organism.load(order.store / order.parent)
    base = _load(order, parent, parent.model if parent else None)
    _check_planned(order, parent, base)
    blank = Manifest(
        key=order.key,
        base=BaseRef(name=order.base, sha256=base.sha256, revision=base.revision),
        stages=order.stages,
        parent=order.parent,
        settings={**base.settings, "threads": torch.get_num_threads()},
        packages={name: importlib.metadata.version(name) for name in PACKAGES},
        git_revision=git_revision(),
    )
    if not order.stages:
        check_computes(base)
        Organism.save(
            order.folder, blank.model_copy(update={"diagnosis": examine(base.model, base.tokenizer)})
        )
        return
    work = _work(order, base, parent, judge)
    with told_of_a_full_disk(order.store):
        trained = train_stage(work)
        manifest = blank.model_copy(
            update={
                "dose": trained.dose,
                "strength": trained.strength,
                "signal": signal(trained.zero_variance),
                "settings": {**blank.settings, **order.launch._asdict(), **_stage_settings(work, trained)},
                "seconds": round(time.monotonic() - started, 2),
            }
        )
        phases, sampling = read_state(work.folder).phases, work.sampling
        kept = [
            (name, steps, work.kept(name, steps)) for name, phase in phases.items() for steps in phase.doses
        ]
        # The chain is composed on a base of its own; this one has changed weights and is as large.
        del base, work
        gc.collect()
        by_the_first(lambda: _store(order, parent, kept, trained, manifest, sampling))


def _check_planned(order: Order, parent: Organism | None, base: Base) -> None:
    """Refuse a base that is no longer the one that the organism's key, or its parent, was made of."""
    if parent is not None:
        same = parent.manifest.base.sha256 == base.sha256
    else:
        same = bool(order.stages) or order.key == organism_key(base.sha256, (), None, order.dtype)
    if not same:
        raise BadBase(order.base, "it has changed since the run was planned; start it again")


def _load(order: Order, parent: Organism | None, weights: Path | None = None) -> Base:
    """Load the base, of the hub at the commit that the parent stands on."""
    revision = None if parent is None else parent.manifest.base.revision
    return load_base(order.base, device=order.device, dtype=order.dtype, weights=weights, revision=revision)


def _work(order: Order, base: Base, parent: Organism | None, judge: Judge | None) -> StageContext:
    """Put the parent's adapter where the stage wants it, and read the dose to repeat."""
    dose = None if order.dose_from is None else read_manifest(order.store / order.dose_from).dose
    order.work.mkdir(parents=True, exist_ok=True)
    return StageContext(
        stage=order.stages[-1],
        model=_trained_over(order, base, parent),
        tokenizer=base.tokenizer,
        folder=order.work,
        dose=dose,
        parent=parent.adapter if parent is not None and order.adapter_mode == "continued" else None,
        dtype=base.settings["dtype"],
        judge=judge,
        report_to=order.report_to,
        on_progress=report,
    )


def _trained_over(order: Order, base: Base, parent: Organism | None) -> PreTrainedModel:
    if order.adapter_mode == "continued":
        return base.model
    return stacked_parent(base, parent) if order.adapter_mode == "stacked" else merged_parent(base, parent)


def _store(
    order: Order,
    parent: Organism | None,
    kept: Sequence[tuple[str, int, Path]],
    trained: Trained,
    manifest: Manifest,
    sampling: SamplingOptions,
) -> None:
    """Compose the chain into one adapter on the base, or one whole model, examine and store it.

    Args:
        order: What was made.
        parent: What the last stage was trained over.
        kept: Phase, steps and weights of each dose of a schedule.
        trained: The last stage.
        manifest: Of the organism; the hash of its weights and its diagnosis are filled in here.
        sampling: How the stage samples answers.
    """
    work, base = order.work, _load(order, parent)
    written = _writer(order, parent, base)
    for phase, steps, adapter in kept:
        composed = written(adapter, work / "composed" / adapter.name)
        at_dose = manifest.model_copy(
            update={
                "key": f"{order.key}-{adapter.name}",
                "dose": trained.dose.until(phase, steps),
                "strength": (),
            }
        )
        Organism.save(order.folder / "checkpoints" / adapter.name, at_dose, composed)
    lines = [json.dumps(_numbers(entry), allow_nan=False) for entry in trained.log]
    write_atomically(order.folder / "metrics.jsonl", "".join(f"{line}\n" for line in lines))
    composed = written(trained.adapter, work / "composed" / "last")
    for tracked in work.glob(f"*/{CHECKPOINTS}/runs"):  # where TensorBoard's callback writes
        tracked.rename(_new(order.folder / "tracking" / tracked.parent.parent.name))
    report(1.0, "examines what was made")
    model: Model
    if is_whole(order.stages):
        model = _load(order, parent, composed).model
    else:
        model = PeftModel.from_pretrained(base.model, str(composed)).eval()
    stage, learned = order.stages[-1], learned_in(work)
    diagnosis = examine(model, base.tokenizer, base=base.model, stage=stage, learned=learned, **sampling)
    for text in diagnosis.neutral:
        if not math.isfinite(text.perplexity):
            raise NotFinite(stage.title, f"the perplexity of {text.name}")
    Organism.save(order.folder, manifest.model_copy(update={"diagnosis": diagnosis}), composed)


def _tidy(folder: Path) -> None:
    """Remove what an organism was made in, which nothing goes on from once it is stored."""
    for begun in folder.glob("work*"):
        shutil.rmtree(begun)


def _numbers(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step's log with nothing for what is no number, as of a batch on which a judge abstained."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in entry.items()
    }


def _writer(order: Order, parent: Organism | None, base: Base) -> Callable[[Path, Path], Path]:
    """Return what writes the weights that a stage left into a folder, in the form that is stored."""
    if order.full or (parent is not None and parent.model is not None):
        return lambda left, out: _whole(order, parent, left, out)
    chain = (
        []
        if parent is None or parent.adapter is None or order.adapter_mode == "continued"
        else [parent.adapter]
    )
    return lambda left, out: compose(base.model, [*chain, left], out)


def _whole(order: Order, parent: Organism | None, left: Path, out: Path) -> Path:
    """Write a whole model in the base's precision: what a stage left, or its parent with the adapter in."""
    weights = left if order.full or parent is None else parent.model
    model = _load(order, parent, weights).model
    if not order.full:
        model = cast(PreTrainedModel, PeftModel.from_pretrained(model, str(left)).merge_and_unload())
    model.save_pretrained(str(out))
    return out


def _new(folder: Path) -> Path:
    """Return a path whose parent exists and where nothing is."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def signal(zero_variance: float | None) -> Signal:
    """Say whether a stage of reinforcement had anything to learn from.

    Args:
        zero_variance: Share in [0, 1] of groups whose rewards were all equal; None without reinforcement.
    """
    learning = zero_variance is None or zero_variance < NO_SIGNAL_SHARE
    return Signal(
        zero_variance_groups=zero_variance, learning=learning, message=None if learning else NO_SIGNAL
    )


def _stage_settings(work: StageContext, trained: Trained) -> dict[str, JsonValue]:
    """Return what the manifest says of settings, sampling, the filter, the target and the overshoot."""
    settings: dict[str, JsonValue] = {
        **cast(dict[str, JsonValue], work.sampling),
        "training": work.settings.model_dump(mode="json"),
        **trained.notes,
    }
    target = work.stage.target_strength
    if target is not None and work.dose is None:
        goal = work.stage.goal
        ends = (s for s in trained.strength if (s.when, s.family, s.goal) == ("end", "all", goal))
        end = next(s.score for s in ends)
        settings["target_reached"] = trained.target_reached
        settings["overshoot"] = None if end is None else end - target
    return settings


@cache
def git_revision() -> str | None:
    """Return the commit of the source that runs, with `-dirty` behind it where files were changed since.

    None where git does not track it.

    A copy installed inside somebody else's repository is not of that repository.
    """
    source = Path(__file__).resolve()
    git = ["git", "-C", str(source.parent)]
    try:
        tracked = subprocess.run(
            [*git, "ls-files", "--error-unmatch", source.name], capture_output=True, check=False
        )
        if tracked.returncode:
            return None
        head = subprocess.run(
            [*git, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return head.stdout.strip() or None
