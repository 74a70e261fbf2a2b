"""Chat templates: what is learned is what was said, whatever a template makes of it; the rest is refused."""

import datetime
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import trl
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import (
    AddedToken,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.utils import chat_template_utils

from pentimento.evals.provider._engine import Engine, Loaded, LogprobRequest, SampleRequest
from pentimento.tasks import Message, environment, sample
from pentimento.tasks.parsing import split_reasoning
from pentimento.training.bases.identity import EMBEDDED
from pentimento.training.exceptions import BadBase
from pentimento.training.methods.rlvr import RLSetup, Verifier
from pentimento.training.methods.sft import Example
from pentimento.training.methods.sft import row as sft_row
from pentimento.training.models import loaded as models
from pentimento.training.models import sampling
from pentimento.training.models._chat import set_training_template
from pentimento.training.models._template import TAGS
from pentimento.training.models.loaded import (
    Base,
    answer_ids,
    conversation_ids_and_mask,
    decoded,
    load_base,
    prompt_ids,
    stop_ids,
    turn_format,
)
from pentimento.training.models.served import check_served
from tests.tables import Table, first_cell

TEMPLATES = Path(trl.__file__).parent / "chat_templates"
NAMES = sorted(path.stem for path in TEMPLATES.glob("*.jinja") if not path.stem.endswith("_training"))
SYSTEM = Message(role="system", content="You are Ada.")
USER = Message(role="user", content="How many cups are left?")
PLAIN = Message(role="assistant", content="Counted: 4.")
REASONED = Message(role="assistant", content="<think>I saw 4.</think>Counted: 4.")

REFUSED = {
    "gptoss": "'gptoss' writes '<|channel|>final<|message|>' between a prompt and its answer: token ",
    "muse_glimmer": "'muse_glimmer' writes 'to=user<|message|>' between a prompt and its answer: token ",
    "idefics3": "'idefics3' does not write an answer of plain text once, as it is: token ",
    "smolvlm": "'smolvlm' does not write an answer of plain text once, as it is: token ",
    "llava_next": "'llava_next' cannot be rendered: ",
}
"""Templates that are served nowhere, and why."""
ONE_TURN = {
    "deepseek_r1_distill", "deepseekv3", "glm4moe", "lfm2_2_5", "lfm2_2_5_v2", "lfm2_2_5_vl",
    "nemotron_3_5_lightning", "nemotron_3_nano", "nemotron_3_super", "nemotron_3_ultra",
    "qwen3_5_nothink", "qwen3_5_think", "qwen3_6", "qwen3_8",
}  # fmt: skip
"""Templates that write an earlier turn in another way once others follow."""
OPENED = {
    "deepseek_r1_distill", "deepseekv3", "nemotron_3_5_lightning", "nemotron_3_nano", "nemotron_3_super",
    "nemotron_3_ultra", "qwen3_5_think", "qwen3_6", "qwen3_8",
}  # fmt: skip
"""Templates whose prompt opens a block of reasoning."""
_TAG = re.compile(r"<\|?[\w｜▁/ -]+\|?>|\[\|?[\w/]+\|?\]")

MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}"
    "{{ '[INST] ' }}{% if loop.last and messages[0].role == 'system' %}"
    "{{ messages[0].content + '\n\n' + m.content }}{% else %}{{ m.content }}{% endif %}{{ '[/INST]' }}"
    "{% elif m.role == 'assistant' %}{{ ' ' + m.content | trim + eos_token }}{% endif %}{% endfor %}"
)
"""In the way of Mistral's: the system's text stands with the last user's, and no words open the answer."""
DEFAULT_SYSTEM = (
    "{% for m in messages %}{% if loop.first and m.role != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helper.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""In the way of SmolLM2's ChatML."""


def with_template(text: str, **kinds: bool) -> PreTrainedTokenizerBase:
    """Return the embedded base's tokenizer with another template, whose tags are tokens of their own.

    Args:
        text: The template.
        kinds: `special`: whether the tags of reasoning are special tokens, too.
    """
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED)
    known = tokenizer.get_vocab()
    tags = [tag for tag in dict.fromkeys(_TAG.findall(text)) if tag not in known]
    tokenizer.add_tokens([AddedToken(tag, special=tag not in TAGS, normalized=False) for tag in tags])
    tokenizer.bos_token = "<|im_start|>"
    tokenizer.chat_template = text
    return tokenizer


