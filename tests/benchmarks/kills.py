"""Kill a run at random moments, start it again, and compare its report with that of an undisturbed run.

    python tests/benchmarks/kills.py --undisturbed runs/quickstart --kills 20

Prints what was under way at each kill, every file that cannot be read afterwards, and every value of
report.json that differs. Exit status 1 where there is any, or where there were fewer kills than asked for.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from inspect_ai.log import read_eval_log
from safetensors import safe_open

NOT_MEASURED = {"logs", "created", "first_log", "last_log", "left_out"}
"""Names and times of log files, which are of the run and not of what it measured."""


@dataclass
class Kills:
    """Kill a run of a recipe and compare."""

    undisturbed: Path
    """Folder of a finished run of the same recipe."""
    recipe: str = "quickstart"
    seeds: int | None = None
    """Of the recipe; the undisturbed run must have as many. By default the recipe's own number."""
    kills: int = 20
    longest_s: float = 60.0
    """A run is killed after a random time between 3 seconds and this."""
    seed: int = 0
    folder: Path | None = None
    """Where the disturbed run goes; by default a temporary folder."""


def main(config: Kills) -> int:
    """Run, kill, resume, compare."""
    folder = config.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    output, store = folder / "run", folder / "organisms"
    command = [sys.executable, "-m", "pentimento", "run", config.recipe]
    command += ["--output", str(output), "--store", str(store)]
    command += [] if config.seeds is None else ["--seeds", str(config.seeds)]
    rng = random.Random(config.seed)
    done = 0
    while done < config.kills:
        wait = rng.uniform(3.0, config.longest_s)
        finished = _killed_after(command, wait, folder / "out.txt")
        if finished:
            print("the run finished before its next kill; the kills so far are all there is room for")
            break
        done += 1
        print(f"kill {done} after {wait:.1f} s: {_under_way(store)}", flush=True)
        for problem in _unreadable(folder):
            print("  half a file:", problem)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    broken = list(_unreadable(folder))
    ours, theirs = _values(output), _values(config.undisturbed)
    differing = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
    print(f"{done} kills; {len(ours)} values, {len(differing)} differ; {len(broken)} unreadable files")
    for key in differing[:20]:
        print(f"  {key}: {theirs.get(key)} undisturbed, {ours.get(key)} killed")
    return 1 if differing or broken or done < config.kills else 0


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


def _under_way(store: Path) -> str:
    made = [p for p in store.iterdir() if (p / "manifest.json").exists()] if store.is_dir() else []
    begun = [p.name for p in store.iterdir() if p.is_dir() and p not in made] if store.is_dir() else []
    parts = [str(q.relative_to(store)) for name in begun for q in sorted((store / name).glob("*"))]
    logs = len(list(store.glob("*/logs/*.eval")))
    return f"{len(made)} organisms, {logs} logs, under way: {', '.join(parts) or 'nothing'}"


def _unreadable(folder: Path) -> Iterator[str]:
    """Yield what cannot be read under its final name; what is still being written has a name with a dot."""
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        # A checkpoint counts only once its mark is there, as an organism only with its manifest.
        if hidden or not path.is_file() or "work" in path.relative_to(folder).parts:
            continue
        try:
            _READERS.get(path.suffix, Path.read_bytes)(path)
        except Exception as error:  # whatever it is, the file cannot be read
            yield f"{path.relative_to(folder)}: {type(error).__name__}: {error}"


def _read_json(path: Path) -> None:
    json.loads(path.read_text(encoding="utf-8"))


def _read_lines(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        json.loads(line)


def _read_tensors(path: Path) -> None:
    with safe_open(path, framework="pt") as tensors:
        for name in tensors.keys():  # noqa: SIM118 (it is no mapping)
            tensors.get_tensor(name)


def _read_page(path: Path) -> None:
    if not path.read_text(encoding="utf-8").rstrip().endswith("</html>"):
        raise ValueError("ends early")


_READERS: Mapping[str, Callable[[Path], object]] = {
    ".json": _read_json,
    ".jsonl": _read_lines,
    ".safetensors": _read_tensors,
    ".eval": lambda path: read_eval_log(str(path)),
    ".html": _read_page,
}


def _values(output: Path) -> dict[str, object]:
    """Return every leaf of the report by its path."""
    return dict(_leaves("", json.loads((output / "report.json").read_text(encoding="utf-8"))))


def _leaves(path: str, value: Any) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in NOT_MEASURED:
                yield from _leaves(f"{path}.{name}", inner)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _leaves(f"{path}[{i}]", inner)
    else:
        yield path, value


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Kills, description=__doc__)))
