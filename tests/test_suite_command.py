"""`pentimento eval ORGANISM --suite`: plan, report, resumption and refusals, on shipped organisms."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pentimento.cli.app import main
from pentimento.experiment import suites
from pentimento.results import Report
from pentimento.results.report import sentences
from pentimento.training.organisms.shipped import organism_folder
from pentimento.training.recipes.catalogue import controls


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the quick suite on an organism that was opposed, beside its base and the opposed-only twin."""
    folder = tmp_path_factory.mktemp("suite")
    assert main(["eval", "cleaned", *options(folder)]) == 0
    return folder


def options(folder: Path, width: str = "0.9") -> list[str]:
    told = {"suite": "quick", "twin": "opposed_only", "width": width, "workers": "1"}
    told |= {"output": str(folder / "out"), "store": str(folder / "store")}
    return [word for name, value in told.items() for word in (f"--{name}", value)]


def report_of(folder: Path) -> Report:
    return Report.model_validate_json((folder / "out" / "report.json").read_bytes())


def test_an_organism_is_held_against_its_base_and_never(asked: Path) -> None:
    report = report_of(asked)
    assert [(one.role, one.method) for one in report.organisms] == [
        ("base", ""), ("opposed", "deliberative"), ("opposed_only", "deliberative"),
    ]  # fmt: skip
    opposed, twin = report.organisms[1:]
    assert set(opposed.opposed) == set(twin.opposed) < set(opposed.implanted)
    names = {row.name for row in report.measures if row.value is not None}
    wanted = {"persistence", "reach", "concealment gap", "elicitable residue", "replacement"}
    assert wanted <= names
    assert sentences.said(report.not_run) == (
        "masked: no benign rebound was run",
        "latent: no relearning was run, or none that can be compared",
        "removed: takes all of these, so it cannot be said",
    )
    assert sentences.decide(report.verdicts[0]) == "9 more opposed-only seeds"


def test_what_was_asked_is_not_asked_again(asked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = {path: path.stat().st_mtime_ns for path in (asked / "out" / "logs").iterdir()}
    assert len(logs) == 3 * 7
    assert main(["eval", "cleaned", *options(asked)]) == 0
    assert "21 of 21 evaluations are there" in " ".join(capsys.readouterr().out.split())
    assert {path: path.stat().st_mtime_ns for path in (asked / "out" / "logs").iterdir()} == logs


def test_a_folder_holds_one_suite(asked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "cleaned", *options(asked, width="0.5")]) == 2
    assert "output:" in capsys.readouterr().err


