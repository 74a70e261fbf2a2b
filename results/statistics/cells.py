"""The table of cells: what one organism scored in one family, under one elicitation."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pentimento.results.statistics.intervals import mean_interval, share_interval

CELL = [
    "role",
    "seed",
    "organism",
    "task",
    "measure",
    "goal",
    "family",
    "where",
    "condition",
    "elicitation",
    "shift",
    "distance",
    "cue",
    "polarity",
    "reasoning",
]
"""What makes two samples belong to one cell."""
SUMMARY = [
    "n",
    "n_valid",
    "estimator",
    "score",
    "low",
    "high",
    "sampled",
    "sampled_low",
    "sampled_high",
    "reasoned",
    "mass_outside",
    "partial",
    "logs",
    "sample_ids",
]

_READ = [
    "score",
    "sampled",
    "domain",
    "scenario_id",
    "sample_id",
    "estimator",
    "reasoned",
    "mass_outside",
    "log",
]


class _Interval(NamedTuple):
    score: float
    low: float
    high: float


def tabulate(samples: pd.DataFrame, partial: set[str]) -> pd.DataFrame:
    """Return one row for each cell of the samples.

    Args:
        samples: The frame of `load`.
        partial: Names of logs that hold less than the whole task.

    Returns:
        `CELL` and `SUMMARY`: n scores asked for, n_valid scores given (over scenarios × epochs), how they
        were estimated, their mean with its 95 % interval clustered by domain, the same of the sampled answers
        alone, the share that reasoned, the mean mass outside the known answers, whether a log is partial.
    """
    scored = samples[samples["measure"].notna()]
    if scored.empty:
        return pd.DataFrame(columns=[*CELL, *SUMMARY])
    groups = scored.groupby(CELL, dropna=False, sort=True)
    # One array for each column and one list of rows for each cell: thousands of small frames would be slow.
    columns = {name: scored[name].to_numpy() for name in _READ}
    table = [
        dict(zip(CELL, key, strict=True))
        | _summary({name: of[rows] for name, of in columns.items()}, partial)
        for key, rows in sorted(groups.indices.items(), key=lambda item: tuple(map(str, item[0])))
    ]
    return pd.DataFrame(table, columns=[*CELL, *SUMMARY])


def _summary(cell: dict[str, Any], partial: set[str]) -> dict[str, Any]:
    exact, sampled = _interval(cell, "score"), _interval(cell, "sampled")
    outside = cell["mass_outside"][np.isfinite(cell["mass_outside"])]
    return {
        "n": len(cell["score"]),
        "n_valid": int(np.isfinite(cell["score"]).sum()),
        "estimator": "+".join(sorted(set(cell["estimator"]))),
        **exact._asdict(),
        "sampled": sampled.score,
        "sampled_low": sampled.low,
        "sampled_high": sampled.high,
        "reasoned": float(cell["reasoned"].astype(float).mean()),
        "mass_outside": float(outside.mean()) if len(outside) else np.nan,
        "partial": not partial.isdisjoint(cell["log"]),
        "logs": ",".join(sorted(set(cell["log"]))),
        "sample_ids": ",".join(sorted(set(cell["sample_id"]))),
    }


def _interval(cell: dict[str, Any], column: str) -> _Interval:
    """Return mean and interval over scenarios; epochs of one scenario are averaged first."""
    there = np.isfinite(cell[column])
    if not there.any():
        return _Interval(np.nan, np.nan, np.nan)
    values, domains = cell[column][there], cell["domain"][there]
    ids, first, scenario = np.unique(cell["scenario_id"][there], return_index=True, return_inverse=True)
    if len(ids) < len(values):
        values, domains = np.bincount(scenario, values) / np.bincount(scenario), domains[first]
    elif np.isin(values, (0.0, 1.0)).all():
        return _Interval(*share_interval(values, domains))
    return _Interval(*mean_interval(values, domains, bounds=(0.0, 1.0)))
