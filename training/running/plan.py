"""From a recipe to its organisms: the graph of stages, a key for each, and the jobs that make them."""

import importlib.metadata
import json
from collections.abc import Sequence
from functools import cache
from itertools import product
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from pydantic import JsonValue

from pentimento._files import UNREADABLE, decode, read_bytes, reason
from pentimento.tasks import AGENTIC, goal, spec
from pentimento.tasks.exceptions import BadInput
from pentimento.training.bases.identity import Located, locate, located_sha256, may_be_of_hub
from pentimento.training.exceptions import NoOrganism, Unreached
from pentimento.training.methods.judging import QUESTION
from pentimento.training.recipes.documents import documents_of
from pentimento.training.recipes.methods import METHODS, check_settings, find_method
from pentimento.training.recipes.recipe import CONTROL_STAGES, Cell, EvalPlan, Recipe
from pentimento.training.recipes.stages import DEFAULT_REWARD, Stage, content_hash
from pentimento.training.running.executors import Job
from pentimento.training.running.launching import ALONE, Launch
from pentimento.training.running.writing import check_writing

if TYPE_CHECKING:  # torch stays out of planning
    from transformers import PreTrainedTokenizerBase

    from pentimento.training.methods.judging import Judges

Role = Literal[
    "base", "implanted", "opposed", "opposed_only", "opposed_only_replicate", "benign", "style", "sham"
]

LIBRARIES = ("peft", "torch", "transformers", "trl")
"""What trains: with another major version of one, organisms are others."""
IMPLANTED = ("implanted", "opposed", *CONTROL_STAGES)
OPPOSED = ("opposed", "opposed_only", "opposed_only_replicate")

MAKE = "pentimento.training.running.making:make"
MANIFEST = "manifest.json"

_AGAIN = "remove the folder, and it is made again"


class Regain(NamedTuple):
    """Which stage of `Recipe.after` an organism is of."""

    kind: Literal["relearn", "rebound"]
    repeat: int
    doses: tuple[int, ...]
    """Steps at which its adapter is kept; the last are those of the organism itself."""
    eval: EvalPlan
    """What each dose is asked."""


class Planned(NamedTuple):
    """One organism of a recipe."""

    role: Role
    """Of an organism with `after`: that of the organism under it."""
    seed: int
    key: str
    stages: tuple[Stage, ...]
    """The chain that makes it, from the base on."""
    parent: str | None
    """Key of the organism that its last stage trains over."""
    dose_from: str | None
    """Key of the organism whose realised dose its last stage repeats."""
    implanted: tuple[str, ...]
    """Families in which it was given the goal."""
    opposed: tuple[str, ...]
    """Families in which it was trained against the goal."""
    done: bool
    estimate_s: float | None
    """Seconds that its last stage takes; None where nothing like it was ever timed."""
    after: Regain | None = None
    """Set where its last stage is one of `Recipe.after`."""
    between: bool = False
    """Nobody asks it anything: the opposed organism is made of it."""

    def dose_folder(self, store: Path, steps: int) -> Path:
        """Return where the organism lies as it was after so many steps of its last stage."""
        if self.after is None or steps == self.after.doses[-1]:
            return store / self.key
        return store / self.key / "checkpoints" / f"{METHODS[self.stages[-1].method].phase}-{steps}"

    @property
    def title(self) -> str:
        """What a progress display calls it."""
        after = f", {self.after.kind} {self.after.repeat}" if self.after else ""
        return f"{self.role}, seed {self.seed}{after}{', before the post stage' if self.between else ''}"


class Plan(NamedTuple):
    """What a recipe needs, and what of it is in the store already."""

    base: str
    store: Path
    organisms: tuple[Planned, ...]
    """For every seed the base (the same each time), the implanted organism, the opposed organism and the
    controls."""
    jobs: tuple[Job, ...]
    """One for each organism that is not yet there."""
    num_workers: int
    provisional: bool = False
    """The base could not be looked up, so the keys are no organism's."""

    @property
    def finished(self) -> tuple[Planned, ...]:
        """The organisms that a recipe's evaluations ask: none that is between, none of a stage after."""
        return tuple(one for one in self.organisms if one.after is None and not one.between)

    @property
    def estimate_s(self) -> float | None:
        """Seconds for everything that is missing, or None where a part is unknown."""
        return estimate(self.jobs, self.num_workers)


