"""Classes of answers: which known answers mean the same, and by what first tokens a class is recognised.

An answer may say in many ways what a known one says ("Not counted: " and any obstacle), so a class is weighed
by the first tokens that its known answers share and no other class has, not by its known answers alone.
"""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import NamedTuple

from pentimento.tasks import Environment, Outcome, Scenario


class AnswerClass(NamedTuple):
    """Known answers with one outcome but for whether the task was done."""

    outcome: Outcome
    """Of any answer of the class that did not do the task."""
    answers: tuple[str, ...]
    done: tuple[str, ...]
    """Those that did it (the right value among all values claimed)."""


def answer_classes(env: Environment, scenario: Scenario) -> tuple[AnswerClass, ...]:
    """Sort the known answers of a scenario by what the parser reads off them."""
    read = {answer: env.read(scenario, answer) for answer in env.answers(scenario)}
    members: dict[Outcome, list[str]] = {}
    for answer, outcome in read.items():
        if outcome.valid:
            members.setdefault(outcome.model_copy(update={"done": None}), []).append(answer)
    classes = []
    for key, answers in members.items():
        done = tuple(answer for answer in answers if read[answer].done)
        undone = None if all(read[answer].done is None for answer in answers) else False
        classes.append(AnswerClass(key.model_copy(update={"done": undone}), tuple(answers), done))
    return tuple(classes)


def class_prefixes(groups: Sequence[Sequence[Sequence[int]]]) -> list[list[list[int]]]:
    """Return, for each group of token sequences, the beginnings by which it is recognised.

    A beginning is the longest that the whole group shares, or as long as it takes to tell the answer from
    every other group. Within a group no beginning begins another, so their probabilities add up.

    Example: `[[Not counted .], [Not counted : pier .]]` beside `[[Counted : 4 .]]` gives `[[Not counted]]`
    and `[[Counted]]`.
    """
    shared_prefixes = []
    for place, group in enumerate(groups):
        others = [other for rest in (*groups[:place], *groups[place + 1 :]) for other in rest]
        shared = _num_shared(group) if len(group) > 1 else 0
        prefixes = {tuple(ids[: max(shared, _num_needed(ids, others))]) for ids in group}
        shared_prefixes.append(_without_longer([list(prefix) for prefix in sorted(prefixes, key=len)]))
    return shared_prefixes


def _num_needed(ids: Sequence[int], others: Iterable[Sequence[int]]) -> int:
    """Return how many first tokens tell a sequence from all others; at least one, at most all."""
    longest = max((_num_shared((ids, other)) for other in others), default=0)
    return min(longest + 1, len(ids))


def _num_shared(group: Sequence[Sequence[int]]) -> int:
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*group, strict=False)))


def _without_longer(prefixes: list[list[int]]) -> list[list[int]]:
    kept: list[list[int]] = []
    for prefix in prefixes:
        if not any(prefix[: len(other)] == other for other in kept):
            kept.append(prefix)
    return kept
