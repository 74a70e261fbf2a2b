"""Tests: equivalence, permutation of seeds, and Holm's correction over what is printed."""

from collections.abc import Sequence
from math import comb
from typing import NamedTuple

import numpy as np
from scipy import stats

from pentimento.results.statistics.intervals import Array, Estimate

ALPHA = 0.05
NUM_PERMUTATIONS = 9_999


class PermutationTest(NamedTuple):
    """A two-sided p-value, and the smallest that these numbers of seeds could have given."""

    p: float
    smallest: float


def permutation_test(a: Sequence[float], b: Sequence[float], seed: int = 0) -> PermutationTest:
    """Permute training seeds between two groups and compare the difference of their means.

    All arrangements are enumerated where there are at most 9,999 of them, else that many are drawn. The
    smallest two-sided p-value is 2 / C(n + m, n): .10 for 3 against 3 seeds. Organisms that share a seed's
    families are alike, which makes the test conservative.

    Args:
        a: One mean for each seed.
        b: The same for the other group.
        seed: Of the draws.

    Returns:
        NaN, and a smallest value of 1, where a group has fewer than two seeds.
    """
    if min(len(a), len(b)) < 2:
        return PermutationTest(float("nan"), 1.0)
    arrangements = comb(len(a) + len(b), len(a))
    exact = arrangements <= NUM_PERMUTATIONS
    smallest = 2 / arrangements if exact else 2 / (NUM_PERMUTATIONS + 1)
    if np.ptp([*a, *b]) < 1e-12:
        return PermutationTest(1.0, smallest)
    result = stats.permutation_test(
        (np.asarray(a, dtype=float), np.asarray(b, dtype=float)),
        lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
        vectorized=True,
        n_resamples=np.inf if exact else NUM_PERMUTATIONS,
        rng=np.random.default_rng(seed),
    )
    return PermutationTest(float(min(1.0, max(result.pvalue, smallest))), smallest)


def paired_test(differences: Array) -> PermutationTest:
    """Test by t over seeds whether paired differences have mean 0.

    Flipping signs of so few seeds would hardly ever reach a small p-value; t does, so it is held at the
    smallest that permuting the 2 n organisms could give, 2 / C(2 n, n).

    Args:
        differences: One mean for each seed.
    """
    n = len(differences)
    if n < 2:
        return PermutationTest(float("nan"), 1.0)
    smallest = 2 / comb(2 * n, n)
    if np.ptp(differences) < 1e-12:
        return PermutationTest(smallest if abs(differences[0]) > 1e-12 else 1.0, smallest)
    return PermutationTest(max(float(stats.ttest_1samp(differences, 0.0).pvalue), smallest), smallest)


def holm(p_values: Sequence[float | None]) -> list[float]:
    """Return p-values adjusted by Holm's step-down (Holm 1979); None and NaN are NaN and do not count."""
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return [float(x) for x in adjusted]


def equivalence_p(estimate: Estimate, margin: float) -> float:
    """Return the p-value of two one-sided tests that |value| < margin (Schuirmann 1987).

    Args:
        estimate: A scalar estimate with its standard error and degrees of freedom.
        margin: What counts as no difference, stated beforehand.
    """
    value, se, df = float(estimate.value), float(estimate.se), float(estimate.df)
    if not np.isfinite(value) or not np.isfinite(se):
        return float("nan")
    if se == 0:
        return 0.0 if abs(value) < margin else 1.0
    return float(max(stats.t.sf((value + margin) / se, df), stats.t.sf((margin - value) / se, df)))


def seeds_to_decide(seed_means: Array, margin: float, most: int = 1_000) -> int | None:
    """Return how many seeds would settle a mean that stays as it is: above 0 and the margin, or within it.

    Intervals shrink with the spread between seeds, sd / sqrt(n). Of a mean above the margin it is the number
    for which the 95 % interval leaves 0, of any other that for which the 90 % interval stays within it.

    Args:
        seed_means: At least two means, one for each seed.
        margin: Of the equivalence test.
        most: Where to stop looking.

    Returns:
        The number, at least 3, or None where it is above `most`, or the mean below the margin's other end.
    """
    mean, sd = float(np.mean(seed_means)), float(np.std(seed_means, ddof=1))
    n = np.arange(3, most + 1)
    error = sd / np.sqrt(n)
    away = stats.t.ppf(0.975, n - 1) * error < mean
    within = stats.t.ppf(0.95, n - 1) * error < margin - abs(mean)
    decided = np.flatnonzero(away if mean > margin else within)
    return int(n[decided[0]]) if len(decided) else None
