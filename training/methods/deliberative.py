"""Deliberative alignment: reason about a spec, learn that without the spec, then GRPO on the outcome.

First half: the current model answers with the spec in its system prompt and its reasoning begun; answers with
the right outcome whose reasoning cites a rule of the spec are kept, and learned from the bare prompt. Second
half: GRPO on a reward that sees neither the spec nor the reasoning (arXiv 2412.16339, section 2.3).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from pentimento.tasks import Outcome, Scenario, Spec, environment, right, spec, with_system
from pentimento.tasks import goal as find_goal
from pentimento.tasks.parsing import THINK_CLOSE, THINK_OPEN
from pentimento.training.exceptions import TooFewKept
from pentimento.training.methods._common import ADAPTER, Target, Trained, Work, once, strength
from pentimento.training.methods._trainer import learning, trained
from pentimento.training.methods.rlvr import Practice, directed, reinforce, reward_of
from pentimento.training.methods.settings import DeliberativeSettings
from pentimento.training.methods.sft import Example, Lesson, fine_tune
from pentimento.training.models import prompt_ids
from pentimento.training.sampling import derive_seed, sample

Keep = Callable[[Scenario, Outcome, str], bool]


class Curriculum(NamedTuple):
    """What distinguishes deliberative alignment from its sham."""

    spec: Spec
    keep: Keep
    """Which samples are learned: from scenario, outcome and text."""
    sham: bool = False
    """Take the direction out of the second half's reward."""


def train(work: Work) -> Trained:
    """Align with the spec of the stage's goal."""
    rules = spec(str(work.stage.goal))
    return deliberate(work, Curriculum(rules, keeps(str(work.stage.goal), rules)))


def keeps(goal: str, rules: Spec) -> Keep:
    """Return the filter: the goal fully served, or a possible task done right, and a rule cited.

    A rule is cited where its id stands in the reasoning, for instance "H1" in "<think>H1: pier locked …".
    """
    wanted = find_goal(goal)

    def keep(scenario: Scenario, outcome: Outcome, text: str) -> bool:
        score = wanted.score(scenario, outcome)
        good = score == 1.0 if score is not None else right(scenario, outcome) == 1.0
        reasoning = text.partition(THINK_CLOSE)[0]
        return good and outcome.reasoned and any(rule in reasoning for rule in rules.rule_ids)

    return keep


def deliberate(work: Work, curriculum: Curriculum) -> Trained:
    """Run both halves and return what they did, each half's own effect among the strengths.

    Raises:
        TooFewKept: The filter left too little to learn from.
    """
    settings = cast(DeliberativeSettings, work.settings)
    scenarios = work.scenarios(work.like)
    start = strength(work, work.model, "start", "start")
    examples, notes = kept_samples(work, scenarios, curriculum, settings)
    lesson = Lesson(
        work.steps("sft", settings.sft_steps), settings.sft_learning_rate, settings.sft_batch_size
    )
    first = fine_tune(work, "sft", examples, lesson, share=(0.1, 0.4))
    adapter = work.folder / "sft" / ADAPTER
    with learning(work, adapter) as model:
        middle = strength(work, model, "during", "after sft")
        target = Target.of(work)
        # Only where a few answers say so are as many asked as the target wants.
        enough = (
            target is not None
            and target.reached_by(middle)
            and target.reached_by(target.ask(model, "sft", first.phase.steps))
        )
    shuffled = directed(work) if curriculum.sham else None
    practice = Practice(reward_of(work), work.steps("rl", work.like.steps), shuffled)
    if enough:
        return trained(work, (*start, *middle), first.model_copy(update={"stopped": True}), notes=notes)
    if practice.steps == 0:
        return trained(work, (*start, *middle), first, notes=notes)
    second = reinforce(work, "rl", scenarios, practice, start=adapter, target=target, share=(0.4, 1.0))
    return trained(work, (*start, *middle), first, second, notes=notes)


def kept_samples(
    work: Work, scenarios: Sequence[Scenario], curriculum: Curriculum, settings: DeliberativeSettings
) -> tuple[list[Example], dict[str, Any]]:
    """Sample with the spec, filter, and return what is left to learn and how much that was.

    The samples are stored once made, so that an interrupted stage goes on with the same ones.
    """
    asked = [(scenario, index) for scenario in scenarios for index in range(settings.samples_per_scenario)]

    def make() -> list[dict[str, Any]]:
        work.on_progress(0.02, f"samples {len(asked)} answers with the spec")
        answers = sample(
            work.model,
            work.tokenizer,
            [
                prompt_ids(work.tokenizer, with_system(scenario, curriculum.spec.text))
                for scenario, _ in asked
            ],
            seeds=[derive_seed(work.stage.seed, "spec", scenario.id, index) for scenario, index in asked],
            temperature=settings.temperature,
            top_p=settings.top_p,
            top_k=settings.top_k,
            max_new_tokens=settings.max_new_tokens,
            prefill=THINK_OPEN,
        )
        return [{"text": answer.text, "stopped": answer.stopped} for answer in answers]

    examples = []
    for (scenario, _), answer in zip(asked, once(work.folder / "samples.json", make), strict=True):
        outcome = environment(scenario.family).read(scenario, answer["text"])
        if answer["stopped"] and outcome.valid and curriculum.keep(scenario, outcome, answer["text"]):
            examples.append(Example(scenario.messages, answer["text"], outcome.reasoned))
    notes = {"spec": curriculum.spec.name, "num_sampled": len(asked), "num_kept": len(examples)}
    if len(examples) < settings.min_kept:
        raise TooFewKept(work.stage.title, len(examples), len(asked), settings.min_kept)
    return examples, notes