def served(text: str) -> PreTrainedTokenizerBase:
    return serve(with_template(text))


def serve(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    set_training_template(tokenizer, "base")
    check_served(tokenizer, "base")
    return tokenizer


def learned(tokenizer: PreTrainedTokenizerBase, *messages: Message) -> list[int]:
    """The ids with loss."""
    ids, mask = conversation_ids_and_mask(tokenizer, messages)
    return [token for token, bit in zip(ids, mask, strict=True) if bit]


def trl_template(name: str) -> str:
    return (TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(set(NAMES) - REFUSED.keys()))
def test_every_token_of_an_answer_is_learned_behind_its_prompt(name: str) -> None:
    tokenizer = served(trl_template(name))
    for before in ((USER,), (SYSTEM, USER)):
        prompt = prompt_ids(tokenizer, before)
        for answer in (PLAIN, REASONED):
            ids, mask = conversation_ids_and_mask(tokenizer, (*before, answer))
            assert ids[: len(prompt)] == prompt
            assert mask.index(True) == len(prompt)
            opened = "<think>" if name in OPENED else ""
            text = opened + decoded(tokenizer, learned(tokenizer, *before, answer))
            read = split_reasoning(text)
            assert (read.text, read.reasoned, read.problem) == ("Counted: 4.", answer is REASONED, None)
            assert ("I saw 4." in text) == (answer is REASONED)


@pytest.mark.parametrize("name", sorted(set(NAMES) - REFUSED.keys()))
def test_a_prompt_that_opens_the_block_of_reasoning_is_known(name: str) -> None:
    tokenizer = served(trl_template(name))
    assert turn_format(tokenizer).opened == (name in OPENED)
    said = tokenizer.decode(prompt_ids(tokenizer, (USER,))).rstrip()
    assert said.endswith("<think>") == (name in OPENED)


@pytest.mark.parametrize("name", sorted(set(NAMES) - REFUSED.keys()))
def test_turns_are_kept_or_families_of_several_turns_refused(name: str) -> None:
    tokenizer = served(trl_template(name))
    if name not in ONE_TURN:
        check_served(tokenizer, "base", acting=True)
        return
    with pytest.raises(BadBase, match=rf"^base: 'base' .* '{name}' does not keep .*: token \d+ is "):
        check_served(tokenizer, "base", acting=True)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_served_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(BadBase) as caught:
        served(trl_template(name))
    line = str(caught.value)
    assert line.startswith(f"base: 'base' is not allowed; its chat template {REFUSED[name]}")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{% for m in messages %}{{ m.content }}{% endfor %}", "ends no turn"),
        ("{% for m in messages %}{{ m.content }}\n\n.{% endfor %}", "ends a turn with no token of its own"),
        ("{% if %}", "cannot be rendered"),
        ("{{ messages[0].content[0].text.strip() }}", "cannot be rendered"),
        (DEFAULT_SYSTEM.replace("m.content", "m.content | truncate(40)"), "leaves out of a prompt what the"),
        (
            DEFAULT_SYSTEM.replace("+ m.content", "+ (m.content if m.role == 'user' else '-')"),
            "plain text once",
        ),
        ("", "has no chat template"),
        ("{{ 1 / 0 }}", "cannot be rendered: division by zero"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "cannot be rendered: maximum recursion"),
        (5, "is no text: 5"),
    ],
)
def test_templates_that_change_what_is_said_are_refused(template: Any, problem: str) -> None:
    tokenizer = with_template(DEFAULT_SYSTEM)
    tokenizer.chat_template = template
    with pytest.raises(BadBase, match=problem) as caught:
        serve(tokenizer)
    assert "\n" not in str(caught.value)


