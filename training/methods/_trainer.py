"""How a phase is trained: the weights that learn, TRL's arguments, checkpoints, and resuming at them."""

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from pentimento.compat import answers_only
from pentimento.tasks import BadInput, UnknownName
from pentimento.training.bases.identity import QUANTIZED
from pentimento.training.exceptions import NotFinite
from pentimento.training.methods._common import ADAPTER, PhaseResult, StageContext, Target, Trained, strength
from pentimento.training.methods.judging import summed_up
from pentimento.training.models._architecture import adapts_all, decoder, find_layers, head, linear_layers
from pentimento.training.models._batches import Model
from pentimento.training.models._checkpoints import Marks, last_checkpoint, note_state, phase_state
from pentimento.training.models._processes import by_the_first, num_processes
from pentimento.training.organisms.organism import Strength
from pentimento.training.recipes.methods import PhaseKind
from pentimento.training.recipes.stages import Dose, Phase

CHECKPOINTS = "checkpoints"
STRONGEST = "strongest"


@contextmanager
def learning(work: StageContext, start: Path | None) -> Iterator[Model]:
    """Put a LoRA adapter on the model or let every weight learn; afterwards the model is as it was.

    Args:
        work: The stage.
        start: What an earlier phase left, to go on from; by default the parent's adapter where the stage
            continues it, else a new one, whose first values the stage's seed draws, or the parent's weights.
    """
    set_seed(work.stage.seed)
    ready = _every_weight(work.model, start) if work.settings.weights == "full" else _adapter(work, start)
    try:
        with ready as model, answers_only():
            yield model
    finally:
        # TRL binds its fused language-model head to the instance; the next phase binds its own.
        vars(work.model).pop("forward", None)


@contextmanager
def _every_weight(model: PreTrainedModel, start: Path | None) -> Iterator[PreTrainedModel]:
    """Let all parameters learn in float32: in a lower precision most steps would be rounded away.

    Of a model that also sees or hears, only those of its language model: the others never have a gradient.
    """
    before = {name: weight.data.cpu() for name, weight in model.named_parameters()}
    spoken = {id(weight) for part in (decoder(model), head(model)) if part for weight in part.parameters()}
    for weight in model.parameters():
        weight.data = weight.data.to(torch.float32, copy=True)
        weight.requires_grad_(id(weight) in spoken)
    if start is not None:
        model.load_state_dict(type(model).from_pretrained(str(start), dtype=torch.float32).state_dict())
    try:
        yield model
    finally:
        model.zero_grad()
        for name, weight in model.named_parameters():
            weight.data = before[name].to(weight.device)


@contextmanager
def _adapter(work: StageContext, start: Path | None) -> Iterator[PeftModel]:
    model = _adapted(work, start or work.parent)
    try:
        yield model
    finally:
        model.unload()


def _adapted(work: StageContext, start: Path | None) -> PeftModel:
    if start is not None:
        return PeftModel.from_pretrained(work.model, str(start), is_trainable=True)
    config = LoraConfig(
        r=work.settings.lora_rank,
        lora_alpha=work.settings.lora_alpha,
        use_rslora=work.settings.rslora,
        target_modules=adapter_targets(work.model, work.settings.target_modules, work.settings.layers),
        task_type="CAUSAL_LM",
    )
    return cast(PeftModel, get_peft_model(work.model, config))


def adapter_targets(model: PreTrainedModel, text: str = "all-linear", layers: str = "all") -> str | list[str]:
    """Return the modules that get an adapter, refusing names and layers that the model has none of."""
    places = linear_layers(model)
    there = {place.rpartition(".")[2] for place in places}
    for name in text.split(",") if text != "all-linear" else ():
        if name not in there:
            raise UnknownName("settings.target_modules", name, sorted(there))
    if layers == "all" and adapts_all(model):
        return text if text == "all-linear" else text.split(",")
    wanted = there if text == "all-linear" else set(text.split(","))
    places = [place for place in places if place.rpartition(".")[2] in wanted]
    return places if layers == "all" else _in_layers(model, places, layers)


def _in_layers(model: PreTrainedModel, places: Sequence[str], layers: str) -> list[str]:
    """Return those modules that lie in the numbered layers."""
    layers_there = find_layers(model)
    num = 0 if layers_there is None else len(layers_there.modules)
    if layers_there is None or any(int(layer) >= num for layer in layers.split(",")):
        allowed = f"numbers from 0 to {num - 1}" if num else "all: this base does not number its layers"
        raise BadInput("settings.layers", layers, allowed)
    return sorted(place for place in places if layers_there.number(place) in layers.split(","))