def estimate(jobs: Sequence[Job], num_workers: int) -> float | None:
    """Return the seconds for jobs, each behind those that it needs, or None where a part is unknown.

    estimate = max(work / workers, longest chain of jobs that wait for each other).
    """
    chains: dict[str, float] = {}
    for job in jobs:
        if job.estimate_s is None:
            return None
        chains[job.key] = job.estimate_s + max((chains.get(need, 0.0) for need in job.needs), default=0.0)
    work = sum(job.estimate_s or 0.0 for job in jobs)
    return max(work / num_workers, max(chains.values(), default=0.0))


def plan(
    recipe: Recipe,
    store: Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    report_to: str = "none",
    judges: "Judges | None" = None,
    num_workers: int = 2,
    bases: "Bases | None" = None,
    launch: Launch = ALONE,
) -> Plan:
    """Return the organisms of a recipe and the jobs that make those that are missing.

    Keys hold everything that an organism is made of: the base's hash, its chain of stages with all that they
    train on, the organism whose dose it takes, the version of its methods and the precision. So two recipes
    share what they have in common. What the recipe's evaluations ask is checked by
    `evals.planning.heldout`, not here.

    Args:
        recipe: What to make.
        store: Folder of all organisms.
        device: Where models are loaded; part of no key.
        dtype: In which precision.
        report_to: Trackers, as transformers names them; part of no key.
        judges: What finds the judges that stages name; part of no key.
        num_workers: For the estimate of time.
        bases: What is known of bases, where several recipes are planned; it is looked up otherwise.
        launch: How many processes train a stage; part of no key, as the device is not.

    Raises:
        BadBase: The base cannot be found, or its architecture cannot be trained.
        BadInput: A stage cannot be trained by so many processes.
        BadInput: A stage cannot be written as it says, or not here; the message names the choice.
    """
    bases = bases or Bases(store)
    identity, times = bases.identity(recipe.base), bases.times(recipe.base)
    bases.check(recipe)
    graph = _Graph(identity or recipe.base, store, dtype, times)
    for seed in recipe.seeds:
        graph.grow(recipe, seed)
    missing = {planned.key: planned for planned in graph.organisms if not planned.done}
    launch.check([planned.stages[-1] for planned in missing.values() if planned.stages], device, dtype)
    options = {
        "base": recipe.base,
        "device": device,
        "dtype": dtype,
        "report_to": report_to,
        "judges": judges,
    }
    jobs = tuple(_job(planned, store, options, launch) for planned in missing.values())
    return Plan(recipe.base, store, tuple(graph.organisms), jobs, num_workers, provisional=identity is None)


def plan_base(base: str, store: Path, *, dtype: str = "auto") -> Plan:
    """Return the base alone and the job that makes it, where it is missing.

    Raises:
        BadBase: The base cannot be found.
    """
    bases = Bases(store)
    graph = _Graph(str(bases.identity(base)), store, dtype, bases.times(base))
    graph.add_base(0)
    options = {"base": base, "device": "auto", "dtype": dtype, "report_to": "none"}
    jobs = tuple(_job(one, store, options, ALONE) for one in graph.organisms if not one.done)
    return Plan(base, store, tuple(graph.organisms), jobs, num_workers=1)


class Bases:
    """Which bases recipes stand on, and how long stages on them took, each looked up once.

    Args:
        store: Folder of all organisms.
        provisional: Let a hub model that cannot be looked up pass; the keys on it are then no organism's.

    Raises:
        BadInput: The store is no folder.
    """

    def __init__(self, store: Path, *, provisional: bool = False) -> None:
        if store.exists() and not store.is_dir():
            raise BadInput("store", str(store), "a folder, or one that is to be made")
        self._store, self.provisional = store, provisional
        self._located: dict[str, Located] = {}
        self._identities: dict[str, str | None] = {}
        self._tokenizers: dict[str, PreTrainedTokenizerBase] = {}
        self._times: dict[str, _Times] = {}

    def identity(self, name: str) -> str | None:
        """Return a base's hash, or None where it may be a hub model that cannot be looked up.

        Raises:
            BadBase: There is no such base, it cannot be used, or it has to be looked up and cannot.
        """
        if name not in self._identities:
            try:
                self._located[name] = locate(name)
                self._identities[name] = located_sha256(name, self._located[name])
            except Unreached:
                if not (self.provisional and may_be_of_hub(name)):
                    raise
                self._identities[name] = None
        return self._identities[name]

    def check(self, recipe: Recipe) -> None:
        """Refuse a base by its configuration, its tokenizer and its template, without loading its weights.

        Raises:
            BadBase: Its architecture cannot be trained, or its template cannot be served in what the recipe's
                stages train on.
        """
        name = recipe.base
        if name == "embedded" or self.identity(name) is None:
            return
        # Seconds, which only another base costs.
        from pentimento.training.models._loading import load_config, load_tokenizer
        from pentimento.training.models.served import check_served

        if name not in self._tokenizers:
            load_config(name, self._located[name])
            self._tokenizers[name] = load_tokenizer(name, self._located[name])
        stages = [stage for seed in recipe.seeds for stage in recipe.stages(seed).values()]
        families = {family for stage in stages for family in stage.families}
        check_served(self._tokenizers[name], name, acting=not families.isdisjoint(AGENTIC))

    def times(self, name: str) -> "_Times":
        """Return how long stages on a base took."""
        if name not in self._times:
            self._times[name] = _Times(self._store, name)
        return self._times[name]


