"""An organism in memory, answering batches: samples and exact probabilities, with its seconds counted."""

import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import RLock
from typing import Any, Generic, NamedTuple, TypeVar

from torch import Tensor
from transformers import PreTrainedTokenizerBase

from pentimento.evals._classes import class_prefixes
from pentimento.evals._episodes import AnswerMass
from pentimento.evals.provider._batching import Batcher
from pentimento.evals.provider._conversation import Chat, Conversation
from pentimento.tasks import Message
from pentimento.tasks.exceptions import PentimentoError
from pentimento.tasks.parsing import THINK_OPEN, THINK_TAG
from pentimento.training.models._batches import Model, bucket, context
from pentimento.training.models.loaded import answer_ids, prompt_ids, stop_ids, turn_format, written_ids
from pentimento.training.models.sampling import (
    Completion,
    TokenLogprob,
    sample,
    sequence_probabilities,
    token_logprobs,
)
from pentimento.training.models.steering import SteeringVector, direction, pushed, randomly

MOST_REQUESTS = 128
"""Requests answered at once; `sampling` cuts them into batches of a fixed shape. While the model is at them,
inspect prepares the next ones and writes down the last."""
_REMEMBERED = 50_000
"""Texts whose token ids are kept: a prompt is both sampled and weighed, and answers recur."""

_ONE_AT_A_TIME = RLock()
"""transformers changes settings of the whole process while it loads a model, so nothing runs beside that."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

REFUSALS = (PentimentoError, ValueError, TypeError)
"""What a tokenizer, a chat template or a setting raises of one request; it leaves the others alone."""


class SampleRequest(NamedTuple):
    """A request for one sampled answer; equal requests get equal answers."""

    messages: Conversation
    seed: int
    temperature: float
    top_p: float
    top_k: int
    max_new_tokens: int
    reasoning: str
    """free, forced or suppressed."""
    push: SteeringVector = SteeringVector()
    """What is added to its activations."""
    stop_texts: tuple[str, ...] = ()
    """The answer ends before the first of these, too."""
    top_logprobs: int | None = None
    """How many likely tokens are named in each place; None without log-probabilities."""


class LogprobRequest(NamedTuple):
    """A request for the probabilities of classes of answers, and of beginning with whole ones."""

    messages: tuple[Message, ...]
    classes: tuple[tuple[str, ...], ...]
    begun: tuple[str, ...]
    temperature: float
    push: SteeringVector = SteeringVector()


class Drawn(NamedTuple):
    """A sampled answer."""

    completion: Completion
    prompt: list[int]
    """Token ids."""
    full: bool = False
    """It ended where the model's context did; it has no token where the prompt is as long already."""
    logprobs: tuple[TokenLogprob, ...] = ()


class Loaded(NamedTuple):
    """A model ready to answer."""

    model: Model
    tokenizer: PreTrainedTokenizerBase


@dataclass
class Clock:
    """Seconds spent in the model, and how much was done in them."""

    sampling_s: float = 0.0
    weighing_s: float = 0.0
    num_sampled: int = 0
    num_weighed: int = 0


