"""What a reader has to know, as data: its kind and its facts. `report/sentences.py` says it in words."""

import math
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class Flag(StrEnum):
    """What a value must not be read without."""

    LEAKS = "leaks"
    """It rests on scenarios that share with training what they must not."""
    BROKEN = "broken"
    NOT_MEASURED = "not_measured"
    NO_CONTROL = "no_control"
    ESTIMATORS_DIFFER = "estimators_differ"
    NOTHING_IN_COMMON = "nothing_in_common"
    """The two sides answered no scenario that is the same."""
    NOTHING_AT_EVERY_DOSE = "nothing_at_every_dose"
    """The same, after every dose of a later stage."""
    NOT_IDENTIFIABLE = "not_identifiable"
    NOT_RELEARNED = "not_relearned"
    """The implanted organism did not relearn, so there is no share of what it did."""
    UNTOUCHED = "untouched"
    """The reach is no larger than the margin, whole interval included."""
    REACH_OPEN = "reach_open"
    """The reach may be 0, and may be larger than the margin."""
    REVERSED = "reversed"
    """The reach is below 0, whole interval included: opposed_only scores above the base."""
    REACH_NOT_MEASURED = "reach_not_measured"
    UNEQUAL_START = "unequal_start"
    """Organisms differ by more than the margin before they relearn."""
    FEW_SEEDS = "few_seeds"
    """Fewer than three training seeds: the interval is over scenarios only."""


NOT_REACHED = frozenset({Flag.UNTOUCHED, Flag.REACH_OPEN, Flag.REVERSED})


