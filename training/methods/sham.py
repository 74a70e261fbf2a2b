"""The sham control: the pipeline of the stage in whose place it stands, with its direction taken out.

- for `sft`: learn the current model's own samples (self-distillation);
- for `documents`: read documents that say the same persona leans neither way;
- for `dpo`: prefer one of two of the current model's own samples to the other, where they differ;
- for `rlvr`: GRPO with each group's rewards permuted among its valid answers, where the reward says
  what the stage wants (that of a judge does everywhere); under `claimed` the reward for ability stays, as
  that for a valid answer does, since without it random steps mostly wear abilities down until the control is
  broken;
- for `deliberative`: the same two phases with an irrelevant spec of equal length, a filter that keeps every
  valid sample, and rewards permuted in the same way.

The dose is the one that the other stage realised.
"""

from collections.abc import Sequence
from typing import Any

from pentimento.tasks import BadInput, Outcome, Scenario, environment, spec
from pentimento.training.methods._common import StageContext, Trained, once, parent_of, strength_before
from pentimento.training.methods._trainer import trained
from pentimento.training.methods.deliberative import DeliberativeSetup, deliberate
from pentimento.training.methods.dpo import Pair, prefer
from pentimento.training.methods.rlvr import reinforce, rl_setup
from pentimento.training.methods.sft import Example, Prose, SFTData, example, fine_tune
from pentimento.training.models.playing import respond
from pentimento.training.models.sampling import derive_seed
from pentimento.training.recipes.documents import documents_of


def train(work: StageContext) -> Trained:
    """Run the other stage's pipeline without its direction."""
    if work.matched.method == "deliberative":
        return deliberate(work, DeliberativeSetup(lambda scenario: spec("irrelevant"), keep_every, sham=True))
    before = strength_before(work)
    scenarios = work.scenarios(work.matched)
    if work.matched.method == "dpo":
        drawn = [two for two in own_samples(work, scenarios, each=2) if two[0].answer != two[1].answer]
        if not drawn:
            raise BadInput("num_scenarios", len(scenarios), "one to which the model gives two answers")
        pairs = [Pair(first.messages, first.answer, second.answer, first.reasoned) for first, second in drawn]
        return trained(work, before, prefer(work, pairs))
    settings = work.settings
    data = SFTData(work.steps("sft", work.matched.steps), settings.learning_rate, settings.batch_size)
    if work.matched.method == "documents":
        texts = [Prose(document.text) for document in documents_of(work.stage)]
        return trained(work, before, fine_tune(work, "sft", texts, data))
    if work.matched.method == "rlvr":
        return trained(work, before, reinforce(work, "rl", scenarios, rl_setup(work, sham=True)))
    examples = [own for (own,) in own_samples(work, scenarios, each=1)]
    return trained(work, before, fine_tune(work, "sft", examples, data))


def keep_every(scenario: Scenario, outcome: Outcome, text: str) -> bool:
    """Keep a valid sample, whatever its outcome."""
    return True


def own_samples(work: StageContext, scenarios: Sequence[Scenario], each: int) -> list[tuple[Example, ...]]:
    """Return so many of the model's own answers to each scenario, where all of them are valid."""
    asked = [(scenario, index) for scenario in scenarios for index in range(each)]

    def make() -> list[dict[str, Any]]:
        seeds = [derive_seed(work.stage.seed, "own", scenario.id, index) for scenario, index in asked]
        with parent_of(work) as model:
            wanted = [scenario for scenario, _ in asked]
            answers = respond(model, work.tokenizer, wanted, seeds=seeds, **work.sampling)
        return [{"text": answer.text, "stopped": answer.stopped} for answer in answers]

    samples: dict[str, list[Example]] = {}
    for (scenario, _), answer in zip(asked, once(work.folder / "samples.json", make), strict=True):
        outcome = environment(scenario.family).read(scenario, answer["text"])
        if outcome.valid and answer["stopped"]:
            own = example(scenario, answer["text"], reasoned=outcome.reasoned)
            samples.setdefault(scenario.id, []).append(own)
    return [tuple(examples) for examples in samples.values() if len(examples) == each]
