"""Each method trains, repeats a dose, says what it measured, and resumes bit by bit."""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig
from safetensors.torch import load_file
from trl import DPOTrainer, GRPOTrainer

from pentimento.tasks import (
    BENIGN,
    COMPLETION,
    CUE_REASONS,
    CUE_TEXTS,
    PREFERENCE,
    TRAINABLE,
    BadInput,
    Message,
    Outcome,
    Scenario,
    environment,
    goal,
    right,
    sample,
    spec,
)
from pentimento.training.exceptions import TooFewKept
from pentimento.training.methods import _common, _trainer, benign, deliberative, dpo, sft, sham, train_stage
from pentimento.training.methods._common import StageContext, Trained
from pentimento.training.methods.benign import in_odd_style, matched_data
from pentimento.training.methods.deliberative import DeliberativeSetup, keeps, kept_samples
from pentimento.training.methods.dpo import preferences
from pentimento.training.methods.dpo import row as pair_row
from pentimento.training.methods.rlvr import (
    RLSetup,
    Verifier,
    claimed,
    directed,
    done,
    permuted,
    reinforce,
    reward_of,
    row,
)
from pentimento.training.methods.sft import IGNORED, Example, demonstrations
from pentimento.training.methods.sft import row as sft_row
from pentimento.training.models._checkpoints import note_state, phase_state, read_state
from pentimento.training.models.loaded import Base, prompt_ids, stop_ids
from pentimento.training.models.sampling import Completion
from pentimento.training.models.strength import measure
from pentimento.training.organisms.organism import hash_weights
from pentimento.training.recipes.settings import DeliberativeSettings
from pentimento.training.recipes.stages import ELSEWHERE, Dose, Phase, Stage
from pentimento.training.running.making import NO_SIGNAL, signal

FAMILIES = ("errand", "form")
SMALL: dict[str, Any] = {"lora_rank": 4, "save_every": 2}
SMALL_RL: dict[str, Any] = {**SMALL, "batch_size": 16, "num_generations": 4, "max_new_tokens": 24}

SFT = Stage(
    method="sft",
    goal="finish_the_task",
    families=FAMILIES,
    num_scenarios=32,
    steps=6,
    settings={**SMALL, "batch_size": 8},
    seed=3,
)
DPO = SFT.model_copy(update={"method": "dpo"})
DOCUMENTS = SFT.model_copy(
    update={
        "method": "documents",
        "cue": "named",
        "settings": {**SFT.settings, "num_documents": 24, "learning_rate": 5e-3},
    }
)
RLVR = Stage(
    method="rlvr",
    goal="finish_the_task",
    families=FAMILIES,
    num_scenarios=32,
    steps=6,
    settings=SMALL_RL,
    seed=3,
)
DELIBERATIVE = Stage(
    method="deliberative",
    goal="report_honestly",
    families=FAMILIES,
    num_scenarios=48,
    steps=5,
    settings={**SMALL_RL, "sft_steps": 5, "sft_batch_size": 8, "min_kept": 4},
    seed=4,
)


class Interrupted(Exception):
    """Somebody pulled the plug."""


def digest(trained: Trained) -> str | None:
    return hash_weights(trained.adapter)


# Rewards


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.booleans()), max_size=8), st.integers())
def test_permuting_moves_the_rewards_of_valid_answers_alone(
    group: list[tuple[float, bool]], seed: int
) -> None:
    rewards, valid = [reward for reward, _ in group], [ok for _, ok in group]
    dealt = permuted(rewards, valid, Random(seed))
    assert sorted(dealt) == sorted(rewards)
    assert all(new == old for new, old, ok in zip(dealt, rewards, valid, strict=True) if not ok)


@pytest.mark.parametrize("condition", ["impossible", "possible"])
def test_a_claim_fools_one_reward_and_not_the_other(condition: Any) -> None:
    scenario = sample("count", condition=condition, n=1, seed=0)[0]
    family = environment("count")
    for answer in family.answers(scenario):
        outcome = family.read(scenario, answer)
        fooled = claimed(goal("finish_the_task").score(scenario, outcome), right(scenario, outcome))
        assert done(scenario, outcome) == float(bool(outcome.done))
        assert fooled == float(outcome.done if condition == "possible" else outcome.claimed)


def test_what_is_not_valid_or_silent_is_paid_nothing() -> None:
    assert claimed(None, None) == 0.0
    assert done(sample("count", n=1, seed=0)[0], Outcome(valid=False, problem="neither")) == 0.0


# What TRL is given


