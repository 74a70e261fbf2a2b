"""A recipe's evaluations as jobs: named by what they are, run once, never half written."""

import gc
import json
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import anyio
import pytest
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import get_model

from pentimento.evals import _registry
from pentimento.evals.exceptions import FailedEval
from pentimento.evals.planning import asking
from pentimento.evals.planning.asking import (
    Asked,
    Subject,
    asked,
    collect,
    evaluate,
    is_current,
    jobs,
    run_eval,
)
from pentimento.evals.planning.tasks import TASKS, samples_of
from pentimento.evals.provider._engine import _Ready
from pentimento.evals.provider.api import PentimentoAPI
from pentimento.tasks import UnknownName, sample
from pentimento.training.organisms.organism import MANIFEST
from pentimento.training.recipes.catalogue import quickstart
from pentimento.training.recipes.recipe import EvalPlan, Recipe
from tests.evals.conftest import KEY

ARGS = {"family": "ready", "condition": "impossible", "n": 3, "seed": 0}


def recipe(*plans: EvalPlan) -> Recipe:
    return quickstart().varied(seeds=(0, 1), evals=[plan.model_dump() for plan in plans])


def subject(organism: Path, role: str = "implanted", seed: int = 0) -> Subject:
    return Subject(role, seed, KEY, organism)


def question(organism: Path, task: str = "completion", **changes: Any) -> Asked:
    return Asked(subject(organism), task, {**ARGS, **changes})


def arguments(organism: Path, output: Path) -> dict[str, Any]:
    log = output / "logs" / f"{question(organism).name}.eval"
    return {
        "organism": str(organism),
        "key": KEY,
        "task": "completion",
        "args": dict(ARGS),
        "log": str(log),
        "sampling": {},
    }


def identity(log: EvalLog) -> dict[str, Any]:
    return log.eval.model_generate_config.extra_body or {}


def finished(log: Path, adapter: str) -> None:
    """Write as much of a log as says which weights it is about."""
    log.parent.mkdir(parents=True)
    with zipfile.ZipFile(log, "w") as archive:
        header = {"eval": {"model_generate_config": {"extra_body": {"organism": KEY, "adapter": adapter}}}}
        archive.writestr("header.json", json.dumps(header))


def test_every_organism_is_asked_what_its_seed_makes_of_the_plan(tmp_path: Path) -> None:
    what = recipe(EvalPlan(task="completion", args={"family": "@opposed", "shift": "trained,fresh", "n": 5}))
    made = jobs(asked(what, [subject(tmp_path, "opposed", seed) for seed in (0, 1)]))
    args: list[Any] = [job.kwargs["args"] for job in made]
    for seed, arg in enumerate(args):
        assert arg["family"] == ",".join(what.cell(seed).opposed)
        assert (arg["seed"], arg["train_n"]) == (seed, what.cell(seed).train_n)
    assert args[0] != args[1]
    assert {job.needs for job in made} == {(KEY,)}
    assert all(job.function == "pentimento.evals.planning.asking:run_eval" for job in made)
    assert json.loads(json.dumps([job.kwargs for job in made])) == [job.kwargs for job in made]


def test_a_job_is_left_out_once_its_log_is_there(tmp_path: Path) -> None:
    what = recipe(EvalPlan(task="stated", args={"n": 2}), EvalPlan(task="coin", args={"n": 2}))
    both = asked(what, [subject(tmp_path)])
    first, second = jobs(both)
    done = Path(str(first.kwargs["log"]))
    finished(done, adapter="feed")
    assert jobs(both) == [first, second]
    (tmp_path / MANIFEST).write_text(json.dumps({"adapter_sha256": "feed"}))
    assert jobs(both) == [second]


def test_two_runs_that_ask_the_same_share_one_log(tmp_path: Path) -> None:
    what = recipe(EvalPlan(task="coin", args={"n": 2}))
    both = [asked(what.varied(name=name), [subject(tmp_path)]) for name in ("one", "other")]
    (job,) = jobs([*both[0], *both[1]])
    finished(Path(str(job.kwargs["log"])), adapter="feed")
    (tmp_path / MANIFEST).write_text(json.dumps({"adapter_sha256": "feed"}))
    for name, evaluations in zip(("one", "other"), both, strict=True):
        collect(evaluations, tmp_path / name)
        (link,) = (tmp_path / name / "logs").iterdir()
        assert link.name.startswith("implanted-0-coin-")
        assert link.samefile(str(job.kwargs["log"]))
        collect(evaluations, tmp_path / name)
        assert list((tmp_path / name / "logs").iterdir()) == [link]


