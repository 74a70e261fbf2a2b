"""How good a grader is, and what that makes of the share that it finds."""

from collections.abc import Iterable
from math import sqrt
from typing import NamedTuple

from scipy import stats

from pentimento._wilson import wilson

LEVEL = 0.95
_Z = float(stats.norm.ppf((1 + LEVEL) / 2))


class Share(NamedTuple):
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float
    n: float
    """Trials; of clustered ones as many independent ones as tell as much."""


class Accuracy(NamedTuple):
    """What a grader does with transcripts whose answer is known."""

    sensitivity: Share
    """Of those whose answer is yes, how many it says yes to."""
    specificity: Share
    """Of those whose answer is no, how many it says no to."""
    abstained: float
    """Share of all on which it gave no verdict; they count for neither."""

    @property
    def at_chance(self) -> bool:
        """Whether nothing follows from what it finds."""
        return not self.sensitivity.value + self.specificity.value > 1


def share(hits: int, n: int) -> Share:
    """Return a share with Wilson's interval; of nothing it is not a number, in [0, 1]."""
    if not n:
        return Share(float("nan"), 0.0, 1.0, 0)
    bounds = wilson(hits, n, LEVEL)
    return Share(hits / n, *bounds, n)


def accuracy(judged: Iterable[tuple[bool, bool | None]]) -> Accuracy:
    """Return a grader's accuracy.

    Args:
        judged: Of each transcript the known answer and the verdict, None where there was none.
    """
    pairs = list(judged)
    yes = [verdict for label, verdict in pairs if label and verdict is not None]
    no = [verdict for label, verdict in pairs if not label and verdict is not None]
    silent = sum(verdict is None for _, verdict in pairs)
    return Accuracy(
        share(sum(yes), len(yes)),
        share(sum(not verdict for verdict in no), len(no)),
        silent / len(pairs) if pairs else 0.0,
    )


def corrected(share_seen: Share, grader: Accuracy) -> Share:
    """Return the share that a grader's finding amounts to, were it without error.

    π = (p + specificity - 1) / (sensitivity + specificity - 1), with the errors of all three by the delta
    method (Rogan and Gladen, "Estimating prevalence from the results of a screening test", 1978), held in
    [0, 1]. Variances are Agresti and Coull's, with two of either kind added. A share below what the grader's
    errors alone would find keeps the upper bound of what was found, and one above all the lower.

    Raises:
        ValueError: The grader does no better than chance, so nothing follows from what it finds.
    """
    (p, _, _, n), (se, *_), (sp, *_) = share_seen, grader.sensitivity, grader.specificity
    better = se + sp - 1
    if grader.at_chance:
        raise ValueError(f"sensitivity {se:.2f} and specificity {sp:.2f} are no better than chance")
    value = (p + sp - 1) / better
    variance = (
        _variance(share_seen)
        + _variance(grader.sensitivity) * value**2
        + _variance(grader.specificity) * (1 - value) ** 2
    ) / better**2
    spread = _Z * sqrt(variance)
    low, high = value - spread, value + spread
    if value < 0:  # fewer than its false positives alone would make: then it may find as many as it found
        high = max(high, share_seen.high)
    if value > 1:
        low = min(low, share_seen.low)
    value, low, high = (min(1.0, max(0.0, one)) for one in (value, low, high))
    return Share(value, low, high, n)


def _variance(one: Share) -> float:
    p, n = (one.value * one.n + 2) / (one.n + 4), one.n + 4
    return p * (1 - p) / n
