"""Reading run folders: what counts, what is refused, what is said."""

import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from inspect_ai.log import read_eval_log, write_eval_log
from rich.console import Console

from pentimento.results import NoRun, UnlikeLogs, compare, load, summary, write_report
from pentimento.results.notes import NoteKind, note
from pentimento.results.report import sentences
from pentimento.results.report.examples import pick

Make = Callable[..., Any]


def copied(run: Path, to: Path) -> Path:
    shutil.copytree(run, to)
    return to


def test_frames_hold_every_organism_sample_and_cell(usual_run: Path) -> None:
    run = load(usual_run)
    assert len(run.organisms) == 18
    # impossible: goal, says_done, valid; possible and bystander: one and valid
    assert len(run.samples) == 18 * 6 * 5 * (3 + 2 + 2)
    cell = run.cells.query(
        "role == 'opposed' and seed == 0 and family == 'count' and measure == 'goal'"
    ).iloc[0]
    assert (cell["where"], cell["distance"], cell["n"], cell["n_valid"]) == (
        "implanted and opposed",
        "fresh",
        6,
        6,
    )
    assert cell["low"] < cell["score"] < cell["high"]
    assert cell["score"] == pytest.approx(0.04, abs=0.05)
    assert len(cell["sample_ids"].split(",")) == 6


def test_wheres_follow_the_design_of_the_seed_for_every_role(usual_run: Path) -> None:
    cells = load(usual_run).cells
    for role in ("base", "opposed_only", "sham"):
        mine = cells[(cells["role"] == role) & (cells["seed"] == 1) & (cells["measure"] == "goal")]
        places = dict(zip(mine["family"], zip(mine["where"], mine["distance"], strict=True), strict=True))
        assert places["errand"] == ("implanted and opposed", "fresh")
        assert places["logbook"] == ("implanted and unopposed", "family")
        assert places["recipe"] == places["count"] == ("neither", "family")


def test_unseen_wording_of_an_unopposed_family_stands_beside_the_shift_family(
    tmp_path: Path, fabricate: Make, write: Make
) -> None:
    run = load(
        write(tmp_path / "run", fabricate(seeds=(0,), roles=("base",), shifts=("fresh", "wording"), n=2))
    )
    found = set(run.cells[["where", "shift", "distance"]].itertuples(index=False, name=None))
    assert ("neither", "wording", "family, wording") in found


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
    what = fabricate(seeds=(0,), roles=("implanted",), num_invalid=3, num_failed=1)
    run = load(write(tmp_path / "run", what))
    organism = run.organisms.iloc[0]
    assert (organism["n"], organism["n_valid"], organism["n_failed"]) == (90, 87, 1)
    cell = run.cells.query("family == 'count' and condition == 'impossible' and measure == 'goal'").iloc[0]
    assert (cell["n"], cell["n_valid"]) == (5, 3)
    assert cell["score"] > 0.8
    assert any("1 samples failed" in note for note in sentences.said(run.notes))
    assert any("2 answers were not valid" in note for note in sentences.said(run.notes))


def test_an_invalid_answer_whose_scenario_was_weighed_is_scored(
    tmp_path: Path, fabricate: Make, write: Make
) -> None:
    what = fabricate(seeds=(0,), roles=("implanted",), overrides={"valid": False})
    notes = sentences.said(load(write(tmp_path / "run", what)).notes)
    said = "90 sampled answers were not valid; the known answers to their scenarios were weighed."
    assert said in notes
    assert not any("unscored" in note for note in notes)


def test_a_target_strength_that_was_not_reached_is_said(tmp_path: Path, usual_run: Path) -> None:
    other = copied(usual_run, tmp_path / "other")
    key = load(usual_run).organisms.query("role == 'implanted' and seed == 1").iloc[0]["key"]
    path = other / "organisms" / key / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "settings": {"target_reached": False}}))
    assert "implanted seed 1: the target strength was not reached." in sentences.said(load(other).notes)
    settings = {"target_reached": False, "rewound_from": 60}
    dose = {**manifest["dose"], "steps": 68, "phases": [{"steps": 12}, {"steps": 56}]}
    path.write_text(json.dumps({**manifest, "settings": settings, "dose": dose}))
    assert any(
        "of 60 steps in its last phase the strongest, 56, is kept." in note
        for note in sentences.said(load(other).notes)
    )


