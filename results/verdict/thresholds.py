"""What counts as more than the opposed-only twin: fixed before the opposed organism is looked at."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy import stats

from pentimento._files import read_text, write_atomically
from pentimento.results.measures.contrasts import Paired, Table, difference, table
from pentimento.results.measures.rows import MARGIN, unreached
from pentimento.results.notes import Note, NoteKind, note
from pentimento.results.reading.load import Run, check_versions
from pentimento.results.schema import Band, FixedIn, Thresholds
from pentimento.results.statistics.hypotheses import ALPHA
from pentimento.results.statistics.intervals import MIN_SEEDS, Array, estimate
from pentimento.results.verdict.signals import UNOPPOSED, Scored, signals
from pentimento.tasks.exceptions import BadInput

MIN_TWINS = 10
FILE = "thresholds.json"
_ALONE = ("base", "opposed_only", "opposed_only_replicate")
"""Whom thresholds are fixed from: none of them ever had the goal."""
MIN_SPREAD = 5
"""Seeds below which a spread is not worth calling one."""


class _Spread(NamedTuple):
    """Of the difference of two organisms without an implant."""

    seed_sd: float
    cell_sd: float
    df: int


def apart(band: Band, num_families: int, num_scenarios: float | None = None) -> float:
    """Return the standard deviation of two such organisms' difference, over k families.

    Args:
        band: How far apart they lie.
        num_families: k.
        num_scenarios: Of a typical family; with fewer than the band rests on, what sets families apart (where
            a seed has one number: seeds) is taken to be the draw of scenarios, whose variance is in inverse
            proportion to their number. That is an upper bound. None: as many as the band rests on.
    """
    fewer = max(1.0, (band.num_scenarios or 0.0) / num_scenarios) if num_scenarios else 1.0
    alone = fewer if band.num_families == 1 and not band.cell_sd else 1.0
    return float(np.sqrt(alone * band.seed_sd**2 + fewer * band.cell_sd**2 / num_families))


def fix(scored: Scored, fixed_in: FixedIn) -> Thresholds:
    """Compute thresholds from the opposed-only twin, the replicate and the base; other roles are dropped.

    The replicate and the twin of one seed are two organisms without an implant, opposed in the same families.
    They differ by a part that all families share (sd s) and a part of each family (sd c), over k families
    with sd sqrt(s² + c² / k), and a band is t(1 - alpha, n) times that, of n seeds. With fewer than
    `MIN_TWINS` such pairs the spread is sqrt(2) times that by which opposed-only seeds deviate from the mean
    of the others, with n - 1; as their families differ, it is larger.

    Args:
        scored: Of a run, without broken organisms.
        fixed_in: That run.
    """
    alone = scored._replace(samples=_alone(scored.samples), regained=_alone(scored.regained))
    seeds = {role: set(alone.samples.loc[alone.samples["role"] == role, "seed"]) for role in _ALONE}
    num_twins, num_replicates = (
        len(seeds["opposed_only"]),
        len(seeds["opposed_only"] & seeds["opposed_only_replicate"]),
    )
    reached = _reached(table(alone.samples, "goal", scored.goal), scored.cue)
    in_pairs = num_replicates >= MIN_TWINS
    bands = tuple(_bands(alone, reached, in_pairs=in_pairs)) if num_twins >= MIN_TWINS else ()
    return Thresholds(
        fixed_in=fixed_in,
        goal=scored.goal,
        cue=scored.cue,
        num_twins=num_twins,
        num_replicates=num_replicates,
        inputs=_fingerprint(alone),
        alpha=ALPHA,
        margin=MARGIN,
        reached=tuple(reached),
        bands=bands,
        lacking=_lacking(num_twins, reached, bands),
    )


def read(file: Path) -> Thresholds:
    """Return the thresholds that were written into a file.

    Raises:
        BadInput: It cannot be read.
        ValidationError: It holds none, or those of another version.
    """
    return Thresholds.model_validate_json(read_text(file, "thresholds"))


def _written(folder: Path) -> Thresholds | None:
    """Return the thresholds that stand in a run's folder; None where none do, or none that can be read."""
    path = folder / FILE
    try:
        return read(path) if path.exists() else None
    except (BadInput, ValidationError):
        return None  # `lapsed` says so


