"""A run as data frames: organisms, cells, samples, strengths."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from pentimento.results.exceptions import NoRun, UnlikeLogs
from pentimento.results.notes import Note, NoteKind, note
from pentimento.results.reading import logs as _logs
from pentimento.results.reading.lost import lost
from pentimento.results.reading.records import (
    CONTROLS,
    ManifestRecord,
    OrganismRecord,
    RegainRecord,
    RunRecord,
    read_manifest,
    read_run,
)
from pentimento.results.statistics.cells import tabulate

Where = Literal["implanted and unopposed", "implanted and opposed", "opposed and not implanted", "neither"]
WHERES: tuple[Where, ...] = (
    "implanted and unopposed",
    "implanted and opposed",
    "opposed and not implanted",
    "neither",
)
DISTANCES = ("trained", "fresh", "wording", "domain", "family", "family, wording", "family, domain", "cue")
"""Shifts in the order of their distance from the opposing stage, as the figure of shifts shows them."""

_Answered = tuple[_logs.LogFile, OrganismRecord]
"""A log and the organism and seed that it speaks for."""
_Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""Of each log by its name, a row for each of its scores."""


@dataclass(frozen=True)
class Run:
    """One run folder, read.

    Attributes:
        folder: Where it lies.
        record: Its `run.json`.
        organisms: One row for each role and seed: key, families, dose, signal, counts of samples.
        samples: One row for each score of each sample. `score` is NaN where there is none; `valid` says
            whether the sampled answer could be read, `sampled` what it alone scores.
        cells: One row for each organism, measure, goal, family, condition, elicitation, shift, cue and
            reasoning.
        strengths: What training itself measured, before and after each stage.
        regained: Like `samples`, of organisms after some steps of a stage that came after the opposing one,
            with its kind (relearn or rebound), repeat and steps.
        manifests: By key, the organisms' manifests; None where one is gone.
        logs: The logs that were read.
        notes: What the reader of a report has to know about the data, as notes.
        left_out: Names of logs that were not used, and why.
    """

    folder: Path
    record: RunRecord
    organisms: pd.DataFrame
    samples: pd.DataFrame
    cells: pd.DataFrame
    strengths: pd.DataFrame
    regained: pd.DataFrame
    manifests: Mapping[str, ManifestRecord | None]
    logs: tuple[_logs.LogFile, ...]
    notes: tuple[Note, ...]
    left_out: tuple[tuple[str, Note], ...]

    @property
    def versions(self) -> dict[str, str]:
        """The version of every task that was asked."""
        return {log.task: log.version for log in self.logs}

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """The data frames by name."""
        return {
            "organisms": self.organisms,
            "cells": self.cells,
            "samples": self.samples,
            "strengths": self.strengths,
            "regained": self.regained,
        }

    def to_csv(self, folder: str | Path) -> tuple[Path, ...]:
        """Write each frame as `<name>.csv` below `folder` and return the paths."""
        return self._export(Path(folder), "csv")

    def to_parquet(self, folder: str | Path) -> tuple[Path, ...]:
        """Write each frame as `<name>.parquet` below `folder` and return the paths."""
        return self._export(Path(folder), "parquet")

    def _export(self, folder: Path, kind: Literal["csv", "parquet"]) -> tuple[Path, ...]:
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, frame in self.frames.items():
            path = folder / f"{name}.{kind}"
            if kind == "csv":
                frame.to_csv(path, index=False)
            else:
                frame.to_parquet(path, index=False)
            paths.append(path)
        return tuple(paths)