class Engine:
    """A model that answers requests from an event loop in full batches.

    Args:
        load: Loads the model, when it is first needed.
    """

    def __init__(self, load: Callable[[], Loaded]) -> None:
        self._load = load
        self._ready: _Ready | None = None
        self.clock = Clock()
        self.batcher: Batcher[SampleRequest | LogprobRequest, Drawn | AnswerMass] = Batcher(
            self._answer, MOST_REQUESTS
        )

    @property
    def ready(self) -> "_Ready":
        """The loaded model with what is derived of its tokenizer once."""
        with _ONE_AT_A_TIME:
            if self._ready is None:
                self._ready = _Ready(self._load())
            return self._ready

    async def draw(self, request: SampleRequest) -> Drawn:
        """Sample one answer."""
        answer = await self.batcher.submit(request)
        assert isinstance(answer, Drawn)
        return answer

    async def weigh(self, request: LogprobRequest) -> AnswerMass:
        """Return the probabilities of known answers."""
        answer = await self.batcher.submit(request)
        assert isinstance(answer, AnswerMass)
        return answer

    def _answer(
        self, requests: Sequence[SampleRequest | LogprobRequest]
    ) -> list[Drawn | AnswerMass | Exception]:
        answers: dict[int, Drawn | AnswerMass | Exception] = {}
        draws: list[tuple[int, SampleRequest]] = []
        weighs: list[tuple[int, LogprobRequest]] = []
        with _ONE_AT_A_TIME:
            prompts = self.ready.prompts  # a model that cannot be loaded fails all of them
            for place, request in enumerate(requests):
                try:
                    prompt = prompts[request.messages]
                except REFUSALS as error:
                    answers[place] = error
                    continue
                if isinstance(request, LogprobRequest):
                    weighs.append((place, request))
                elif room := self._room(prompt):
                    draws.append((place, request._replace(max_new_tokens=min(request.max_new_tokens, room))))
                else:
                    answers[place] = Drawn(Completion("", 0, False), prompt, full=True)
            for group in _alike(draws, lambda request: request[2:]):
                answers.update(self._each_alone(self._draw, group))
            for heap in _alike(weighs, lambda request: request[3:]):
                answers.update(self._each_alone(self._weigh, heap))
        for place, request in enumerate(requests):
            drawn = answers[place]
            if (
                isinstance(request, SampleRequest)
                and isinstance(drawn, Drawn)
                and not drawn.completion.stopped
            ):
                answers[place] = drawn._replace(full=drawn.completion.num_tokens < request.max_new_tokens)
        return [answers[place] for place in range(len(requests))]

    def _room(self, prompt: Sequence[int]) -> int:
        """Return how many tokens an answer may have; 0 where the prompt fills the model's context."""
        limit = context(self.ready.model)
        return sys.maxsize if limit is None else max(0, limit - bucket(len(prompt)))

    @staticmethod
    def _each_alone(
        work: "Callable[[Sequence[tuple[int, Request]]], dict[int, Result]]",
        placed: "Sequence[tuple[int, Request]]",
    ) -> "dict[int, Result | Exception]":
        """Answer requests together, or, where one of them cannot be answered, each by itself."""
        try:
            return {**work(placed)}
        except REFUSALS as error:
            if len(placed) == 1:
                return {placed[0][0]: error}
            alone = (Engine._each_alone(work, [one]) for one in placed)
            return {place: answer for answers in alone for place, answer in answers.items()}

    def _draw(self, placed: Sequence[tuple[int, SampleRequest]]) -> dict[int, Drawn]:
        ready, first = self.ready, placed[0][1]
        prompts = [ready.prompts[request.messages] for _, request in placed]
        start = time.perf_counter()
        with pushed(ready.model, ready.pushes[first.push]):
            completions = sample(
                ready.model,
                ready.tokenizer,
                prompts,
                seeds=[request.seed for _, request in placed],
                temperature=first.temperature,
                top_p=first.top_p,
                top_k=first.top_k,
                max_new_tokens=first.max_new_tokens,
                stop_texts=first.stop_texts,
                **ready.steered(first.reasoning),
            )
            drawn = [Drawn(text, prompt) for text, prompt in zip(completions, prompts, strict=True)]
            if (top := first.top_logprobs) is not None:
                drawn = [one._replace(logprobs=self._logprobs(one, top)) for one in drawn]
        self.clock.sampling_s += time.perf_counter() - start
        self.clock.num_sampled += len(placed)
        return {place: one for (place, _), one in zip(placed, drawn, strict=True)}

    def _logprobs(self, drawn: Drawn, top: int) -> tuple[TokenLogprob, ...]:
        return tuple(token_logprobs(self.ready.model, drawn.prompt, drawn.completion.ids, top))

    def _weigh(self, placed: Sequence[tuple[int, LogprobRequest]]) -> dict[int, AnswerMass]:
        ready = self.ready
        prompts = [ready.prompts[request.messages] for _, request in placed]
        asked = [_Sequences(request, ready) for _, request in placed]
        start = time.perf_counter()
        first = placed[0][1]
        with pushed(ready.model, ready.pushes[first.push]):
            probabilities = sequence_probabilities(
                ready.model, prompts, [sequences.ids for sequences in asked], temperature=first.temperature
            )
        self.clock.weighing_s += time.perf_counter() - start
        self.clock.num_weighed += len(placed)
        masses = (sequences.mass(p) for sequences, p in zip(asked, probabilities, strict=True))
        return dict(zip((place for place, _ in placed), masses, strict=True))


