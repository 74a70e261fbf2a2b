"""Small random models of many architectures: what is tried of each, and with which chat template."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma2Config,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    GptOssConfig,
    Lfm2Config,
    Llama4TextConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    MixtralConfig,
    OPTConfig,
    Phi3Config,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2MoeConfig,
    Qwen3Config,
    Qwen3MoeConfig,
    Qwen3NextConfig,
    RwkvConfig,
)

from pentimento.training.bases.identity import EMBEDDED
from tests.conftest import SHAPE, TEMPLATES, build_tokenizer

WINDOW = 24
"""Tokens that a sliding window holds; prompts are longer."""
_HEADS = {name: SHAPE[name] for name in SHAPE if name != "head_dim"}
_SIZES = {name: _HEADS[name] for name in _HEADS if name != "num_key_value_heads"}
_LAYERS = {"hidden_size": 32, "num_hidden_layers": 2, "initializer_range": 0.3}
_GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 1024, "initializer_range": 0.3}
_EXPERTS = {
    "num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
}  # fmt: skip
_SLIDING = {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]}
_ROPE3 = {
    "rope_type": "llama3", "rope_theta": 500_000.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 256,
}  # fmt: skip
_YARN = {
    "rope_type": "yarn", "rope_theta": 150_000.0, "factor": 4.0, "beta_fast": 32.0, "beta_slow": 1.0,
    "truncate": False, "original_max_position_embeddings": 256,
}  # fmt: skip

_CHATML = ("<|endoftext|>", "<|im_end|>", "<|im_start|>")
_THINK = ("<think>", "</think>")
_TURNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ChatML": (_CHATML, ()),
    "qwen2_5": (_CHATML, ()),
    "qwen2_5_vl": (_CHATML, ()),
    "qwen3": (_CHATML, _THINK),
    "llama3": (("<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"), ()),
    "gemma": (("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"), ()),
    "gemma3": (("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"), ()),
    "phi3": (("<|endoftext|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"), ()),
}
"""Special and ordinary added tokens of each template; the beginning and the end of a turn come first."""


class Architecture(NamedTuple):
    """A model to make."""

    config: type[PretrainedConfig]
    shape: dict[str, Any]
    template: str
    """Of TRL, or that of the embedded base."""
    tied: bool = True
    """Its output head and its embeddings are one."""


ARCHITECTURES = {
    "Qwen3": Architecture(Qwen3Config, SHAPE, "qwen3"),
    "Qwen3-MoE": Architecture(Qwen3MoeConfig, SHAPE | _EXPERTS, "qwen3"),
    "Mixtral": Architecture(MixtralConfig, SHAPE | _EXPERTS, "ChatML", tied=False),
    "Llama 3.x": Architecture(LlamaConfig, SHAPE | {"rope_parameters": _ROPE3}, "llama3"),
    "SmolLM2": Architecture(LlamaConfig, SHAPE, "ChatML"),
    "Mistral": Architecture(MistralConfig, SHAPE | {"sliding_window": WINDOW}, "ChatML", tied=False),
    "Phi-3": Architecture(Phi3Config, _HEADS | {"sliding_window": WINDOW}, "phi3", tied=False),
    "Gemma 3": Architecture(Gemma3TextConfig, SHAPE | _SLIDING, "gemma3"),
    "Gemma 3 with vision": Architecture(Gemma3Config, SHAPE | _SLIDING, "gemma3"),
    "GPT-NeoX": Architecture(GPTNeoXConfig, _SIZES, "ChatML", tied=False),
    "OPT": Architecture(
        OPTConfig,
        {
            "hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
            "max_position_embeddings": 1024, "word_embed_proj_dim": 32, "init_std": 0.3,
        },
        "ChatML",
    ),
    "GPT-2": Architecture(GPT2Config, _GPT2, "ChatML"),
    "Bloom": Architecture(
        BloomConfig, {"hidden_size": 32, "n_layer": 2, "n_head": 4, "initializer_range": 0.3}, "ChatML"
    ),
    "Gemma 2": Architecture(
        Gemma2Config, SHAPE | {"sliding_window": WINDOW, "query_pre_attn_scalar": 8}, "gemma"
    ),
    "Qwen2-MoE": Architecture(
        Qwen2MoeConfig, _HEADS | _EXPERTS | {"shared_expert_intermediate_size": 32}, "qwen2_5"
    ),
    "gpt-oss": Architecture(
        GptOssConfig, SHAPE | _EXPERTS | _SLIDING | {"rope_parameters": _YARN}, "ChatML", tied=False
    ),
    "Mamba": Architecture(MambaConfig, _LAYERS | {"state_size": 8}, "ChatML"),
    "LFM2": Architecture(Lfm2Config, _HEADS | {"layer_types": ["conv", "full_attention"]}, "ChatML"),
    "Qwen3-Next": Architecture(
        Qwen3NextConfig,
        SHAPE | _EXPERTS | {
            "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8,
            "linear_value_head_dim": 8, "shared_expert_intermediate_size": 32,
            "layer_types": ["linear_attention", "full_attention"],
        },
        "qwen3",
    ),
    "Llama 4": Architecture(
        Llama4TextConfig,
        SHAPE | _EXPERTS
        | {"intermediate_size_mlp": 64, "attention_chunk_size": 32, "interleave_moe_layer_step": 1},
        "llama3",
    ),
    "Qwen2.5-VL": Architecture(
        Qwen2_5_VLConfig,
        SHAPE
        | {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]}},
        "qwen2_5_vl",
    ),
    "RWKV": Architecture(RwkvConfig, {"hidden_size": 32, "num_hidden_layers": 2}, "ChatML", tied=False),
}  # fmt: skip


def save(name: str, texts: list[str], folder: Path) -> Path:
    """Write a base of an architecture into a folder, its vocabulary learned of texts."""
    template = ARCHITECTURES[name].template
    special, ordinary = _TURNS[template]
    tokenizer = build_tokenizer(texts, list(special), list(ordinary))
    path = EMBEDDED / "chat_template.jinja" if template == "ChatML" else TEMPLATES / f"{template}.jinja"
    tokenizer.chat_template = path.read_text(encoding="utf-8")
    ids = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    torch.manual_seed(0)
    _model(ARCHITECTURES[name], len(tokenizer), ids).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _model(what: Architecture, vocab_size: int, ids: dict[str, Any]) -> PreTrainedModel:
    text = {**what.shape, **ids, "vocab_size": vocab_size}
    eye = {"hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "patch_size": 14}
    if what.config is Gemma3Config:
        eye |= {"num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28}
        places = {"boi_token_index": 5, "eoi_token_index": 6, "image_token_index": 7}
        config = Gemma3Config(
            text_config=text, vision_config=eye, mm_tokens_per_image=4, tie_word_embeddings=True,
            **places, **ids,
        )  # fmt: skip
        return Gemma3ForConditionalGeneration(config)
    if what.config is Qwen2_5_VLConfig:
        eye |= {"depth": 1, "out_hidden_size": 32, "fullatt_block_indexes": [0]}
        marks = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
        places = {mark: place for place, mark in enumerate(marks, 5)}
        return Qwen2_5_VLForConditionalGeneration(
            Qwen2_5_VLConfig(text_config=text, vision_config=eye, **places, **ids)
        )
    return AutoModelForCausalLM.from_config(what.config(**text, tie_word_embeddings=what.tied))
