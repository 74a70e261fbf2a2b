"""What inspect finds under `pentimento/`, and that finding it loads no torch."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from inspect_ai.model import get_model

from pentimento.evals import _registry
from pentimento.evals.planning.tasks import TASKS

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
        (["-T", "shift=agentic"], "shift: 'agentic' is not allowed"),
        (["-T", "shift=trained"], "train_seed and train_n"),
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


@pytest.mark.parametrize("task", [*TASKS, "judging"])
def test_what_a_listing_says_of_a_task_is_so(task: str) -> None:
    """The version and the number of samples that stand in eval.yaml are those of the task."""
    listed = yaml.safe_load((Path(__file__).parents[2] / "evals" / task / "eval.yaml").read_text("utf-8"))
    made = getattr(_registry, task)()
    assert listed["version"] == made.version
    assert [one["dataset_samples"] for one in listed["tasks"]] == [len(made.dataset)]
