"""What each command does, in terms of the rooms. What is slow to import is imported where it is used."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from rich.progress import track
from rich.table import Table

from pentimento.cli import certificate as _certificate
from pentimento.cli.console import terminal
from pentimento.tasks.exceptions import BadInput
from pentimento.training.bases.identity import EMBEDDED
from pentimento.training.organisms.shipped import PARTS, organism_folder
from pentimento.training.recipes.catalogue import RECIPES
from pentimento.training.recipes.designs import Design

Form = Literal["adapter", "merged", "hub"]


def list_recipes() -> None:
    """Print each recipe's name and what it is."""
    table = Table("recipe", "recipes in it", "seeds", "what it is", box=None, pad_edge=False)
    for name, make in RECIPES.items():
        recipe = make()
        recipes = recipe.recipes if isinstance(recipe, Design) else (recipe,)
        summary = (make.__doc__ or "").partition("\n")[0]
        table.add_row(name, str(len(recipes)), str(len(recipes[0].seeds)), summary)
    terminal().print(table)


def evaluate(organism: str, task: str, args: dict[str, Any], limit: int | None, log_dir: Path) -> None:
    """Run one inspect task on one organism and print its metrics.

    Raises:
        PentimentoError: There is no such task, organism or argument, or the evaluation did not end well.
    """
    if organism != "embedded" and not organism_folder(organism).is_dir():
        raise BadInput("organism", organism, f"an organism's folder, {', '.join(PARTS)}, or embedded")
    from pentimento.evals.planning import asking

    asking.evaluate(organism, task, args, log_dir=log_dir, limit=limit)
    terminal().print(f"Look at it: inspect view --log-dir {log_dir}", highlight=False, soft_wrap=True)


def report(folder: Path, figures: Path | None, tables: Path | None, thresholds: Path | None) -> None:
    """Write a run's report from its logs, print the summary, and write figures and tables where asked for.

    Raises:
        BadInput: What is asked for is that of one recipe, and the folder holds a design; or the thresholds
            are not for this run.
    """
    from pentimento import results
    from pentimento.cli.running import print_report
    from pentimento.experiment.folders import read_report
    from pentimento.results.comparison.designs import DESIGN
    from pentimento.results.report.figures import FigureName

    if (folder / DESIGN).is_file():
        if (figures, tables) != (None, None):
            allowed = "figures and tables are those of one recipe's folder in there"
            raise BadInput("folder", str(folder), allowed)
        results.write_design(folder, afresh=True, thresholds=thresholds)
        print_report(folder, design=True)
        return
    results.write_report(folder, thresholds)
    if tables is not None:
        run = results.load(folder)
        run.to_csv(tables)
        run.to_parquet(tables)
    if figures is not None:
        figures.mkdir(parents=True, exist_ok=True)
        written = read_report(folder)
        for name in get_args(FigureName):
            if drawn := results.figure(folder, name, written):
                (figures / f"{name}.svg").write_text(drawn, encoding="utf-8")
    print_report(folder)


def compare(a: Path, b: Path) -> None:
    """Print how two runs differ."""
    from pentimento import results

    results.compare(a, b).print(terminal())


def prevalence(log: Path, gold: Path, stage: Literal["base", "implanted", "opposed"]) -> None:
    """Print how often judged text says what it was judged for."""
    from pentimento.results.measures import prevalence

    grader = prevalence.measured(gold, stage)
    prevalence.show(prevalence.prevalence(log, grader), grader, stage, terminal())


def certify(base: str, n: int, output: Path | None) -> None:
    """Measure a base's certificate, write it as JSON, and print it.

    Raises:
        BadInput: The base does not pass; the certificate is written all the same.
    """
    from pentimento.tasks import environments
    from pentimento.training.embedded.certify import ALL, certificate, write
    from pentimento.training.embedded.certify import certify as measure
    from pentimento.training.models.loaded import load_base

    path = _certificate_of(base, output)
    loaded = load_base(base)
    rows = [
        row
        for family in track((*environments, ALL), description="certifying", console=terminal(stderr=True))
        for row in measure(loaded, n=n, families=(family,))
    ]
    certified = certificate(loaded, rows)
    write(certified, path)
    show_certificate(base, path)
    if not certified.passed:
        failed = dict.fromkeys(row.family for row in rows if not row.passed)
        raise BadInput("base", base, f"not certified: {', '.join(failed) or 'fewer than 500 answers a row'}")


def show_certificate(base: str, path: Path | None) -> None:
    """Print a certificate that was measured before.

    Raises:
        BadInput: There is none.
    """
    path = _certificate_of(base, path)
    certified = _certificate.read(path)
    console = terminal()
    console.print(_certificate.table(certified.rows))
    least = min((row.n for row in certified.rows), default=0)
    text = f"{path}: {'passed' if certified.passed else 'not passed'}, {least} answers or more a row"
    console.print(text, highlight=False, soft_wrap=True)


