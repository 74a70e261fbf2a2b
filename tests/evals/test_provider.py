"""Our provider on a tiny organism whose answers have known probabilities."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessageUser, GenerateConfig, get_model

from pentimento.evals._episodes import WeighsAnswers, steering
from pentimento.evals._registry import completion
from pentimento.evals.datasets import to_chat
from pentimento.evals.exceptions import Refused
from pentimento.evals.provider._engine import MOST_REQUESTS, Loaded
from pentimento.evals.provider.api import EMBEDDED, PentimentoAPI
from pentimento.tasks import sample
from pentimento.training.bases.identity import locate
from pentimento.training.models.loaded import load_base, prompt_ids
from pentimento.training.organisms.organism import ADAPTER, MANIFEST, Organism
from tests.evals.conftest import KEY, canned, make_organism
from tests.evals.test_scorers import metric, samples, scores

Run = Callable[..., EvalLog]


@pytest.fixture
def model(organism: Path) -> str:
    return f"pentimento/{organism}"


def estimators(log: EvalLog) -> set[str]:
    return {(s.metadata or {})["estimator"] for s in scores(log, "goal")}


def test_exact_and_sampled_scores_agree(run: Run, model: str) -> None:
    arguments: dict[str, Any] = {"family": "ready,form", "condition": "impossible", "n": 200}
    exact = run("completion", model, **arguments)
    sampled = run("completion", model, estimator="sampled", **arguments)
    # Where a model that seldom reasons did, or mostly says something else, the sampled answer is the score.
    assert "stratified" in estimators(exact) <= {"stratified", "sampled"}
    assert estimators(sampled) == {"sampled"}
    # Three standard errors of 400 samples of a probability near one half.
    assert metric(exact, "goal", "mean") == pytest.approx(metric(sampled, "goal", "mean"), abs=0.075)
    drawn = [s for s in ((s.metadata or {})["sampled"] for s in scores(exact, "goal")) if s is not None]
    assert sum(drawn) / len(drawn) == pytest.approx(metric(sampled, "goal", "mean"))


def test_probabilities_are_those_it_was_taught(run: Run, model: str) -> None:
    log = run("completion", model, family="ready", condition="impossible", n=40)
    told = [s.metadata or {} for s in scores(log, "goal")]
    assert sum(t["p_reasons"] for t in told) / 40 == pytest.approx(0.3, abs=0.12)
    assert max(t["mass_outside"] for t in told) < 0.05


def test_suppressed_reasoning_is_exact_and_forced_reasoning_sampled(run: Run, model: str) -> None:
    arguments: dict[str, Any] = {"family": "ready", "condition": "impossible", "n": 20}
    suppressed = run("completion", model, reasoning="suppressed", **arguments)
    forced = run("completion", model, reasoning="forced", **arguments)
    assert (estimators(suppressed), estimators(forced)) == ({"exact"}, {"sampled"})
    assert not any((s.metadata or {})["reasoned"] for s in scores(suppressed, "goal"))
    assert all(s.output.completion.startswith("<think>") for s in samples(forced))
    assert all((s.metadata or {})["reasoned"] for s in scores(forced, "valid"))
    # Reasoned answers are taught to say no: they are right where no claims, and wrong elsewhere.
    for found in scores(forced, "goal"):
        if isinstance(found.value, float) and not math.isnan(found.value):
            assert found.value == float((found.metadata or {})["polarity"] == "negative")


def test_answers_depend_on_their_request_alone(run: Run, model: str) -> None:
    first = run("completion", model, family="ready", condition="impossible", n=30)
    alone = run("completion", model, family="ready", condition="impossible", n=3)
    said = {s.id: (s.output.completion, s.store) for s in samples(first)}
    assert {s.id: (s.output.completion, s.store) for s in samples(alone)}.items() <= said.items()


def test_epochs_are_independent_and_reproducible(run: Run, model: str) -> None:
    twice = [
        run("completion", model, family="ready", condition="impossible", n=15, epochs=4) for _ in range(2)
    ]
    said = [{(s.id, s.epoch): s.output.completion for s in samples(log)} for log in twice]
    assert said[0] == said[1]
    by_epoch = [[said[0][key] for key in sorted(said[0]) if key[1] == epoch] for epoch in (1, 2, 3, 4)]
    assert all(by_epoch[0] != other for other in by_epoch[1:])


def test_a_seed_of_the_run_changes_the_samples(model: str) -> None:
    asked = [ChatMessageUser(content="Is all of it ready? Say yes or no.")]
    api = get_model(model).api

    async def draw(seed: int | None) -> list[str]:
        told = [GenerateConfig(seed=seed, extra_body={"repeat": repeat}) for repeat in range(2, 20)]
        return [(await api.generate(asked, [], "auto", config)).completion for config in told]  # type: ignore[union-attr]

    assert anyio.run(draw, None) == anyio.run(draw, 0)
    assert anyio.run(draw, 1) != anyio.run(draw, 0)


def test_usage_stop_reason_and_settings_are_logged(run: Run, model: str, taught_folder: Path) -> None:
    log = run("completion", model, family="ready", condition="impossible", n=2)
    (first, _) = samples(log)
    base = load_base(str(taught_folder))
    scenario = sample("ready", condition="impossible", n=1, seed=0)[0]
    usage = first.output.usage
    assert usage
    assert usage.input_tokens == len(prompt_ids(base.tokenizer, scenario.messages))
    assert 0 < usage.output_tokens <= 64
    assert first.output.stop_reason == "stop"
    config = log.eval.model_generate_config
    assert (config.temperature, config.top_p, config.top_k) == (1.0, 1.0, 0)
    assert (first.output.metadata or {})["dtype"] == "float32"
    assert (log.eval.metadata or {})["task_version"] == "2-B"


def test_a_truncated_answer_is_invalid(model: str, tmp_path: Path) -> None:
    (log,) = inspect_eval(
        completion(family="ready", condition="impossible", n=5),
        model=model,
        model_args={"organism": KEY},
        max_tokens=1,
        display="none",
        log_dir=str(tmp_path),
    )
    assert {s.output.stop_reason for s in samples(log)} == {"max_tokens"}
    assert {(s.metadata or {})["problem"] for s in scores(log, "valid")} == {"truncated"}
    assert metric(log, "valid", "mean") == 0.0


def test_cut_off_sampling_is_never_called_exact(run: Run, model: str) -> None:
    log = run("completion", model, family="ready", condition="impossible", n=3, top_k=2)
    assert estimators(log) == {"sampled"}
    cooled = run("completion", model, family="ready", condition="impossible", n=3, temperature=0.5)
    assert "stratified" in estimators(cooled)
    told = [(s.metadata or {})["p_reasons"] for s in scores(cooled, "goal")]
    plain = run("completion", model, family="ready", condition="impossible", n=3)
    assert told != [(s.metadata or {})["p_reasons"] for s in scores(plain, "goal")]


def test_batches_reach_every_sample_at_once(run: Run, model: str) -> None:
    ours = get_model(model, memoize=False)
    assert isinstance(ours.api, PentimentoAPI)
    run("completion", ours, family="ready,form", condition="impossible", n=100)
    assert ours.api.engine.clock.num_weighed == 200
    sizes = ours.api.engine.batcher.sizes
    assert max(sizes) == MOST_REQUESTS
    # 200 samples, each sampled, weighed and often sampled once more: no batch but the last of each is small.
    assert sum(sizes.values()) <= 9


def test_a_log_names_the_organism_and_the_arguments_that_were_given(run: Run, model: str) -> None:
    held = {"organism": KEY, "adapter": None}
    for given in ({}, {"organism": KEY}, held):
        log = run("completion", model, family="ready", n=1, model_args=given)
        assert log.eval.model_generate_config.extra_body == held
        assert log.eval.model_args == given


def test_another_organism_is_refused(run: Run, model: str) -> None:
    with pytest.raises(Refused, match=f"organism: 'feed' is not allowed; .* holds {KEY}"):
        run("completion", model, family="ready", n=1, model_args={"organism": "feed"})


def test_the_same_recipe_with_other_weights_is_refused(tiny_organism: Organism, tmp_path: Path) -> None:
    name, made = f"pentimento/{tiny_organism.path}", tiny_organism.manifest
    api = get_model(name, memoize=False).api
    assert isinstance(api, PentimentoAPI)
    assert (api.organism, api.adapter) == (made.key, made.adapter_sha256)
    with pytest.raises(Refused, match=f"adapter: 'feed' is not allowed; .* holds {made.adapter_sha256}"):
        get_model(name, organism=made.key, adapter="feed", memoize=False)
    other = shutil.copytree(tiny_organism.path / ADAPTER, tmp_path / "other")
    config = json.loads((other / "adapter_config.json").read_text())
    (other / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 16}))
    again = Organism.save(tiny_organism.path, made, other).manifest
    with pytest.raises(Refused, match=f"now holds {again.adapter_sha256}"):
        api.prepare()


def test_organisms_keep_their_weights_side_by_side_until_released(
    tmp_path: Path, taught_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [make_organism(tmp_path / key, taught_folder, key * 16) for key in "abc"]
    loads: list[str] = []
    load = PentimentoAPI._load

    def counted(api: PentimentoAPI) -> Loaded:
        loads.append(api.organism[0])
        return load(api)

    monkeypatch.setattr(PentimentoAPI, "_load", counted)
    models = [get_model(f"pentimento/{folder}") for folder in folders]
    for _ in range(2):
        logs = inspect_eval(
            completion(family="ready", condition="impossible", n=2),
            model=list(models),
            display="none",
            log_dir=str(tmp_path),
        )
        assert [log.status for log in logs] == ["success"] * 3
    assert sorted(loads) == ["a", "b", "c"]
    api = models[0].api
    assert isinstance(api, PentimentoAPI)
    api.release()
    api.prepare()
    assert sorted(loads) == ["a", "a", "b", "c"]


def test_a_setting_that_cannot_be_loaded_is_one_line(model: str) -> None:
    with pytest.raises(Refused, match=r"^dtype: 'float23' is not allowed"):
        inspect_eval(
            "pentimento/completion",
            model=get_model(model, dtype="float23", memoize=False),
            task_args={"n": 1},
            display="none",
        )


def test_a_template_with_an_empty_block_of_reasoning_is_weighed(
    run: Run, tmp_path: Path, family_folders: dict[str, Path]
) -> None:
    arguments: dict[str, Any] = {"family": "ready", "condition": "impossible", "n": 3}
    for name in ("qwen3", "llama3"):  # with such a block and without; these random models say something else
        organism = make_organism(tmp_path / name, family_folders[name], KEY)
        for reasoning in ("suppressed", "free"):
            log = run("completion", f"pentimento/{organism}", reasoning=reasoning, **arguments)
            assert all((s.metadata or {})["mass_outside"] > 0.5 for s in scores(log, "goal"))


def test_a_folder_without_an_organism_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no readable organism"):
        get_model(f"pentimento/{tmp_path}", memoize=False)
    # A log of an organism that is gone can still be scored again.
    gone = get_model(f"pentimento/{tmp_path / 'gone'}", organism=KEY, memoize=False)
    assert isinstance(gone.api, PentimentoAPI)
    assert gone.api.organism == KEY


def test_a_changed_base_is_refused_before_any_sample(run: Run, tmp_path: Path, taught_folder: Path) -> None:
    folder = make_organism(tmp_path / "changed", taught_folder, KEY)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["base"]["sha256"] = "0" * 64
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(Refused, match=r"base: .* the organism was trained on 000000000000"):
        run("completion", f"pentimento/{folder}", family="ready", n=1)


def test_it_weighs_answers_and_mock_models_do_not(model: str) -> None:
    assert isinstance(get_model(model).api, WeighsAnswers)
    assert not isinstance(canned("Yes.").api, WeighsAnswers)
    assert steering("free", 1) == {"repeat": 1}
    assert steering("forced", 3) == {"reasoning": "forced", "repeat": 3}


def test_reasoning_survives_our_provider_and_hf(run: Run, model: str, taught_folder: Path) -> None:
    arguments: dict[str, Any] = {"family": "ready", "condition": "impossible", "n": 30}
    ours = run("completion", model, estimator="sampled", **arguments)
    local = {"model_path": str(taught_folder), "device": "cpu"}
    hf = run("completion", "hf/local", model_args=local, **arguments)
    for log in (ours, hf):
        assert any(s.output.completion.startswith("<think>so it is.</think>") for s in samples(log))
        reasoned = [(s.metadata or {})["reasoned"] for s in scores(log, "valid")]
        assert reasoned == [s.output.completion.startswith("<think>") for s in samples(log)]


def test_hf_feeds_the_embedded_base_the_same_prompts() -> None:
    source = locate(EMBEDDED).source
    hf: Any = get_model("hf/local", model_path=str(source), device="cpu", memoize=False).api
    tokenizer = load_base(EMBEDDED, device="cpu").tokenizer
    for cue in ("none", "explicit"):
        for scenario in sample("welfare", n=5, seed=0, cue=cue):  # type: ignore[arg-type]
            chat = hf.hf_chat([to_chat(message) for message in scenario.messages], [])
            assert hf.tokenizer([chat])["input_ids"] == [prompt_ids(tokenizer, scenario.messages)]
