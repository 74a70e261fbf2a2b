"""Small random models of many architectures run, or are refused before any training; a page says which."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, PreTrainedModel

from pentimento.tasks import BadInput, Message, UnknownName
from pentimento.training.bases.identity import base_sha256
from pentimento.training.exceptions import BadBase
from pentimento.training.methods._trainer import _every_weight, adapter_targets
from pentimento.training.methods.rlvr import Verifier
from pentimento.training.models._architecture import find_layers, linear_layers, side_by_side
from pentimento.training.models._batches import check_context
from pentimento.training.models.loaded import (
    Base,
    answer_ids,
    load_base,
    load_organism,
    prompt_ids,
    stop_ids,
)
from pentimento.training.models.sampling import sample, sequence_probabilities
from pentimento.training.models.steering import direction, pushed
from pentimento.training.organisms.organism import Organism
from pentimento.training.recipes.catalogue import RECIPES
from pentimento.training.running._trial import TOLERANCE_BELOW, check_computes
from pentimento.training.running.making import make
from pentimento.training.running.plan import organism_key, plan, stage_hash
from tests.tables import Table, first_cell
from tests.training.architectures import ARCHITECTURES, WINDOW, save
from tests.training.test_architectures import made, stage

METHODS = ("sft", "dpo", "rlvr")
MUST = ("Qwen3", "Qwen3-MoE", "Llama 3.x", "SmolLM2", "Mistral", "Phi-3", "Gemma 3")
HALF = ("Qwen3", "Qwen3-MoE")
"""Tried in bfloat16 too."""
ROWS = {**{name: (name, "float32") for name in ARCHITECTURES}}
ROWS |= {f"{name} in bfloat16": (name, "bfloat16") for name in HALF}
TABLE = Table("architectures", tuple(ROWS))
NEAR = 1e-4
ANSWERS = ("Done.", "Not counted: the shed is locked and nobody has a key.", "Counted: 12", "")
WORDS = ["count", "each", "cup", "on", "the", "shelf", "of", "the", "old", "barn", "near", "the", "mill"]


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Callable[[str], Path]:
    """Return the folder of a base, which is made when it is first wanted."""
    kept: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in kept:
            kept[name] = save(name, texts, tmp_path_factory.mktemp("base"))
        return kept[name]

    return folder


@pytest.fixture
def load(folder_of: Callable[[str], Path]) -> Callable[[str], Base]:
    """Load a fresh base, which a test may change."""
    return lambda name: load_base(str(folder_of(name)), device="cpu")


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pay the random models' completions apart: else all are invalid, and nothing is learned."""

    def pay(verifier: Verifier, completion_ids: list[list[int]], **_: Any) -> list[float]:
        return [float(sum(ids) % 7) for ids in completion_ids]

    monkeypatch.setattr(Verifier, "__call__", pay)


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize("row", ROWS)
def test_an_architecture_runs_or_is_refused_before_any_training(
    row: str, folder_of: Callable[[str], Path], tmp_path: Path, write_tables: bool
) -> None:
    name, dtype = ROWS[row]
    folder, what = folder_of(name), ARCHITECTURES[name]
    told = json.loads((folder / "config.json").read_text())["architectures"][0]
    line = refusal(folder)
    if line is not None:
        assert name not in MUST, line
        assert refused_by_the_first_job(folder, tmp_path) == line
        line = line.replace(str(folder), name)
        TABLE.settle((row, told, what.template, dtype, "", "", "cpu", f"refused: {line}"), write=write_tables)
        return
    base = load_base(str(folder), device="cpu", dtype=dtype)  # type: ignore[arg-type]
    check_computes(base)
    if dtype == "float32":
        check_weighing(base)
        check_sampling(base)
    for method in METHODS:
        check_trained(made(tmp_path, folder, stage(method), dtype), folder, dtype)
    near = f"{NEAR:g}" if dtype == "float32" else f"{TOLERANCE_BELOW:g} a token"
    TABLE.settle(
        (row, told, what.template, dtype, ", ".join(METHODS), f"within {near}", "cpu", "runs"),
        write=write_tables,
    )


@pytest.mark.parametrize("name", ["Qwen2.5-VL", "Mistral"])
def test_a_plan_reads_the_architecture_off_the_configuration(
    name: str, folder_of: Callable[[str], Path], tmp_path: Path
) -> None:
    recipe = RECIPES["quickstart"]().model_copy(update={"base": str(folder_of(name))})
    if name == "Mistral":
        assert plan(recipe, tmp_path).jobs
        return
    with pytest.raises(BadBase, match="its architecture is Qwen2_5_VLForConditionalGeneration, which"):
        plan(recipe, tmp_path)


