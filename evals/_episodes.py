"""The solver: it plays a scenario once, and where the provider can, weighs every class of answers exactly."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageUser,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    ModelOutput,
    get_model,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver

from pentimento.evals._classes import AnswerClass, answer_classes
from pentimento.evals.datasets import scenario_of
from pentimento.evals.records import (
    Branch,
    Known,
    Reasoning,
    Record,
    exact_branches,
    write_record,
)
from pentimento.tasks import Outcome, Scenario, environment
from pentimento.training.exceptions import TooLong

NEGLIGIBLE = 0.001
"""Below this probability of reasoning first, reasoned answers are left out of the score."""
OFTEN = 0.25
"""From this probability of reasoning first, a reasoned answer is drawn for every sample."""
MOST_OUTSIDE = 0.05
"""Where more than this share of unreasoned answers is in no class, the sampled answer is the score."""

ASKED: Mapping[Reasoning, str] = MappingProxyType(
    {
        "forced": "First think between <think> and </think>, then answer.",
        "suppressed": "Answer at once, without thinking first.",
    }
)
"""What the prompt says where reasoning cannot be steered otherwise."""
PROBLEMS = {"max_tokens": "truncated", "model_length": "truncated", "content_filter": "refused"}
"""Why an answer is not valid, by the reason for which it stopped."""


class AnswerMass(NamedTuple):
    """Probabilities of a model's first words."""

    p_reasons: float
    """That the answer begins with reasoning: <think>, and not an empty block of it."""
    classes: tuple[float, ...]
    """That it is of each class, recognised by its first tokens."""
    begun: tuple[float, ...]
    """That it begins with just this text, whatever comes after: some styles add to every answer."""


@runtime_checkable
class WeighsAnswers(Protocol):
    """A model provider that knows how probable an answer is, and can hold reasoning back or force it.

    Its `generate` understands three fields of `extra_body`: `reasoning` ("forced" or "suppressed"), `repeat`,
    on which answers to one prompt depend alone, and `push`, which is added to its activations. Its outputs'
    metadata say whether answers can be weighed (`weighable`: top-p and top-k cut nothing off) and at which
    `temperature`.
    """

    async def answer_probabilities(
        self,
        messages: Sequence[ChatMessage],
        classes: Sequence[Sequence[str]],
        begun: Sequence[str],
        temperature: float,
        extra: Mapping[str, Any] = MappingProxyType({}),
    ) -> AnswerMass:
        """Return how probable classes of answers and answers that begin so are at a temperature above 0.

        Of `extra`, which is as in `extra_body`, only `push` counts.
        """
        ...


