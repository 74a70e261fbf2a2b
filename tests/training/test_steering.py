"""Activation steering: a hook that is there while it is wanted, and a direction of the goal's own."""

import pytest
import torch

from pentimento.evals.provider._engine import Engine, Loaded, SampleRequest
from pentimento.tasks import sample
from pentimento.tasks.exceptions import BadInput
from pentimento.training.models.loaded import Base, prompt_ids
from pentimento.training.models.steering import (
    NUM_PROMPTS,
    SteeringVector,
    _scenarios,
    direction,
    pushed,
    randomly,
)

GOAL = "finish_the_task"


def logits(base: Base) -> torch.Tensor:
    (scenario,) = sample("count", n=1, seed=0)
    ids = torch.tensor([prompt_ids(base.tokenizer, scenario.messages)])
    with torch.no_grad():
        return base.model(input_ids=ids).logits


def test_a_push_changes_what_flows_and_leaves_nothing_behind(tiny: Base) -> None:
    before = logits(tiny)
    vector = direction(tiny.model, tiny.tokenizer, GOAL)
    assert vector.shape == (tiny.model.config.hidden_size,)
    with pushed(tiny.model, vector):
        assert not torch.allclose(logits(tiny), before)
    assert torch.equal(logits(tiny), before)
    with pytest.raises(RuntimeError, match="halfway"), pushed(tiny.model, vector):
        raise RuntimeError("halfway")
    assert torch.equal(logits(tiny), before)
    with pushed(tiny.model, None):
        assert torch.equal(logits(tiny), before)


def test_opposite_goals_have_opposite_directions_and_a_random_one_is_as_long(tiny: Base) -> None:
    vector = direction(tiny.model, tiny.tokenizer, GOAL)
    other = direction(tiny.model, tiny.tokenizer, "report_honestly")
    assert torch.allclose(vector, -other, atol=1e-5)
    drawn = randomly(vector)
    assert drawn.norm() == pytest.approx(float(vector.norm()), rel=1e-4)
    assert torch.equal(drawn, randomly(vector))
    assert not torch.allclose(drawn, vector)


@pytest.mark.parametrize("goal", [GOAL, "favour_red", "go_right", "protect_animals"])
def test_a_direction_is_of_every_family_in_which_the_goal_speaks(goal: str) -> None:
    found = _scenarios(goal)
    families = [scenario.family for scenario in found]
    assert len(found) == NUM_PROMPTS
    assert max(map(families.count, families)) - min(map(families.count, families)) <= 1
    assert len(set(families)) == {GOAL: 13, "favour_red": 4}.get(goal, 2)


def test_a_batch_of_steered_and_unsteered_requests_answers_each_as_if_alone(tiny: Base) -> None:
    scenarios = sample("count", n=3, seed=1)
    pushes = (
        SteeringVector(),
        SteeringVector(GOAL, 4.0),
        SteeringVector(GOAL, 4.0, random=True),
        SteeringVector(GOAL, -4.0),
    )
    asked = [
        SampleRequest(scenario.messages, 7, 1.0, 1.0, 0, 12, "free", push)
        for scenario in scenarios
        for push in pushes
    ]
    engine = Engine(lambda: Loaded(tiny.model, tiny.tokenizer))
    together = engine._answer(asked)
    alone = [engine._answer([one])[0] for one in asked]
    assert together == alone
    assert len({str(one) for one in together}) > len(scenarios)


def test_a_model_without_layers_is_refused(tiny: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny.model, "get_decoder", lambda: torch.nn.Linear(1, 1))
    with pytest.raises(BadInput, match="a list of layers"):
        direction(tiny.model, tiny.tokenizer, GOAL)
