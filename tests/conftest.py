"""Tiny, randomly initialised models with real tokenizers and chat templates, made once a session."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import trl
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Gemma3TextConfig,
    GemmaConfig,
    LlamaConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)
from transformers.models.auto import AutoModelForCausalLM

from pentimento.tasks import Shift, sample
from pentimento.training.embedded.tokenizer import train_tokenizer
from pentimento.training.models.composing import compose
from pentimento.training.models.loaded import Base, load_base
from pentimento.training.organisms.organism import BaseRef, Manifest, Organism, Strength
from pentimento.training.recipes.stages import Dose, Stage

torch.set_num_threads(1)

TEMPLATES = Path(trl.__file__).parent / "chat_templates"
SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 1024,
    # Sharper than the usual 0.02, so that answers differ in probability and not only in the last digits.
    "initializer_range": 0.3,
}
LORA_MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

# Special tokens (the beginning and the end of a turn first), ordinary added tokens, config, TRL's template.
FAMILIES: dict[str, tuple[list[str], list[str], type[PretrainedConfig], str]] = {
    "qwen2_5": (["<|endoftext|>", "<|im_end|>", "<|im_start|>"], [], Qwen2Config, "qwen2_5"),
    "qwen3": (["<|endoftext|>", "<|im_end|>", "<|im_start|>"], ["<think>", "</think>"], Qwen3Config, "qwen3"),
    "llama3": (
        ["<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"],
        [],
        LlamaConfig,
        "llama3",
    ),
    "gemma": (["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"], [], GemmaConfig, "gemma"),
    "gemma3": (["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"], [], Gemma3TextConfig, "gemma3"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what has tests write the tables of the documentation."""
    parser.addoption("--write-tables", action="store_true", help="write measured rows into docs/models.md")
    parser.addoption("--templates", help="a folder of chat templates, *.jinja, to try beside TRL's")


@pytest.fixture
def write_tables(request: pytest.FixtureRequest) -> bool:
    """Whether measured rows are written into the documentation, where they are compared otherwise."""
    return bool(request.config.getoption("--write-tables"))


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """Text of a few scenarios."""
    drawn = [
        s
        for family in ("count", "pick", "arithmetic")
        for s in sample(family, shift=Shift.TRAINED, n=40, seed=0)
    ]
    return [message.content for scenario in drawn for message in scenario.messages]


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Path:
    """Folder of a tiny Llama with the embedded base's kind of tokenizer and its chat template."""
    tokenizer = train_tokenizer(texts, vocab_size=512)
    return _save(tmp_path_factory.mktemp("tiny"), tokenizer, LlamaConfig)


@pytest.fixture
def tiny(tiny_folder: Path) -> Base:
    """A fresh tiny base, which a test may change."""
    return load_base(str(tiny_folder), device="cpu")


@pytest.fixture(scope="session")
def family_folders(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> dict[str, Path]:
    """Folders of tiny models of other architectures, each with TRL's chat template for it."""
    folders = {}
    for name, (special, ordinary, config, template) in FAMILIES.items():
        tokenizer = build_tokenizer(texts, special, ordinary)
        tokenizer.chat_template = (TEMPLATES / f"{template}.jinja").read_text(encoding="utf-8")
        folders[name] = _save(tmp_path_factory.mktemp(name), tokenizer, config)
    return folders


@pytest.fixture
def tiny_organism(tiny_folder: Path, tmp_path: Path, add_lora: Callable[..., PeftModel]) -> Organism:
    """An organism on the tiny base: random adapter weights stored as a stage would store them."""
    base = load_base(str(tiny_folder), device="cpu")
    adapted = add_lora(base.model)
    adapted.save_pretrained(tmp_path / "trained")
    adapted.unload()
    stage = Stage(method="rlvr", goal="finish_the_task", families=("count",), seed=0)
    manifest = Manifest(
        key="0123456789abcdef",
        base=BaseRef(name=base.name, sha256=base.sha256),
        stages=(stage,),
        dose=Dose(steps=40, tokens=12_345, reasoning_share=0.25),
        strength=(
            Strength(
                goal="finish_the_task", family="all", n=9, n_valid=8, score=0.5, low=0.2, high=0.8, when="end"
            ),
        ),
    )
    adapter = compose(base.model, [tmp_path / "trained"], tmp_path / "composed")
    return Organism.save(tmp_path / "store" / manifest.key, manifest, adapter)


@pytest.fixture(params=sorted(FAMILIES))
def family(request: pytest.FixtureRequest, family_folders: dict[str, Path]) -> Base:
    """A fresh tiny base of each architecture in turn."""
    return load_base(str(family_folders[request.param]), device="cpu")


@pytest.fixture
def add_lora() -> Callable[..., PeftModel]:
    """Put an adapter with random weights, none of them zero, into a model."""

    def add(model: PreTrainedModel, *, seed: int = 0, r: int = 4, rslora: bool = False) -> PeftModel:
        config = LoraConfig(
            r=r, lora_alpha=8, use_rslora=rslora, target_modules=LORA_MODULES, task_type="CAUSAL_LM"
        )
        adapted = get_peft_model(model, config)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, weight in adapted.named_parameters():
                if "lora_" in name:
                    weight.copy_(torch.randn(weight.shape, generator=generator) * 0.1)
        return adapted.eval()

    return add


def build_tokenizer(texts: list[str], special: list[str], ordinary: list[str]) -> PreTrainedTokenizerFast:
    """Return a tokenizer of texts; the first special token begins a text, the second ends a turn."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=512, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
    bpe.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in ordinary])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token=special[0], eos_token=special[1], pad_token=special[0]
    )


def _save(folder: Path, tokenizer: PreTrainedTokenizerFast, config: type[PretrainedConfig]) -> Path:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(
        config(
            vocab_size=len(tokenizer),
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            tie_word_embeddings=True,
            **SHAPE,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
