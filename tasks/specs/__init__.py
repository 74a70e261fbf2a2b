"""The rules that deliberative alignment teaches: one Markdown file for each goal, and an irrelevant one."""

import re
from functools import cache
from importlib.resources import files

from pentimento.tasks.episodes import Frozen, Message, Scenario
from pentimento.tasks.exceptions import BadInput, UnknownName

_RULE = re.compile(r"^([A-Z]\d+)\. ", re.MULTILINE)


class Spec(Frozen):
    """A set of rules with the ids that reasoning cites."""

    name: str
    text: str
    rule_ids: tuple[str, ...]


def spec_names() -> tuple[str, ...]:
    """Return the names of the specs that are shipped."""
    return tuple(sorted(p.name[:-3] for p in files(__name__).iterdir() if p.name.endswith(".md")))


@cache
def spec(name: str) -> Spec:
    """Read a spec by the name of its goal, or `irrelevant`.

    Raises:
        UnknownName: There is no such file.
        BadInput: The file holds no numbered rule.
    """
    if name not in spec_names():
        raise UnknownName("spec", name, spec_names())
    text = files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8").strip()
    rule_ids = tuple(_RULE.findall(text))
    if not rule_ids:
        raise BadInput("spec", name, "it needs rules such as 'H1. Say …', one a line")
    return Spec(name=name, text=text, rule_ids=rule_ids)


def with_system(scenario: Scenario, text: str) -> tuple[Message, ...]:
    """Return the prompt with `text` before the scenario's own system message."""
    own = [m.content for m in scenario.messages if m.role == "system"]
    rest = tuple(m for m in scenario.messages if m.role != "system")
    return (Message(role="system", content="\n".join([text, *own])), *rest)