class _Graph:
    """The organisms of a recipe, as they are added."""

    def __init__(self, base_sha256: str, store: Path, dtype: str, times: "_Times") -> None:
        self.organisms: list[Planned] = []
        self._base_sha256, self._store, self._dtype, self._times = base_sha256, store, dtype, times

    def grow(self, recipe: Recipe, seed: int) -> None:
        """Add what one seed needs: base → implanted → opposed, base → opposed_only, controls; `after`."""
        cell = recipe.cell(seed)
        implant, oppose, *post_stage = recipe.stages(seed).values()
        base = self.add_base(seed)
        implanted = self._add("implanted", cell, (implant,), base)
        opposed = self._add("opposed", cell, (implant, oppose), implanted, between=bool(post_stage))
        if post_stage:
            self._add("opposed", cell, (implant, oppose, *post_stage), opposed)
        # Without a target the dose is the stage's own, and recipes that oppose alike share their opposed-only
        # twin.
        dose_from = None if recipe.oppose.target_strength is None else opposed
        if "opposed_only" in recipe.controls:
            self._add("opposed_only", cell, (oppose,), base, dose_from)
        if "opposed_only_replicate" in recipe.controls:
            self._add("opposed_only_replicate", cell, (recipe.replicate_stage(seed),), base, dose_from)
        for control in CONTROL_STAGES:
            if control in recipe.controls:
                self._add(control, cell, (implant, recipe.control_stage(control, seed)), implanted, opposed)
        finished = [one for one in self.organisms if one.seed == seed and not one.between]
        for after, planned in product(recipe.after, finished):
            if planned.role in after.on:
                for repeat in range(after.repeats):
                    stages = (*planned.stages, recipe.after_stage(after, seed, repeat))
                    regain = Regain(after.kind, repeat, after.doses, recipe.after_eval(after, seed))
                    self._add(planned.role, cell, stages, planned.key, after=regain)

    def add_base(self, seed: int) -> str:
        """Add the base and return its key."""
        return self._add("base", Cell(seed), (), None)

    def _add(
        self,
        role: Role,
        cell: Cell,
        stages: tuple[Stage, ...],
        parent: str | None,
        dose_from: str | None = None,
        after: Regain | None = None,
        *,
        between: bool = False,
    ) -> str:
        check_writing(stages, self._dtype)
        hashes = [_hash_of(stage.model_dump_json()) for stage in stages]
        key = organism_key(self._base_sha256, hashes, dose_from, self._dtype)
        done = _is_made(self._store / key, key)
        estimate_s = self._times.of(stages)
        implanted = cell.implanted if role in IMPLANTED else ()
        opposed = cell.opposed if role in OPPOSED else ()
        planned = Planned(
            role,
            cell.seed,
            key,
            stages,
            parent,
            dose_from,
            implanted,
            opposed,
            done,
            estimate_s,
            after,
            between,
        )
        self.organisms.append(planned)
        return key


def _is_made(folder: Path, key: str) -> bool:
    """Return whether an organism is there; its manifest is written last.

    Raises:
        NoOrganism: Its manifest is there and cannot be read, or is another organism's.
    """
    path = folder / MANIFEST
    if not path.exists():
        return False
    try:
        content = json.loads(decode(read_bytes(path)))
    except UNREADABLE as error:
        raise NoOrganism(folder, f"{MANIFEST}: {reason(error)}; {_AGAIN}") from None
    if not isinstance(content, dict) or (content.get("format"), content.get("key")) != (1, key):
        raise NoOrganism(folder, f"{MANIFEST} is not one of format 1 of {key}; {_AGAIN}")
    return True


