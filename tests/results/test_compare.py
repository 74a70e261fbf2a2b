"""Comparing runs: paired where scenarios match, Holm over all cells, and refusals in one line."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from pentimento.results import UnlikeLogs, compare
from pentimento.results.compare import HOPELESS, SAME, Comparison
from pentimento.results.hypotheses import paired_test

Make = Callable[..., Any]


@pytest.fixture
def pair(tmp_path: Path, fabricate: Make, write: Make) -> Callable[..., tuple[Path, Path]]:
    """Two runs of one M1; in B it scores .1 more on impossible tasks."""

    def make(
        seeds_a: tuple[int, ...] = (0, 1, 2), seeds_b: tuple[int, ...] = (0, 1, 2), **changes: Any
    ) -> tuple[Path, Path]:
        base = fabricate().mean

        def more(role: str, seed: int, family: str, arm: str, cue: str) -> float:
            return float(base(role, seed, family, arm, cue)) + (
                0.1 if arm == "impossible" and role == "M1" else 0.0
            )

        settings = {"roles": ("M0", "M1"), "n": 4, "noise": 0.01}
        a = write(tmp_path / "a", fabricate(**settings, seeds=seeds_a, name="a"))
        b = write(tmp_path / "b", fabricate(**{**settings, **changes}, seeds=seeds_b, name="b", mean=more))
        return a, b

    return make


def printed(comparison: Comparison) -> str:
    out = StringIO()
    comparison.print(Console(file=out, width=120, color_system=None))
    return out.getvalue()


def test_differences_are_paired_by_scenario_and_seed(pair: Make) -> None:
    comparison = compare(*pair())
    frame = comparison.frame.set_index(["role", "measure", "family"])
    assert frame["paired"].all()
    goal = frame.loc[("M1", "goal", "recipe")]
    assert goal["difference"] == pytest.approx(0.1, abs=0.002)
    assert goal["num_seeds"] == (3, 3)
    assert goal["high"] - goal["low"] < 0.01
    assert frame.loc[("M0", "goal", "recipe")]["difference"] == pytest.approx(0, abs=1e-9)


def test_three_seeds_cannot_be_significant(pair: Make) -> None:
    comparison = compare(*pair())
    assert comparison.smallest_p == 1.0
    assert set(comparison.frame["status"]) == {HOPELESS}
    assert np.nanmin(comparison.frame["p"]) == pytest.approx(0.1)
    text = printed(comparison)
    assert "cannot be significant" in text
    assert max(map(len, text.splitlines())) <= 80


def test_eight_seeds_can_be(pair: Make) -> None:
    eight = tuple(range(8))
    comparison = compare(*pair(eight, eight, arms=("impossible",)))
    frame = comparison.frame
    moved = frame[(frame["role"] == "M1") & (frame["measure"] == "goal")]
    assert comparison.smallest_p is not None
    assert comparison.smallest_p < 0.05
    assert (moved["p_holm"] < 0.05).all()
    assert (moved["p_holm"] >= moved["p"]).all()
    assert (frame[frame["role"] == "M0"]["p_holm"] == 1).all()


def test_no_paired_p_is_below_what_permuting_seeds_could_give() -> None:
    assert paired_test(np.array([0.5, 0.50001, 0.49999])).p == pytest.approx(0.1)
    wide = np.array([0.5, -0.4, 0.1, 0.3])
    assert paired_test(wide).p == pytest.approx(stats.ttest_1samp(wide, 0).pvalue)
    assert paired_test(np.zeros(5)).p == 1


def test_other_seeds_are_held_against_each_other_unpaired(pair: Make) -> None:
    frame = compare(*pair((0, 1, 2), (3, 4, 5))).frame
    assert not frame["paired"].any()
    row = frame[(frame["role"] == "M1") & (frame["measure"] == "goal") & (frame["family"] == "recipe")].iloc[
        0
    ]
    assert row["difference"] == pytest.approx(0.1, abs=0.02)
    assert row["low"] < 0.1 < row["high"]


def test_one_seed_each_speaks_of_scenarios_only(pair: Make) -> None:
    comparison = compare(*pair((0,), (0,)))
    assert set(comparison.frame["status"]) == {"scenarios only, one training seed"}
    assert comparison.smallest_p is None


def test_a_run_beside_itself_has_the_same_organisms(pair: Make) -> None:
    a, _ = pair()
    frame = compare(a, a).frame
    assert set(frame["status"]) == {SAME}
    assert (frame["difference"] == 0).all()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": "2-A"}, "version '1-A' in .*a and '2-A' in .*b"),
        ({"estimator": "sampled"}, "estimators differ.*weighed exactly in A, sampled in B"),
        ({"goal": "favour_red", "task": "pentimento/preference"}, "no cell in common"),
    ],
)
def test_unlike_runs_are_refused_in_one_line(pair: Make, changes: dict[str, str], said: str) -> None:
    with pytest.raises(UnlikeLogs, match=said) as caught:
        compare(*pair(**changes))
    assert "\n" not in str(caught.value)


def test_only_common_cells_are_compared(pair: Make, tmp_path: Path) -> None:
    a, b = pair(arms=("impossible",))
    comparison = compare(a, b)
    assert set(comparison.frame["arm"]) == {"impossible"}
    assert json.loads(comparison.frame.to_json())