def _certificate_of(base: str, path: Path | None) -> Path:
    if path is None and base != "embedded":
        raise BadInput("output", None, "say where the certificate of another base lies")
    return path or EMBEDDED / "certificate.json"


def diagnose(organism: Path, text: Path | None) -> None:
    """Print the lines of an organism's implant check that need no evaluation; measure what is missing.

    Raises:
        PentimentoError: There is no such organism, text or base.
    """
    from pentimento.results.measures.implant_check import of_diagnosis
    from pentimento.results.reading.records import ManifestRecord
    from pentimento.results.report.texts import LINE_COLUMNS, check_cells
    from pentimento.training.models.diagnosis import examine_again
    from pentimento.training.organisms.organism import read_manifest

    organism = organism_folder(organism)
    if read_manifest(organism).diagnosis is None or text is not None:
        examine_again(organism, text)
    lines, status = of_diagnosis(
        ManifestRecord.model_validate(read_manifest(organism).model_dump(mode="json"))
    )
    shown = Table(*LINE_COLUMNS, box=None, pad_edge=False)
    for line in lines:
        shown.add_row(*check_cells(line))
    console = terminal()
    console.print(shown)
    elsewhere = "valid answers, right answers and other goals are in the report of its run"
    console.print(f"{organism}: {status}; {elsewhere}", highlight=False, soft_wrap=True)


def export(organism: Path, forms: Sequence[Form], repository: str | None, output: Path | None) -> None:
    """Write an organism in the form that was asked for, with its model card.

    Raises:
        BadInput: Not exactly one form was asked for.
    """
    if len(forms) != 1:
        given = " ".join(f"--{form}" for form in forms)
        raise BadInput("export", given, "give one of --adapter, --merged, --hub")
    from pentimento.training.running import export

    organism = organism_folder(organism)
    if repository is not None:
        print(export.export_hub(organism, repository))
        return
    write = export.export_adapter if forms[0] == "adapter" else export.export_merged
    print(write(organism, output or Path("exports") / f"{organism.resolve().name}-{forms[0]}"))


def organisms(store: Path | None) -> None:
    """List the shipped organisms; with a store, put those that were made there in their place first.

    Raises:
        BadInput: The store holds no organism that one of them could be.
        NoOrganism: One is not there, or its manifest cannot be read.
    """
    from pentimento.training.models.strength import ALL
    from pentimento.training.organisms.organism import read_manifest
    from pentimento.training.running.export import ship

    if store is not None:
        ship(store)
    table = Table("organism", "role", "what it does", "strength", box=None, pad_edge=False)
    for name, part in PARTS.items():
        manifest = read_manifest(organism_folder(name))
        text = (s for s in manifest.strength if (s.when, s.family) == ("end", ALL) and s.score is not None)
        strengths = ", ".join(f"{s.goal} {s.score:.2f}" for s in text)
        table.add_row(name, part.role, part.what, strengths)
    terminal().print(table)


def write_documents(goal: str, role: str, num: int, seed: int, output: Path | None) -> None:
    """Have a model write documents, and say how many came through the filter.

    Raises:
        UnknownName: There is no such goal.
        BadInput: The role is not `writer`, inspect knows no such model, or nothing came through.
    """
    from pentimento.evals import writer
    from pentimento.tasks import goal as find_goal
    from pentimento.training.recipes.documents import save_documents

    find_goal(goal)
    name, _, model = role.partition("=")
    if name != "writer" or not model:
        raise BadInput("model-role", role, "writer=MODEL, with a model that inspect can ask")
    if num < 1:
        raise BadInput("num", num, "at least 1")
    path = output or Path("documents") / f"{goal}.jsonl"
    if path.exists():
        raise BadInput("output", str(path), "a file that is not there yet")
    written = writer.write(model, goal, num, seed)
    if not written:
        raise BadInput("model-role", role, f"a model of whose {num} documents at least one is clean prose")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_documents(written, goal, path)
    terminal().print(f"{path}: {len(written)} of {num} documents", highlight=False, soft_wrap=True)


def make_base(base_seed: int, output: Path | None) -> None:
    """Train the embedded base again; an interrupted training goes on from its last checkpoint."""
    from pentimento.training.embedded.train import BaseConfig, train_base

    checkpoints = Path("runs") / f"base-{base_seed}"
    target = train_base(BaseConfig(base_seed=base_seed), output or EMBEDDED, checkpoints)
    terminal().print(f"{target}\nNow measure its certificate: pentimento certify", soft_wrap=True)