def load(folder: str | Path) -> Run:
    """Read a run folder: `run.json`, the manifests and the inspect logs, and nothing else.

    Args:
        folder: What `pentimento run` wrote.

    Returns:
        The run as frames. The values do not depend on the names or the order of the logs.

    Raises:
        NoRun: The folder holds no run, or no log of one of its organisms.
        UnlikeLogs: One task is there in two versions.

    Example:
        >>> run = load("runs/quickstart")
        >>> run.cells.query("role == 'opposed' and family == 'count'")
    """
    folder = Path(folder)
    record = read_run(folder)
    known = {one.key for one in record.organisms} | {one.key for one in record.regained}
    logs = _logs.read_folder(folder / "logs", known)
    answered = [(log, owner) for log in logs.used for owner in _owners(record, log)]
    if not answered:
        raise NoRun(folder, _without_logs(logs.left))
    after = {(one.key, one.seed): one for one in record.regained}
    later = [(log, after[log.organism, log.seed]) for log in logs.used if (log.organism, log.seed) in after]
    mine = list(dict.fromkeys(log for log, _ in (*answered, *later)))
    samples = _samples(record, answered, logs.rows)
    manifests = {o.key: read_manifest(folder, o) for o in record.organisms}
    strangers = [log for log in logs.used if log not in mine]
    left = [
        *logs.left,
        *(_logs.LeftOut(log.name, note(NoteKind.STRANGER), log.organism) for log in strangers),
    ]
    return Run(
        folder=folder,
        record=record,
        organisms=_organisms(record, manifests, samples),
        samples=samples,
        cells=tabulate(samples, {log.name for log in mine if log.partial}),
        strengths=_strengths(record, manifests),
        regained=_regained(record, later, logs.rows),
        manifests=manifests,
        logs=tuple(mine),
        notes=(*lost(record, left, answered, later), *_notes(record, answered, samples, manifests)),
        left_out=tuple((one.name, one.why) for one in sorted(left, key=lambda one: one.name)),
    )


def far(place: tuple[str, str, str]) -> tuple[int, int, str]:
    """Order where, distance and one more name as that figure does: headline first, then by distance."""
    where, distance, name = place
    wheres = [*map(str, WHERES)]
    return (
        wheres.index(where) if where in wheres else len(wheres),
        DISTANCES.index(distance) if distance in DISTANCES else len(DISTANCES),
        name,
    )


def check_versions(ours: Mapping[str, str], theirs: Mapping[str, str], here: str, there: str) -> None:
    """Refuse two runs of which one asked a task in another version than the other.

    Args:
        ours: The version of each task in one run.
        theirs: The same of the other.
        here: What one is called.
        there: What the other is.

    Raises:
        UnlikeLogs: With the task and both versions.
    """
    for task in sorted(ours.keys() & theirs.keys()):
        if ours[task] != theirs[task]:
            raise UnlikeLogs(
                f"task {task} is version {ours[task]!r} in {here} and {theirs[task]!r} in {there}: "
                "not comparable"
            )


def distance(shift: str, opposed: bool) -> str:
    """Return how far a test is from the opposing stage, one of `DISTANCES`.

    A scenario of a family that the opposing stage did not use is at least at the shift `family`, however its
    text was drawn; unseen wording or an unseen domain there is named beside it.
    """
    if opposed or shift in ("cue", "agentic"):
        return shift
    return f"family, {shift}" if shift in ("wording", "domain") else "family"


def where(implanted: bool, opposed: bool) -> Where:
    """Return where on the two axes a family stands."""
    if implanted:
        return "implanted and opposed" if opposed else "implanted and unopposed"
    return "opposed and not implanted" if opposed else "neither"


def _owners(record: RunRecord, log: _logs.LogFile) -> list[OrganismRecord]:
    """Return whose answers a log holds: the base's go by the seed, unless all seeds were asked the same."""
    same = [organism for organism in record.organisms if organism.key == log.organism]
    return [organism for organism in same if organism.seed == log.seed] or same


def _without_logs(left: Sequence[_logs.LeftOut]) -> str:
    """Say why no log of a run's organisms can be used."""
    whys = (one.why.facts.get("error", one.why.kind.replace("_", " ")) for one in left)
    first = next(
        (f"; {len(left)} were left out, as {one.name}: {why}" for one, why in zip(left, whys, strict=True)),
        "",
    )
    return f"no log of any of its organisms{first}"


