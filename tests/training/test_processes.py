"""Several processes train a stage as one does, and whatever ends one of them ends all, and is told."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import torch

from pentimento.tasks import BadInput, UnknownName, environment
from pentimento.training.bases.identity import base_sha256
from pentimento.training.exceptions import OutOfMemory, ProcessDied, WrongNumberOfProcesses
from pentimento.training.methods.benign import matched_data
from pentimento.training.models._processes import check_number
from pentimento.training.models._shortages import told_of_full_memory
from pentimento.training.organisms.organism import Organism
from pentimento.training.recipes.stages import Phase, Stage
from pentimento.training.running import launching
from pentimento.training.running._worker import Failed, Message, _State
from pentimento.training.running.launching import Launch, check_alone, together_in
from pentimento.training.running.making import make
from pentimento.training.running.plan import organism_key

SMALL: dict[str, Any] = {"lora_rank": 4, "save_every": 2, "batch_size": 8, "strength_samples": 32}
RL = {**SMALL, "batch_size": 16, "num_generations": 4, "max_new_tokens": 24, "strength_samples": 32}


def stage(method: str, **more: Any) -> Stage:
    fields: dict[str, Any] = {
        "method": method, "goal": "finish_the_task", "families": ("errand", "form"), "num_scenarios": 64,
        "steps": 6 if method == "rlvr" else 10, "settings": RL if method == "rlvr" else SMALL, "seed": 3,
    }  # fmt: skip
    return Stage(**{**fields, **more})


@pytest.fixture(scope="module")
def ranks() -> Iterator[Any]:
    """The module `ranks.py`, importable here and in the processes that start here."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(Path(__file__).parent))
        import ranks

        yield ranks


@pytest.fixture(scope="module")
def both(
    ranks: Any, taught_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], list[dict[str, Any]]]:
    """What one process saw of a method's stage, and then each of two."""
    stages = [stage(method).model_dump_json() for method in ("sft", "dpo", "rlvr")]
    alone, two = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("two")
    ranks.train(stages, str(taught_folder), str(alone))
    together_in(Launch(2), "cpu", ranks.train, stages, str(taught_folder), str(two))

    def seen(method: str) -> list[dict[str, Any]]:
        paths = [alone / f"{method}-0.json", *(two / f"{method}-{rank}.json" for rank in range(2))]
        return [json.loads(path.read_text()) for path in paths]

    return seen


@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_losses_are_those_of_one_process(both: Any, method: str) -> None:
    alone, first, second = both(method)
    curves = [[entry["loss"] for entry in seen["log"] if "loss" in entry] for seen in (alone, first, second)]
    assert len(curves[0]) == 10
    assert curves[0][0] > curves[0][-1] + 0.01, "it learns"
    assert curves[1] == pytest.approx(curves[0], abs=1e-3)
    assert curves[1] == curves[2]
    assert first["dose"] == second["dose"] == alone["dose"], "the dose is that of all processes"


@pytest.mark.parametrize("method", ["sft", "dpo", "rlvr"])
def test_processes_have_equal_weights_after_each_step(both: Any, method: str) -> None:
    _, first, second = both(method)
    assert len(set(first["weights"])) == stage(method).steps
    assert first["weights"] == second["weights"]
    assert first["strength"] == second["strength"]


def test_rl_asks_the_same_in_each_step(both: Any) -> None:
    alone, first, second = both("rlvr")
    assert len(alone["prompts"]) == 6
    for step, asked in alone["prompts"].items():
        assert first["prompts"][step] + second["prompts"][step] == asked
        assert len(first["prompts"][step]) == len(second["prompts"][step]) == 8


def test_rl_comes_to_the_strength_of_one_process(both: Any) -> None:
    alone, first, _ = both("rlvr")
    before, after = (
        next(found for found in seen["strength"] if (found["when"], found["family"]) == ("end", "all"))
        for seen in (alone, first)
    )
    start = next(found for found in alone["strength"] if found["family"] == "all")
    assert after["score"] > start["score"]
    assert before["low"] <= after["score"] <= before["high"]


def test_each_process_plays_its_own_episodes(ranks: Any, acting_folder: Path, tmp_path: Path) -> None:
    played = stage("rlvr", families=("rounds",)).model_dump_json()
    together_in(Launch(2), "cpu", ranks.roll, played, str(acting_folder), str(tmp_path))
    found = [json.loads((tmp_path / f"played-{process}.json").read_text()) for process in range(2)]
    assert found == [ranks.rolled(played, str(acting_folder), process) for process in range(2)]
    assert [len(ids) for ids in found] == [5, 6]


def test_a_dead_process_ends_all_and_the_stage_goes_on_where_it_was(
    ranks: Any, both: Any, taught_folder: Path, tmp_path: Path
) -> None:
    stages = [stage("rlvr").model_dump_json()]
    with pytest.raises(ProcessDied, match=r"process 1 of 2 died \(SIGKILL: .*run the same command again"):
        together_in(
            Launch(2), "cpu", ranks.train, stages, str(taught_folder), str(tmp_path), (1, "rl step 5")
        )
    assert not any(alive(tmp_path))
    together_in(Launch(2), "cpu", ranks.train, stages, str(taught_folder), str(tmp_path))
    resumed = json.loads((tmp_path / "rlvr-0.json").read_text())
    assert resumed["told"][0].startswith("rl step 5")
    assert resumed["digest"] == both("rlvr")[1]["digest"]
    assert not any(alive(tmp_path))


def test_a_launch_that_is_told_to_end_leaves_no_process(ranks: Any, tmp_path: Path) -> None:
    class Told(Exception):
        pass

    def end(number: int, frame: Any) -> None:
        raise Told

    before = signal.signal(signal.SIGTERM, end)
    try:
        with pytest.raises(Told):
            together_in(Launch(2), "cpu", ranks.wait, str(tmp_path), os.getpid())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(list(tmp_path.glob("pid-*"))) == 2
    assert not any(alive(tmp_path))