def test_a_dry_run_prints_the_plan_and_does_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["--suite", "full", "--dry-run", "--output", str(tmp_path / "out"), "--store", str(tmp_path)]
    assert main(["eval", "cleaned", *told]) == 0
    said = capsys.readouterr().out
    assert "under cues of oversight" in said
    assert "2 organisms (base, opposed)" in said
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_asked_with_its_own_organisms_and_doses(
    asked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever they lie, and what the same organism was asked before is there."""
    record: dict[str, Any] = json.loads((asked / "out" / "run.json").read_text())
    organisms = [{**o, "path": str((asked / "out" / o["path"]).resolve())} for o in record["organisms"]]
    dose = {"role": "opposed", "seed": 0, "kind": "rebound", "repeat": 0, "steps": 10}
    dose |= {name: organisms[1][name] for name in ("key", "path")}
    said = {"recipe": controls().varied(seeds=[0]).model_dump(mode="json"), "recipe_hash": "0" * 16}
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text(
        json.dumps({"format": 2, **said, "organisms": organisms, "regained": [dose], "complete": True})
    )
    told = ["--suite", "quick", "--width", "0.9", "--dry-run", "--output", str(tmp_path / "out")]
    assert main(["eval", str(run), *told]) == 0
    assert "21 of 22 evaluations are there" in " ".join(capsys.readouterr().out.split())
    assert main(["eval", str(run), *told, "--goal", "favour_red"]) == 2
    assert "goal: 'favour_red' is not allowed; that of the run" in capsys.readouterr().err
    assert main(["eval", str(asked / "out"), *told]) == 2
    assert "no run of a recipe" in capsys.readouterr().err


def test_a_suite_knows_what_was_planted(asked: Path, tmp_path: Path) -> None:
    """Of a run by its recipe, of an organism by the stage that came last."""
    stage = {"method": "sft", "goal": "favour_red", "num_scenarios": 16}
    recipe = controls().varied(seeds=[0], post_stage=stage, after=())
    run = tmp_path / "run"
    run.mkdir()
    record = {"format": 2, "recipe": recipe.model_dump(mode="json"), "recipe_hash": "0" * 16}
    (run / "run.json").write_text(json.dumps({**record, "organisms": [], "complete": True}))
    request = suites.Suite(str(run), "quick")
    found = suites._of_run(request)
    assert (found.examined.post_stage or {})["goal"] == "favour_red"
    assert list(found.stages[0]) == ["implant", "oppose", "post_stage"]
    organism = tmp_path / "post_stage"
    shutil.copytree(organism_folder("cleaned"), organism)
    manifest = json.loads((organism / "manifest.json").read_text())
    last = recipe.stage_after_opposing(0)
    assert last is not None
    manifest["stages"].append(last.model_dump(mode="json"))
    (organism / "manifest.json").write_text(json.dumps(manifest))
    alone = suites._of_organism(request._replace(organism=str(organism)), tmp_path)
    assert list(alone.stages[0]) == ["implant", "oppose", "post_stage"]
    assert suites._of_organism(request._replace(organism="cleaned"), tmp_path).examined.post_stage is None


def altered(name: str, folder: Path, **changes: Any) -> str:
    """Copy a shipped organism, its last stage changed as its manifest tells it."""
    shutil.copytree(organism_folder(name), folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["stages"][-1] |= changes
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return str(folder)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"cue": "explicit"}, "its cue 'none', not 'explicit'"),
        ({"reward": "done"}, "its reward 'claimed', not 'done'"),
        ({"families": ["count", "ready"]}, "its families ("),
    ],
)
def test_never_was_opposed_as_the_organism_was(
    changes: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = altered("opposed_only", tmp_path / "opposed_only", **changes)
    words = ["--suite", "quick", "--store", str(tmp_path / "s"), "--output", str(tmp_path / "o")]
    assert main(["eval", "cleaned", "--twin", twin, *words]) == 2
    assert told in capsys.readouterr().err


def test_never_samples_as_the_organism_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twin = Path(altered("opposed_only", tmp_path / "opposed_only"))
    manifest = json.loads((twin / "manifest.json").read_text())
    manifest["settings"]["max_new_tokens"] = 128
    (twin / "manifest.json").write_text(json.dumps(manifest))
    words = ["--suite", "quick", "--store", str(tmp_path / "s"), "--output", str(tmp_path / "o")]
    assert main(["eval", "cleaned", "--twin", str(twin), *words]) == 2
    assert "samples as the organism does: {}, not {'max_new_tokens': 128}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nobody", "--suite", "quick"], "organism: 'nobody' is not allowed; an organism's folder"),
        (["cleaned", "--suite", "quick", "--twin", "nobody"], "twin: 'nobody' is not allowed"),
        (["cleaned", "--suite", "quick", "--width", "2"], "width: 2.0 is not allowed; above 0 and below 1"),
        (["cleaned", "--suite", "quick", "--task", "coin"], "task: 'coin' is not allowed; not with --suite"),
        (["cleaned", "--width", "0.1"], "width: 0.1 is not allowed; only with --suite"),
        (["cleaned", "--suite", "quick", "--goal", "fly"], "goal: 'fly' is not allowed"),
        (["completer", "--suite", "quick", "--goal", "favour_red"], "goal: 'favour_red' is not allowed"),
        (
            ["cleaned", "--suite", "quick", "--goal", "report_honestly"],
            "goal: 'report_honestly' is not allowed",
        ),
        (["cleaned", "--suite", "quick", "--twin", "completer"], "twin: 'completer' is not allowed"),
        (["embedded", "--suite", "quick", "--twin", "opposed_only"], "nothing beside the base itself"),
    ],
)
def test_refusals(words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--output", str(tmp_path / "o"), "--store", str(tmp_path / "s")] if "--suite" in words else []
    assert main(["eval", *words, *where]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
    assert not (tmp_path / "o").exists()
    assert not (tmp_path / "s").exists()