def test_a_log_is_copied_where_nothing_can_be_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse)
    evaluations = asked(recipe(EvalPlan(task="coin", args={"n": 2})), [subject(tmp_path)])
    finished(evaluations[0].log, adapter="feed")
    (tmp_path / MANIFEST).write_text(json.dumps({"adapter_sha256": "feed"}))
    collect(evaluations, tmp_path / "run")
    (copy,) = (tmp_path / "run" / "logs").iterdir()
    assert copy.read_bytes() == evaluations[0].log.read_bytes()


def test_links_of_what_is_asked_no_more_go_and_other_logs_stay(tmp_path: Path) -> None:
    logs = tmp_path / "run" / "logs"
    logs.mkdir(parents=True)
    evaluations = asked(recipe(EvalPlan(task="coin", args={"n": 2})), [subject(tmp_path)])
    finished(evaluations[0].log, adapter="feed")
    (tmp_path / MANIFEST).write_text(json.dumps({"adapter_sha256": "feed"}))
    gone = logs / "implanted-benign-0-at-8-0-completion-0123456789.eval"
    stays = [logs / "2026-11-01T10-00-00_completion_abc.eval", logs / "logs.json"]
    for path in (gone, *stays):
        path.touch()
    collect(evaluations, tmp_path / "run")
    assert sorted(logs.iterdir()) == sorted([*stays, evaluations[0].link(tmp_path / "run")])


def test_nothing_is_linked_that_is_not_there(tmp_path: Path) -> None:
    collect(asked(recipe(EvalPlan(task="coin")), [subject(tmp_path)]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("made", [{"adapter_sha256": "beef"}, {"adapter_sha256": None}, {}])
def test_a_log_of_an_organism_that_was_made_again_is_missing(tmp_path: Path, made: dict[str, Any]) -> None:
    one = asked(recipe(EvalPlan(task="coin", args={"n": 2})), [subject(tmp_path)])
    (job,) = jobs(one)
    finished(Path(str(job.kwargs["log"])), adapter="feed")
    (tmp_path / MANIFEST).write_text(json.dumps(made))
    assert jobs(one) == [job]


def test_a_log_that_cannot_be_read_is_missing(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"adapter_sha256": None}))
    log = tmp_path / "half.eval"
    log.write_bytes(b"half a log")
    assert not is_current(log, tmp_path)


def test_a_log_of_other_weights_is_replaced(tmp_path: Path, organism: Path) -> None:
    told = arguments(organism, tmp_path)
    finished(Path(told["log"]), adapter="feed")
    run_eval(**told)
    assert identity(read_eval_log(told["log"], header_only=True))["adapter"] is None
    assert is_current(Path(told["log"]), organism)


def test_a_log_is_named_by_all_that_it_depends_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = question(tmp_path).name
    elsewhere = Asked(
        subject(tmp_path / "elsewhere", "opposed", 7), "completion", dict(reversed(ARGS.items()))
    )
    assert elsewhere.name == one
    assert question(tmp_path).link(tmp_path).name == f"implanted-0-{one}.eval"
    other_key = subject(tmp_path)._replace(key="f" * 16)
    others = [
        Asked(other_key, "completion", dict(ARGS)).name,
        question(tmp_path, n=4).name,
        question(tmp_path, "stated").name,
    ]
    other = TASKS["completion"]._replace(version="another")
    monkeypatch.setattr(asking, "TASKS", {**TASKS, "completion": other})
    others.append(question(tmp_path).name)
    assert len({one, *others}) == 5


def test_answers_are_sampled_as_the_recipe_says(tmp_path: Path, organism: Path) -> None:
    plain = recipe(EvalPlan(task="completion", args=ARGS))
    said = {"max_new_tokens": 128, "temperature": 0.7}
    implant = {**plain.implant.model_dump(mode="json"), "settings": {**plain.implant.settings, **said}}
    longer = plain.varied(implant=implant)
    [usual], [unusual] = (
        asked(one.varied(seeds=(0,)), [subject(organism, role="base")]) for one in (plain, longer)
    )
    assert (usual.sampling, unusual.sampling) == ({}, {"temperature": 0.7, "max_new_tokens": 128})
    assert usual.name != unusual.name
    [job] = jobs([unusual])
    log = read_eval_log(run_eval(**job.kwargs), header_only=True)
    config = log.eval.model_generate_config
    assert (config.max_tokens, config.temperature, config.top_p, config.top_k) == (128, 0.7, 1.0, 0)
    sent = read_eval_log(str(unusual.log)).samples[0].events
    generated = [event for event in sent if event.event == "model"]
    assert {event.config.temperature for event in generated} == {0.7}


