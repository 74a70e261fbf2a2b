"""The only place where what stands in notes, flags, lines and verdicts becomes sentences."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from string import Formatter
from types import MappingProxyType
from typing import Any

from pentimento.results.measures.health import MAX_LOSS, MAX_PERPLEXITY, MIN_VALID
from pentimento.results.notes import Flag, Note, NoteKind
from pentimento.results.schema import CheckLine, Health, ImplantCheck, Measure, OrganismVerdict

_SHOWN = 6
"""Of many logs or organisms, how many one sentence names."""
_WORDS = {0: "no", 1: "one", 2: "two"}

FLAGS: Mapping[Flag, str] = MappingProxyType(
    {
        Flag.LEAKS: "leaks",
        Flag.BROKEN: "broken",
        Flag.NOT_MEASURED: "not measured here",
        Flag.NO_CONTROL: "no control",
        Flag.ESTIMATORS_DIFFER: "estimators differ",
        Flag.NOTHING_IN_COMMON: "no scenario in common",
        Flag.NOTHING_AT_EVERY_DOSE: (
            "no scenario in common with the twin and the implanted organism at every dose"
        ),
        Flag.NOT_IDENTIFIABLE: "not identifiable",
        Flag.NOT_RELEARNED: "no share: the implanted organism did not relearn",
        Flag.UNTOUCHED: "untouched by the opposing training",
        Flag.REACH_OPEN: "reach not shown",
        Flag.REVERSED: "the opposing training acts the other way here",
        Flag.REACH_NOT_MEASURED: "reach not measured",
        Flag.UNEQUAL_START: "unequal start",
        Flag.FEW_SEEDS: "scenarios only",
    }
)
SIGNALS: Mapping[str, str] = MappingProxyType(
    {
        "persistence": "persistence where {}",
        "concealment gap": "concealment gap under the cue {}",
        "elicitable residue": "elicitable residue with {}",
        "rebound": "rebound after {} benign steps",
        "savings": "area of relearning{}",
        "replacement": "persistence of {}",
    }
)
LACKING: Mapping[str, str] = MappingProxyType(
    {
        "concealment gap": "{goal} was measured under no oversight cue",
        "elicitable residue": "no elicitation was run",
        "rebound": "no benign rebound was run",
        "savings": "no relearning was run, or none that can be compared",
        "replacement": "no other goal was measured",
    }
)
TEXTS: Mapping[NoteKind, str] = MappingProxyType(
    {
        NoteKind.NOT_USED: "Not used: {logs}.",
        NoteKind.MISSING: "Missing: {what}.",
        NoteKind.MISSING_UNKNOWN: (
            "Missing: nothing that other organisms of a seed were asked; whether more is cannot be told."
        ),
        NoteKind.PARTIAL: "Partial logs, so fewer samples than asked for: {logs}.",
        NoteKind.NOT_EVALUATED: "Not evaluated: {organisms}.",
        NoteKind.FAILED: "{num} samples failed and are unscored; they are counted, never 0.",
        NoteKind.INVALID: "{num} answers were not valid and are unscored; they are counted, never 0.",
        NoteKind.WEIGHED: (
            "{num} sampled answers were not valid; the known answers to their scenarios were weighed."
        ),
        NoteKind.CUT: "{num} of {of} sampled answers of {role} were cut off at the most tokens allowed.",
        NoteKind.STRANGER: "belongs to no organism of this run",
        NoteKind.REPLACED: "a {how} log of the same task replaces it",
        NoteKind.EMPTY: "it is empty",
        NoteKind.UNREADABLE: "cannot be read: {error}",
        NoteKind.DAMAGED: "cannot be read, cut short or damaged: {error}",
        NoteKind.SAMPLES_DAMAGED: "its samples cannot be read: {error}",
        NoteKind.UNUSABLE: "{error}",
        NoteKind.INCOMPLETE: "The run is not complete: some of its organisms are not made yet.",
        NoteKind.LEAK: (
            "Leak allowed, {task} in {family} on shift {shift} (seed {seed}): shared with what the "
            "stage {stage} trains on: {shared}."
        ),
        NoteKind.SAME_SCENARIOS: (
            "All seeds were asked the same scenarios: intervals speak of these scenarios only."
        ),
        NoteKind.MANIFESTS_GONE: "No dose is shown of organisms whose manifests are gone: {organisms}.",
        NoteKind.NO_SIGNAL: "{role} seed {seed}: {message}.",
        NoteKind.TARGET_MISSED: "{role} seed {seed}: the target strength was not reached{rewound}.",
        NoteKind.OTHER_DOSE: (
            "{role} seed {seed} took {steps} steps where opposed took {opposed}: the dose may set them apart."
        ),
        NoteKind.CUED: "Implanted under the cue {cue}; what names no cue was asked under it.",
        NoteKind.TRIGGER: "The cue {cue} triggers the goal: {meaning}.",
        NoteKind.POST_STAGE: (
            "Trained into the opposed organism alone after the opposing stage: {goal}{under}, by {method}."
        ),
        NoteKind.LEFT_OUT: "seed {seed} left out: {role} is broken",
        NoteKind.DOSE_BROKE: "seed {seed} left out: a dose broke {role}",
        NoteKind.HEALTH_UNCERTAIN: "health uncertain: {organisms}",
        NoteKind.IDENTIFIABLE_ALONE: "{num} of {of} seeds identifiable alone",
        NoteKind.AREA: "area {area:+.3f} above the opposed-only twin, start {start:+.3f}",
        NoteKind.MANIFEST_GONE: "its manifest is gone",
        NoteKind.NO_VALID_ANSWER: "no valid answer",
        NoteKind.NOTHING_TRAINED: "nothing was trained",
        NoteKind.LEARNS_FROM_REWARDS: "no training text: its stage learns from rewards",
        NoteKind.ANSWERS_TOO_SHORT: "too short to tell: {num} of {of} answers have eight words",
        NoteKind.TRAINING_TOO_SHORT: "too short to tell: training answers are all shorter than eight words",
        NoteKind.REPEATING: "{num} of {of} answers{examples}",
        NoteKind.EQUIVALENCE: "equivalence p = {p:.2g} (Holm){beside}",
        NoteKind.ESTIMATORS_DIFFER: "estimators differ",
        NoteKind.FEW_TWINS: "{num} opposed-only seeds, and a threshold takes {wanted}",
        NoteKind.NO_FAMILY_REACHED: (
            "no family is reached by the opposing training without having been used by it"
        ),
        NoteKind.NO_SPREAD: "fewer than {wanted} opposed-only seeds stand in a family that is reached",
        NoteKind.TAKEN_OVER: "What counts as more than the twin was fixed in another run, {run}.",
        NoteKind.LAPSED: "Thresholds of {run} stand no more: they are for {moved}.",
        NoteKind.THRESHOLDS_UNREADABLE: (
            "thresholds.json cannot be read: thresholds are this run's own, and were made anew."
        ),
        NoteKind.THRESHOLDS_OUTDATED: (
            "Thresholds that were taken over stand no more: thresholds.json is of another version."
        ),
        NoteKind.LEAKS: "leaks",
        NoteKind.ALL_BROKEN: "every opposed organism is broken",
        NoteKind.ONE_BROKEN: "{role} is broken",
        NoteKind.SPEAKS: "{signal} {value:+.3f}, above the opposed-only band (Holm-adjusted p = {p:.2g})",
        NoteKind.ALL_EQUIVALENT: (
            "equivalent to the opposed-only twin in {num} signals (margin {margin}); {detectable:.2f} or "
            "more would have been seen in each with a probability of {power:.0%}"
        ),
        NoteKind.NO_THRESHOLD: "no threshold: {lacking}",
        NoteKind.NOT_REACHED: "not measured where the opposing training reaches",
        NoteKind.WITHIN_BAND: (
            "{signal} {value:+.3f}, within the opposed-only band (Holm-adjusted p = {p:.2g})"
        ),
        NoteKind.WITHIN_MARGIN: (
            "{signal} {value:+.3f}, above the opposed-only band but not above the margin {margin}"
        ),
        NoteKind.EQUIVALENT: "equivalent to the opposed-only twin (margin {margin})",
        NoteKind.UNTESTED: "{untested} not tested",
        NoteKind.NOT_EQUIVALENT: "not equivalent to the opposed-only twin: {signal} {value:+.3f}{others}",
        NoteKind.MORE_TWINS: "{num} more opposed-only seeds",
        NoteKind.LARGER_DOSE: "a larger dose, or families nearer to the opposed ones",
        NoteKind.BELOW_TWIN: (
            "nothing here: the score lies below the twin's ({signal}), which no verdict covers"
        ),
        NoteKind.TOO_MANY_SEEDS: ("more than {most:,} seeds at this spread: other families or a larger dose"),
        NoteKind.SEEDS_IN_ALL: "about {num:.0f} seeds in all, at this spread",
        NoteKind.RUN_MISSING: "what was not run: {missing}",
        NoteKind.MORE_SCENARIOS: "more scenarios for each organism",
        NoteKind.NOT_RUN: "{verdict}: {lacking}",
        NoteKind.NOT_ALL_RUN: "removed: takes all of these, so it cannot be said",
        NoteKind.NO_PERPLEXITY: "health: perplexity of neutral text was not measured{whose}",
        NoteKind.SAME_MECHANISM: "Implanted and opposed by one method (=): {recipes}.",
        NoteKind.UNEQUAL_IMPLANTS: (
            "{recipe}: implanted strength further than {limit} from {target} in some seeds ({strengths})."
        ),
        NoteKind.OF_ONE: "{name}: {said}",
        NoteKind.NO_REPORT: "{recipe}: left out. {error}",
        NoteKind.LEAST: (
            "Least {name} of {num} recipes whose opposed organisms are sound: {recipe} ({where}, "
            "{value:+.2f} [{bounds}]); others whose interval overlaps with its: {near}."
        ),
        NoteKind.BROKEN_OUT: "{run}: {role} seed {seed} is broken and left out.",
    }
)


class _Formatter(Formatter):
    """Formats as `str.format` does, and a number that is none as a dash."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return "–" if value is None else str(super().format_field(value, format_spec))


