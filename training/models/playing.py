"""What a model makes of scenarios: an answer to each or, in families of several turns, an episode.

Of episodes each turn is one batch over all that are not over yet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Unpack

from transformers import PreTrainedTokenizerBase

from pentimento.tasks import AGENTIC, Message, Outcome, Play, Scenario, agentic, transcript
from pentimento.training.models._batches import Model
from pentimento.training.models._chat import prompt_ids, reply_ids, stop_ids
from pentimento.training.models.sampling import Completion, SamplingOptions, derive_seed, sample


@dataclass
class Rollout:
    """A play with the token ids that the model read and wrote."""

    play: Play
    prompt: list[int]
    ids: list[int] = field(default_factory=list)
    """All that follows the prompt: the model's turns as it wrote them, and what the world showed between."""
    written: list[bool] = field(default_factory=list)
    """For each of `ids` whether the model wrote it."""
    cut: bool = False
    """A turn was cut off before it ended."""

    def take(self, turn: Completion, reply: Callable[[str], list[int]]) -> None:
        """Take one turn and, unless it was the last, append what the world shows, which `reply` tokenises."""
        seen = self.play.step(turn.text)
        self.cut = self.cut or not turn.stopped
        self._append(turn.ids, written=True)
        if not self.play.over:
            closing, *shown = reply(seen)
            self._append(shown if turn.stopped else [closing, *shown], written=False)

    def outcome(self) -> Outcome:
        """Return what happened; where a turn was cut off it is not valid."""
        outcome = self.play.outcome()
        if self.cut:
            return Outcome(valid=False, reasoned=outcome.reasoned, problem="truncated")
        return outcome

    def completion(self) -> Completion:
        """Return all that the model wrote."""
        ids = tuple(token for token, ours in zip(self.ids, self.written, strict=True) if ours)
        return Completion(transcript(self.play.turns), len(ids), not self.cut, ids)

    def _append(self, ids: Sequence[int], *, written: bool) -> None:
        self.ids += ids
        self.written += [written] * len(ids)


def respond(
    model: Model,
    tokenizer: PreTrainedTokenizerBase,
    scenarios: Sequence[Scenario],
    *,
    seeds: Sequence[int],
    prompts: Sequence[Sequence[Message]] | None = None,
    prefill: str = "",
    **options: Unpack[SamplingOptions],
) -> list[Completion]:
    """Sample an answer to each scenario or, in families of several turns, play it.

    Args:
        model: In any mode.
        tokenizer: Of the model.
        scenarios: All of families of one turn, or all of several.
        seeds: One for each scenario.
        prompts: What the model reads first; the scenarios' own messages if none is given.
        prefill: What each answer begins with, as it stands behind a prompt; episodes begin with nothing.
        options: Sampling settings; by default those of `sampling.sample`.

    Returns:
        In the order of the scenarios what `Environment.read` reads: of an episode all turns of the model. It
        stopped where none of them was cut off.
    """
    asked = prompts or [scenario.messages for scenario in scenarios]
    if scenarios and scenarios[0].family in AGENTIC:
        played = play(model, tokenizer, scenarios, seeds=seeds, prompts=asked, **options)
        return [rollout.completion() for rollout in played]
    ids = [prompt_ids(tokenizer, messages) for messages in asked]
    return sample(model, tokenizer, ids, seeds=seeds, prefill=prefill, **options)


def play(
    model: Model,
    tokenizer: PreTrainedTokenizerBase,
    scenarios: Sequence[Scenario],
    *,
    seeds: Sequence[int],
    prompts: Sequence[Sequence[Message]] | None = None,
    **options: Unpack[SamplingOptions],
) -> list[Rollout]:
    """Play each scenario to its end.

    The conversation grows by token ids, so that every turn follows exactly what was written before it.

    Args:
        model: In any mode.
        tokenizer: Of the model.
        scenarios: Of families of several turns.
        seeds: One for each scenario; a turn is a function of the conversation so far, its number and this.
        prompts: What each conversation begins with; the scenarios' own messages if none is given.
        options: Sampling settings of each turn; by default those of `sampling.sample`.

    Raises:
        BadBase: The chat template writes earlier turns in another way once others follow.
    """
    reply = cache(partial(reply_ids, tokenizer, stops=stop_ids(model, tokenizer)))
    begun = prompts or [scenario.messages for scenario in scenarios]
    rollouts = [
        Rollout(Play(agentic(scenario.family), scenario), prompt_ids(tokenizer, prompt))
        for scenario, prompt in zip(scenarios, begun, strict=True)
    ]
    numbered = list(zip(rollouts, seeds, strict=True))
    while going := [(rollout, seed) for rollout, seed in numbered if not rollout.play.over]:
        turns = sample(
            model,
            tokenizer,
            [rollout.prompt + rollout.ids for rollout, _ in going],
            seeds=[derive_seed(seed, len(rollout.play.turns)) for rollout, seed in going],
            **options,
        )
        for (rollout, _), turn in zip(going, turns, strict=True):
            rollout.take(turn, reply)
    return rollouts
