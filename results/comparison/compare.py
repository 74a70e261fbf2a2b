"""Two runs beside each other, cell by cell."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text
from scipy import stats

from pentimento.results.exceptions import UnlikeLogs
from pentimento.results.measures.contrasts import Paired, Values, paired
from pentimento.results.measures.health import (
    Organisms,
    broken_organisms,
    healthy,
    judge_health,
    measured_lines,
)
from pentimento.results.measures.rows import covered, covered_at_worst
from pentimento.results.notes import Note, NoteKind, note
from pentimento.results.reading.load import Run, check_versions, load
from pentimento.results.reading.logs import apart_from_weighed
from pentimento.results.report.sentences import few_seeds, said
from pentimento.results.report.texts import held
from pentimento.results.statistics.hypotheses import ALPHA, holm, paired_test, permutation_test
from pentimento.results.statistics.intervals import CONFIDENCE, MIN_SEEDS, Estimate, estimate

CELL = ["role", "measure", "goal", "where", "family", "condition", "elicitation", "shift", "cue"]
_MEASURES = ("goal", "right", "says_done", "violated")
Status = Literal["ok", "same organisms", "few seeds", "underpowered"]
"""Why a difference has no p-value, or cannot have a small one."""


class Difference(NamedTuple):
    """B - A in one cell."""

    cell: tuple[str, ...]
    """Role, measure, goal, where, family, condition, elicitation, shift and cue, as in `CELL`."""
    a: float
    b: float
    difference: float
    low: float
    high: float
    estimator: str
    """weighed: known answers by their probabilities; sampled: the sampled answers of both runs."""
    paired: bool
    """By scenario; else the seeds of A against those of B."""
    num_seeds: tuple[int, int]
    num_scenarios: int
    p: float
    p_holm: float
    status: Status


@dataclass(frozen=True)
class Comparison:
    """The differences B - A of two runs, Holm-adjusted over all of them."""

    a: str
    b: str
    rows: tuple[Difference, ...]
    smallest_p: float | None
    """The smallest adjusted p-value that these numbers of seeds could have given; None without a test."""
    notes: tuple[Note, ...] = ()
    """What the reader has to know about either run."""

    @property
    def frame(self) -> pd.DataFrame:
        """All differences as a data frame."""
        table = pd.DataFrame(self.rows, columns=list(Difference._fields))
        names = pd.DataFrame(table["cell"].tolist(), columns=CELL)
        return pd.concat([names, table.drop(columns="cell")], axis=1)

    def print(self, console: Console, most: int = 40) -> None:
        """Print at most `most` differences in at most 80 columns.

        Those over three seeds come first, then those with a small p-value, then the large ones.
        """
        width = min(80, console.width)
        shown = sorted(self.rows, key=_rank)[:most]
        console.print(Text(f"B − A, with A = {self.a} and B = {self.b}", style="bold"), width=width)
        for line in said(self.notes):
            console.print(Text(f"! {line}", style="yellow"), width=width)
        if self.smallest_p is not None and self.smallest_p > ALPHA:
            least = f"the smallest adjusted p that so many seeds allow is {self.smallest_p:.2g}"
            line = f"These differences are underpowered: {least}."
            console.print(Text(line, style="yellow"), width=width)
        several = len({row.cell[CELL.index("goal")] for row in shown}) > 1
        table = Table(box=None, padding=(0, 1), header_style="dim")
        for name in ("cell", "A", "B", "B − A", "95 %", "p", "status"):
            table.add_column(name, overflow="fold", justify="left" if name in ("cell", "status") else "right")
        for row in shown:
            role, measure, goal, where, family, condition, elicitation, shift, cue = row.cell
            whose = [goal] if several and measure == "goal" else []
            under = [name for name in (elicitation, cue) if name not in ("", "none")]
            place = [role, family, condition, shift, *under, measure, *whose]
            cell = f"{' '.join(place)}, {where}"
            p = "" if np.isnan(row.p_holm) else f"{row.p_holm:.2g}"
            bounds = f"{row.low:+.2f} {row.high:+.2f}"
            numbers = (f"{row.a:.2f}", f"{row.b:.2f}", f"{row.difference:+.2f}", bounds, p)
            few = few_seeds(min(row.num_seeds)) if row.status == "few seeds" else row.status
            status = "" if row.status == "underpowered" else few
            how = "by sampled answers" if row.estimator == "sampled" else ""
            table.add_row(cell, *numbers, "; ".join(filter(None, (status, how))))
        console.print(table, width=width)
        rest = len(self.rows) - len(shown)
        more = f"{len(self.rows)} cells compared" + (f", the {len(shown)} largest shown." if rest else ".")
        console.print(Text(" ".join(filter(None, (more, _held(shown)))), style="dim"), width=width)


def _rank(row: Difference) -> tuple[bool, float, float]:
    """Order differences: over seeds enough, then by p-value, then by size."""
    return (min(row.num_seeds) < MIN_SEEDS, np.nan_to_num(row.p_holm, nan=1.0), -abs(row.difference))


def _held(rows: Sequence[Difference]) -> str:
    """Say what paired intervals over three or four seeds held in simulations, where there are any."""
    for num_seeds in (min(row.num_seeds) for row in rows if row.paired):
        usual, worst = covered("persistence", num_seeds), covered_at_worst("persistence", num_seeds)
        if usual is not None and worst is not None:
            return held(usual, worst)
    return ""


def compare(a: str | Path, b: str | Path) -> Comparison:
    """Return the differences B - A of every cell that both runs have; broken organisms are left out.

    Where both runs have the same seeds, asked the same scenarios, the difference is paired and tested by t
    over seeds; else seeds are held against seeds (Welch's interval, permuted seeds). Either way no p-value is
    below the smallest that permuting the seeds could give. They are Holm-adjusted over all cells.

    Args:
        a: A run folder.
        b: Another.

    Raises:
        UnlikeLogs: Two task versions or two estimators would be mixed, or no cell is in common.
        NoRun: A folder holds no run that can be read.
    """
    runs = load(a), load(b)
    check_versions(runs[0].versions, runs[1].versions, str(runs[0].folder), str(runs[1].folder))
    lost = [broken_organisms(judge_health(measured_lines(run))) for run in runs]
    cells_a, cells_b = (_cells(run, broken) for run, broken in zip(runs, lost, strict=True))
    common = sorted(set(cells_a) & set(cells_b))
    if not common:
        why = "another goal, other tasks, families or shifts, or broken organisms only"
        raise UnlikeLogs(f"{a} and {b} have no cell in common: {why}")
    contrast = [_difference(key, cells_a[key], cells_b[key]) for key in common]
    adjusted = holm([row.p for row, _ in contrast])
    smallest = holm([np.nan if np.isnan(row.p) else least for row, least in contrast])
    rows = []
    for (row, _), p, least in zip(contrast, adjusted, smallest, strict=True):
        underpowered = row.status == "ok" and least > ALPHA
        rows.append(row._replace(p_holm=p, status="underpowered" if underpowered else row.status))
    notes = [
        one for name, run, broken in zip("AB", runs, lost, strict=True) for one in _notes(name, run, broken)
    ]
    tested = [least for least in smallest if not np.isnan(least)]
    return Comparison(str(a), str(b), tuple(rows), min(tested, default=None), tuple(notes))


def _notes(name: str, run: Run, broken: Organisms) -> Iterator[Note]:
    """Yield the notes of one run and which of its organisms are left out, under its name."""
    yield from (note(NoteKind.OF_ONE, name=name, notes=[one]) for one in run.notes)
    yield from (note(NoteKind.BROKEN_OUT, run=name, role=role, seed=seed) for role, seed in sorted(broken))


def _cells(run: Run, broken: Organisms) -> dict[tuple[str, ...], pd.DataFrame]:
    """Return the answered samples of each cell, epochs averaged."""
    samples = healthy(run.samples, broken)
    mine = samples[samples["measure"].isin(_MEASURES) & (samples["reasoning"] == "free")]
    mine = mine[mine["score"].notna()].assign(goal=lambda frame: frame["goal"].fillna(""))
    keys = [*CELL, "seed", "organism", "domain", "scenario_id"]
    mine = mine.assign(by_sampling=apart_from_weighed(mine))
    means = mine.groupby(keys, as_index=False)[["score", "sampled", "by_sampling"]].mean()
    return {tuple(map(str, key)): group for key, group in means.groupby(CELL)}


def _difference(key: tuple[str, ...], a: pd.DataFrame, b: pd.DataFrame) -> tuple[Difference, float]:
    """Return one cell's difference and the smallest p-value that its seeds allow."""
    a, b, estimator = _alike(key, a, b)
    both = a.merge(b, on=["seed", "domain", "scenario_id"], suffixes=("_a", "_b"))
    same_seeds = set(a["seed"]) == set(b["seed"]) == set(both["seed"])
    if same_seeds:
        change = _grid(both, both["score_b"] - both["score_a"])
        estimated, num_scenarios = estimate(change.grid), len(both)
        means = [_grid(both, both[name]).seed_means.tolist() for name in ("score_a", "score_b")]
        test = paired_test(change.seed_means)
    else:
        grids = [_grid(frame, frame["score"]) for frame in (a, b)]
        estimated, num_scenarios = _welch(*grids), len(a) + len(b)
        means = [grid.seed_means.tolist() for grid in grids]
        test = permutation_test(*means)
    same = same_seeds and set(a["organism"]) == set(b["organism"])
    few = min(map(len, means)) < MIN_SEEDS
    return Difference(
        key,
        a=float(np.mean(means[0])),
        b=float(np.mean(means[1])),
        difference=float(estimated.value),
        low=float(estimated.low),
        high=float(estimated.high),
        estimator=estimator,
        paired=same_seeds,
        num_seeds=(len(means[0]), len(means[1])),
        num_scenarios=num_scenarios,
        p=float("nan") if same or few else test.p,
        p_holm=float("nan"),
        status="same organisms" if same else "few seeds" if few else "ok",
    ), test.smallest


def _alike(key: Sequence[str], a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Return both sides with scores that may be compared, and how these were estimated.

    Where not every answer of an organism could be weighed, some of its scores are those of sampled answers;
    then the sampled answers of both sides are compared.

    Raises:
        UnlikeLogs: One side was weighed throughout and the other sampled throughout.
    """
    shares = [float((side["by_sampling"] > 0).mean()) for side in (a, b)]
    if shares in ([0.0, 0.0], [1.0, 1.0]):
        return a, b, "sampled" if shares[0] else "weighed"
    if sorted(shares) == [0.0, 1.0] or a["sampled"].isna().all() or b["sampled"].isna().all():
        cell = " ".join(part for part in key if part)
        ours, theirs = ("sampled" if share else "weighed exactly" for share in shares)
        raise UnlikeLogs(f"estimators differ, no difference is formed: {ours} in A, {theirs} in B ({cell})")
    one, two = (side.assign(score=side["sampled"]).dropna(subset="score") for side in (a, b))
    return one, two, "sampled"


def _grid(frame: pd.DataFrame, values: pd.Series) -> Paired:
    unnamed = np.full(len(frame), "")
    seed, domain = frame["seed"].to_numpy(), frame["domain"].to_numpy()
    contrast = paired(Values(seed, unnamed, domain, values.to_numpy(float), unnamed))
    assert contrast is not None, "a cell has at least one answer"
    return contrast


def _welch(a: Paired, b: Paired) -> Estimate:
    """Return the difference of two means over seeds that are not the same (Welch 1947)."""
    value = np.asarray(b.seed_means.mean() - a.seed_means.mean())
    num_seeds = min(len(a.seeds), len(b.seeds))
    if num_seeds < MIN_SEEDS:
        parts = [np.nansum(side.grid.variance) / len(side.seeds) ** 2 for side in (a, b)]
        df = np.asarray(np.inf)
    else:
        parts = [side.seed_means.var(ddof=1) / len(side.seeds) for side in (a, b)]
        rest = sum(part**2 / (len(side.seeds) - 1) for part, side in zip(parts, (a, b), strict=True))
        df = np.asarray(sum(parts) ** 2 / rest if rest > 0 else np.inf)
    se = np.asarray(np.sqrt(sum(parts)))
    half = stats.t.ppf((1 + CONFIDENCE) / 2, df) * se
    low, high = (np.clip(bound, -1.0, 1.0) for bound in (value - half, value + half))
    return Estimate(value, low, high, se, df, num_seeds)
