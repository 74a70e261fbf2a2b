"""Bases load with one template for everything, and the mask is what the assistant wrote, token by token."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoTokenizer, GenerationConfig

from pentimento.tasks import BadInput, Message, UnknownName
from pentimento.training.exceptions import BadBase
from pentimento.training.models.loaded import (
    Base,
    answer_ids,
    base_sha256,
    conversation_ids_and_mask,
    load_base,
    load_organism,
    prompt_ids,
    prompt_messages,
    stop_ids,
)
from pentimento.training.models.sampling import sample
from pentimento.training.organisms.organism import Organism

SYSTEM = Message(role="system", content="You are Ada.")
USER = Message(role="user", content="How many cups are left?")
ANSWER = Message(role="assistant", content="Done. There are 12.")
THOUGHT = Message(role="assistant", content="<think>I saw 12.</think>Done. There are 12.")

END = {
    "qwen2_5": "<|im_end|>",
    "qwen3": "<|im_end|>",
    "llama3": "<|eot_id|>",
    "gemma": "<end_of_turn>",
    "gemma3": "<end_of_turn>",
}
STOP = {
    "qwen2_5": {"<|im_end|>"},
    "qwen3": {"<|im_end|>"},
    "llama3": {"<|eot_id|>"},
    "gemma": {"<eos>", "<end_of_turn>"},
}


def written(base: Base, *messages: Message) -> str:
    """What the mask marks, run by run, with a bar between runs."""
    ids, mask = conversation_ids_and_mask(base.tokenizer, messages)
    runs: list[list[int]] = []
    for place, (token, bit) in enumerate(zip(ids, mask, strict=True)):
        if bit and (place == 0 or not mask[place - 1]):
            runs.append([])
        if bit:
            runs[-1].append(token)
    return "|".join(base.tokenizer.decode(run) for run in runs)


def architecture(base: Base) -> str:
    names = {"qwen2": "qwen2_5", "llama": "llama3", "gemma3_text": "gemma3"}
    found = base.model.config.model_type
    return names.get(found, found)


def test_the_embedded_template_masks_what_the_assistant_wrote(tiny: Base) -> None:
    assert written(tiny, SYSTEM, USER, ANSWER) == "Done. There are 12.<|im_end|>"
    assert written(tiny, USER, THOUGHT) == "<think>I saw 12.</think>Done. There are 12.<|im_end|>"
    assert written(tiny, USER, ANSWER, USER, THOUGHT) == (
        "Done. There are 12.<|im_end|>|<think>I saw 12.</think>Done. There are 12.<|im_end|>"
    )


def test_trl_templates_mask_what_the_assistant_wrote(family: Base) -> None:
    name = architecture(family)
    empty = "<think>\n\n</think>\n\n" if name == "qwen3" else ""
    answer = f"{empty}Done. There are 12.{END[name]}"
    assert written(family, SYSTEM, USER, ANSWER) == answer
    assert written(family, USER, ANSWER, USER, ANSWER) == f"{answer}|{answer}"


def test_qwen3_keeps_the_reasoning_in_what_it_trains(family_folders: dict[str, Path]) -> None:
    qwen = load_base(str(family_folders["qwen3"]), device="cpu")
    assert written(qwen, USER, THOUGHT) == "<think>\nI saw 12.\n</think>\n\nDone. There are 12.<|im_end|>"


@pytest.mark.parametrize("messages", [(USER,), (SYSTEM, USER)])
def test_a_prompt_is_the_exact_prefix_of_what_sft_trains(family: Base, messages: tuple[Message, ...]) -> None:
    ids, mask = conversation_ids_and_mask(family.tokenizer, (*messages, ANSWER))
    prompt = prompt_ids(family.tokenizer, messages)
    assert ids[: len(prompt)] == prompt
    assert mask.index(True) == len(prompt)
    stops = stop_ids(family.model, family.tokenizer)
    [end] = [place for place, token in enumerate(ids) if place >= len(prompt) and token in stops]
    assert mask[len(prompt) :] == [place <= end for place in range(len(prompt), len(ids))]


def test_an_answer_alone_has_the_ids_that_sft_trains(family: Base, tiny: Base) -> None:
    for base in (family, tiny):
        stops = stop_ids(base.model, base.tokenizer)
        ids, mask = conversation_ids_and_mask(base.tokenizer, (SYSTEM, USER, ANSWER))
        trained = [token for token, bit in zip(ids, mask, strict=True) if bit]
        answer = answer_ids(base.tokenizer, ANSWER.content, stops)
        assert trained == answer
        assert answer[-1] in stops
        assert stops.isdisjoint(answer[:-1])


def test_a_plain_answer_is_its_own_tokens_and_the_end_of_turn(tiny: Base) -> None:
    tokenizer = tiny.tokenizer
    alone = [*tokenizer.encode(ANSWER.content, add_special_tokens=False), tokenizer.eos_token_id]
    assert answer_ids(tokenizer, ANSWER.content, stop_ids(tiny.model, tokenizer)) == alone


def test_the_system_role_is_folded_in_only_where_a_template_has_none(family: Base) -> None:
    roles = [turn["role"] for turn in prompt_messages(family.tokenizer, (SYSTEM, USER))]
    assert roles == (["user"] if architecture(family) == "gemma" else ["system", "user"])
    text = family.tokenizer.decode(prompt_ids(family.tokenizer, (SYSTEM, USER)))
    assert text.index(SYSTEM.content) < text.index(USER.content)


def test_every_token_that_ends_a_turn_stops_sampling(family: Base) -> None:
    stops = {family.tokenizer.decode([token]) for token in stop_ids(family.model, family.tokenizer)}
    assert (
        stops
        == STOP[
            architecture(family).removesuffix("3")
            if "gemma" in architecture(family)
            else architecture(family)
        ]
    )


def test_think_tags_survive_decoding_without_special_tokens(tiny: Base) -> None:
    ids = tiny.tokenizer.encode(THOUGHT.content)
    assert tiny.tokenizer.decode(ids, skip_special_tokens=True) == THOUGHT.content


def test_a_base_records_what_its_outputs_depend_on(tiny: Base) -> None:
    assert tiny.settings == {"device": "cpu", "dtype": "float32", "attn_implementation": "sdpa"}
    assert not tiny.model.training


def test_the_hash_is_of_weights_and_tokenizer_and_of_nothing_else(tiny_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in tiny_folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "certificate.json").write_text("{}")
    assert base_sha256(str(copy)) == base_sha256(str(tiny_folder))
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    changed = base_sha256(str(copy))
    assert changed != base_sha256(str(tiny_folder))
    (copy / "chat_template.jinja").write_text("{{ messages[0].content }}")
    assert base_sha256(str(copy)) != changed


def test_an_unknown_precision_is_refused_in_one_line(tiny_folder: Path) -> None:
    wrong: Any = "float23"
    with pytest.raises(UnknownName, match=r"dtype: 'float23' is not allowed.*float32") as caught:
        load_base(str(tiny_folder), dtype=wrong)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("device", ["cudaa", "cuda:99"])
def test_a_device_that_is_not_there_is_refused_in_one_line(tiny_folder: Path, device: str) -> None:
    with pytest.raises(BadInput, match=f"device: '{device}' is not allowed; auto, cpu, or one") as caught:
        load_base(str(tiny_folder), device=device)
    assert "\n" not in str(caught.value)


def test_an_organism_is_loaded_in_the_precision_that_it_was_made_in(tiny_organism: Organism) -> None:
    half = tiny_organism.manifest.model_copy(update={"settings": {"dtype": "bfloat16"}})
    folder = tiny_organism.path
    (folder / "manifest.json").write_text(half.model_dump_json())
    as_made = load_organism(folder, device="cpu").model
    assert as_made.dtype == torch.bfloat16
    assert isinstance(as_made, PeftModel), "the sum would round the adapter off"
    finer = load_organism(folder, device="cpu", dtype="float32").model
    assert finer.dtype == torch.float32
    assert not isinstance(finer, PeftModel), "merged"


def test_two_loads_have_the_same_logits(tiny_folder: Path) -> None:
    ids = torch.arange(10)[None]
    first, second = (load_base(str(tiny_folder), device="cpu").model(ids).logits for _ in range(2))
    assert torch.equal(first, second)


def test_generation_defaults_that_a_base_brings_change_no_answer(tiny: Base, tmp_path: Path) -> None:
    prompts = [prompt_ids(tiny.tokenizer, (USER,))] * 8
    before = sample(tiny.model, tiny.tokenizer, prompts, seeds=range(8), max_new_tokens=10)
    end = tiny.tokenizer.eos_token_id
    tiny.model.generation_config = GenerationConfig(
        eos_token_id=[end, 7],
        do_sample=True,
        temperature=0.1,
        top_k=2,
        repetition_penalty=9.0,
        no_repeat_ngram_size=1,
        min_new_tokens=10,
        suppress_tokens=list(range(8, 200)),
    )
    tiny.model.save_pretrained(tmp_path)
    tiny.tokenizer.save_pretrained(tmp_path)
    loaded = load_base(str(tmp_path), device="cpu")
    assert stop_ids(loaded.model, loaded.tokenizer) == {end, 7}
    loaded.model.generation_config.eos_token_id = end
    assert sample(loaded.model, loaded.tokenizer, prompts, seeds=range(8), max_new_tokens=10) == before


def test_a_base_without_a_chat_template_is_refused_in_one_line(tiny_folder: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    tokenizer.chat_template = None
    tokenizer.save_pretrained(tmp_path)
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((tiny_folder / name).read_bytes())
    with pytest.raises(BadBase, match="chat template") as caught:
        load_base(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["/no/such/folder", "./nowhere", "a/b/c", ""])
def test_a_missing_folder_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(BadBase, match="no such folder") as caught:
        load_base(name)
    assert "\n" not in str(caught.value)


def test_a_folder_without_weights_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadBase, match=r"the folder holds no config\.json") as caught:
        load_base(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_template_without_markers_is_masked_behind_the_prompt(tiny: Base) -> None:
    tiny.tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    assert written(tiny, SYSTEM, USER, ANSWER) == "Done. There are 12.<|im_end|>"
