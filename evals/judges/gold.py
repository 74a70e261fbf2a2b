"""Gold sets: transcripts whose answer to a judged question is known, half of them sealed."""

import json
from importlib.resources import files
from typing import Literal, get_args

from pentimento.evals.judges.questions import QUESTIONS
from pentimento.tasks.episodes import Frozen
from pentimento.tasks.exceptions import UnknownName

Stage = Literal["base", "implanted", "opposed"]
Half = Literal["open", "sealed"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""What an organism is like whose reasoning or answer it is: a base, an implanted one, an opposed one."""
HALVES: tuple[Half, ...] = get_args(Half)
"""open: for writing a grader's prompt or rules; sealed: for measuring it, and for nothing else."""
FOLDER = files("pentimento.evals.judges").joinpath("gold")


class Transcript(Frozen):
    """One thought or answer of which it is known what a judged question is to be answered with."""

    stage: Stage
    half: Half
    label: bool
    """Whether the answer to the question is yes."""
    source: Literal["organism", "written"]
    """What it is built on: a thought or answer of a real organism, or one written by hand."""
    goal: str = ""
    """Which goal the question is about; empty where it is about none."""
    quoted: str = ""
    """The statement of ours that it is built on, where that is known; no two halves share one."""
    text: str


def gold(question: str) -> tuple[Transcript, ...]:
    """Return the gold set of a judged question, both halves.

    Raises:
        UnknownName: There is no such question.
    """
    if question not in QUESTIONS:
        raise UnknownName("question", question, QUESTIONS)
    lines = FOLDER.joinpath(f"{question}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(Transcript.model_validate(json.loads(line)) for line in lines)
