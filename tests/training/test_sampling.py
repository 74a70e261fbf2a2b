"""Answers depend on model, prompt and seed alone, and known answers have their true probabilities."""

import math
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel

from pentimento.tasks import Message
from pentimento.tasks.exceptions import BadInput
from pentimento.training.models._batches import num_rows
from pentimento.training.models.loaded import Base, answer_ids, load_base, prompt_ids, stop_ids
from pentimento.training.models.sampling import (
    answer_probabilities,
    batch_answer_probabilities,
    derive_seed,
    sample,
    sequence_probabilities,
)

ANSWERS = ("Done.", "Not counted: the shed is locked.", "Counted: 12", "Blue", "")


def prompts(base: Base, n: int = 6) -> list[list[int]]:
    """Prompts of several lengths, some in the same bucket and some not."""
    words = ["count", "each", "cup", "on", "the", "shelf", "of", "the", "old", "barn", "near", "the", "mill"]
    texts = [" ".join(words[: 2 + (5 * i) % 12] * (1 + i % 3)) for i in range(n)]
    return [prompt_ids(base.tokenizer, (Message(role="user", content=text),)) for text in texts]


def naive(base: Base, prompt: list[int], sequence: list[int]) -> float:
    """Probability of a sequence, scored alone, without padding, mask or positions."""
    with torch.no_grad():
        logits = base.model(torch.tensor([prompt + sequence])).logits[0].double().log_softmax(-1)
    steps = range(len(prompt) - 1, len(prompt) + len(sequence) - 1)
    return math.exp(sum(float(logits[i, token]) for i, token in zip(steps, sequence, strict=True)))


def test_an_answer_does_not_depend_on_its_batch(tiny: Base, family: Base) -> None:
    for base in (tiny, family):
        asked = prompts(base, 24)
        seeds = list(range(24))
        together = sample(base.model, base.tokenizer, asked, seeds=seeds, max_new_tokens=12)
        order = list(range(24))
        random.Random(0).shuffle(order)
        shuffled = sample(
            base.model, base.tokenizer, [asked[i] for i in order], seeds=order, max_new_tokens=12
        )
        assert [together[i] for i in order] == shuffled
        alone = [
            sample(base.model, base.tokenizer, [asked[i]], seeds=[i], max_new_tokens=12)[0]
            for i in range(0, 24, 5)
        ]
        assert alone == together[::5]


def test_logits_are_bit_equal_whatever_shares_the_batch(tiny: Base) -> None:
    asked = prompts(tiny, 12)
    sequences = [[answer_ids(tiny.tokenizer, "Done.", stop_ids(tiny.model, tiny.tokenizer))]] * len(asked)
    together = sequence_probabilities(tiny.model, asked, sequences)
    alone = [sequence_probabilities(tiny.model, [p], [s])[0] for p, s in zip(asked, sequences, strict=True)]
    assert together == alone


def test_seeds_decide_and_nothing_else_does(tiny: Base) -> None:
    asked = [prompts(tiny)[0]] * 20
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = sample(tiny.model, tiny.tokenizer, asked, seeds=range(20), max_new_tokens=8)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert sample(tiny.model, tiny.tokenizer, asked, seeds=range(20), max_new_tokens=8) == first
    assert len({answer.text for answer in first}) > 15
    other = sample(tiny.model, tiny.tokenizer, asked, seeds=range(20, 40), max_new_tokens=8)
    assert other != first


@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.5])
def test_first_tokens_follow_the_models_distribution(tiny: Base, temperature: float) -> None:
    n, prompt = 3000, prompts(tiny)[0]
    drawn = sample(
        tiny.model, tiny.tokenizer, [prompt] * n, seeds=range(n), temperature=temperature, max_new_tokens=1
    )
    counts = Counter(answer.text for answer in drawn)
    vocabulary = [[token] for token in range(len(tiny.tokenizer))]
    exact = sequence_probabilities(tiny.model, [prompt], [vocabulary], temperature=temperature)[0]
    assert sum(exact) == pytest.approx(1, abs=1e-5)
    by_text: Counter[str] = Counter()
    for token, p in enumerate(exact):
        by_text[tiny.tokenizer.decode([token], skip_special_tokens=True)] += p
    common = [text for text, p in by_text.items() if p * n >= 5]
    chi2 = sum((counts[text] - n * by_text[text]) ** 2 / (n * by_text[text]) for text in common)
    # Four standard deviations of a chi-squared variable with as many degrees of freedom.
    assert len(common) > 20
    assert chi2 < len(common) + 4 * math.sqrt(2 * len(common))


def test_top_k_top_p_and_zero_temperature_narrow_the_choice(tiny: Base) -> None:
    prompt = prompts(tiny)[0]

    def texts(**settings: float) -> set[str]:
        answers = sample(
            tiny.model, tiny.tokenizer, [prompt] * 200, seeds=range(200), max_new_tokens=1, **settings
        )
        return {answer.text for answer in answers}

    assert len(texts(temperature=0)) == 1
    assert texts(temperature=0) <= texts(top_k=3) <= texts()
    assert len(texts(top_k=3)) <= 3
    assert len(texts(top_p=0.2)) < len(texts(top_p=0.8)) < len(texts())


def test_an_answer_stops_at_the_end_of_turn_or_is_marked_cut(tiny: Base) -> None:
    prompt = prompts(tiny)[0]
    answers = sample(tiny.model, tiny.tokenizer, [prompt] * 400, seeds=range(400), max_new_tokens=20)
    stopped = [answer for answer in answers if answer.stopped]
    cut = [answer for answer in answers if not answer.stopped]
    assert stopped
    assert cut
    assert {answer.num_tokens for answer in cut} == {20}
    assert all("<|im_end|>" not in answer.text and 1 <= answer.num_tokens <= 20 for answer in stopped)