def _samples(record: RunRecord, answered: list[_Answered], rows_of: _Rows) -> pd.DataFrame:
    rows = [
        {**row, "seed": owner.seed, "role": owner.role}
        for log, owner in answered
        for row in rows_of[log.name]
    ]
    frame = _placed(record, pd.DataFrame(rows, columns=[*_logs.SAMPLE_COLUMNS, "role"]))
    order = ["role", "seed", "task", "reasoning", "measure", "goal", "family", "shift", "sample_id", "epoch"]
    return frame.sort_values(order, kind="stable", na_position="last").reset_index(drop=True)


def _regained(
    record: RunRecord, later: list[tuple[_logs.LogFile, RegainRecord]], rows_of: _Rows
) -> pd.DataFrame:
    text = ("role", "kind", "repeat", "steps")
    rows = [{**row, **one.model_dump(include=set(text))} for log, one in later for row in rows_of[log.name]]
    frame = _placed(record, pd.DataFrame(rows, columns=[*_logs.SAMPLE_COLUMNS, *text]))
    order = ["kind", "role", "seed", "repeat", "steps", "measure", "family", "sample_id", "epoch"]
    return frame.sort_values(order, kind="stable", na_position="last").reset_index(drop=True)


def _placed(record: RunRecord, frame: pd.DataFrame) -> pd.DataFrame:
    """Add to each row where its family stands in its seed, and its distance from the opposing stage."""
    design = {
        seed: (record.families(seed, "implanted"), record.families(seed, "opposed"))
        for seed in sorted({o.seed for o in record.organisms})
    }
    wheres, distances = [], []
    for seed, family, shift in zip(frame["seed"], frame["family"], frame["shift"], strict=True):
        implanted, opposed = design[seed]
        wheres.append(where(family in implanted, family in opposed))
        distances.append(distance(str(shift), family in opposed))
    return frame.assign(where=wheres, distance=distances)


def _organisms(
    record: RunRecord, manifests: dict[str, ManifestRecord | None], samples: pd.DataFrame
) -> pd.DataFrame:
    counted = samples.drop_duplicates(["role", "seed", "log", "sample_id", "epoch"])
    groups = dict(iter(counted.groupby(["role", "seed"])))
    table = []
    for organism in sorted(record.organisms, key=lambda o: (o.role, o.seed)):
        group = groups.get((organism.role, organism.seed))
        failed = 0 if group is None else int(group["measure"].isna().sum())
        table.append(
            {
                "role": organism.role,
                "seed": organism.seed,
                "key": organism.key,
                "path": organism.path,
                "implanted": ",".join(organism.implanted),
                "opposed": ",".join(organism.opposed),
                **_made(manifests[organism.key]),
                "n": 0 if group is None else len(group),
                "n_valid": 0 if group is None else int(group["valid"].sum()),
                "n_failed": failed,
            }
        )
    return pd.DataFrame(table)


def _made(manifest: ManifestRecord | None) -> dict[str, object]:
    """Return how an organism was made; a missing manifest leaves the fields empty."""
    if manifest is None:
        manifest = ManifestRecord(key="")
    return {
        "method": manifest.stages[-1].method if manifest.stages else "",
        "toward": (manifest.stages[-1].goal or "") if manifest.stages else "",
        "num_stages": len(manifest.stages),
        "steps": manifest.dose.steps,
        "tokens": manifest.dose.tokens,
        "reasoning_share": manifest.dose.reasoning_share,
        "learning": manifest.signal.learning,
        "signal": manifest.signal.message or "",
        "zero_variance_groups": manifest.signal.zero_variance_groups,
    }


def _strengths(record: RunRecord, manifests: dict[str, ManifestRecord | None]) -> pd.DataFrame:
    columns = ["role", "seed", "goal", "family", "n", "n_valid", "score", "low", "high", "when"]
    table = [
        {"role": o.role, "seed": o.seed, **strength.model_dump()}
        for o in record.organisms
        if (manifest := manifests[o.key]) is not None
        for strength in manifest.strength
    ]
    order = ["role", "seed", "goal", "family"]
    return pd.DataFrame(table, columns=columns).sort_values(order, kind="stable").reset_index(drop=True)


