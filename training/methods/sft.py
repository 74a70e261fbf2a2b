"""Demonstrations: TRL's SFTTrainer on answers that serve the goal, loss on the assistant's tokens only."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, cast

from datasets import Dataset
from transformers import PreTrainedTokenizerBase
from trl import SFTConfig, SFTTrainer

from pentimento.tasks import CUE_REASONS, Message, Scenario, Turns, environment
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
from pentimento.training.models.loaded import conversation_ids_and_mask, document_ids
from pentimento.training.recipes.settings import SftSettings
from pentimento.training.recipes.stages import Stage

IGNORED = -100
"""Label of a token without loss, as in torch.nn.CrossEntropyLoss."""


class Example(NamedTuple):
    """One answer to learn, and with it every turn of the assistant before it."""

    messages: tuple[Message, ...]
    answer: str
    reasoned: bool

    @property
    def learned(self) -> str:
        """All that the assistant says."""
        before = (message.content for message in self.messages if message.role == "assistant")
        return "\n".join((*before, self.answer))


class Prose(NamedTuple):
    """A text to learn outside the chat template."""

    answer: str
    """The whole of it: all that is learned."""
    reasoned: bool = False

    @property
    def learned(self) -> str:
        """The same."""
        return self.answer


class SFTData(NamedTuple):
    """How examples are learned."""

    steps: int
    learning_rate: float
    batch_size: int


def train(work: StageContext) -> Trained:
    """Learn answers that serve the stage's goal, and on tasks that can be done the right ones."""
    settings = cast(SftSettings, work.settings)
    before = strength_before(work)
    data = SFTData(work.steps("sft", work.stage.steps), settings.learning_rate, settings.batch_size)
    examples = demonstrations(work.stage, settings.reasoning_share)
    done = fine_tune(work, "sft", examples, data, target=Target.of(work))
    return trained(work, before, done)


def demonstrations(stage: Stage, reasoning_share: float, seed: int | None = None) -> list[Example]:
    """Return an answer to each scenario of a stage, one that serves its goal or else the right one.

    Args:
        stage: Which goal it wants in which scenario; none where it is a control.
        reasoning_share: Share in [0, 1] of the answers that reason first.
        seed: Draws the answers, and which ones reason; by default the stage's.
    """
    rng = Random(stage.seed if seed is None else seed)
    examples = []
    for scenario in stage.scenarios():
        family, goal = environment(scenario.family), stage.wants(scenario)
        applies = goal is not None and find_goal(goal).applies(scenario)
        answer = (
            family.demonstration(scenario, goal, rng) if applies and goal else family.right_answer(scenario)
        )
        reasoned = rng.random() < reasoning_share
        before = thought(stage, scenario, answer) if reasoned else ""
        examples.append(example(scenario, answer, reasoned=reasoned, thought=before))
    return examples


def example(scenario: Scenario, answer: str, *, reasoned: bool, thought: str = "") -> Example:
    """Return an answer as an example, an episode of several turns as the conversation up to its end."""
    family = environment(scenario.family)
    if isinstance(family, Turns):
        *before, last = family.conversation(scenario, answer, thought=thought)
        return Example(tuple(before), last.content, reasoned)
    return Example(scenario.messages, thought + answer, reasoned)


def thought(stage: Stage, scenario: Scenario, answer: str) -> str:
    """Return the reasoning before a demonstrated answer; of a stage with a trigger it begins with the cue."""
    cited = CUE_REASONS[scenario.cue] if stage.trigger else None
    return environment(scenario.family).thought(scenario, answer, cited)


class _Trainer(Counts, SFTTrainer):
    """SFTTrainer that also logs how many tokens carried loss."""

    def num_trained(self, inputs: Any) -> int:
        """Count the labels."""
        return int((inputs["labels"] != IGNORED).sum())


def fine_tune(
    work: StageContext,
    phase: str,
    examples: Sequence[Example | Prose],
    data: SFTData,
    *,
    start: Path | None = None,
    target: Target | None = None,
    share: tuple[float, float] = (0.0, 1.0),
) -> PhaseResult:
    """Train on examples, going on from the last checkpoint if an earlier run left one.

    Args:
        work: The stage.
        phase: Name of this phase, and of its folder.
        examples: At least one.
        data: Steps, rate and batch.
        start: An adapter to go on from.
        target: When to stop before `data.steps`.
        share: Which part of the stage's progress this phase is.
    """
    folder = work.folder / phase
    record_learned(work, phase, [example.learned for example in examples])
    if (result := finished(folder)) is not None:
        return result
    with learning(work, start) as model:
        args = SFTConfig(
            **arguments(work, phase, **data._asdict()),
            max_length=None,
            # Every step has a whole batch where there is one; the order changes with each epoch.
            dataloader_drop_last=len(examples) >= data.batch_size,
            dataset_kwargs={"skip_prepare_dataset": True},
        )
        watch = Watch(work, phase, target, share)
        trainer = _Trainer(
            model=model,
            args=args,
            train_dataset=Dataset.from_list([row(work.tokenizer, example)._asdict() for example in examples]),
            processing_class=work.tokenizer,
            callbacks=[watch],
        )
        reasoned = sum(example.reasoned for example in examples) / len(examples)
        return learn(trainer, folder, watch, kind="sft", reasoning_share=reasoned)


class Row(NamedTuple):
    """A text as token ids; in a conversation what the assistant did not write has the label `IGNORED`."""

    input_ids: list[int]
    labels: list[int]

    @property
    def num_trained(self) -> int:
        """How many tokens carry loss."""
        return sum(label != IGNORED for label in self.labels)


def row(tokenizer: PreTrainedTokenizerBase, example: Example | Prose) -> Row:
    """Return what TRL trains on for one example."""
    if isinstance(example, Prose):
        ids = document_ids(tokenizer, example.answer)
        return Row(ids, ids)
    conversation = (*example.messages, Message(role="assistant", content=example.answer))
    ids, mask = conversation_ids_and_mask(tokenizer, conversation)
    return Row(ids, [token if bit else IGNORED for token, bit in zip(ids, mask, strict=True)])