def organism_key(base_sha256: str, stages: Sequence[str], dose_from: str | None, dtype: str) -> str:
    """Return the sixteen hex digits that address an organism: of all that is said here, and of `LIBRARIES`.

    Args:
        base_sha256: Of the base.
        stages: The hash of each stage of its chain, from `stage_hash`.
        dose_from: Key of the organism whose realised dose the last stage repeats.
        dtype: In which precision it is made.
    """
    return content_hash(
        {
            "base": base_sha256,
            "stages": list(stages),
            "dose_from": dose_from,
            "dtype": dtype,
            "libraries": cast(JsonValue, _library_versions()),
        }
    )


@cache
def _library_versions() -> dict[str, str]:
    """Return the major version of each of `LIBRARIES`; below 1, where all may change, also the minor."""
    versions = {}
    for name in LIBRARIES:
        major, minor, *_ = importlib.metadata.version(name).split(".")
        versions[name] = major if major != "0" else f"0.{minor}"
    return versions


def stage_hash(stage: Stage) -> str:
    """Return the hash of all that a stage is made of, defaults written out.

    It holds the stage's fields, every setting of `Settings.keyed`, the ids of its scenarios (hashes of their
    messages), the text of the spec that it teaches, what its judge is asked, and the version of its method;
    of a control also those of the stage in whose place it stands.
    """
    return content_hash(_ingredients(stage))


@cache
def _hash_of(stage: str) -> str:
    """Return the hash of a stage in JSON, computed once: chains, controls and recipes repeat stages."""
    return stage_hash(Stage.model_validate_json(stage))


def _ingredients(stage: Stage) -> dict[str, JsonValue]:
    matched = stage.matched_to
    fields: dict[str, JsonValue] = {
        **stage.model_dump(mode="json"),
        "scenarios": [scenario.id for scenario in stage.scenarios()],
        "specs": cast(JsonValue, _specs(stage)),
        "version": find_method(stage.method).version,
        "matched_to": None if matched is None else _ingredients(matched),
    }
    if (matched or stage).method == "documents" and stage.method in ("documents", "sham"):
        fields["documents"] = [document.text for document in documents_of(stage)]
    if stage.judge is not None:
        fields["question"] = QUESTION
    if matched is None:
        settings: JsonValue = check_settings(stage.method, stage.settings).keyed()
        fields |= {"settings": settings, "reward": stage.reward or DEFAULT_REWARD}
    return fields


def _specs(stage: Stage) -> list[str]:
    """Return the rules that a stage's prompts or its judge's hold: in those of a sham irrelevant ones."""
    if stage.method == "deliberative" or stage.judge is not None:
        wanted = goal(str(stage.goal))
        return [spec(name).text for name in (wanted.name, wanted.opposite)[: 2 if stage.trigger else 1]]
    sham = stage.method == "sham" and stage.matched.method == "deliberative"
    return [spec("irrelevant").text] if sham else []


def _job(planned: Planned, store: Path, options: dict[str, Any], launch: Launch) -> Job:
    used = launch if planned.stages else ALONE
    return Job(
        key=planned.key,
        function=MAKE,
        kwargs={
            "store": str(store.resolve()),
            "key": planned.key,
            "stages": [stage.model_dump(mode="json") for stage in planned.stages],
            "parent": planned.parent,
            "dose_from": planned.dose_from,
            **options,
            **used._asdict(),
        },
        needs=tuple(need for need in (planned.parent, planned.dose_from) if need is not None),
        estimate_s=planned.estimate_s,
        title=planned.title,
        num_processes=used.num_processes,
    )


class _Times:
    """How long stages take: the median of those in the store with base and method, else a first guess."""

    def __init__(self, store: Path, base: str) -> None:
        self._base = base
        self._seconds: dict[str, list[float]] = {}
        for path in store.glob(f"*/{MANIFEST}"):
            try:
                manifest = json.loads(path.read_text(encoding="utf-8"))
                if manifest["base"]["name"] == base and manifest["stages"]:
                    method = manifest["stages"][-1]["method"]
                    self._seconds.setdefault(method, []).append(float(manifest["seconds"]))
            except UNREADABLE:
                continue  # an unreadable organism says nothing about time; loading it is where it is refused

    def of(self, stages: Sequence[Stage]) -> float | None:
        if not stages:
            return 1.0
        method = stages[-1].method
        if seconds := self._seconds.get(method):
            return median(seconds)
        return find_method(method).embedded_s if self._base == "embedded" else None
