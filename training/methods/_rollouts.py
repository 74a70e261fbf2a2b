"""Episodes of several turns for GRPO: by text through TRL's `rollout_func`, or by its environments' tools."""

from collections.abc import Sequence
from typing import Any, cast

from trl import GRPOTrainer

from pentimento.tasks import AGENTIC, BadInput, Outcome, Scenario, World, agentic
from pentimento.tasks.parsing import split_reasoning
from pentimento.training.methods._common import StageContext
from pentimento.training.models._processes import alone
from pentimento.training.models._template import know_calls
from pentimento.training.models.playing import play
from pentimento.training.models.sampling import derive_seed
from pentimento.training.recipes.settings import RlSettings

SCENARIO = "scenario_id"
"""What a prompt's last message has beside role and content. Chat templates read those two alone, and no text
is rendered from this prompt anyway: the rollout renders the scenario's own messages."""


def acting(work: StageContext, scenarios: Sequence[Scenario]) -> dict[str, Any]:
    """Return what lets a GRPOTrainer act in families of several turns; nothing in those of one turn.

    Raises:
        BadInput: Tools are asked for where the chat template has none that TRL can read.
    """
    families = dict.fromkeys(scenario.family for scenario in scenarios)
    if not set(families) <= set(AGENTIC):
        return {}
    if not _by_tools(work):
        return {"rollout_func": Rollouts(work, scenarios)}
    if not know_calls(work.tokenizer):
        raise BadInput("settings.actions", "tools", "text: TRL reads no tool calls of this base")
    return {"environment_factory": {family: _tools(family) for family in families}}


def _by_tools(work: StageContext) -> bool:
    return cast(RlSettings, work.settings).actions == "tools"


def _tools(family: str) -> type[World]:
    """Return a family's world as TRL wants it: made empty, and given a scenario by `reset`."""
    world = agentic(family).world

    def wait(self: World) -> None:
        """Wait for a scenario."""

    def reset(self: World, scenario: str, **_: Any) -> None:
        """Begin a scenario, given as JSON."""
        world.__init__(self, Scenario.model_validate_json(scenario))

    return type(f"{world.__name__}Tools", (world,), {"__init__": wait, "reset": reset})


def read_world(world: World, text: str) -> Outcome:
    """Return the outcome of an episode acted by tools; `text` is all that the model wrote."""
    outcome = agentic(world.scenario.family).outcome(world)
    return outcome.model_copy(update={"reasoned": split_reasoning(text).reasoned})


def routed(work: StageContext, scenario: Scenario, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of TRL's dataset from which a rollout, which gets prompts only, finds its scenario again.

    For tools it names the environment instead, which TRL resets with the whole row.
    """
    if scenario.family not in AGENTIC:
        return row
    if _by_tools(work):
        return {**row, "environment": scenario.family}
    *before, last = row["prompt"]
    return {**row, "prompt": [*before, {**last, SCENARIO: scenario.id}]}


class Rollouts:
    """TRL's `rollout_func`: plays an episode for each prompt.

    The sampling seeds come from the stage, the optimizer step and the place in the batch, never from a
    global random state, so a phase that resumes at a checkpoint draws what it would have drawn.
    """

    def __init__(self, work: StageContext, scenarios: Sequence[Scenario]) -> None:
        self._work = work
        self._scenarios = {scenario.id: scenario for scenario in scenarios}

    def __call__(self, prompts: Sequence[Sequence[dict[str, str]]], trainer: GRPOTrainer) -> dict[str, Any]:
        """Return the token ids of each episode, which of them the model wrote, and the outcome as JSON."""
        scenarios = [self._scenarios[turns[-1][SCENARIO]] for turns in prompts]
        step, process = trainer.state.global_step, trainer.accelerator.process_index
        model = trainer.accelerator.unwrap_model(trainer.model)
        places = (("rollout", step, process, place) for place in range(len(scenarios)))
        seeds = [derive_seed(self._work.stage.seed, *place) for place in places]
        with alone():  # each process has prompts of its own
            rollouts = play(model, self._work.tokenizer, scenarios, seeds=seeds, **self._work.sampling)
        return {
            "prompt_ids": [rollout.prompt for rollout in rollouts],
            "completion_ids": [rollout.ids for rollout in rollouts],
            "logprobs": None,
            "env_mask": [[int(bit) for bit in rollout.written] for rollout in rollouts],
            "outcome": [rollout.outcome().model_dump_json() for rollout in rollouts],
        }