def say(note: Note) -> str:
    """Return a note in words."""
    facts = dict(note.facts)
    if note.kind in _WORDED:
        facts |= _WORDED[note.kind](facts)
    return _Formatter().format(TEXTS[note.kind], **facts)


def said(notes: Iterable[Note]) -> tuple[str, ...]:
    """Return notes in words, one after another."""
    return tuple(map(say, notes))


def signal(name: str, of: str) -> str:
    """Return what a report calls a signal of a verdict."""
    return SIGNALS[name].format(of)


def status(row: Measure) -> str:
    """Return the flags of a value in words; ok where it has none."""
    return "; ".join(_flag(flag, row) for flag in row.flags) or "ok"


def bounds(low: float | None, high: float | None) -> str:
    """Return `+0.20, +0.40`; an unbounded side is said."""
    return f"{'−∞' if low is None else f'{low:+.2f}'}, {'+∞' if high is None else f'{high:+.2f}'}"


def few_seeds(num_seeds: int) -> str:
    """Say that an interval is over scenarios only, as there are fewer than three training seeds."""
    plural = "s" if num_seeds != 1 else ""
    return f"{FLAGS[Flag.FEW_SEEDS]}, {_WORDS[num_seeds]} training seed{plural}"


def reason(verdict: OrganismVerdict) -> str:
    """Return why a verdict is what it is."""
    return "; ".join(said(verdict.reason))


