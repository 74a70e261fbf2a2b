"""Kill a run at random moments, start it again, and compare its report with that of an undisturbed run.

    python tests/benchmarks/kills.py --undisturbed runs/quickstart --kills 20

Prints what was under way at each kill, every file that cannot be read afterwards, and every value of
report.json that differs. Exit status 1 where there is any.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tyro
from safetensors import safe_open


@dataclass
class Kills:
    """Kill a run of a recipe and compare."""

    undisturbed: Path
    """Folder of a finished run of the same recipe."""
    recipe: str = "quickstart"
    kills: int = 20
    longest_s: float = 60.0
    """A run is killed after a random time between 3 seconds and this."""
    seed: int = 0
    folder: Path | None = None
    """Where the disturbed run goes; by default a temporary folder."""


def main(config: Kills) -> int:
    """Run, kill, resume, compare."""
    folder = config.folder or Path(tempfile.mkdtemp())
    output, store = folder / "run", folder / "organisms"
    command = [sys.executable, "-m", "pentimento.cli", "run", config.recipe]
    command += ["--output", str(output), "--store", str(store)]
    rng = random.Random(config.seed)
    done = 0
    while done < config.kills:
        wait = rng.uniform(3.0, config.longest_s)
        finished = _killed_after(command, wait, folder / "out.txt")
        if finished:
            print("the run finished before its next kill; the kills so far are all there is room for")
            break
        done += 1
        print(f"kill {done} after {wait:.1f} s: {_under_way(store, output)}", flush=True)
        for problem in _unreadable(folder):
            print("  half a file:", problem)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    broken = list(_unreadable(folder))
    ours, theirs = _values(output), _values(config.undisturbed)
    differing = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
    print(f"{done} kills; {len(ours)} values, {len(differing)} differ; {len(broken)} unreadable files")
    for key in differing[:20]:
        print(f"  {key}: {theirs.get(key)} undisturbed, {ours.get(key)} killed")
    return 1 if differing or broken else 0


def _killed_after(command: list[str], wait_s: float, log: Path) -> bool:
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
        try:
            process.wait(timeout=wait_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            time.sleep(0.5)
            return False
    if process.returncode:
        raise SystemExit(f"the run failed by itself with status {process.returncode}; see {log}")
    return True


def _under_way(store: Path, output: Path) -> str:
    made = [p for p in store.iterdir() if (p / "manifest.json").exists()] if store.is_dir() else []
    begun = [p.name for p in store.iterdir() if p.is_dir() and p not in made] if store.is_dir() else []
    parts = [str(q.relative_to(store)) for name in begun for q in sorted((store / name).glob("*"))]
    logs = len(list((output / "logs").glob("*.eval"))) if output.is_dir() else 0
    return f"{len(made)} organisms, {logs} logs, under way: {', '.join(parts) or 'nothing'}"


def _unreadable(folder: Path) -> Iterator[str]:
    """Yield what cannot be read under its final name; temporary files may be cut off."""
    for path in folder.rglob("*"):
        if "tmp" in path.name or any("tmp" in part for part in path.relative_to(folder).parts[:-1]):
            continue
        try:
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            elif path.suffix == ".safetensors":
                with safe_open(path, framework="pt") as tensors:
                    tensors.keys()
        except (ValueError, OSError, RuntimeError) as error:
            yield f"{path.relative_to(folder)}: {error}"


def _values(output: Path) -> dict[str, object]:
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    values: dict[str, object] = {}
    for part in ("cells", "measures"):
        for i, row in enumerate(report[part]):
            for name, value in row.items():
                # A log's name and the ids that inspect draws are of the run, not of what it measured.
                if "log" not in name and "sample" not in name:
                    values[f"{part}[{i}].{name}"] = value
    return values


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Kills, description=__doc__)))
