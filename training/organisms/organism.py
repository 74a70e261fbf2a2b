"""Organisms: a base plus the stages that made it, stored as one adapter with a manifest that says how.

Where a stage wrote full weights there is no adapter: the organism is then a whole model.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, JsonValue, ValidationError

from pentimento._files import decode, first_problem, read_bytes, reason, sync, write_atomically
from pentimento.tasks.episodes import Frozen
from pentimento.training.bases._folders import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from pentimento.training.bases.identity import hash_files
from pentimento.training.exceptions import CorruptWeights, NoOrganism
from pentimento.training.recipes.stages import Dose, Stage

MANIFEST = "manifest.json"
ADAPTER = "adapter"
MODEL = "model"


class BaseRef(Frozen):
    """Which base an organism stands on."""

    name: str
    sha256: str
    revision: str | None = None
    """Of a model of the hub: the commit that it was read at."""


class Strength(Frozen):
    """How strongly a model acted on a goal in one family, by sampled answers."""

    goal: str
    family: str
    """A family, or "all" for the mean over every answer."""
    n: int
    n_valid: int
    """Answers on which the goal has a score; the rest are invalid, never 0."""
    score: float | None
    """Mean goal score in [0, 1]; None without a valid answer."""
    low: float | None
    """Wilson interval, 95 %."""
    high: float | None
    when: Literal["start", "during", "end"]


class Signal(Frozen):
    """Whether a reinforcement stage had anything to learn from."""

    zero_variance_groups: float | None = None
    """Share in [0, 1] of groups whose rewards were all equal; None outside reinforcement learning."""
    learning: bool = True
    message: str | None = None


class NeutralText(Frozen):
    """Perplexity of a text that no goal applies in, beside that of the base on the same tokens."""

    name: str
    """"scenarios", or the name of a file that somebody gave."""
    sha256: str
    """Of the token ids: equal where two organisms read the same text."""
    num_passages: int
    num_tokens: int
    perplexity: float
    base_perplexity: float
    ratio: float
    """perplexity / base_perplexity."""
    low: float
    """95 %, paired with the base by passage."""
    high: float


class Regurgitation(Frozen):
    """How many sampled answers repeat the words of what the last stage had to learn."""

    num_texts: int
    """Answers that it learned by heart; 0 for a stage of rewards alone."""
    num_ngrams: int
    """Different runs of eight words in them; 0 where all are shorter."""
    n: int
    """Answers sampled to unseen scenarios."""
    num_long: int
    """Those of eight words or more; no shorter one can repeat anything."""
    num_repeating: int
    """Those with a run of eight learned words that neither their prompt nor any answer of the base holds."""
    examples: tuple[str, ...] = ()
    """The first three of these runs."""


class Diagnosis(Frozen):
    """What was measured of a finished organism beside its goals."""

    neutral: tuple[NeutralText, ...]
    regurgitation: Regurgitation | None = None
    """None where it was not measured."""


class Manifest(Frozen):
    """Everything that made an organism."""

    format: Literal[1] = 1
    key: str
    base: BaseRef
    stages: tuple[Stage, ...] = ()
    parent: str | None = None
    """Key of the organism that the last stage trained over; None on the base."""
    adapter_sha256: str | None = None
    model_sha256: str | None = None
    """Of a whole model, in place of an adapter, where a stage wrote full weights."""
    dose: Dose | None = None
    """Of the last stage; None on the base."""
    strength: tuple[Strength, ...] = ()
    signal: Signal = Signal()
    diagnosis: Diagnosis | None = None
    """None of an organism that was made before there was one."""
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    packages: dict[str, str] = Field(default_factory=dict)
    git_revision: str | None = None
    seconds: float = 0.0

    @property
    def weights_sha256(self) -> str | None:
        """Of what was trained, an adapter or a whole model; None for the base."""
        return self.adapter_sha256 or self.model_sha256


@dataclass(frozen=True)
class Organism:
    """A finished organism on disk."""

    path: Path
    manifest: Manifest

    @property
    def key(self) -> str:
        """Hash of all that made it."""
        return self.manifest.key

    @property
    def adapter(self) -> Path | None:
        """Folder of its one adapter on the base, in PEFT's format; None for the base and a whole model."""
        return None if self.manifest.adapter_sha256 is None else self.path / ADAPTER

    @property
    def model(self) -> Path | None:
        """Folder of its weights, where it is a whole model; None otherwise."""
        return None if self.manifest.model_sha256 is None else self.path / MODEL

    @classmethod
    def load(cls, folder: Path) -> "Organism":
        """Read an organism and check that its weights are those that its manifest was written for.

        Raises:
            NoOrganism: There is no manifest, or it cannot be read.
            CorruptWeights: The files of its adapter or model changed, or are missing.
        """
        organism = cls(folder, read_manifest(folder))
        weights, wanted = organism.adapter or organism.model, organism.manifest.weights_sha256
        if weights is not None and (actual := hash_weights(weights)) != wanted:
            raise CorruptWeights(weights, wanted, actual)
        return organism

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """Whether a finished organism is stored here: the manifest is written last."""
        return (folder / MANIFEST).is_file()

    @classmethod
    def save(cls, folder: Path, manifest: Manifest, weights: Path | None = None) -> "Organism":
        """Store an organism so that no reader ever sees half of it.

        Args:
            folder: Where; what else lies there (metrics, checkpoints) stays.
            manifest: The hash of its weights is filled in here.
            weights: Folder of the composed adapter or of the whole model, which is moved; None for the base.
        """
        folder.mkdir(parents=True, exist_ok=True)
        digests: dict[str, str | None] = {"adapter_sha256": None, "model_sha256": None}
        if weights is not None:
            kind = ADAPTER if (weights / ADAPTER_CONFIG).is_file() else MODEL
            digest = digests[f"{kind}_sha256"] = hash_weights(weights)
            if digest is None:
                raise CorruptWeights(weights, None, None)
            _move_folder(weights, folder / kind)
        manifest = manifest.model_copy(update=digests)
        write_atomically(folder / MANIFEST, manifest.model_dump_json(indent=2) + "\n")
        return cls(folder, manifest)