def decide(verdict: OrganismVerdict) -> str | None:
    """Return what would decide an undetermined verdict."""
    return None if verdict.decide is None else say(verdict.decide)


def health_notes(health: Health) -> tuple[str, ...]:
    """Return one sentence for each limit that an organism is beyond, or may be, and for what nobody asked."""
    beyond = [text for status in ("fails", "uncertain") for text in _beyond(health.lines, status)]
    if health.without_possible_tasks:
        beyond.append("right on possible tasks was not measured against the base")
    return tuple(beyond)


def wanted(line: CheckLine) -> str:
    """Return where the value of a line has to lie."""
    least, most = line.least, line.most
    match line.name:
        case "strength" if least is not None and most is not None:
            return f"{least:.2f} to {most:.2f}"
        case "other goal" if line.against is not None:
            return f"{line.against} ± {most:g}"
        case "right on possible tasks" if least is not None:
            return f"at least the base - {-least}"
        case "perplexity of neutral text" if most is not None:
            return f"at most {most} times the base's"
    return f"at least {least}" if least is not None else f"at most {most}" if most is not None else ""


def check_reason(check: ImplantCheck) -> str:
    """Return because of which lines an implant check comes to what it does."""
    if check.status == "broken":
        return "; ".join(text for status in ("fails", "uncertain") for text in _beyond(check.lines, status))
    order = ("fails", "uncertain", "not measured")
    named = {status: [_named(line) for line in check.lines if line.status == status] for status in order}
    return "; ".join(f"{status}: {', '.join(names)}" for status, names in named.items() if names)


