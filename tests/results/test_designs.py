"""A design's report: its recipes beside each other, from their own reports alone."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pentimento.results import NoRun, design_summary, write_design, write_report
from pentimento.results.comparison.design_tables import tables
from pentimento.results.report import sentences
from pentimento.results.report.texts import DASH
from pentimento.results.schema import DesignReport, Report
from pentimento.tasks.exceptions import BadInput
from tests.results.conftest import Fabricated, usual_mean, write_run


def kept(share: float) -> Callable[[str, int, str, str, str], float]:
    """Return the usual means with the opposed organism moved towards the implanted organism where the goal
    was implanted and not opposed."""

    def mean(role: str, seed: int, family: str, condition: str, cue: str) -> float:
        if role != "opposed" or condition != "impossible":
            return usual_mean(role, seed, family, condition, cue)
        twin, implanted = (usual_mean(r, seed, family, condition, cue) for r in ("opposed_only", "implanted"))
        return twin + share * (implanted - twin) if twin > 0.1 else twin

    return mean


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recipes: one method implants and opposes in the first, whose goal stays more."""
    return write_two(tmp_path_factory.mktemp("design") / "run", seeds=(0, 1, 2, 3, 4))


def write_two(folder: Path, **told: Any) -> Path:
    for name, share, oppose in (("rlvr-rlvr", 0.8, "rlvr"), ("rlvr-sft", 0.2, "sft")):
        path = write_run(folder / name, Fabricated(mean=kept(share), name=name, noise=0.0, **told))
        record = json.loads((path / "run.json").read_text())
        record["recipe"] |= {"implant": {"method": "rlvr"}, "oppose": {"method": oppose}}
        (path / "run.json").write_text(json.dumps(record))
    variants = [{"levels": name.split("-"), "folder": name} for name in ("rlvr-rlvr", "rlvr-sft")]
    said = {"format": 2, "name": "mine", "factors": ["implant", "remover"], "variants": variants}
    (folder / "design.json").write_text(json.dumps({**said, "design_hash": "0"}))
    write_design(folder, afresh=True)
    return folder


@pytest.fixture(scope="module")
def report(design: Path) -> DesignReport:
    return DesignReport.model_validate_json((design / "report.json").read_bytes())


def test_every_recipe_has_the_rows_of_its_own_report(design: Path, report: DesignReport) -> None:
    for variant in report.variants:
        own = Report.model_validate_json((design / variant.folder / "report.json").read_bytes())
        theirs = [row for row in own.measures if row.seed is None and row.family is None]
        assert variant.measures
        assert all(row in theirs for row in variant.measures)


def test_recipes_with_one_method_on_both_sides_are_marked(report: DesignReport) -> None:
    assert [variant.same_mechanism for variant in report.variants] == [True, False]
    assert any("rlvr · rlvr" in note and "(=)" in note for note in sentences.said(report.notes))
    rows = tables(report)["implanted and unopposed"].rows
    assert [row[2] for row in rows] == ["=", ""]


def test_what_stays_more_stands_higher(report: DesignReport) -> None:
    values = [
        next(
            row.value
            for row in variant.measures
            if (row.name, row.where) == ("persistence", "implanted and unopposed") and row.shift == "family"
        )
        for variant in report.variants
    ]
    assert (values[0] or 0) > (values[1] or 0) + 0.2


def test_p_values_are_corrected_over_the_recipes_of_a_table(report: DesignReport) -> None:
    place = tables(report)["implanted and unopposed"]
    found = [float(row[place.columns.index("p")]) for row in place.rows]
    raw = [
        next(
            r.p
            for r in v.measures
            if (r.name, r.where, r.shift) == ("persistence", place.title.lower(), "family")
        )
        for v in report.variants
    ]
    assert found == pytest.approx([min(1.0, 2 * (p or 0)) for p in raw], abs=0.01)