def alive(folder: Path) -> Iterator[bool]:
    """Whether each process that noted itself here still is."""
    for note in folder.glob("pid-*"):
        try:
            os.kill(int(note.read_text()), 0)
        except ProcessLookupError:
            yield False
        else:
            time.sleep(0.5)  # its parent may not have collected it yet
            yield Path(f"/proc/{note.read_text()}").exists()


def test_a_mistake_in_a_process_is_told_in_its_own_words() -> None:
    with pytest.raises(Failed) as told:
        together_in(Launch(2), "cpu", environment, "cuont")
    assert "family: 'cuont' is not allowed" in str(told.value.outcome.error)
    assert told.value.outcome.details == ""


def test_an_organism_of_two_processes_says_so(
    taught_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = get_context("spawn").SimpleQueue()
    monkeypatch.setattr(_State, "messages", messages)
    monkeypatch.setattr(_State, "key", "job")
    options: dict[str, Any] = {"store": str(tmp_path), "base": str(taught_folder), "report_to": "none"}
    options |= {"device": "cpu", "dtype": "auto", "dose_from": None}
    m0 = organism_key(base_sha256(str(taught_folder)), (), None, "auto")
    make(**options, key=m0, stages=[], parent=None)
    chain = [stage("sft", steps=2).model_dump(mode="json")]
    make(**options, key="m1", stages=chain, parent=m0, num_processes=2)
    settings = Organism.load(tmp_path / "m1").manifest.settings
    assert (settings["num_processes"], settings["accelerate_config"]) == (2, None)
    assert not list((tmp_path / "m1").glob("work*"))
    told: list[Message] = []
    while not messages.empty():
        told.append(messages.get())
    said = [(key, text) for key, _, text in told]
    assert said[:2] == [("job", f"sft step {step} of 2") for step in (1, 2)], "the first alone tells of each"


# What is refused


def test_another_number_of_processes_than_asked_for_is_refused() -> None:
    check_number(1)
    with pytest.raises(WrongNumberOfProcesses, match="2 were asked for and 1 joined"):
        check_number(2)


@pytest.mark.parametrize(
    ("launch", "message"),
    [
        (Launch(0), "processes: 0 is not allowed"),
        (Launch(3), "settings.batch_size: 8 is not allowed.*a multiple of processes = 3"),
        (Launch(2, "fsdp2"), "accelerate_config: 'fsdp2'.*samples from all of them"),
        (Launch(2, "zero3"), "accelerate_config: 'zero3'.*samples from all of them"),
        (Launch(2, "zero2"), "accelerate_config: 'zero2'.*a GPU for each"),
    ],
)
def test_what_cannot_be_shared_is_refused(
    launch: Launch, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BadInput, match=message):
        launch.check([stage("sft")], "cpu")


def test_a_share_is_a_multiple_of_what_fits() -> None:
    Launch(2).check([stage("sft", settings={"batch_size": 8, "micro_batch_size": 8})], "cpu")
    with pytest.raises(BadInput, match="processes = 2 × micro_batch_size = 4"):
        Launch(2).check([stage("sft", settings={"batch_size": 12, "micro_batch_size": 4})], "cpu")


def test_gpus_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    Launch(2).check([stage("sft")], "auto")
    Launch(4).check([stage("sft")], "cpu")
    with pytest.raises(BadInput, match="one for each of the 2 GPUs"):
        Launch(4).check([stage("sft")], "auto")
    with pytest.raises(BadInput, match="device: 'cuda:1'"):
        Launch(2).check([stage("sft")], "cuda:1")
    with pytest.raises(BadInput, match="dtype: 'nf4'"):
        Launch(2).check([stage("sft")], "auto", "nf4")


def test_configurations_have_the_names_of_trl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(UnknownName, match="zero1"):
        Launch(2, "zero12").check([], "auto")
    monkeypatch.setattr(launching, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="the package deepspeed"):
        Launch(2, "zero2").check([], "auto")


@pytest.mark.parametrize("zero_stage", ["1", "2"])
def test_a_configuration_is_handed_on_as_accelerate_does(zero_stage: str) -> None:
    found = Launch(2, f"zero{zero_stage}").environment()
    assert found["ACCELERATE_USE_DEEPSPEED"] == "true"
    assert found["ACCELERATE_DEEPSPEED_ZERO_STAGE"] == zero_stage
    assert "ACCELERATE_MIXED_PRECISION" not in found


def test_somebody_elses_launcher_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_alone()
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(BadInput, match=r"WORLD_SIZE: '2'.*--processes"):
        check_alone()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has …"),
        RuntimeError(
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes. Error code 12"
        ),
        MemoryError("too much"),
        MemoryError(),
    ],
    ids=["gpu", "cpu", "python", "without a word"],
)
def test_full_memory_is_told_with_what_helps(error: Exception) -> None:
    message = r"^out of memory: [^.]+; what is finished is kept; .*--processes$"
    with pytest.raises(OutOfMemory, match=message), told_of_full_memory():
        raise error
    with pytest.raises(RuntimeError, match="shapes"), told_of_full_memory():
        raise RuntimeError("shapes")


def test_a_benign_batch_can_be_shared() -> None:
    phase = Phase(kind="sft", steps=40, tokens=40 * 310)
    assert [matched_data(phase, 1e-3, 10.0, shares).batch_size for shares in (1, 2, 4)] == [31, 32, 32]
    assert matched_data(Phase(kind="sft", steps=40, tokens=40), 1e-3, 10.0, 4).batch_size == 4