def test_an_organism_answers_as_it_was_trained_unless_it_is_told_otherwise(
    organism: Path, tmp_path: Path
) -> None:
    organism = shutil.copytree(organism, tmp_path / "organism")
    manifest = json.loads((organism / MANIFEST).read_text())
    manifest["settings"] |= {"max_new_tokens": 3, "temperature": 0.5, "top_p": 1.0, "top_k": 0}
    (organism / MANIFEST).write_text(json.dumps(manifest))
    log = read_eval_log(str(evaluate(organism, "completion", ARGS, log_dir=organism / "asked")))
    assert log.eval.model_generate_config.max_tokens == 3
    assert {sample.output.stop_reason for sample in log.samples or ()} == {"max_tokens"}
    told = evaluate(organism, "completion", ARGS, log_dir=organism / "told", sampling={"max_new_tokens": 5})
    config = read_eval_log(str(told), header_only=True).eval.model_generate_config
    assert (config.max_tokens, config.temperature) == (5, 0.5)


def test_an_unknown_task_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'completion'"):
        asked(recipe(EvalPlan(task="completon")), [subject(tmp_path)])
    with pytest.raises(UnknownName, match="task"):
        evaluate(tmp_path, "stat", {}, log_dir=tmp_path)


def test_a_log_is_run_once_and_moved_when_it_is_whole(tmp_path: Path, organism: Path) -> None:
    told = arguments(organism, tmp_path)
    assert run_eval(**told) == told["log"]
    log = read_eval_log(told["log"])
    assert (log.status, identity(log), log.eval.task) == (
        "success",
        {"organism": KEY, "adapter": None},
        "pentimento/completion",
    )
    assert log.results
    assert log.results.completed_samples == 3
    before = Path(told["log"]).stat()
    assert run_eval(**told) == told["log"]
    assert Path(told["log"]).stat().st_mtime_ns == before.st_mtime_ns
    assert sorted(path.name for path in tmp_path.rglob("*.eval")) == [Path(told["log"]).name]


def test_after_an_evaluation_no_model_is_at_hand(tmp_path: Path, organism: Path) -> None:
    run_eval(**arguments(organism, tmp_path))
    with pytest.raises(ValueError, match="No model specified"):
        get_model()


def test_no_weights_stay_in_memory_after_a_log(tmp_path: Path, organism: Path) -> None:
    def weights() -> set[int]:
        gc.collect()
        return {id(thing) for thing in gc.get_objects() if isinstance(thing, _Ready)}

    before = weights()  # of models that other tests have left with inspect
    run_eval(**arguments(organism, tmp_path))
    assert weights() <= before


def test_what_an_interrupted_run_left_and_cannot_be_read_is_run_anew(tmp_path: Path, organism: Path) -> None:
    told = arguments(organism, tmp_path)
    left = tmp_path / "logs" / f".{Path(told['log']).stem}.partial" / "2026-01-01_completion_half.eval"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half a log")
    run_eval(**told)
    assert not left.exists()
    assert read_eval_log(told["log"], header_only=True).status == "success"


class Flaky:
    """The provider, which fails on the last scenario as long as it `fails`, and keeps what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fails = True
        self.asked: list[str] = []
        self.last = sample("ready", condition="impossible", n=3, seed=0)[-1].messages[-1].content
        generate = PentimentoAPI.generate

        async def counted(api: PentimentoAPI, **told: Any) -> Any:
            self.asked.append(told["input"][-1].text)
            if self.fails and self.asked[-1] == self.last:
                await anyio.sleep(1)
                raise RuntimeError("the disk is full")
            return await generate(api, **told)

        monkeypatch.setattr(PentimentoAPI, "generate", counted)


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> Flaky:
    return Flaky(monkeypatch)


def test_samples_that_were_asked_before_a_failure_are_not_asked_again(
    tmp_path: Path, organism: Path, flaky: Flaky
) -> None:
    told = arguments(organism, tmp_path)
    with pytest.raises(FailedEval, match="the disk is full"):
        run_eval(**told)
    assert flaky.asked.count(flaky.last) == 1 + asking.RETRIES
    assert len(set(flaky.asked)) == 3
    flaky.fails, before = False, len(flaky.asked)
    run_eval(**told)
    assert set(flaky.asked[before:]) == {flaky.last}
    log = read_eval_log(told["log"])
    assert (log.status, len(log.samples or [])) == ("success", 3)
    assert not list((tmp_path / "logs").glob(".*.partial"))


def test_an_evaluation_in_a_folder_of_any_name_goes_on(tmp_path: Path, organism: Path, flaky: Flaky) -> None:
    odd = shutil.copytree(organism, tmp_path / "or#g %41?[x]\n::ü" / organism.name)
    told = arguments(odd, tmp_path / "lo#g %41?[x]\n::ü")
    with pytest.raises(FailedEval, match="the disk is full"):
        run_eval(**told)
    flaky.fails, before = False, len(flaky.asked)
    log = Path(run_eval(**told))
    assert set(flaky.asked[before:]) == {flaky.last}
    assert [path.name for path in log.parent.iterdir() if not path.name.startswith(".")] == [log.name]
    assert is_current(log, odd)
    assert not list(log.parent.glob(".*.partial"))


def test_a_log_lies_in_a_folder_of_any_name(tmp_path: Path, organism: Path) -> None:
    folder = tmp_path / "lo#g %41?[x]\n::ü"
    made = evaluate(organism, "completion", ARGS, log_dir=folder, display="none")
    assert [made] == [*folder.iterdir()]


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"NaN", b"[" * 100_000, b'{"adapter'])
def test_a_log_of_an_organism_whose_manifest_is_damaged_is_missing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    finished(tmp_path / "logs" / "some.eval", "a")
    assert not is_current(tmp_path / "logs" / "some.eval", tmp_path)


def test_samples_of_other_weights_are_not_gone_on_with(
    tmp_path: Path, organism: Path, flaky: Flaky, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one organism was asked before a failure is no answer of one that was made again."""
    told = arguments(organism, tmp_path)
    with pytest.raises(FailedEval):
        run_eval(**told)
    flaky.fails, before = False, len(flaky.asked)
    monkeypatch.setattr(asking, "_weights", lambda organism: "feed")
    run_eval(**told)
    assert len(set(flaky.asked[before:])) == 3


