"""Intervals: against closed forms, against scipy, and against the truth of simulated organisms."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pentimento.results.statistics.hypotheses import equivalence_p, holm, permutation_test, seeds_to_decide
from pentimento.results.statistics.intervals import (
    Grid,
    clustered_variance,
    effective_number,
    estimate,
    mean_interval,
    ratio,
    share_interval,
)
from tests.benchmarks.simulation import World, coverage, simulate

STORED = Path(__file__).parents[2] / "results" / "reference" / "coverage.json"


def grid(means: list[list[float]], variance: float = 0.0) -> Grid:
    mean = np.asarray(means, dtype=float)
    return Grid(mean, np.full_like(mean, variance))


def test_fixed_families_give_the_t_interval_of_seed_means() -> None:
    means = [[0.2, 0.4], [0.5, 0.3], [0.1, 0.3], [0.6, 0.8]]
    found = estimate(grid(means), num_draws=40_000)
    seeds = np.mean(means, axis=1)
    half = stats.t.ppf(0.975, 3) * stats.sem(seeds)
    assert found.value == pytest.approx(seeds.mean())
    assert found.high - found.low == pytest.approx(2 * half, rel=0.02)
    assert (found.df, found.num_seeds) == (3, 4)


def test_random_families_count_their_own_spread() -> None:
    means = [[0.1, 0.5, 0.3]] * 6
    fixed, random = (estimate(grid(means), families=how) for how in ("fixed", "random"))
    assert fixed.se == pytest.approx(0, abs=1e-9)
    assert random.df == 2
    assert random.se == pytest.approx(stats.sem([0.1, 0.5, 0.3]), rel=0.05)


def test_fewer_than_three_seeds_speak_of_scenarios_only() -> None:
    found = estimate(grid([[0.3], [0.5]], variance=0.01))
    assert found.se == pytest.approx(np.sqrt(2 * 0.01) / 2)
    assert found.high - found.low == pytest.approx(2 * 1.96 * found.se, rel=1e-3)


def test_no_interval_is_narrower_than_that_of_the_scenarios() -> None:
    found = estimate(grid([[0.3], [0.3], [0.3]], variance=0.01))
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(3 * 0.01) / 3, rel=1e-3)


def test_missing_cells_count_in_neither_numerator_nor_denominator() -> None:
    holes = np.nan
    top, bottom = grid([[0.1, holes], [0.2, 0.3], [0.3, 9.0]]), grid([[0.4, 0.9], [0.4, 0.6], [0.6, holes]])
    assert ratio(top, bottom).value == pytest.approx((0.1 + 0.2 + 0.3 + 0.3) / (0.4 + 0.4 + 0.6 + 0.6))


def test_fieller_agrees_with_the_closed_form() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.2, 0.1, 30), rng.normal(0.5, 0.1, 30)
    found = ratio(grid(a[:, None].tolist()), grid(b[:, None].tolist()), num_draws=40_000)
    t2, n = stats.t.ppf(0.975, 29) ** 2, 30
    cov = np.cov(a, b) / n
    square, middle = b.mean() ** 2 - t2 * cov[1, 1], a.mean() * b.mean() - t2 * cov[0, 1]
    root = np.sqrt(middle**2 - square * (a.mean() ** 2 - t2 * cov[0, 0]))
    assert (found.low, found.high) == pytest.approx(
        ((middle - root) / square, (middle + root) / square), rel=0.02
    )


def test_a_ratio_without_a_denominator_has_no_bounds() -> None:
    found = ratio(grid([[0.1], [0.2], [0.3]]), grid([[0.5], [-0.5], [0.1]]))
    assert (found.low, found.high) == (-np.inf, np.inf)


def test_equal_input_gives_equal_intervals() -> None:
    drawn = simulate(World(0.3, 0.0, 5), 1, seed=7)
    one, two = (estimate(drawn.persistence) for _ in range(2))
    assert all(np.array_equal(x, y) for x, y in zip(one, two, strict=True))


@given(st.integers(0, 40), st.integers(1, 40))
def test_share_interval_is_wilson_where_nothing_is_clustered(successes: int, failures: int) -> None:
    values = np.repeat([1.0, 0.0], [successes, failures])
    n = len(values)
    share, low, high = share_interval(values, np.arange(n))
    theirs = stats.binomtest(successes, n).proportion_ci(method="wilson")
    # One value a cluster has a design effect of n / (n - 1).
    assert share == successes / n
    assert low <= theirs.low + 1e-9
    assert high >= theirs.high - 1e-9
    assert high - low == pytest.approx(theirs.high - theirs.low, rel=1.5 / n + 1e-9)


def test_clustered_answers_widen_the_interval() -> None:
    values = np.repeat([1.0, 0.0, 1.0, 0.0], 10)
    apart, together = np.arange(40), np.repeat([0, 1, 2, 3], 10)
    assert clustered_variance(values, apart) == pytest.approx(values.var(ddof=1) / 40)
    assert clustered_variance(values, together) == pytest.approx(np.var([1, 0, 1, 0], ddof=1) / 4)
    for interval in (share_interval, mean_interval):
        _, low, high = interval(values, apart)
        _, lower, higher = interval(values, together)
        assert lower < low < high < higher


def test_one_cluster_has_no_interval() -> None:
    assert mean_interval(np.array([0.4, 0.6]), np.array(["a", "a"]), bounds=(0, 1)) == (0.5, 0, 1)


@pytest.mark.parametrize(("seeds", "smallest"), [(3, 0.1), (4, 2 / 70), (5, 2 / 252), (8, 2 / 10_000)])
def test_the_smallest_permutation_p(seeds: int, smallest: float) -> None:
    low, high = np.linspace(0, 0.1, seeds), np.linspace(5, 5.1, seeds)
    test = permutation_test(low.tolist(), high.tolist())
    assert test.smallest == pytest.approx(smallest)
    assert test.p == pytest.approx(smallest)


def test_permutation_p_is_uniform_enough_under_no_difference() -> None:
    rng = np.random.default_rng(0)
    found = [permutation_test(*rng.standard_normal((2, 5)).tolist()).p for _ in range(300)]
    assert np.mean(np.asarray(found) <= 0.05) <= 0.08
    assert permutation_test([0.5] * 3, [0.5] * 3).p == 1
    assert np.isnan(permutation_test([1.0], [2.0]).p)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, float("nan"), 0.03]) == pytest.approx(
        [0.03, 0.06, float("nan"), 0.06], nan_ok=True
    )
    assert holm([]) == []


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_never_lowers_a_p_and_keeps_their_order(p: list[float]) -> None:
    adjusted = holm(p)
    assert all(a >= b for a, b in zip(adjusted, p, strict=True))
    order = np.argsort(p, kind="stable")
    assert np.all(np.diff(np.asarray(adjusted)[order]) >= -1e-12)


def test_gone_is_a_claim_of_equivalence() -> None:
    near = estimate(grid([[0.01], [-0.01], [0.02], [0.0], [-0.02]]))
    wide = estimate(grid([[0.3], [-0.3], [0.2], [-0.2], [0.0]]))
    assert equivalence_p(near, 0.1) < 0.001
    assert equivalence_p(wide, 0.1) > 0.05
    one_sided = stats.ttest_1samp([0.01, -0.01, 0.02, 0.0, -0.02], 0.1, alternative="less").pvalue
    assert equivalence_p(near, 0.1) == pytest.approx(one_sided, rel=0.2)


def test_seeds_that_would_decide() -> None:
    assert seeds_to_decide(np.array([0.3, 0.31, 0.29]), 0.1) == 3
    spread = seeds_to_decide(np.array([0.4, 0.0, 0.2]), 0.1)
    assert spread is not None
    assert 5 <= spread <= 10
    assert seeds_to_decide(np.array([0.1 - 0.9, 0.1 + 0.9]), 0.1, most=50) is None


@pytest.mark.parametrize("num_seeds", [3, 5, 10])
@pytest.mark.parametrize(("retention", "reach"), [(0.0, 0.4), (0.3, 0.0), (1.0, 0.4)])
def test_intervals_recover_the_truth(num_seeds: int, retention: float, reach: float) -> None:
    """At 200 simulations the standard error of a coverage of .95 is .015; the benchmark runs 1,000."""
    found = coverage(World(retention, reach, num_seeds), num_simulations=200, seed=11)
    for name, result in found.items():
        assert result.coverage >= 0.90, name
        assert abs(result.bias) <= (0.05 if name == "retention" else 0.015), name


def test_the_stored_coverage_is_what_the_simulation_gives() -> None:
    stored = json.loads(STORED.read_text())
    assert stored["num_simulations"] == 1_000
    rows = [r for r in stored["rows"] if r["shape"] in ("normal", "rotated families") and r["num_seeds"] > 3]
    assert min(row["coverage"] for row in rows) >= 0.92
    row = next(
        r for r in stored["rows"]
        if (r["shape"], r["num_seeds"], r["retention"], r["reach"], r["quantity"])
        == ("normal", 3, 0.3, 0.4, "persistence")
    )  # fmt: skip
    again = coverage(World(0.3, 0.4, 3), 1_000, seed=1)["persistence"]
    assert row["coverage"] == pytest.approx(again.coverage, abs=0.005)


def test_simulated_organisms_have_the_stated_means() -> None:
    drawn = simulate(World(0.3, 0.4, 10, num_scenarios=50), 400, seed=5)
    assert drawn.truth["persistence"] == pytest.approx(0.12)
    for name, found in (
        ("implant strength", drawn.implant),
        ("persistence", drawn.persistence),
        ("reach", drawn.reach),
    ):
        assert found.mean.mean() == pytest.approx(drawn.truth[name], abs=0.01)  # type: ignore[index]


def test_one_cluster_counts_as_one_answer() -> None:
    mixed, alike = np.array([0.0, 1.0] * 25), np.ones(50)
    assert effective_number(mixed, np.zeros(50)) == 1.0
    assert effective_number(alike, np.zeros(50)) == 50.0
    assert effective_number(mixed, np.arange(50)) == pytest.approx(49.0, abs=1.1)
