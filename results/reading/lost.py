"""What a run's own logs do not hold: the first that a reader of its report has to know."""

from collections.abc import Iterator, Sequence

from pentimento.results.reading.logs import STRANGER, LeftOut, LogFile
from pentimento.results.reading.records import OrganismRecord, RegainRecord, RunRecord

LOST = ("Not used: ", "Missing: ", "Partial logs", "Not evaluated")
"""How notes begin that say so."""
_SHOWN = 6
"""Logs that one note names; the page names all that were left out."""

Answered = Sequence[tuple[LogFile, OrganismRecord]]
"""Logs and the organisms and seeds that they speak for."""


def lost(
    record: RunRecord,
    left: Sequence[LeftOut],
    answered: Answered,
    later: Sequence[tuple[LogFile, RegainRecord]],
) -> Iterator[str]:
    """Yield a note for what was not used, what is missing, what is partial, and who was not evaluated.

    Args:
        record: The run's.
        left: Logs that were not used.
        answered: Those that were.
        later: Those of stages after the organisms.
    """
    names = [f"{one.name} ({one.why}{_samples(one.num_missing)})" for one in left if one.why != STRANGER]
    if names:
        yield f"Not used: {_some(names)}."
    lacking = list(_lacking(record, answered, everyone=any(one.organism is None for one in left)))
    if lacking:
        yield f"Missing: {_some(lacking)}."
    elif any(one.organism is None for one in left):
        yield "Missing: nothing that other organisms of a seed were asked; whether more is cannot be told."
    partial = [f"{o.role} seed {o.seed} ({_held(log)}" for log, o in answered if log.partial]
    partial += [f"{_dose(one)} ({_held(log)}" for log, one in later if log.partial]
    if partial:
        yield f"Partial logs, so fewer samples than asked for: {_some(sorted(set(partial)))}."
    evaluated = {(owner.key, owner.seed) for _, owner in answered}
    missing = sorted(f"{o.role} seed {o.seed}" for o in record.organisms if (o.key, o.seed) not in evaluated)
    asked = {(one.key, one.seed) for _, one in later}
    missing += sorted(_dose(one) for one in record.regained if (one.key, one.seed) not in asked)
    if missing:
        yield f"Not evaluated: {_some(missing)}."


def _lacking(record: RunRecord, answered: Answered, *, everyone: bool) -> Iterator[str]:
    """Yield which organism has no log of what most others of its seed were asked, and of how many samples.

    Args:
        record: The run's.
        answered: What it has.
        everyone: Whether that concerns organisms without any log in a run that is not complete, too.
    """
    planned = {plan.task for plan in record.recipe.evals}
    sizes: dict[tuple[str, int], dict[tuple[str, str], int]] = {}
    for log, owner in answered:
        if not log.elicitation and (not planned or _short(log) in planned):
            sizes.setdefault((owner.role, owner.seed), {})[log.task, log.args] = log.num_expected
    for organism in record.organisms:
        mine = sizes.get((organism.role, organism.seed), {})
        if not mine and not (record.complete or everyone):
            continue
        others = [of for (role, seed), of in sizes.items() if seed == organism.seed and role != organism.role]
        asked = {what: num for of in others for what, num in of.items()}
        for what, num in sorted(asked.items()):
            if what not in mine and 2 * sum(what in of for of in others) > len(others):
                yield f"{organism.role} seed {organism.seed} ({what[0]}: {num} samples)"


def _held(log: LogFile) -> str:
    """Say how much of its task a partial log holds, and why not more."""
    ended = f", status {log.status}" if log.status != "success" else ""
    limited = ", asked with a limit" if log.limited else ""
    return f"{log.task}): {log.num_missing} of {log.num_expected} samples missing{ended}{limited}"


def _samples(num_missing: int) -> str:
    return f"; {num_missing} samples missing" if num_missing else ""


def _dose(one: RegainRecord) -> str:
    return f"{one.role} seed {one.seed} after {one.steps} steps of {one.kind} {one.repeat}"


def _short(log: LogFile) -> str:
    """Return a task's name as recipes have it."""
    return log.task.rpartition("/")[2]


def _some(said: Sequence[str]) -> str:
    """Join the first of what is to be said, with the number of the others."""
    rest = len(said) - _SHOWN
    return ", ".join(said[:_SHOWN]) + (f", and {rest} more" if rest > 0 else "")
