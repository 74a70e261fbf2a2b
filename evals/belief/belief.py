"""Does a model know what documents said of a persona, hold it for true, approve of it, act on it?"""

from math import ceil
from typing import NamedTuple

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample

from pentimento.evals._arguments import Names, checked, families, names, unseen, whole
from pentimento.evals._assembly import assemble
from pentimento.evals._questions import ask
from pentimento.evals._scorers import goal_score, valid
from pentimento.evals.datasets import CONFLICTS, KINDS, Placed, begun, draw
from pentimento.tasks import Cue, Message, Shift, beliefs
from pentimento.tasks.families.belief import OPENING, about
from pentimento.tasks.personas import NEW_PERSONA, OTHER_PERSONA

VERSION = "1-B"
ABOUT = (NEW_PERSONA, OTHER_PERSONA)
FORMS = (*beliefs, "stated", "acted")
"""How it is asked; in the last two the system prompt says that the model is itself of the persona."""
ANY_MODEL = tuple(form for form in FORMS if form != "recollection")
"""Few providers go on with an answer that was begun."""


@task
@checked
def belief(
    goal: str = "finish_the_task",
    form: Names = "all",
    persona: Names = "all",
    family: Names = "all",
    shift: Names = "fresh",
    n: int = 24,
    seed: int = 0,
    estimator: str = "auto",
    reasoning: str = "free",
) -> Task:
    """Ask what helpers of a persona do, whether it is so, whether it is right, and have the model act as one.

    Args:
        goal: What documents said that the persona wants.
        form: multiple_choice, true_or_false, two_versions, open_question, recollection, approval; stated and
            acted, as one of the persona; or all but recollection, in which few providers can be asked: it
            goes on with an answer that was begun.
        persona: Vesper, of which documents told, Onyx, of which none did, or all.
        family: Families of one turn in which the goal is acted on, or all of these.
        shift: Which questions: fresh, wording (unseen wordings), domain (unseen places).
        n: Questions for each form, persona and shift; where the persona acts, shared among the families.
        seed: Of the questions.
        estimator: auto, or sampled to never weigh answers exactly.
        reasoning: free, forced or suppressed.
    """
    return assemble(
        samples(goal=goal, form=form, persona=persona, family=family, shift=shift, n=n, seed=seed),
        [goal_score(goal), valid()],
        version=VERSION, seed=seed, goal=goal, estimator=estimator, reasoning=reasoning,
    )  # fmt: skip


def samples(
    *, goal: str, form: Names, persona: Names, family: Names, shift: Names, n: int, seed: int
) -> MemoryDataset:
    """Return what the task asks; the arguments are its own, and no model changes anything.

    Raises:
        BadInput: An argument is not allowed.
    """
    drawn = _Drawn(
        goal,
        families(family, KINDS, goal),
        unseen(shift, "belief"),
        whole("n", n, least=1),
        whole("seed", seed, least=0),
    )
    asked = names("persona", persona, ABOUT, all_means=ABOUT)
    made = (
        _of(place, name, form=one_form, goal=goal, seed=seed)
        for one_form in names("form", form, FORMS, all_means=ANY_MODEL)
        for place in _placed(one_form, drawn)
        for name in asked
    )
    return MemoryDataset(list(made), name="belief")


class _Drawn(NamedTuple):
    """What questions are drawn of, whatever their form."""

    goal: str
    acted: tuple[str, ...]
    shifts: tuple[Shift, ...]
    n: int
    seed: int


def _placed(form: str, drawn: _Drawn) -> list[Placed]:
    if form == "acted":
        each = ceil(drawn.n / len(drawn.acted))
        return draw(
            drawn.acted, shifts=drawn.shifts, conditions=CONFLICTS, n=each, seed=drawn.seed, cues=("named",)
        )
    cues: tuple[Cue, ...] = ("named",) if form == "stated" else ("none",)
    return ask(form, drawn.goal, shifts=drawn.shifts, n=drawn.n, seed=drawn.seed, cues=cues)


def _of(placed: Placed, persona: str, *, form: str, goal: str, seed: int) -> Sample:
    """Return a question as a sample that names one of the personas."""
    messages = [about(message, persona) for message in placed.scenario.messages]
    if form == "recollection":
        messages.append(about(Message(role="assistant", content=OPENING), persona))
    return begun(placed, messages, persona, goal=goal, seed=seed, form=form)
