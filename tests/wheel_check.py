"""Build the wheel from the sdist, install it in a clean environment, list the tasks there and run one.

    python tests/wheel_check.py

The dependencies are those of the interpreter that runs this script: a new virtual environment sees them, and
of pentimento only the wheel. `make wheel-check` calls it.
"""

import json
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
TASKS = {
    "completion",
    "preference",
    "stated",
    "coin",
    "alignment_faking",
    "elicitation",
    "awareness",
    "belief",
    "breadth",
    "in_context",
    "judging",
    "agentic",
}

LIST = """
import json, pentimento
from importlib.metadata import entry_points
from inspect_ai._util.registry import registry_find, registry_info
[entry] = entry_points(group="inspect_ai", name="pentimento")
entry.load()
found = registry_find(lambda info: info.type == "task" and info.name.startswith("pentimento/"))
print(json.dumps([pentimento.__file__, [registry_info(task).name for task in found]]))
"""


def call(*command: str | Path, cwd: Path) -> str:
    """Run a command and return what it prints; what it says of its failure ends the check."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def clean_environment(folder: Path) -> Path:
    """Make an environment that sees our dependencies but not our own install; return its bin folder."""
    venv.create(folder, with_pip=True)
    [site_packages] = folder.glob("lib/python*/site-packages")
    # A .pth file found through another .pth file is not read, so an editable pentimento stays out of sight.
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def main() -> None:
    """Check, and say what was checked."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        call(sys.executable, "-m", "build", "--no-isolation", "--outdir", work / "dist", ROOT, cwd=work)
        [wheel] = (work / "dist").glob("*.whl")
        bin_folder = clean_environment(work / "clean")
        pip = (bin_folder / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
        call(*pip, wheel, cwd=work)
        where, names = json.loads(call(bin_folder / "python", "-c", LIST, cwd=work).splitlines()[-1])
        if not Path(where).is_relative_to(work):
            sys.exit(f"pentimento was imported from {where}, not from the wheel")
        missing = {f"pentimento/{task}" for task in TASKS} - set(names)
        if missing:
            sys.exit(f"the wheel does not register {', '.join(sorted(missing))}")
        recipes = call(bin_folder / "pentimento", "recipes", cwd=work)
        if "quickstart" not in recipes:
            sys.exit(f"pentimento recipes printed\n{recipes}")
        inspect = (bin_folder / "python", "-m", "inspect_ai", "eval", "pentimento/completion")
        task = ("-T", "family=count", "-T", "n=2", "--model", "pentimento/embedded")
        call(*inspect, *task, "--display", "plain", "--log-dir", work / "logs", cwd=work)
        [log] = (work / "logs").glob("*.eval")
        dump = (bin_folder / "python", "-m", "inspect_ai", "log", "dump", "--header-only", log)
        status = json.loads(call(*dump, cwd=work))["status"]
        if status != "success":
            sys.exit(f"pentimento/completion ended with status {status}")
        print(f"{wheel.name}: {len(names)} tasks registered, pentimento/completion ran")


if __name__ == "__main__":
    main()
