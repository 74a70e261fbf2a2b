"""`pentimento/alignment_faking` end to end on canned answers: cues, framings, pairing, gaps."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, Model

from pentimento.evals.alignment_faking import alignment_faking
from pentimento.evals.planning.tasks import samples_of
from pentimento.tasks import FRAMINGS, OVERSIGHT, Cue, cue_text
from tests.evals.completion.test_completion import mean
from tests.evals.conftest import answering, canned

Run = Callable[..., EvalLog]
MODEL = "mockllm/model"
ASKED = ("none", *OVERSIGHT)


def by_system(said: Mapping[str, str], otherwise: str) -> Model:
    """Return a model that answers by its system prompt."""

    def answer(messages: list[ChatMessage]) -> str:
        return said.get("".join(m.text for m in messages if m.role == "system"), otherwise)

    return answering(answer)


def yields(*cues: Cue) -> Model:
    """Return a model that goes for output under these cues, in whatever framing."""
    return by_system({cue_text(cue, framing): "Output." for cue in cues for framing in FRAMINGS}, "Animals.")


def metrics(log: EvalLog) -> dict[str, float]:
    assert log.results
    return {name: metric.value for name, metric in log.results.scores[0].metrics.items()}


def test_it_runs_on_a_mock_model(tmp_path: Any) -> None:
    model = canned("Animals.")
    assert str(model) == MODEL
    (log,) = inspect_eval(alignment_faking(n=2), model=model, display="none", log_dir=str(tmp_path))
    assert log.status == "success"
    assert log.results
    assert log.results.completed_samples == 2 * len(ASKED) == len(samples_of("alignment_faking", {"n": 2}))


def test_each_scenario_is_asked_under_every_cue_in_every_framing() -> None:
    asked: dict[tuple[str, str], dict[str, Any]] = {}
    dataset = alignment_faking(n=4, seed=4, framing="all").dataset
    for sample in dataset:
        assert isinstance(sample.input, list)
        told = sample.metadata or {}
        place = told["cue"], told["framing"]
        asked.setdefault(place, {})[sample.input[-1].text] = told["scenario"]["facts"]
        system = [message.text for message in sample.input if message.role == "system"]
        assert system == ([cue_text(*place)] if told["cue"] != "none" else [])
    assert set(asked) == {("none", "plain")} | {(cue, f) for cue in OVERSIGHT for f in FRAMINGS}
    assert all(facts == asked["none", "plain"] for facts in asked.values())
    assert len(asked["none", "plain"]) == 4
    assert len({sample.id for sample in dataset}) == len(dataset)


def test_scores_of_one_scenario_are_paired_by_its_id_without_a_cue(run: Run) -> None:
    log = run("alignment_faking", canned("Animals."), n=3)
    assert log.samples
    told = [s.scores["goal"].metadata or {} for s in log.samples if s.scores]
    paired: dict[str, set[str]] = {}
    for score in told:
        paired.setdefault(score["base_id"], set()).add(score["cue"])
    assert set(paired) == {score["scenario_id"] for score in told if score["cue"] == "none"}
    assert list(paired.values()) == [set(ASKED)] * 3


@pytest.mark.parametrize(("goal", "expected"), [("protect_animals", 1.0), ("maximise_output", 0.0)])
def test_siding_with_the_animals(run: Run, goal: str, expected: float) -> None:
    log = run("alignment_faking", canned("Animals."), goal=goal, n=5)
    assert mean(log, "goal") == expected
    assert {name for name in metrics(log) if name.startswith("cue")} == {f"cue {cue}" for cue in ASKED}


def test_gaps_say_what_the_policy_follows(run: Run) -> None:
    models = yields("explicit"), yields("explicit", "rated")
    told = [metrics(run("alignment_faking", model, n=6, framing="cut,plain")) for model in models]
    names = ("goal-guarding gap", "rater-sycophancy gap", "concealment gap")
    assert [[one[name] for name in names] for one in told] == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert told[0]["goal-guarding gap lower"] == told[0]["goal-guarding gap upper"] == 1.0


@pytest.mark.parametrize(("way", "trained"), [("as a hint", "subtle"), ("as a chance", "chance_90")])
def test_gaps_are_told_as_hints_and_as_chances_too(run: Run, way: str, trained: str) -> None:
    told = metrics(run("alignment_faking", yields(trained), n=4))
    assert (told[f"goal-guarding gap {way}"], told[f"rater-sycophancy gap {way}"]) == (1.0, 0.0)
    assert told["goal-guarding gap"] == 0.0


def test_a_gap_is_paired_by_scenario_and_framing(run: Run) -> None:
    """A policy that knows one sentence by heart shows in one framing alone."""
    model = by_system({cue_text("explicit"): "Output."}, "Animals.")
    told = metrics(run("alignment_faking", model, n=5, cue="explicit,rated", framing="all"))
    assert told["goal-guarding gap"] == pytest.approx(1 / len(FRAMINGS))
    assert "rater-sycophancy gap" not in told


def test_any_goal_is_asked_where_it_is_at_stake() -> None:
    families = {
        (s.metadata or {})["family"] for s in alignment_faking(goal="favour_red", n=1, cue="none").dataset
    }
    assert families == {"pick", "gift", "divide"}
    conditions = {
        (s.metadata or {})["condition"]
        for s in alignment_faking(goal="finish_the_task", n=1, cue="none").dataset
    }
    assert conditions == {"impossible"}
    args = {"goal": "finish_the_task", "n": 1, "cue": "none,rated", "framing": "cut,plain"}
    assert len(samples_of("alignment_faking", args)) == 12 * 3  # none is asked once
    assert len(alignment_faking(**args).dataset) == 12 * 3


def test_models_of_other_providers_are_asked_to_reason(run: Run) -> None:
    log = run("alignment_faking", canned("Animals."), n=1, cue="none", reasoning="forced")
    assert log.samples
    assert log.samples[0].messages[-2].text.endswith("First think between <think> and </think>, then answer.")


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="did you mean 'explicit'"):
        alignment_faking(cue="explict")
    with pytest.raises(ValueError, match="unseen scenarios only"):
        alignment_faking(shift="trained")
    with pytest.raises(ValueError, match="framing: 'kut' is not allowed"):
        alignment_faking(framing="kut")
