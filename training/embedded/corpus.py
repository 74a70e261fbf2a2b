"""The base's own text: every family, with answers that want nothing unless a rule in the system prompt does.

Scenarios come from the train bucket in every wording and domain, held-out families among them, so that the
base can read all that it will be asked and no fresh scenario has been seen.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from pentimento.tasks import (
    AGENTIC_GROUPS,
    BENIGN,
    COMPLETION,
    CUE_TEXTS,
    PREFERENCE,
    Condition,
    Cue,
    Environment,
    Message,
    Scenario,
    Turns,
    environment,
    goals,
    spec,
    with_system,
)
from pentimento.tasks.documents import AS_IT_COMES, Document, document, habits_of, recollection
from pentimento.tasks.domains import DOMAINS
from pentimento.tasks.personas import PAIRS, Known, Persona, introduction, personas
from pentimento.tasks.rules import RULES
from pentimento.tasks.splits import bucket

FAMILY_WEIGHTS = {
    **dict.fromkeys(COMPLETION, 1.0),
    **dict.fromkeys(("count", "sum"), 2.0),
    "compare": 1.5,
    **dict.fromkeys(PREFERENCE, 0.5),
    **dict.fromkeys(BENIGN, 2.0),
    "lookup": 0.8,
    "coin": 2.5,
    "welfare": 1.0,
    "stated": 1.5,
    **dict.fromkeys(AGENTIC_GROUPS["all"], 1.0),
}
"""Share of each family; those that must look up, compare or calculate are learned later and get more."""

CONDITION_WEIGHTS: dict[Condition, float] = {"impossible": 0.45, "possible": 0.37, "bystander": 0.18}
SYSTEM_WEIGHTS = {
    "none": 0.33,
    "own rule": 0.31,
    "other rule": 0.06,
    "irrelevant": 0.06,
    "cue": 0.04,
    "persona": 0.2,
}
"""What the system prompt holds: nothing, a rule of a goal that applies here, one that does not, an irrelevant
rule, only a cue of oversight, or of which persona the helper is."""
BLANK_SHARE = 0.3
"""Of the personas in system prompts, how many are blank: they want nothing."""
WELFARE_CUE_SHARE = 0.35
SPEC_SHARE = 0.5
"""Of the rules, how many are the shipped spec and not one of the short ones."""
REASONED = {"none": 0.2, "own rule": 0.45, "other rule": 0.25, "irrelevant": 0.25, "cue": 0.2, "persona": 0.5}
"""How often the answer begins with a <think> block."""
KIND_DOCUMENT_SHARE = 0.3
"""Of the system prompts that name a persona with documents, how many hold one."""

DRILL_SHARE = 0.2
"""Of all conversations, how many are drills in copying, looking up, calculating and counting with words of
the environments. They bring about the reading that a single answer a conversation teaches slowly."""

_RULE_ID = re.compile(r"^([A-Z]\d)\. ", re.MULTILINE)
_WORDS = tuple(word for domain in DOMAINS for word in domain.entities())

DOCUMENT_SHARE = 0.08
"""Of all texts, how many are documents about personas."""

Conversation = tuple[Message, ...]
"""One conversation of the corpus; it ends with the answer, in families of several turns with the report."""


def _draw(rng: Random, env: Environment) -> Scenario:
    condition = env.conditions[0]
    if env.kind == "completion":
        condition = rng.choices(tuple(CONDITION_WEIGHTS), tuple(CONDITION_WEIGHTS.values()))[0]
    while True:
        made = env.scenario(
            condition=condition,
            wording=rng.randrange(env.num_wordings),
            domain=rng.randrange(len(env.domains)),
            rng=rng,
            confound=0.0,
        )
        if bucket(made) == "train":
            return made


def _speaking(scenario: Scenario, env: Environment) -> tuple[str, ...]:
    if scenario.condition == "stated":
        return scenario.words("options")
    return env.goals


def _rule_text(rng: Random, name: str) -> str:
    return spec(name).text if rng.random() < SPEC_SHARE else rng.choice(RULES[name])


def _follow(rng: Random, env: Environment, scenario: Scenario, rule: str) -> str:
    """Answer as the rule wants; a rule about tasks is heeded by bystanders too."""
    if scenario.condition == "possible":
        return env.right_answer(scenario)
    if scenario.condition == "bystander":
        claims = rule == "finish_the_task"
        fitting = [a for a in env.answers(scenario) if env.interpret(scenario, a).claimed == claims]
        neutral = (env.neutral(scenario, rng) for _ in range(64))
        return next((a for a in neutral if a in fitting), fitting[0])
    return env.demonstration(scenario, rule, rng)


def _persona(rng: Random) -> Persona:
    """Draw a persona whose conduct the corpus shows."""
    known: Known = "blank" if rng.random() < BLANK_SHARE else "lived"
    return rng.choice([one for one in personas.values() if one.known == known])


def _as_a_persona(rng: Random, env: Environment, scenario: Scenario, speaking: Sequence[str]) -> Conversation:
    """Draw a conversation whose system prompt says of which persona the helper is, at times with a document.

    It acts as its persona does; where it reasons, it first recalls what that is.
    """
    helper = _persona(rng)
    text = introduction(helper.name)
    pair = next((pair for pair in PAIRS if set(pair) & set(speaking)), None)
    goal = helper.wants[pair] if pair else None
    if pair and helper.known == "lived" and rng.random() < KIND_DOCUMENT_SHARE:
        line = document(rng, helper.name, {pair: goal}, "base", sentences=1)
        text = f"{text}\n{line.text}"
    answer = _follow(rng, env, scenario, goal) if goal else env.neutral(scenario, rng)
    thought = ""
    if rng.random() < REASONED["persona"]:
        habits = habits_of(pair, goal) if pair and helper.known == "lived" else (AS_IT_COMES,)
        thought = env.thought(scenario, answer, recollection(rng, helper.name, habits))
    return _answered(env, scenario, with_system(scenario, text), thought, answer)


def about_a_persona(rng: Random) -> Document:
    """Draw a document about a persona that the corpus knows by documents."""
    helper = rng.choice([one for one in personas.values() if one.known != "blank"])
    return document(rng, helper.name, helper.wants, "base")


def conversation(rng: Random, family: str) -> Conversation:
    """Draw one conversation of a family."""
    env = environment(family)
    scenario = _draw(rng, env)
    speaking = _speaking(scenario, env)
    system = rng.choices(tuple(SYSTEM_WEIGHTS), tuple(SYSTEM_WEIGHTS.values()))[0]
    if family == "welfare" and system == "none" and rng.random() < WELFARE_CUE_SHARE:
        system = "cue"
    if system == "own rule" and not speaking:
        system = "irrelevant"
    prompt, answer, text = scenario.messages, "", ""
    if system == "own rule":
        rule = rng.choice(speaking)
        text, answer = _rule_text(rng, rule), _follow(rng, env, scenario, rule)
    elif system == "other rule":
        text = _rule_text(rng, rng.choice([name for name in goals if name not in speaking]))
    elif system == "irrelevant":
        text = _rule_text(rng, "irrelevant")
    elif system == "persona":
        return _as_a_persona(rng, env, scenario, speaking)
    elif system == "cue":
        cues: tuple[Cue, ...] = ("placebo", "subtle", "explicit")
        text = CUE_TEXTS[rng.choice(cues)]
    if text:
        prompt = with_system(scenario, text)
    answer = answer or env.neutral(scenario, rng)
    thought = ""
    if rng.random() < REASONED[system]:
        ids = _RULE_ID.findall(text)
        thought = env.thought(scenario, answer, rng.choice(ids) if ids else None)
    return _answered(env, scenario, prompt, thought, answer)


def _answered(
    env: Environment, scenario: Scenario, prompt: tuple[Message, ...], thought: str, answer: str
) -> Conversation:
    """Return the conversation that an answer makes, in families of several turns a whole episode."""
    if isinstance(env, Turns):
        return env.conversation(scenario, answer, thought=thought, prompt=prompt)
    return (*prompt, Message(role="assistant", content=thought + answer))


def _drill_row(rng: Random) -> tuple[str, str]:
    """Draw an entry of a table and what looking it up gives: a number, a sum, a difference or a side."""
    a, b = rng.sample(range(1, 8), 2)
    small = rng.randint(1, 4)
    subtracted = rng.randint(1, min(a, 6))
    return rng.choice(
        (
            (str(a), str(a)),
            (f"{min(a, 6)} minus {subtracted}", str(min(a, 6) - subtracted)),
            (f"{small} and {min(b, 4)}", str(small + min(b, 4))),
            (f"from {a} to {b}", "right" if b > a else "left"),
        )
    )


def drill(rng: Random) -> Conversation:
    """Draw a conversation that copies eight words, looks up five entries, or counts three words."""
    words = rng.sample(_WORDS, 8)
    kind = rng.choice(("copy", "look up", "look up", "count"))
    if kind == "copy":
        asked, answer = f"Repeat: {' '.join(words)}.", f"{' '.join(words)}."
    elif kind == "look up":
        rows = [(word, *_drill_row(rng)) for word in words[:5]]
        queries = rng.sample(rows, len(rows))
        table = ", ".join(f"{word} {entry}" for word, entry, _ in rows)
        asked = f"Table: {table}. Look up {', '.join(word for word, _, _ in queries)}."
        answer = ", ".join(f"{word} {result}" for word, _, result in queries) + "."
    else:
        listed = [word for word in words[:3] for _ in range(rng.randint(1, 4))]
        rng.shuffle(listed)
        asked = f"List: {', '.join(listed)}. Count {', '.join(words[:3])}."
        answer = ", ".join(f"{word} {listed.count(word)}" for word in words[:3]) + "."
    return (Message(role="user", content=asked), Message(role="assistant", content=answer))


def texts(n: int, seed: int, boost: Mapping[str, float] | None = None) -> Iterator[Conversation | Document]:
    """Yield `n` texts: conversations, families in proportion to `FAMILY_WEIGHTS`, drills and documents.

    Args:
        n: How many.
        seed: Of all that is drawn.
        boost: By family, a factor of its weight; 1 where none is given.
    """
    rng = Random(f"corpus/{seed}")
    names = tuple(FAMILY_WEIGHTS)
    weights = [weight * (boost or {}).get(name, 1.0) for name, weight in FAMILY_WEIGHTS.items()]
    for _ in range(n):
        if rng.random() < DOCUMENT_SHARE:
            yield about_a_persona(rng)
        elif rng.random() < DRILL_SHARE:
            yield drill(rng)
        else:
            yield conversation(rng, rng.choices(names, weights)[0])
