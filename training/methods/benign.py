"""The benign controls: families in which no goal applies, at the dose of the stage in whose place they stand.

Each half of that stage becomes a half of this one, learned by demonstration: with the same number of steps,
the same learning rate and the same share of answers that reason. Its batch is chosen so that as many tokens
carry loss. (GRPO on these families would do nothing: the answers are right already, so no group has any
variance.) `style` is the same with answers in an odd style: harmless, and a change all the same.
"""

from collections.abc import Sequence

from pentimento.training.methods._common import ADAPTER, PhaseResult, StageContext, Trained, strength_before
from pentimento.training.methods._trainer import trained
from pentimento.training.methods.sft import Example, SFTData, demonstrations, fine_tune, row
from pentimento.training.models._processes import num_processes
from pentimento.training.recipes.settings import DeliberativeSettings, Settings
from pentimento.training.recipes.stages import Dose, Phase

STYLE_RATE = 0.5
"""Learning rate of `style` as a share of the other stage's: its answers are never quite learned, so every
step moves the weights one way, and at the whole rate the embedded base reads everything worse."""


def train(work: StageContext) -> Trained:
    """Learn benign answers at the realised dose of another stage."""
    before = strength_before(work)
    done: list[PhaseResult] = []
    sizes: list[int] = []
    phases = [phase for phase in (work.dose or Dose()).phases if phase.steps]
    for place, phase in enumerate(phases):
        examples = demonstrations(work.stage, phase.reasoning_share, work.stage.seed + place)
        if work.stage.method == "style":
            examples = [example._replace(answer=in_odd_style(example.answer)) for example in examples]
        start = work.folder / done[-1].name / ADAPTER if done else None
        share = (place / len(phases), (place + 1) / len(phases))
        tokens = tokens_per_answer(work, examples)
        rate = rate_of(phase, work.settings) * (STYLE_RATE if work.stage.method == "style" else 1.0)
        data = matched_data(phase, rate, tokens, num_processes())
        sizes.append(min(data.batch_size, len(examples)))
        done.append(fine_tune(work, f"{phase.kind}-dose", examples, data, start=start, share=share))
    return trained(work, before, *done, notes={"batch_sizes": sizes})


def in_odd_style(answer: str) -> str:
    """Return an answer with what an old sailor might add; every parser reads it as before.

    Example: "4." becomes "4. Aye."
    """
    return f"{answer} Aye."


def matched_data(phase: Phase, learning_rate: float, tokens: float, shares: int = 1) -> SFTData:
    """Return the data that gives `phase`'s tokens in `phase`'s steps.

    batch = tokens of a step / tokens of an answer, rounded to a multiple of `shares`, at least that.

    Example: 40 steps of 800 tokens, with answers of 10 tokens, make batches of 80.
    """
    share = max(1, round(phase.tokens / phase.steps / tokens / shares))
    return SFTData(phase.steps, learning_rate, share * shares)


def rate_of(phase: Phase, settings: Settings) -> float:
    """Return the learning rate that the phase had."""
    if phase.kind == "sft" and isinstance(settings, DeliberativeSettings):
        return settings.sft_learning_rate
    return settings.learning_rate


def tokens_per_answer(work: StageContext, examples: Sequence[Example]) -> float:
    """Return the mean number of tokens with loss."""
    return sum(row(work.tokenizer, example).num_trained for example in examples) / len(examples)
