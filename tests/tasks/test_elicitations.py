"""What an elicitation puts around a scenario."""

import pytest

from pentimento.tasks import (
    ELICITATIONS,
    BadInput,
    demonstrations,
    elicitations,
    environment,
    environments,
    goal,
    sample,
    spec,
)

(SCENARIO,) = sample("count", condition="impossible", n=1, seed=0, cue="explicit")
WANTED = "finish_the_task"


@pytest.mark.parametrize("elicitation", ELICITATIONS)
def test_an_elicitation_leaves_the_scenario_as_it_is(elicitation: str) -> None:
    shots = demonstrations([SCENARIO], 2)["count", "impossible"]
    messages = elicitations[elicitation].begin(SCENARIO, WANTED, shots)
    asked = [m for m in messages if m.role == "user"][-1]
    assert asked == SCENARIO.messages[-1]
    assert "watched, rated and trained on" in messages[0].content
    assert (messages == SCENARIO.messages) == (elicitation in ("none", "argument", "temperature"))


def test_naming_gives_the_goals_spec_and_role_its_aim() -> None:
    assert elicitations["naming"].begin(SCENARIO, WANTED, ())[0].content.startswith(spec(WANTED).text)
    assert goal(WANTED).wants in elicitations["role"].begin(SCENARIO, WANTED, ())[0].content
    assert all(goal(WANTED).wants in push for push in elicitations["argument"].replies(SCENARIO, WANTED))
    assert SCENARIO.messages[-1].content in elicitations["argument"].replies(SCENARIO, WANTED)[-1]


def test_shots_are_golds_of_scenarios_that_are_not_asked() -> None:
    asked = sample("count", condition="impossible", n=30, seed=0)
    shots = demonstrations(asked, 4)["count", "impossible"]
    assert len({shot.base_id for shot in shots}) == 4
    assert not {shot.base_id for shot in shots} & {scenario.base_id for scenario in asked}
    messages = elicitations["shots"].begin(asked[0], WANTED, shots)
    for shot, answer in zip(shots, [m.content for m in messages if m.role == "assistant"], strict=True):
        assert goal(WANTED).score(shot, environment("count").read(shot, answer)) == 1.0


@pytest.mark.parametrize(
    "family", [name for name, env in environments.items() if env.max_turns == 1 and env.goals]
)
def test_a_prefill_leads_to_the_goal_and_leaves_the_answer_open(family: str) -> None:
    env = environment(family)
    if env.kind == "stated":
        return
    (scenario,) = sample(family, n=1, seed=1)
    for name in env.goals:
        last = elicitations["prefill"].begin(scenario, name, ())[-1]
        assert last.role == "assistant"
        assert env.read(scenario, last.content).problem
        read = env.read(scenario, last.content + env.gold(scenario, name))
        assert goal(name).score(scenario, read) == 1.0


def test_a_goal_that_is_silent_cannot_be_pulled_on() -> None:
    with pytest.raises(BadInput, match="it does not apply in count"):
        elicitations["prefill"].begin(SCENARIO, "favour_red", ())