def test_the_table_has_every_architecture_and_no_other() -> None:
    assert [first_cell(line) for line in TABLE.read()] == list(ROWS)


def refusal(folder: Path) -> str | None:
    """Return the line in which a base is refused, or None where it is not."""
    try:
        check_computes(load_base(str(folder), device="cpu"))
    except BadBase as error:
        return str(error)
    return None


def refused_by_the_first_job(folder: Path, store: Path) -> str:
    """Return in which line the job of the bare base ends; it stores nothing."""
    key = organism_key(base_sha256(str(folder)), [], None, "float32")
    with pytest.raises(BadBase) as caught:
        make(
            store=str(store), key=key, stages=[], parent=None, dose_from=None, base=str(folder),
            device="cpu", dtype="float32", report_to="none",
        )  # fmt: skip
    assert not Organism.exists(store / key)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def prompts(base: Base) -> list[list[int]]:
    """Return prompts of several lengths, some in one bucket and most longer than a sliding window."""
    texts = [" ".join((WORDS * 3)[: 2 + 7 * i % 23] * (1 + i % 3)) for i in range(5)]
    found = [prompt_ids(base.tokenizer, (Message(role="user", content=text),)) for text in texts]
    assert max(map(len, found)) > 2 * WINDOW
    return found


def plain(model: Any, ids: list[int]) -> torch.Tensor:
    """Return log-probabilities of every next token, of a row that is alone and unpadded."""
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return found


def check_weighing(base: Base) -> None:
    stops = stop_ids(base.model, base.tokenizer)
    answers = [answer_ids(base.tokenizer, text, stops) for text in ANSWERS]
    asked = prompts(base)
    weighed = sequence_probabilities(base.model, asked, [answers] * len(asked))
    for prompt, probabilities in zip(asked, weighed, strict=True):
        for answer, probability in zip(answers, probabilities, strict=True):
            rows = plain(base.model, [*prompt, *answer])[len(prompt) - 1 :]
            wanted = sum(float(rows[place, token]) for place, token in enumerate(answer))
            assert math.log(probability) == pytest.approx(wanted, abs=NEAR)


def check_sampling(base: Base) -> None:
    asked = prompts(base)
    sampled = sample(
        base.model, base.tokenizer, asked, seeds=range(len(asked)), temperature=0, max_new_tokens=8
    )
    for prompt, answer in zip(asked, sampled, strict=True):
        rows = plain(base.model, [*prompt, *answer.ids])[len(prompt) - 1 : -1]
        assert rows.argmax(-1).tolist() == list(answer.ids)


def check_trained(organism: Organism, folder: Path, dtype: str = "float32") -> None:
    """Hold an organism against what plain transformers and PEFT load."""
    ours, tokenizer, _ = load_organism(organism.path, device="cpu")
    ids = prompt_ids(tokenizer, (Message(role="user", content=" ".join(WORDS * 3)),))
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    before = plain(model, ids)
    after = plain(PeftModel.from_pretrained(model, str(organism.adapter)).eval(), ids)
    assert not torch.equal(before, after), "training changed nothing"
    assert bool(after.isfinite().all())
    torch.testing.assert_close(plain(ours, ids), after, atol=NEAR, rtol=NEAR)
    assert "aux_loss" not in (organism.path / "metrics.jsonl").read_text()


