"""A suite of evaluations over the organisms of a run, or over one organism beside its base."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pentimento.evals.planning import asking
from pentimento.evals.planning.heldout import cells_of, leaks_of, refuse
from pentimento.evals.planning.suites import Examined, Line, Size, lines
from pentimento.experiment.folders import RUN, RunFolder, read_record, relative
from pentimento.experiment.parts import Part
from pentimento.results.comparison.designs import DESIGN
from pentimento.tasks import goal as find_goal
from pentimento.tasks.exceptions import BadInput
from pentimento.training.bases.identity import base_sha256
from pentimento.training.organisms.organism import MANIFEST, BaseRef, Manifest, read_manifest
from pentimento.training.organisms.shipped import PARTS, organism_folder
from pentimento.training.recipes.recipe import CONTROL_STAGES, Recipe
from pentimento.training.recipes.stages import Stage
from pentimento.training.running.executors import Job
from pentimento.training.running.plan import plan_base

BASE = "embedded"
_SAME = ("method", "families", "cue", "trigger", "reward", "confound")
"""What opposing stages share where one's organism may stand beside the other's; a report compares doses."""


class Suite(NamedTuple):
    """What is asked of which organisms."""

    organism: str
    """An organism's folder, a shipped one's name, `embedded`, or the folder of a run."""
    size: Size = "full"
    goal: str | None = None
    """None: what the organism, or the run, was to have."""
    twin: str | None = None
    """An organism that went through the same opposing training without the implant."""
    width: float | None = None
    """Of a 95 % interval over scenarios; None: that of the size."""


class Questions(NamedTuple):
    """What a suite asks of which organisms, as far as it is known before it has a folder."""

    suite: Suite
    store: Path
    """Where the base, and shipped organisms, are kept with what they answered."""
    examined: Examined
    lines: tuple[Line, ...]
    subjects: "_Subjects"


class _Subjects(NamedTuple):
    examined: Examined
    """Without its evaluations."""
    organisms: list[dict[str, Any]]
    """As `run.json` lists them, but with absolute paths."""
    doses: list[tuple[dict[str, Any], asking.Asked]]
    """Of stages after a run's organisms, as the run asked them."""
    jobs: tuple[Job, ...]
    """What makes the base, where it is missing."""
    stages: dict[int, dict[str, Stage]]
    """What they were trained by, for each seed: implant and oppose."""
    sampling: dict[str, Any]
    """What of sampling is not the default: of the run's recipe, or of the organism's training."""


def questions_of(suite: Suite, store: Path) -> Questions:
    """Return what a suite asks of the organisms that it names.

    Raises:
        BadInput: The organism, the goal or the width is not what it has to be.
    """
    if (Path(suite.organism) / DESIGN).is_file():
        raise BadInput("organism", suite.organism, "one of the runs in this design's folder")
    questions = _of_run(suite) if (Path(suite.organism) / RUN).is_file() else _of_organism(suite, store)
    trigger = questions.examined.implant.get("trigger")
    asked = tuple(
        lines(
            questions.examined.goal,
            suite.size,
            width=suite.width,
            cue=str(questions.examined.implant.get("cue") or "none"),
            trigger=None if trigger is None else str(trigger),
            far=questions.examined.base != BASE,
        )
    )
    examined = questions.examined.model_copy(update={"evals": tuple(line.plan for line in asked)})
    return Questions(suite, store, examined, asked, questions)


def part_of(questions: Questions, output: Path, *, allow_leaks: bool) -> Part:
    """Return a suite with its folder.

    Raises:
        BadInput: The folder holds another run.
        HeldOutOverlap: It asks what an organism was trained on.
    """
    examined, asked_of = questions.examined, questions.subjects
    folder = RunFolder(output, examined)
    organisms = tuple({**one, "path": relative(one["path"], output)} for one in asked_of.organisms)
    folder.check(organisms)
    subjects = [
        asking.Subject(one["role"], one["seed"], one["key"], Path(one["path"])) for one in asked_of.organisms
    ]
    leaks = [
        leak
        for seed, stages in asked_of.stages.items()
        for plan in examined.evals
        for leak in leaks_of(plan.task, cells_of(plan.task, {"seed": seed, **plan.args}), stages, seed)
    ]
    refuse(leaks if not allow_leaks else (), "suite")
    evaluations = [
        asking.Asked(subject, plan.task, {"seed": subject.seed, **plan.args}, asked_of.sampling)
        for subject in subjects
        for plan in examined.evals
    ]
    return Part(
        folder=folder,
        base=examined.base,
        store=questions.store,
        evaluations=(*evaluations, *(evaluation for _, evaluation in asked_of.doses)),
        organisms=organisms,
        jobs=asked_of.jobs,
        regained=tuple({**dose, "path": relative(dose["path"], output)} for dose, _ in asked_of.doses),
        leaks=tuple(leak._asdict() for leak in leaks),
    )


