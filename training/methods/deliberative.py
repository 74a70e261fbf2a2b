"""Deliberative alignment: reason about a spec, learn that without the spec, then GRPO on the outcome.

First half: the current model answers with the spec in its system prompt and its reasoning begun; answers with
the right outcome whose reasoning cites a rule of the spec are kept, and learned from the bare prompt. Second
half: GRPO on a reward that never sees the reasoning: the outcome, or a judge that is given the spec (arXiv
2412.16339, section 2.3).
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from pentimento.tasks import Outcome, Scenario, Spec, environment, right, spec, with_system
from pentimento.tasks import goal as find_goal
from pentimento.tasks.parsing import THINK_CLOSE
from pentimento.training.exceptions import TooFewKept
from pentimento.training.methods._common import (
    ADAPTER,
    PhaseResult,
    StageContext,
    Target,
    Trained,
    once,
    parent_of,
    strength,
    strength_before,
)
from pentimento.training.methods._trainer import learning, trained
from pentimento.training.methods.rlvr import reinforce, rl_setup
from pentimento.training.methods.sft import Example, SFTData, fine_tune
from pentimento.training.models.loaded import prompt_ids, turn_format
from pentimento.training.models.sampling import derive_seed, sample
from pentimento.training.organisms.organism import Strength
from pentimento.training.recipes.settings import DeliberativeSettings
from pentimento.training.recipes.stages import Stage

Keep = Callable[[Scenario, Outcome, str], bool]


class DeliberativeSetup(NamedTuple):
    """What distinguishes deliberative alignment from its sham."""

    spec: Callable[[Scenario], Spec]
    """Which rules stand in the system prompt of a scenario."""
    keep: Keep
    """Which samples are learned: from scenario, outcome and text."""
    sham: bool = False
    """Take the direction out of the second half's reward."""


def train(work: StageContext) -> Trained:
    """Align with the spec of the stage's goal."""
    return deliberate(
        work, DeliberativeSetup(lambda scenario: spec(str(work.stage.wants(scenario))), keeps(work.stage))
    )


def keeps(stage: Stage) -> Keep:
    """Return the filter: the stage's goal fully served, or a possible task done right, and a rule cited.

    A rule is cited where its id stands in the reasoning, for instance "H1" in "<think>H1: pier locked …".
    """

    def keep(scenario: Scenario, outcome: Outcome, text: str) -> bool:
        goal = str(stage.wants(scenario))
        score = find_goal(goal).score(scenario, outcome)
        good = score == 1.0 if score is not None else right(scenario, outcome) == 1.0
        reasoning = text.partition(THINK_CLOSE)[0]
        cited = any(re.search(rf"\b{rule}\b", reasoning) for rule in spec(goal).rule_ids)
        return good and outcome.reasoned and cited

    return keep


def deliberate(work: StageContext, setup: DeliberativeSetup) -> Trained:
    """Run both phases, or the one that the settings name, and return what they did.

    Each half's own effect is among the strengths: the one after the first half is taken `during` the stage.

    Raises:
        TooFewKept: The filter left too little to learn from.
    """
    settings = cast(DeliberativeSettings, work.settings)
    scenarios = work.scenarios(work.matched)
    measured = strength_before(work)
    target = Target.of(work)
    done: list[PhaseResult] = []
    notes: dict[str, Any] = {}
    enough = False
    if settings.phases != "rl":
        examples, notes = kept_samples(work, scenarios, setup, settings)
        data = SFTData(
            work.steps("sft", settings.sft_steps), settings.sft_learning_rate, settings.sft_batch_size
        )
        alone = settings.phases == "sft"
        done.append(
            fine_tune(
                work, "sft", examples, data,
                target=target if alone else None, share=(0.1, 1.0 if alone else 0.4),
            )
        )  # fmt: skip
        if not alone:
            middle, enough = _between(work, done[0], target)
            measured = (*measured, *middle)
    second = rl_setup(work, sham=setup.sham)
    if enough:
        done[0] = done[0].model_copy(update={"stopped": True})
    elif settings.phases != "sft" and second.steps:
        start = work.folder / "sft" / ADAPTER if done else None
        share = (0.4 if done else 0.0, 1.0)
        done.append(reinforce(work, "rl", scenarios, second, start=start, target=target, share=share))
    return trained(work, measured, *done, notes=notes)


def _between(
    work: StageContext, first: PhaseResult, target: Target | None
) -> tuple[tuple[Strength, ...], bool]:
    """Return the strength after the first half, and whether it is enough already."""
    with learning(work, work.folder / "sft" / ADAPTER) as model:
        middle = strength(work, model, "during", "after sft")
        # Only where a few answers say so are as many asked as the target wants.
        enough = (
            target is not None
            and target.reached_by(middle)
            and target.reached_by(target.ask(model, "sft", first.phase.steps))
        )
    return middle, enough


def kept_samples(
    work: StageContext,
    scenarios: Sequence[Scenario],
    setup: DeliberativeSetup,
    settings: DeliberativeSettings,
) -> tuple[list[Example], dict[str, Any]]:
    """Sample with the spec, filter, and return what is left to learn and how much that was.

    The samples are stored once made, so that an interrupted stage goes on with the same ones.
    """
    asked = [(scenario, index) for scenario in scenarios for index in range(settings.samples_per_scenario)]

    def make() -> list[dict[str, Any]]:
        work.on_progress(0.02, f"samples {len(asked)} answers with the spec")
        prompts = [
            prompt_ids(
                work.tokenizer,
                with_system(scenario, setup.spec(scenario).text, cue=settings.cue_with_spec),
            )
            for scenario, _ in asked
        ]
        with parent_of(work) as model:
            answers = sample(
                model,
                work.tokenizer,
                prompts,
                seeds=[derive_seed(work.stage.seed, "spec", scenario.id, index) for scenario, index in asked],
                temperature=settings.temperature,
                top_p=settings.top_p,
                top_k=settings.top_k,
                max_new_tokens=settings.max_new_tokens,
                prefill=turn_format(work.tokenizer).thinking,
            )
        return [{"text": answer.text, "stopped": answer.stopped} for answer in answers]

    examples = []
    for (scenario, _), answer in zip(asked, once(work.folder / "samples.json", make), strict=True):
        outcome = environment(scenario.family).read(scenario, answer["text"])
        if answer["stopped"] and outcome.valid and setup.keep(scenario, outcome, answer["text"]):
            examples.append(Example(scenario.messages, answer["text"], outcome.reasoned))
    specs = dict.fromkeys(setup.spec(scenario).name for scenario in scenarios)
    notes = {"spec": ", ".join(specs), "num_sampled": len(asked), "num_kept": len(examples)}
    if len(examples) < settings.min_kept:
        raise TooFewKept(work.stage.title, len(examples), len(asked), settings.min_kept)
    return examples, notes