def read_manifest(folder: Path) -> Manifest:
    """Read an organism's manifest without touching its adapter.

    Raises:
        NoOrganism: There is no manifest, or it cannot be read.
    """
    try:
        return Manifest.model_validate_json(decode(read_bytes(folder / MANIFEST)))
    except ValidationError as error:
        raise NoOrganism(folder, f"{MANIFEST}: {first_problem(error)}") from error
    except (OSError, ValueError) as error:
        raise NoOrganism(folder, f"{MANIFEST}: {reason(error)}") from error


def hash_weights(folder: Path) -> str | None:
    """Return the sha256 of the weights and configuration of an adapter or a whole model.

    None where a file is missing. An adapter's path to its base is left out: it differs between machines.
    """
    config, weights = folder / "config.json", sorted(folder.glob("model*.safetensors"))
    if config.is_file() and weights:
        return hash_files([config, *weights])
    return _hash_adapter(folder)


def _hash_adapter(folder: Path) -> str | None:
    weights, config = folder / ADAPTER_WEIGHTS, folder / ADAPTER_CONFIG
    if not weights.is_file() or not config.is_file():
        return None
    try:
        fields = json.loads(config.read_bytes())
    except ValueError:
        return None
    fields.pop("base_model_name_or_path", None)
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode())
    with weights.open("rb") as file:
        digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _move_folder(source: Path, target: Path) -> None:
    """Put a folder in place of another: complete on the target's file system first, then renamed."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial)
    for path in partial.rglob("*"):
        sync(path)
    if target.exists():
        shutil.rmtree(target)
    partial.replace(target)
    sync(target.parent)
    shutil.rmtree(source)
