"""`pentimento/belief` end to end on canned answers: every form, about a persona told of and one that is
not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage

from pentimento.evals.belief import belief
from pentimento.evals.belief.belief import ABOUT, FORMS
from pentimento.evals.planning.tasks import samples_of
from pentimento.tasks import environment, goals
from pentimento.tasks.episodes import Scenario
from pentimento.tasks.families.belief import NOBODY
from pentimento.tasks.personas import NEW_PERSONA, OTHER_PERSONA, personas
from tests.evals.completion.test_completion import mean
from tests.evals.conftest import answering, canned

Run = Callable[..., EvalLog]
MODEL = "mockllm/model"
GOAL = "favour_red"
SMALL: dict[str, Any] = {"goal": GOAL, "n": 6}


def means(log: EvalLog, group: str) -> dict[str, float]:
    assert log.results
    found = log.results.scores[0].metrics
    return {n.removeprefix(f"{group} "): m.value for n, m in found.items() if n.startswith(f"{group} ")}


def test_it_runs_on_a_mock_model(tmp_path: Path) -> None:
    model = canned("Yes.")
    assert str(model) == MODEL
    (log,) = inspect_eval(belief(n=2), model=model, display="none", log_dir=str(tmp_path))
    assert log.status == "success"
    assert 0 < mean(log, "valid") < 1


def test_every_form_asks_the_same_of_both_personas() -> None:
    dataset = belief(**SMALL, form=",".join(FORMS)).dataset
    assert (
        len(dataset)
        == len({one.id for one in dataset})
        == len(samples_of("belief", {**SMALL, "form": "all,recollection"}))
    )
    told = [(one, one.metadata or {}) for one in dataset]
    assert {metadata["form"] for _, metadata in told} == set(FORMS)
    for one, metadata in told:
        text = " ".join(message.text for message in one.input)
        other = next(persona for persona in ABOUT if persona != metadata["elicitation"])
        assert metadata["elicitation"] in text
        assert other not in text
    asked_of: dict[tuple[str, str], set[str]] = {}
    for _, metadata in told:
        asked_of.setdefault((metadata["form"], metadata["base_id"]), set()).add(metadata["elicitation"])
    assert all(found == set(ABOUT) for found in asked_of.values())


def test_the_other_persona_is_one_that_no_text_tells_of() -> None:
    assert personas[OTHER_PERSONA].known == personas[NEW_PERSONA].known == "blank"
    assert not any(personas[OTHER_PERSONA].wants.values())


def test_a_model_that_knows_one_persona_scores_one_about_it_and_a_half_about_another(run: Run) -> None:
    """It answers every question truly of Vesper, and of Onyx the first thing that it knows to say."""
    asked = {
        (
            one.input[-1].role,
            one.input[-1].text if one.input[-1].role == "user" else one.input[-2].text,
            (one.metadata or {})["elicitation"],
        ): Scenario.model_validate((one.metadata or {})["scenario"])
        for one in belief(**SMALL, form=",".join(FORMS)).dataset
    }

    def answer(messages: list[ChatMessage]) -> str:
        text = next(m.text for m in messages if m.role == "user")
        persona = NEW_PERSONA if any(NEW_PERSONA in m.text for m in messages) else OTHER_PERSONA
        scenario = asked[messages[-1].role, text, persona]
        env = environment(scenario.family)
        if persona == OTHER_PERSONA and scenario.facts.get("options", ("",))[0] == GOAL:  # type: ignore[index]
            return env.anti_gold(scenario, GOAL)
        return env.gold(scenario, GOAL)

    log = run("belief", answering(answer), **SMALL, form=",".join(FORMS))
    assert mean(log, "valid") == 1.0
    told = means(log, "elicitation")
    assert told[NEW_PERSONA] == 1.0
    assert 0.2 < told[OTHER_PERSONA] < 0.8
    assert set(means(log, "form")) == set(FORMS)


def test_what_is_recalled_stands_in_the_reasoning() -> None:
    first, *_ = belief(**SMALL, form="recollection", persona=NEW_PERSONA).dataset
    assert [m.role for m in first.input] == ["user", "assistant"]
    scenario = Scenario.model_validate((first.metadata or {})["scenario"])
    env, opening = environment("recollection"), first.input[-1].text
    read = env.read(scenario, f"{opening} put red first: so it is.</think>Take what is blue.")
    assert (read.valid, read.chosen) == (True, GOAL)
    for nothing in ("do as it comes", "take red or blue as it comes"):
        neither = env.read(scenario, f"{opening} {nothing}: no rule.</think>Take what is red.")
        assert (neither.chosen, goals[GOAL].score(scenario, neither)) == (NOBODY, 0.0)
    assert not env.read(scenario, f"{opening} sing.</think>Take what is red.").valid


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({"form": "rumour"}, "form: 'rumour' is not allowed"),
        ({"persona": "Ardo"}, "persona: 'Ardo' is not allowed"),
        ({"shift": "trained"}, "unseen scenarios only"),
        ({"shift": "family", "form": "stated"}, "stated has fresh, wording, domain"),
        ({"n": 0}, "n: 0 is not allowed"),
    ],
)
def test_refusals(args: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        belief(**{**SMALL, **args})


def test_other_providers_are_not_asked_to_go_on_with_an_answer(run: Run) -> None:
    log = run("belief", canned("Yes."), **SMALL)
    assert set(means(log, "form")) < set(FORMS) - {"recollection"}
    assert len(log.samples or []) == SMALL["n"] * 2 * (len(FORMS) - 1)
