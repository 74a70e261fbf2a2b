"""Simulated organisms with a known persistence, to see what the intervals cover.

For seed s, family f, organism r and scenario i the answer is drawn from

    P(y = 1) = logistic(a_rf + u_rs + v_rsf + w_sfi)

with u between training seeds, v between seeds within a family (the interaction), w between scenarios (shared
by all organisms of a seed, which is the pairing). a_rf is set so that the mean over u, v and w is the stated
goal score of that organism in that family. The base is one organism, so its u and v are 0; the opposed
organism grows out of the implanted organism, so their u and v correlate. Everything is drawn for all
simulations at once.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from pentimento.results.statistics.intervals import Array, Estimate, Families, Grid, estimate, ratio

SCORE_BASE = 0.5
SCORE_IMPLANTED = 0.9
FAMILY_SPREAD = 0.1
"""Largest distance of a family's score on the base from the mean."""
INHERITED = 0.5
"""Correlation of the opposed organism's deviations with the implanted organism's."""
Quantity = Literal["implant strength", "persistence", "reach", "retention"]
QUANTITIES: tuple[Quantity, ...] = ("implant strength", "persistence", "reach", "retention")


class World(NamedTuple):
    """What is true, and how much is seen of it."""

    retention: float
    """Share of the implant that the opposed organism keeps: 0, .3, 1 in the benchmark."""
    reach: float
    """g(base) - g(opposed_only)."""
    num_seeds: int
    num_families: int = 4
    num_scenarios: int = 25
    """For each seed and family."""
    seed_sd: float = 0.7
    """Of u, in logits."""
    interaction_sd: float = 0.5
    """Of v, in logits."""
    scenario_sd: float = 1.0
    """Of w, in logits."""
    families: Families = "fixed"
    rotated: bool = False
    """Each seed measures half of the families, the next half begins one family on."""
    all_or_none: bool = False
    """u takes two values, not a normal: a seed keeps the goal or loses it."""

    @property
    def measured(self) -> NDArray[np.bool_]:
        """(S, F): which cells there are."""
        cells = np.ones((self.num_seeds, self.num_families), dtype=bool)
        if self.rotated:
            place = np.arange(self.num_families) - np.arange(self.num_seeds)[:, None]
            cells = place % self.num_families < self.num_families // 2
        return cells


class Simulated(NamedTuple):
    """Grids with a leading axis of simulations, and the truth."""

    implant: Grid
    persistence: Grid
    reach: Grid
    truth: dict[Quantity, float]
    """Over the measured cells where families are fixed, over their population where they are random."""


class Coverage(NamedTuple):
    """How often an interval held the truth, and how far off and how wide it was."""

    bias: float
    coverage: float
    width: float
    """Median width."""
    bounded: float
    """Share of simulations with a bounded interval; only ratios can fail to have one."""


def simulate(world: World, num_simulations: int, seed: int) -> Simulated:
    """Draw `num_simulations` experiments of one world."""
    rng = np.random.default_rng(seed)
    shape = (num_simulations, world.num_seeds, world.num_families)
    scores = _family_scores(world, num_simulations, rng)
    wobble = {role: _deviations(world, shape, rng) for role in ("implanted", "opposed", "opposed_only")}
    if not world.all_or_none:
        wobble["opposed"] = INHERITED * wobble["implanted"] + np.sqrt(1 - INHERITED**2) * wobble["opposed"]
    wobble["base"] = np.zeros(shape)
    scenario = world.scenario_sd * rng.standard_normal((*shape, world.num_scenarios))
    answers = {}
    for role, score in scores.items():
        chance = expit((_intercept(world, role, score)[:, None, :] + wobble[role])[..., None] + scenario)
        answers[role] = (rng.random(chance.shape) < chance).astype(float)
    return Simulated(
        implant=_grid(answers["implanted"] - answers["base"], world.measured),
        persistence=_grid(answers["opposed"] - answers["opposed_only"], world.measured),
        reach=_grid(answers["base"] - answers["opposed_only"], world.measured),
        truth=_truth(world, scores),
    )


