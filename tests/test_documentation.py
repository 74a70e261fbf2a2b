"""The documentation says what is true: links resolve, commands exist, names are the catalogue's."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pentimento.cli import app as cli
from pentimento.cli import arguments as _arguments
from pentimento.evals import _registry
from pentimento.tasks import BENIGN, COMPLETION, HELDOUT, PREFERENCE, TRAINABLE, goals
from pentimento.training.recipes.catalogue import RECIPES

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "evals").glob("*/README.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
FENCE = re.compile(r"```bash\n(.*?)```", re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(program: str) -> list[str]:
    """Return the lines in the pages' shell blocks that call a program, without their comments."""
    blocks = [block for page in PAGES for block in FENCE.findall(page.read_text(encoding="utf-8"))]
    lines = [line.split("  #")[0].split(" > ")[0].strip() for block in blocks for line in block.splitlines()]
    return sorted({line for line in lines if line.split(" ")[0] == program})


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_resolve(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), f"{target} does not exist"
        if anchor:
            assert anchor in anchors(linked), f"{target} has no heading {anchor}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_files_that_are_named_exist(page: Path) -> None:
    named = re.findall(
        r"`((?:tasks|training|evals|results|tests|src)/[\w./]*\w+)`", page.read_text(encoding="utf-8")
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_commands_of_the_front_door_parse() -> None:
    found = commands("pentimento")
    assert len(found) >= 5
    for line in found:
        words = shlex.split(line.replace("<key>", "0123456789abcdef"))[1:]
        command = _arguments.parse(cli.COMMANDS, words, cli.DESCRIPTION)
        if isinstance(command, cli.Run) and not command.recipe.endswith(".yaml"):
            _arguments.choose_recipe(
                command.recipe, seeds=command.seeds, base=command.base, changes=command.set
            )


def test_make_targets_exist() -> None:
    found = commands("make")
    assert {"make quickstart", "make test"} <= set(found)
    for line in found:
        done = subprocess.run(
            [*line.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_inspect_commands_name_registered_tasks() -> None:
    ours = (line for line in commands("inspect") if ".py" not in line)  # a file is somebody else's
    found = [line for line in ours if line.startswith("inspect eval ")]
    assert found
    for line in found:
        task = shlex.split(line)[2].removeprefix("pentimento/")
        assert task in _registry.__all__, line


def test_the_first_screen_has_the_two_commands() -> None:
    first_screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:24]
    assert any(line.startswith("make quickstart") for line in first_screen)
    assert any(line.startswith("make test") for line in first_screen)


def test_pages_name_the_catalogue() -> None:
    page = (ROOT / "docs/tasks.md").read_text(encoding="utf-8")
    for names in (TRAINABLE, HELDOUT, PREFERENCE, BENIGN):
        assert ", ".join(names) in page
    assert [goal for goal in goals if f"`{goal}`" not in page] == []
    assert set(COMPLETION) == {*TRAINABLE, *HELDOUT}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [recipe for recipe in RECIPES if f"`{recipe}`" not in readme] == []


def test_nothing_points_at_a_place_outside() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    absolute = re.compile(r"(?<![\w./~-])/(?:home|root|work|tmp|opt|Users)/\w")
    texts = [ROOT / name for name in listed.stdout.split() if not name.endswith((".safetensors", ".png"))]
    texts = [path for path in texts if path.is_file() and not path.is_symlink() and path != Path(__file__)]
    assert [path.name for path in texts if absolute.search(path.read_text(encoding="utf-8"))] == []


def test_documented_help_is_printed() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "pentimento", "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in re.findall(r"^\| `pentimento (\w+)", readme, re.MULTILINE):
        assert re.search(rf"• {name}\b", done.stdout), name