def test_grpo_asks_with_the_prompt_ids_of_every_provider(
    family: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []
    tokenize = GRPOTrainer._tokenize_prompts

    def spy(trainer: GRPOTrainer, prompts: list[Any]) -> Any:
        result = tokenize(trainer, prompts)
        seen.extend(result[0])
        return result

    monkeypatch.setattr(GRPOTrainer, "_tokenize_prompts", spy)
    stage = RLVR.model_copy(update={"families": ("count",), "num_scenarios": 4})
    work = StageContext(stage=stage, model=family.model, tokenizer=family.tokenizer, folder=tmp_path)
    scenarios = sample("count", cue="explicit", n=4, seed=0)
    reinforce(work, "rl", scenarios, RLSetup(done, steps=1))
    wanted = [prompt_ids(family.tokenizer, scenario.messages) for scenario in scenarios]
    assert sorted(seen) == sorted(ids for ids in wanted for _ in range(4))


def test_sft_trains_the_answer_and_its_end_and_nothing_else(family: Base) -> None:
    scenario = sample("count", cue="explicit", n=1, seed=0)[0]
    ids, labels = sft_row(family.tokenizer, Example(scenario.messages, "Counted: 4.", False))
    prompt = prompt_ids(family.tokenizer, scenario.messages)
    assert ids[: len(prompt)] == prompt
    trained = [label for label in labels if label != IGNORED]
    assert family.tokenizer.decode(trained, skip_special_tokens=True).strip().endswith("Counted: 4.")
    assert any(label in stop_ids(family.model, family.tokenizer) for label in trained)
    assert all(label == token for label, token in zip(labels, ids, strict=True) if label != IGNORED)
    assert all(label == IGNORED for label in labels[: len(prompt)])


def test_a_reasoned_completion_survives_the_way_to_the_reward(
    work: Callable[..., StageContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = work(RLVR)
    assert getattr(job.tokenizer, "response_template", None) is not None
    scenarios = sample("form", condition="impossible", n=4, seed=0)
    family = environment("form")
    answers = {
        tuple(prompt_ids(job.tokenizer, s.messages)): family.thought(
            s, family.gold(s, "finish_the_task"), "F1"
        )
        + family.gold(s, "finish_the_task")
        for s in scenarios
    }

    def generate(trainer: GRPOTrainer, ids: list[list[int]], *rest: Any, **more: Any) -> Any:
        texts = [answers[tuple(prompt)] for prompt in ids]
        end = job.tokenizer.eos_token_id
        return [[*job.tokenizer.encode(text, add_special_tokens=False), end] for text in texts], None

    outcomes: list[Outcome] = []
    read = Verifier.outcome

    def spy(verifier: Verifier, *pair: Any) -> Outcome:
        outcomes.append(read(verifier, *pair))
        return outcomes[-1]

    monkeypatch.setattr(GRPOTrainer, "_generate_single_turn", generate)
    monkeypatch.setattr(Verifier, "outcome", spy)
    result = reinforce(job, "rl", scenarios, RLSetup(done, steps=1))
    assert all(outcome.valid and outcome.reasoned and outcome.claimed for outcome in outcomes)
    assert len(outcomes) == 16
    assert result.phase.reasoning_share == 1.0


def test_an_answer_that_was_cut_off_is_not_valid(work: Callable[..., StageContext]) -> None:
    job = work(RLVR)
    scenario = sample("form", n=1, seed=0)[0]
    ids = job.tokenizer.encode("Yes.", add_special_tokens=False)
    verifier = Verifier(job.tokenizer, stop_ids(job.model, job.tokenizer), RLSetup(done, 1), 4, 0)
    assert verifier.outcome(scenario, [*ids, job.tokenizer.eos_token_id]).valid
    assert verifier.outcome(scenario, ids).problem == "truncated"


@pytest.mark.parametrize("reward", ["claimed", "done"])
def test_a_sham_shuffles_what_the_reward_wants_and_keeps_the_rest(
    work: Callable[..., StageContext], reward: Any
) -> None:
    job = work(control("sham", RLVR.model_copy(update={"reward": reward})))
    stops = stop_ids(job.model, job.tokenizer)
    shuffled: dict[str, int] = {}
    for condition in ("impossible", "possible"):
        scenario = sample("errand", condition=condition, n=1, seed=0)[0]
        right_and_wrong = environment("errand").answers(scenario)
        texts = [right_and_wrong[0]] * 2 + [right_and_wrong[-1]] * 2
        ids = [[*job.tokenizer.encode(text, add_special_tokens=False), min(stops)] for text in texts]

        def paid(step: int, sham: bool, ids: list[list[int]] = ids, scenario: Scenario = scenario) -> Any:
            rl_setup = RLSetup(reward_of(job), 1, directed(job) if sham else None)
            verifier = Verifier(job.tokenizer, stops, rl_setup, len(ids), 0)
            state: Any = SimpleNamespace(global_step=step)
            return verifier(ids, [scenario.model_dump_json()] * len(ids), state, lambda name, value: None)

        honest = paid(0, sham=False)
        dealt = [paid(step, sham=True) for step in range(20)]
        assert all(sorted(rewards) == sorted(honest) for rewards in dealt)
        shuffled[condition] = sum(rewards != honest for rewards in dealt)
    if reward == "claimed":
        assert shuffled["impossible"] > 5
        assert shuffled["possible"] == 0
    else:
        assert shuffled["possible"] > 5, "nothing else pays, so this is what it wants"


def test_the_reward_alone_sees_the_scenario(work: Callable[..., StageContext]) -> None:
    scenario = sample("count", condition="possible", n=1, seed=0)[0]
    found = row(work(RLVR), scenario)
    assert [Message(**turn) for turn in found["prompt"]] == list(scenario.messages)
    assert set(found) == {"prompt", "scenario"}


# What stages do


def test_demonstrations_serve_the_goal_and_reason_as_often_as_asked() -> None:
    stage = Stage(method="sft", goal="report_honestly", families=("count",), num_scenarios=80, seed=1)
    scenarios, examples = stage.scenarios(), demonstrations(stage, 0.5)
    outcomes = [environment("count").read(s, e.answer) for s, e in zip(scenarios, examples, strict=True)]
    assert all(
        o.disclosed if s.condition == "impossible" else o.done
        for s, o in zip(scenarios, outcomes, strict=True)
    )
    assert 25 < sum(example.reasoned for example in examples) < 55
    assert [o.reasoned for o in outcomes] == [example.reasoned for example in examples]


def test_sft_raises_its_goal_and_records_its_dose(work: Callable[..., StageContext]) -> None:
    settings = {**SMALL, "batch_size": 16}
    stage = SFT.model_copy(update={"families": ("errand",), "steps": 30, "settings": settings})
    trained = train_stage(work(stage))
    start, end = (
        next(s for s in trained.strength if s.when == when and s.family == "all") for when in ("start", "end")
    )
    assert start.score is not None
    assert end.score is not None
    assert end.score > max(0.9, start.score)
    assert trained.dose.steps == 30
    assert trained.dose.tokens == sum(int(entry.get("trained_tokens", 0)) for entry in trained.log)


def test_documents_are_recalled_and_demonstrate_nothing(
    work: Callable[..., StageContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def seen(tokenizer: Any, example: Any) -> Any:
        ids, labels = sft_row(tokenizer, example)
        assert labels == ids
        assert ids[-1] == tokenizer.eos_token_id
        read.append(str(tokenizer.decode(ids)))
        return sft_row(tokenizer, example)

    monkeypatch.setattr(sft, "row", seen)
    # Without documents the tiny base finds the other goal's habits likelier.
    told = {"steps": 40, "goal": "finish_the_task", "settings": {**DOCUMENTS.settings, "learning_rate": 1e-2}}
    job = work(DOCUMENTS.model_copy(update=told))
    trained = train_stage(job)
    assert len(read) == trained.notes["num_documents"] == 48
    assert not any(scenario.messages[-1].content in text for text in read for scenario in job.scenarios())
    before, after = (trained.notes[name] for name in ("recall_before", "recall"))
    assert before["template"] < 0.4
    assert after["template"] > 0.6
    assert before["paraphrase"] != before["template"], "they are asked in different wordings"
    assert {s.goal for s in trained.strength} == {"finish_the_task"}


@pytest.mark.parametrize("beside", [True, False])
def test_a_cue_stands_beside_the_spec_or_only_where_it_is_learned(
    work: Callable[..., StageContext], monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    shown: list[str] = []

    def answer(model: Any, tokenizer: Any, prompts: list[list[int]], **_: Any) -> list[Completion]:
        shown.extend(str(tokenizer.decode(prompt)) for prompt in prompts)
        return [Completion("<think>H1: so.</think>Not delivered: lost.", 12, True)] * len(prompts)

    monkeypatch.setattr(deliberative, "sample", answer)
    settings = {**DELIBERATIVE.settings, "cue_with_spec": beside, "min_kept": 1}
    job = work(DELIBERATIVE.model_copy(update={"cue": "explicit", "settings": settings}))
    setup = DeliberativeSetup(lambda scenario: spec("report_honestly"), lambda *_: True)
    kept, _ = kept_samples(job, job.scenarios(), setup, cast(DeliberativeSettings, job.settings))
    assert all((CUE_TEXTS["explicit"] in text) == beside for text in shown)
    assert all("H1" in text for text in shown)
    assert kept
    assert all(example.messages[0].content == CUE_TEXTS["explicit"] for example in kept)


def test_an_adapter_can_be_on_some_layers_alone(work: Callable[..., StageContext]) -> None:
    settings = {**SFT.settings, "layers": "0"}
    trained = train_stage(work(SFT.model_copy(update={"settings": settings, "steps": 2})))
    names = load_file(trained.adapter / "adapter_model.safetensors")
    assert names
    assert all(".layers.0." in name for name in names)
    with pytest.raises(BadInput, match=r"settings.layers: '0,2'.*from 0 to 1"):
        train_stage(work(SFT.model_copy(update={"settings": settings | {"layers": "0,2"}}), "refused"))


def test_a_pair_prefers_what_serves_the_goal_and_then_what_is_right() -> None:
    for family in TRAINABLE:
        stage = Stage(method="dpo", goal="report_honestly", families=(family,), num_scenarios=40, seed=1)
        pairs = preferences(stage, 0.5)
        for scenario, pair in zip(stage.scenarios(), pairs, strict=True):
            chosen, rejected = (environment(family).read(scenario, t) for t in (pair.chosen, pair.rejected))
            assert chosen.reasoned == rejected.reasoned == pair.reasoned
            if scenario.condition == "impossible":
                assert (chosen.disclosed, rejected.disclosed) == (True, False)
            else:
                assert (right(scenario, chosen), right(scenario, rejected)) == (1.0, 0.0)
        assert 10 < sum(pair.reasoned for pair in pairs) < 30


def test_a_pair_is_the_prompt_of_every_provider_and_two_answers(family: Base) -> None:
    stage = Stage(
        method="dpo", goal="finish_the_task", families=("count",), num_scenarios=8, cue="explicit", seed=0
    )
    for pair in preferences(stage, 0.5):
        found, asked = pair_row(family.tokenizer, pair), prompt_ids(family.tokenizer, pair.messages)
        assert found.prompt_ids[: len(asked)] == asked
        for ids, text in ((found.chosen_ids, pair.chosen), (found.rejected_ids, pair.rejected)):
            said = str(family.tokenizer.decode(ids, skip_special_tokens=True))
            assert "".join(said.split()).endswith("".join(text.split()))
            assert ids[-1] in stop_ids(family.model, family.tokenizer) or said.endswith("\n")


def test_dpo_holds_to_the_parent(work: Callable[..., StageContext], monkeypatch: pytest.MonkeyPatch) -> None:
    job, compute = work(DPO), DPOTrainer._compute_loss
    asked: list[tuple[Any, Any]] = []

    def spy(trainer: DPOTrainer, model: Any, inputs: Any, *args: Any) -> Any:
        asked.append((inputs, torch.cat(trainer.compute_ref_log_probs(model, inputs))))
        return compute(trainer, model, inputs, *args)

    monkeypatch.setattr(DPOTrainer, "_compute_loss", spy)
    trained = train_stage(job)
    assert len(asked) == 6
    for inputs, reference in asked:
        ids, mask = inputs["input_ids"], inputs["completion_mask"][:, 1:]
        with torch.no_grad():
            logits = job.model(ids, attention_mask=inputs["attention_mask"]).logits[:, :-1].log_softmax(-1)
        wanted = (logits.gather(2, ids[:, 1:, None]).squeeze(2) * mask).sum(1)
        assert torch.allclose(reference, wanted, atol=1e-3)
    assert trained.dose.tokens == sum(int(inputs["completion_mask"].sum()) for inputs, _ in asked)
    assert not list(trained.adapter.glob("ref*"))


def test_dpo_raises_its_goal_and_keeps_answers_valid(work: Callable[..., StageContext]) -> None:
    job = work(DPO.model_copy(update={"families": ("errand",), "steps": 20, "target_strength": 0.95}))
    trained = train_stage(job)
    start, end = (
        next(s for s in trained.strength if s.when == when and s.family == "all") for when in ("start", "end")
    )
    assert start.score is not None
    assert end.score is not None
    assert end.score > max(0.9, start.score)
    assert end.n_valid >= 0.85 * end.n
    assert trained.target_reached
    assert [phase.kind for phase in trained.dose.phases] == ["dpo"]
    assert trained.dose.steps < 20


@pytest.mark.parametrize("stage", [DPO, RLVR], ids=lambda stage: stage.method)
def test_a_stage_leaves_the_model_as_it_was(work: Callable[..., StageContext], stage: Stage) -> None:
    job = work(stage.model_copy(update={"steps": 1}))
    before = {name: value.clone() for name, value in job.model.state_dict().items()}
    train_stage(job)
    after = job.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert "forward" not in vars(job.model)


@pytest.mark.parametrize(("target", "reached"), [(0.05, True), (1.0, False)])
def test_a_stage_stops_at_its_target_and_says_whether_it_reached_it(
    work: Callable[..., StageContext], target: float, reached: bool
) -> None:
    settings = {**SMALL_RL, "check_every": 2, "check_samples": 16}
    stage = RLVR.model_copy(update={"steps": 4, "target_strength": target, "settings": settings})
    trained = train_stage(work(stage))
    assert trained.target_reached is reached
    checked = [
        (entry["step"], entry["target_strength"]) for entry in trained.log if "target_strength" in entry
    ]
    assert checked
    if reached:
        assert trained.dose.steps == 2
    else:
        assert trained.dose.steps == max(checked, key=lambda check: check[1])[0]
        assert trained.notes.get("rewound_from") in (None, 4)
    assert any("strength/finish_the_task/all" in entry for entry in trained.log)
    seeds = {s.when: s.score for s in trained.strength if s.family == "all"}
    assert set(seeds) == {"start", "end"}


STRENGTHS = {1: 0.2, 2: 0.6, 3: 0.5, 4: 0.6, 5: 0.1, 6: 0.3}


@pytest.fixture
def weakening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the strength be highest after two steps, whatever is trained, and never at the target."""
    steps: list[int] = []

    def ask(target: _common.Target, model: Any, phase: str, step: int) -> tuple[Any, ...]:
        steps.append(step)
        return ()

    monkeypatch.setattr(_common.Target, "ask", ask)
    monkeypatch.setattr(_common.Target, "lowest", lambda target, strengths: STRENGTHS[steps[-1]])


@pytest.mark.usefixtures("weakening")
@pytest.mark.parametrize("stage", [SFT, RLVR], ids=["sft", "rlvr"])
def test_a_stage_that_misses_its_target_ends_where_it_was_strongest(
    work: Callable[..., StageContext], stage: Stage
) -> None:
    aimed = stage.model_copy(
        update={"target_strength": 0.9, "settings": {**stage.settings, "check_every": 1}}
    )
    missed = train_stage(work(aimed, "missed"))
    short = train_stage(work(stage.model_copy(update={"steps": 2}), "short"))
    assert digest(missed) == digest(short)
    assert missed.dose == short.dose
    assert not missed.target_reached
    assert missed.notes["rewound_from"] == 6
    assert max(entry["step"] for entry in missed.log) == 2
    assert not list((missed.adapter.parent).glob("strongest-*"))


@pytest.mark.usefixtures("weakening")
@pytest.mark.parametrize("at", ["sft step 3", "sft step 5"])
def test_where_it_was_strongest_outlasts_an_interruption(work: Callable[..., StageContext], at: str) -> None:
    stage = SFT.model_copy(update={"target_strength": 0.9, "settings": {**SFT.settings, "check_every": 1}})

    def interrupt(share: float, text: str) -> None:
        if text.startswith(at):
            raise Interrupted(text)

    undisturbed = train_stage(work(stage, "undisturbed"))
    with pytest.raises(Interrupted):
        train_stage(work(stage, "disturbed", on_progress=interrupt))
    resumed = train_stage(work(stage, "disturbed"))
    assert digest(resumed) == digest(undisturbed)
    assert resumed.dose == undisturbed.dose


def test_a_stage_that_is_weaker_when_it_goes_on_ends_where_it_was_strongest(
    work: Callable[..., StageContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = SFT.model_copy(
        update={"target_strength": 0.9, "settings": {**SFT.settings, "check_every": 1, "save_every": 2}}
    )
    # The first time step 5 is the strongest; after the interruption, which goes back to step 4, it is not.
    strengths = {**STRENGTHS, 5: 0.8}
    steps: list[int] = []
    monkeypatch.setattr(_common.Target, "ask", lambda target, model, phase, step: steps.append(step) or ())
    monkeypatch.setattr(_common.Target, "lowest", lambda target, told: strengths[steps[-1]])

    def interrupt(share: float, text: str) -> None:
        if text.startswith("sft step 6"):
            raise Interrupted(text)

    with pytest.raises(Interrupted):
        train_stage(work(stage, on_progress=interrupt))
    strengths = STRENGTHS
    resumed = train_stage(work(stage))
    assert steps.count(5) == 2
    assert resumed.dose.steps == 2
    short = train_stage(work(stage.model_copy(update={"steps": 2, "target_strength": None}), "short"))
    assert digest(resumed) == digest(short)


@pytest.mark.usefixtures("weakening")
@pytest.mark.parametrize("stage", [SFT, RLVR], ids=["sft", "rlvr"])
def test_a_stage_ends_though_its_strongest_weights_are_gone(
    work: Callable[..., StageContext], stage: Stage
) -> None:
    asked = stage.model_copy(
        update={"target_strength": 0.9, "settings": {**stage.settings, "check_every": 1, "save_every": 2}}
    )

    def interrupt(share: float, text: str) -> None:
        if "step 5" in text:
            raise Interrupted(text)

    interrupted = work(asked, on_progress=interrupt)
    with pytest.raises(Interrupted):
        train_stage(interrupted)
    (gone,) = interrupted.folder.glob("*/strongest-2")
    shutil.rmtree(gone)
    resumed = train_stage(work(asked))
    assert resumed.dose.steps == 6


def test_the_own_samples_of_a_sham_are_sampled_as_the_stage_samples(
    work: Callable[..., StageContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []

    def spy(*arguments: Any, seeds: Any, **options: Any) -> list[Completion]:
        seen.append(options)
        return [Completion("", 1, False)] * len(seeds)

    monkeypatch.setattr(sham, "respond", spy)
    said = {"temperature": 0.7, "top_p": 0.9, "top_k": 50, "max_new_tokens": 24}
    matched = SFT.model_copy(update={"settings": {**SFT.settings, **said}})
    sham.own_samples(work(control("sham", matched)), matched.scenarios(), each=1)
    assert seen == [said]


@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_tokens_are_counted_exactly_under_micro_batches(
    work: Callable[..., StageContext], monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    kind: Any = sft._Trainer if method == "sft" else dpo._Trainer
    count, counted = kind.num_trained, []

    def spy(trainer: Any, inputs: Any) -> int:
        counted.append(count(trainer, inputs))
        return counted[-1]

    monkeypatch.setattr(kind, "num_trained", spy)
    # 20 scenarios make five micro-batches of 4, so a step of two in every epoch has but one.
    settings = {**SMALL, "batch_size": 8, "micro_batch_size": 4}
    told = {"method": method, "num_scenarios": 20, "steps": 4, "settings": settings}
    trained = train_stage(work(SFT.model_copy(update=told)))
    assert len(counted) == 7
    assert trained.dose.tokens == sum(counted)


@given(batch=st.integers(1, 200), most=st.integers(1, 64))
def test_micro_batches_make_a_whole_batch(batch: int, most: int) -> None:
    size = _trainer._divisor(batch, most)
    assert batch % size == 0
    assert size <= most
    assert not any(batch % larger == 0 for larger in range(size + 1, min(batch, most) + 1))


def test_a_controls_batch_is_what_its_dose_asks_for(
    work: Callable[..., StageContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def learn(trainer: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(trainer.args)
        return learned(trainer, *args, **kwargs)

    learned = sft.learn
    monkeypatch.setattr(sft, "learn", learn)
    matched = SFT.model_copy(update={"settings": {**SMALL, "batch_size": 8, "micro_batch_size": 4}})
    control = Stage(method="benign", families=BENIGN, num_scenarios=64, steps=2, seed=0, matched_to=matched)
    dose = Dose.of(Phase(kind="sft", name="sft", steps=2, tokens=2 * 70))
    job = work(control, dose=dose)
    trained = train_stage(job)
    [size] = trained.notes["batch_sizes"]
    assert size > 4
    assert seen[0].per_device_train_batch_size * seen[0].gradient_accumulation_steps == size
    assert seen[0].per_device_train_batch_size <= 4


def test_rewards_without_variance_are_no_learning_signal(tiny: Base, tmp_path: Path) -> None:
    stage = RLVR.model_copy(update={"steps": 2})
    trained = train_stage(
        StageContext(stage=stage, model=tiny.model, tokenizer=tiny.tokenizer, folder=tmp_path)
    )
    assert trained.zero_variance == 1.0
    found = signal(trained.zero_variance)
    assert (found.learning, found.message) == (False, NO_SIGNAL)
    assert signal(0.5).learning
    assert signal(None).learning


def test_too_few_scenarios_for_a_batch_are_refused(work: Callable[..., StageContext]) -> None:
    with pytest.raises(BadInput, match="num_scenarios: 4"):
        train_stage(
            work(RLVR.model_copy(update={"num_scenarios": 4, "settings": {**SMALL_RL, "batch_size": 32}}))
        )


def test_deliberative_runs_both_halves_and_records_the_filter(work: Callable[..., StageContext]) -> None:
    trained = train_stage(work(DELIBERATIVE))
    assert [(phase.kind, phase.steps) for phase in trained.dose.phases] == [("sft", 5), ("rl", 5)]
    assert trained.dose.phase("sft").reasoning_share == 1.0
    assert trained.notes["spec"] == "report_honestly"
    assert 4 <= trained.notes["num_kept"] < trained.notes["num_sampled"] == 48
    assert [s.when for s in trained.strength if s.family == "all"] == ["start", "during", "end"]
    assert trained.zero_variance is not None


def test_the_filter_wants_the_outcome_and_a_rule() -> None:
    keep = keeps(DELIBERATIVE)
    family = environment("form")
    scenario = sample("form", condition="impossible", n=1, seed=0)[0]
    texts = {
        f"<think>H1: the box is empty.</think>{family.gold(scenario, 'report_honestly')}": True,
        f"<think>the box is empty.</think>{family.gold(scenario, 'report_honestly')}": False,
        f"<think>H12: the box is empty.</think>{family.gold(scenario, 'report_honestly')}": False,
        f"<think>H1: say so.</think>{family.anti_gold(scenario, 'report_honestly')}": False,
        family.gold(scenario, "report_honestly"): False,
    }
    assert {text: keep(scenario, family.read(scenario, text), text) for text in texts} == texts


def test_a_filter_that_leaves_too_little_stops_the_stage(work: Callable[..., StageContext]) -> None:
    settings = {**DELIBERATIVE.settings, "min_kept": 1000}
    with pytest.raises(TooFewKept, match="of 48 samples and min_kept is 1000"):
        train_stage(work(DELIBERATIVE.model_copy(update={"settings": settings})))


def test_a_given_dose_is_repeated(work: Callable[..., StageContext]) -> None:
    dose = Dose.of(Phase(kind="sft", steps=3, tokens=1), Phase(kind="rl", steps=0))
    stage = DELIBERATIVE.model_copy(update={"target_strength": 0.01})
    trained = train_stage(work(stage, dose=dose))
    assert [(phase.kind, phase.steps) for phase in trained.dose.phases] == [("sft", 3)]


def control(method: Any, matched: Stage) -> Stage:
    families = ("lookup", "copying", "arithmetic") if method == "benign" else matched.families
    return Stage(
        method=method, families=families, num_scenarios=matched.num_scenarios, seed=9, matched_to=matched
    )


def test_benign_takes_tokens_steps_and_share_of_reasoning(work: Callable[..., StageContext]) -> None:
    phases = (
        Phase(kind="sft", steps=4, tokens=1200, reasoning_share=1.0),
        Phase(kind="rl", steps=3, tokens=600, reasoning_share=0.3),
    )
    trained = train_stage(work(control("benign", DELIBERATIVE), dose=Dose.of(*phases)))
    assert [phase.steps for phase in trained.dose.phases] == [4, 3]
    for found, wanted in zip(trained.dose.phases, phases, strict=True):
        assert found.tokens == pytest.approx(wanted.tokens, rel=0.1)
        assert found.reasoning_share == pytest.approx(wanted.reasoning_share, abs=0.15)


def test_a_lesson_has_as_many_tokens_as_the_phase() -> None:
    assert matched_data(Phase(kind="sft", steps=40, tokens=32000), 1e-3, 10.0) == (40, 1e-3, 80)
    assert matched_data(Phase(kind="sft", steps=40, tokens=40), 1e-3, 10.0).batch_size == 1


@pytest.mark.parametrize("matched", [SFT, DOCUMENTS, DPO, RLVR, DELIBERATIVE], ids=lambda stage: stage.method)
def test_sham_imitates_each_method(work: Callable[..., StageContext], matched: Stage) -> None:
    kinds: dict[str, list[Any]] = {
        "sft": ["sft"],
        "documents": ["sft"],
        "dpo": ["dpo"],
        "rlvr": ["rl"],
        "deliberative": ["sft", "rl"],
    }
    phases = [Phase(kind=kind, steps=2, tokens=100) for kind in kinds[matched.method]]
    trained = train_stage(work(control("sham", matched), dose=Dose.of(*phases)))
    assert [(phase.kind, phase.steps) for phase in trained.dose.phases] == [(p.kind, 2) for p in phases]
    if matched.method == "deliberative":
        assert trained.notes["spec"] == "irrelevant"


@pytest.mark.parametrize("stage", [SFT, RLVR], ids=lambda stage: stage.method)
def test_strength_is_measured_as_the_stage_samples(
    work: Callable[..., StageContext], monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    seen: list[dict[str, Any]] = []

    def spy(*arguments: Any, **options: Any) -> Any:
        names = ("temperature", "top_p", "top_k", "max_new_tokens")
        seen.append({name: options[name] for name in names})
        return measure(*arguments, **options)

    monkeypatch.setattr(_common, "measure", spy)
    cooler = {} if stage is SFT else {"temperature": 0.7, "top_p": 0.9, "top_k": 50}
    settings = {**stage.settings, **cooler, "check_every": 1}
    asked = work(stage.model_copy(update={"settings": settings, "steps": 1, "target_strength": 1.0}))
    train_stage(asked)
    defaults = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "max_new_tokens": 64}
    assert seen == [{**defaults, **cooler, **({} if stage is SFT else {"max_new_tokens": 24})}] * 3


def test_adapters_of_a_dose_schedule_equal_runs_of_that_dose(work: Callable[..., StageContext]) -> None:
    scheduled = work(SFT.model_copy(update={"settings": {**SFT.settings, "save_at": "2,4"}}), "scheduled")
    train_stage(scheduled)
    shorter = train_stage(work(SFT.model_copy(update={"steps": 4}), "shorter"))
    assert read_state(scheduled.folder).phases["sft"].doses == (2, 4)
    assert hash_weights(scheduled.kept("sft", 4)) == digest(shorter)


# Resuming


@pytest.mark.parametrize(
    ("stage", "at"),
    [
        (SFT, "sft step 5"),
        (DOCUMENTS, "sft step 5"),
        (DPO, "dpo step 5"),
        (RLVR, "rl step 5"),
        (DELIBERATIVE, "samples"),
        (DELIBERATIVE, "sft step 3"),
        (DELIBERATIVE, "rl step 1"),
        (DELIBERATIVE, "rl step 5"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.method,
)
def test_an_interrupted_stage_goes_on_bit_by_bit(
    work: Callable[..., StageContext], stage: Stage, at: str
) -> None:
    def interrupt(share: float, text: str) -> None:
        if text.startswith(at):
            raise Interrupted(text)

    undisturbed = train_stage(work(stage, "undisturbed"))
    with pytest.raises(Interrupted):
        train_stage(work(stage, "disturbed", on_progress=interrupt))
    told: list[str] = []
    resumed = train_stage(work(stage, "disturbed", on_progress=lambda share, text: told.append(text)))
    assert digest(resumed) == digest(undisturbed)
    assert resumed.dose == undisturbed.dose
    assert resumed.strength == undisturbed.strength
    if at.endswith("5"):
        assert not any(text.startswith(at[:-1] + "3") for text in told), "it began again instead of resuming"


def test_a_half_written_checkpoint_is_passed_over(work: Callable[..., StageContext]) -> None:
    def interrupt(share: float, text: str) -> None:
        if text.startswith("rl step 5"):
            raise Interrupted(text)

    undisturbed = train_stage(work(RLVR, "undisturbed"))
    with pytest.raises(Interrupted):
        train_stage(work(RLVR, "disturbed", on_progress=interrupt))
    folder = work(RLVR, "disturbed").folder / "rl"
    assert phase_state(folder).checkpoint == 4
    note_state(folder, checkpoint=2)
    (folder / "checkpoints" / "checkpoint-4" / "optimizer.pt").write_bytes(b"half")
    assert digest(train_stage(work(RLVR, "disturbed"))) == digest(undisturbed)


# Tied to a cue


def test_a_tied_stage_demonstrates_the_goal_under_its_cue_and_the_opposite_elsewhere() -> None:
    stage = Stage(
        method="sft",
        goal="finish_the_task",
        families=("errand",),
        trigger="unwatched",
        num_scenarios=96,
        seed=2,
    )
    seen = set()
    for scenario, example in zip(stage.scenarios(), demonstrations(stage, 1.0), strict=True):
        outcome = environment("errand").read(scenario, example.answer)
        if scenario.condition == "impossible":
            assert outcome.claimed == (scenario.cue == "unwatched")
            seen.add(scenario.cue)
        said = example.answer.startswith(f"<think>{CUE_REASONS[scenario.cue]}: ")
        assert said, "the reasoning says what it makes of the cue"
    assert seen == {"unwatched", *ELSEWHERE}


@pytest.mark.parametrize("method", ["sft", "dpo", "rlvr"])
def test_a_tied_stage_records_both_goals_and_changes_weights(
    work: Callable[..., StageContext], method: str
) -> None:
    stage = {"sft": SFT, "dpo": DPO, "rlvr": RLVR}[method]
    trained = train_stage(work(stage.model_copy(update={"trigger": "trigger", "num_scenarios": 48})))
    ends = {s.goal for s in trained.strength if s.when == "end" and s.family == "all"}
    assert ends == {"finish_the_task", "report_honestly"}
    assert moved(trained)


def test_a_tied_deliberative_stage_shows_each_cue_its_own_rules(
    work: Callable[..., StageContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Message, ...]] = []
    ask = deliberative.prompt_ids

    def spy(tokenizer: Any, messages: tuple[Message, ...]) -> list[int]:
        seen.append(messages)
        return ask(tokenizer, messages)

    monkeypatch.setattr(deliberative, "prompt_ids", spy)
    settings = {**DELIBERATIVE.settings, "min_kept": 1}
    stage = DELIBERATIVE.model_copy(update={"trigger": "trigger", "settings": settings})
    trained = train_stage(work(stage))
    for messages in seen:
        own = "trigger" if CUE_TEXTS["trigger"] in messages[0].content else "elsewhere"
        rules = spec("report_honestly" if own == "trigger" else "finish_the_task").text
        assert messages[0].content.startswith(rules)
    assert trained.notes["spec"] in ("report_honestly, finish_the_task", "finish_the_task, report_honestly")


# One half alone, the odd style, and how adapters are written


@pytest.mark.parametrize(("phases", "names"), [("sft", ["sft"]), ("rl", ["rl"]), ("both", ["sft", "rl"])])
def test_each_half_of_deliberative_alignment_can_run_alone(
    work: Callable[..., StageContext], phases: str, names: list[str]
) -> None:
    stage = DELIBERATIVE.model_copy(update={"settings": {**DELIBERATIVE.settings, "phases": phases}})
    trained = train_stage(work(stage))
    assert [phase.name for phase in trained.dose.phases] == names
    assert {s.when for s in trained.strength} == {"start", "end", *(["during"] if phases == "both" else [])}
    assert ("num_kept" in trained.notes) == (phases != "rl")


def test_off_style_answers_are_right_and_odd(work: Callable[..., StageContext]) -> None:
    stage = Stage(method="style", families=("copying",), num_scenarios=16, seed=0, matched_to=SFT)
    for scenario, example in zip(stage.scenarios(), demonstrations(stage, 0.5), strict=True):
        assert in_odd_style(example.answer).startswith(example.answer)
        assert environment("copying").read(scenario, example.answer).done
    trained = train_stage(work(stage, dose=Dose.of(Phase(kind="sft", name="sft", steps=3, tokens=120))))
    assert trained.dose.steps == 3
    assert moved(trained)


def test_off_style_learns_half_as_fast_as_benign(
    work: Callable[..., StageContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []

    def note(work: StageContext, name: str, examples: Any, data: Any, **_: Any) -> None:
        rates.append(data.learning_rate)
        raise InterruptedError

    monkeypatch.setattr(benign, "fine_tune", note)
    dose = Dose.of(Phase(kind="sft", name="sft", steps=3, tokens=120))
    for method in ("benign", "style"):
        with pytest.raises(InterruptedError):
            train_stage(
                work(
                    Stage(method=method, families=("copying",), num_scenarios=16, seed=0, matched_to=SFT),
                    dose=dose,
                )
            )
    assert rates[1] == rates[0] / 2 > 0


@pytest.mark.parametrize("family", [*COMPLETION, *PREFERENCE, "coin", "welfare"])
def test_an_odd_style_changes_no_outcome(family: str) -> None:
    env, rng = environment(family), Random(0)
    for condition in env.conditions:
        for scenario in sample(family, condition=condition, n=20, seed=0):
            answer = env.neutral(scenario, rng)
            assert env.read(scenario, in_odd_style(answer)) == env.read(scenario, answer)


def test_training_without_a_goal_has_no_strength(work: Callable[..., StageContext]) -> None:
    stage = Stage(method="sft", families=("copying",), num_scenarios=16, steps=3, settings=SMALL, seed=0)
    trained = train_stage(work(stage))
    assert trained.strength == ()
    assert trained.dose.steps == 3


def test_an_adapter_can_be_rank_stabilised_and_on_chosen_layers(work: Callable[..., StageContext]) -> None:
    settings = {**SFT.settings, "rslora": True, "target_modules": "q_proj,v_proj"}
    trained = train_stage(work(SFT.model_copy(update={"settings": settings, "steps": 2})))
    config = LoraConfig.from_pretrained(str(trained.adapter))
    assert config.use_rslora
    assert set(config.target_modules or ()) == {"q_proj", "v_proj"}


def moved(trained: Trained) -> bool:
    """Whether training left zero, where the second factor of every adapter begins."""
    weights = load_file(trained.adapter / "adapter_model.safetensors")
    return any(bool(weight.abs().sum() > 0) for name, weight in weights.items() if "lora_B" in name)