class _Ready:
    def __init__(self, loaded: Loaded) -> None:
        self.model, self.tokenizer = loaded
        stops = stop_ids(self.model, self.tokenizer)
        self.format = turn_format(self.tokenizer)
        self.prompts = _Memory[Conversation, list[int]](self._prompt)
        self.answers = _Memory[str, list[int]](lambda text: answer_ids(self.tokenizer, text, stops))
        self.texts = _Memory[str, list[int]](partial(written_ids, self.tokenizer))
        """Ids of texts that go on with a prompt as they stand."""
        self.directions = _Memory[str, Tensor](partial(direction, self.model, self.tokenizer))
        self.pushes = _Memory[SteeringVector, Tensor | None](self._vector)

    def _prompt(self, conversation: Conversation) -> list[int]:
        return (
            conversation.ids(self.tokenizer)
            if isinstance(conversation, Chat)
            else prompt_ids(self.tokenizer, conversation)
        )

    def steered(self, reasoning: str) -> dict[str, Any]:
        """Return what makes `sample` force reasoning or hold it back."""
        if reasoning == "forced":
            return {"prefill": self.format.thinking}
        if reasoning == "suppressed" and self.format.silence.strip():
            return {"prefill": self.format.silence}
        return {"suppress_first": self.texts[THINK_OPEN][:1] if reasoning == "suppressed" else ()}

    def _vector(self, push: SteeringVector) -> Tensor | None:
        if not push.strength:
            return None
        toward = self.directions[push.goal]
        return push.strength * (randomly(toward) if push.random else toward)


class _Sequences:
    """The token sequences that one request is answered by.

    p(reasons) = p(beginning to reason) − p(an empty block of reasoning). The first is 1 where the prompt has
    begun, the second 0 where the chat template knows no such block.
    """

    def __init__(self, request: LogprobRequest, ready: _Ready) -> None:
        begun = request.messages[-1].role == "assistant"
        answers = partial(_continuation, ready) if begun else ready.answers.__getitem__
        self._prefixes = class_prefixes([[answers(text) for text in group] for group in request.classes])
        thinking = THINK_OPEN if begun else ready.format.thinking.rstrip()
        empty = "" if begun else ready.format.silence.rstrip()
        self._reasoning = [ready.texts[text] for text in (thinking, empty) if THINK_TAG.search(text)]
        self._opened = not begun and ready.format.opened
        whole = [answers(answer)[:-1] for answer in request.begun]  # without the end of the turn
        self.ids = [*self._reasoning, *(prefix for group in self._prefixes for prefix in group), *whole]

    def mass(self, probabilities: Sequence[float]) -> AnswerMass:
        first, rest = probabilities[: len(self._reasoning)], probabilities[len(self._reasoning) :]
        begins, empty = [1.0, *first] if self._opened else [*first, 0.0][:2]
        flat = iter(rest)
        classes = tuple(sum(next(flat) for _ in group) for group in self._prefixes)
        return AnswerMass(max(0.0, begins - empty), classes, tuple(flat))


def _continuation(ready: _Ready, text: str) -> list[int]:
    """Return the ids of an answer whose beginning stands in the prompt, with the end of the turn."""
    return [*ready.texts[text], ready.answers["."][-1]]


class _Memory(Generic[K, V]):
    """What is made of a text or a push once; the oldest are forgotten."""

    def __init__(self, make: Callable[[K], V]) -> None:
        self._make = make
        self._kept: OrderedDict[K, V] = OrderedDict()

    def __getitem__(self, text: K) -> V:
        if text not in self._kept:
            self._kept[text] = self._make(text)
            if len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)
        return self._kept[text]


Request = TypeVar("Request", SampleRequest, LogprobRequest)
Result = TypeVar("Result", Drawn, AnswerMass)


def _alike(
    placed: Sequence[tuple[int, Request]], settings: Callable[[Request], Hashable]
) -> list[list[tuple[int, Request]]]:
    """Group requests that one call can answer."""
    groups: dict[Hashable, list[tuple[int, Request]]] = {}
    for place, request in placed:
        groups.setdefault(settings(request), []).append((place, request))
    return list(groups.values())