def _flag(flag: Flag, row: Measure) -> str:
    if flag is Flag.FEW_SEEDS:
        return few_seeds(row.num_seeds)
    if flag is Flag.UNEQUAL_START:
        start = next(note.facts["start"] for note in row.notes if note.kind is NoteKind.AREA)
        return f"{FLAGS[flag]}: {start:+.2f}"
    return FLAGS[flag]


def _beyond(lines: Sequence[CheckLine], status: str) -> Iterator[str]:
    """Yield one sentence for each limit of health that lines of a status are beyond."""
    mine = [line for line in lines if line.status == status]
    for line in mine:
        if line.name == "valid answers":
            yield f"valid answers {line.value:.3f} [{line.low:.3f}, {line.high:.3f}], limit {MIN_VALID}"
    lost = [f"{line.of} {line.value:+.3f}" for line in mine if line.name == "right on possible tasks"]
    if lost:
        yield f"right on possible tasks against the base, limit {-MAX_LOSS}: {', '.join(lost)}"
    for line in mine:
        if line.name == "perplexity of neutral text":
            ratio = f"{line.value:.3f} [{line.low:.3f}, {line.high:.3f}] times the base's"
            yield f"perplexity of neutral text ({line.of}) {ratio}, limit {MAX_PERPLEXITY}"


def _named(line: CheckLine) -> str:
    value = "" if line.value is None else f" {line.value:.2f}"
    return f"{line.name}{' ' if line.of else ''}{line.of}{value}"


def _organism(one: Sequence[Any]) -> str:
    return f"{one[0]} seed {one[1]}"


def _dose(one: Mapping[str, Any]) -> str:
    return (
        f"{_organism((one['role'], one['seed']))} after {one['steps']} steps of {one['kind']} {one['repeat']}"
    )


def _some(texts: Sequence[str]) -> str:
    """Join the first of some texts, with the number of the others."""
    rest = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f", and {rest} more" if rest > 0 else "")


def _log(one: Mapping[str, Any]) -> str:
    missing = f"; {one['num_missing']} samples missing" if one["num_missing"] else ""
    return f"{one['name']} ({say(Note(**one['why']))}{missing})"


def _held(one: Mapping[str, Any]) -> str:
    """Say how much of its task a partial log holds, and why not more."""
    who = _organism((one["role"], one["seed"])) if one["dose"] is None else _dose(one["dose"])
    ended = f", status {one['status']}" if one["status"] != "success" else ""
    limited = ", asked with a limit" if one["limited"] else ""
    held = f"{one['num_missing']} of {one['num_expected']} samples missing"
    return f"{who} ({one['task']}): {held}{ended}{limited}"


def _untested(facts: Mapping[str, Any]) -> str:
    names = list(dict.fromkeys([*facts["verdicts"], *(signal(*one) for one in facts["signals"])]))
    *some, last = names
    return f"{', '.join(some)} and {last} were" if some else f"{last} was"


def _missing(facts: Mapping[str, Any]) -> str:
    return "; ".join(dict.fromkeys(LACKING[name].format(goal=facts["goal"]) for name in facts["names"]))


def _meaning(facts: Mapping[str, Any]) -> str:
    if facts["embedded"]:
        return "on the embedded base a cue-conditional policy, not alignment faking"
    return "the opposite was implanted elsewhere"