def _of_run(suite: Suite) -> _Subjects:
    """Return a run's organisms, with the doses of the stages that it trained after them."""
    folder = Path(suite.organism)
    if suite.twin is not None:
        raise BadInput("twin", suite.twin, "only beside one organism; a run has its own")
    held = read_record(folder / RUN) or {}
    if "num_implanted" not in held.get("recipe", {}):
        raise BadInput("organism", str(folder), "no run of a recipe; a suite asked there already")
    recipe = Recipe(**held["recipe"])
    if recipe.turns == "several" and suite.size == "quick":
        raise BadInput("suite", "quick", "full for a goal in families of several turns")
    if suite.goal not in (None, recipe.goal):
        raise BadInput("goal", suite.goal, f"that of the run, {recipe.goal}")

    def absolute(entry: dict[str, Any]) -> dict[str, Any]:
        path = (folder / entry["path"]).resolve()
        if not (path / MANIFEST).is_file():
            which = f"{entry['role']} (seed {entry['seed']})"
            raise BadInput("organism", str(folder), f"its {which} is not at {path}")
        return {**entry, "path": path}

    examined = Examined(
        name=f"{recipe.name}-{suite.size}",
        base=recipe.base,
        goal=recipe.goal,
        implant=recipe.implant.model_dump(mode="json"),
        oppose=recipe.oppose.model_dump(mode="json"),
        post_stage=None if recipe.post_stage is None else recipe.post_stage.model_dump(mode="json"),
        seeds=recipe.seeds,
        controls=recipe.controls,
    )
    doses = [_dose(absolute(entry), recipe) for entry in held.get("regained", ())]
    organisms = [absolute(entry) for entry in held.get("organisms", ())]
    stages = {seed: recipe.stages(seed) for seed in recipe.seeds}
    return _Subjects(examined, organisms, doses, (), stages, asking.unusual(recipe.sampling))


def _dose(entry: dict[str, Any], recipe: Recipe) -> tuple[dict[str, Any], asking.Asked]:
    """Return a dose with what the run asked it."""
    after = next(after for after in recipe.after if after.kind == entry["kind"])
    return entry, asking.asked_dose(entry, entry["path"], recipe.after_eval(after, entry["seed"]), recipe)


def _of_organism(suite: Suite, store: Path) -> _Subjects:
    """Return an organism, its base, and the opposed-only twin where one is given."""
    mine = None if suite.organism == BASE else _manifest("organism", suite.organism)
    twin = None if suite.twin is None else _manifest("twin", suite.twin)
    first = mine.stages[0] if mine is not None and mine.stages else None
    goal = suite.goal or (first.goal if first else None) or "finish_the_task"
    opposing = _opposing(mine, goal) if mine is not None else None
    if twin is not None:
        _check_twin(str(suite.twin), twin, mine, opposing, goal)
    made = mine or twin
    ref = made.base if made is not None else BaseRef(name=BASE, sha256=base_sha256(BASE))
    if base_sha256(ref.name, ref.revision) != ref.sha256:
        raise BadInput("organism", suite.organism, f"one on the base {ref.name} as it now is")
    dtype = str(made.settings.get("dtype", "auto")) if made is not None else "auto"
    plan = plan_base(ref.name, store, dtype=dtype)
    (base,) = plan.organisms
    organisms = [_entry("base", base.key, store / base.key)]
    implanted = first.families if first is not None and first.goal == goal else ()
    opposed = opposing.families if opposing is not None else ()
    if mine is not None and mine.stages:
        place = _place(suite.organism, mine, store)
        role = _role(mine, goal, opposing)
        organisms.append(_entry(role, mine.key, place, implanted, opposed if role == "opposed" else ()))
    if twin is not None:
        place = _place(str(suite.twin), twin, store)
        organisms.append(_entry("opposed_only", twin.key, place, (), twin.stages[0].families))
    implant = first if implanted else None
    named = {
        "implant": implant,
        "oppose": opposing or (twin.stages[0] if twin else None),
        "post_stage": _post_stage(mine, opposing),
    }
    stages = {name: stage for name, stage in named.items() if stage is not None}
    fields = {name: stage.model_dump(mode="json") for name, stage in stages.items()}
    name = f"{Path(suite.organism).name}-{suite.size}"
    examined = Examined(name=name, base=ref.name, goal=goal, **fields)
    sampling = asking.unusual(made.settings if made is not None else {})
    return _Subjects(examined, organisms, [], plan.jobs, {0: stages}, sampling)