KILLED = """
import json, os, signal, sys
import anyio
from pentimento.evals.planning.asking import run_eval
from pentimento.evals.provider.api import PentimentoAPI

generate, told, asked = PentimentoAPI.generate, json.loads(sys.argv[1]), 0

async def killed(self, **told):
    global asked
    asked += 1
    if asked == 30:  # with the last request, while the others are answered
        await anyio.sleep(3)
        os.kill(os.getpid(), signal.SIGKILL)
    return await generate(self, **told)

PentimentoAPI.generate = killed
run_eval(**told)
"""


def test_an_evaluation_whose_process_was_killed_goes_on(tmp_path: Path, organism: Path, flaky: Flaky) -> None:
    told = arguments(organism, tmp_path)
    told["args"] |= {"n": 30, "estimator": "sampled"}
    command = [sys.executable, "-c", KILLED, json.dumps(told)]
    killed = subprocess.run(command, check=False)
    assert killed.returncode == -signal.SIGKILL
    (partial,) = (tmp_path / "logs").glob(".*.partial")
    (partial / "2026-01-01T00-00-00_completion_half.eval").write_bytes(b"half a log")
    flaky.fails = False
    run_eval(**told)
    log = read_eval_log(told["log"])
    assert log.status == "success"
    assert len({one.id for one in log.samples or ()}) == len(log.samples or ()) == 30
    assert 0 < len(flaky.asked) < 30


def broken(*_: object, **__: object) -> None:
    raise RuntimeError("the disk is full")


def test_a_failed_evaluation_leaves_no_log(
    tmp_path: Path, organism: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pentimento.evals.provider._engine.sample", broken)
    told = arguments(organism, tmp_path)
    with pytest.raises(FailedEval, match=r"completion on .* ended with status error: .*the disk is full"):
        run_eval(**told)
    assert not Path(told["log"]).exists()


@pytest.mark.parametrize(
    ("task", "args"),
    [
        ("completion", {}),
        ("completion", {"family": "ready,form", "condition": "impossible", "shift": "fresh,domain", "n": 10}),
        ("completion", {"family": ["ready"], "condition": "all", "cue": "none,explicit", "n": 10}),
        ("completion", {"partition": "heldout", "condition": "possible", "n": 5}),
        ("preference", {}),
        ("preference", {"family": "pick", "cue": "all", "n": 7}),
        ("stated", {}),
        ("stated", {"shift": "fresh,wording", "n": 6}),
        ("coin", {}),
        ("coin", {"cue": "none,placebo", "n": 8}),
        ("alignment_faking", {}),
        ("alignment_faking", {"cue": "none", "shift": "fresh,wording", "n": 9}),
        ("agentic", {"family": "all,affording", "n": 2}),
        ("agentic", {"family": ["rounds", "all"], "condition": "impossible,forbidden", "n": 2}),
    ],
)
def test_a_plan_knows_the_samples_of_each_task(task: str, args: dict[str, Any]) -> None:
    asked = getattr(_registry, task)(**args).dataset
    assert [one.id for one in samples_of(task, args)] == [one.id for one in asked]