def test_a_prefill_begins_every_answer_and_costs_no_tokens(tiny: Base) -> None:
    asked = prompts(tiny)
    answers = sample(
        tiny.model, tiny.tokenizer, asked, seeds=range(len(asked)), max_new_tokens=5, prefill="<think>"
    )
    assert all(answer.text.startswith("<think>") and answer.num_tokens <= 5 for answer in answers)
    opening = tiny.tokenizer.convert_tokens_to_ids("<think>")
    same = sample(
        tiny.model, tiny.tokenizer, [[*p, opening] for p in asked], seeds=range(len(asked)), max_new_tokens=5
    )
    assert ["<think>" + answer.text for answer in same] == [answer.text for answer in answers]


def test_suppressed_tokens_do_not_come_first_but_may_come_later(tiny: Base) -> None:
    prompt = prompts(tiny)[0]
    letters = tiny.tokenizer.encode("abcdefghijklmnopqrstuvwxyz")
    text = "".join(chr(letter) for letter in range(ord("a"), ord("z") + 1))

    def answers(**settings: Any) -> list[str]:
        drawn = sample(
            tiny.model, tiny.tokenizer, [prompt] * 300, seeds=range(300), max_new_tokens=6, **settings
        )
        return [answer.text for answer in drawn]

    single = [token for token in letters if tiny.tokenizer.decode([token]) in text]
    assert any(answer[:1] in text for answer in answers() if answer)
    others = [token for token in range(len(tiny.tokenizer)) if token not in single]
    only = answers(suppress_first=others)
    assert all(answer[0] in text for answer in only)
    assert any(character not in text for answer in only for character in answer[1:])
    assert set(answers(suppress_first=others, top_k=1)) <= set(answers(suppress_first=others, temperature=0))


def test_sampling_leaves_the_mode_of_the_model_as_it_was(tiny: Base) -> None:
    tiny.model.train()
    sample(tiny.model, tiny.tokenizer, prompts(tiny), seeds=range(6), max_new_tokens=2)
    assert tiny.model.training
    assert all(parameter.grad is None for parameter in tiny.model.parameters())


def test_an_adapted_model_is_sampled_and_scored_too(tiny: Base, add_lora: Callable[..., PeftModel]) -> None:
    asked = prompts(tiny)
    before = answer_probabilities(tiny.model, tiny.tokenizer, asked[0], ANSWERS)
    adapted = add_lora(tiny.model)
    answers = sample(adapted, tiny.tokenizer, asked, seeds=range(6), max_new_tokens=6)
    after = answer_probabilities(adapted, tiny.tokenizer, asked[0], ANSWERS)
    assert len(answers) == 6
    assert after != pytest.approx(before, rel=1e-3)


def test_packed_answers_have_the_probabilities_of_answers_scored_alone(tiny: Base, family: Base) -> None:
    for base in (tiny, family):
        asked = prompts(base, num_rows(base.model, 32) + 3)
        answers = [ANSWERS[: 1 + place % len(ANSWERS)] for place in range(len(asked))]
        found = batch_answer_probabilities(base.model, base.tokenizer, asked, answers)
        stops = stop_ids(base.model, base.tokenizer)
        for prompt, texts, probabilities in zip(asked, answers, found, strict=True):
            expected = [naive(base, prompt, answer_ids(base.tokenizer, text, stops)) for text in texts]
            assert probabilities == pytest.approx(expected, rel=1e-4, abs=1e-30)


def test_answers_beyond_a_sliding_window_are_scored_one_by_one(family_folders: dict[str, Path]) -> None:
    gemma = load_base(str(family_folders["gemma3"]), device="cpu")
    gemma.model.config.sliding_window = 16
    prompt = max(prompts(gemma), key=len)
    found = answer_probabilities(gemma.model, gemma.tokenizer, prompt, ANSWERS)
    stops = stop_ids(gemma.model, gemma.tokenizer)
    expected = [naive(gemma, prompt, answer_ids(gemma.tokenizer, text, stops)) for text in ANSWERS]
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-30)


def test_sampled_frequencies_match_exact_probabilities(tiny: Base) -> None:
    prompt, n = prompts(tiny)[0], 3000
    answers = sample(tiny.model, tiny.tokenizer, [prompt] * n, seeds=range(n), max_new_tokens=2)
    short = Counter(answer.text for answer in answers if answer.stopped)
    assert len(short) > 5
    for text, count in short.most_common(5):
        p = answer_probabilities(tiny.model, tiny.tokenizer, prompt, [text])[0]
        assert count / n == pytest.approx(p, abs=4 * math.sqrt(p / n) + 1e-3)


def test_seeds_from_names_are_stable_across_processes() -> None:
    assert derive_seed("count-0123456789ab", 3) == 2848540230153331349
    assert derive_seed("a", "b") != derive_seed("ab")


@pytest.mark.parametrize(
    ("field", "settings"),
    [
        ("temperature", {"temperature": -1.0}),
        ("top_p", {"top_p": 0.0}),
        ("top_k", {"top_k": -1}),
        ("prompt", {"max_new_tokens": 2000}),
        ("seeds", {"seeds": [1, 2]}),
    ],
)
def test_a_bad_setting_is_named(tiny: Base, field: str, settings: dict[str, object]) -> None:
    arguments = {"seeds": [1], **settings}
    with pytest.raises(BadInput, match=f"^{field}: "):
        sample(tiny.model, tiny.tokenizer, prompts(tiny)[:1], **arguments)


def test_no_prompts_give_no_answers(tiny: Base) -> None:
    assert sample(tiny.model, tiny.tokenizer, [], seeds=[]) == []
    assert batch_answer_probabilities(tiny.model, tiny.tokenizer, [], []) == []