def test_a_p_value_that_could_not_be_small_is_not_shown(tmp_path: Path) -> None:
    folder = write_two(tmp_path / "run", seeds=(0, 1, 2))
    report = DesignReport.model_validate_json((folder / "report.json").read_bytes())
    place = tables(report)["implanted and unopposed"]
    assert {row[place.columns.index("p")] for row in place.rows} == {DASH}


def test_an_implant_that_recipes_share_is_noted_once(tmp_path: Path) -> None:
    folder = write_two(tmp_path / "run", strength=0.99)
    records = [json.loads((folder / name / "run.json").read_text()) for name in ("rlvr-rlvr", "rlvr-sft")]
    for organism, same in zip(*(record["organisms"] for record in records), strict=True):
        same["key"] = organism["key"] if organism["role"] == "implanted" else same["key"]
    for name, record in zip(("rlvr-rlvr", "rlvr-sft"), records, strict=True):
        record["recipe"]["implant"]["target_strength"] = 0.9
        (folder / name / "run.json").write_text(json.dumps(record))
    write_design(folder)
    notes = DesignReport.model_validate_json((folder / "report.json").read_bytes()).notes
    assert [note for note in sentences.said(notes) if "further" in note] == [
        "rlvr: implanted strength further than 0.05 from 0.9 in some seeds (0.990, 0.990, 0.990)."
    ]


def test_the_recipe_that_leaves_least_is_named_with_how_many_may_leave_as_little(tmp_path: Path) -> None:
    """Of one implant by persistence, of several by retention."""
    for name, same in (("same", True), ("other", False)):
        folder = write_two(tmp_path / name)
        records = [folder / recipe / "run.json" for recipe in ("rlvr-rlvr", "rlvr-sft")]
        one, two = (json.loads(record.read_text()) for record in records)
        if same:
            for organism, mine in zip(one["organisms"], two["organisms"], strict=True):
                mine["key"] = organism["key"] if organism["role"] == "implanted" else mine["key"]
            records[1].write_text(json.dumps(two))
        write_design(folder)
        notes = DesignReport.model_validate_json((folder / "report.json").read_bytes()).notes
        measure = "persistence" if same else "retention"
        (told,) = (note for note in sentences.said(notes) if note.startswith("Least"))
        assert told.startswith(f"Least {measure} of 2 recipes whose opposed organisms are sound: ")
        assert told.endswith("; others whose interval overlaps with its: 0.")


def test_the_page_links_every_recipe_and_shows_the_figure(design: Path) -> None:
    page = (design / "report.html").read_text()
    for name in ("rlvr-rlvr", "rlvr-sft"):
        assert f'href="{name}/report.html"' in page
        assert (design / name / "report.html").is_file()
    assert "<svg" in page
    assert "<script" not in page


def test_the_summary_names_every_recipe(design: Path) -> None:
    console = Console(record=True, width=80)
    design_summary(design, console)
    said = console.export_text()
    assert "…" not in said
    home = said[said.index("\nimplanted and unopposed") : said.index("\nimplanted and opposed")]
    assert "rlvr · rlvr (=)" in home
    assert "rlvr · sft " in home


def test_writing_again_says_the_same(design: Path) -> None:
    before = {name: (design / name).read_bytes() for name in ("report.json", "report.md", "report.html")}
    write_design(design, afresh=True)
    assert {name: (design / name).read_bytes() for name in before} == before


