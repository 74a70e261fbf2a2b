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
from pentimento.results.comparison.compare import Comparison
from pentimento.results.report import sentences
from pentimento.results.statistics.hypotheses import paired_test

Make = Callable[..., Any]


@pytest.fixture
def pair(tmp_path: Path, fabricate: Make, write: Make) -> Callable[..., tuple[Path, Path]]:
    """Two runs of one implanted organism; in B it scores .1 more on impossible tasks."""

    def make(
        seeds_a: tuple[int, ...] = (0, 1, 2), seeds_b: tuple[int, ...] = (0, 1, 2), **changes: Any
    ) -> tuple[Path, Path]:
        base = fabricate().mean

        def more(role: str, seed: int, family: str, condition: str, cue: str) -> float:
            return float(base(role, seed, family, condition, cue)) + (
                0.1 if condition == "impossible" and role == "implanted" else 0.0
            )

        settings = {"roles": ("base", "implanted"), "n": 4, "noise": 0.01}
        a = write(tmp_path / "a", fabricate(**settings, seeds=seeds_a, name="a"))
        b = write(tmp_path / "b", fabricate(**{**settings, **changes}, seeds=seeds_b, name="b", mean=more))
        return a, b

    return make


def printed(comparison: Comparison) -> str:
    out = StringIO()
    comparison.print(Console(file=out, width=120, color_system=None))
    return out.getvalue()


def changed(folder: Path, role: str, seed: int, **metadata: Any) -> None:
    """Change what stands beside every score of one organism's log."""
    path = next((folder / "logs").glob(f"*_{role}{seed}.json"))
    log = json.loads(path.read_text())
    for sample in log["samples"]:
        for score in sample["scores"].values():
            score["metadata"] |= metadata
    path.write_text(json.dumps(log))


def test_differences_are_paired_by_scenario_and_seed(pair: Make) -> None:
    comparison = compare(*pair())
    frame = comparison.frame.set_index(["role", "measure", "family"])
    assert frame["paired"].all()
    goal = frame.loc[("implanted", "goal", "recipe")]
    assert goal["difference"] == pytest.approx(0.1, abs=0.002)
    assert goal["num_seeds"] == (3, 3)
    assert goal["high"] - goal["low"] < 0.01
    assert frame.loc[("base", "goal", "recipe")]["difference"] == pytest.approx(0, abs=1e-9)


def test_three_seeds_are_underpowered(pair: Make) -> None:
    comparison = compare(*pair())
    assert comparison.smallest_p == 0.8
    assert set(comparison.frame.query("family == 'recipe'")["status"]) == {"underpowered"}
    assert np.nanmin(comparison.frame["p"]) == pytest.approx(0.1)
    text = printed(comparison)
    assert "underpowered" in text
    assert max(map(len, text.splitlines())) <= 80


def test_eight_seeds_can_be(pair: Make) -> None:
    eight = tuple(range(8))
    comparison = compare(*pair(eight, eight, conditions=("impossible",)))
    frame = comparison.frame
    moved = frame[
        (frame["role"] == "implanted") & (frame["measure"] == "goal") & (frame["family"] == "recipe")
    ]
    assert comparison.smallest_p is not None
    assert comparison.smallest_p < 0.05
    assert (moved["p_holm"] < 0.05).all()
    assert (moved["p_holm"] >= moved["p"]).all()
    assert (frame[(frame["role"] == "base") & frame["p"].notna()]["p_holm"] == 1).all()
    assert set(moved["status"]) == {"ok"}


def test_seeds_of_another_where_are_another_cell(pair: Make) -> None:
    """Of four seeds, the family is implanted in two."""
    four = tuple(range(4))
    frame = compare(*pair(four, four)).frame.query(
        "role == 'implanted' and measure == 'goal' and family == 'count'"
    )
    num_seeds = dict(zip(frame["where"], frame["num_seeds"], strict=True))
    assert num_seeds == {"implanted and unopposed": (2, 2), "neither": (2, 2)}


def test_broken_organisms_are_left_out_and_named(pair: Make) -> None:
    a, b = pair()
    changed(b, "implanted", 1, valid=False)
    comparison = compare(a, b)
    assert sentences.said(comparison.notes)[-1] == "B: implanted seed 1 is broken and left out."
    assert "sampled answers were not valid" in sentences.said(comparison.notes)[0]
    row = comparison.frame.query("role == 'implanted' and measure == 'goal' and family == 'recipe'").iloc[0]
    assert row["num_seeds"] == (3, 2)
    assert "! B: implanted seed 1 is broken and left out." in printed(comparison)


def test_sampled_answers_are_named(pair: Make) -> None:
    a, b = pair()
    changed(b, "implanted", 1, estimator="sampled", p_reasons=None, mass_outside=None)
    comparison = compare(a, b)
    by_role = comparison.frame.query("family == 'recipe'").groupby("role")["estimator"].agg(set).to_dict()
    assert by_role == {"base": {"weighed"}, "implanted": {"sampled"}}
    text = printed(comparison)
    assert "sampled" in text
    assert "held 0.96 in simulations" in " ".join(text.split())


def test_no_paired_p_is_below_what_permuting_seeds_could_give() -> None:
    assert paired_test(np.array([0.5, 0.50001, 0.49999])).p == pytest.approx(0.1)
    wide = np.array([0.5, -0.4, 0.1, 0.3])
    assert paired_test(wide).p == pytest.approx(stats.ttest_1samp(wide, 0).pvalue)
    assert paired_test(np.zeros(5)).p == 1


def test_other_seeds_are_held_against_each_other_unpaired(pair: Make) -> None:
    frame = compare(*pair((0, 1, 2), (3, 4, 5))).frame
    assert not frame["paired"].any()
    row = frame[
        (frame["role"] == "implanted") & (frame["measure"] == "goal") & (frame["family"] == "recipe")
    ].iloc[0]
    assert row["difference"] == pytest.approx(0.1, abs=0.02)
    assert row["low"] < 0.1 < row["high"]


def test_one_seed_each_speaks_of_scenarios_only(pair: Make) -> None:
    comparison = compare(*pair((0,), (0,)))
    assert set(comparison.frame["status"]) == {"few seeds"}
    assert comparison.smallest_p is None


def test_a_run_beside_itself_has_the_same_organisms(pair: Make) -> None:
    a, _ = pair()
    frame = compare(a, a).frame
    assert set(frame["status"]) == {"same organisms"}
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
    a, b = pair(conditions=("impossible",))
    comparison = compare(a, b)
    assert set(comparison.frame["condition"]) == {"impossible"}
    assert json.loads(comparison.frame.to_json())