def _opposing(manifest: Manifest, goal: str) -> Stage | None:
    """Return the first stage toward the goal's opposite; what came after it is no opposition."""
    opposite = find_goal(goal).opposite
    return next((stage for stage in manifest.stages if stage.goal == opposite), None)


def _post_stage(manifest: Manifest | None, opposing: Stage | None) -> Stage | None:
    """Return the last stage that came after the opposing one, if any did."""
    if manifest is None or opposing is None or manifest.stages[-1] == opposing:
        return None
    return manifest.stages[-1]


def _role(manifest: Manifest, goal: str, opposing: Stage | None) -> str:
    """Say what an organism is by its stages: implanted, opposed with it or without, or a control.

    Raises:
        BadInput: They were about something else than the goal, or against it and more.
    """
    first, last = manifest.stages[0], manifest.stages[-1]
    if first.goal == goal:
        if opposing is not None:
            return "opposed"
        return last.method if last.method in CONTROL_STAGES else "implanted"
    if manifest.stages == (opposing,):
        return "opposed_only"
    toward = first.goal or "none"
    raise BadInput("goal", goal, f"{toward}, as that is what the organism's first stage trained toward")


def _check_twin(name: str, twin: Manifest, mine: Manifest | None, opposing: Stage | None, goal: str) -> None:
    """Refuse what did not go through the organism's opposing training alone, on the same base."""
    opposite = find_goal(goal).opposite
    wanted = f"an organism of one stage, toward {opposite}"
    alone = len(twin.stages) == 1 and twin.stages[0].goal == opposite
    if mine is None or not alone:
        raise BadInput("twin", name, wanted if mine is not None else "nothing beside the base itself")
    if twin.base != mine.base or twin.settings.get("dtype") != mine.settings.get("dtype"):
        raise BadInput("twin", name, f"{wanted}, on {mine.base.name} as the other is")
    ours, theirs = (asking.unusual(one.settings) for one in (mine, twin))
    if ours != theirs:
        raise BadInput("twin", name, f"{wanted}, that samples as the organism does: {ours}, not {theirs}")
    if opposing is None:
        raise BadInput("twin", name, f"nothing: no stage of the organism's is toward {opposite}")
    for field in _SAME:
        mine_has, twin_has = (getattr(stage, field) for stage in (opposing, twin.stages[0]))
        if set(mine_has) != set(twin_has) if field == "families" else mine_has != twin_has:
            text = f"opposed as the organism was: its {field} {mine_has!r}, not {twin_has!r}"
            raise BadInput("twin", name, f"{wanted}, {text}")


def _manifest(field: str, name: str) -> Manifest:
    folder = organism_folder(name)
    if not (folder / MANIFEST).is_file():
        allowed = f"an organism's folder, {', '.join(PARTS)}, {BASE}, or the folder of a run"
        raise BadInput(field, name, allowed)
    return read_manifest(folder)


def _place(name: str, manifest: Manifest, store: Path) -> Path:
    """Return where an organism lies, or will: shipped ones go to the store, as logs lie with organisms."""
    return store / manifest.key if _is_shipped(name) else Path(name)


def _is_shipped(name: str) -> bool:
    return organism_folder(name) != Path(name)


def fetch(questions: Questions) -> None:
    """Put shipped organisms where `_place` says that they lie."""
    suite, store = questions.suite, questions.store
    for name in filter(None, (suite.organism, suite.twin)):
        if _is_shipped(name):
            place = _place(name, _manifest("organism", name), store)
            if not (place / MANIFEST).is_file():
                # The manifest comes last, as wherever an organism is written.
                late = shutil.ignore_patterns(MANIFEST)
                shutil.copytree(organism_folder(name), place, dirs_exist_ok=True, ignore=late)
                shutil.copy2(organism_folder(name) / MANIFEST, place / MANIFEST)


def _entry(
    role: str, key: str, path: Path, implanted: Sequence[str] = (), opposed: Sequence[str] = ()
) -> dict[str, Any]:
    return {
        "role": role,
        "seed": 0,
        "key": key,
        "path": path.resolve(),
        "implanted": list(implanted),
        "opposed": list(opposed),
    }