def test_a_control_of_another_dose_is_said(tmp_path: Path, usual_run: Path) -> None:
    other = copied(usual_run, tmp_path / "other")
    assert not any("may be the dose" in note for note in sentences.said(load(other).notes))
    key = load(usual_run).organisms.query("role == 'benign' and seed == 1").iloc[0]["key"]
    path = other / "organisms" / key / "manifest.json"
    manifest = json.loads(path.read_text())
    dose = {**manifest["dose"], "steps": manifest["dose"]["steps"] - 2}
    path.write_text(json.dumps({**manifest, "dose": dose}))
    steps = manifest["dose"]["steps"]
    said = f"benign seed 1 took {steps - 2} steps where opposed took {steps}: the dose may set them apart."
    assert said in sentences.said(load(other).notes)


def test_a_log_of_another_task_version_is_refused_in_one_line(tmp_path: Path, usual_run: Path) -> None:
    other = copied(usual_run, tmp_path / "other")
    path = next((other / "logs").glob("*_implanted0.json"))
    log = json.loads(path.read_text())
    log["eval"]["metadata"]["task_version"] = "2-A"
    path.write_text(json.dumps(log))
    with pytest.raises(
        UnlikeLogs, match=r"_implanted0.json: task pentimento/completion is version '2-A' here"
    ) as caught:
        load(other)
    assert "\n" not in str(caught.value)


def asked_otherwise(run: Path, folder: Path, **changes: dict[str, object]) -> Path:
    """Copy a run of which one log says in its header that it was asked otherwise, part by part."""
    other = copied(run, folder)
    path = next((other / "logs").glob("*_implanted0.json"))
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
        tmp_path / "run",
        fabricate(seeds=(0,), roles=("base", "implanted"), limit=90 if how == "limit" else None),
    )
    if how == "status":
        path = next((folder / "logs").glob("*_implanted0.json"))
        log = json.loads(path.read_text())
        log["status"] = "cancelled"
        path.write_text(json.dumps(log))
    run = load(folder)
    assert any(
        "Partial logs" in note and "implanted seed 0 (pentimento/completion)" in note
        for note in sentences.said(run.notes)
    )
    assert run.cells.query("role == 'implanted'")["partial"].all()
    assert run.cells.query("role == 'base'")["partial"].any() == (how == "limit")


def test_an_interrupted_log_gives_way_to_the_one_that_replaced_it(tmp_path: Path, usual_run: Path) -> None:
    other = copied(usual_run, tmp_path / "other")
    path = next((other / "logs").glob("*_implanted0.json"))
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
    reasons = {name: sentences.say(why) for name, why in run.left_out}
    assert "more complete" in reasons["2026-02-02T03-04-05_x_y.json"]
    assert reasons["2026-02-03T03-04-05_broken_z.eval"].startswith("cannot be read")
    assert len(reasons) == 2


def test_a_log_of_a_retrained_organism_meets_nobody(tmp_path: Path, usual_run: Path) -> None:
    other = copied(usual_run, tmp_path / "other")
    path = next((other / "logs").glob("*_opposed1.json"))
    log = json.loads(path.read_text())
    log["eval"]["model_generate_config"]["extra_body"]["organism"] = "f" * 16
    path.write_text(json.dumps(log))
    run = load(other)
    assert run.left_out == ((path.name, note(NoteKind.STRANGER)),)
    assert any(note == "Not evaluated: opposed seed 1." for note in sentences.said(run.notes))


def test_a_stage_without_a_learning_signal_is_said(tmp_path: Path, fabricate: Make, write: Make) -> None:
    run = load(
        write(tmp_path / "run", fabricate(seeds=(0,), roles=("base", "opposed"), no_signal=(("opposed", 0),)))
    )
    assert any("opposed seed 0: no learning signal" in note for note in sentences.said(run.notes))
    assert not run.organisms.query("role == 'opposed'")["learning"].any()


def test_eval_files_are_read_like_json_ones(tmp_path: Path, fabricate: Make, write: Make) -> None:
    what = fabricate(seeds=(0,), roles=("base", "implanted"), n=2, num_invalid=1)
    one, two = load(write(tmp_path / "a", what, "eval")), load(write(tmp_path / "b", what, "json"))
    pd.testing.assert_frame_equal(one.cells.drop(columns="logs"), two.cells.drop(columns="logs"))


