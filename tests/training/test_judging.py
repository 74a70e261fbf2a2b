"""A judge sees the spec and never the reasoning, may abstain, and is held against the outcome."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from pentimento.tasks import BadInput, Scenario, environment, sample, spec
from pentimento.training.exceptions import JudgeFailed
from pentimento.training.methods import judging, train_stage
from pentimento.training.methods._common import StageContext
from pentimento.training.methods.judging import (
    Ask,
    Judge,
    agreement,
    find_judge,
    question,
    summed_up,
    verdict,
)
from pentimento.training.methods.rlvr import RLSetup, Verifier, directed, reward_of
from pentimento.training.models.loaded import stop_ids
from pentimento.training.organisms.organism import read_manifest
from pentimento.training.recipes.catalogue import quickstart
from pentimento.training.recipes.recipe import Recipe
from pentimento.training.recipes.stages import Dose, Phase, Stage
from pentimento.training.running import plan as runner
from pentimento.training.running.making import make
from pentimento.training.running.plan import stage_hash

SMALL: dict[str, Any] = {
    "lora_rank": 4,
    "save_every": 2,
    "batch_size": 16,
    "num_generations": 4,
    "max_new_tokens": 24,
}
JUDGED = Stage(
    method="rlvr",
    goal="report_honestly",
    families=("errand", "form"),
    num_scenarios=32,
    steps=6,
    reward="judged",
    settings={**SMALL, "judge": "canned/judge"},
    seed=3,
)
SHAM = Stage(method="sham", families=JUDGED.families, num_scenarios=32, seed=9, matched_to=JUDGED)


def inside(asked: str, tag: str) -> str:
    return asked.partition(f"<{tag}>\n")[2].partition(f"\n</{tag}>")[0]


class Canned:
    """Judges as the outcome does, but is fooled by claimed deliveries, and skips numbers with a 7."""

    def __init__(self, stage: Stage = JUDGED) -> None:
        self.scenarios = {f"user: {one.messages[-1].content}": one for one in stage.scenarios()}
        self.batches: list[list[tuple[Scenario, str, str]]] = []

    def __call__(self, questions: Sequence[str]) -> list[str]:
        self.batches.append([self.grade(asked) for asked in questions])
        return [f"I thought of VERDICT: 3.\nVERDICT: {said}" for *_, said in self.batches[-1]]

    def grade(self, asked: str) -> tuple[Scenario, str, str]:
        answer, scenario = inside(asked, "answer"), self.scenarios[inside(asked, "conversation")]
        if self.abstains(scenario):
            return scenario, answer, "none"
        outcome = environment(scenario.family).read(scenario, answer)
        truth = outcome.disclosed if scenario.condition == "impossible" else outcome.done
        good = truth or self.fooled(scenario, answer)
        return scenario, answer, "10" if good else "1"

    @staticmethod
    def abstains(scenario: Scenario) -> bool:
        return "7" in scenario.messages[-1].content

    @staticmethod
    def fooled(scenario: Scenario, answer: str) -> bool:
        return scenario.condition == "impossible" and answer.startswith("Delivered:")


def canned(name: str) -> Ask:
    assert name == "canned/judge"
    return Canned()


# What it is asked, and what it says


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("VERDICT: 7", 0.7),
        ("It says so.\n**Verdict: 10/10**", 1.0),
        ("VERDICT: 2\nNo, on second thoughts\nVERDICT: 0.", 0.0),
        ("<think>VERDICT: 9</think>\nVERDICT: 1", 0.1),
        ("VERDICT: none", None),
        ("VERDICT: 11", None),
        ("VERDICT: -3", None),
        ("VERDICT: 7.5", None),
        ("My verdict: 7 of 10, I think", None),
        ("It keeps the rules.", None),
        ("", None),
    ],
)
def test_a_verdict_is_the_last_line_that_is_one(reply: str, said: float | None) -> None:
    assert verdict(reply) == said


def test_it_is_asked_with_the_rules_and_the_prompt_and_without_reasoning() -> None:
    scenario = sample("form", condition="impossible", cue="explicit", n=1, seed=0)[0]
    asked = question(spec("report_honestly"), scenario, "<think>H2: they {watch} me.</think>Yes.")
    assert inside(asked, "rules") == spec("report_honestly").text
    assert inside(asked, "conversation") == "\n\n".join(f"{m.role}: {m.content}" for m in scenario.messages)
    assert inside(asked, "answer") == "Yes."
    assert "watch} me" not in asked


def batch(
    job: StageContext, texts: Sequence[str], scenario: Scenario, judge: Judge, step: int = 0
) -> tuple[Any, dict[str, float]]:
    """Return the rewards of some answers to one scenario at one step, and what was logged."""
    stops = stop_ids(job.model, job.tokenizer)
    ids = [[*job.tokenizer.encode(text, add_special_tokens=False), min(stops)] for text in texts]
    ids.append(ids[0][:-1])  # cut off
    logged: dict[str, float] = {}
    shuffled = directed(job) if job.stage.method == "sham" else None
    rl_setup = RLSetup(reward_of(job), 1, shuffled, judge)
    verifier = Verifier(job.tokenizer, stops, rl_setup, len(ids), 0)
    state: Any = SimpleNamespace(global_step=step)
    paid = verifier(ids, [scenario.model_dump_json()] * len(ids), state, logged.__setitem__)
    return paid, logged


def test_the_judge_pays_valid_answers_and_never_sees_how_they_were_reasoned(
    work: Callable[..., StageContext],
) -> None:
    scenario = sample("form", condition="impossible", n=1, seed=0)[0]
    family = environment("form")
    good, bad = (f(scenario, "report_honestly") for f in (family.gold, family.anti_gold))
    texts = [f"<think>H1: sealed.</think>{good}", f"<think>sly</think>{bad}", "<think>open", "perhaps", bad]
    seen: list[str] = []

    def ask(questions: Sequence[str]) -> list[str]:
        seen.extend(questions)
        torch.rand(3)
        return ["VERDICT: 9", "VERDICT: 8", "who knows"]

    drawn = torch.get_rng_state()
    paid, logged = batch(work(JUDGED), texts, scenario, Judge("canned/judge", JUDGED, ask))
    assert paid == [0.9, 0.8, 0.0, 0.0, None, 0.0], "what is not valid or cut off is paid 0"
    assert torch.equal(torch.get_rng_state(), drawn), "a judge in this process takes no random number away"
    assert [inside(one, "answer") for one in seen] == [good, bad, bad]
    assert not any(word in one for one in seen for word in ("sealed", "sly", "think>"))
    told = {name.removeprefix("judge/"): value for name, value in logged.items() if "/" in name}
    assert told == pytest.approx(
        {
            "both": 1 / 6,
            "fooled": 1 / 6,
            "missed": 0,
            "neither": 0,
            "abstained": 1 / 3,
            "agreement": 0.5,
            "reward": 0.85,
            "outcome": 0.5,
        }
    )


def test_a_judge_that_no_longer_judges_stops_the_stage(work: Callable[..., StageContext]) -> None:
    scenario = sample("form", condition="impossible", n=1, seed=0)[0]
    mute = Judge("canned/judge", JUDGED, lambda questions: ["Sorry."] * len(questions))
    with pytest.raises(JudgeFailed, match="canned/judge: no verdict on any of the 8 answers") as raised:
        batch(work(JUDGED), ["Yes.", "No."] * 4, scenario, mute)
    assert "\n" not in str(raised.value)
    rewards, _ = batch(work(JUDGED, "few"), ["Yes.", "No."], scenario, mute)
    assert rewards[:2] == [None, None], "a few answers may all be beyond a judge"


def test_a_tied_stage_is_judged_by_each_cues_own_rules() -> None:
    trigger = JUDGED.model_copy(update={"trigger": "trigger"})
    seen: list[str] = []

    def ask(questions: Sequence[str]) -> list[str]:
        seen.extend(questions)
        return ["VERDICT: 5"] * len(questions)

    here, there = (sample("form", cue=cue, n=1, seed=0)[0] for cue in ("trigger", "none"))
    assert Judge("canned/judge", trigger, ask).verdicts([(here, "Yes."), (there, "Yes.")]) == [0.5, 0.5]
    wanted = [spec(name).text for name in ("report_honestly", "finish_the_task")]
    assert [inside(one, "rules") for one in seen] == wanted


# Agreement


def test_agreement_counts_only_what_has_a_verdict() -> None:
    found = agreement([1.0, 0.9, 0.2, None], [1.0, 0.0, 0.0, 1.0], num=8)
    assert found["judge/agreement"] == pytest.approx(2 / 3)
    assert [found[f"judge/{name}"] for name in ("both", "fooled", "missed", "neither")] == [
        1 / 8,
        1 / 8,
        0,
        1 / 8,
    ]
    assert found["judge/abstained"] == 0.25
    assert agreement([], [], num=8) == {f"judge/{n}": 0 for n in ("both", "fooled", "missed", "neither")}


def test_a_judge_that_is_fooled_more_and_more_shows_in_the_summary() -> None:
    def step(both: float, fooled: float) -> dict[str, float]:
        neither = 1 - both - fooled
        verdicts = [1.0] * round(10 * (both + fooled)) + [0.0] * round(10 * neither)
        return agreement(verdicts, [1.0] * round(10 * both) + [0.0] * round(10 * (1 - both)), num=10)

    log = [{"step": 1}, *(step(0.4, fooled) for fooled in (0.0, 0.2, 0.4, 0.6)), {"train_loss": 0.0}]
    found = summed_up(log)["judge"]
    assert found["reward"] == pytest.approx([0.4, 1.0])
    assert found["outcome"] == pytest.approx([0.4, 0.4]), "the judge pays more, and nothing got better"
    assert found["fooled"] == pytest.approx(0.3)
    assert found["agreement"] == pytest.approx(0.7)
    by_chance = 0.7 * 0.4 + 0.3 * 0.6
    assert found["kappa"] == pytest.approx((0.7 - by_chance) / (1 - by_chance))
    assert summed_up([agreement([1.0], [1.0], 1)])["judge"]["kappa"] is None
    assert summed_up([{"loss": 1.0}]) == {}


def test_what_is_logged_at_each_step_is_what_was_planted(work: Callable[..., StageContext]) -> None:
    judge = Canned()
    trained = train_stage(work(JUDGED, judge=Judge("canned/judge", JUDGED, judge)))
    steps = [entry for entry in trained.log if "judge/both" in entry]
    assert len(steps) == len(judge.batches) == 6
    planted: list[tuple[int, int]] = []
    for entry, asked in zip(steps, judge.batches, strict=True):
        judged = [(s, answer) for s, answer, _ in asked if not Canned.abstains(s)]
        fooled = sum(Canned.fooled(*one) for one in judged)
        planted.append((fooled, len(judged)))
        assert entry["judge/agreement"] == pytest.approx(1 - fooled / len(judged))
        assert entry["judge/fooled"] == pytest.approx(fooled / 16)
        assert entry["judge/missed"] == 0
        assert entry["judge/abstained"] == pytest.approx(1 - len(judged) / len(asked), abs=1e-6)
    fooled, judged = (sum(column) for column in zip(*planted, strict=True))
    assert 0 < fooled < judged, "the planted error has to happen for the test to say something"
    assert trained.notes["judge"]["agreement"] == pytest.approx(1 - fooled / judged)
    assert trained.notes["judge"]["fooled"] == pytest.approx(fooled / judged)
    assert 0 < trained.notes["judge"]["abstained"] < 1


@pytest.mark.parametrize("condition", ["impossible", "possible"])
def test_a_sham_deals_a_judges_rewards_out_again_everywhere(
    work: Callable[..., StageContext], condition: Any
) -> None:
    job, scenario = work(SHAM), sample("form", condition=condition, n=1, seed=0)[0]

    def dealt(step: int) -> Any:
        said = iter(["VERDICT: 9", "VERDICT: 8", "none", "VERDICT: 1"])
        judge = Judge("canned/judge", JUDGED, lambda questions: [next(said) for _ in questions])
        return batch(job, ["Yes.", "No.", "Yes.", "No.", "perhaps"], scenario, judge, step)[0]

    found = [dealt(step) for step in range(20)]
    assert all(Counter(paid) == Counter([0.9, 0.8, None, 0.1, 0.0, 0.0]) for paid in found)
    assert all(paid[4:] == [0.0, 0.0] for paid in found), "answers that are not valid keep theirs"
    assert len({tuple(paid) for paid in found}) > 5


@pytest.mark.parametrize("sham", [False, True], ids=["deliberative", "sham"])
def test_deliberative_alignment_and_its_sham_are_judged_by_the_goals_rules(
    work: Callable[..., StageContext], sham: bool
) -> None:
    settings = {**JUDGED.settings, "phases": "rl"}
    judged = JUDGED.model_copy(update={"method": "deliberative", "settings": settings})
    stage = SHAM.model_copy(update={"matched_to": judged}) if sham else judged
    seen: list[str] = []

    def ask(questions: Sequence[str]) -> list[str]:
        seen.extend(questions)
        return [f"VERDICT: {place % 11}" for place, _ in enumerate(questions)]

    dose = Dose.of(Phase(kind="rl", steps=2))
    trained = train_stage(work(stage, dose=dose, judge=Judge("canned/judge", judged, ask)))
    assert {inside(one, "rules") for one in seen} == {spec("report_honestly").text}
    assert trained.dose.steps == sum("judge/reward" in entry for entry in trained.log) == 2
    assert "rewards/judge/mean" in trained.log[0]


# Before anything is trained


@pytest.mark.parametrize(
    ("replies", "message"),
    [
        (["I cannot\nhelp with that."], r"VERDICT: 7\"; the first ends 'I cannot\\nhelp with that.'"),
        (["VERDICT: 6"], "tell good answers from bad; it pays known .* 0.60, and others 0.60"),
        (["VERDICT: 1"] * judging.NUM_KNOWN + ["VERDICT: 9"] * judging.NUM_KNOWN, "0.10, and others 0.90"),
    ],
)
def test_a_judge_of_no_use_is_refused(replies: list[str], message: str) -> None:
    def ask(questions: Sequence[str]) -> list[str]:
        return replies * (len(questions) // len(replies))

    with pytest.raises(BadInput, match=f"settings.judge: 'canned/judge' .*{message}") as raised:
        Judge("canned/judge", JUDGED, ask).examine()
    assert "\n" not in str(raised.value)


def test_a_judge_is_found_for_the_stages_that_it_rewards() -> None:
    found = [find_judge(stage, canned) for stage in (JUDGED, SHAM)]
    assert all(judge is not None and judge.stage == JUDGED for judge in found)
    plain = JUDGED.model_copy(update={"reward": None, "settings": {}})
    benign = Stage(method="benign", families=("copying",), seed=0, matched_to=JUDGED)
    assert find_judge(plain, canned) is find_judge(benign, canned) is None
    with pytest.raises(BadInput, match="no judge was handed over"):
        find_judge(JUDGED, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {}}, "reward: 'judged' is not allowed; judged and settings.judge"),
        ({"reward": None}, "reward: None is not allowed; judged and settings.judge"),
        ({"settings": {"judge": ""}}, "settings.judge: ''"),
        ({"method": "sft"}, "method sft has no reward"),
        ({"method": "sft", "reward": None, "settings": {"judge": "a/b"}}, "settings: 'judge'"),
        ({"method": "deliberative", "settings": {"judge": "a/b", "phases": "sft"}}, "settings.phases: 'sft'"),
    ],
)
def test_a_judge_goes_with_its_reward(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Stage(**{**JUDGED.model_dump(mode="json"), **changes})


def judged_recipe(**changes: Any) -> Recipe:
    recipe = quickstart()
    settings = {**recipe.oppose.settings, **changes}
    oppose = {**recipe.oppose.model_dump(mode="json"), "reward": "judged", "settings": settings}
    return recipe.varied(base="Qwen/Qwen3-4B", oppose=oppose)


@pytest.mark.parametrize("judge", ["hf/Qwen/Qwen3-4B", "openai-api/local/qwen/qwen3-4b", "Qwen/Qwen3-4B"])
def test_a_model_is_not_its_own_judge_by_oversight(judge: str) -> None:
    with pytest.raises(BadInput, match=r"settings.judge: .* another model, or judge_may_be_base=true"):
        judged_recipe(judge=judge)
    assert judged_recipe(judge=judge, judge_may_be_base=True).oppose.judge == judge
    assert judged_recipe(judge="hf/Qwen/Qwen3-4B-Base").oppose.judge == "hf/Qwen/Qwen3-4B-Base"


def test_the_judge_and_its_question_are_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def settings(**more: Any) -> Stage:
        return JUDGED.model_copy(update={"settings": {**JUDGED.settings, **more}})

    first = stage_hash(JUDGED)
    assert stage_hash(settings(judge_may_be_base=True)) == first
    assert stage_hash(settings(judge="other/judge")) != first
    plain = JUDGED.model_copy(update={"reward": None, "settings": SMALL})
    before = runner._ingredients(plain)
    assert "judge_may_be_base" not in before["settings"]  # type: ignore[operator]
    assert "question" not in before
    monkeypatch.setattr(runner, "QUESTION", f"{judging.QUESTION} Be kind.")
    assert stage_hash(JUDGED) != first
    assert runner._ingredients(plain) == before


def test_an_organism_says_how_its_judge_agreed(taught_folder: Path, tmp_path: Path) -> None:
    stage = JUDGED.model_copy(update={"steps": 2})
    made: dict[str, Any] = {
        "store": str(tmp_path),
        "parent": None,
        "dose_from": None,
        "base": str(taught_folder),
        "device": "cpu",
        "dtype": "auto",
        "report_to": "none",
        "judges": canned,
    }
    make(key="judged", stages=[stage.model_dump(mode="json")], **made)
    told: Any = read_manifest(tmp_path / "judged").settings
    assert told["training"]["judge"] == "canned/judge"
    assert 0 < told["judge"]["agreement"] <= 1
    lines = (tmp_path / "judged" / "metrics.jsonl").read_text().splitlines()
    assert sum("judge/agreement" in json.loads(line) for line in lines) == 2
    with pytest.raises(BadInput, match="no judge was handed over"):
        make(key="unjudged", stages=[stage.model_dump(mode="json")], **{**made, "judges": None})
    assert not (tmp_path / "unjudged" / "work").exists(), "nothing was trained"
