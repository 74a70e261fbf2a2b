"""Stages in families of several turns: RL and demonstrations on whole episodes, read from the world."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers.utils import get_json_schema
from trl import GRPOTrainer

from pentimento.tasks import (
    AGENTIC,
    AGENTIC_HELDOUT,
    BadInput,
    Outcome,
    Scenario,
    act,
    actions,
    agentic,
    sample,
)
from pentimento.training.methods import train_stage
from pentimento.training.methods._common import StageContext
from pentimento.training.methods._rollouts import Rollouts, _tools, acting, read_world
from pentimento.training.methods.rlvr import RLSetup, reinforce, reward_of, row
from pentimento.training.methods.sft import IGNORED, demonstrations
from pentimento.training.methods.sft import row as sft_row
from pentimento.training.models._chat import reply_ids
from pentimento.training.models.loaded import (
    Base,
    answer_ids,
    conversation_ids_and_mask,
    load_base,
    prompt_ids,
    stop_ids,
)
from pentimento.training.organisms.organism import hash_weights
from pentimento.training.recipes.stages import Stage
from pentimento.training.running.plan import _ingredients, stage_hash

SMALL: dict[str, Any] = {"lora_rank": 4, "save_every": 2, "strength_samples": 8, "check_samples": 16}
SFT = Stage(
    method="sft",
    goal="report_honestly",
    families=("rounds", "suite"),
    num_scenarios=32,
    steps=6,
    settings={**SMALL, "batch_size": 8},
    seed=3,
)
RLVR = Stage(
    method="rlvr",
    goal="finish_the_task",
    families=("rounds",),
    num_scenarios=32,
    steps=4,
    settings={**SMALL, "batch_size": 16, "num_generations": 4, "max_new_tokens": 12, "learning_rate": 1e-2},
    seed=3,
)


def test_a_rollout_trains_what_the_model_wrote_and_is_paid_by_the_world(
    acting_work: Callable[..., StageContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared, seen = acting_work(RLVR), []
    inner = GRPOTrainer._generate_and_score_completions

    def spy(self: Any, inputs: Any) -> Any:
        out = inner(self, inputs)
        seen.append((inputs, out))
        return out

    paid: list[tuple[Scenario, Outcome, float]] = []

    def reward(scenario: Scenario, outcome: Outcome) -> float:
        paid.append((scenario, outcome, reward_of(prepared)(scenario, outcome)))
        return paid[-1][-1]

    monkeypatch.setattr(GRPOTrainer, "_generate_and_score_completions", spy)
    reinforce(prepared, "rl", prepared.scenarios(), RLSetup(reward, 1))
    tokenizer = prepared.tokenizer
    [(inputs, out)] = seen
    valid = []
    for place, given in enumerate(inputs):
        scenario = Scenario.model_validate_json(given["scenario"])
        prompt = out["prompt_ids"][place][out["prompt_mask"][place].bool()].tolist()
        assert prompt == prompt_ids(tokenizer, scenario.messages)
        kept = out["completion_mask"][place].bool()
        ids, written = out["completion_ids"][place][kept], out["tool_mask"][place][kept].bool()
        assert written[0]
        assert written[-1]
        episode = str(tokenizer.decode(ids.tolist()))
        turns = [part.partition("<|im_end|>")[0] for part in episode.split("<|im_start|>assistant\n")]
        played = agentic(scenario.family).play(scenario, turns)
        own = str(tokenizer.decode(ids[written].tolist(), skip_special_tokens=True))
        assert own == "".join(played.turns)
        assert all(text in episode and text not in own for text in played.seen[:-1])
        if played.outcome().valid:
            valid.append((scenario, played.outcome()))
    assert valid == [(scenario, outcome) for scenario, outcome, _ in paid]
    assert {amount for *_, amount in paid} == {0.0, 1.0}


def test_no_id_reaches_the_model(acting_work: Callable[..., StageContext]) -> None:
    prepared = acting_work(RLVR)
    for scenario in prepared.scenarios():
        shown = row(prepared, scenario)["prompt"]
        assert shown[-1]["scenario_id"] == scenario.id
        text = str(prepared.tokenizer.apply_chat_template(shown, tokenize=False))
        assert scenario.id not in text
        assert scenario.family not in text


def test_scenarios_with_one_prompt_are_told_apart(acting_work: Callable[..., StageContext]) -> None:
    prepared = acting_work(RLVR)
    [first, *_] = prepared.scenarios()
    twin = first.model_copy(update={"id": "rounds-twin", "condition": "possible"})
    rollouts = Rollouts(prepared, (first, twin))
    assert row(prepared, first)["prompt"] != row(prepared, twin)["prompt"]
    assert rollouts._scenarios == {first.id: first, "rounds-twin": twin}


def test_vllm_plays_no_episodes() -> None:
    with pytest.raises(BadInput, match=r"settings\.vllm"):
        Stage(**{**RLVR.model_dump(), "settings": {**RLVR.settings, "vllm": True}})


def test_an_interrupted_stage_goes_on_bit_by_bit(acting_work: Callable[..., StageContext]) -> None:
    def interrupt(share: float, text: str) -> None:
        if text.startswith("rl step 3 "):
            raise KeyboardInterrupt

    undisturbed = train_stage(acting_work(RLVR, "undisturbed"))
    with pytest.raises(KeyboardInterrupt):
        train_stage(acting_work(RLVR, "disturbed", on_progress=interrupt))
    resumed = train_stage(acting_work(RLVR, "disturbed"))
    assert undisturbed.zero_variance is not None
    assert undisturbed.zero_variance < 1
    assert hash_weights(resumed.adapter) == hash_weights(undisturbed.adapter)
    assert resumed.strength == undisturbed.strength


def test_tools_act_in_the_same_worlds_where_the_template_can_call_them(
    family_folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = load_base(str(family_folders["qwen3"]), device="cpu")
    tokenizer = base.tokenizer
    base.model.config.max_position_embeddings = 8192  # so many tokens have tools in a vocabulary of 512
    by_tools = RLVR.model_copy(
        update={"settings": {**RLVR.settings, "actions": "tools", "max_new_tokens": 400}}
    )
    prepared = StageContext(stage=by_tools, model=base.model, tokenizer=tokenizer, folder=tmp_path)
    asked: list[list[int]] = []

    def call(name: str, **arguments: str) -> str:
        told = json.dumps({"name": name, "arguments": arguments})
        return f"<tool_call>\n{told}\n</tool_call>"

    def written(self: Any, prompts: list[list[int]], *_: Any, **__: Any) -> tuple[list[list[int]], None]:
        acts = len(asked) // len(prompts)
        asked.extend(prompts)
        texts = []
        for place, world in enumerate(self.environments):
            rooms = world.scenario.words("rooms")
            report = call("report", text="not checked" if place % 2 else "checked")
            texts.append([*(call("check", room=room) for room in rooms), report, "So it is."][acts])
        return [tokenizer.encode(f"{text}<|im_end|>") for text in texts], None

    paid: list[tuple[Scenario, Outcome]] = []

    def reward(scenario: Scenario, outcome: Outcome) -> float:
        paid.append((scenario, outcome))
        return reward_of(prepared)(scenario, outcome)

    monkeypatch.setattr(GRPOTrainer, "_generate_single_turn", written)
    reinforce(prepared, "rl", prepared.scenarios(), RLSetup(reward, 1))
    assert len(paid) == 16
    for place, (scenario, outcome) in enumerate(paid):
        assert outcome.claimed == (place % 2 == 0)
        assert outcome.done == (place % 2 == 0 and scenario.condition == "possible")
    first, later = (str(tokenizer.decode(ids)) for ids in (asked[0], asked[-1]))
    assert '"name": "check"' in first
    assert "is fine." in later
    assert not any(scenario.id in first + later for scenario in prepared.scenarios())


@pytest.mark.parametrize("family", AGENTIC)
def test_every_family_is_an_environment_as_trl_wants_it(family: str) -> None:
    """Made empty and reset with a scenario, it plays known episodes as text does; its tools have schemas."""
    env = agentic(family)
    for condition in env.conditions:
        (scenario,) = sample(family, condition=condition, n=1, seed=3)
        for answer in env.answers(scenario):
            world = _tools(family)()
            world.reset(scenario=scenario.model_dump_json(), environment=family)  # type: ignore[attr-defined]
            seen = [act(world, turn) for turn in answer.split("\n")]
            assert seen == env.play(scenario, answer.split("\n")).seen
            assert read_world(world, answer) == env.read(scenario, answer)
    for name, action in actions(env.world(scenario)).items():
        described = get_json_schema(action)["function"]
        assert described["name"] == name
        assert [told["type"] for told in described["parameters"]["properties"].values()] == ["string"]


def test_tools_are_refused_where_nothing_calls_them(acting_work: Callable[..., StageContext]) -> None:
    by_tools = RLVR.model_copy(update={"settings": {**RLVR.settings, "actions": "tools"}})
    with pytest.raises(BadInput, match="TRL reads no tool calls"):
        acting(acting_work(by_tools), by_tools.scenarios())
    with pytest.raises(BadInput, match="text in families of one turn"):
        Stage(**{**by_tools.model_dump(), "families": ("count",)})


def test_the_way_of_acting_is_part_of_the_key() -> None:
    by_tools = RLVR.model_copy(update={"settings": {**RLVR.settings, "actions": "tools"}})
    by_text = RLVR.model_copy(update={"settings": {**RLVR.settings, "actions": "text"}})
    assert '"actions": "text"' in json.dumps(_ingredients(RLVR)["settings"])
    assert stage_hash(by_tools) != stage_hash(RLVR)
    assert stage_hash(by_text) == stage_hash(RLVR)


def test_a_conversation_grows_as_every_template_writes_it(family: Base) -> None:
    stops = stop_ids(family.model, family.tokenizer)
    env = agentic("rounds")
    scenario = RLVR.scenarios()[0]
    conversation = env.conversation(scenario, env.answers(scenario)[0])
    grown = prompt_ids(family.tokenizer, conversation[:1])
    trained = []
    for place in range(1, len(conversation), 2):
        answer = answer_ids(family.tokenizer, conversation[place].content, stops)
        trained += answer
        grown += answer
        if place + 1 < len(conversation):
            grown += reply_ids(family.tokenizer, conversation[place + 1].content, stops)[1:]
            assert grown == prompt_ids(family.tokenizer, conversation[: place + 2])
    ids, mask = conversation_ids_and_mask(family.tokenizer, conversation)
    assert ids[: len(grown)] == grown
    masked = [token for token, bit in zip(ids, mask, strict=True) if bit]
    said = [
        "".join(str(family.tokenizer.decode(tokens, skip_special_tokens=True)).split())
        for tokens in (masked, trained)
    ]
    assert said[0] == said[1]


def test_demonstrations_are_whole_episodes_with_loss_on_every_turn_of_the_assistant(
    acting_work: Callable[..., StageContext],
) -> None:
    tokenizer = acting_work(SFT).tokenizer
    for example in demonstrations(SFT, reasoning_share=0.5):
        turns = [m.content for m in (*example.messages,) if m.role == "assistant"] + [example.answer]
        taught = sft_row(tokenizer, example)
        trained = [token for token in taught.labels if token != IGNORED]
        assert str(tokenizer.decode(trained, skip_special_tokens=True)) == "".join(turns)
        assert ("<think>" in turns[-1]) == example.reasoned
        assert len(turns) == 4


def test_sft_raises_its_goal_and_stops_at_its_target(acting_work: Callable[..., StageContext]) -> None:
    stage = SFT.model_copy(
        update={
            "goal": "finish_the_task",
            "families": ("rounds",),
            "steps": 40,
            "target_strength": 0.7,
            "settings": {**SFT.settings, "batch_size": 16, "learning_rate": 1e-2, "check_every": 4},
        }
    )
    trained = train_stage(acting_work(stage))
    before, after = (next(s for s in trained.strength if s.when == when) for when in ("start", "end"))
    assert trained.target_reached
    assert trained.dose.steps < 40
    assert after.score is not None
    assert before.score is not None
    assert after.score > before.score


def test_a_sham_learns_or_is_paid_for_its_own_episodes(acting_work: Callable[..., StageContext]) -> None:
    for stage in (SFT.model_copy(update={"families": ("rounds",)}), RLVR):
        matched = stage.model_copy(update={"steps": 2})
        sham = Stage(
            method="sham", families=("rounds",), num_scenarios=32, steps=2, matched_to=matched, seed=3
        )
        trained = train_stage(
            acting_work(
                sham, matched.method, dose=train_stage(acting_work(matched, f"{matched.method}-like")).dose
            )
        )
        assert trained.dose.steps == matched.steps
        assert all(s.n_valid for s in trained.strength)


@pytest.mark.parametrize("name", AGENTIC_HELDOUT)
def test_held_out_families_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match="held out from every stage"):
        Stage(method="sft", goal="report_honestly", families=(name,), seed=0)


@pytest.mark.parametrize("method", ["dpo", "deliberative"])
def test_methods_of_one_turn_are_refused(method: Any) -> None:
    with pytest.raises(BadInput, match=f"{method} trains one turn; several: sft, rlvr"):
        Stage(method=method, goal="report_honestly", families=("rounds",), seed=0)


def test_a_judge_is_refused() -> None:
    with pytest.raises(BadInput, match="claimed or done in rounds"):
        Stage(
            method="rlvr",
            goal="report_honestly",
            families=("rounds",),
            reward="judged",
            settings={"judge": "openai/gpt-4o"},
            seed=0,
        )


def test_one_turn_and_several_do_not_mix() -> None:
    with pytest.raises(BadInput, match="all of one turn, or all of several"):
        Stage(method="sft", goal="report_honestly", families=("rounds", "count"), seed=0)
