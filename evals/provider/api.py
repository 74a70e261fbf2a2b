"""The model provider `pentimento/<organism folder>`, or a shipped one's name, as `pentimento/faker`.

`pentimento/embedded` is the embedded base.

The weights are loaded when an answer is first asked for, once for each model object, and inspect keeps one
for each name and arguments. An organism's key and the hash of its adapter are in the model's configuration,
so that a log says which organism it is about and an eval set never takes a retrained organism for an old one.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    Logprob,
    Logprobs,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    StopReason,
    TopLogprob,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from transformers import PreTrainedTokenizerBase

from pentimento.compat import ActiveSample, sample_active
from pentimento.evals._episodes import AnswerMass
from pentimento.evals.datasets import to_messages
from pentimento.evals.exceptions import Refused
from pentimento.evals.provider._conversation import (
    Chat,
    Conversation,
    Steering,
    check_settings,
    conversation,
    read_calls,
)
from pentimento.evals.provider._engine import Drawn, Engine, Loaded, LogprobRequest, SampleRequest
from pentimento.tasks.exceptions import BadInput, PentimentoError, UnknownName
from pentimento.training.bases.identity import base_sha256, check_dtype
from pentimento.training.exceptions import BadBase, BaseMismatch
from pentimento.training.models._quiet import quiet_libraries
from pentimento.training.models.loaded import load_base, load_organism, loading
from pentimento.training.models.sampling import (
    MAX_NEW_TOKENS,
    TEMPERATURE,
    TOP_K,
    TOP_P,
    TokenLogprob,
    derive_seed,
)
from pentimento.training.models.steering import SteeringVector
from pentimento.training.organisms.organism import BaseRef, read_manifest
from pentimento.training.organisms.shipped import organism_folder
from pentimento.training.running.plan import organism_key

EMBEDDED = "embedded"
"""The name that stands for the embedded base instead of a folder."""
MAX_CONNECTIONS = 512
"""Samples under way at once; set explicitly, or inspect would begin with few and adapt."""
ARGUMENTS = ("organism", "adapter", "device", "dtype")
"""What -M may give: the key that the organism must have and the sha256 of its adapter or whole model, a torch
device, and float32, bfloat16, float16 or nf4."""
USUAL: Mapping[str, Any] = MappingProxyType(
    {"temperature": TEMPERATURE, "top_p": TOP_P, "top_k": TOP_K, "max_tokens": MAX_NEW_TOKENS}
)
"""How answers are sampled where neither a configuration nor the organism's training says."""
_NAMES = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "max_new_tokens": "max_tokens"}
"""inspect's names of what a manifest says of sampling."""


class Identity(NamedTuple):
    """Which organism answers."""

    organism: str
    """Its key: the hash of all that it was to be made of."""
    adapter: str | None
    """The sha256 of what was made: its adapter, or the whole model that it is; None for the base."""