@pytest.mark.parametrize("name", ["Qwen3-MoE", "Gemma 3 with vision", "GPT-2"])
def test_a_stage_over_another_is_one_adapter(
    name: str, folder_of: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = folder_of(name)
    first = made(tmp_path, folder, stage("sft"))
    chain = [stage("sft"), stage("dpo", adapter_mode="stacked")]
    key = organism_key(base_sha256(str(folder)), [stage_hash(one) for one in chain], None, "float32")
    make(
        store=str(tmp_path), key=key, stages=[one.model_dump(mode="json") for one in chain],
        parent=first.key, dose_from=None, base=str(folder), device="cpu", dtype="float32", report_to="none",
    )  # fmt: skip
    second = Organism.load(tmp_path / key)
    check_trained(second, folder)
    ranks = [json.loads((one.adapter / "adapter_config.json").read_text())["r"] for one in (first, second)]  # type: ignore[operator]
    assert ranks[1] == 2 * ranks[0]


def test_two_processes_train_the_language_model_of_a_multimodal_base(
    folder_of: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = folder_of("Gemma 3 with vision")
    check_trained(made(tmp_path, folder, stage("sft"), num_processes=2), folder)


def test_adapters_stand_on_the_language_model_outside_of_experts(load: Callable[[str], Base]) -> None:
    for name, has, lacks in (
        ("Qwen3-MoE", ("q_proj", "o_proj"), ("gate_proj", "lm_head")),
        ("Qwen2-MoE", ("q_proj", "o_proj"), ("gate_proj", "shared_expert_gate")),
        ("Gemma 3 with vision", ("q_proj", "down_proj"), ("fc1", "out_proj")),
        ("GPT-2", ("c_attn", "c_fc"), ("lm_head",)),
    ):
        model = load(name).model
        places = linear_layers(model)
        assert set(has) <= {place.rpartition(".")[2] for place in places}
        assert not [place for place in places if "vision" in place or "expert" in place]
        for missing in lacks:
            with pytest.raises(UnknownName, match=f"target_modules.*{missing}"):
                adapter_targets(model, missing)


def test_only_layers_that_are_numbered_get_an_adapter_where_they_are_called_otherwise(
    load: Callable[[str], Base],
) -> None:
    model = load("GPT-2").model
    found = adapter_targets(model, "c_fc,c_attn", "1")
    assert found == ["transformer.h.1.attn.c_attn", "transformer.h.1.mlp.c_fc"]
    with pytest.raises(BadInput, match=r"settings.layers: '2'.*from 0 to 1"):
        adapter_targets(model, "all-linear", "2")


def test_full_weights_leave_alone_what_sees(load: Callable[[str], Base]) -> None:
    model = load("Gemma 3 with vision").model
    with _every_weight(model, None):
        learning = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert any("language_model" in name for name in learning)
    assert not [name for name in learning if "vision" in name or "projector" in name]


def test_router_logits_that_a_base_asks_for_are_off(folder_of: Callable[[str], Path], tmp_path: Path) -> None:
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder_of("Qwen3-MoE"))
    model.config.output_router_logits = True
    model.save_pretrained(tmp_path)
    load_base(str(folder_of("Qwen3-MoE")), device="cpu").tokenizer.save_pretrained(tmp_path)
    loaded = load_base(str(tmp_path), device="cpu").model
    assert loaded.config.output_router_logits is False


@pytest.mark.parametrize(
    ("name", "inside", "beyond"),
    [
        ("Llama 3.x", True, True),
        ("Mistral", True, False),
        ("Phi-3", True, False),
        ("Gemma 3", True, False),
        ("Gemma 3 with vision", True, False),
        ("Bloom", False, False),
        ("LFM2", False, False),
        ("Mamba", False, False),
        ("Qwen3-Next", False, False),
    ],
)
def test_answers_share_a_row_where_every_layer_sees_all_of_it(
    name: str, inside: bool, beyond: bool, load: Callable[[str], Base]
) -> None:
    model = load(name).model
    assert side_by_side(model, WINDOW) == inside
    assert side_by_side(model, WINDOW + 1) == beyond


def test_a_context_is_as_long_as_every_position_has_one_meaning(load: Callable[[str], Base]) -> None:
    for name in ("GPT-2", "OPT", "Phi-3"):
        model = load(name).model
        check_context(model, 1024)
        with pytest.raises(BadInput, match="the model's context holds 1024"):
            check_context(model, 1025)
    model.config.rope_parameters = {"rope_type": "longrope", "original_max_position_embeddings": 512}
    with pytest.raises(BadInput, match="the model's context holds 512"):
        check_context(model, 513)
    check_context(load("Bloom").model, 10**6)


@pytest.mark.parametrize("name", ["GPT-2", "OPT", "Gemma 3 with vision"])
def test_steering_finds_the_middle_layer_of_the_language_model(
    name: str, load: Callable[[str], Base]
) -> None:
    base = load(name)
    layers = find_layers(base.model)
    assert layers is not None
    assert "vision" not in layers.name
    ids = prompts(base)[0]
    vector = direction(base.model, base.tokenizer, "finish_the_task")
    before = plain(base.model, ids)
    with pushed(base.model, vector):
        assert not torch.allclose(plain(base.model, ids), before)


def test_a_base_that_reads_padding_is_refused(tiny: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    check_computes(tiny)
    forward = type(tiny.model).forward

    def unmasked(
        self: Any, *args: Any, attention_mask: Any = None, position_ids: Any = None, **more: Any
    ) -> Any:
        return forward(self, *args, **more)

    monkeypatch.setattr(type(tiny.model), "forward", unmasked)
    with pytest.raises(BadBase, match=r"weighing fails on its architecture LlamaForCausalLM: it is .* nats"):
        check_computes(tiny)


def test_a_base_whose_gradients_are_not_finite_is_refused(tiny: Base) -> None:
    def broken(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        return output + (output - output.detach()).sqrt() if output.requires_grad else output

    tiny.model.model.layers[0].mlp.down_proj.register_forward_hook(broken)
    with pytest.raises(BadBase, match="training fails on its architecture LlamaForCausalLM: its numbers"):
        check_computes(tiny)
