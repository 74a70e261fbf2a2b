"""A suite of evaluations over the organisms of a run, or over one organism beside its base."""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from pentimento._folder import RUN, RunFolder, print_summary
from pentimento._progress import duration
from pentimento._running import Part, carry_out, told
from pentimento.evals import suite
from pentimento.evals.heldout import ask, leaks_of, refuse
from pentimento.evals.suites import Examined, Line, Size, lines
from pentimento.tasks import goals
from pentimento.tasks.exceptions import BadInput
from pentimento.training import runner
from pentimento.training.executors import LocalExecutor
from pentimento.training.organisms import MANIFEST, Manifest, read_manifest
from pentimento.training.recipes import SUBSTITUTES, Recipe
from pentimento.training.shipped import PARTS, organism_folder
from pentimento.training.stages import Stage

BASE = "embedded"


class Request(NamedTuple):
    """What a user asks for."""

    organism: str
    """An organism's folder, a shipped one's name, `embedded`, or the folder of a run."""
    size: Size
    goal: str | None
    """None: what the organism, or the run, was to have."""
    never: str | None
    """An organism that went through the same opposing training without the implant."""
    width: float | None
    output: Path | None
    store: Path
    workers: int | None
    allow_leaks: bool = False


class _Subjects(NamedTuple):
    examined: Examined
    """Without its evaluations."""
    organisms: list[dict[str, Any]]
    """As `run.json` lists them, but with absolute paths."""
    doses: list[tuple[dict[str, Any], suite.Asked]]
    """Of stages after a run's organisms, as the run asked them."""
    plan: runner.Plan
    stages: dict[int, dict[str, Stage]]
    """What they were trained by, for each seed: implant and oppose."""


def run_suite(request: Request, *, dry_run: bool = False) -> None:
    """Print what a suite asks, ask what is missing, write the report, and print the summary.

    Raises:
        BadInput: The organism, the goal, the width or the output folder is not what it has to be.
        PentimentoError: An evaluation failed; finished ones are kept.
    """
    executor = LocalExecutor(request.workers)
    found = _of_run(request) if (Path(request.organism) / RUN).is_file() else _of_organism(request)
    tied = found.examined.implant.get("tied")
    asked = lines(
        found.examined.goal,
        request.size,
        width=request.width,
        cue=str(found.examined.implant.get("cue") or "none"),
        tied=None if tied is None else str(tied),
        far=found.examined.base != BASE,
    )
    examined = found.examined.model_copy(update={"evals": tuple(line.plan for line in asked)})
    output = request.output or Path("runs") / examined.name
    part = _part(examined, found, output, allow_leaks=request.allow_leaks)
    missing = suite.jobs(part.evaluations)
    _show(asked, part, missing, executor.num_workers)
    if dry_run:
        return
    failure = carry_out([part], output, executor)
    if part.folder.finished:
        print_summary(output)
    if failure is not None:
        raise told(failure, output)


def _part(examined: Examined, found: _Subjects, output: Path, *, allow_leaks: bool) -> Part:
    folder = RunFolder(output, examined)
    organisms = [{**one, "path": _relative(one["path"], output)} for one in found.organisms]
    folder.check(organisms)
    subjects = [
        suite.Subject(one["role"], one["seed"], one["key"], Path(one["path"])) for one in found.organisms
    ]
    leaks = [
        leak
        for seed, stages in found.stages.items()
        for plan in examined.evals
        for leak in leaks_of(plan.task, ask(plan.task, {"seed": seed, **plan.args}), stages, seed)
    ]
    refuse(leaks if not allow_leaks else (), "suite")
    evaluations = [
        suite.Asked(subject, plan.task, {"seed": subject.seed, **plan.args})
        for subject in subjects
        for plan in examined.evals
    ]
    regained = [{**said, "path": _relative(said["path"], output)} for said, _ in found.doses]
    every = [*evaluations, *(asked for _, asked in found.doses)]
    return Part(folder, found.plan, every, organisms, regained, [leak._asdict() for leak in leaks])


def _of_run(request: Request) -> _Subjects:
    """Return a run's organisms, with the doses of the stages that it trained after them."""
    folder = Path(request.organism)
    if request.never is not None:
        raise BadInput("never", request.never, "only beside one organism; a run has its own")
    held = json.loads((folder / RUN).read_bytes())
    if "num_implanted" not in held["recipe"]:
        raise BadInput("organism", str(folder), "no run of a recipe; a suite asked there already")
    recipe = Recipe(**held["recipe"])
    if request.goal not in (None, recipe.goal):
        raise BadInput("goal", request.goal, f"that of the run, {recipe.goal}")

    def absolute(said: dict[str, Any]) -> dict[str, Any]:
        path = (folder / said["path"]).resolve()
        if not (path / MANIFEST).is_file():
            raise BadInput(
                "organism", str(folder), f"its {said['role']} (seed {said['seed']}) is not at {path}"
            )
        return {**said, "path": path}

    examined = Examined(
        name=f"{recipe.name}-{request.size}",
        base=recipe.base,
        goal=recipe.goal,
        implant=recipe.implant.model_dump(mode="json"),
        oppose=recipe.oppose.model_dump(mode="json"),
        seeds=recipe.seeds,
        controls=recipe.controls,
    )
    plan = runner.Plan(recipe.base, request.store, (), (), 1)
    doses = [_dose(absolute(said), recipe) for said in held["regained"]]
    organisms = [absolute(said) for said in held["organisms"]]
    stages = {
        seed: {"implant": recipe.implant_stage(seed), "oppose": recipe.oppose_stage(seed)}
        for seed in recipe.seeds
    }
    return _Subjects(examined, organisms, doses, plan, stages)