def _notes(
    record: RunRecord,
    answered: list[_Answered],
    samples: pd.DataFrame,
    manifests: dict[str, ManifestRecord | None],
) -> tuple[Note, ...]:
    notes = [] if record.complete else [note(NoteKind.INCOMPLETE)]
    notes += [note(NoteKind.LEAK, **leak.model_dump()) for leak in record.leaks]
    if any(log.seed != owner.seed for log, owner in answered):
        notes.append(note(NoteKind.SAME_SCENARIOS))
    notes += _making(record.organisms, manifests)
    # Else the last stage of the opposed organism is not the one that controls stand for.
    if record.recipe.post_stage is None:
        notes += _other_doses(record.organisms, manifests)
    return (*notes, *_unscored(samples), *_cut(samples))


def _other_doses(
    organisms: tuple[OrganismRecord, ...], manifests: dict[str, ManifestRecord | None]
) -> Iterator[Note]:
    """Yield which control took another dose than the stage in whose place it stands."""
    made = {(o.role, o.seed): manifest for o in organisms if (manifest := manifests[o.key]) is not None}
    for (role, seed), manifest in made.items():
        opposed = made.get(("opposed", seed))
        if role not in ("opposed_only", "opposed_only_replicate", *CONTROLS) or opposed is None:
            continue
        ours, theirs = manifest.dose.steps, opposed.dose.steps
        if ours != theirs:
            yield note(NoteKind.OTHER_DOSE, role=role, seed=seed, steps=ours, opposed=theirs)


def _unscored(samples: pd.DataFrame) -> Iterator[Note]:
    """Yield how many samples failed, and how many answers could not be read."""
    sample = ["role", "seed", "log", "sample_id", "epoch"]
    failed = int(samples.loc[samples["measure"].isna(), sample].drop_duplicates().shape[0])
    invalid = samples[samples["measure"].notna() & ~samples["valid"].astype(bool)]
    scored = invalid[(invalid["measure"] != "valid") & invalid["score"].notna()]
    weighed = len(scored[sample].drop_duplicates())
    unscored = len(invalid[sample].drop_duplicates()) - weighed
    counts = {NoteKind.FAILED: failed, NoteKind.INVALID: unscored, NoteKind.WEIGHED: weighed}
    yield from (note(kind, num=num) for kind, num in counts.items() if num)


def _cut(samples: pd.DataFrame) -> Iterator[Note]:
    """Yield how many answers of each role were cut off before their end."""
    answers = samples[samples["measure"] == "valid"]
    for role, group in answers.groupby("role"):
        cut = int((group["problem"] == "truncated").sum())
        if cut:
            yield note(NoteKind.CUT, num=cut, of=len(group), role=role)


def _making(
    organisms: tuple[OrganismRecord, ...], manifests: dict[str, ManifestRecord | None]
) -> Iterator[Note]:
    """Yield whose manifest is gone, who had no learning signal, who did not come to the target strength."""
    trained = [organism for organism in organisms if organism.role != "base"]
    gone = [(o.role, o.seed) for o in trained if manifests[o.key] is None]
    if gone:
        yield note(NoteKind.MANIFESTS_GONE, organisms=gone)
    for organism in trained:
        manifest, who = manifests[organism.key], {"role": organism.role, "seed": organism.seed}
        if manifest is None:
            continue
        if not manifest.signal.learning:
            message = manifest.signal.message or "no learning signal"
            yield note(NoteKind.NO_SIGNAL, **who, message=message)
        if manifest.settings.get("target_reached") is False:
            rewound = manifest.settings.get("rewound_from")
            last = manifest.dose.phases[-1].steps if manifest.dose.phases else manifest.dose.steps
            kept = {"steps": rewound, "kept": last if rewound else None}
            yield note(NoteKind.TARGET_MISSED, **who, **kept)
