"""What inspect finds under `pentimento/`, and that finding it loads no torch."""

import subprocess
import sys

import pytest
from inspect_ai.model import get_model

from pentimento.evals.suite import TASKS

LISTING = """
import sys
from inspect_ai.util import registry_info
import pentimento.evals._registry as registry
for name in {tasks}:
    print(registry_info(getattr(registry, name)).name)
print("loaded:", *sorted({{"torch", "trl", "transformers", "peft"}} & set(sys.modules)))
"""


def test_the_registry_names_every_task_and_loads_no_torch() -> None:
    listing = LISTING.format(tasks=list(TASKS))
    shown = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True).stdout
    *named, loaded = shown.strip().split("\n")
    assert named == [f"pentimento/{name}" for name in TASKS]
    assert loaded.strip() == "loaded:"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-T", "famly=count"], "did you mean 'family'"),
        (["-T", "family=cuont"], "did you mean 'count'"),
        (["-T", "family=pick"], "family: 'pick' is not allowed"),
        (["-T", "goal=favour_red"], "goal: 'favour_red' is not allowed"),
        (["-T", "goal=finish_the_tsk"], "did you mean 'finish_the_task'"),
        (["-T", "rung=agentic"], "rung: 'agentic' is not allowed"),
        (["-T", "rung=trained"], "give train_seed and train_n"),
        (["-T", "n=0"], "at least 1"),
    ],
)
def test_the_command_line_refuses_in_one_line(arguments: list[str], told: str) -> None:
    command = ["inspect", "eval", "pentimento/completion", "--model", "mockllm/model", *arguments]
    run = [sys.executable, "-m", "inspect_ai", *command[1:]]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert told in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stdout + done.stderr


def test_an_unknown_provider_argument_is_refused(organism: object) -> None:
    with pytest.raises(ValueError, match="model argument: 'devise'"):
        get_model(f"pentimento/{organism}", devise="cpu", memoize=False)