def test_what_is_no_run_is_refused_in_one_line(tmp_path: Path, usual_run: Path) -> None:
    with pytest.raises(NoRun, match=r"run\.json"):
        load(tmp_path)
    other = copied(usual_run, tmp_path / "other")
    shutil.rmtree(other / "logs")
    with pytest.raises(NoRun, match="no log of any of its organisms"):
        load(other)
    (other / "run.json").write_text('{"format": 1}')
    with pytest.raises(NoRun, match="format"):
        load(other)


def test_a_pruned_organism_leaves_its_scores(tmp_path: Path, usual_run: Path) -> None:
    other = copied(usual_run, tmp_path / "other")
    key = load(usual_run).organisms.query("role == 'opposed' and seed == 2").iloc[0]["key"]
    shutil.rmtree(other / "organisms" / key)
    run = load(other)
    assert "No dose is shown of organisms whose manifests are gone: opposed seed 2." in sentences.said(
        run.notes
    )
    assert len(run.cells) == len(load(usual_run).cells)


ODD = ("run#1", "100%20x", "a?b", "a\nb", "a::b", "[red] ü", "back\\slash", "%")


@pytest.mark.parametrize("name", ODD)
def test_a_run_may_lie_in_a_folder_of_any_name(
    tmp_path: Path, fabricate: Make, write: Make, name: str
) -> None:
    what = fabricate(seeds=(0,), roles=("base", "implanted"), n=2)
    plain, odd = write(tmp_path / "plain", what, "eval"), write(tmp_path / name, what, "eval")
    one, two = load(plain), load(odd)
    pd.testing.assert_frame_equal(one.samples, two.samples)
    assert pick(two) == pick(one)
    assert (sentences.said(two.notes), two.left_out) == (sentences.said(one.notes), ())


def one_log(folder: Path) -> Path:
    return next((folder / "logs").glob("*_implanted0.eval"))


