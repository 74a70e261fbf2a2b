"""What a run's own files say: `run.json` and the organisms' manifests, as far as a report needs them.

These models read files that `pentimento.training` writes. They name only the fields that the report uses and
ignore the rest, so that reading needs neither torch nor the trainers.
"""

import os
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from pentimento._files import decode, first_problem, read_bytes, reason
from pentimento.results.exceptions import NoRun

RUN = "run.json"

Role = Literal[
    "base", "implanted", "opposed", "opposed_only", "opposed_only_replicate", "benign", "style", "sham"
]
ROLES: tuple[Role, ...] = get_args(Role)
CONTROLS: tuple[Role, ...] = ("benign", "style", "sham")


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


_M = TypeVar("_M", bound=_Read)


class OrganismRecord(_Read):
    """One organism's place in a run."""

    role: Role
    seed: int
    key: str
    path: str
    implanted: tuple[str, ...] = ()
    opposed: tuple[str, ...] = ()


class RegainRecord(_Read):
    """An organism as it was after some steps of a stage that came after the opposing one."""

    role: Role
    """On which organism the stage was trained."""
    seed: int
    kind: Literal["relearn", "rebound"]
    repeat: int
    steps: int
    key: str


class TemplateRecord(_Read):
    """A stage of the recipe."""

    method: str = ""
    goal: str | None = None
    cue: str = "none"
    trigger: str | None = None
    target_strength: float | None = None


class PlanRecord(_Read):
    """One evaluation of every organism."""

    task: str


class RecipeRecord(_Read):
    """What the report says of the recipe."""

    name: str
    base: str
    goal: str
    seeds: tuple[int, ...] = ()
    controls: tuple[str, ...] = ()
    implant: TemplateRecord = TemplateRecord()
    oppose: TemplateRecord = TemplateRecord()
    post_stage: TemplateRecord | None = None
    evals: tuple[PlanRecord, ...] = ()

    @property
    def cue(self) -> str:
        """The cue under which the goal was implanted: where no other is named, numbers are of this one."""
        return self.implant.cue

    @property
    def same_mechanism(self) -> bool:
        """Whether one method both implants and opposes."""
        return self.implant.method == self.oppose.method != ""


class LeakRecord(_Read):
    """What an evaluation shares with a stage and must not, where somebody let it pass."""

    seed: int
    task: str
    family: str
    shift: str
    stage: str
    shared: str
    """What is shared."""


class RunRecord(_Read):
    """`run.json`."""

    format: Literal[2]
    recipe: RecipeRecord
    recipe_hash: str
    organisms: tuple[OrganismRecord, ...]
    regained: tuple[RegainRecord, ...] = ()
    leaks: tuple[LeakRecord, ...] = ()
    complete: bool

    @property
    def leaking(self) -> frozenset[tuple[int, str, str]]:
        """Seed, family and shift of the cells that leak."""
        return frozenset((leak.seed, leak.family, leak.shift) for leak in self.leaks)

    def families(self, seed: int, kind: Literal["implanted", "opposed"]) -> frozenset[str]:
        """Return where any organism of one seed was implanted, or opposed: the seed's design."""
        mine = (o for o in self.organisms if o.seed == seed)
        return frozenset(family for o in mine for family in getattr(o, kind))


class Phase(_Read):
    """One phase of a stage."""

    steps: int


class Dose(_Read):
    """What a stage realised."""

    phases: tuple[Phase, ...] = ()
    steps: int = 0
    """Of all phases together."""
    tokens: int = 0
    reasoning_share: float = 0.0


class Strength(_Read):
    """A goal's strength in one family, measured by training itself."""

    goal: str
    family: str
    n: int
    n_valid: int
    score: float | None
    low: float | None
    high: float | None
    when: str


class Signal(_Read):
    """Whether a reinforcement stage had anything to learn from."""

    zero_variance_groups: float | None = None
    learning: bool = True
    message: str | None = None


class NeutralText(_Read):
    """Perplexity of a text without a goal, held against the base's."""

    name: str
    num_passages: int
    ratio: float
    low: float
    high: float


class Regurgitation(_Read):
    """How many sampled answers repeat what the last stage had to learn."""

    num_texts: int
    num_ngrams: int
    n: int
    num_long: int
    num_repeating: int
    examples: tuple[str, ...] = ()


class Diagnosis(_Read):
    """What training measured of a finished organism beside its goals."""

    neutral: tuple[NeutralText, ...] = ()
    regurgitation: Regurgitation | None = None


class StageRecord(_Read):
    """One stage, as far as a table shows it."""

    method: str
    goal: str | None = None
    families: tuple[str, ...] = ()
    target_strength: float | None = None


class ManifestRecord(_Read):
    """`manifest.json` of an organism."""

    key: str
    stages: tuple[StageRecord, ...] = ()
    dose: Dose = Dose()
    strength: tuple[Strength, ...] = ()
    signal: Signal = Signal()
    diagnosis: Diagnosis | None = None
    """None of an organism that was made before there was one."""
    settings: dict[str, Any] = {}
    """Of the last stage; `target_reached` says whether it came to its target strength."""

    @field_validator("dose", mode="before")
    @classmethod
    def _none_on_the_base(cls, dose: object) -> object:
        return Dose() if dose is None else dose


def read_run(folder: Path) -> RunRecord:
    """Read a run folder's `run.json`.

    Raises:
        NoRun: There is none, or it is not one of format 2.
    """
    return _read(folder, folder / RUN, RunRecord)


def read_manifest(folder: Path, organism: OrganismRecord) -> ManifestRecord | None:
    """Read an organism's manifest, or return None where its folder has been pruned.

    Raises:
        NoRun: The manifest is there and cannot be read, or belongs to another organism.
    """
    path = folder / organism.path / "manifest.json"
    if not path.is_file():
        return None
    manifest = _read(folder, path, ManifestRecord)
    if manifest.key != organism.key:
        raise NoRun(folder, f"{organism.path} holds organism {manifest.key}, not {organism.key}")
    return manifest


def _read(folder: Path, path: Path, model: type[_M]) -> _M:
    name = os.path.relpath(path, folder)
    try:
        return model.model_validate_json(decode(read_bytes(path)))
    except ValidationError as error:
        raise NoRun(folder, f"{name}: {first_problem(error)}") from None
    except (OSError, ValueError) as error:
        raise NoRun(folder, f"{name}: {reason(error)}") from None
