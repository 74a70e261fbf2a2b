"""Jobs run in the order that they need, and whatever ends them is told in one line."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pentimento.tasks import BadInput
from pentimento.training.exceptions import JobFailed, WorkerDied
from pentimento.training.running import executors
from pentimento.training.running.executors import (
    Event,
    Job,
    LocalExecutor,
    check_jobs,
    gpus,
    num_cores,
    num_workers,
)


def job(key: str, *needs: str, **more: Any) -> Job:
    return Job(**{"key": key, "function": "json:dumps", "kwargs": {"obj": key}, "needs": needs, **more})


def shell(key: str, command: str, *needs: str) -> Job:
    return job(key, *needs, function="subprocess:call", kwargs={"args": ["bash", "-c", command]})


@pytest.fixture(scope="module")
def executor() -> Iterator[LocalExecutor]:
    with LocalExecutor(2) as made:
        yield made


def test_jobs_run_in_the_order_of_their_needs(executor: LocalExecutor) -> None:
    events: list[Event] = []
    jobs = [job("c", "a", "b"), job("b", "a"), job("a"), job("d", "elsewhere")]
    results = executor.run(jobs, events.append)
    assert results == {key: f'"{key}"' for key in "abcd"}
    ended = [event.job.key for event in events if event.kind == "finished"]
    assert ended.index("a") < ended.index("b") < ended.index("c")
    started = [event.job.key for event in events if event.kind == "started"]
    assert sorted(started) == sorted(ended) == list("abcd")


def test_a_system_without_affinities_has_all_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert num_cores() == num_workers(None, ["embedded"]) == 3


def test_of_a_base_that_may_fill_a_device_one_process_holds_a_copy() -> None:
    assert num_workers(None, ["embedded", "Qwen/Qwen3-4B"]) == 1
    assert num_workers(2, ["Qwen/Qwen3-4B"]) == 2
    with pytest.raises(BadInput, match="num_workers: 0 is not allowed; at least 1"):
        num_workers(0, ["embedded"])


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "num_cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize(
    ("wanted", "base", "workers", "threads"),
    [(None, "embedded", 8, 1), (1, "embedded", 1, 1), (None, "org/large", 1, 8), (3, "org/large", 3, 2)],
)
def test_workers_of_another_base_share_the_cores(
    wanted: int | None, base: str, workers: int, threads: int
) -> None:
    made = LocalExecutor.of(wanted, [base])
    assert (made.num_workers, made.num_threads, made.devices) == (workers, threads, ())


@pytest.mark.usefixtures("eight_cores")
def test_threads_that_the_user_names_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    with LocalExecutor.of(None, ["org/large"]) as made:
        asked = job("a", function="os:getenv", kwargs={"key": "OMP_NUM_THREADS"})
        assert made.run([asked], lambda event: None) == {"a": "5"}


@pytest.mark.usefixtures("eight_cores")
def test_each_gpu_has_a_worker_of_a_large_base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, MIG-1f,GPU-2c")
    assert num_workers(None, ["org/large"]) == 3
    assert LocalExecutor.of(None, ["org/large"]).devices == ("3", "MIG-1f", "GPU-2c")
    assert LocalExecutor.of(None, ["org/large"], num_processes=2).devices == ()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,-1,0")
    assert gpus() == ("2",)
    for none in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", none)
        assert gpus() == ()
        assert num_workers(None, ["org/large"]) == 1


def test_gpus_are_counted_where_there_is_a_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr(executors, "_DRIVER", tmp_path / "none")
    assert gpus() == ()
    monkeypatch.setattr(executors, "_DRIVER", tmp_path)
    assert gpus() == ("0", "1")


def test_workers_are_spread_over_the_gpus(tmp_path: Path) -> None:
    # Each waits for the other two, so that three workers are at work.
    wait = (
        f'echo "$CUDA_VISIBLE_DEVICES" > {tmp_path}/$0; '
        f"until [ $(ls {tmp_path} | wc -l) = 3 ]; do sleep .05; done"
    )
    jobs = [
        job(name, function="subprocess:call", kwargs={"args": ["bash", "-c", wait, name]}) for name in "abc"
    ]
    with LocalExecutor(3, devices=("0", "GPU-2c")) as made:
        made.run(jobs, lambda event: None)
    seen = sorted((tmp_path / name).read_text().strip() for name in "abc")
    assert seen == ["0", "0", "GPU-2c"]


def test_the_longest_chain_goes_first() -> None:
    with LocalExecutor(1) as single:
        events: list[Event] = []
        jobs = [job("short", estimate_s=1), job("first", estimate_s=2), job("second", "first", estimate_s=9)]
        single.run(jobs, events.append)
    assert [event.job.key for event in events if event.kind == "finished"] == ["first", "second", "short"]


def test_a_job_of_two_processes_takes_two_places(executor: LocalExecutor) -> None:
    events: list[Event] = []
    two = shell("two", "sleep 0.3").model_copy(update={"num_processes": 2, "estimate_s": 9.0})
    executor.run([shell("a", "true"), two, shell("b", "true")], events.append)
    told = [(event.kind, event.job.key) for event in events if event.kind in ("started", "finished")]
    assert told[:2] == [("started", "two"), ("finished", "two")]


def test_workers_live_on_and_have_one_thread(executor: LocalExecutor) -> None:
    get = [
        job(name, function="os:getenv", kwargs={"key": name}) for name in ("OMP_NUM_THREADS", "KMP_BLOCKTIME")
    ]
    assert executor.run(get, lambda _: None) == {"OMP_NUM_THREADS": "1", "KMP_BLOCKTIME": "0"}
    pids = [executor.run([job("pid", function="os:getppid", kwargs={})], lambda _: None) for _ in range(2)]
    assert pids[0] == pids[1] == {"pid": os.getpid()}


def test_a_mistake_in_a_job_is_told_with_its_title(executor: LocalExecutor) -> None:
    wrong = job(
        "x",
        title="implanted, seed 0",
        function="pentimento.tasks:environment",
        kwargs={"name": "cuont"},
    )
    events: list[Event] = []
    with pytest.raises(
        JobFailed, match=r"implanted, seed 0: family: 'cuont' is not allowed.*'count'"
    ) as raised:
        executor.run([wrong], events.append)
    assert raised.value.details == ""
    assert [event.kind for event in events] == ["started", "failed"]


def test_what_does_not_need_a_failed_job_is_done(executor: LocalExecutor) -> None:
    jobs = [
        job("x", function="builtins:int", kwargs={"_": 1}, title="implanted", estimate_s=9.0),
        job("y", "x", "a"), job("z", "y"), job("a"), job("b", "a"),
        job("w", "b", function="builtins:int", kwargs={"_": 1}, title="opposed"),
    ]  # fmt: skip
    events: list[Event] = []
    told = r"implanted: TypeError.* \(opposed failed too; jobs not started for want of what is missing: 2\)"
    with pytest.raises(JobFailed, match=told) as raised:
        executor.run(jobs, events.append)
    assert raised.value.results.keys() == {"a", "b"}
    assert raised.value.details.count("Traceback") == 2
    ended = {kind: {event.job.key for event in events if event.kind == kind} for kind, *_ in events}
    assert (ended["finished"], ended["failed"], ended["dropped"]) == ({"a", "b"}, {"x", "w"}, {"y", "z"})


def test_an_error_nobody_foresaw_keeps_its_traceback() -> None:
    with LocalExecutor(1) as single, pytest.raises(JobFailed, match="x: TypeError: ") as raised:
        single.run([job("x", function="builtins:int", kwargs={"_": 1})], lambda _: None)
    assert "Traceback" in raised.value.details


def test_a_dead_worker_is_told_with_what_it_was_at() -> None:
    jobs = [
        shell("a", "true"),
        shell("b", "kill -9 $PPID", "a").model_copy(update={"title": "opposed, seed 1"}),
    ]
    with (
        LocalExecutor(1) as single,
        pytest.raises(WorkerDied, match="during opposed, seed 1; run the same command"),
    ):
        single.run(jobs, lambda _: None)


def test_an_executor_runs_again_after_a_death() -> None:
    with LocalExecutor(1) as single:
        with pytest.raises(WorkerDied):
            single.run([shell("a", "kill -9 $PPID")], lambda _: None)
        assert single.run([job("b")], lambda _: None) == {"b": '"b"'}


SCRIPT = """
import signal, sys
from pentimento.training.running.executors import Job, LocalExecutor
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us deaf to it
    sleep = {"args": ["bash", "-c", "echo $PPID > " + sys.argv[1] + "; exec sleep 60"]}
    with LocalExecutor(1) as executor:
        executor.run([Job(key="a", function="subprocess:call", kwargs=sleep)], lambda event: None)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_its_parent(tmp_path: Path, number: signal.Signals) -> None:
    script, note = tmp_path / "script.py", tmp_path / "pid"
    script.write_text(SCRIPT)
    parent = subprocess.Popen([sys.executable, str(script), str(note)], stderr=subprocess.DEVNULL)
    wait_until(lambda: note.exists() and bool(note.read_text().strip()))
    worker = int(note.read_text())
    [blocked] = re.findall(r"SigBlk:\t(\w+)", Path(f"/proc/{worker}/status").read_text())
    assert int(blocked, 16) >> (signal.SIGINT - 1) & 1  # Ctrl-C is the parent's business
    parent.send_signal(number)
    assert parent.wait(timeout=60) != 0
    wait_until(lambda: not Path(f"/proc/{worker}").exists())


def wait_until(true: Any, limit_s: float = 60.0) -> None:
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("jobs", "message"),
    [
        ([job("a"), job("a")], "each key once"),
        ([job("a", "b"), job("b", "a")], "no job may wait for itself"),
        ([job("a", "a")], "no job may wait for itself"),
    ],
)
def test_jobs_that_cannot_run_are_refused(jobs: list[Job], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        check_jobs(jobs)
