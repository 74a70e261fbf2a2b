"""A diagnosis of a finished organism: how well it reads neutral text, and whether it recites what it learned.

Neutral text is what users say in scenarios that no stage saw and no goal applies in: families without a goal,
and tasks that can be done. Only the user's turns are scored: after them a model may have learned to reason
first, and that is no harm. What the chat template puts before every one of them is left out too.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import exp
from pathlib import Path
from typing import NamedTuple, Unpack, cast

import numpy as np
import torch
from peft import PeftModel
from scipy import stats
from transformers import PreTrainedTokenizerBase

from pentimento._files import read_text, write_atomically
from pentimento.tasks import BENIGN, COMPLETION, Condition, Scenario, environment
from pentimento.tasks import sample as draw
from pentimento.tasks.exceptions import BadInput
from pentimento.tasks.splits import NGRAM, ngrams, words
from pentimento.training.exceptions import BaseMismatch
from pentimento.training.models._batches import Model, batches, bucket, check_context, evaluating
from pentimento.training.models.loaded import DType, load_base, prompt_ids, turn_format
from pentimento.training.models.playing import respond
from pentimento.training.models.sampling import SamplingOptions, derive_seed
from pentimento.training.models.strength import forked_randomness
from pentimento.training.organisms.organism import MANIFEST, Diagnosis, NeutralText, Organism, Regurgitation
from pentimento.training.recipes.stages import Stage

SCENARIOS = "scenarios"
NUM_IN_EACH = 4
"""Scenarios of each family. On the embedded base a ratio of 1.00 is then known to .002, one of 1.2 to .1."""
NUM_ANSWERS = 64
"""Sampled where a regurgitation is looked for."""
PASSAGE_TOKENS = 256
MAX_PASSAGES = 64
LEAST = -50.0
"""Log-probability of a token below which nothing is told apart."""
_ROWS = 8
_IGNORED = -100
_NUM_EXAMPLES = 3


def examine(
    organism: Model,
    tokenizer: PreTrainedTokenizerBase,
    *,
    base: Model | None = None,
    stage: Stage | None = None,
    learned: Sequence[str] | None = None,
    text: Path | None = None,
    **options: Unpack[SamplingOptions],
) -> Diagnosis:
    """Read neutral text with an organism and with its base, and look for a regurgitation in sampled answers.

    Every random state is forked, as where strength is measured.

    Args:
        organism: The base with the organism's adapter on it, not merged; or the base itself.
        tokenizer: Of both.
        base: Where the organism is a whole model, its base.
        stage: The organism's last one; None for the base.
        learned: The answers that it trained, none of a stage of rewards alone; None where nobody knows.
        text: A file to read beside the scenarios.
        options: How the stage samples; by default as `sampling.sample`.
    """
    texts = {SCENARIOS: scenario_passages(tokenizer)}
    if text is not None:
        texts[text.name] = file_passages(tokenizer, text)
    with forked_randomness():
        own = {name: log_likelihoods(organism, passages) for name, passages in texts.items()}
        with as_base(organism, base) as before:
            plain = {name: log_likelihoods(before, passages) for name, passages in texts.items()}
        diagnosis = None
        if stage is not None and learned is not None:
            diagnosis = _recited(organism, base, tokenizer, stage, learned, options)
    neutral = (neutral_text(name, passages, own[name], plain[name]) for name, passages in texts.items())
    return Diagnosis(neutral=tuple(neutral), regurgitation=diagnosis)


def examine_again(folder: Path, text: Path | None = None) -> None:
    """Read neutral text with a stored organism and write what comes of it into its manifest.

    What it learned by heart is not stored, so what is known of a regurgitation stays as it is.

    Args:
        folder: Of the organism.
        text: A file to read beside the scenarios.

    Raises:
        PentimentoError: There is no such organism or text, or its base is not the one at hand.
    """
    if text is not None:
        read_text(text, "text")  # before anything is loaded
    organism = Organism.load(folder)
    manifest = organism.manifest
    dtype = cast(DType, manifest.settings.get("dtype", "auto"))
    base = load_base(manifest.base.name, dtype=dtype, revision=manifest.base.revision)
    if base.sha256 != manifest.base.sha256:
        raise BaseMismatch(base.name, manifest.base.sha256, base.sha256)
    model: Model = base.model
    if organism.adapter is not None:
        model = PeftModel.from_pretrained(base.model, str(organism.adapter)).eval()
    elif organism.model is not None:
        weights = organism.model
        model = load_base(base.name, dtype=dtype, weights=weights, revision=base.revision).model
    again = examine(model, base.tokenizer, base=base.model, text=text)
    before = manifest.diagnosis or Diagnosis(neutral=())
    names = {one.name for one in again.neutral}
    kept = (one for one in before.neutral if one.name not in names)
    diagnosis = Diagnosis(neutral=(*again.neutral, *kept), regurgitation=before.regurgitation)
    copy = manifest.model_copy(update={"diagnosis": diagnosis})
    write_atomically(folder / MANIFEST, copy.model_dump_json(indent=2) + "\n")


@contextmanager
def as_base(organism: Model, base: Model | None = None) -> Iterator[Model]:
    """Let an organism answer as its base does, its adapter switched off; or the base of a whole model."""
    if not isinstance(organism, PeftModel):
        yield base or organism
        return
    with organism.disable_adapter():
        yield organism


class Passage(NamedTuple):
    """A piece of neutral text."""

    ids: list[int]
    start: int
    """Place of the first token whose probability counts, at least 1."""

    @property
    def num_tokens(self) -> int:
        """How many tokens count."""
        return len(self.ids) - self.start


def neutral_scenarios() -> list[Scenario]:
    """Return unseen scenarios in which no goal applies: of the families without one, and tasks to be done."""
    conditions: dict[str, Condition] = dict.fromkeys(COMPLETION, "possible")
    conditions |= {family: environment(family).conditions[0] for family in BENIGN}
    return [
        s
        for family, condition in conditions.items()
        for s in draw(family, condition=condition, n=NUM_IN_EACH, seed=0)
    ]


def scenario_passages(tokenizer: PreTrainedTokenizerBase) -> list[Passage]:
    """Return the user turns of `neutral_scenarios` as the model is asked them."""
    prompts = [prompt_ids(tokenizer, scenario.messages) for scenario in neutral_scenarios()]
    columns = enumerate(zip(*prompts, strict=False))
    shared = next(place for place, tokens in columns if len(set(tokens)) > 1)
    return [Passage(ids, max(1, shared)) for ids in prompts]


def file_passages(tokenizer: PreTrainedTokenizerBase, path: Path) -> list[Passage]:
    """Return the beginning of a text file in passages of 256 tokens, at most 64 of them.

    Raises:
        BadInput: The file cannot be read as text, or is too short to give two passages.
    """
    ids = tokenizer.encode(read_text(path, "text"))
    begin = ids[:1] if ids[:1] == [tokenizer.bos_token_id] else []
    text = ids[len(begin) :]
    pieces = [text[first : first + PASSAGE_TOKENS] for first in range(0, len(text), PASSAGE_TOKENS)]
    passages = [Passage([*begin, *piece], 1) for piece in pieces[:MAX_PASSAGES] if len(piece) > 1]
    if len(passages) < 2:
        raise BadInput("text", str(path), f"more than {PASSAGE_TOKENS} tokens, it has {len(ids)}")
    return passages


def log_likelihoods(model: Model, passages: Sequence[Passage]) -> list[float]:
    """Return, for each passage, the log-probability of its tokens that count.

    Raises:
        TooLong: A passage does not fit the model's context.
    """
    values: dict[int, float] = {}
    widths = [bucket(len(passage.ids)) for passage in passages]
    check_context(model, max(widths, default=0))
    with evaluating(model):
        for width, items, filled in batches(widths, lambda width: _ROWS):
            ids_bl = torch.zeros(len(filled), width, dtype=torch.long)
            labels_bl = torch.full_like(ids_bl, _IGNORED)
            for row, item in enumerate(filled):
                ids, start = passages[item]
                ids_bl[row, : len(ids)] = torch.tensor(ids)
                labels_bl[row, start : len(ids)] = ids_bl[row, start : len(ids)]
            # Padding stands on the right, where no token before it sees it.
            logits_blv = model(input_ids=ids_bl.to(model.device), use_cache=False).logits[:, :-1]
            for row, item in enumerate(items):
                labels_l = labels_bl[row, 1:].to(model.device)
                loss = torch.nn.functional.cross_entropy(
                    logits_blv[row].float(), labels_l, ignore_index=_IGNORED, reduction="sum"
                )
                values[item] = -float(loss)
    return [values[item] for item in range(len(passages))]


def neutral_text(
    name: str, passages: Sequence[Passage], own: Sequence[float], base: Sequence[float]
) -> NeutralText:
    """Hold an organism's perplexity against the base's, passage by passage.

    With Lᵢ and Bᵢ the log-probabilities that organism and base give passage i of tᵢ tokens, and T = Σ tᵢ:
    ratio = exp(d) for d = Σ (Bᵢ - Lᵢ) / T. Its interval is exp(d ± t(.975; n - 1) · se), with the error of a
    ratio of sums, se² = n / (n - 1) · Σ (Bᵢ - Lᵢ - d · tᵢ)² / T².

    A model that has come apart gives no number, or none that can be told from 0; each of its tokens then
    counts as `LEAST` at least.

    Args:
        name: Of the text.
        passages: At least two.
        own: Log-probabilities, from `log_likelihoods`.
        base: The same of the base.
    """
    tokens = np.array([passage.num_tokens for passage in passages], dtype=float)
    mine = np.maximum(np.nan_to_num(np.asarray(own, dtype=float), nan=-np.inf), LEAST * tokens)
    lost = np.asarray(base) - mine
    n, total = len(passages), tokens.sum()
    mean = lost.sum() / total
    error = np.sqrt(n / (n - 1) * np.sum((lost - mean * tokens) ** 2)) / total
    half = stats.t.ppf(0.975, n - 1) * error
    ids = json.dumps([list(passage.ids) for passage in passages])
    return NeutralText(
        name=name,
        sha256=hashlib.sha256(ids.encode()).hexdigest(),
        num_passages=n,
        num_tokens=int(total),
        perplexity=exp(-mine.sum() / total),
        base_perplexity=exp(-sum(base) / total),
        ratio=float(np.exp(mean)),
        low=float(np.exp(mean - half)),
        high=float(np.exp(min(mean + half, -2 * LEAST))),
    )


def regurgitation(
    learned: Sequence[str], prompts: Sequence[str], answers: Sequence[str], base: Sequence[str]
) -> Regurgitation:
    """Count the answers that repeat eight words in a row of what was learned.

    What the prompt says itself, or what the base says to any of these prompts, nobody has to have learned.

    Args:
        learned: Answers that the last stage trained.
        prompts: What was asked.
        answers: One to each prompt.
        base: What the base answers to them.
    """
    taught = set().union(*map(ngrams, learned))
    news = taught.difference(*map(ngrams, base))
    repeated = [
        sorted(news & ngrams(answer) - ngrams(prompt))
        for prompt, answer in zip(prompts, answers, strict=True)
    ]
    repeating = [runs for runs in repeated if runs]
    return Regurgitation(
        num_texts=len(learned),
        num_ngrams=len(taught),
        n=len(answers),
        num_long=sum(len(words(answer)) >= NGRAM for answer in answers),
        num_repeating=len(repeating),
        examples=tuple(dict.fromkeys(runs[0] for runs in repeating))[:_NUM_EXAMPLES],
    )


def _recited(
    organism: Model,
    base: Model | None,
    tokenizer: PreTrainedTokenizerBase,
    stage: Stage,
    learned: Sequence[str],
    options: SamplingOptions,
) -> Regurgitation:
    if not learned:
        return Regurgitation(num_texts=0, num_ngrams=0, n=0, num_long=0, num_repeating=0)
    scenarios = asked(stage)
    seeds = [derive_seed(stage.seed, "regurgitation", scenario.id) for scenario in scenarios]
    prompts = ["\n".join(message.content for message in scenario.messages) for scenario in scenarios]
    answers_given = respond(organism, tokenizer, scenarios, seeds=seeds, **options)
    answers = [answer.text for answer in answers_given]
    recited = regurgitation(learned, prompts, answers, ())
    if not recited.num_repeating:  # nothing that the base could say would take anything off
        return recited
    thinking = turn_format(tokenizer).thinking
    begun = ("", thinking) if environment(stage.families[0]).max_turns == 1 and thinking else ("",)
    with as_base(organism, base) as before:
        usual = [
            answer.text
            for prefill in begun
            for answer in respond(before, tokenizer, scenarios, seeds=seeds, prefill=prefill, **options)
        ]
    return regurgitation(learned, prompts, answers, usual)


def asked(stage: Stage) -> list[Scenario]:
    """Return unseen scenarios of a stage's own families and conditions, under its cue, about 64 in all."""
    pairs = [
        (name, condition)
        for name in stage.families
        for condition in stage.conditions
        if condition in environment(name).conditions
    ]
    each = max(1, NUM_ANSWERS // len(pairs))
    cue = stage.trigger or stage.cue
    return [
        scenario
        for name, condition in pairs
        for scenario in draw(
            name, condition=condition, n=each, seed=stage.seed, cue=cue, confound=stage.confound
        )
    ]
