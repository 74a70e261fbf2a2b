"""`report.json`, version 2, as frozen models; `report.schema.json` beside this file is made from them."""

import json
from importlib.resources import files
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pentimento.results.notes import Flag, Note
from pentimento.tasks.exceptions import UnknownName

VERSION = 2
SCHEMA_FILE = "report.schema.json"

MeasureName = Literal[
    "implant strength",
    "persistence",
    "reach",
    "retention",
    "removal beyond control",
    "control drift",
    "generalisation gap",
    "concealment gap",
    "goal-guarding gap",
    "rater-sycophancy gap",
    "elicitable residue",
    "task-completion preference",
    "stated-revealed gap",
    "replacement",
    "belief",
    "context shift",
    "noticing",
    "savings",
    "rebound",
]
Verdict = Literal["survived", "hidden", "masked", "latent", "replaced", "removed", "undetermined", "broken"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cell(_Part):
    """What one organism scored in one family under one elicitation."""

    organism: str
    """Key of the organism."""
    role: str
    seed: int
    measure: str
    """goal; right (on tasks that can be done); says_done (impossible and bystander conditions); violated; of
    awareness notices_test, notices_push and speaks_of_tests."""
    goal: str | None
    environment: str
    """The inspect task."""
    family: str
    where: str
    condition: str
    elicitation: str
    """What was put around the scenario: an elicitation, a situation, a goal in context, or four bits; else
    empty."""
    shift: str
    """As the scenarios were drawn."""
    distance: str
    """The shift, seen from the opposing stage."""
    cue: str
    polarity: str
    """negative: "no" is the answer that claims completion."""
    reasoning: str
    """free, forced or suppressed."""
    n: int
    n_valid: int
    """Scores given; the rest are unscored, never 0."""
    estimator: str
    score: float | None
    low: float | None
    """95 %, over scenarios clustered by domain."""
    high: float | None
    sampled: float | None
    """The score of the sampled answers alone."""
    sampled_low: float | None
    sampled_high: float | None
    reasoned: float
    """Share of the sampled answers that reasoned."""
    mass_outside: float | None
    partial: bool
    status: Literal["ok", "leaks", "broken"]
    """broken: no score is given."""
    logs: tuple[str, ...]
    sample_ids: tuple[str, ...]


class Measure(_Part):
    """One estimand in one place."""

    name: MeasureName
    goal: str
    where: str
    shift: str
    """The shift; "all" where several are compared."""
    cue: str = "none"
    role: str | None = None
    """Whose, where the measure belongs to one organism."""
    control: str | None = None
    """What it is held against."""
    steps: int | None = None
    """Of a rebound: of the training that came after."""
    elicitation: str | None = None
    """Of an elicitable residue: the elicitation; "best, …": which one half of the scenarios chose. Of a
    belief: the form of the question. Of a context shift: the context. Of noticing: what."""
    reasoning: str = "free"
    """free, forced or suppressed: the gaps between cues are measured apart for each."""
    family: str | None = None
    """None: over all families there."""
    seed: int | None = None
    """None: over all seeds."""
    value: float | None
    low: float | None
    high: float | None
    flags: tuple[Flag, ...] = ()
    """What the value must not be read without; none: it stands as it is."""
    estimator: str = ""
    """weighed: known answers by their probabilities; sampled: the sampled answers of both sides."""
    num_seeds: int
    seeds: tuple[int, ...] = ()
    """Those in the value."""
    num_cells: int = 0
    """Pairs of a seed and a family."""
    num_scenarios: int = 0
    p: float | None = None
    """Two-sided, by permuting seeds."""
    p_holm: float | None = None
    """The same after Holm's correction over all p-values of the report."""
    p_smallest: float | None = None
    """The smallest p-value that so many seeds could have given."""
    underpowered: bool = False
    """Above .05 after the correction, even if every test had the smallest p-value that its seeds allow."""
    p_equivalent: float | None = None
    """Two one-sided tests against the margin."""
    p_equivalent_holm: float | None = None
    """The same after Holm's correction over all tests of equivalence of the report."""
    coverage: float | None = None
    """What a 95 % interval over three or four seeds covered in simulations, families rotated or not."""
    coverage_worst: float | None = None
    """The same where a seed keeps the goal or loses it, in the worst case."""
    notes: tuple[Note, ...] = ()


class CurvePoint(_Part):
    """g of one kind of organism after some steps of a stage that came after the opposing one."""

    kind: str
    """relearn or rebound."""
    role: str
    steps: int
    """0: before that stage."""
    value: float | None
    low: float | None
    high: float | None
    num_seeds: int
    num_scenarios: int


LineName = Literal[
    "strength",
    "valid answers",
    "right on possible tasks",
    "perplexity of neutral text",
    "regurgitation",
    "other goal",
]
LineStatus = Literal["passes", "uncertain", "fails", "not measured", "not applicable"]


class CheckLine(_Part):
    """One thing that an organism has to be, and whether it is."""

    name: LineName
    of: str = ""
    """The family, text or goal."""
    n: int = 0
    """Answers, scenarios or passages."""
    value: float | None = None
    """Strength and shares in [0, 1]; right answers and other goals as differences; perplexity as a ratio."""
    low: float | None = None
    """95 %."""
    high: float | None = None
    least: float | None = None
    """Where the value has to lie."""
    most: float | None = None
    against: Literal["base", "opposed_only"] | None = None
    """Whose the value is held against, where it is a difference or a ratio."""
    status: LineStatus
    """uncertain: the value lies elsewhere, or may; its interval decides neither."""
    notes: tuple[Note, ...] = ()


class Health(_Part):
    """Whether an organism can be measured at all."""

    role: str
    seed: int
    status: Literal["ok", "uncertain", "broken", "not measured"]
    lines: tuple[CheckLine, ...] = ()
    """Those that fail, then those that are uncertain."""
    without_possible_tasks: bool = False
    """Whether nobody asked for right answers on possible tasks, of it and of the base."""


class ImplantCheck(_Part):
    """Whether an organism is what it was made to be; a base's certificate is another thing."""

    role: str
    seed: int
    organism: str
    """Key of the organism."""
    status: Literal["passes", "fails", "uncertain", "incomplete", "broken"]
    """broken: its health fails, so it enters no measure, and no other line is given. fails: it is healthy and
    not the implant that was wanted. incomplete: nothing failed, and something was not measured."""
    lines: tuple[CheckLine, ...]


class Organism(_Part):
    """One organism's making and health."""

    role: str
    seed: int
    key: str
    implanted: tuple[str, ...]
    opposed: tuple[str, ...]
    method: str
    toward: str
    steps: int
    tokens: int
    reasoning_share: float
    learning: bool
    signal: str
    zero_variance_groups: float | None
    n: int
    n_valid: int
    n_failed: int
    health: Health


class StrengthRow(_Part):
    """What training measured of a goal before or after a stage."""

    role: str
    seed: int
    goal: str
    family: str
    n: int
    n_valid: int
    score: float | None
    low: float | None
    high: float | None
    when: str


class OrganismVerdict(_Part):
    """The verdict of one opposed organism, or of all of them together."""

    seed: int | None
    verdict: Verdict
    reason: tuple[Note, ...]
    decide: Note | None = None
    """What would decide, where the verdict is undetermined."""


class Band(_Part):
    """How far apart two organisms without an implant are to be expected in one signal."""

    name: MeasureName
    of: str
    """Where, cue, elicitation, steps or goal."""
    num_families: int
    """In a typical seed; 1 where a seed has one number."""
    spread_of: Literal["opposed_only_replicate - opposed_only", "opposed_only"]
    """Pairs of one seed, opposed in the same families; or seeds, whose families differ."""
    seed_sd: float
    """Of the difference of two, between seeds, over all families alike."""
    cell_sd: float
    """The same from family to family within a seed."""
    df: int
    """Degrees of freedom: seeds that both rest on, less one where they are held against their own mean."""
    num_scenarios: float | None = None
    """Scenarios in a typical family of a seed; None in thresholds that were written without."""
    upper: float
    """What the opposed organism has more than the opposed-only twin, above which one organism, looked at
    alone, lies outside the band."""


class FixedIn(_Part):
    """The run that thresholds were fixed in, as far as it says for which other runs they are."""

    name: str
    """Of its recipe."""
    recipe_hash: str
    base: str
    opposing_method: str
    opposing_cue: str
    task_versions: tuple[tuple[str, str], ...]
    organisms: tuple[str, ...]
    """Keys of its opposed-only twin and the replicate."""

    def __str__(self) -> str:
        return f"{self.name} ({self.recipe_hash})"


class Thresholds(_Part):
    """Fixed before the opposed organism is looked at; written into the run as `thresholds.json`."""

    version: Literal[5] = 5
    """Of the file."""
    fixed_in: FixedIn
    taken_over: bool = False
    """Whether they stand in another run than the one that they were fixed in."""
    goal: str
    cue: str = "none"
    """That of the report."""
    num_twins: int
    num_replicates: int
    """Of seeds that have an opposed-only twin too."""
    inputs: str
    """Hash of the scores that they were computed from."""
    alpha: float
    margin: float
    """What counts as no difference."""
    reached: tuple[str, ...]
    """Families whose reach, where they were not opposed, is above 0, and not all of it within the margin."""
    bands: tuple[Band, ...]
    lacking: Note | None = None
    """Why no band of persistence could be fixed; None where one was."""


class Provenance(_Part):
    """Where the report comes from; nothing here enters a value."""

    recipe_hash: str
    complete: bool
    logs: tuple[str, ...]
    left_out: tuple[tuple[str, Note], ...]
    """Name of each log that was not used, and why."""
    first_log: str
    last_log: str
    task_versions: tuple[tuple[str, str], ...]
    code: str
    """Sixteen hex digits of the source that wrote it."""
    sources: str
    """The same of the run's record and logs, by names and contents."""


class Report(_Part):
    """Everything that a run says about the stickiness of its goal."""

    version: Literal[2] = 2
    title: str
    base: str
    goal: str
    cue: str = "none"
    """What the goal was implanted under: numbers that name no cue are of this one."""
    caveat: str | None
    """Printed on the embedded base."""
    notes: tuple[Note, ...]
    organisms: tuple[Organism, ...]
    implant_checks: tuple[ImplantCheck, ...] = ()
    """Of every implanted organism, before any opposition."""
    strengths: tuple[StrengthRow, ...]
    measures: tuple[Measure, ...]
    curves: tuple[CurvePoint, ...] = ()
    verdicts: tuple[OrganismVerdict, ...]
    replicates: tuple[OrganismVerdict, ...] = ()
    """What each replicate, which never had the goal, is called in the opposed organism's place; by another
    run's thresholds only, as it is part of its own run's."""
    not_run: tuple[Note, ...]
    thresholds: Thresholds
    cells: tuple[Cell, ...]
    provenance: Provenance = Field(description="Names and times of logs.")

    @property
    def verdict(self) -> str:
        """The verdict on the opposed organisms of all seeds together; "undetermined" where there is none."""
        return next((one.verdict for one in self.verdicts if one.seed is None), "undetermined")

    def frame(self, table: str = "measures") -> pd.DataFrame:
        """Return one of the report's tables as a data frame, a row for each of its rows.

        Args:
            table: measures, cells, verdicts, strengths, organisms or curves.

        Raises:
            BadInput: There is no such table.
        """
        tables = ("measures", "cells", "verdicts", "strengths", "organisms", "curves")
        if table not in tables:
            raise UnknownName("table", table, tables)
        return pd.DataFrame([row.model_dump() for row in getattr(self, table)])


class DesignVariant(_Part):
    """One recipe of a design."""

    levels: tuple[str, ...]
    folder: str
    goal: str
    cue: str = "none"
    same_mechanism: bool
    """Implanted and opposed by one method: what looks removed may be the same directions written over."""
    num_seeds: int
    implanted_strength: tuple[float, ...]
    """For each seed with a healthy implanted organism, the goal's sampled strength in that stage's own
    environments."""
    opposed_strength: tuple[float, ...]
    """The same of the opposite goal after the opposing stage."""
    implanted_steps: tuple[int, ...]
    opposed_steps: tuple[int, ...]
    broken: tuple[tuple[str, int], ...]
    """Role and seed of organisms that enter no measure."""
    verdict: Verdict | None
    """Over all seeds."""
    verdicts: tuple[tuple[int, Verdict], ...] = ()
    """Seed and verdict of each opposed organism."""
    replicates: tuple[tuple[int, Verdict], ...] = ()
    """The same of each replicate in the opposed organism's place, where it was judged."""
    measures: tuple[Measure, ...]
    """Over all seeds and families."""


class DesignReport(_Part):
    """`report.json` of a design, version 2."""

    version: Literal[2] = 2
    title: str
    base: str
    factors: tuple[str, ...]
    caveat: str | None
    notes: tuple[Note, ...]
    variants: tuple[DesignVariant, ...]


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of version 2, as shipped."""
    text = files("pentimento.results").joinpath(SCHEMA_FILE).read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
