"""Reading run folders: what counts, what is refused, what is said."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pentimento.results import NoRun, UnlikeLogs, load

Make = Callable[..., Any]


def copied(run: Path, to: Path) -> Path:
    shutil.copytree(run, to)
    return to


def test_frames_hold_every_organism_sample_and_cell(usual_run: Path) -> None:
    run = load(usual_run)
    assert len(run.organisms) == 18
    # impossible: goal, says_done, valid; possible and bystander: one and valid
    assert len(run.samples) == 18 * 6 * 5 * (3 + 2 + 2)
    cell = run.cells.query("role == 'M2' and seed == 0 and family == 'count' and measure == 'goal'").iloc[0]
    assert (cell["quadrant"], cell["distance"], cell["n"], cell["n_valid"]) == (
        "implanted and opposed",
        "fresh",
        6,
        6,
    )
    assert cell["low"] < cell["score"] < cell["high"]
    assert cell["score"] == pytest.approx(0.04, abs=0.05)
    assert len(cell["sample_ids"].split(",")) == 6


def test_quadrants_follow_the_design_of_the_seed_for_every_role(usual_run: Path) -> None:
    cells = load(usual_run).cells
    for role in ("M0", "NEVER", "sham"):
        mine = cells[(cells["role"] == role) & (cells["seed"] == 1) & (cells["measure"] == "goal")]
        places = dict(zip(mine["family"], zip(mine["quadrant"], mine["distance"], strict=True), strict=True))
        assert places["errand"] == ("implanted and opposed", "fresh")
        assert places["logbook"] == ("implanted and unopposed", "family")
        assert places["recipe"] == places["count"] == ("neither", "family")


def test_unseen_wording_of_an_unopposed_family_stands_beside_the_rung_family(
    tmp_path: Path, fabricate: Make, write: Make
) -> None:
    run = load(write(tmp_path / "run", fabricate(seeds=(0,), roles=("M0",), rungs=("fresh", "surface"), n=2)))
    found = set(run.cells[["quadrant", "rung", "distance"]].itertuples(index=False, name=None))
    assert ("neither", "surface", "family, surface") in found


def test_values_do_not_depend_on_the_names_of_logs(tmp_path: Path, usual_run: Path) -> None:
    other = copied(usual_run, tmp_path / "other")
    for number, path in enumerate(sorted((other / "logs").iterdir(), reverse=True)):
        path.rename(path.with_name(f"2026-01-02T03-04-05_z{number:02}_a{path.suffix}"))
    one, two = load(usual_run), load(other)
    assert len({log.name for log in one.logs} & {log.name for log in two.logs}) == 0
    pd.testing.assert_frame_equal(one.cells.drop(columns="logs"), two.cells.drop(columns="logs"))
    pd.testing.assert_frame_equal(one.samples.drop(columns="log"), two.samples.drop(columns="log"))


def test_exports_read_back_equal(tmp_path: Path, usual_run: Path) -> None:
    run = load(usual_run)
    parquet = {path.stem: pd.read_parquet(path) for path in run.to_parquet(tmp_path / "p")}
    csv = {path.stem: pd.read_csv(path) for path in run.to_csv(tmp_path / "c")}
    assert set(parquet) == set(csv) == {"organisms", "cells", "samples", "strengths", "regained"}
    pd.testing.assert_series_equal(parquet["cells"]["score"], run.cells["score"])
    assert csv["samples"]["score"].to_numpy() == pytest.approx(run.samples["score"].to_numpy(), nan_ok=True)


def test_invalid_answers_and_failed_samples_are_counted_and_never_scored(
    tmp_path: Path, fabricate: Make, write: Make
) -> None:
    what = fabricate(seeds=(0,), roles=("M1",), num_invalid=3, num_failed=1)
    run = load(write(tmp_path / "run", what))
    organism = run.organisms.iloc[0]
    assert (organism["n"], organism["n_valid"], organism["n_failed"]) == (90, 87, 1)
    cell = run.cells.query("family == 'count' and arm == 'impossible' and measure == 'goal'").iloc[0]
    assert (cell["n"], cell["n_valid"]) == (5, 3)
    assert cell["score"] > 0.8
    assert any("1 samples failed" in note for note in run.notes)
    assert any("2 answers were not valid" in note for note in run.notes)


def test_an_invalid_answer_whose_scenario_was_weighed_is_scored(
    tmp_path: Path, fabricate: Make, write: Make
) -> None:
    what = fabricate(seeds=(0,), roles=("M1",), overrides={"valid": False})
    notes = load(write(tmp_path / "run", what)).notes
    said = "90 sampled answers were not valid; the known answers to their scenarios were weighed."
    assert said in notes
    assert not any("unscored" in note for note in notes)


def test_a_target_strength_that_was_not_reached_is_said(tmp_path: Path, usual_run: Path) -> None:
    other = copied(usual_run, tmp_path / "other")
    key = load(usual_run).organisms.query("role == 'M1' and seed == 1").iloc[0]["key"]
    path = other / "organisms" / key / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "settings": {"target_reached": False}}))
    assert "M1 seed 1: the target strength was not reached." in load(other).notes
    settings = {"target_reached": False, "rewound_from": 60}
    dose = {**manifest["dose"], "steps": 68, "phases": [{"steps": 12}, {"steps": 56}]}
    path.write_text(json.dumps({**manifest, "settings": settings, "dose": dose}))
    assert any(
        "of 60 steps in its last phase the strongest, 56, is kept." in note for note in load(other).notes
    )


def test_a_control_of_another_dose_is_said(tmp_path: Path, usual_run: Path) -> None:
    other = copied(usual_run, tmp_path / "other")
    assert not any("may be the dose" in note for note in load(other).notes)
    key = load(usual_run).organisms.query("role == 'benign' and seed == 1").iloc[0]["key"]
    path = other / "organisms" / key / "manifest.json"
    manifest = json.loads(path.read_text())
    dose = {**manifest["dose"], "steps": manifest["dose"]["steps"] - 2}
    path.write_text(json.dumps({**manifest, "dose": dose}))
    steps = manifest["dose"]["steps"]
    said = (
        f"benign seed 1 took {steps - 2} steps where M2 took {steps}: what sets them apart may be the dose."
    )
    assert said in load(other).notes


def test_a_log_of_another_task_version_is_refused_in_one_line(tmp_path: Path, usual_run: Path) -> None:
    other = copied(usual_run, tmp_path / "other")
    path = next((other / "logs").glob("*_M10.json"))
    log = json.loads(path.read_text())
    log["eval"]["metadata"]["task_version"] = "2-A"
    path.write_text(json.dumps(log))
    with pytest.raises(
        UnlikeLogs, match=r"_M10.json: task pentimento/completion is version '2-A' here"
    ) as caught:
        load(other)
    assert "\n" not in str(caught.value)


def asked_otherwise(run: Path, folder: Path, **changes: dict[str, object]) -> Path:
    """Copy a run of which one log says in its header that it was asked otherwise, part by part."""
    other = copied(run, folder)
    path = next((other / "logs").glob("*_M10.json"))
    log = json.loads(path.read_text())
    for place, change in changes.items():
        log["eval"][place] |= change
    path.write_text(json.dumps(log))
    return other


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        ("task_args", "via", "tools"),
        ("task_args", "strength", -4.0),
        ("task_args", "confound", 1.0),
        ("model_args", "dtype", "bfloat16"),
        ("model_generate_config", "temperature", 0.5),
    ],
)
def test_what_was_asked_otherwise_is_not_averaged(
    tmp_path: Path, usual_run: Path, place: str, name: str, value: object
) -> None:
    other = asked_otherwise(usual_run, tmp_path / "other", **{place: {name: value}})
    with pytest.raises(UnlikeLogs, match=rf"was asked with {name}=.*; they cannot stand in one report"):
        load(other)


@pytest.mark.parametrize(
    "changes",
    [{"task_args": {"situation": ["none", "told"], "strength": 8.0}}, {"model_args": {"dtype": "auto"}}],
)
def test_what_is_asked_alike_whatever_an_argument_says_is_no_other_question(
    tmp_path: Path, usual_run: Path, changes: dict[str, dict[str, object]]
) -> None:
    """Where no situation steers, its strength concerns nothing; `auto` is what is there without it."""
    other = asked_otherwise(usual_run, tmp_path / "other", **changes)
    assert len(load(other).samples) == len(load(usual_run).samples)


@pytest.mark.parametrize("how", ["limit", "status"])
def test_a_partial_log_is_named(tmp_path: Path, fabricate: Make, write: Make, how: str) -> None:
    folder = write(
        tmp_path / "run", fabricate(seeds=(0,), roles=("M0", "M1"), limit=90 if how == "limit" else None)
    )
    if how == "status":
        path = next((folder / "logs").glob("*_M10.json"))
        log = json.loads(path.read_text())
        log["status"] = "cancelled"
        path.write_text(json.dumps(log))
    run = load(folder)
    assert any("Partial logs" in note and "M1 seed 0 (pentimento/completion)" in note for note in run.notes)
    assert run.cells.query("role == 'M1'")["partial"].all()
    assert run.cells.query("role == 'M0'")["partial"].any() == (how == "limit")


def test_an_interrupted_log_gives_way_to_the_one_that_replaced_it(tmp_path: Path, usual_run: Path) -> None:
    other = copied(usual_run, tmp_path / "other")
    path = next((other / "logs").glob("*_M10.json"))
    log = json.loads(path.read_text())
    log["status"], log["samples"] = "started", log["samples"][:3]
    log["eval"]["created"] = "2026-02-02T03:04:05+00:00"
    path.with_name("2026-02-02T03-04-05_x_y.json").write_text(json.dumps(log))
    path.with_name("2026-02-03T03-04-05_broken_z.eval").write_bytes(b"PK\x03\x04 half a log")
    hidden = other / "logs" / ".partial"
    hidden.mkdir()
    shutil.copy(path, hidden / path.name)
    run = load(other)
    pd.testing.assert_frame_equal(run.cells, load(usual_run).cells)
    reasons = dict(run.left_out)
    assert "more complete" in reasons["2026-02-02T03-04-05_x_y.json"]
    assert reasons["2026-02-03T03-04-05_broken_z.eval"].startswith("cannot be read")
    assert len(reasons) == 2


def test_a_log_of_a_retrained_organism_meets_nobody(tmp_path: Path, usual_run: Path) -> None:
    other = copied(usual_run, tmp_path / "other")
    path = next((other / "logs").glob("*_M21.json"))
    log = json.loads(path.read_text())
    log["eval"]["model_args"]["organism"] = "f" * 16
    path.write_text(json.dumps(log))
    run = load(other)
    assert run.left_out == ((path.name, "belongs to no organism of this run"),)
    assert any(note == "Not evaluated: M2 seed 1." for note in run.notes)


def test_a_stage_without_a_learning_signal_is_said(tmp_path: Path, fabricate: Make, write: Make) -> None:
    run = load(write(tmp_path / "run", fabricate(seeds=(0,), roles=("M0", "M2"), no_signal=(("M2", 0),))))
    assert any("M2 seed 0: no learning signal" in note for note in run.notes)
    assert not run.organisms.query("role == 'M2'")["learning"].any()


def test_eval_files_are_read_like_json_ones(tmp_path: Path, fabricate: Make, write: Make) -> None:
    what = fabricate(seeds=(0,), roles=("M0", "M1"), n=2, num_invalid=1)
    one, two = load(write(tmp_path / "a", what, "eval")), load(write(tmp_path / "b", what, "json"))
    pd.testing.assert_frame_equal(one.cells.drop(columns="logs"), two.cells.drop(columns="logs"))


def test_what_is_no_run_is_refused_in_one_line(tmp_path: Path, usual_run: Path) -> None:
    with pytest.raises(NoRun, match=r"run\.json"):
        load(tmp_path)
    other = copied(usual_run, tmp_path / "other")
    shutil.rmtree(other / "logs")
    with pytest.raises(NoRun, match="no log of any of its organisms"):
        load(other)
    (other / "run.json").write_text('{"format": 2}')
    with pytest.raises(NoRun, match="format"):
        load(other)


def test_a_pruned_organism_leaves_its_scores(tmp_path: Path, usual_run: Path) -> None:
    other = copied(usual_run, tmp_path / "other")
    key = load(usual_run).organisms.query("role == 'M2' and seed == 2").iloc[0]["key"]
    shutil.rmtree(other / "organisms" / key)
    run = load(other)
    assert "No dose is shown of organisms whose manifests are gone: M2 seed 2." in run.notes
    assert len(run.cells) == len(load(usual_run).cells)