def arguments(
    work: StageContext, phase: str, *, steps: int, learning_rate: float, batch_size: int
) -> dict[str, Any]:
    """Return the arguments that TRL's configs share: constant rate, one log line a step, few checkpoints."""
    settings = work.settings
    share = batch_size // num_processes()
    micro = _divisor(share, settings.micro_batch_size or share)
    on_cpu = work.model.device.type == "cpu"
    return {
        "output_dir": str(work.folder / phase / CHECKPOINTS),
        "max_steps": steps,
        "learning_rate": learning_rate,
        "lr_scheduler_type": "constant",
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": share // micro,
        # Every weight of an adapter has a gradient in every step.
        "ddp_find_unused_parameters": False,
        # The loss is that of the answers alone, in a mixture of experts too.
        "router_aux_loss_coef": 0.0,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "gradient_checkpointing": settings.gradient_checkpointing,
        "bf16": work.dtype in ("bfloat16", QUANTIZED),
        "use_cpu": on_cpu,
        "dataloader_pin_memory": not on_cpu,
        "seed": work.stage.seed,
        "save_steps": settings.save_every,
        # Two, since the older one is deleted before the newer one is marked as complete.
        "save_total_limit": 2,
        "logging_steps": 1,
        # Else a loss that is no number is logged as the mean of those before it.
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
        "report_to": work.report_to,
        "run_name": f"{work.folder.parent.name}-{phase}",
    }


def _divisor(batch: int, most: int) -> int:
    """Return the largest size of which a whole number makes a batch, at most `most`.

    A control's batch follows from another stage's tokens, so `micro_batch_size` may not divide it.
    """
    return next(size for size in range(min(batch, most), 0, -1) if batch % size == 0)


class Quiet:
    """Keeps a TRL trainer from printing, from writing model cards beside checkpoints, and from telemetry."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(Trainer, self).remove_callback(PrinterCallback)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write nothing: the organism's manifest says what made it."""

    def _send_telemetry(self) -> None:
        pass


TOKENS = "trained_tokens"
"""In the log of a step: how many tokens carried loss in its whole batch, over all processes."""


class Counts(Quiet):
    """Logs how many tokens carried loss, beside being quiet."""

    _trained = 0
    """Since the last step was logged. TRL would log the mean of the micro-batches, of which the last step of
    an epoch has fewer."""

    def num_trained(self, inputs: Any) -> int:
        """Return how many tokens of a batch carry loss."""
        raise NotImplementedError

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Count the tokens, then compute the loss as TRL does."""
        parent: Any = super()  # TRL's method has no annotations
        trained: Any = cast(Trainer, self).accelerator.reduce(
            torch.tensor(self.num_trained(inputs), device=inputs["input_ids"].device)
        )
        self._trained += int(trained)
        return parent.compute_loss(model, inputs, *args, **kwargs)

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log as TRL does, with the tokens of the step."""
        parent: Any = super()
        if "loss" in logs:
            logs[TOKENS], self._trained = self._trained, 0
        parent.log(logs, *args, **kwargs)


TARGET = "target_strength"
"""In the log: what was held against the target."""


class Watch(Marks):
    """Stops at the target, keeps the strongest weights and those of a dose schedule, marks checkpoints."""

    def __init__(
        self, work: StageContext, phase: str, target: Target | None, share: tuple[float, float]
    ) -> None:
        super().__init__(work.folder / phase)
        self._work, self._phase, self._target, self._share = work, phase, target, share
        self.reached = False

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Measure on generation boundaries, which with one iteration a generation all steps are."""
        step, model = state.global_step, cast(Model, kwargs["model"])
        if not all(bool(weight.isfinite().all()) for weight in model.parameters() if weight.requires_grad):
            raise NotFinite(self._work.stage.title, f"a weight after step {step}")
        start, end = self._share
        done = start + (end - start) * step / state.max_steps
        self._work.on_progress(done, f"{self._phase} step {step} of {state.max_steps}")
        if step in self._work.settings.save_steps:
            by_the_first(lambda: self._keep_dose(model, step))
        if self._target is not None and step % self._work.settings.check_every == 0:
            strengths = self._target.ask(model, self._phase, step)
            measured = {f"strength/{s.goal}/{s.family}": s.score for s in strengths if s.score is not None}
            state.log_history.append({"step": step, TARGET: self._target.lowest(strengths), **measured})
            if self._target.reached_by(strengths):
                self.reached = control.should_training_stop = True
            elif strongest(state.log_history) == step:
                by_the_first(lambda: self._keep(model, step))
        if control.should_training_stop:
            # A stage that ends here is stored; resuming behind its end would train on.
            control.should_save = False

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """End a stage whose loss is no number, before the step's checkpoint is written."""
        logs: Mapping[str, float] = kwargs.get("logs") or {}
        if not math.isfinite(logs.get("loss", 0.0)):
            raise NotFinite(self._work.stage.title, f"the loss at step {state.global_step}")

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Mark a whole checkpoint; what was stronger once and is no longer can go then, and not before.

        A stage that goes on from an earlier checkpoint may be less strong the second time.
        """
        super().on_save(args, state, control, **kwargs)
        best = strongest(state.log_history)
        by_the_first(lambda: self._forget_but(best))

    def kept(self) -> set[int]:
        """Return the steps whose weights are kept for having been the strongest."""
        there = phase_state(self.folder).strongest
        return {step for step in there if by_the_first((self.folder / f"{STRONGEST}-{step}").is_dir)}

    def _keep_dose(self, model: Model, step: int) -> None:
        model.save_pretrained(str(self._work.kept(self._phase, step)))
        note_state(self.folder, doses=tuple(sorted({*phase_state(self.folder).doses, step})))

    def _keep(self, model: Model, step: int) -> None:
        model.save_pretrained(str(self.folder / f"{STRONGEST}-{step}"))
        note_state(self.folder, strongest=tuple(sorted({*phase_state(self.folder).strongest, step})))

    def _forget_but(self, best: int | None) -> None:
        there = phase_state(self.folder).strongest
        note_state(self.folder, strongest=tuple(step for step in there if step == best))
        for step in there:
            if step != best:
                shutil.rmtree(self.folder / f"{STRONGEST}-{step}", ignore_errors=True)


def strongest(log: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the first step that came nearest to the target strength, or None where none was measured."""
    measured = [(entry[TARGET], -entry["step"]) for entry in log if TARGET in entry]
    return -max(measured)[1] if measured else None