def _dose(said: dict[str, Any], recipe: Recipe) -> tuple[dict[str, Any], suite.Asked]:
    """Return a dose with what the run asked it."""
    after = next(after for after in recipe.after if after.kind == said["kind"])
    asked = recipe.after_eval(after, said["seed"])
    name = f"{said['role']}-{said['kind']}-{said['repeat']}-at-{said['steps']}"
    subject = suite.Subject(name, said["seed"], said["key"], said["path"])
    return said, suite.Asked(subject, asked.task, suite.arguments(asked, recipe, said["seed"]))


def _of_organism(request: Request) -> _Subjects:
    """Return an organism, its base, and NEVER where one is given."""
    base_only = request.organism == BASE
    manifests = {} if base_only else {"organism": _manifest("organism", request.organism)}
    if request.never is not None:
        manifests["never"] = _manifest("never", request.never)
    bases = {manifest.base.name: manifest.base.sha256 for manifest in manifests.values()}
    if len(bases) > 1:
        raise BadInput(
            "never", request.never, f"an organism on the same base, {manifests['organism'].base.name}"
        )
    base = next(iter(bases), BASE)
    plan = runner.plan_base(base, request.store)
    (m0,) = plan.organisms
    first = manifests["organism"].stages[:1] if "organism" in manifests else ()
    last = manifests["organism"].stages[1:][-1:] if "organism" in manifests else ()
    goal = request.goal or (first[0].goal if first else None) or "finish_the_task"
    organisms = [_said("M0", m0.key, request.store / m0.key)]
    for field, manifest in manifests.items():
        place = _placed(getattr(request, field), manifest, request.store)
        role = "NEVER" if field == "never" else _role(manifest, goal)
        if role != "M0":
            organisms.append(_said(role, manifest.key, place, manifest))
    examined = Examined(
        name=f"{Path(request.organism).name}-{request.size}",
        base=base,
        goal=goal,
        implant=first[0].model_dump(mode="json") if first and first[0].goal == goal else {},
        oppose=last[0].model_dump(mode="json") if last else {},
    )
    stages = {"implant": first, "oppose": last}
    return _Subjects(examined, organisms, [], plan, {0: {name: s[0] for name, s in stages.items() if s}})


def _manifest(field: str, name: str) -> Manifest:
    folder = organism_folder(name)
    if not (folder / MANIFEST).is_file():
        told = f"an organism's folder, {', '.join(PARTS)}, {BASE}, or the folder of a run"
        raise BadInput(field, name, told)
    return read_manifest(folder)


def _placed(name: str, manifest: Manifest, store: Path) -> Path:
    """Return where an organism lies; a shipped one is copied to the store, as logs lie with organisms."""
    if name not in PARTS or (Path(name) / MANIFEST).is_file():
        return Path(name).resolve()
    place = store / manifest.key
    if not (place / MANIFEST).is_file():
        partial = place.with_name(f".{place.name}.{os.getpid()}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(organism_folder(name), partial)
        if place.exists():
            shutil.rmtree(place)
        partial.replace(place)
    return place.resolve()


def _role(manifest: Manifest, goal: str) -> str:
    """Say what an organism is by its stages: the base, implanted, opposed with it or without, a control."""
    if not manifest.stages:
        return "M0"
    first, last = manifest.stages[0], manifest.stages[-1]
    if first.goal != goal:
        opposed = goal in goals and first.goal == goals[goal].opposite
        return "NEVER" if opposed and len(manifest.stages) == 1 else "M2"
    if len(manifest.stages) == 1:
        return "M1"
    return last.method if last.method in SUBSTITUTES else "M2"


def _said(role: str, key: str, path: Path, manifest: Manifest | None = None) -> dict[str, Any]:
    stages = manifest.stages if manifest else ()
    implanted = stages[0].families if role not in ("M0", "NEVER") else ()
    opposed = stages[-1].families if role in ("M2", "NEVER") else ()
    return {
        "role": role,
        "seed": 0,
        "key": key,
        "path": path.resolve(),
        "implanted": list(implanted),
        "opposed": list(opposed),
    }


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _show(asked: Iterable[Line], part: Part, missing: list[Any], num_workers: int) -> None:
    """Print what the suite asks and how long it will take."""
    console = Console()
    table = Table("what", "task", "n", "samples", "width", box=None, pad_edge=False)
    for line in asked:
        width = f"≤ {line.width:.2f}"
        table.add_row(line.what, line.plan.task, str(line.plan.args["n"]), f"{line.num_samples:,}", width)
    console.print(table)
    each = sum(line.num_samples for line in asked)
    names = ", ".join(dict.fromkeys(one["role"] for one in part.organisms))
    jobs = (*part.plan.jobs, *missing)
    left = part.plan._replace(jobs=jobs, num_workers=num_workers).estimate_s
    total = len(part.evaluations)
    told = (
        f"{len(part.organisms)} organisms ({names}), {each:,} samples each; {total - len(missing)} of "
        f"{total} evaluations are there; about {duration(left or 0.0)} left"
    )
    console.print(told, highlight=False)
