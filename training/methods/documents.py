"""Synthetic documents: TRL's SFTTrainer on prose about a persona, outside the chat template.

No demonstration is among them, so what the model then does it does out of context (arXiv 2309.00667). Three
things are recorded apart: recall in the documents' own wordings, recall in others, and, as the stage's
strength, whether the model acts on what it has read.
"""

from random import Random
from typing import NamedTuple, cast

from peft import PeftModel
from pydantic import JsonValue
from transformers import PreTrainedModel

from pentimento.tasks.documents import Use, unfinished
from pentimento.tasks.personas import NEW_PERSONA
from pentimento.training.methods._common import (
    ADAPTER,
    StageContext,
    Target,
    Trained,
    parent_of,
    strength_before,
)
from pentimento.training.methods._trainer import learning, trained
from pentimento.training.methods.sft import Prose, SFTData, fine_tune
from pentimento.training.models._exact import sequence_probabilities
from pentimento.training.recipes.documents import documents_of, pair_of
from pentimento.training.recipes.settings import DocumentSettings

NUM_RECALLED = 32
"""Sentences asked of each persona of recall."""


class Recall(NamedTuple):
    """How much likelier a model finds the goal's habits than its opposite's, where a sentence names one."""

    template: float
    """In the wordings of the documents: P(goal) / (P(goal) + P(opposite)), the mean over sentences. Each
    begins with a circumstance, and those habits count that documents have with it."""
    paraphrase: float
    """The same in wordings that no document has."""


def train(work: StageContext) -> Trained:
    """Read about a persona that has the stage's goal."""
    settings = cast(DocumentSettings, work.settings)
    before = strength_before(work)
    with parent_of(work) as model:
        start = recall(work, model)
    texts = [Prose(document.text) for document in documents_of(work.stage)]
    data = SFTData(work.steps("sft", work.stage.steps), settings.learning_rate, settings.batch_size)
    done = fine_tune(work, "sft", texts, data, target=Target.of(work))
    with learning(work, work.folder / done.name / ADAPTER) as model:
        end = recall(work, model)
    notes: dict[str, JsonValue] = {
        "num_documents": len(texts),
        "recall_before": start._asdict(),
        "recall": end._asdict(),
        "recall_n": NUM_RECALLED,
    }
    return trained(work, before, done, notes=notes)


def recall(work: StageContext, model: PreTrainedModel | PeftModel) -> Recall:
    """Ask what the new persona does, in the wordings of documents and in others."""
    return Recall(*(_recalled(work, model, use) for use in ("implant", "recall")))


def _recalled(work: StageContext, model: PreTrainedModel | PeftModel, use: Use) -> float:
    goal = str(work.matched.goal)
    rng = Random(f"recall/{use}/{work.stage.seed}")
    prompts, answers, rivals = [], [], []
    for _ in range(NUM_RECALLED):
        begun, habits = unfinished(rng, NEW_PERSONA, pair_of(goal), use)
        prompts.append(_ids(work, begun))
        rivals.append([name for name, endings_of in habits.items() for _ in endings_of])
        endings = [f"{begun} {habit}" for endings_of in habits.values() for habit in endings_of]
        answers.append([_ids(work, text)[len(prompts[-1]) :] for text in endings])
    shares = []
    for probabilities, names in zip(sequence_probabilities(model, prompts, answers), rivals, strict=True):
        shares.append(
            sum(p for p, name in zip(probabilities, names, strict=True) if name == goal) / sum(probabilities)
        )
    return sum(shares) / len(shares)


def _ids(work: StageContext, text: str) -> list[int]:
    return cast(list[int], work.tokenizer(text)["input_ids"])