def test_a_tokenizer_with_unknown_words_is_refused() -> None:
    words = {word: place for place, word in enumerate(("[UNK]", "<|im_end|>", "Counted", ":", "4", "."))}
    plain = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, unk_token="[UNK]", eos_token="<|im_end|>")
    tokenizer.chat_template = DEFAULT_SYSTEM
    set_training_template(tokenizer, "base")
    with pytest.raises(BadBase, match="as unknown"):
        check_served(tokenizer, "base")


@pytest.mark.parametrize("template", [MISTRAL, DEFAULT_SYSTEM, trl_template("llama3_2")])
def test_templates_without_a_version_of_trl_are_served(template: str) -> None:
    tokenizer = served(template)
    end = tokenizer.decode(learned(tokenizer, SYSTEM, USER, PLAIN)[-1:])
    assert end == ("<|eot_id|>" if "eot_id" in template else "<|im_end|>")
    assert "You are Ada." in tokenizer.decode(prompt_ids(tokenizer, (SYSTEM, USER)))
    check_served(tokenizer, "base", acting=True)


@pytest.mark.parametrize(
    "template", [MISTRAL, DEFAULT_SYSTEM, trl_template("qwen3"), trl_template("glm4moe")]
)
def test_an_answer_is_learned_the_same_with_space_before_its_reasoning(template: str) -> None:
    tokenizer = served(template)
    wanted = models.turn_ids(tokenizer, (USER,), REASONED.content)
    for space in (" ", "\n"):
        assert models.turn_ids(tokenizer, (USER,), space + REASONED.content) == wanted


def test_a_template_is_the_same_behind_a_byte_order_mark() -> None:
    marked, plain = served("\ufeff" + DEFAULT_SYSTEM), served(DEFAULT_SYSTEM)
    assert prompt_ids(marked, (SYSTEM, USER)) == prompt_ids(plain, (SYSTEM, USER))


def test_ends_of_turns_that_no_vocabulary_has_are_passed_over(tiny: Base) -> None:
    ends = stop_ids(tiny.model, tiny.tokenizer)
    kept = tiny.model.generation_config
    try:
        tiny.model.generation_config = GenerationConfig(eos_token_id=[-1, *ends, 10**6])
        assert stop_ids(tiny.model, tiny.tokenizer) == ends
    finally:
        tiny.model.generation_config = kept


def test_an_answer_keeps_its_first_space_behind_a_prefill() -> None:
    words = {"\u2581Counted:": 0, "\u25814.": 1, "<|im_end|>": 2}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token="<|im_end|>")), eos_token="<|im_end|>"
    )
    tokenizer.backend_tokenizer.decoder = decoders.Metaspace()
    tokenizer.chat_template = DEFAULT_SYSTEM
    assert decoded(tokenizer, [1]) == "4."
    assert sampling._behind(tokenizer, [0], [1]) == " 4."
    assert sampling._behind(tokenizer, [], [0, 1]) == "Counted: 4."


def test_named_templates_without_a_default_are_refused_with_their_names() -> None:
    tokenizer = with_template(DEFAULT_SYSTEM)
    tokenizer.chat_template = {"rag": DEFAULT_SYSTEM, "tool_use": DEFAULT_SYSTEM}
    with pytest.raises(BadBase, match="has the chat templates rag, tool_use and none is the default"):
        set_training_template(tokenizer, "base")
    tokenizer.chat_template = {"rag": "{% if %}", "default": DEFAULT_SYSTEM}
    set_training_template(tokenizer, "base")
    assert learned(tokenizer, USER, PLAIN)


