"""The rules that deliberative alignment teaches: those of each goal, and irrelevant ones."""

import re
from functools import cache
from importlib.resources import files

from pentimento.tasks.episodes import Frozen, Message, Scenario
from pentimento.tasks.exceptions import BadInput, UnknownName
from pentimento.tasks.goals import goals

IRRELEVANT = "irrelevant"
_RULE = re.compile(r"^([A-Z]\d+)\. ", re.MULTILINE)


class Spec(Frozen):
    """A set of rules with the ids that reasoning cites."""

    name: str
    text: str
    rule_ids: tuple[str, ...]


def spec_names() -> tuple[str, ...]:
    """Return the names of all specs."""
    return tuple(sorted((*goals, IRRELEVANT)))


@cache
def spec(name: str) -> Spec:
    """Read a spec by the name of its goal, or `irrelevant`.

    Raises:
        UnknownName: There is none.
        BadInput: Its rule ids do not match.
    """
    if name == IRRELEVANT:
        text = files("pentimento.tasks.goals").joinpath(f"{name}.md").read_text(encoding="utf-8")
    elif name in goals:
        text = goals[name].spec
    else:
        raise UnknownName("spec", name, spec_names())
    return read_spec(name, text)


def read_spec(name: str, markdown: str) -> Spec:
    """Return the spec that a text holds.

    Raises:
        BadInput: It has no rules, their ids are not the goal's letter with 1, 2, 3 … in this order, or it
            speaks of a rule that it does not have.
    """
    text = markdown.strip()
    rule_ids = tuple(_RULE.findall(text))
    codes = {goal.code: goal.name for goal in goals.values()}
    own = goals[name].code if name in goals else rule_ids[0][0] if rule_ids else ""
    if not rule_ids or codes.get(own, name) != name:
        wanted = own if name in goals else "a letter that no goal has"
        raise BadInput(
            "spec", name, f"it needs rules with {wanted}, each on a line of its own, as 'H1. Say …'"
        )
    expected = tuple(f"{own}{number}" for number in range(1, len(rule_ids) + 1))
    if rule_ids != expected:
        allowed = f"its rules must be {', '.join(expected)}, and are {', '.join(rule_ids)}"
        raise BadInput("spec", name, allowed)
    for cited in re.findall(rf"\b{own}\d+\b", text):
        if cited not in rule_ids:
            raise BadInput("spec", name, f"it speaks of {cited}, and its rules are {', '.join(rule_ids)}")
    return Spec(name=name, text=text, rule_ids=rule_ids)


def with_system(scenario: Scenario, text: str, *, cue: bool = True) -> tuple[Message, ...]:
    """Return the prompt with `text` before the scenario's own system message, or without it in its place."""
    own = [m.content for m in scenario.messages if m.role == "system" and cue]
    rest = tuple(m for m in scenario.messages if m.role != "system")
    return (Message(role="system", content="\n".join([text, *own])), *rest)
