"""Wilson's interval, for every share that rests on counts alone."""

from typing import NamedTuple

from scipy.stats import binomtest


class Interval(NamedTuple):
    """Bounds in [0, 1]."""

    low: float
    high: float


def wilson(hits: float, n: int, level: float = 0.95) -> Interval:
    """Return Wilson's score interval of a share (E. B. Wilson 1927), as scipy has it.

    Args:
        hits: Of them; rounded, as scores between 0 and 1 vary less than a coin of the same mean, so that the
            interval is then too wide.
        n: One or more.
        level: Of confidence.
    """
    bounds = binomtest(round(hits), n).proportion_ci(level, method="wilson")
    return Interval(float(bounds.low), float(bounds.high))
