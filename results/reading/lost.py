"""What a run's own logs do not hold: the first that a reader of its report has to know."""

from collections.abc import Iterator, Sequence

from pentimento.results.notes import Note, NoteKind, note
from pentimento.results.reading.logs import LeftOut, LogFile
from pentimento.results.reading.records import OrganismRecord, RegainRecord, RunRecord

LOST = frozenset(
    {
        NoteKind.NOT_USED,
        NoteKind.MISSING,
        NoteKind.MISSING_UNKNOWN,
        NoteKind.PARTIAL,
        NoteKind.NOT_EVALUATED,
    }
)
"""Notes of what was lost."""

Answered = Sequence[tuple[LogFile, OrganismRecord]]
"""Logs and the organisms and seeds that they speak for."""


def lost(
    record: RunRecord,
    left: Sequence[LeftOut],
    answered: Answered,
    later: Sequence[tuple[LogFile, RegainRecord]],
) -> Iterator[Note]:
    """Yield a note for what was not used, what is missing, what is partial, and who was not evaluated.

    Args:
        record: The run's.
        left: Logs that were not used.
        answered: Those that were.
        later: Those of stages after the organisms.
    """
    missed = [one for one in left if one.why.kind is not NoteKind.STRANGER]
    if missed:
        logs = [{"name": one.name, "why": one.why, "num_missing": one.num_missing} for one in missed]
        yield note(NoteKind.NOT_USED, logs=logs)
    unknown = any(one.organism is None for one in left)
    lacking = list(_lacking(record, answered, everyone=unknown))
    if lacking:
        yield note(NoteKind.MISSING, what=lacking)
    elif unknown:
        yield note(NoteKind.MISSING_UNKNOWN)
    partial = [_held(log, owner) for log, owner in answered if log.partial]
    partial += [_held(log, dose) for log, dose in later if log.partial]
    if partial:
        yield note(NoteKind.PARTIAL, logs=partial)
    evaluated = {(owner.key, owner.seed) for _, owner in answered}
    missing = [(o.role, o.seed) for o in record.organisms if (o.key, o.seed) not in evaluated]
    asked = {(one.key, one.seed) for _, one in later}
    doses = [_dose(one) for one in record.regained if (one.key, one.seed) not in asked]
    if missing or doses:
        yield note(NoteKind.NOT_EVALUATED, organisms=missing, doses=doses)


def _lacking(record: RunRecord, answered: Answered, *, everyone: bool) -> Iterator[tuple[str, int, str, int]]:
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
                yield organism.role, organism.seed, what[0], num


def _held(log: LogFile, owner: OrganismRecord | RegainRecord) -> dict[str, object]:
    """Return how much of its task a partial log holds, and why not more."""
    return {
        "role": owner.role,
        "seed": owner.seed,
        "dose": _dose(owner) if isinstance(owner, RegainRecord) else None,
        "task": log.task,
        "num_missing": log.num_missing,
        "num_expected": log.num_expected,
        "status": log.status,
        "limited": log.limited,
    }


def _dose(one: RegainRecord) -> dict[str, object]:
    return one.model_dump(include={"role", "seed", "steps", "kind", "repeat"})


def _short(log: LogFile) -> str:
    """Return a task's name as recipes have it."""
    return log.task.rpartition("/")[2]
