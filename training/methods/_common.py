"""What every method shares: the work to do, what it gives back, when to stop, how strength is measured."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, cast

from peft import PeftModel
from pydantic import Field
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from pentimento._files import write_atomically
from pentimento.tasks import Scenario
from pentimento.tasks import goal as find_goal
from pentimento.tasks.episodes import Frozen
from pentimento.training.methods.judging import Judge
from pentimento.training.models._processes import by_the_first
from pentimento.training.models.sampling import SamplingOptions, derive_seed
from pentimento.training.models.strength import ALL, measure
from pentimento.training.organisms.organism import Strength
from pentimento.training.recipes.methods import PhaseKind
from pentimento.training.recipes.settings import Settings
from pentimento.training.recipes.stages import Dose, Phase, Stage

ADAPTER = "adapter"
LEARNED = "learned.json"

Progress = Callable[[float, str], None]
LogEntry = dict[str, Any]
When = Literal["start", "during", "end"]


def silent(done: float, text: str) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True)
class StageContext:
    """One stage, ready to be trained."""

    stage: Stage
    model: PreTrainedModel
    """The base with the parent's adapter merged in or beside it, or with the parent's own weights; as it was
    again when the stage has ended."""
    tokenizer: PreTrainedTokenizerBase
    folder: Path
    """Where checkpoints and finished phases lie until the organism is stored."""
    dose: Dose | None = None
    """The realised dose to repeat: of the opposed-only twin and the controls. Nothing then stops early."""
    parent: Path | None = None
    """Where the stage goes on with its parent's adapter: that adapter, which is not merged."""
    judge: Judge | None = None
    """Who rewards a stage with the reward `judged`."""
    dtype: str = "float32"
    """The precision that the model computes in; weights that learn are float32 all the same."""
    report_to: str = "none"
    """Trackers, as transformers names them."""
    on_progress: Progress = silent

    @property
    def matched(self) -> Stage:
        """The stage whose pipeline and settings count: of a control the one in whose place it stands."""
        return self.stage.matched

    @property
    def settings(self) -> Settings:
        """The settings of the stage, or of the one that a control matches."""
        return self.stage.all_settings

    @property
    def sampling(self) -> SamplingOptions:
        """How answers are sampled, in training and where strength is measured."""
        settings = self.settings
        return SamplingOptions(
            temperature=settings.temperature,
            top_p=settings.top_p,
            top_k=settings.top_k,
            max_new_tokens=settings.max_new_tokens,
        )

    def kept(self, phase: str, steps: int) -> Path:
        """Return where the weights after some steps of a phase are kept for a dose schedule."""
        return self.folder / "kept" / f"{phase}-{steps}"

    def steps(self, kind: PhaseKind, most: int) -> int:
        """Return the optimizer steps of a phase: the dose to repeat, else the most that are allowed."""
        return self.dose.phase(kind).steps if self.dose is not None else most

    def scenarios(self, stage: Stage | None = None) -> tuple[Scenario, ...]:
        """Return what a stage, this one by default, trains on."""
        return (stage or self.stage).scenarios()


class PhaseResult(Frozen):
    """What one phase left: its dose, what it measured, and beside this record the adapter or whole model."""

    name: str
    """Of the phase, and of its folder."""
    phase: Phase
    zero_variance: float | None = None
    """Share of groups whose rewards were all equal, over the whole phase."""
    stopped: bool = False
    """The target strength was reached before the last step."""
    rewound_from: int | None = None
    """The steps that were trained where it was not, and an earlier one, the strongest, is kept."""
    log: tuple[LogEntry, ...] = ()
    """One entry an optimizer step."""


class Trained(Frozen):
    """What a method gives back."""

    adapter: Path
    """The adapter over the parent, or a whole model where the stage writes full weights."""
    dose: Dose
    strength: tuple[Strength, ...]
    zero_variance: float | None = None
    target_reached: bool = False
    notes: dict[str, Any] = Field(default_factory=dict)
    """What else the manifest should say, such as the yield of a filter."""
    log: tuple[LogEntry, ...] = ()


LEAST_VALID = 0.5
"""Share of answers: of fewer valid ones a strength says too little to end a stage."""