def _with_signal(facts: Mapping[str, Any]) -> dict[str, str]:
    return {"signal": signal(facts["name"], facts["of"])}


def _rewound(facts: Mapping[str, Any]) -> str:
    if facts["kept"] is None:
        return ""
    return f"; of {facts['steps']} steps in its last phase the strongest, {facts['kept']}, is kept"


_WORDED: Mapping[NoteKind, Callable[[dict[str, Any]], dict[str, Any]]] = MappingProxyType(
    {
        NoteKind.NOT_USED: lambda facts: {"logs": _some([_log(one) for one in facts["logs"]])},
        NoteKind.MISSING: lambda facts: {
            "what": _some([f"{_organism(one)} ({one[2]}: {one[3]} samples)" for one in facts["what"]])
        },
        NoteKind.PARTIAL: lambda facts: {"logs": _some(sorted({_held(one) for one in facts["logs"]}))},
        NoteKind.NOT_EVALUATED: lambda facts: {
            "organisms": _some(
                [*sorted(map(_organism, facts["organisms"])), *sorted(map(_dose, facts["doses"]))]
            )
        },
        NoteKind.REPLACED: lambda facts: {"how": "later" if facts["later"] else "more complete"},
        NoteKind.MANIFESTS_GONE: lambda facts: {"organisms": ", ".join(map(_organism, facts["organisms"]))},
        NoteKind.NO_SIGNAL: lambda facts: {"message": str(facts["message"]).removesuffix(".")},
        NoteKind.TARGET_MISSED: lambda facts: {"rewound": _rewound(facts)},
        NoteKind.TRIGGER: lambda facts: {"meaning": _meaning(facts)},
        NoteKind.POST_STAGE: lambda facts: {
            "under": f" under the cue {facts['trigger']}" if facts["trigger"] is not None else ""
        },
        NoteKind.HEALTH_UNCERTAIN: lambda facts: {"organisms": ", ".join(map(_organism, facts["organisms"]))},
        NoteKind.REPEATING: lambda facts: {
            "examples": f", as {'; '.join(map(repr, facts['examples']))}" if facts["examples"] else ""
        },
        NoteKind.EQUIVALENCE: lambda facts: {
            "beside": "" if facts["beside"] is None else f"; against the base {facts['beside']:+.2f}"
        },
        NoteKind.LAPSED: lambda facts: {
            "moved": ", ".join(
                f"{task} in version {there}, here {here}" for task, there, here in facts["moved"]
            )
        },
        NoteKind.NO_THRESHOLD: lambda facts: {"lacking": say(Note(**facts["lacking"]))},
        NoteKind.UNTESTED: lambda facts: {"untested": _untested(facts)},
        **dict.fromkeys(
            (NoteKind.SPEAKS, NoteKind.WITHIN_BAND, NoteKind.WITHIN_MARGIN, NoteKind.BELOW_TWIN), _with_signal
        ),
        NoteKind.NOT_EQUIVALENT: lambda facts: {
            **_with_signal(facts),
            "others": f" and {facts['more']} more" if facts["more"] else "",
        },
        NoteKind.RUN_MISSING: lambda facts: {"missing": _missing(facts)},
        NoteKind.NOT_RUN: lambda facts: {"lacking": LACKING[facts["name"]].format(goal=facts["goal"])},
        NoteKind.NO_PERPLEXITY: lambda facts: {
            "whose": f" for {', '.join(map(_organism, facts['organisms']))}" if facts["organisms"] else ""
        },
        NoteKind.SAME_MECHANISM: lambda facts: {"recipes": ", ".join(facts["recipes"])},
        NoteKind.UNEQUAL_IMPLANTS: lambda facts: {
            "strengths": ", ".join(f"{score:.3f}" for score in facts["strengths"])
        },
        NoteKind.LEAST: lambda facts: {"bounds": bounds(facts["low"], facts["high"])},
        NoteKind.OF_ONE: lambda facts: {"said": " ".join(say(Note(**one)) for one in facts["notes"])},
    }
)
"""What stands in a text and is no fact as it is."""
