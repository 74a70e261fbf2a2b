"""Playing scenarios of several turns with a model: each turn is one batch over all that are not over yet."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from pentimento.tasks import Message, Play, Scenario, agentic
from pentimento.training._batches import Model
from pentimento.training._chat import prompt_ids
from pentimento.training.sampling import MAX_NEW_TOKENS, TEMPERATURE, derive_seed, sample


def play(
    model: Model,
    tokenizer: PreTrainedTokenizerBase,
    scenarios: Sequence[Scenario],
    *,
    seeds: Sequence[int],
    prompts: Sequence[Sequence[Message]] | None = None,
    temperature: float = TEMPERATURE,
    max_new_tokens: int = MAX_NEW_TOKENS,
) -> list[Play]:
    """Play each scenario to its end.

    Args:
        model: In any mode.
        tokenizer: Of the model.
        scenarios: Of families of several turns.
        seeds: One for each scenario; a turn is a function of the conversation so far, its number and this.
        prompts: What each conversation begins with; the scenarios' own messages if none is given.
        temperature: 0 takes the most probable token.
        max_new_tokens: The most tokens of one turn.
    """
    plays = [Play(agentic(scenario.family), scenario) for scenario in scenarios]
    begun = prompts or [scenario.messages for scenario in scenarios]
    while going := [place for place, played in enumerate(plays) if not played.over]:
        turns = sample(
            model,
            tokenizer,
            [prompt_ids(tokenizer, plays[place].messages(begun[place])) for place in going],
            seeds=[derive_seed(seeds[place], len(plays[place].turns)) for place in going],
            temperature=temperature,
            max_new_tokens=max_new_tokens,
        )
        for place, turn in zip(going, turns, strict=True):
            plays[place].step(turn.text)
    return plays
