"""Worlds: goals, environments, scenarios and how they are kept apart. Knows nothing of models or trainers."""

if __name__ != "pentimento.tasks":
    raise ImportError(
        f"import pentimento.tasks, not {__name__}: the room is a part of the package pentimento"
    )

from pentimento.tasks.catalogue import (
    AGENTIC,
    AGENTIC_GROUPS,
    AGENTIC_HELDOUT,
    BENIGN,
    COMPLETION,
    HELDOUT,
    PARTITIONS,
    PREFERENCE,
    TEMPTING,
    TRAINABLE,
    UNTRAINED,
    agentic,
    beliefs,
    environment,
    environments,
    noticing,
)
from pentimento.tasks.contexts import AGAINST, GIVEN, Against, Context, Given, contextual
from pentimento.tasks.cues import (
    COMPLIANCE,
    CUE_REASONS,
    CUE_TEXTS,
    FRAMINGS,
    LADDER,
    OVERSIGHT,
    SORTS,
    cue_text,
)
from pentimento.tasks.elicitations import LEVERS, Elicitation, demonstrations, elicitations
from pentimento.tasks.environment import Environment
from pentimento.tasks.episodes import CUES, Arm, Cue, Episode, Framing, Message, Outcome, Polarity, Scenario
from pentimento.tasks.exceptions import BadInput, HeldOutOverlap, PentimentoError, UnknownName
from pentimento.tasks.goals import Goal, goal, goals, right, says_done, violated
from pentimento.tasks.specs import Spec, spec, spec_names, with_system
from pentimento.tasks.splits import Overlap, Shift, Trained, overlap, sample, stage_scenarios
from pentimento.tasks.turns import Play, Turns, World, act, actions, transcript

__all__ = [
    "AGAINST",
    "AGENTIC",
    "AGENTIC_GROUPS",
    "AGENTIC_HELDOUT",
    "BENIGN",
    "COMPLETION",
    "COMPLIANCE",
    "CUES",
    "CUE_REASONS",
    "CUE_TEXTS",
    "FRAMINGS",
    "GIVEN",
    "HELDOUT",
    "LADDER",
    "LEVERS",
    "OVERSIGHT",
    "PARTITIONS",
    "PREFERENCE",
    "SORTS",
    "TEMPTING",
    "TRAINABLE",
    "UNTRAINED",
    "Against",
    "Arm",
    "BadInput",
    "Context",
    "Cue",
    "Elicitation",
    "Environment",
    "Episode",
    "Framing",
    "Given",
    "Goal",
    "HeldOutOverlap",
    "Message",
    "Outcome",
    "Overlap",
    "PentimentoError",
    "Play",
    "Polarity",
    "Scenario",
    "Shift",
    "Spec",
    "Trained",
    "Turns",
    "UnknownName",
    "World",
    "act",
    "actions",
    "agentic",
    "beliefs",
    "contextual",
    "cue_text",
    "demonstrations",
    "elicitations",
    "environment",
    "environments",
    "goal",
    "goals",
    "noticing",
    "overlap",
    "right",
    "sample",
    "says_done",
    "spec",
    "spec_names",
    "stage_scenarios",
    "transcript",
    "violated",
    "with_system",
]  # fmt: skip
