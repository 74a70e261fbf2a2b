"""A whole run, small: plan, train, evaluate, report, and what happens the second time."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from pentimento.cli import app as cli
from pentimento.cli.progress import Schedule, duration, shown
from pentimento.experiment.folders import REPORTS, RunFolder
from pentimento.results import write_report
from pentimento.tasks.exceptions import BadInput
from pentimento.training.recipes.catalogue import from_yaml, quickstart
from pentimento.training.recipes.designs import Design
from pentimento.training.recipes.recipe import AFTER_ROLES, Recipe
from pentimento.training.running.executors import Event, Job, LocalExecutor
from tests.results.conftest import Fabricated, write_run

SMALL = {
    "implant.method": '"sft"',
    "implant.reward": "null",
    "implant.target_strength": "null",
    "implant.steps": "2",
    "implant.num_scenarios": "16",
    "implant.settings": "{}",
    "oppose.method": '"sft"',
    "oppose.reward": "null",
    "oppose.target_strength": "null",
    "oppose.steps": "2",
    "oppose.num_scenarios": "16",
    "oppose.settings": "{}",
    "controls": '["opposed_only"]',
    "evals": '[{"task": "completion", "args": {"family": "@opposed,@neither", "n": 2}}]',
}
BASE = {"role": "base", "seed": 0, "key": "0123456789abcdef", "path": "x", "implanted": [], "opposed": []}
ORGANISMS = [BASE]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """The folder of a run of the quickstart that has only begun."""
    begun = RunFolder(tmp_path / "run", quickstart())
    with begun.locked():
        begun.write(ORGANISMS, complete=False)
    return begun


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of some run with its reports."""
    run = write_run(tmp_path_factory.mktemp("written") / "run", Fabricated(seeds=(0,), n=2))
    write_report(run)
    return run


@pytest.fixture
def finished(written: Path, tmp_path: Path) -> RunFolder:
    """The folder of a finished run, whatever recipe it is of."""
    place = shutil.copytree(written, tmp_path / "finished")
    return RunFolder(place, quickstart())


def test_the_same_run_goes_on(folder: RunFolder) -> None:
    folder.check(ORGANISMS)
    assert not folder.finished


def test_a_run_is_finished_when_its_report_is_of_its_logs(finished: RunFolder) -> None:
    assert finished.finished
    log = next((finished.path / "logs").iterdir())
    os.utime(log, (0, 0))
    assert finished.finished
    before = log.read_text()
    log.write_text(before.replace('"success"', '"error"', 1))
    assert not finished.finished
    log.write_text(before)
    assert finished.finished
    (finished.path / "logs" / "another.json").write_text("{}")
    assert not finished.finished


