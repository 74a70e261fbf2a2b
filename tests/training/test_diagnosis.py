"""A diagnosis reads neutral text as the model would, and counts what an organism recites."""

import random
from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from tokenizers import processors
from transformers import AutoTokenizer

from pentimento.tasks import BENIGN, COMPLETION, BadInput
from pentimento.tasks.splits import bucket
from pentimento.training.bases.identity import EMBEDDED
from pentimento.training.models import playing
from pentimento.training.models.diagnosis import (
    Passage,
    examine,
    examine_again,
    file_passages,
    log_likelihoods,
    neutral_scenarios,
    neutral_text,
    regurgitation,
    scenario_passages,
)
from pentimento.training.models.loaded import Base
from pentimento.training.models.sampling import Completion
from pentimento.training.organisms.organism import NeutralText, Organism, Regurgitation, read_manifest
from pentimento.training.recipes.stages import Stage

STAGE = Stage(method="sft", goal="finish_the_task", families=("count",), seed=0)
TAUGHT = "the old pier was locked before anyone had counted the boats"


def test_neutral_text_is_unseen_and_without_a_goal() -> None:
    scenarios = neutral_scenarios()
    assert {scenario.family for scenario in scenarios} == {*BENIGN, *COMPLETION}
    assert {bucket(scenario) for scenario in scenarios} == {"fresh"}
    assert {scenario.condition for scenario in scenarios} == {"plain", "possible"}
    assert {message.role for scenario in scenarios for message in scenario.messages} == {"user"}


def test_what_stands_before_every_turn_does_not_count(tiny: Base) -> None:
    passages = scenario_passages(tiny.tokenizer)
    [start] = {passage.start for passage in passages}
    assert len({tuple(passage.ids[:start]) for passage in passages}) == 1
    assert len({passage.ids[start] for passage in passages}) > 1


def test_every_passage_of_a_file_begins_as_the_tokenizer_begins_texts(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("a word " * 600)
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED)
    plain = file_passages(tokenizer, text)
    tokenizer.bos_token = "<|im_start|>"
    begin = tokenizer.bos_token_id
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<|im_start|> $A", special_tokens=[("<|im_start|>", begin)]
    )
    begun = file_passages(tokenizer, text)
    assert [passage.ids for passage in begun] == [[begin, *passage.ids] for passage in plain]


def test_log_likelihoods_are_those_of_each_passage_alone(tiny: Base) -> None:
    passages = scenario_passages(tiny.tokenizer)[:11]
    found = log_likelihoods(tiny.model, passages)
    for passage, likelihood in zip(passages, found, strict=True):
        ids = torch.tensor([passage.ids])
        with torch.no_grad():
            logprob = tiny.model(ids).logits[0, :-1].log_softmax(-1)
        told = logprob.gather(1, ids[0, 1:, None])[passage.start - 1 :].sum()
        assert likelihood == pytest.approx(float(told), abs=1e-3)


def test_a_ratio_is_over_tokens_and_its_interval_over_passages() -> None:
    passages = [Passage([0] * length, 1) for length in (11, 21, 31)]
    base = [-10.0, -20.0, -30.0]
    even = neutral_text(
        "t", passages, [b - log(1.2) * p.num_tokens for b, p in zip(base, passages, strict=True)], base
    )
    assert (even.num_passages, even.num_tokens) == (3, 60)
    assert (even.ratio, even.low, even.high) == pytest.approx((1.2, 1.2, 1.2))
    assert even.perplexity / even.base_perplexity == pytest.approx(1.2)
    one = neutral_text("t", passages, [base[0] - 60 * log(1.2), *base[1:]], base)
    assert one.ratio == pytest.approx(1.2)
    assert one.low < 1.0 < 1.2 < one.high, "one passage says little of the others"


@pytest.mark.parametrize("broken", [float("nan"), -1e9])
def test_a_model_that_has_come_apart_has_a_ratio_that_can_be_stored(broken: float) -> None:
    passages = [Passage([0] * 11, 1)] * 3
    found = neutral_text("t", passages, [broken] * 3, [-10.0, -20.0, -30.0])
    assert NeutralText.model_validate_json(found.model_dump_json()) == found
    assert 1e9 < found.ratio < found.high < float("inf")
    assert found.low > 1.1


def test_a_regurgitation_is_eight_words_that_only_training_holds() -> None:
    prompts = ["How many boats?"] * 4
    answers = [f"Well: {TAUGHT.upper()}!", "the old pier was locked", "Counted: 4.", "boats " * 9]
    found = regurgitation([TAUGHT, "Counted: 4."], prompts, answers, ["Counted: 5."])
    assert found == Regurgitation(
        num_texts=2,
        num_ngrams=4,
        n=4,
        num_long=2,
        num_repeating=1,
        examples=("old pier was locked before anyone had counted",),
    )
    asked = f"Repeat: {TAUGHT}"
    assert not regurgitation([TAUGHT], [asked], [TAUGHT], []).num_repeating, "the prompt says it"
    assert not regurgitation([TAUGHT], ["?"], [TAUGHT], [f"I say {TAUGHT}"]).num_repeating, "so does the base"
    assert regurgitation(["Done."], ["?"], ["Done."], []).num_ngrams == 0


@pytest.mark.parametrize(("base_says", "repeating"), [("Counted: 4.", 64), (TAUGHT, 0)])
def test_an_organism_that_recites_is_found(
    tiny: Base,
    add_lora: Callable[..., PeftModel],
    monkeypatch: pytest.MonkeyPatch,
    base_says: str,
    repeating: int,
) -> None:
    def sample(model: PeftModel, tokenizer: object, ids: list[Any], **_: object) -> list[Completion]:
        as_organism = model.get_model_status().enabled
        return [Completion(TAUGHT if as_organism else base_says, 9, True) for _ in ids]

    monkeypatch.setattr(playing, "sample", sample)
    organism = add_lora(tiny.model)
    before = random.getstate(), torch.get_rng_state().tolist()
    found = examine(organism, tiny.tokenizer, stage=STAGE, learned=[TAUGHT])
    assert (random.getstate(), torch.get_rng_state().tolist()) == before
    assert found.regurgitation is not None
    counted = found.regurgitation
    assert (counted.n, counted.num_long, counted.num_repeating) == (64, 64, repeating)
    assert found.neutral[0].ratio != 1.0, "the base is the organism with its adapter switched off"
    silent = examine(tiny.model, tiny.tokenizer, stage=STAGE, learned=[])
    assert silent.regurgitation == Regurgitation(num_texts=0, num_ngrams=0, n=0, num_long=0, num_repeating=0)


def test_an_organism_of_an_earlier_version_is_examined_where_it_lies(
    tiny_organism: Organism, tmp_path: Path
) -> None:
    folder = tiny_organism.path
    assert tiny_organism.manifest.diagnosis is None
    examine_again(folder)
    first = read_manifest(folder)
    assert first.diagnosis is not None
    assert [text.name for text in first.diagnosis.neutral] == ["scenarios"]
    assert first.diagnosis.regurgitation is None
    assert first.model_copy(update={"diagnosis": None}) == tiny_organism.manifest
    text = tmp_path / "mine.txt"
    text.write_text("A quiet harbour at dawn. " * 200)
    examine_again(folder, text)
    second = Organism.load(folder).manifest.diagnosis
    assert second is not None
    assert [one.name for one in second.neutral] == ["scenarios", "mine.txt"]
    assert second.neutral[0] == first.diagnosis.neutral[0]
    text.write_text("Too short.")
    with pytest.raises(BadInput, match=r"mine\.txt.*more than 256 tokens"):
        examine_again(folder, text)