class PentimentoAPI(ModelAPI):
    """Answers as an organism does.

    Args:
        model_name: An organism's folder, the name of a shipped one, or "embedded".
        base_url: Not used.
        api_key: Not used.
        config: Settings; those not given are set here, so that every log tells them.
        model_args: `organism` and `adapter`, the key and the adapter's sha256 that the folder's manifest must
            have; `device` and `dtype`.

    Raises:
        Refused: The folder holds no organism, or another one.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        for name in model_args:
            if name not in ARGUMENTS:
                raise Refused(str(UnknownName("model argument", name, ARGUMENTS)))
        self._device = str(model_args.get("device", "auto"))
        self._dtype = str(model_args.get("dtype", "auto"))
        settings = config if config is not None else GenerateConfig()
        try:
            check_settings(settings)
            _steering(settings)
            check_dtype(self._dtype)
            self.organism, self.adapter = self._identify({**(settings.extra_body or {}), **model_args})
            self._sampling = {**USUAL, **_trained_with(self.model_name)}
        except PentimentoError as error:
            raise Refused(str(error)) from error
        self.engine = Engine(self._load)
        self._asked: WeakKeyDictionary[ActiveSample, Counter[tuple[str, ...]]] = WeakKeyDictionary()
        _fill_in(settings, self._sampling)
        # In the header of every log, whatever is asked, and in the keys of inspect's cache.
        settings.extra_body = {
            **Identity(self.organism, self.adapter)._asdict(),
            **(settings.extra_body or {}),
        }

    def _identify(self, given: Mapping[str, Any]) -> Identity:
        """Return which organism it is; the folder of a log that is only scored again may be gone."""
        fields = {name: given[name] for name in Identity._fields if name in given}
        fields = {name: None if value is None else str(value) for name, value in fields.items()}
        key, gone = fields.get("organism"), not organism_folder(self.model_name).is_dir()
        if key is not None and gone and self.model_name != EMBEDDED:
            return Identity(key, fields.get("adapter"))
        named = identity(self.model_name)
        for name, value in fields.items():
            held = getattr(named, name)
            if value != held:
                raise BadInput(
                    name,
                    value,
                    f"{self.model_name} holds {held} (trained again, or another one), so evaluate it anew",
                )
        if self.model_name != EMBEDDED:
            _check_base(read_manifest(organism_folder(self.model_name)).base)
        return named

    def _load(self) -> Loaded:
        quiet_libraries()
        dtype: Any = self._dtype
        if self.model_name == EMBEDDED:
            base = load_base(EMBEDDED, device=self._device, dtype=dtype)
            return Loaded(base.model, base.tokenizer)
        folder = organism_folder(self.model_name)
        model, tokenizer, manifest = load_organism(folder, device=self._device, dtype=dtype)
        now = Identity(manifest.key, manifest.weights_sha256)
        for name, was, held in zip(Identity._fields, (self.organism, self.adapter), now, strict=True):
            if was != held:
                raise BadInput(name, was, f"{self.model_name} now holds {held}")
        return Loaded(model, tokenizer)

    def prepare(self) -> None:
        """Load the weights.

        Raises:
            Refused: The organism, its adapter or its base is not what its manifest says, or the device or the
                precision is not allowed.
        """
        try:
            _ = self.engine.ready
        except PentimentoError as error:
            raise Refused(str(error)) from error

    def release(self) -> None:
        """Let go of the weights; they are loaded again when a further answer is asked for."""
        self.engine = Engine(self._load)

    def max_connections(self) -> int:
        """Return how many samples are under way at once."""
        return MAX_CONNECTIONS

    def connection_key(self) -> str:
        """Return what separates this organism's connections from another's."""
        return f"{self.model_name}:{self.organism}"

    async def generate(
        self,
        input: list[ChatMessage],  # noqa: A002 (the name is inspect's)
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """Sample answers; the same request of the same sample and epoch always gets the same ones."""
        check_settings(config)
        steering = _steering(config)
        chat = conversation(input, tools, tool_choice)
        sampling = _sampling(config, self._sampling)
        request = SampleRequest(
            messages=chat,
            seed=self._seed(chat, config, steering.repeat),
            max_new_tokens=config.max_tokens or self._sampling["max_tokens"],
            reasoning=steering.reasoning,
            push=steering.push,
            stop_texts=tuple(config.stop_seqs or ()),
            top_logprobs=(config.top_logprobs or 0) if config.logprobs else None,
            **sampling,
        )
        others = [derive_seed(request.seed, number) for number in range(1, config.num_choices or 1)]
        asked = [request, *(request._replace(seed=seed) for seed in others)]
        drawn: list[Drawn] = [await self.engine.draw(one) for one in asked[:1]]
        drawn += await asyncio.gather(*map(self.engine.draw, asked[1:]))
        output = self._output(drawn, chat, config)
        uncut = sampling["top_p"] >= 1 and sampling["top_k"] == 0 and sampling["temperature"] > 0
        weighable = uncut and not config.stop_seqs and not isinstance(chat, Chat)
        output.metadata = {
            "weighable": weighable,
            "temperature": sampling["temperature"],
            **loading(self.engine.ready.model),
        }
        return output

    def _seed(self, conversation: Conversation, config: GenerateConfig, repeat: int | None) -> int:
        """Return the seed of a request.

        Our own tasks say which repeat of a scenario it is, so an answer depends on scenario and repeat alone.
        Any other task has its samples and epochs drawn apart, and within a sample each further request of the
        same words.
        """
        words = (conversation.turns, conversation.tools) if isinstance(conversation, Chat) else [
            part for message in conversation for part in (message.role, message.content)
        ]  # fmt: skip
        seed = config.seed or 0
        if repeat is not None:
            return derive_seed("pentimento", seed, repeat, *words)
        active = sample_active()
        if active is None:
            return derive_seed("pentimento", seed, 1, *words)
        asked = self._asked.setdefault(active, Counter())
        asked[tuple(words)] += 1
        place = (str(active.sample.id), active.epoch, asked[tuple(words)])
        return derive_seed("pentimento", seed, *place, *words)

    def _output(
        self, drawn: Sequence[Drawn], conversation: Conversation, config: GenerateConfig
    ) -> ModelOutput:
        choices = [self._choice(one, conversation, config) for one in drawn]
        num_prompt = len(drawn[0].prompt)
        num_written = sum(one.completion.num_tokens for one in drawn)
        usage = ModelUsage(
            input_tokens=num_prompt, output_tokens=num_written, total_tokens=num_prompt + num_written
        )
        return ModelOutput(model=self.model_name, choices=choices, usage=usage)

    def _choice(
        self, drawn: Drawn, conversation: Conversation, config: GenerateConfig
    ) -> ChatCompletionChoice:
        answer, tokenizer = drawn.completion, self.engine.ready.tokenizer
        ended: StopReason = "stop" if answer.stopped else "model_length" if drawn.full else "max_tokens"
        message = ChatMessageAssistant(content=answer.text, model=self.model_name, source="generate")
        if isinstance(conversation, Chat) and conversation.tools != "[]":
            text, calls = read_calls(tokenizer, drawn.prompt, answer.ids, answer.text, conversation)
            if calls and answer.stopped:
                some = calls[:1] if config.parallel_tool_calls is False else calls
                message.content, message.tool_calls, ended = text, list(some), "tool_calls"
        content = [_logprob(tokenizer, one) for one in drawn.logprobs]
        logprobs = Logprobs(content=content) if config.logprobs else None
        return ChatCompletionChoice(message=message, stop_reason=ended, logprobs=logprobs)

    async def answer_probabilities(
        self,
        messages: Sequence[ChatMessage],
        classes: Sequence[Sequence[str]],
        begun: Sequence[str],
        temperature: float,
        extra: Mapping[str, Any] = MappingProxyType({}),
    ) -> AnswerMass:
        """Return how probable reasoning, each class of answers and each beginning are."""
        grouped = tuple(tuple(group) for group in classes)
        push = SteeringVector(**extra.get("push", {}))
        return await self.engine.weigh(
            LogprobRequest(to_messages(messages), grouped, tuple(begun), temperature, push)
        )


def identity(name: str) -> Identity:
    """Return which organism a folder or a shipped name stands for, or the embedded base of a run.

    Raises:
        NoOrganism: The folder holds no readable manifest.
    """
    if name == EMBEDDED:
        return Identity(organism_key(base_sha256(EMBEDDED), (), None, "auto"), None)
    manifest = read_manifest(organism_folder(name))
    return Identity(manifest.key, manifest.weights_sha256)


def _check_base(base: BaseRef) -> None:
    """Refuse a base that is another one now; one that is not here is missed when an answer is asked for.

    Raises:
        BaseMismatch: It is.
    """
    try:
        held = base_sha256(base.name, base.revision)
    except BadBase:
        return
    if held != base.sha256:
        raise BaseMismatch(base.name, base.sha256, held)


def _logprob(tokenizer: PreTrainedTokenizerBase, drawn: TokenLogprob) -> Logprob:
    def named(token: int) -> dict[str, Any]:
        text = str(tokenizer.decode([token]))
        return {"token": text, "bytes": list(text.encode())}

    top = [TopLogprob(logprob=value, **named(token)) for token, value in drawn.top]
    return Logprob(logprob=drawn.logprob, top_logprobs=top or None, **named(drawn.token))


def _trained_with(name: str) -> dict[str, Any]:
    """Return how an organism's last stage sampled answers; nothing of a base, or where the folder is gone."""
    folder = organism_folder(name)
    if name == EMBEDDED or not folder.is_dir():
        return {}
    settings = read_manifest(folder).settings
    return {theirs: settings[ours] for ours, theirs in _NAMES.items() if ours in settings}


def _steering(config: GenerateConfig) -> Steering:
    """Return what a request's `extra_body` holds, besides which organism is asked.

    Raises:
        BadInput: It holds something else.
    """
    extra = {name: value for name, value in (config.extra_body or {}).items() if name not in ARGUMENTS}
    for name in extra:
        if name not in Steering.model_fields:
            raise UnknownName("extra_body", name, Steering.model_fields)
    return Steering(**extra)


def _sampling(config: GenerateConfig, usual: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: getattr(config, name) for name in ("temperature", "top_p", "top_k")}
    return {name: usual[name] if value is None else value for name, value in given.items()}


def _fill_in(config: GenerateConfig, usual: Mapping[str, Any]) -> None:
    """Set what was not given: inspect keeps this object as the model's configuration and logs it."""
    for name, value in {**usual, "max_connections": MAX_CONNECTIONS}.items():
        if getattr(config, name) is None:
            setattr(config, name, value)
