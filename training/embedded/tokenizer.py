"""The embedded base's tokenizer: byte-level BPE over its own corpus, ordinary think tags, a chat template."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from pentimento.tasks.parsing import THINK_CLOSE, THINK_OPEN

TURN_OPEN, TURN_CLOSE, PAD = "<|im_start|>", "<|im_end|>", "<|pad|>"
ORDINARY = (THINK_OPEN, THINK_CLOSE, "<tool_call>", "</tool_call>")
"""Single tokens that are not special: decoding with `skip_special_tokens=True`, as TRL does before a reward
and inspect's `hf/` before a scorer, must keep them."""
MAX_LENGTH_TOKENS = 2048

RESPONSE_TEMPLATE = {
    "defaults": {"role": "assistant"},
    "start_anchor": "<|im_start|>assistant\n",
    "fields": {
        "tool_calls": {
            "open": "<tool_call>",
            "close_pattern": r"</tool_call>\s*",
            "repeats": True,
            "content": "json",
            "transform": {"type": "function", "function": "{content}"},
        },
        "content": {"close_pattern": r"<\|im_end\|>\s*", "content": "text"},
    },
}
"""How transformers parses an answer into a message; reasoning stays in the content, for our parser."""


def chat_template() -> str:
    """Return the chat template, a prefix-preserving one with generation markers and tool calls."""
    return Path(__file__).with_name("chat_template.jinja").read_text(encoding="utf-8")


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Train a tokenizer on plain texts.

    Args:
        texts: Roles and contents of messages.
        vocab_size: Upper bound, special and ordinary added tokens included.
    """
    special = [PAD, TURN_OPEN, TURN_CLOSE]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            # A digit is one token together with the space before it.
            pre_tokenizers.Split(Regex(r" ?\d"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocab_size - len(ORDINARY),
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=bpe,
        eos_token=TURN_CLOSE,
        pad_token=PAD,
        model_max_length=MAX_LENGTH_TOKENS,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
    tokenizer.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in ORDINARY])
    tokenizer.add_special_tokens({"extra_special_tokens": [TURN_OPEN]})
    tokenizer.chat_template = chat_template()
    tokenizer.response_template = RESPONSE_TEMPLATE
    return tokenizer