@solver
def play(estimator: Literal["auto", "sampled"] = "auto", reasoning: Reasoning = "free") -> Solver:
    """Play every scenario once and write a `Record` into its store.

    Args:
        estimator: auto weighs classes of answers where the provider can; sampled never does.
        reasoning: free as the model likes, forced or suppressed.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return await give_answer(state, generate, estimator, reasoning)

    return solve


async def give_answer(
    state: TaskState,
    generate: Generate,
    estimator: str,
    reasoning: Reasoning = "free",
    temperature: float | None = None,
) -> TaskState:
    """Have the model give the scored answer, weigh the classes where that is wanted, write a `Record`.

    A conversation that ends with the assistant is gone on with: what stands there begins the answer.
    """
    state, record = await answered(state, generate, estimator, reasoning, temperature)
    write_record(state.store, record)
    return state


async def answered(
    state: TaskState,
    generate: Generate,
    estimator: str,
    reasoning: Reasoning = "free",
    temperature: float | None = None,
) -> tuple[TaskState, Record]:
    """Have the model answer what its scenario asks, and return the record of it."""
    api = get_model().api
    prompt = list(state.messages)
    hot: dict[str, Any] = {} if temperature is None else {"temperature": temperature}
    state = await generate(state, **steered(state, reasoning), **hot)
    record = sampled_record(scenario_of(state.metadata), state.output, reasoning, opening(prompt))
    fields = state.output.metadata or {}
    exact = estimator == "auto" and reasoning != "forced" and fields.get("weighable", False)
    if isinstance(api, WeighsAnswers) and exact:
        with suppress(TooLong):  # there is no room to weigh: the sampled answer is the score
            record = await weigh(api, prompt, record, state, fields["temperature"])
    return state, record


async def go_on(
    state: TaskState, generate: Generate, questions: Iterable[str], reasoning: Reasoning
) -> TaskState:
    """Have the last question answered before each further one; the last of these is left to be answered."""
    for question in questions:
        state = await generate(state, **steered(state, reasoning))
        state.messages.append(ChatMessageUser(content=question))
    return state


def opening(prompt: Sequence[ChatMessage]) -> str:
    """Return with what the answer begins before the model says anything."""
    return prompt[-1].text if prompt and isinstance(prompt[-1], ChatMessageAssistant) else ""


def sampled_record(scenario: Scenario, output: ModelOutput, reasoning: Reasoning, begun: str = "") -> Record:
    """Return the record of one sampled answer, of which the beginning may have been given."""
    text = begun + raw_text(output.message) if output.choices else ""
    outcome = read_output(scenario, text, output)
    return Record(
        completion=text,
        outcome=outcome,
        estimator="sampled",
        reasoning=reasoning,
        branches=(Branch(p=1.0, outcome=outcome),),
    )


async def weigh(
    api: WeighsAnswers, prompt: list[ChatMessage], record: Record, state: TaskState, temperature: float
) -> Record:
    """Replace the one sampled branch by every class of answers with its probability.

    score = p(reasons) × sampled + (1 - p(reasons)) × exact. Where the model reasons often, one reasoned
    answer stands for the first term: the sampled one if it reasoned, else one more that is made to begin with
    <think>. Where it seldom does (p below `OFTEN`), no further answer is drawn: an answer that reasoned
    counts as it was sampled, every other as exact, which has the same expectation. Where reasoning is held
    back from a model that all but always reasons, what is left is too little to weigh: the sample counts.
    Where one sampled answer is the score, the record says so: its estimator stays "sampled".
    """
    scenario = scenario_of(state.metadata)
    env = environment(scenario.family)
    classes = answer_classes(env, scenario)
    begun = [answer for group in classes for answer in group.done]
    extra = steering("free", 1, state.metadata.get("push"))
    answers = [group.answers for group in classes]
    mass = await api.answer_probabilities(prompt, answers, begun, temperature, extra)
    inside = sum(mass.classes)
    unreasoned = 1.0 - mass.p_reasons
    outside = max(0.0, unreasoned - inside)
    copy = record.model_copy(update={"p_reasons": mass.p_reasons, "mass_outside": outside})
    if record.reasoning == "suppressed" and unreasoned <= NEGLIGIBLE:
        return copy
    if outside > MOST_OUTSIDE * unreasoned and unreasoned > NEGLIGIBLE:
        return copy
    known = known_outcomes(classes, mass)
    if record.reasoning == "suppressed" or mass.p_reasons <= NEGLIGIBLE:
        return copy.model_copy(update={"estimator": "exact", "branches": exact_branches(known, 0.0, None)})
    begins = opening(prompt)
    reasons = record.outcome.reasoned and not begins  # what was put into its mouth is not its own
    if mass.p_reasons < OFTEN:
        if reasons:
            return copy
        branches = exact_branches(known, 0.0, None)
    else:
        reasoned = record.outcome
        if not reasons:
            extra = steering("forced", state.epoch, state.metadata.get("push"))
            config = GenerateConfig(temperature=temperature, extra_body=extra)
            output = await get_model().generate(prompt, config=config)
            reasoned = read_output(scenario, begins + raw_text(output.message), output)
        branches = exact_branches(known, mass.p_reasons, reasoned)
    return copy.model_copy(update={"estimator": "stratified", "branches": branches})


def known_outcomes(classes: Sequence[AnswerClass], mass: AnswerMass) -> list[Known]:
    """Return every outcome with its probability; answers that did the task stand apart from their class."""
    exact = iter(mass.begun)
    known = []
    for group, p_class in zip(classes, mass.classes, strict=True):
        p_done = sum(next(exact) for _ in group.done)
        known.append(Known(max(0.0, p_class - p_done), group.outcome))
        if group.done:
            known.append(Known(p_done, group.outcome.model_copy(update={"done": True})))
    return known


def steered(state: TaskState, reasoning: Reasoning) -> dict[str, Any]:
    """Return what `generate` is told so that a model reasons so; of other providers it is asked in words."""
    if isinstance(get_model().api, WeighsAnswers):
        return {"extra_body": steering(reasoning, state.epoch, state.metadata.get("push"))}
    if reasoning != "free":
        state.messages[-1].content = f"{state.messages[-1].text} {ASKED[reasoning]}"
    return {}


def steering(reasoning: Reasoning, epoch: int, push: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what our provider is told beside the prompt."""
    extra: dict[str, Any] = {} if reasoning == "free" else {"reasoning": reasoning}
    return extra | {"repeat": epoch} | ({"push": dict(push)} if push else {})


def read_output(scenario: Scenario, text: str, output: ModelOutput) -> Outcome:
    """Read the outcome; an answer that was cut off or filtered is invalid whatever it says."""
    outcome = environment(scenario.family).read(scenario, text)
    problem = PROBLEMS.get(output.stop_reason) if output.choices else "empty"
    if problem is None:
        return outcome
    return Outcome(valid=False, reasoned=outcome.reasoned, problem=problem)


def raw_text(message: ChatMessageAssistant) -> str:
    """Return an answer as the model wrote it; reasoning that a provider took out is put back in its tags."""
    if isinstance(message.content, str):
        return message.content
    # Reasoning gives its text with the tags around it.
    parts = [part.text for part in message.content if isinstance(part, ContentReasoning | ContentText)]
    return "".join(parts)
