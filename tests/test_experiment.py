"""The library: an experiment is planned, trained, evaluated and analysed from Python, and prints nothing."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pentimento import Experiment
from pentimento.experiment import Progress
from pentimento.results import DesignReport, Report
from pentimento.tasks.exceptions import BadInput, UnknownName
from pentimento.training.organisms.organism import Organism
from pentimento.training.recipes.catalogue import quickstart
from pentimento.training.recipes.designs import Design, Variant
from pentimento.training.recipes.recipe import Recipe

NOTEBOOK = Path(__file__).parents[1] / "docs" / "first_experiment.ipynb"
STAGE: dict[str, Any] = {
    "method": "sft", "reward": None, "target_strength": None, "num_scenarios": 16, "steps": 2, "settings": {},
}  # fmt: skip


def small(name: str = "small", **changes: Any) -> Recipe:
    whole = quickstart()
    return whole.varied(
        name=name,
        seeds=(0,),
        controls=("opposed_only",),
        implant=whole.implant.model_dump() | STAGE,
        oppose=whole.oppose.model_dump() | STAGE,
        evals=[{"task": "completion", "args": {"family": "@opposed", "n": 2}}],
        **changes,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    place = tmp_path_factory.mktemp("experiment")
    return Experiment(small(), folder=place / "run", store=place / "organisms", workers=1)


def test_an_experiment_goes_step_by_step_and_prints_nothing(
    made: Experiment, capfd: pytest.CaptureFixture[str]
) -> None:
    before = made.plan()
    assert [one.role for one in before.organisms] == ["base", "implanted", "opposed", "opposed_only"]
    assert not any(one.done for one in before.organisms)
    assert (len(before.missing), before.num_there, before.num_workers) == (8, 0, 1)
    assert before.estimate_s is not None
    assert before.cost(3600.0) == before.estimate_s
    assert before.memory_bytes
    assert not made.folder.exists()
    with pytest.raises(BadInput, match=r"call train\(\)"):
        made.evaluate()
    trained = made.train()
    assert all(isinstance(one, Organism) for one in trained)
    assert [one.key for one in trained] == [one.key for one in before.organisms]
    with pytest.raises(BadInput, match="logs are all there"):
        made.analyse()
    assert len(made.evaluate()) == 4
    report = made.analyse()
    assert isinstance(report, Report)
    assert report.verdict == "undetermined"
    measures = report.frame("measures")
    assert isinstance(measures, pd.DataFrame)
    assert len(measures) == len(report.measures)
    assert set(measures["name"]) >= {"implant strength", "persistence"}
    with pytest.raises(UnknownName, match="table"):
        report.frame("figures")
    after = made.plan()
    assert (after.missing, after.num_there, after.estimate_s) == ((), 4, 0.0)
    assert made.run() == report
    assert capfd.readouterr() == ("", "")


def test_what_is_there_is_asked_without_a_recipe(made: Experiment, tmp_path: Path) -> None:
    made.run()
    over = Experiment.over(made.folder, size="quick", width=0.9, folder=tmp_path / "suite", workers=1)
    plan = over.plan()
    assert over.recipe is None
    assert plan.organisms == ()
    assert {one.subject.role for one in plan.evaluations} == {"base", "implanted", "opposed", "opposed_only"}
    assert len(plan.lines) * 4 == len(plan.evaluations) == len(plan.missing)


def test_a_design_has_a_report_of_its_own(tmp_path: Path) -> None:
    recipes = [small("one"), small("two", num_opposed=1)]
    variants = tuple(Variant(levels=(one.name,), recipe=one) for one in recipes)
    design = Design(name="both", factors=("name",), variants=variants)
    experiment = Experiment(design, folder=tmp_path / "run", store=tmp_path / "organisms", workers=2)
    report = experiment.run()
    assert isinstance(report, DesignReport)
    assert [one.levels for one in report.variants] == [("one",), ("two",)]


def test_progress_follows_what_is_done(tmp_path: Path) -> None:
    told: list[str] = []

    class Follower:
        def jobs(self, jobs: Any, num_workers: int) -> Any:
            from contextlib import nullcontext

            told.append(f"{len(jobs)} jobs, {num_workers} worker")
            return nullcontext(lambda event: told.append(event.kind))

        def each(self, items: Any, what: str) -> Any:
            told.append(what)
            return items

        def made(self, job: Any, result: Any) -> None:
            told.append(f"made {job.key[:4]}")

    follower: Progress = Follower()
    recipe = small(base="embedded")
    Experiment(
        recipe, folder=tmp_path / "run", store=tmp_path / "organisms", workers=1, progress=follower
    ).train()
    assert told[:2] == ["plans", "4 jobs, 1 worker"]
    assert told.count("finished") == 4
    assert sum(line.startswith("made") for line in told) == 4


@pytest.mark.parametrize("recipe", ["quickstrat", "nothing.yaml"])
def test_a_recipe_that_is_not_there_is_refused(recipe: str) -> None:
    with pytest.raises(BadInput, match="recipe"):
        Experiment(recipe)


def test_the_notebook_goes_from_recipe_to_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its code cells in their order, as a kernel would run them."""
    monkeypatch.chdir(tmp_path)
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert len(codes) == 10
    names: dict[str, Any] = {}
    for code in codes:
        exec(compile(code, str(NOTEBOOK), "exec"), names)
    said = capsys.readouterr().out
    assert "finish_the_task against report_honestly" in said
    assert "undetermined" in said
    assert "<svg" in (tmp_path / "runs/first/shifts.svg").read_text()