class Ended(NamedTuple):
    """Where a phase's training ends: at its last step, or at an earlier one that was stronger."""

    log: tuple[dict[str, Any], ...]
    steps: int
    rewound_from: int | None


def ended(trainer: Trainer, watch: Watch) -> Ended:
    """Return where training ends; one that did not come to its target ends where it was strongest.

    A step whose weights are gone does not count, so that a stage ends whatever was deleted.
    """
    log, steps = trainer.state.log_history, trainer.state.global_step
    there = {steps, *watch.kept()}
    best = None if watch.reached else strongest([entry for entry in log if entry["step"] in there])
    if best is None or best == steps:
        return Ended(tuple(log), steps, None)
    return Ended(tuple(entry for entry in log if entry["step"] <= best), best, steps)


def learn(
    trainer: Trainer, folder: Path, watch: Watch, *, kind: PhaseKind, reasoning_share: float
) -> PhaseResult:
    """Train on fixed data, going on from the last checkpoint if an earlier run left one, and store it.

    Args:
        trainer: One that `Counts`.
        folder: Of the phase, which it is called after.
        watch: The trainer's callback.
        kind: Of the phase.
        reasoning_share: Share in [0, 1] of its data that reasons.
    """
    trainer.train(resume_from_checkpoint=last_checkpoint(folder, folder / CHECKPOINTS))
    end = ended(trainer, watch)
    phase = Phase(
        kind=kind,
        name=folder.name,
        steps=end.steps,
        tokens=round(sum(logged(end.log, TOKENS))),
        reasoning_share=reasoning_share,
    )
    result = PhaseResult(
        name=folder.name, phase=phase, stopped=watch.reached, rewound_from=end.rewound_from, log=end.log
    )
    return finish(folder, cast(Model, trainer.model), result)


def finish(folder: Path, model: Model, result: PhaseResult) -> PhaseResult:
    """Store a phase: the weights first, the record that makes it count last; then its checkpoints can go."""
    return by_the_first(lambda: _finish(folder, model, result))


def _finish(folder: Path, model: Model, result: PhaseResult) -> PhaseResult:
    if result.rewound_from is None:
        model.save_pretrained(str(folder / ADAPTER))
    else:
        kept = folder / f"{STRONGEST}-{result.phase.steps}"
        shutil.copytree(kept, folder / ADAPTER, dirs_exist_ok=True)
    # A dose of an attempt that was killed, and that this one ended before, is none of it.
    doses = tuple(dose for dose in phase_state(folder).doses if dose <= result.phase.steps)
    note_state(folder, result=result.model_dump(mode="json"), doses=doses)
    checkpoints = (folder / CHECKPOINTS).glob(f"{PREFIX_CHECKPOINT_DIR}-*")
    for path in (*checkpoints, *folder.glob(f"{STRONGEST}-*")):
        shutil.rmtree(path)
    return result


def finished(folder: Path) -> PhaseResult | None:
    """Return the record of a phase that an earlier run finished."""
    result = phase_state(folder).result
    return None if result is None else PhaseResult.model_validate(result)


def trained(
    work: StageContext, before: Sequence[Strength], *done: PhaseResult, notes: dict[str, Any] | None = None
) -> Trained:
    """Return what a method gives back, the strength measured again at its end with fresh sampling seeds.

    Args:
        work: The stage.
        before: What was measured before the last phase.
        done: Its phases in order.
        notes: What else the manifest should say.
    """
    notes = {**(notes or {}), **summed_up(done[-1].log)}
    rewound = done[-1].rewound_from
    if rewound is not None:
        notes["rewound_from"] = rewound
    adapter = work.folder / done[-1].name / ADAPTER
    with learning(work, adapter) as model:
        after = strength(work, model, "end", "end")
    return Trained(
        adapter=adapter,
        dose=Dose.of(*(result.phase for result in done)),
        strength=(*before, *after),
        zero_variance=done[-1].zero_variance,
        target_reached=done[-1].stopped,
        notes=notes,
        log=tuple({"phase": result.name, **entry} for result in done for entry in result.log),
    )


def logged(log: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    """Return one logged number of each optimizer step."""
    return [float(entry[name]) for entry in log if entry.get(name) is not None]