def test_a_recipe_without_a_report_is_left_out_and_named(design: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(design, folder)
    shutil.rmtree(folder / "rlvr-sft")
    write_design(folder)
    report = DesignReport.model_validate_json((folder / "report.json").read_bytes())
    assert [variant.folder for variant in report.variants] == ["rlvr-rlvr"]
    assert any(note.startswith("rlvr · sft: left out. ") for note in sentences.said(report.notes))
    shutil.rmtree(folder / "rlvr-rlvr")
    with pytest.raises(NoRun, match=r"rlvr-rlvr.*run\.json"):
        write_design(folder)


def test_a_recipe_whose_report_is_damaged_is_left_out_and_named(design: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(design, folder)
    path = folder / "rlvr-sft" / "report.json"
    path.write_bytes(path.read_bytes()[:1000])
    write_design(folder)
    report = DesignReport.model_validate_json((folder / "report.json").read_bytes())
    assert any(note.startswith("rlvr · sft: left out. ") for note in sentences.said(report.notes))


def test_a_recipe_whose_logs_are_damaged_is_named(design: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(design, folder)
    log = sorted((folder / "rlvr-sft" / "logs").iterdir())[0]
    log.write_bytes(b"")
    write_design(folder, afresh=True)
    report = DesignReport.model_validate_json((folder / "report.json").read_bytes())
    said = f"rlvr · sft: Not used: {log.name} (it is empty). Missing: "
    assert any(note.startswith(said) for note in sentences.said(report.notes))


def test_links_are_quoted_and_a_cell_is_one_line(design: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(design, folder)
    (folder / "rlvr-sft").rename(folder / "a#b %41?ü")
    said = json.loads((folder / "design.json").read_text())
    said["variants"][1] |= {"folder": "a#b %41?ü", "levels": ["rlvr", "s\nft"]}
    (folder / "design.json").write_text(json.dumps(said))
    write_design(folder)
    assert 'href="a%23b%20%2541%3F%C3%BC/report.html"' in (folder / "report.html").read_text()
    tables = (folder / "report.md").read_text()
    assert all(line.endswith(" |") for line in tables.splitlines() if line.startswith("| "))
    assert "s ft" in tables


@pytest.mark.parametrize("content", [b"", b'{"name', b"[]", b"[" * 100_000])
def test_a_damaged_design_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "design.json").write_bytes(content)
    with pytest.raises(NoRun, match=r"design\.json: ") as caught:
        write_design(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_design_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoRun, match=r"design\.json"):
        write_design(tmp_path)


TEN: dict[str, Any] = {"seeds": tuple(range(10)), "n": 3, "conditions": ("impossible",), "noise": 0.02}
WITH_REPLICATE = ("base", "implanted", "opposed", "opposed_only", "opposed_only_replicate")


def write_panel(folder: Path, factors: tuple[str, ...], **changes: Any) -> Path:
    """Two recipes that keep the goal, of which the second is built to lose it."""
    variants = []
    for level in ("survived", "removed"):
        levels = {"verdict": level, "built by": "kept"}
        told = {**TEN, "seeds": (20, 21), "roles": WITH_REPLICATE, **changes}
        write_run(folder / level, Fabricated(**{"mean": kept(0.9), "name": level, **told}))
        variants.append({"levels": [levels[name] for name in factors], "folder": level})
    said = {"format": 2, "name": "panel", "factors": factors, "variants": variants, "design_hash": "0"}
    (folder / "design.json").write_text(json.dumps(said))
    return folder


def verdict_rows(folder: Path) -> tuple[Any, Any, str]:
    found = tables(DesignReport.model_validate_json((folder / "report.json").read_bytes()))["verdicts"]
    return found.columns, found.rows, found.note


def replicate_shows(role: str, seed: int, family: str, condition: str, cue: str) -> float:
    """Let an organism that never had the goal score as if it had kept it."""
    return kept(0.9)(
        "opposed" if role == "opposed_only_replicate" and seed >= 20 else role, seed, family, condition, cue
    )


def test_verdicts_are_held_against_what_recipes_are_built_as(tmp_path: Path) -> None:
    """Thresholds come from a run of its own; what never had the goal is judged as well."""
    reference = write_run(tmp_path / "reference", Fabricated(name="reference", roles=WITH_REPLICATE, **TEN))
    panel = write_panel(tmp_path / "panel", ("verdict", "built by"))
    write_design(panel, afresh=True, thresholds=reference)
    columns, rows, note = verdict_rows(panel)
    assert columns == ("verdict", "built by", "survived", "undetermined", "right")
    assert rows == (
        ("survived", "kept", "2", DASH, "2 of 2"),
        ("removed", "kept, the replicate", DASH, "2", "0 of 2"),
        ("removed", "kept", "2", DASH, "0 of 2"),
        ("removed", "kept, the replicate", DASH, "2", "0 of 2"),
    )
    assert "Right: 2 of 8, 0.25 [" in note
    assert "where something was left: 2 of 2, and called removed: 0;" in note
    assert "something found where nothing was: 2 of 6; no claim (undetermined or broken): 4." in note
    assert "replicate, seed 20" in (panel / "survived" / "report.html").read_text()
    write_design(panel, afresh=True)
    assert verdict_rows(panel)[1] == rows


def test_a_replicate_that_shows_the_goal_is_a_false_alarm(tmp_path: Path) -> None:
    reference = write_run(tmp_path / "reference", Fabricated(name="reference", roles=WITH_REPLICATE, **TEN))
    panel = write_panel(tmp_path / "panel", ("built by", "verdict"), mean=replicate_shows)
    write_design(panel, afresh=True, thresholds=reference)
    _, rows, note = verdict_rows(panel)
    assert rows[1] == ("kept", "removed, the replicate", "2", "0 of 2")
    assert "something found where nothing was: 6 of 6;" in note


def test_what_fixed_the_thresholds_is_not_judged_by_them(tmp_path: Path) -> None:
    """A quickstart with the replicate shares its organisms with the study whose thresholds it takes over."""
    reference = write_run(tmp_path / "reference", Fabricated(name="reference", roles=WITH_REPLICATE, **TEN))
    run = write_run(
        tmp_path / "few", Fabricated(name="reference", roles=WITH_REPLICATE, **{**TEN, "seeds": (0, 1)})
    )
    write_report(run, reference)
    report = Report.model_validate_json((run / "report.json").read_bytes())
    assert len(report.verdicts) == 3
    assert report.replicates == ()


def test_thresholds_stand_in_every_recipe_of_a_design_or_in_none(tmp_path: Path) -> None:
    reference = write_run(tmp_path / "reference", Fabricated(name="reference", roles=WITH_REPLICATE, **TEN))
    panel = write_panel(tmp_path / "panel", ("verdict", "built by"))
    shutil.rmtree(panel / "removed")
    write_run(
        panel / "removed", Fabricated(name="removed", **{**TEN, "roles": ("base", "opposed"), "seeds": (20,)})
    )
    with pytest.raises(BadInput, match="has no opposed-only twin to hold the opposed organism against"):
        write_design(panel, afresh=True, thresholds=reference)
    assert not list(panel.rglob("thresholds.json"))
    assert not (panel / "report.json").exists()


def test_the_dose_of_what_is_planted_is_not_the_opposing_stages(tmp_path: Path) -> None:
    panel = write_panel(
        tmp_path / "panel", ("verdict", "built by"), roles=("base", "implanted", "opposed", "opposed_only")
    )
    path = panel / "survived" / "run.json"
    record = json.loads(path.read_text())
    record["recipe"]["post_stage"] = {"method": "sft", "goal": "favour_red", "trigger": "password"}
    path.write_text(json.dumps(record))
    write_design(panel, afresh=True)
    report = DesignReport.model_validate_json((panel / "report.json").read_bytes())
    post_stage, plain = report.variants
    assert post_stage.opposed_steps == post_stage.opposed_strength == ()
    assert len(plain.opposed_steps) == 2
    own = Report.model_validate_json((panel / "survived" / "report.json").read_bytes())
    told = "Trained into the opposed organism alone after the opposing stage: "
    told += "favour_red under the cue password, by sft."
    assert told in sentences.said(own.notes)


def test_a_design_whose_seeds_decide_nothing_has_no_table_of_verdicts(report: DesignReport) -> None:
    assert {verdict for variant in report.variants for _, verdict in variant.verdicts} == {"undetermined"}
    assert "verdicts" not in tables(report)