def coverage(world: World, num_simulations: int = 1_000, seed: int = 0) -> dict[Quantity, Coverage]:
    """Return bias and coverage of the 95 % intervals for I, P, reach and R.

    Args:
        world: What is true.
        num_simulations: Independent repetitions; the coverage's own standard error at 1,000 is .007.
        seed: Of the simulations and of the bootstrap.
    """
    drawn = simulate(world, num_simulations, seed)
    how = world.families
    estimates: dict[Quantity, Estimate] = {
        "implant strength": estimate(drawn.implant, families=how),
        "persistence": estimate(drawn.persistence, families=how),
        "reach": estimate(drawn.reach, families=how),
        "retention": ratio(drawn.persistence, drawn.implant, families=how),
    }
    return {name: _judge(estimates[name], drawn.truth[name]) for name in QUANTITIES}


def _truth(world: World, scores: dict[str, Array]) -> dict[Quantity, float]:
    """Return the estimands; random families deviate symmetrically, so their means are as stated."""
    if world.families == "random":
        implant, reach = SCORE_IMPLANTED - SCORE_BASE, world.reach
    else:
        cells = world.measured.sum(axis=0) / world.measured.sum()
        implant = float((scores["implanted"][0] - scores["base"][0]) @ cells)
        reach = float((scores["base"][0] - scores["opposed_only"][0]) @ cells)
    persistence = world.retention * implant
    return {
        "implant strength": implant,
        "persistence": persistence,
        "reach": reach,
        "retention": world.retention,
    }


def _judge(estimated: Estimate, truth: float) -> Coverage:
    bounded = np.isfinite(estimated.low) & np.isfinite(estimated.high)
    held = (estimated.low <= truth) & (truth <= estimated.high)
    return Coverage(
        bias=float(
            np.median(estimated.value - truth) if not bounded.all() else np.mean(estimated.value - truth)
        ),
        coverage=float(np.mean(held)),
        width=float(np.median(estimated.high - estimated.low)),
        bounded=float(np.mean(bounded)),
    )


def _family_scores(world: World, num_simulations: int, rng: np.random.Generator) -> dict[str, Array]:
    """Return each organism's score by family, (N, F); fixed families are the same in all N simulations.

    The opposed organism keeps the same share of the implant in every family, so the ratio of sums is that
    share exactly.
    """
    num_rows = num_simulations if world.families == "random" else 1
    lowest = SCORE_BASE - world.reach

    def away(limit: float) -> Array:
        drawn = rng.uniform(-limit, limit, size=(num_rows, world.num_families))
        return drawn if world.families == "random" else drawn - drawn.mean(axis=1, keepdims=True)

    base = SCORE_BASE + away(min(FAMILY_SPREAD, lowest / 4))
    twin = base - world.reach + away(lowest / 8)
    implanted = SCORE_IMPLANTED + away(0.06)
    scores = {"base": base, "implanted": implanted, "opposed_only": twin}
    scores["opposed"] = twin + world.retention * (implanted - base)
    size = (num_simulations, world.num_families)
    return {role: np.broadcast_to(score, size) for role, score in scores.items()}


def _deviations(world: World, shape: tuple[int, int, int], rng: np.random.Generator) -> Array:
    """Return u + v, in logits, (N, S, F)."""
    size = (*shape[:2], 1)
    unit = rng.choice([-1.0, 1.0], size=size) if world.all_or_none else rng.standard_normal(size)
    return np.asarray(world.seed_sd * unit + world.interaction_sd * rng.standard_normal(shape))


def _intercept(world: World, role: str, score: Array) -> Array:
    """Return a_rf for which the mean answer over u, v and w is `score`, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    level = np.linspace(-16, 16, 4_001)[:, None]
    between = 0.0 if role == "base" else world.seed_sd
    noise = float(np.hypot(0.0 if role == "base" else world.interaction_sd, world.scenario_sd))
    if world.all_or_none:
        mean = sum(expit(level + side * between + noise * nodes) for side in (-1, 1)) / 2
    else:
        mean = expit(level + float(np.hypot(between, noise)) * nodes)
    return np.asarray(np.interp(score, mean @ (weights / weights.sum()), level[:, 0]))


def _grid(differences: Array, measured: NDArray[np.bool_]) -> Grid:
    """Return means and their variances over the last axis, the scenarios."""
    num_scenarios = differences.shape[-1]
    mean = np.where(measured, differences.mean(axis=-1), np.nan)
    return Grid(mean, differences.var(axis=-1, ddof=1) / num_scenarios)