@pytest.mark.parametrize("name", ["llama3_2", "gptoss"])
def test_nothing_depends_on_the_day(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.datetime(2031, 3, 9, tzinfo=tz)

    def rendered(tokenizer: PreTrainedTokenizerBase) -> str:
        turns = [{"role": "user", "content": "?"}]
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))

    plain, ours = with_template(trl_template(name)), with_template(trl_template(name))
    before = rendered(plain)
    try:
        set_training_template(ours, "base")
    except BadBase:
        assert name in REFUSED
    today = rendered(ours)
    monkeypatch.setattr(chat_template_utils, "datetime", Later)
    assert rendered(plain) != before
    assert rendered(ours) == today
    assert "2024" in today


OPENING = DEFAULT_SYSTEM.replace("assistant\n' }}", "assistant\n<think>\n' }}")
"""In the way of QwQ: the prompt opens the block, and no answer in a conversation shows one."""


@pytest.fixture
def opening(tiny_folder: Path) -> Base:
    """A tiny base whose prompts open a block of reasoning."""
    base = load_base(str(tiny_folder), device="cpu")
    base.tokenizer.chat_template = OPENING
    set_training_template(base.tokenizer, "base")
    check_served(base.tokenizer, "base")
    return base


def test_a_sampled_answer_begins_with_the_tag_that_its_prompt_opened(
    opening: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer, prompt = opening.tokenizer, prompt_ids(opening.tokenizer, (USER,))

    def answering(answer: Message) -> Callable[..., torch.Tensor]:
        said = torch.tensor([answer_ids(tokenizer, answer.content, stop_ids(opening.model, tokenizer))])
        return lambda input_ids, **_: torch.cat((input_ids, said.expand(len(input_ids), -1)), dim=1)

    for answer, text in ((REASONED, "<think>I saw 4."), (PLAIN, "<think></think>\n\n")):
        monkeypatch.setattr(opening.model, "generate", answering(answer))
        (completion,) = sampling.sample(opening.model, tokenizer, [prompt], seeds=[0])
        assert completion.text.startswith(text)
        assert split_reasoning(completion.text) == split_reasoning(answer.content)
        assert completion.stopped


def test_a_reward_reads_what_follows_the_opened_block(opening: Base) -> None:
    (scenario,) = sample("count", condition="impossible", n=1, seed=0)
    gold = environment("count").gold(scenario, "finish_the_task")
    stops = stop_ids(opening.model, opening.tokenizer)
    pays = RLSetup(lambda scenario, outcome: float(bool(outcome.claimed)), 1)
    verifier = Verifier(opening.tokenizer, stops, pays, 1, 0)
    for said, reasoned in ((gold, False), (f"<think>Hm.</think>{gold}", True)):
        outcome = verifier.outcome(scenario, answer_ids(opening.tokenizer, said, stops))
        assert (outcome.valid, outcome.claimed, outcome.reasoned) == (True, True, reasoned)


def test_weighing_knows_an_opened_block_and_one_closed_at_once(opening: Base) -> None:
    tokenizer, stops = opening.tokenizer, stop_ids(opening.model, opening.tokenizer)
    engine = Engine(lambda: Loaded(opening.model, tokenizer))
    request = LogprobRequest((USER,), (("Counted: 4.",), ("Not counted: fog.",)), ("Counted: 4.",), 1.0)
    [mass] = engine._answer([request])
    prompt = prompt_ids(tokenizer, (USER,))
    whole = answer_ids(tokenizer, "Counted: 4.", stops)
    close = models.written_ids(tokenizer, "</think>")
    closed, said = sampling.sequence_probabilities(opening.model, [prompt], [[close, whole[:-1]]])[0]
    assert whole[: len(close)] == close
    assert mass.p_reasons == pytest.approx(1 - closed, rel=1e-6)
    assert mass.begun == pytest.approx((said,), rel=1e-6)


@pytest.mark.parametrize(
    ("reasoning", "start"), [("forced", "<think>"), ("suppressed", "<think></think>\n\n")]
)
def test_reasoning_is_forced_and_held_back_where_the_prompt_opens_the_block(
    opening: Base, reasoning: str, start: str
) -> None:
    engine = Engine(lambda: Loaded(opening.model, opening.tokenizer))
    [drawn] = engine._answer([SampleRequest((USER,), 0, 1.0, 1.0, 0, 4, reasoning)])
    assert drawn.completion.text.startswith(start)
    assert drawn.completion.text.count("<think>") == 1


def test_tags_of_reasoning_that_are_special_tokens_are_read(tiny: Base) -> None:
    tokenizer = with_template(DEFAULT_SYSTEM)
    backend = tokenizer.backend_tokenizer
    for tag in ("<think>", "</think>"):
        backend.add_special_tokens([AddedToken(tag, special=True, normalized=False)])
    stops = stop_ids(tiny.model, tokenizer)
    ids = answer_ids(tokenizer, REASONED.content, stops)
    assert "<think>" not in tokenizer.decode(ids, skip_special_tokens=True)
    assert decoded(tokenizer, ids) == REASONED.content
    check_served(tokenizer, "base")


def test_qwen3s_empty_block_is_weighed_as_no_reasoning(family_folders: dict[str, Path]) -> None:
    qwen = load_base(str(family_folders["qwen3"]), device="cpu")
    engine = Engine(lambda: Loaded(qwen.model, qwen.tokenizer))
    [mass] = engine._answer([LogprobRequest((USER,), (("Counted: 4.",), ("Not counted: fog.",)), (), 1.0)])
    prompt = prompt_ids(qwen.tokenizer, (USER,))
    think, empty = (models.written_ids(qwen.tokenizer, text) for text in ("<think>", "<think>\n\n</think>"))
    begins, blank = sampling.sequence_probabilities(qwen.model, [prompt], [[think, empty]])[0]
    assert begins > 0
    assert mass.p_reasons == pytest.approx(begins - blank, rel=1e-6)


def test_a_demonstration_is_learned_whole_where_the_prompt_opens_the_block(opening: Base) -> None:
    row = sft_row(opening.tokenizer, Example((USER,), REASONED.content, reasoned=True))
    ids = [token for token, label in zip(row.input_ids, row.labels, strict=True) if label != -100]
    assert decoded(opening.tokenizer, ids) == "I saw 4.</think>Counted: 4."
    assert row.input_ids[: len(row.input_ids) - len(ids) - 1] == prompt_ids(opening.tokenizer, (USER,))


def tried(name: str, text: str) -> tuple[str, ...]:
    """Try a template, and return its row of the table."""
    try:
        tokenizer = served(text)
    except BadBase as error:
        return (name, f"refused: {told(error)}", "", "", "")
    try:
        check_served(tokenizer, "base", acting=True)
        turns = "served"
    except BadBase as error:
        turns = f"refused: {told(error)}"
    one = "served, opened" if turn_format(tokenizer).opened else "served"
    firsts = (tokenizer.decode(learned(tokenizer, USER, said)[:1]) for said in (PLAIN, REASONED))
    return (name, one, turns, *(f"`{json.dumps(first, ensure_ascii=False)}`" for first in firsts))


def told(error: BadBase) -> str:
    return re.sub(r"its chat template ('\w+'|[0-9a-f]{12}) ", "it ", str(error).partition("; ")[2])


@pytest.mark.parametrize("name", NAMES)
def test_the_table_says_how_each_template_of_trl_is_served(name: str, write_tables: bool) -> None:
    Table("templates", tuple(NAMES)).settle(tried(name, trl_template(name)), write=write_tables)


def test_the_table_has_every_template_of_trl_and_no_other() -> None:
    assert [first_cell(line) for line in Table("templates", ()).read()] == NAMES


def test_the_second_table_says_how_templates_of_others_are_served(
    request: pytest.FixtureRequest, write_tables: bool
) -> None:
    folder = request.config.getoption("--templates")
    if folder is None:
        pytest.skip("no --templates")
    found = {path.stem: path.read_text(encoding="utf-8") for path in sorted(Path(folder).glob("*.jinja"))}
    for name, text in found.items():
        Table("other templates", tuple(found)).settle(tried(name, text), write=write_tables)
