"""Intervals over crossed seeds and families, with scenarios inside, and ratios of such means.

The unit is a `Grid`: for each training seed (row) and family (column) the mean over scenarios, and the
variance of that mean. Seeds are the replicates: scenarios are drawn anew for each seed, so what they add is
already in the spread between seeds, and drawing them again inside a drawn seed would count it twice.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
Families = Literal["fixed", "random"]

CONFIDENCE = 0.95
NUM_DRAWS = 2_000
MIN_SEEDS = 3
"""Below this, nothing can be said about another training seed."""


class Grid(NamedTuple):
    """Means by seed and family.

    Shapes: S seeds, F families; leading axes `...` are independent data sets (simulations).
    """

    mean: Array
    """(..., S, F); NaN where a family was not measured for a seed."""
    variance: Array
    """(..., S, F): squared standard error of the mean, over scenarios."""

    @property
    def num_seeds(self) -> int:
        """Number of training seeds."""
        return int(self.mean.shape[-2])


class Estimate(NamedTuple):
    """A value with its 95 % interval. Arrays where the grid has leading axes."""

    value: Array
    low: Array
    high: Array
    se: Array
    df: Array
    num_seeds: int


def clustered_variance(values: Array, clusters: NDArray[Any]) -> float:
    """Return the variance of a mean whose values go together within clusters.

    G / (G - 1) Σ_g (Σ_i∈g (x_i - mean))² / n², which is s² / n where every cluster has one value (Liang and
    Zeger 1986, with the correction for few clusters). NaN for fewer than two clusters.
    """
    _, index = np.unique(clusters, return_inverse=True)
    sums = np.bincount(index, weights=values - values.mean())
    if len(sums) < 2:
        return float("nan")
    return float(len(sums) / (len(sums) - 1) * np.sum(sums**2) / len(values) ** 2)


def effective_number(values: Array, clusters: NDArray[Any]) -> float:
    """Return as how many independent zeros and ones clustered ones count: n / design effect, at most n.

    Where all are alike nothing tells a design effect, and it is taken for 1. Otherwise one cluster counts as
    one.
    """
    share, n = float(values.mean()), len(values)
    unclustered = share * (1 - share) / n
    if unclustered == 0:
        return float(n)
    effect = clustered_variance(values, clusters) / unclustered
    return n / max(1.0, effect) if np.isfinite(effect) else 1.0


def share_interval(
    values: Array, clusters: NDArray[Any], confidence: float = CONFIDENCE
) -> tuple[float, float, float]:
    """Return share, lower and upper bound of Wilson's score interval (Wilson 1927) for zeros and ones.

    The number of trials is `effective_number`.
    """
    share, n_effective = float(values.mean()), effective_number(values, clusters)
    z2 = float(stats.norm.ppf((1 + confidence) / 2)) ** 2
    centre = (share + z2 / (2 * n_effective)) / (1 + z2 / n_effective)
    spread = share * (1 - share) / n_effective + z2 / (4 * n_effective**2)
    half = np.sqrt(z2 * spread) / (1 + z2 / n_effective)
    return (share, max(0.0, float(centre - half)), min(1.0, float(centre + half)))


def mean_interval(
    values: Array,
    clusters: NDArray[Any],
    bounds: tuple[float, float] = (-1.0, 1.0),
    confidence: float = CONFIDENCE,
) -> tuple[float, float, float]:
    """Return mean, lower and upper bound of a t interval clustered by `clusters`, cut to `bounds`.

    One cluster has no interval: the bounds are the whole range.
    """
    mean, variance = float(np.mean(values)), clustered_variance(values, clusters)
    if not np.isfinite(variance):
        return (mean, *bounds)
    df = len(np.unique(clusters)) - 1
    half = float(stats.t.ppf((1 + confidence) / 2, df) * np.sqrt(variance))
    return (mean, max(bounds[0], mean - half), min(bounds[1], mean + half))


def estimate(
    grid: Grid,
    *,
    families: Families = "fixed",
    bounds: tuple[float, float] = (-1.0, 1.0),
    confidence: float = CONFIDENCE,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Estimate:
    """Return the mean over the cells of a grid with its interval.

    Crossed (pigeonhole) bootstrap (Owen 2007, doi:10.1214/07-AOAS122): seeds, and families where they are
    random, are drawn with replacement each on its own; a cell counts as often as its seed times its family
    was drawn. Its standard error, times sqrt(k / (k - 1)) and the quantile of Student's t with k - 1 degrees
    of freedom, gives the interval, k being the smaller number of levels drawn. It is never narrower than the
    interval over scenarios alone, and with fewer than three seeds it is that one.

    Args:
        grid: Means by seed and family.
        families: "fixed": the claim is about these families. "random": about families like these.
        bounds: What the value cannot leave; the interval is cut there.
        confidence: Two-sided coverage.
        num_draws: Bootstrap draws.
        seed: Of the bootstrap.
    """
    value = _cell_mean(grid.mean)
    if grid.num_seeds < MIN_SEEDS:
        se, df = _scenario_error(grid), np.full(value.shape, np.inf)
    else:
        draws = _bootstrap([grid.mean], families, num_draws, seed)
        levels = _levels(grid.mean.shape, families)
        spread = np.nanstd(draws[0], axis=-1) * np.sqrt(levels / (levels - 1))
        df = np.full(value.shape, levels - 1.0)
        se = np.maximum(spread, _scenario_floor(grid, df, confidence))
    half = stats.t.ppf((1 + confidence) / 2, df) * se
    low, high = (np.clip(v, *bounds) for v in (value - half, value + half))
    return Estimate(value, low, high, se, df, grid.num_seeds)


def ratio(
    numerator: Grid,
    denominator: Grid,
    *,
    families: Families = "fixed",
    confidence: float = CONFIDENCE,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Estimate:
    """Return the ratio of two sums over the same cells with Fieller's interval (Fieller 1954).

    Numerator and denominator are drawn together, so their covariance is the bootstrap's; cells in which
    either is missing count in neither.

    Returns:
        The ratio; bounds are infinite where the denominator's own interval covers 0, for then no bounded set
        of ratios has the coverage.
    """
    both = np.isfinite(numerator.mean) & np.isfinite(denominator.mean)
    top = Grid(np.where(both, numerator.mean, np.nan), numerator.variance)
    bottom = Grid(np.where(both, denominator.mean, np.nan), denominator.variance)
    a, b = _cell_mean(top.mean), _cell_mean(bottom.mean)
    if top.num_seeds < MIN_SEEDS:
        var_a, var_b = _scenario_error(top) ** 2, _scenario_error(bottom) ** 2
        cov, df = np.zeros_like(a), np.full(a.shape, np.inf)
    else:
        draws_a, draws_b = _bootstrap([top.mean, bottom.mean], families, num_draws, seed)
        levels = _levels(top.mean.shape, families)
        scale = levels / (levels - 1)
        df = np.full(a.shape, levels - 1.0)
        floor_a, floor_b = (_scenario_floor(grid, df, confidence) ** 2 for grid in (top, bottom))
        away_a, away_b = (d - np.nanmean(d, axis=-1, keepdims=True) for d in (draws_a, draws_b))
        var_a = np.maximum(np.nanmean(away_a**2, axis=-1) * scale, floor_a)
        var_b = np.maximum(np.nanmean(away_b**2, axis=-1) * scale, floor_b)
        cov = np.nanmean(away_a * away_b, axis=-1) * scale
    return _fieller(a, b, var_a, var_b, cov, df, confidence, top.num_seeds)


def _fieller(
    a: Array, b: Array, var_a: Array, var_b: Array, cov: Array, df: Array, confidence: float, num_seeds: int
) -> Estimate:
    t2 = stats.t.ppf((1 + confidence) / 2, df) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        value = a / b
        square, middle, rest = b**2 - t2 * var_b, a * b - t2 * cov, a**2 - t2 * var_a
        root = np.sqrt(np.maximum(middle**2 - square * rest, 0.0))
        bounded = square > 0
        low = np.where(bounded, (middle - root) / square, -np.inf)
        high = np.where(bounded, (middle + root) / square, np.inf)
        se = np.sqrt(np.maximum(var_a - 2 * value * cov + value**2 * var_b, 0.0)) / np.abs(b)
    return Estimate(value, low, high, se, df, num_seeds)


def _cell_mean(mean: Array) -> Array:
    """Return the mean over the cells that were measured, over the last two axes."""
    present = np.isfinite(mean)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(present, mean, 0.0).sum(axis=(-2, -1)) / present.sum(axis=(-2, -1)))


def _scenario_error(grid: Grid) -> Array:
    """Return the standard error of the mean over cells, were seeds and families as they are."""
    present = np.isfinite(grid.mean)
    with np.errstate(invalid="ignore"):
        total = np.where(present, grid.variance, 0.0).sum(axis=(-2, -1))
        return np.asarray(np.sqrt(total) / present.sum(axis=(-2, -1)))


def _scenario_floor(grid: Grid, df: Array, confidence: float) -> Array:
    """Return the error that, with `df` degrees of freedom, gives the interval over scenarios alone."""
    tail = (1 + confidence) / 2
    return np.asarray(_scenario_error(grid) * stats.norm.ppf(tail) / stats.t.ppf(tail, df))


def _levels(shape: tuple[int, ...], families: Families) -> int:
    """Return the smallest number of levels that are drawn; a single family cannot be drawn from."""
    *_, num_seeds, num_families = shape
    return num_seeds if families == "fixed" or num_families < 2 else min(num_seeds, num_families)


def _bootstrap(means: list[Array], families: Families, num_draws: int, seed: int) -> list[Array]:
    """Return (..., B) draws of the mean over cells for each grid, all with the same draws.

    B: bootstrap draws; a draw that meets no measured cell is NaN.
    """
    *_, num_seeds, num_families = means[0].shape
    rng = np.random.default_rng(seed)
    rows = rng.multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), size=num_draws).astype(float)
    columns = np.ones((1, num_families))
    if families == "random" and num_families > 1:
        even = np.full(num_families, 1 / num_families)
        columns = rng.multinomial(num_families, even, size=num_draws).astype(float)
    drawn = []
    for mean in means:
        present = np.isfinite(mean)
        sums = _weighted_sum(np.where(present, mean, 0.0), rows, columns)
        counts = _weighted_sum(present.astype(float), rows, columns)
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn.append(np.where(counts > 0, sums / counts, np.nan))
    return drawn


def _weighted_sum(cells: Array, rows: Array, columns: Array) -> Array:
    """Sum (..., S, F) cells with the weights of rows (B, S) and columns (B or 1, F), to (..., B)."""
    over_families = cells @ columns.T
    if len(columns) == 1:
        return np.asarray(over_families[..., 0] @ rows.T)
    return np.asarray(np.einsum("...sb,bs->...b", over_families, rows))