def standing(run: Run, computed: Thresholds) -> Thresholds:
    """Return the thresholds that stand in the run where they are still for it, else the computed ones.

    Its own are for the scores that they were computed from; taken over ones for the task versions of the run
    that they come from, until this run has opposed-only seeds enough to fix its own.
    """
    written = _written(run.folder)
    if written is None:
        return computed
    if not written.taken_over:
        # Of scores that do not change, the run's recipe or a task's version still may.
        mine = written.model_copy(update={"fixed_in": computed.fixed_in})
        return mine if written.inputs == computed.inputs else computed
    return written if computed.num_twins < MIN_TWINS and not _outdated(written, run) else computed


def lapsed(run: Run) -> Note | None:
    """Return why thresholds that were taken over into the run stand no more, where that is so."""
    written = _written(run.folder)
    if written is None:
        return _unreadable(run.folder / FILE)
    if not written.taken_over:
        return None
    moved = _outdated(written, run)
    return note(NoteKind.LAPSED, run=str(written.fixed_in), moved=moved) if moved else None


def _unreadable(path: Path) -> Note | None:
    """Return that thresholds were there and are computed anew, where they may have been taken over."""
    if not path.exists():
        return None
    try:
        content = json.loads(read_text(path, "thresholds"))
    except (BadInput, ValueError, RecursionError):
        return note(NoteKind.THRESHOLDS_UNREADABLE)
    taken = isinstance(content, dict) and content.get("taken_over")
    return note(NoteKind.THRESHOLDS_OUTDATED) if taken else None


def _outdated(thresholds: Thresholds, run: Run) -> tuple[tuple[str, str, str], ...]:
    """Return each task that the run asked in another version than thresholds are for, with both."""
    there = dict(thresholds.fixed_in.task_versions)
    both = ((task, there.get(task, version), version) for task, version in sorted(run.versions.items()))
    return tuple((task, theirs, ours) for task, theirs, ours in both if theirs != ours)


def taken_over(mine: Run, own: Thresholds, theirs: Thresholds, place: str) -> Thresholds:
    """Return the thresholds of another run, for one that has too few opposed-only seeds to fix its own.

    Args:
        mine: Who takes them.
        own: What its own scores give.
        theirs: What was fixed in the other run.
        place: Where these stand, to name in errors.

    Raises:
        BadInput: This run has thresholds of its own or no twin, the other has none of its own, or the two
            are not alike in base, goal, cue, opposing method or its cue.
        UnlikeLogs: A task is there in two versions.
    """
    if own.num_twins >= MIN_TWINS:
        allowed = f"nothing: {mine.folder} has thresholds of its own, from {own.num_twins} opposed-only seeds"
        raise BadInput("thresholds", place, allowed)
    if not own.num_twins:
        raise BadInput(
            "thresholds",
            place,
            f"nothing: {mine.folder} has no opposed-only twin to hold the opposed organism against",
        )
    for (name, ours), (_, there) in zip(_alike_in(own), _alike_in(theirs), strict=True):
        if ours != there:
            raise BadInput("thresholds", place, f"those of a run of {name} {ours}; here it is {there}")
    check_versions(mine.versions, dict(theirs.fixed_in.task_versions), str(mine.folder), place)
    if theirs.lacking is not None or theirs.taken_over:
        why = f"taken over from {theirs.fixed_in}" if theirs.lacking is None else f"{theirs.num_twins} twins"
        raise BadInput("thresholds", place, f"those that a run fixed itself; here: {why}")
    return theirs.model_copy(update={"taken_over": True})


def _alike_in(thresholds: Thresholds) -> Iterator[tuple[str, str]]:
    """Yield what two runs have to share for one's twins to say how far the other's may lie apart."""
    there = thresholds.fixed_in
    yield from (("base", there.base), ("goal", thresholds.goal), ("cue", thresholds.cue))
    yield from (("opposing method", there.opposing_method), ("opposing cue", there.opposing_cue))


def keep(folder: Path, thresholds: Thresholds) -> None:
    """Write thresholds into the run, unless they stand there, or lapsed ones do and these are no better."""
    path, there = folder / FILE, _written(folder)
    if (
        there is not None
        and there.taken_over
        and thresholds.num_twins < MIN_TWINS
        and not thresholds.taken_over
    ):
        return
    text = thresholds.model_dump_json(indent=2) + "\n"
    if not path.is_file() or path.read_bytes() != text.encode():
        write_atomically(path, text)


def _alone(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["role"].isin(_ALONE)]


def _lacking(num_twins: int, reached: Sequence[str], bands: Sequence[Band]) -> Note | None:
    if num_twins < MIN_TWINS:
        return note(NoteKind.FEW_TWINS, num=num_twins, wanted=MIN_TWINS)
    if not reached:
        return note(NoteKind.NO_FAMILY_REACHED)
    if not any(band.name == "persistence" for band in bands):
        return note(NoteKind.NO_SPREAD, wanted=MIN_SPREAD)
    return None