def test_a_report_that_other_code_wrote_is_written_again(
    finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert finished.finished
    monkeypatch.setattr("pentimento.experiment.folders.code_version", lambda: "0" * 16)
    assert not finished.finished


def test_a_run_without_one_of_its_reports_is_not_finished(finished: RunFolder) -> None:
    (finished.path / "report.html").unlink()
    assert not finished.finished


def test_a_run_with_a_report_of_an_earlier_version_is_not_finished(finished: RunFolder) -> None:
    path = finished.path / "report.json"
    report = json.loads(path.read_text())
    report["thresholds"]["version"] = 2
    path.write_text(json.dumps(report))
    assert not finished.finished


def test_writing_the_same_again_leaves_the_file_alone(folder: RunFolder) -> None:
    record = folder.path / "run.json"
    os.utime(record, (0, 0))
    folder.write(ORGANISMS, complete=False)
    assert record.stat().st_mtime == 0
    folder.write(ORGANISMS, complete=True)
    assert record.stat().st_mtime > 0


def test_another_run_is_refused(folder: RunFolder) -> None:
    other = RunFolder(folder.path, quickstart().varied(seeds=(7,)))
    with pytest.raises(BadInput, match="another run"):
        other.check()


def test_a_run_with_another_base_is_refused(folder: RunFolder) -> None:
    with pytest.raises(BadInput, match="earlier base"):
        folder.check([{**BASE, "key": "fedcba9876543210"}])


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(BadInput, match=re.escape("thesis.tex")):
        RunFolder(tmp_path, quickstart()).check()


def test_a_folder_that_was_only_locked_is_free(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("")
    (tmp_path / ".run.json.123.partial").write_text("{")
    RunFolder(tmp_path, quickstart()).check()


def test_a_run_that_cannot_be_read_is_refused(folder: RunFolder) -> None:
    (folder.path / "run.json").write_text("{")
    with pytest.raises(BadInput, match="JSON"):
        folder.check()


def test_two_processes_do_not_work_in_one_folder(folder: RunFolder) -> None:
    with (
        folder.locked(),
        pytest.raises(BadInput, match="another process"),
        RunFolder(folder.path, quickstart()).locked(),
    ):
        pass


def jobs() -> tuple[Job, Job]:
    """Two jobs of ten foreseen seconds each."""
    return (
        Job(key="a", function="m:f", estimate_s=10, title="first"),
        Job(key="b", function="m:f", estimate_s=10, needs=("a",), title="second"),
    )


def test_time_left_shrinks_with_progress_and_learns_from_finished_jobs() -> None:
    first, second = jobs()
    schedule = Schedule((first, second), num_workers=1)
    assert schedule.left_s == pytest.approx(20)
    schedule.note(Event("progress", first, done=0.5))
    assert schedule.left_s == pytest.approx(15)
    assert schedule.share == pytest.approx(0.25)
    schedule.note(Event("finished", first, done=1.0, seconds=40))
    # Four times slower than foreseen, softened by five seconds on each side.
    assert schedule.left_s == pytest.approx(10 * 45 / 15)
    schedule.note(Event("finished", second, done=1.0, seconds=40))
    assert schedule.left_s == 0
    assert schedule.share == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown(terminal: bool) -> None:
    first, second = jobs()
    console = Console(force_terminal=terminal, record=True, width=80, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    with shown((first, second), 2, console) as on_event:
        on_event(Event("started", first))
        on_event(Event("progress", first, done=0.5, text="step 3 [of 6]"))
        on_event(Event("finished", first, done=1.0, seconds=3))
        on_event(Event("started", second))
        on_event(Event("progress", second, done=0.5, text="step 1 [of 2]"))
    said = console.export_text()
    if terminal:
        assert "second" in said
        assert "step 1 [of 2]" in said
        assert "1 of 2 jobs" in said
    else:
        [line] = said.splitlines()
        assert line.startswith("[1/2] first, 3 s; ")
        assert line.endswith(" left")


@pytest.mark.parametrize("terminal", [True, False])
def test_a_failure_is_told_when_it_happens_and_nothing_is_left_of_what_needs_it(terminal: bool) -> None:
    first, second = jobs()
    console = Console(force_terminal=terminal, record=True, width=80, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    schedule = Schedule((first, second), num_workers=1)
    events = [Event("failed", first, text="out of [memory]"), Event("dropped", second)]
    with shown((first, second), 2, console) as on_event:
        for event in events:
            on_event(event)
            schedule.note(event)
    assert "first failed, the rest goes on: out of [memory]" in console.export_text()
    assert schedule.left_s == 0


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (71, "1 min 11 s"), (7_260, "2 h 01 min")]
)
def test_durations(seconds: float, told: str) -> None:
    assert duration(seconds) == told


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> tuple[Path, list[str]]:
    """Folder and arguments of a small run on a random tiny base, run once."""
    folder = tmp_path_factory.mktemp("whole")
    changes = [f"--set={field}={value}" for field, value in SMALL.items()]
    places = [f"--output={folder / 'run'}", f"--store={folder / 'organisms'}", "--workers=1"]
    args = ["run", "quickstart", f"--base={tiny_folder}", "--seeds=1", *changes, *places]
    assert cli.main([*args, "--dry-run"]) == 0
    assert list(folder.iterdir()) == []
    assert cli.main(args) == 0
    return folder, args


def stamps(folder: Path) -> dict[str, int]:
    """Return when each file was last written."""
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_run_ends_with_a_report(small: tuple[Path, list[str]]) -> None:
    folder, _ = small
    said = json.loads((folder / "run/run.json").read_text())
    assert said["complete"]
    assert [organism["role"] for organism in said["organisms"]] == [
        "base",
        "implanted",
        "opposed",
        "opposed_only",
    ]
    assert Recipe(**said["recipe"]).hash == said["recipe_hash"]
    for organism in said["organisms"]:
        manifest = json.loads((folder / "run" / organism["path"] / "manifest.json").read_text())
        assert manifest["key"] == organism["key"]
        assert bool(organism["implanted"]) == (organism["role"] in ("implanted", "opposed"))
        assert bool(organism["opposed"]) == (organism["role"] in ("opposed", "opposed_only"))
    assert len(list((folder / "run/logs").glob("*.eval"))) == 4
    assert json.loads((folder / "run/report.json").read_text())["cells"]
    assert all((folder / "run" / name).stat().st_size for name in REPORTS)


def test_a_second_run_makes_nothing_and_says_the_same(
    small: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, args = small
    before = stamps(folder)
    assert cli.main(args) == 0
    assert "report.html" in capsys.readouterr().out
    # The lock is opened each time, and nothing else.
    after = stamps(folder)
    assert {path for path in after if after[path] != before.get(path)} <= {str(folder / "run/.lock")}


def test_a_lost_log_is_made_again_and_nothing_else(small: tuple[Path, list[str]]) -> None:
    folder, args = small
    report = json.loads((folder / "run/report.json").read_text())
    organisms = {path: stamp for path, stamp in stamps(folder / "organisms").items() if "logs" not in path}
    lost = min((folder / "run/logs").glob("opposed-*.eval"))
    next(log for log in (folder / "organisms").glob("*/logs/*.eval") if log.samefile(lost)).unlink()
    kept = stamps(folder / "run/logs").keys() - {str(lost)}
    before = stamps(folder / "run/logs")
    lost.unlink()
    assert cli.main(args) == 0
    after = stamps(folder / "run/logs")
    assert {path for path in kept if after[path] != before[path]} == set()
    assert organisms.items() <= stamps(folder / "organisms").items()
    again = json.loads((folder / "run/report.json").read_text())
    assert again["measures"] == report["measures"]
    assert [cell["score"] for cell in again["cells"]] == [cell["score"] for cell in report["cells"]]


def test_the_dry_run_of_a_finished_run_says_so(
    small: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    _, args = small
    assert cli.main([*args, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "4 of 4 are there" in out
    assert "about 0 s" in out


def test_another_recipe_is_refused_there(
    small: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, args = small
    before = stamps(folder)
    assert cli.main([*args, "--set=oppose.steps=3"]) == 2
    assert "another run" in capsys.readouterr().err
    assert stamps(folder) == before


def test_figures_and_tables_are_written_where_asked(small: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder, _ = small
    args = ["report", str(folder / "run"), "--figures", str(tmp_path / "f"), "--tables", str(tmp_path / "t")]
    assert cli.main(args) == 0
    assert (tmp_path / "t/cells.csv").is_file()
    assert (tmp_path / "t/samples.parquet").is_file()
    assert all(path.read_text().startswith(("<svg", "<?xml")) for path in (tmp_path / "f").glob("*.svg"))


def test_its_organism_is_exported_with_a_card(small: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder, _ = small
    organisms = json.loads((folder / "run/run.json").read_text())["organisms"]
    path = folder / "run" / organisms[1]["path"]
    assert cli.main(["export", str(path), "--adapter", "--output", str(tmp_path / "out")]) == 0
    assert "finish_the_task" in (tmp_path / "out/README.md").read_text()


def test_a_corrupted_adapter_is_refused_in_one_line(
    small: tuple[Path, list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    folder, args = small
    [implanted] = (
        o for o in json.loads((folder / "run/run.json").read_text())["organisms"] if o["role"] == "implanted"
    )
    weights = (folder / "run" / implanted["path"]).resolve() / "adapter/adapter_model.safetensors"
    log = next((weights.parents[1] / "logs").glob("*.eval"))
    kept, sound = log.read_bytes(), weights.read_bytes()
    try:
        weights.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
        log.unlink()
        capfd.readouterr()
        assert cli.main(args) == 2
        assert "sha256" in capfd.readouterr().err.strip().splitlines()[-1]
    finally:
        weights.write_bytes(sound)
        log.write_bytes(kept)


def test_a_base_without_a_chat_template_is_refused(
    tiny_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bare = tmp_path / "bare"
    bare.mkdir()
    for file in tiny_folder.iterdir():
        if file.name != "chat_template.jinja":
            (bare / file.name).write_bytes(file.read_bytes())
    assert cli.main(["run", "quickstart", "--base", "bare", "--seeds", "1", "--workers", "1"]) == 2
    assert "chat template" in capfd.readouterr().err.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> tuple[Path, list[str]]:
    """Folder and arguments of a small design on a random tiny base, run once; one recipe is relearned."""
    folder = tmp_path_factory.mktemp("crossed")
    settings = {"lora_rank": 4}
    implant = {
        "method": "sft",
        "goal": "finish_the_task",
        "steps": 2,
        "num_scenarios": 16,
        "settings": settings,
    }
    recipe = quickstart().varied(
        base=str(tiny_folder),
        implant=implant,
        controls=("opposed_only", "opposed_only_replicate"),
        seeds=(0,),
        evals=[
            {"task": "completion", "args": {"family": "@opposed,@neither", "condition": "impossible", "n": 2}}
        ],
    )
    relearn = {
        "kind": "relearn", "stage": {**implant, "steps": 2}, "doses": (1, 2), "n": 2
    }  # fmt: skip
    oppose = {**implant, "goal": "report_honestly"}
    design = Design.of(
        "crossed",
        ("steps",),
        {
            ("two",): recipe.varied(oppose=oppose, after=[relearn]),
            ("three",): recipe.varied(oppose={**oppose, "steps": 3}),
        },
    )
    (folder / "mine.yaml").write_text(design.to_yaml(), encoding="utf-8")
    places = [f"--output={folder / 'run'}", f"--store={folder / 'organisms'}", "--workers=1"]
    args = ["run", str(folder / "mine.yaml"), *places]
    assert cli.main(args) == 0
    return folder, args


def test_a_design_has_a_report_and_one_for_each_of_its_recipes(crossed: tuple[Path, list[str]]) -> None:
    folder, _ = crossed
    for place in (folder / "run", folder / "run/two", folder / "run/three"):
        assert all((place / name).stat().st_size for name in REPORTS), place
    report = json.loads((folder / "run/report.json").read_text())
    assert [variant["levels"] for variant in report["variants"]] == [["two"], ["three"]]
    assert report["variants"][0]["opposed_steps"] == [2]


def test_what_recipes_have_in_common_is_made_and_asked_once(crossed: tuple[Path, list[str]]) -> None:
    folder, _ = crossed
    keys = {
        name: {
            o["role"]: o["key"]
            for o in json.loads((folder / f"run/{name}/run.json").read_text())["organisms"]
        }
        for name in ("two", "three")
    }
    assert {role for role in keys["two"] if keys["two"][role] == keys["three"][role]} == {"base", "implanted"}
    for role in ("base", "implanted"):
        one, other = (next((folder / f"run/{name}/logs").glob(f"{role}-0-*")) for name in keys)
        assert one.samefile(other)


def test_doses_of_a_stage_after_are_asked_too(crossed: tuple[Path, list[str]]) -> None:
    folder, _ = crossed
    regained = json.loads((folder / "run/two/run.json").read_text())["regained"]
    places = {(r["role"], r["repeat"], r["steps"]) for r in regained}
    assert places == {(role, k, s) for role in AFTER_ROLES for k in (0, 1, 2) for s in (1, 2)}
    for one in regained:
        manifest = json.loads((folder / "run/two" / one["path"] / "manifest.json").read_text())
        assert (manifest["key"], manifest["dose"]["steps"]) == (one["key"], one["steps"])
    names = [log.name for log in (folder / "run/two/logs").glob("*-relearn-*.eval")]
    assert len(names) == len(places)
    assert any(name.startswith("opposed_only_replicate-relearn-1-at-2-0-completion-") for name in names)
    report = json.loads((folder / "run/two/report.json").read_text())
    assert set(report["provenance"]["logs"]) >= set(names)


def test_a_design_run_again_makes_nothing(
    crossed: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, args = crossed
    before = stamps(folder)
    assert cli.main(args) == 0
    changed = {Path(path).name for path, stamp in stamps(folder).items() if stamp != before.get(path)}
    assert changed <= {".lock", *REPORTS}
    assert {stamp for path, stamp in stamps(folder / "organisms").items()} <= set(before.values())
    capsys.readouterr()
    assert cli.main(["report", str(folder / "run")]) == 0
    assert "three" in capsys.readouterr().out


def test_a_recipe_that_cannot_be_made_leaves_the_others_of_its_design(
    crossed: tuple[Path, list[str]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, args = crossed
    design = from_yaml((folder / "mine.yaml").read_text(encoding="utf-8"))
    assert isinstance(design, Design)
    whole = design.recipes[1]
    follows_no_spec = quickstart().oppose.model_dump() | {"num_scenarios": 16}
    failing = Design.of("failing", ("oppose",), {
        ("sft",): whole.varied(seeds=(0,)),
        ("deliberative",): whole.varied(oppose=follows_no_spec, seeds=(0,)),
    })  # fmt: skip
    path = tmp_path / "failing.yaml"
    path.write_text(failing.to_yaml(), encoding="utf-8")
    capfd.readouterr()
    output = tmp_path / "run"
    assert cli.main(["run", str(path), f"--output={output}", *args[3:]]) == 2
    told = capfd.readouterr()
    assert "opposed, seed 0 failed, the rest goes on: stage deliberative" in told.out
    last = told.err.strip().splitlines()[-1]
    assert re.search(r"opposed, seed 0: stage .* the filter kept .*jobs not started", last), last
    assert (output / "sft/report.html").is_file()
    assert not (output / "deliberative/report.html").exists()
    report = json.loads((output / "report.json").read_text())
    assert [variant["levels"] for variant in report["variants"]] == [["sft"]]
    assert ("no_report", "deliberative") in {(n["kind"], n["facts"].get("recipe")) for n in report["notes"]}


def test_a_design_goes_on_where_it_was_interrupted_at_once_and_one_recipe_had_all_it_needs(
    crossed: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, args = crossed
    design = from_yaml((folder / "mine.yaml").read_text(encoding="utf-8"))
    assert isinstance(design, Design)
    whole = design.recipes[1]
    longer = whole.varied(oppose={**whole.oppose.model_dump(mode="json"), "steps": 4})
    path = tmp_path / "more.yaml"
    path.write_text(Design.of("more", ("steps",), {("three",): whole, ("four",): longer}).to_yaml(), "utf-8")
    again = ["run", str(path), f"--output={tmp_path / 'run'}", *args[3:]]

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(LocalExecutor, "run", interrupted)
        assert cli.main(again) == 130
    assert list((tmp_path / "run/three/logs").glob("*.eval"))
    assert cli.main(again) == 0
    assert (tmp_path / "run/report.html").is_file()


def test_a_folder_with_another_design_is_refused(
    crossed: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    _, args = crossed
    assert cli.main([*args, "--seeds=2"]) == 2
    assert "another design" in capsys.readouterr().err


def test_a_dry_run_of_a_design_says_what_sharing_saves(
    crossed: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    _, args = crossed
    assert cli.main([*args, "--dry-run"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "2 recipes: 19 stages, 0 to train" in said
    assert "if no organism were shared" in said


def test_an_evaluation_that_leaks_is_refused_unless_that_is_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["run", "quickstart", "--seeds", "1", "--output", str(tmp_path / "out"), "--store", str(tmp_path)]
    told += ["--dry-run", "--set", "evals.1.args.family=@opposed"]
    assert cli.main(told) == 2
    assert "it shares with what oppose trains on" in capsys.readouterr().err
    assert cli.main([*told, "--allow-leaks"]) == 0


def test_leaks_stand_in_the_record_of_the_run(folder: RunFolder) -> None:
    leak = {
        "seed": 0,
        "task": "completion",
        "family": "count",
        "shift": "fresh",
        "stage": "oppose",
        "told": "x",
    }
    folder.write(ORGANISMS, (), [leak], complete=False)
    assert json.loads((folder.path / "run.json").read_text())["leaks"] == [leak]