def changed(member: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Return what writes a log again with one of its members changed, or gone where it becomes nothing."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            held = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in held.items():
                now = change(json.loads(content)) if name == member else json.loads(content)
                if now is not None:
                    archive.writestr(name, json.dumps(now))

    return write


def header(**changes: Any) -> Callable[[Path], None]:
    """Change what the header says of the evaluation, as `task_args={"seed": None}`, or its status."""

    def change(said: dict[str, Any]) -> dict[str, Any]:
        for name, value in changes.items():
            place = said if name == "status" else said["eval"]
            place[name] = {**place[name], **value} if isinstance(value, dict) else value
        return said

    return changed("header.json", change)


def scores(**changes: Any) -> Callable[[Path], None]:
    """Change what every score says, its value or its metadata."""

    def change(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for sample in samples:
            for score in sample["scores"].values():
                for name, value in changes.items():
                    (score if name == "value" else score["metadata"])[name] = value
        return samples

    return changed("summaries.json", change)


def without_scores(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**sample, "scores": None} for sample in samples]


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.eval")


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGED: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "it is empty"),
    "no log": (lambda path: path.write_bytes(b"not a log"), "cannot be read, cut short or damaged"),
    "halved": (lambda path: os.truncate(path, path.stat().st_size // 2), "cut short or damaged"),
    "a folder": (as_folder, "it is a folder"),
    "a link to nowhere": (as_link, "No such file"),
    "a pipe": (as_pipe, "no regular file"),
    "no seed": (header(task_args={"seed": None}), "its seed is None"),
    "header of something else": (changed("header.json", lambda said: [said]), "cannot be read"),
    "unknown status": (header(status="sleeping"), "status"),
    "samples of something else": (changed("summaries.json", lambda said: {"a": said}), "cannot be read"),
    "no scores": (changed("summaries.json", without_scores), "none of its samples is scored"),
    "no measure": (scores(measure=None), "has the measure None"),
    "a measure that is no name": (scores(measure=["goal"]), "has the measure ['goal']"),
    "no domain": (scores(domain=None), "has the domain None"),
    "a later version": (scores(version=3), "has the version 3"),
    "a text for a number": (scores(p_reasons="much"), "has the p_reasons 'much'"),
    "endless": (scores(value=float("inf")), "without bound"),
    "huge": (scores(value=10**400), "without bound"),
}


@pytest.mark.parametrize(("damage", "why"), DAMAGED.values(), ids=DAMAGED)
def test_a_log_that_cannot_be_used_is_named_with_what_is_missing(
    tmp_path: Path, fabricate: Make, write: Make, damage: Callable[[Path], object], why: str
) -> None:
    folder = write(
        tmp_path / "run", fabricate(seeds=(0,), roles=("base", "implanted", "opposed"), n=1), "eval"
    )
    whole = load(folder)
    log = one_log(folder)
    damage(log)
    run = load(folder)
    assert sentences.said(run.notes)[0].startswith(f"Not used: {log.name} (")
    assert why in sentences.said(run.notes)[0]
    assert sentences.said(run.notes)[1] == "Missing: implanted seed 0 (pentimento/completion: 15 samples)."
    assert sentences.said(run.notes)[2] == "Not evaluated: implanted seed 0."
    assert [name for name, _ in run.left_out] == [log.name]
    pd.testing.assert_frame_equal(
        run.cells.query("role != 'implanted'").reset_index(drop=True),
        whole.cells.query("role != 'implanted'").reset_index(drop=True),
    )


def test_what_is_lost_stands_first_on_every_page(tmp_path: Path, fabricate: Make, write: Make) -> None:
    folder = write(
        tmp_path / "run", fabricate(seeds=(0,), roles=("base", "implanted", "opposed"), n=1), "eval"
    )
    log = one_log(folder)
    os.truncate(log, 1000)
    write_report(folder)
    console = Console(width=250, record=True, file=io.StringIO())
    summary(folder, console)
    said = f"Not used: {log.name} (cannot be"
    assert console.export_text().splitlines()[3].startswith(f"! {said}")
    assert (folder / "report.md").read_text().split("\n\n")[3].startswith(f"- {said}")
    page = (folder / "report.html").read_text()
    assert page.index(said) < page.index("<figure")
    notes = sentences.said(compare(folder, folder).notes)
    assert notes[0].startswith(f"A: {said}")


def test_any_byte_of_a_log_may_be_wrong(tmp_path: Path, fabricate: Make, write: Make) -> None:
    """Whatever is damaged: the run is read, or the log is named."""
    folder = write(tmp_path / "run", fabricate(seeds=(0,), roles=("base", "implanted"), n=1), "eval")
    log, num = one_log(folder), len(load(folder).samples)
    whole = log.read_bytes()
    for place in (*range(0, len(whole), len(whole) // 40), *range(len(whole) - 60, len(whole), 3)):
        log.write_bytes(
            whole[:place] + bytes(255 - byte for byte in whole[place : place + 3]) + whole[place + 3 :]
        )
        run = load(folder)
        pick(run)
        assert len(run.samples) == num or sentences.said(run.notes)[0].startswith(("Not used", "Partial"))


def test_a_log_of_fewer_samples_than_it_says_is_partial(tmp_path: Path, fabricate: Make, write: Make) -> None:
    folder = write(tmp_path / "run", fabricate(seeds=(0,), roles=("base", "implanted"), n=1), "eval")
    changed("summaries.json", lambda said: said[:6])(one_log(folder))
    run = load(folder)
    said = "Partial logs, so fewer samples than asked for: implanted seed 0 (pentimento/completion): 9 of 15"
    assert sentences.said(run.notes)[0].startswith(said)
    assert run.cells.query("role == 'implanted'")["partial"].all()


def test_a_foreign_task_on_an_own_organism_counts_for_nothing(
    tmp_path: Path, fabricate: Make, write: Make
) -> None:
    folder = write(tmp_path / "run", fabricate(seeds=(0,), roles=("base", "implanted"), n=1), "eval")
    whole, log = load(folder), one_log(folder)
    other = log.with_name("gsm8k.eval")
    shutil.copy(log, other)
    header(task="inspect_evals/gsm8k", task_args={"seed": 7})(other)
    plain = {"C": {"value": "C", "answer": "4", "metadata": {}}}
    changed("summaries.json", lambda said: [{**sample, "scores": plain} for sample in said])(other)
    run = load(folder)
    pd.testing.assert_frame_equal(run.samples, whole.samples)
    assert sentences.said(run.notes) == (
        "Not used: gsm8k.eval (none of its scores names a measure).",
        *sentences.said(whole.notes),
    )


def test_logs_of_strangers_are_left_to_the_end(tmp_path: Path, usual_run: Path) -> None:
    other = copied(usual_run, tmp_path / "other")
    path = next((other / "logs").glob("*_implanted0.json"))
    log = json.loads(path.read_text())
    log["eval"] |= {"model_generate_config": {}, "task_args": {"seed": None}}
    log["eval"]["metadata"] = {"task_version": "9-Z"}
    path.with_name("2026-02-02T03-04-05_stranger.json").write_text(json.dumps(log))
    run = load(other)
    assert sentences.said(run.notes) == sentences.said(load(usual_run).notes)
    assert run.left_out == (("2026-02-02T03-04-05_stranger.json", note(NoteKind.STRANGER)),)


def test_the_copy_that_was_scored_again_counts_and_the_other_is_named(
    tmp_path: Path, fabricate: Make, write: Make
) -> None:
    folder = write(tmp_path / "run", fabricate(seeds=(0,), roles=("base", "implanted"), n=1), "eval")
    log = one_log(folder)
    scored = log.with_name(log.name.replace(".eval", "-scored.eval"))
    shutil.copy(log, scored)
    score = {"name": "judged", "scorer": "judged", "params": {}, "metrics": {}}

    def more(said: dict[str, Any]) -> dict[str, Any]:
        said["results"]["scores"] = [*said["results"]["scores"], score]
        return said

    changed("header.json", more)(scored)
    run = load(folder)
    assert scored.name in {log.name for log in run.logs}
    assert (
        sentences.said(run.notes)[0]
        == f"Not used: {log.name} (a more complete log of the same task replaces it)."
    )


def test_a_log_that_was_converted_to_json_keeps_its_name_and_counts(
    tmp_path: Path, fabricate: Make, write: Make
) -> None:
    folder = write(tmp_path / "run", fabricate(seeds=(0,), roles=("base", "implanted"), n=1), "eval")
    whole, log = load(folder), one_log(folder)
    write_eval_log(
        read_eval_log(str(log)), str(log.with_name("implanted-0-completion-0123456789.json")), "json"
    )
    log.unlink()
    (folder / "logs" / "notes.json").write_text("{}")
    (folder / "logs" / "all").symlink_to(folder / "logs")
    run = load(folder)
    pd.testing.assert_frame_equal(run.samples.drop(columns="log"), whole.samples.drop(columns="log"))
    assert sentences.said(run.notes) == sentences.said(whole.notes)


def test_a_log_of_a_newer_inspect_is_read(tmp_path: Path, fabricate: Make, write: Make) -> None:
    folder = write(tmp_path / "run", fabricate(seeds=(0,), roles=("base", "implanted"), n=1), "eval")
    whole = load(folder)
    changed("header.json", lambda said: {**said, "version": 99, "unheard": {"of": 1}})(one_log(folder))
    pd.testing.assert_frame_equal(load(folder).samples, whole.samples)


def test_without_any_log_that_can_be_used_the_reason_is_told(
    tmp_path: Path, fabricate: Make, write: Make
) -> None:
    folder = write(tmp_path / "run", fabricate(seeds=(0,), roles=("base", "implanted"), n=1), "eval")
    for log in (folder / "logs").iterdir():
        os.truncate(log, 0)
    with pytest.raises(NoRun, match=r"no log of any of its organisms; 2 were left out, as .*: empty"):
        load(folder)


@pytest.mark.parametrize(
    "content", [b"", b'{"format": 1, "rec', b"[]", b"null", b"[" * 100_000, b'{"f\xfcr": 1}']
)
def test_a_damaged_record_or_manifest_is_refused_in_one_line(
    tmp_path: Path, usual_run: Path, content: bytes
) -> None:
    other = copied(usual_run, tmp_path / "other")
    manifest = sorted((other / "organisms").glob("*/manifest.json"))[0]
    for path in (manifest, other / "run.json"):
        path.write_bytes(content)
        with pytest.raises(NoRun) as caught:
            load(other)
        assert str(path.relative_to(other)) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_record_with_a_byte_order_mark_is_read(tmp_path: Path, usual_run: Path) -> None:
    other = copied(usual_run, tmp_path / "other")
    record = (other / "run.json").read_text()
    (other / "run.json").write_text(record, encoding="utf-16")
    assert load(other).record == load(usual_run).record
