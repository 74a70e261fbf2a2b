"""What is shipped, and what a checkout says that cannot work."""

import configparser
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("tasks", "training", "evals", "results")
DATA = (".json", ".jinja", ".md", ".safetensors", ".yaml", ".html")


def run_python(code: str, *, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that sees `path` and no installed pentimento."""
    environment = {"PYTHONPATH": str(path)} if path else {}
    command = [sys.executable, "-S", "-c", code] if path is None else [sys.executable, "-c", code]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the sdist and the wheel that was built from it."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def in_wheel(built: Path) -> set[str]:
    [wheel] = built.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_wheel_from_sdist_has_every_module(in_wheel: set[str]) -> None:
    wanted = {
        f"pentimento/{path.relative_to(ROOT)}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if "__pycache__" not in path.parts
    }
    wanted |= {f"pentimento/{path.name}" for path in (ROOT / "src/pentimento").glob("*.py")}
    assert len(wanted) > 40
    assert wanted - in_wheel == set()


def test_wheel_has_the_data_that_the_rooms_read(in_wheel: set[str]) -> None:
    wanted = {
        f"pentimento/{path.relative_to(ROOT)}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.suffix in DATA and not any(part.startswith((".", "__pycache__")) for part in path.parts)
    }
    assert "pentimento/tasks/goals/completion/finish_the_task.md" in wanted
    assert wanted - in_wheel == set()
    assert "pentimento/py.typed" in in_wheel


def test_wheel_puts_nothing_else_into_site_packages(in_wheel: set[str]) -> None:
    tops = {name.split("/")[0] for name in in_wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"pentimento"}
    assert not [name for name in in_wheel if "__pycache__" in name or name.startswith("pentimento/tests")]


def test_entry_points(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        parser = configparser.ConfigParser()
        parser.read_string(archive.read(name).decode())
    assert dict(parser["inspect_ai"]) == {"pentimento": "pentimento.evals._registry"}
    assert dict(parser["console_scripts"]) == {"pentimento": "pentimento.cli:main"}


def test_sdist_has_no_link_and_what_a_packager_needs(built: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    assert not [member.name for member in members if member.issym() or member.islnk()]
    names = {member.name.partition("/")[2] for member in members}
    assert {"LICENSE", "README.md", "constraints.txt", "tests/test_packaging.py", "docs/measures.md"} <= names


@pytest.mark.parametrize("room", ROOMS)
def test_a_second_copy_of_a_room_is_refused(room: str) -> None:
    done = run_python(f"import {room}", cwd=ROOT)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError:")
    assert f"pentimento.{room}" in last


def test_links_lead_to_the_rooms() -> None:
    for room in ROOMS:
        link = ROOT / "src/pentimento" / room
        assert link.is_symlink()
        assert link.resolve() == ROOT / room


@pytest.mark.parametrize("came_as", ["text files", "nothing"])
def test_a_checkout_without_its_links_says_what_to_do(tmp_path: Path, came_as: str) -> None:
    package = tmp_path / "pentimento"
    package.mkdir()
    shutil.copy(ROOT / "src/pentimento/__init__.py", package)
    if came_as == "text files":
        for room in ROOMS:
            (package / room).write_text(f"../../{room}")
    done = run_python("import pentimento", cwd=tmp_path, path=tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError:")
    assert "make links" in last
    assert "pip install ." in last


def test_public_names_are_there_and_load_no_torch() -> None:
    code = (
        "import sys, pentimento\n"
        "light = ['BadInput', 'Environment', 'Episode', 'Goal', 'Outcome', 'Recipe', 'Scenario', 'Stage']\n"
        "for name in light: getattr(pentimento, name)\n"
        "assert 'torch' not in sys.modules\n"
        "for name in pentimento.__all__: getattr(pentimento, name)\n"
        "assert set(pentimento.__all__) <= set(dir(pentimento))\n"
    )
    done = run_python(code, cwd=ROOT, path=ROOT / "src")
    assert done.returncode == 0, done.stderr