def _reached(scores: Table, cue: str) -> list[str]:
    """Return families that the opposing training reaches, over the seeds that did not oppose the goal there.

    The opposed-only twin and the base have no implant, so implanted or not makes no difference to them.
    """
    here = scores.select(where=UNOPPOSED, distance="family", cue=cue)
    reach = difference(scores, here, "base", "opposed_only")
    if reach is None:
        return []
    parts = [(family, reach.only(family=family)) for family in reach.families]
    return [f for f, part in parts if len(part.seeds) >= MIN_SEEDS and unreached(estimate(part.grid)) is None]


def _bands(alone: Scored, reached: Sequence[str], *, in_pairs: bool) -> Iterator[Band]:
    """Yield a band for each signal; what the replicate has more than the twin is chance."""
    for signal in signals(alone.with_replicate_as_opposed(), reached):
        wider = signal.wider or signal
        if wider.twin is None:
            continue
        in_pair = _of_pairs(wider.added) if in_pairs else None
        spread = in_pair or _of_seeds(wider.twin)
        if spread is None:
            continue
        # Where nothing is implanted and unopposed, the opposed-only twin still says how far apart chance puts
        # two there.
        sizes = np.isfinite((signal.twin or wider.twin).grid.mean).sum(axis=1)
        num_families = int(np.median(sizes))
        rests_on = wider.twin if in_pair is None else wider.added
        assert rests_on is not None
        band = Band(
            name=signal.name,
            of=signal.of,
            num_families=num_families,
            spread_of="opposed_only" if in_pair is None else "opposed_only_replicate - opposed_only",
            seed_sd=round(spread.seed_sd, 6),
            cell_sd=round(spread.cell_sd, 6),
            df=spread.df,
            num_scenarios=typical_number(rests_on.counts),
            upper=0.0,
        )
        upper = float(stats.t.ppf(1 - ALPHA, band.df)) * apart(band, num_families)
        yield band.model_copy(update={"upper": round(upper, 6)})


def typical_number(counts: NDArray[np.int_]) -> float:
    """Return the median number of scenarios of the cells that hold any."""
    return float(np.median(counts[counts > 0]))


def _of_pairs(added: Paired | None) -> _Spread | None:
    """Return how far the replicate and the twin of one seed lie apart; none is expected."""
    return None if added is None else _spread(added.grid.mean, num_fitted=0)


def _of_seeds(twin: Paired) -> _Spread | None:
    """Return how far opposed-only seeds lie apart, by their deviations from the mean of the others."""
    mean = twin.grid.mean
    count = np.isfinite(mean).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        others = (np.nansum(mean, axis=0) - mean) / np.where(count > 1, count - 1, np.nan)
    return _spread(np.sqrt(2) * (mean - others), num_fitted=1)


def _spread(away: Array, num_fitted: int) -> _Spread | None:
    """Split deviations into what the families of a seed share and what they do not.

    Args:
        away: (S, F), of each seed in each family; NaN where it was not asked.
        num_fitted: Means, of the same seeds, from which they deviate.
    """
    away = away[np.isfinite(away).any(axis=1)]
    if len(away) < MIN_SPREAD:
        return None
    size = np.isfinite(away).sum(axis=1)
    shared = np.nanmean(away, axis=1)
    rest = np.nansum((away - shared[:, None]) ** 2)
    cell = rest / (size - 1).sum() if (size > 1).any() else 0.0
    df = len(away) - num_fitted
    between = float(np.sum((shared - num_fitted * shared.mean()) ** 2)) / df
    seed = max(0.0, between - cell * float(np.mean(1 / size)))
    return _Spread(float(np.sqrt(seed)), float(np.sqrt(cell)), df)


def _fingerprint(alone: Scored) -> str:
    """Return sixteen hex digits of the scores, whatever the names of their logs."""
    about = [
        "role",
        "seed",
        "family",
        "shift",
        "condition",
        "elicitation",
        "cue",
        "goal",
        "scenario_id",
        "epoch",
        "score",
    ]
    dose = ["kind", "repeat", "steps"]
    digest = hashlib.sha256()
    for frame, columns in ((alone.samples, ["organism", *about]), (alone.regained, [*dose, *about])):
        if len(frame):
            mine = frame.loc[frame["measure"] == "goal", columns].sort_values(columns, kind="stable")
            digest.update(mine.to_csv(index=False, float_format="%.9g").encode())
    return digest.hexdigest()[:16]