@dataclass(frozen=True)
class Target:
    """When to stop early: the strength of a goal on the stage's own scenarios."""

    work: StageContext
    strength: float
    scenarios: tuple[Scenario, ...]

    @classmethod
    def of(cls, work: StageContext) -> Self | None:
        """Return the stage's target, or None where it has none or repeats a dose."""
        stage = work.stage
        if work.dose is not None or stage.target_strength is None or stage.goal is None:
            return None
        return cls(work, stage.target_strength, spoken(work, work.settings.check_samples))

    def ask(self, model: PreTrainedModel | PeftModel, phase: str, step: int) -> tuple[Strength, ...]:
        """Measure the strength after a step of a phase."""
        return _measured(self.work, model, self.scenarios, "during", phase, step)

    def lowest(self, strengths: Sequence[Strength]) -> float:
        """Return what is held against the target: the mean over all answers, or the lowest family's mean.

        0 where fewer than `LEAST_VALID` of the answers are valid. Of a stage with a trigger the lower one of
        its two goals.
        """
        pooled = self.work.settings.stop_when == "mean"
        held = (s for s in strengths if (s.family == ALL) == pooled)
        return min((s.score or 0.0) if s.n_valid >= LEAST_VALID * s.n else 0.0 for s in held)

    def reached_by(self, strengths: Sequence[Strength]) -> bool:
        """Whether that is at the target."""
        return self.lowest(strengths) >= self.strength


def spoken(work: StageContext, num: int) -> tuple[Scenario, ...]:
    """Return the first scenarios of each family in which the goal applies, `num` over all families.

    Of a stage with a trigger, `num` with the cue and `num` without.

    They are the stage's own, or those of the stage that a control matches.
    """
    matched = work.matched
    wanted = find_goal(str(matched.goal))
    per_family = max(1, num // len(matched.families))
    counts: Counter[tuple[str, str | None]] = Counter()
    scenarios = []
    for scenario in work.scenarios(matched):
        place = (scenario.family, matched.wants(scenario))
        if wanted.applies(scenario) and counts[place] < per_family:
            counts[place] += 1
            scenarios.append(scenario)
    return tuple(scenarios)


@contextmanager
def parent_of(work: StageContext) -> Iterator[PreTrainedModel | PeftModel]:
    """The model that a stage starts from: the merged parent, or the base with the parent's adapter on it."""
    if work.parent is None:
        yield work.model
        return
    model = PeftModel.from_pretrained(work.model, str(work.parent)).eval()
    try:
        yield model
    finally:
        model.unload()


def strength_before(work: StageContext) -> tuple[Strength, ...]:
    """Measure a stage's goal before any of its training."""
    with parent_of(work) as model:
        return strength(work, model, "start", "start")


def strength(
    work: StageContext, model: PreTrainedModel | PeftModel, when: When, seed: str
) -> tuple[Strength, ...]:
    """Measure a stage's goal on its own scenarios; of a control the goal and scenarios of what it matches.

    A stage with a trigger has the strength of its goal under that cue, and elsewhere of the opposite.

    The sampling seeds are drawn from the stage's seed and `seed`, so each measurement has its own. A stage
    without a goal has no strength.
    """
    if work.matched.goal is None:
        return ()
    return _measured(work, model, spoken(work, work.settings.strength_samples), when, seed)


def _measured(
    work: StageContext,
    model: PreTrainedModel | PeftModel,
    scenarios: Sequence[Scenario],
    when: When,
    *seed: str | int,
) -> tuple[Strength, ...]:
    wanted = dict.fromkeys(str(work.matched.wants(scenario)) for scenario in scenarios)
    return tuple(
        row
        for goal in wanted
        for row in measure(
            model,
            work.tokenizer,
            goal=goal,
            scenarios=[scenario for scenario in scenarios if work.matched.wants(scenario) == goal],
            seed=derive_seed(work.stage.seed, *seed),
            when=when,
            **work.sampling,
        )
    )


def record_learned(work: StageContext, phase: str, answers: Sequence[str]) -> None:
    """Keep what a phase learns by heart, which the organism's diagnosis looks for in its answers."""
    folder = work.folder / phase
    folder.mkdir(parents=True, exist_ok=True)
    by_the_first(lambda: write_atomically(folder / LEARNED, json.dumps(list(answers))))


def learned_in(folder: Path) -> list[str]:
    """Return what all phases of a stage learned by heart; nothing of rewards alone."""
    files = sorted(folder.glob(f"*/{LEARNED}"))
    return [answer for path in files for answer in json.loads(path.read_text(encoding="utf-8"))]


def once(path: Path, make: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return rows made now and stored, or those that an earlier run stored.

    Processes that train together all make them, and have to make the same.
    """
    if not by_the_first(path.exists):
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = make()
        by_the_first(lambda: write_atomically(path, json.dumps(rows)))
    return cast(list[dict[str, Any]], json.loads(path.read_text(encoding="utf-8")))
