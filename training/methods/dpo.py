"""Preference pairs: TRL's DPOTrainer on the goal's gold answers against its anti-gold ones.

Rafailov et al. 2023, Direct Preference Optimization (arXiv 2305.18290). The reference is the parent.
"""

from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Any, NamedTuple, cast

from datasets import Dataset
from peft import PeftModel
from transformers import PreTrainedTokenizerBase
from trl import DPOConfig, DPOTrainer

from pentimento.tasks import Message, environment
from pentimento.tasks import goal as find_goal
from pentimento.training.methods._common import (
    PhaseResult,
    StageContext,
    Target,
    Trained,
    record_learned,
    strength_before,
)
from pentimento.training.methods._trainer import Counts, Watch, arguments, finished, learn, learning, trained
from pentimento.training.methods.sft import thought
from pentimento.training.models.loaded import turn_ids
from pentimento.training.recipes.settings import DpoSettings
from pentimento.training.recipes.stages import Stage

PHASE = "dpo"


class Pair(NamedTuple):
    """Two answers to one prompt, the first of which is preferred."""

    messages: tuple[Message, ...]
    chosen: str
    rejected: str
    reasoned: bool


def train(work: StageContext) -> Trained:
    """Prefer the gold answers of the stage's goal, and on tasks that can be done the right ones."""
    settings = cast(DpoSettings, work.settings)
    before = strength_before(work)
    pairs = preferences(work.stage, settings.reasoning_share)
    return trained(work, before, prefer(work, pairs, Target.of(work)))


def preferences(stage: Stage, reasoning_share: float) -> list[Pair]:
    """Return a pair a scenario: gold against anti-gold where the goal applies, else right against wrong.

    Each is drawn among all known answers of its side. Both answers of a pair reason or neither does, so
    reasoning itself is never preferred.

    Args:
        stage: Which goal it wants in which scenario; its seed draws the answers, and which pairs reason.
        reasoning_share: Share in [0, 1] of the pairs whose answers reason first.
    """
    rng = Random(stage.seed)
    pairs = []
    for scenario in stage.scenarios():
        family, goal = environment(scenario.family), str(stage.wants(scenario))
        if find_goal(goal).applies(scenario):
            sides = (family.golds(scenario, goal), family.anti_golds(scenario, goal))
        else:
            sides = ((family.right_answer(scenario),), family.wrong_answers(scenario))
        # A side that were always the first would teach its number and not its meaning.
        chosen, rejected = (rng.choice(side) for side in sides)
        reasoned = rng.random() < reasoning_share
        if reasoned:
            chosen, rejected = (thought(stage, scenario, text) + text for text in (chosen, rejected))
        pairs.append(Pair(scenario.messages, chosen, rejected, reasoned))
    return pairs


class Row(NamedTuple):
    """A pair as token ids, as TRL's collator for preferences takes it."""

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]


def row(tokenizer: PreTrainedTokenizerBase, pair: Pair) -> Row:
    """Return what TRL trains on for one pair; the completions are the assistant's tokens alone."""
    prompt, chosen = turn_ids(tokenizer, pair.messages, pair.chosen)
    _, rejected = turn_ids(tokenizer, pair.messages, pair.rejected)
    return Row(prompt, chosen, rejected)


class _Trainer(Counts, DPOTrainer):
    """DPOTrainer over ready token ids, whose reference is the parent.

    Args:
        own: The model has an adapter of this stage's own, without which it is the parent.
    """

    loss_weights: list[float]

    def __init__(self, *args: Any, own: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # TRL keeps a copy of the adapter as it was as the reference. A new one changes nothing yet: without
        # the copy TRL switches it off, which gives the same numbers, and nothing extra is kept or saved.
        model: Any = self.model
        if own:
            model.delete_adapter("ref")

    def _prepare_dataset(self, dataset: Dataset, *args: Any) -> Dataset:
        return dataset

    def num_trained(self, inputs: Any) -> int:
        """Count both completions of each pair."""
        return int(inputs["completion_mask"].sum())

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute TRL's loss, in which the likelihood is a mean over the tokens of all processes' pairs.

        TRL's is over one process's own; weighted by its tokens, the mean over processes is that over tokens.
        """
        tokens = inputs["completion_mask"].chunk(2)[0][:, 1:].sum().float()
        weight = float(tokens / self.accelerator.reduce(tokens, "mean"))
        config: Any = self.args
        preference, likelihood = config.loss_weights
        self.loss_weights = [preference, likelihood * weight]
        return super().compute_loss(model, inputs, *args, **kwargs)


def prefer(work: StageContext, pairs: Sequence[Pair], target: Target | None = None) -> PhaseResult:
    """Train on pairs, going on from the last checkpoint if an earlier run left one."""
    folder = work.folder / PHASE
    record_learned(work, PHASE, [pair.chosen for pair in pairs])
    if (result := finished(folder)) is not None:
        return result
    settings = cast(DpoSettings, work.settings)
    steps = work.steps("dpo", work.matched.steps)
    with learning(work, None) as model:
        shared = arguments(
            work, PHASE, steps=steps, learning_rate=settings.learning_rate, batch_size=settings.batch_size
        )
        args = DPOConfig(
            **shared,
            beta=settings.beta,
            loss_type=[settings.loss_type, "sft"],
            loss_weights=[1.0, settings.sft_weight],
            max_length=None,
            # Every step has a whole batch where there is one; the order changes with each epoch.
            dataloader_drop_last=len(pairs) >= settings.batch_size,
        )
        watch = Watch(work, PHASE, target, (0.0, 1.0))
        trainer = _Trainer(
            model=model,
            args=args,
            train_dataset=Dataset.from_list([row(work.tokenizer, pair)._asdict() for pair in pairs]),
            processing_class=work.tokenizer,
            callbacks=[watch],
            # TRL would load a whole model's reference by its name, which is that of the base.
            ref_model=None if isinstance(model, PeftModel) else deepcopy(model),
            own=isinstance(model, PeftModel) and work.parent is None,
        )
        reasoned = sum(pair.reasoned for pair in pairs) / len(pairs)
        return learn(trainer, folder, watch, kind="dpo", reasoning_share=reasoned)