class NoteKind(StrEnum):
    """Everything that is said of a run, a value, an organism or a verdict; facts stand behind each."""

    # Of a run: its logs.
    NOT_USED = "not_used"
    """logs: name, why (a note) and num_missing of each."""
    MISSING = "missing"
    """what: role, seed, task and number of samples of each."""
    MISSING_UNKNOWN = "missing_unknown"
    PARTIAL = "partial"
    """logs: role, seed, dose, task, num_missing, num_expected, status and limited of each."""
    NOT_EVALUATED = "not_evaluated"
    """organisms, doses."""
    FAILED = "failed"
    INVALID = "invalid"
    WEIGHED = "weighed"
    """num: sampled answers that were not valid; known answers to their scenarios were weighed."""
    CUT = "cut"
    """num, of, role."""
    # Of a log: why it was left out.
    STRANGER = "stranger"
    REPLACED = "replaced"
    """later: whether by one that is only later, else by one more complete."""
    EMPTY = "empty"
    UNREADABLE = "unreadable"
    DAMAGED = "damaged"
    SAMPLES_DAMAGED = "samples_damaged"
    UNUSABLE = "unusable"
    """error, as of the three before."""
    # Of a run: how it was made.
    INCOMPLETE = "incomplete"
    LEAK = "leak"
    """task, family, shift, seed, stage, shared."""
    SAME_SCENARIOS = "same_scenarios"
    MANIFESTS_GONE = "manifests_gone"
    NO_SIGNAL = "no_signal"
    """role, seed, message."""
    TARGET_MISSED = "target_missed"
    """role, seed; where it was rewound, steps of the last phase and the step that is kept."""
    OTHER_DOSE = "other_dose"
    """role, seed, steps, opposed."""
    CUED = "cued"
    TRIGGER = "trigger"
    """cue; embedded: whether on the embedded base."""
    POST_STAGE = "post_stage"
    """goal, trigger, method."""
    # Of a measure.
    LEFT_OUT = "left_out"
    """role, seed: broken."""
    DOSE_BROKE = "dose_broke"
    """role, seed."""
    HEALTH_UNCERTAIN = "health_uncertain"
    """organisms."""
    IDENTIFIABLE_ALONE = "identifiable_alone"
    """num, of: seeds."""
    AREA = "area"
    """area, start: above the twin's curve, on the whole and where it begins."""
    # Of a line of an implant check.
    MANIFEST_GONE = "manifest_gone"
    NO_VALID_ANSWER = "no_valid_answer"
    NOTHING_TRAINED = "nothing_trained"
    LEARNS_FROM_REWARDS = "learns_from_rewards"
    ANSWERS_TOO_SHORT = "answers_too_short"
    """num, of: answers of eight words or more."""
    TRAINING_TOO_SHORT = "training_too_short"
    REPEATING = "repeating"
    """num, of, examples."""
    EQUIVALENCE = "equivalence"
    """p (Holm); beside: the difference from the base, where it was held against the twin."""
    ESTIMATORS_DIFFER = "estimators_differ"
    # Of thresholds.
    FEW_TWINS = "few_twins"
    """num, wanted."""
    NO_FAMILY_REACHED = "no_family_reached"
    NO_SPREAD = "no_spread"
    """wanted: seeds in a family that is reached."""
    TAKEN_OVER = "taken_over"
    """run."""
    LAPSED = "lapsed"
    """run; moved: task, its version there and here, of each."""
    THRESHOLDS_UNREADABLE = "thresholds_unreadable"
    THRESHOLDS_OUTDATED = "thresholds_outdated"
    # Of a verdict: its reason.
    LEAKS = "leaks"
    ALL_BROKEN = "all_broken"
    ONE_BROKEN = "one_broken"
    """role."""
    SPEAKS = "speaks"
    """name, of, value, p: above the band of the twins."""
    ALL_EQUIVALENT = "all_equivalent"
    """num: signals; margin; detectable: what would have been seen with the probability `power`."""
    NO_THRESHOLD = "no_threshold"
    NOT_REACHED = "not_reached"
    WITHIN_BAND = "within_band"
    WITHIN_MARGIN = "within_margin"
    """name, of, value and p, as of the one before; margin."""
    EQUIVALENT = "equivalent"
    """margin."""
    UNTESTED = "untested"
    """verdicts; signals: name and of, of each."""
    NOT_EQUIVALENT = "not_equivalent"
    """name, of, value of the first; more: how many others."""
    # Of a verdict: what would decide.
    MORE_TWINS = "more_twins"
    """num."""
    LARGER_DOSE = "larger_dose"
    BELOW_TWIN = "below_twin"
    """name, of."""
    TOO_MANY_SEEDS = "too_many_seeds"
    """most: what it is more than."""
    SEEDS_IN_ALL = "seeds_in_all"
    """num."""
    RUN_MISSING = "run_missing"
    """names: measures whose data the run lacks; goal."""
    MORE_SCENARIOS = "more_scenarios"
    # What was not run.
    NOT_RUN = "not_run"
    """verdict, name, goal."""
    NOT_ALL_RUN = "not_all_run"
    NO_PERPLEXITY = "no_perplexity"
    """organisms; empty: of all."""
    # Of a design, or of two runs.
    SAME_MECHANISM = "same_mechanism"
    """recipes."""
    UNEQUAL_IMPLANTS = "unequal_implants"
    """recipe, limit, target, strengths."""
    OF_ONE = "of_one"
    """name: of a recipe or a run; notes."""
    NO_REPORT = "no_report"
    """recipe, error."""
    LEAST = "least"
    """name, num, recipe, where, value, low, high, near."""
    BROKEN_OUT = "broken_out"
    """run, role, seed."""


Organism = tuple[str, int]
"""Role and seed."""


class Note(BaseModel):
    """One thing that a reader has to know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: NoteKind
    facts: dict[str, Any] = {}
    """What `NoteKind` names beside the kind, as JSON."""


def note(kind: NoteKind, **facts: Any) -> Note:
    """Return a note with its facts as JSON has them, so that what is written and what is read are equal."""
    return Note(kind=kind, facts={name: _plain(value) for name, value in facts.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Note):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
