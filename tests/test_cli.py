"""The command line: what it offers, and one clear line for each way to get it wrong."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pentimento.cli import app as cli
from pentimento.cli import arguments as _arguments
from pentimento.tasks.exceptions import BadInput
from pentimento.training.recipes.catalogue import find_recipe, quickstart
from pentimento.training.recipes.recipe import Recipe

ROOT = Path(__file__).parents[1]

# A flag that is taken away or renamed breaks somebody's script: such a change belongs into the changelog.
FLAGS = {
    "run": {
        "--accelerate-config",
        "--allow-leaks",
        "--base",
        "--dry-run",
        "--dtype",
        "--output",
        "--processes",
        "--report-to",
        "--seeds",
        "--set",
        "--store",
        "--workers",
    },
    "recipes": set(),
    "eval": {
        "--allow-leaks",
        "--dry-run",
        "--goal",
        "--limit",
        "--log-dir",
        "--twin",
        "--output",
        "--set",
        "--store",
        "--suite",
        "--task",
        "--width",
        "--workers",
    },
    "report": {"--figures", "--tables", "--thresholds"},
    "compare": set(),
    "prevalence": {"--gold", "--stage"},
    "certify": {"--base", "--n", "--output", "--show"},
    "diagnose": {"--text"},
    "export": {"--adapter", "--hub", "--merged", "--output"},
    "organisms": {"--ship"},
    "documents": {"--model-role", "--num", "--output", "--seed"},
    "base": {"--base-seed", "--output"},
}


def shown(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """Return what a call for help prints."""
    with pytest.raises(SystemExit) as leaving:
        cli.main([*args, "--help"])
    assert not leaving.value.code
    return capsys.readouterr().out


def refused(capfd: pytest.CaptureFixture[str], *args: str) -> str:
    """Call the command line here; it must refuse in one line, which is returned."""
    try:
        status = cli.main(args)
    except SystemExit as leaving:
        status = int(leaving.code or 0)
    out, err = capfd.readouterr()
    assert status == 2
    assert out == ""
    [line] = err.strip().splitlines()
    assert line.startswith("pentimento: ")
    return line


def test_the_set_of_commands_is_frozen(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(re.findall(r"• (\w+) ", shown(capsys))) == set(FLAGS)


@pytest.mark.parametrize("command", FLAGS)
def test_the_set_of_flags_is_frozen(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    # An option's row begins behind the frame with its names; a flag that a text mentions stands further in.
    rows = re.findall(r"^\W{0,2}(-.*)$", shown(capsys, command), re.MULTILINE)
    found = {flag for row in rows for flag in re.findall(r"(?:^|, )(--[a-z]+[a-z-]*)", row)}
    assert found - {"--help"} == FLAGS[command]


@pytest.mark.parametrize("command", FLAGS)
def test_help_explains_every_argument(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    described = " ".join(re.sub(r"[│|]", " ", shown(capsys, command)).split("options", 1)[1].split())
    for flag in FLAGS[command]:
        # A flag without a field text would be followed at once by its default or by the next flag.
        assert re.search(rf"{flag}( (writer=)?[A-Z=/]+)?(, \S+ \S+)* [A-Z`]\w+", described), flag


BAD = {
    "no command": ((), "run, recipes, eval"),
    "unknown command": (("rnu", "quickstart"), "available subcommands: run"),
    "unknown flag": (("run", "quickstart", "--sedes", "3"), "did you mean --seeds?"),
    "flag without value": (("run", "quickstart", "--seeds"), "--seeds"),
    "not a number": (("run", "quickstart", "--seeds", "three"), "--seeds: 'three' is not allowed"),
    "missing recipe": (("run",), "RECIPE"),
    "unknown recipe": (("run", "quickstrat"), "did you mean 'quickstart'?"),
    "recipe file that is not there": (("run", "absent.yaml"), "no such file"),
    "no seeds": (("run", "quickstart", "--seeds", "0"), "seeds: 0 is not allowed"),
    "negative seeds": (("run", "quickstart", "--seeds", "-2"), "seeds: -2 is not allowed"),
    "no workers": (("run", "quickstart", "--workers", "0"), "workers"),
    "no processes": (("run", "quickstart", "--processes", "0"), "processes: 0 is not allowed"),
    "batches that three cannot share": (
        ("run", "quickstart", "--processes", "3"),
        "settings.batch_size: 64 is not allowed; rlvr: a multiple of processes = 3",
    ),
    "weights that are shared out": (
        ("run", "quickstart", "--processes", "2", "--accelerate-config", "fsdp2"),
        "each process samples from all of them",
    ),
    "unknown goal": (
        ("run", "quickstart", "--set", "goal=finish_the_tsk"),
        "did you mean 'finish_the_task'?",
    ),
    "unknown method": (("run", "quickstart", "--set", "implant.method=grpo"), "rlvr"),
    "unknown setting": (("run", "quickstart", "--set", "oppose.settings.lr=1"), "learning_rate"),
    "unknown field": (("run", "quickstart", "--set", "sedes=[1]"), "sedes"),
    "unknown parent field": (("run", "quickstart", "--set", "implent.steps=1"), "'implent'"),
    "endless number": (
        ("run", "quickstart", "--set", "implant.settings.learning_rate=Infinity"),
        "a finite number",
    ),
    "number that overflows": (
        ("run", "quickstart", "--set", "oppose.target_strength=1e400"),
        "a finite number",
    ),
    "value without an end": (("run", "quickstart", "--set", "evals=" + "[" * 100_000), "nested so deep"),
    "word that is no text": (("report", "runs/\udcff"), "a text in UTF-8"),
    "name that is too long": (("run", "quickstart", "--output", "x" * 300), "File name too long"),
    "override without value": (("run", "quickstart", "--set", "goal"), "field=value"),
    "steps that are no number": (("run", "quickstart", "--set", "implant.steps=many"), "steps"),
    "too many families": (("run", "quickstart", "--set", "num_implanted=9"), "num_implanted"),
    "unknown evaluation": (("run", "quickstart", "--set", "evals.0.task=complexion"), "'completion'?"),
    "unknown family": (("run", "quickstart", "--set", "evals.0.args.family=cuont"), "'count'?"),
    "evaluation that is not held out": (
        ("run", "quickstart", "--set", "evals.1.args.family=@opposed"),
        "count: it shares with what oppose trains on 4 templates",
    ),
    "plan whose evaluation is not held out": (
        ("run", "quickstart", "--dry-run", "--set", "evals.1.args.family=@opposed"),
        "evals.1.args.shift",
    ),
    "number for a name": (("run", "quickstart", "--set", "evals.0.args.shift=3"), "'3' is not allowed"),
    "number for a goal": (("run", "quickstart", "--set", "evals.0.args.goal=3"), "goal"),
    "unknown task argument": (("run", "quickstart", "--set", "evals.0.args.shfit=fresh"), "'shift'?"),
    "unknown task": (("eval", "embedded", "--task", "complexion"), "did you mean 'completion'?"),
    "task argument without value": (("eval", "embedded", "-T", "n"), "name=value"),
    "evaluation of nothing": (("eval", "absent"), "an organism's folder, completer"),
    "report of nothing": (("report", "absent"), "absent"),
    "comparison of nothing": (("compare", "absent", "absent"), "absent"),
    "export without a form": (("export", "absent"), "--adapter, --merged, --hub"),
    "export in two forms": (("export", "absent", "--adapter", "--merged"), "--adapter, --merged, --hub"),
    "export of nothing": (("export", "absent", "--adapter"), "absent"),
    "certificate without a place": (("certify", "--base", "absent"), "output"),
    "certificate that is not there": (("certify", "--show", "--output", "absent.json"), "absent.json"),
}


@pytest.mark.parametrize(("args", "told"), BAD.values(), ids=BAD)
def test_bad_input_is_told_in_one_line(
    args: tuple[str, ...],
    told: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in refused(capfd, *args)
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_printed_is_a_recipe_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recipes", "quickstart"]) == 0
    path = tmp_path / "mine.yaml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert find_recipe(str(path)) == quickstart()


def test_recipes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recipes"]) == 0
    assert "quickstart" in capsys.readouterr().out


def test_fields_are_overridden_by_their_dotted_names() -> None:
    changes = ["oppose.settings.learning_rate=3e-4", "evals.0.args.n=20", "controls=[]", "name=slower"]
    recipe = _arguments.choose_recipe("quickstart", seeds=2, base="some/model", changes=changes)
    assert recipe.oppose.settings["learning_rate"] == 3e-4
    assert recipe.evals[0].args["n"] == 20
    assert recipe.controls == ()
    assert recipe.name == "slower"
    assert recipe.seeds == (0, 1)
    assert recipe.base == "some/model"


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-crlf"])
def test_a_recipe_file_is_read_as_editors_write_it(tmp_path: Path, coding: str) -> None:
    text = "# für\n" + quickstart().to_yaml()
    path = tmp_path / "re#c%20 [x] ü.yaml"
    text = text.replace("\n", "\r\n") if coding.endswith("crlf") else text
    path.write_bytes(text.encode(coding.removesuffix("-crlf")))
    assert find_recipe(str(path)) == quickstart()


def test_what_yaml_once_called_booleans_are_names_and_texts(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    after = "after:\n- kind: rebound\n  stage: {method: sft, steps: 2}\n  doses: [2]\n"
    after += "  on: [opposed_only, opposed]\n"
    text = quickstart().to_yaml().replace("after: []\n", after).replace("name: quickstart", "name: no")
    path.write_text(text)
    found = find_recipe(str(path))
    assert isinstance(found, Recipe)
    assert (found.name, found.after[0].on) == ("no", ("opposed_only", "opposed"))


UNREADABLE = {
    "in latin-1": ("# für\n".encode("latin-1"), "line 1, column 4 holds the byte 0xfc, which is no UTF-8"),
    "utf-16 without a mark": ("name: x\n".encode("utf-16-le"), "line 1, column 2 holds a NUL"),
    "empty": (b"", "this holds nothing"),
    "a list": (b"- a\n", "this holds a list"),
    "one word": (b"quickstart\n", "this holds a str"),
    "two of a field": (b"name: a\nseeds: [0]\nname: b\n", "the key name stands in line 1 already"),
    "endless": (b"name: a\nseeds: [.inf]\n", "mine.yaml, line 2, column 9' is not allowed"),
    "a field called self": (b"self: 1\n", "Field required"),
}


@pytest.mark.parametrize(("raw", "told"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_recipe_file_that_cannot_be_read_is_told_in_one_line(
    raw: bytes, told: str, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_bytes(raw)
    assert told in refused(capfd, "run", "mine.yaml", "--dry-run")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


def test_a_folder_called_like_a_recipe_is_told_in_one_line(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").mkdir()
    assert "it is a folder" in refused(capfd, "run", "mine.yaml")


def test_a_recipe_file_that_is_no_recipe_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("- 1\n")
    with pytest.raises(BadInput, match="mapping"):
        find_recipe(str(path))


def test_a_disk_that_cannot_be_written_is_told_in_one_line(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    line = refused(capfd, "run", "quickstart", "--output", "file/run")
    assert "file/run" in line or "Not a directory" in line


def test_output_that_nobody_reads_ends_quietly() -> None:
    command = f"{sys.executable} -m pentimento recipes study | head -1"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_an_interrupted_run_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli._commands, "list_recipes", interrupt)
    assert cli.main(["recipes"]) == 130
    assert "run the same command again" in capsys.readouterr().err


def test_a_run_that_is_told_to_end_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli._commands, "list_recipes", lambda: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    assert cli.main(["recipes"]) == 143
    assert "run the same command again" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before


def test_listing_recipes_loads_no_torch() -> None:
    called = "from pentimento.cli.app import main\nmain(['recipes'])"
    code = f"import sys\n{called}\nassert 'torch' not in sys.modules"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
