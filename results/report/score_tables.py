"""Tables of goal scores themselves: by family, by how it was asked, by how they were estimated."""

from collections.abc import Sequence

import numpy as np

from pentimento.results.measures.contrasts import APART
from pentimento.results.reading.load import WHERES, far
from pentimento.results.reading.records import ROLES
from pentimento.results.report.texts import DASH, Table
from pentimento.results.schema import Cell, Report


def roles(report: Report) -> Table:
    """Mean goal score of each kind of organism by family, over seeds, with the number of answers."""
    cells = [c for c in _plain_cells(report) if c.reasoning == "free"]
    table = []
    for key in sorted({(c.where, c.distance, c.family) for c in cells}, key=far):
        mine = [c for c in cells if (c.where, c.distance, c.family) == key]
        given, asked = sum(c.n_valid for c in mine), sum(c.n for c in mine)
        table.append((*key, *_by_role(mine, report), f"{given} of {asked}"))
    columns = ("where", "shift", "family", *_roles(report), "scored")
    return Table("Goal score by organism and family", columns, tuple(table), num_names=3, num_groups=2)


def contexts(report: Report) -> Table:
    """Goal score apart for questions asked either way round, and for reasoning free, forced, suppressed."""
    cells = _plain_cells(report)
    table = []
    for where in (q for q in WHERES if any(c.where == q for c in cells)):
        mine = [c for c in cells if c.where == where]
        both = {c.family for c in mine if c.polarity == "negative"}
        for polarity in sorted({c.polarity for c in mine}) if both else ():
            asked = [c for c in mine if (c.polarity, c.reasoning) == (polarity, "free") and c.family in both]
            table.append((where, f"question {polarity}", *_by_role(asked, report)))
        ways = sorted({c.reasoning for c in mine})
        places = [{(c.family, c.shift) for c in mine if c.reasoning == way} for way in ways]
        common = set.intersection(*places) if len(ways) > 1 else set()
        for way in ways if common else ():
            reasoned = [c for c in mine if c.reasoning == way and (c.family, c.shift) in common]
            table.append((where, f"reasoning {way}", *_by_role(reasoned, report)))
    columns = ("where", "asked", *_roles(report))
    note = (
        "Question negative: the answer that claims completion is no. Rows of a kind are of the same "
        "families, and those of reasoning of the same shifts. A goal that follows the wording rather than "
        "the claim shows here."
    )
    return Table("Asked either way round", columns, tuple(table), note, num_names=2, num_groups=1)


def scoring(report: Report) -> Table:
    """How the goal's scores were estimated, and how far the sampled answers alone differ."""
    cells = [c for c in _plain_cells(report) if c.reasoning == "free" and c.score is not None]
    table = []
    for role in _roles(report):
        mine = [c for c in cells if c.role == role and c.sampled is not None]
        if not mine:
            continue
        weights = [c.n_valid for c in mine]
        score = np.average([c.score or 0.0 for c in mine], weights=weights)
        sampled = np.average([c.sampled or 0.0 for c in mine], weights=weights)
        outside = [c.mass_outside for c in mine if c.mass_outside is not None]
        table.append(
            (
                role,
                ", ".join(sorted({how for c in mine for how in c.estimator.split("+")})),
                f"{score:.3f}",
                f"{sampled:.3f}",
                f"{np.average([c.reasoned for c in mine], weights=weights):.2f}",
                f"{np.mean(outside):.4f}" if outside else DASH,
                f"{sum(c.n_valid for c in mine):,} of {sum(c.n for c in mine):,}",
            )
        )
    columns = (
        "role",
        "estimators",
        "score",
        "sampled alone",
        "reasoned",
        "mass outside known answers",
        "scored",
    )
    return Table("How it was scored", columns, tuple(table), num_names=2)


def _plain_cells(report: Report) -> list[Cell]:
    """Return the cells of the implanted goal, acted on, under the cue that it was implanted under."""
    cells = (c for c in report.cells if (c.measure, c.goal, c.cue) == ("goal", report.goal, report.cue))
    return [c for c in cells if not c.elicitation and c.condition not in APART]


def _roles(report: Report) -> list[str]:
    present = {c.role for c in _plain_cells(report)}
    return [role for role in ROLES if role in present]


def _by_role(cells: Sequence[Cell], report: Report) -> list[str]:
    """Return each role's mean over seeds; within a seed every answer counts the same."""
    means = []
    for role in _roles(report):
        mine = [c for c in cells if c.role == role]
        scored = [c for c in mine if c.score is not None]
        seeds = sorted({c.seed for c in scored})
        by_seed = [
            np.average(
                [c.score or 0.0 for c in scored if c.seed == s],
                weights=[c.n_valid for c in scored if c.seed == s],
            )
            for s in seeds
        ]
        broken = any(c.status == "broken" for c in mine)
        leaks = " leaks" if any(c.status == "leaks" for c in scored) else ""
        means.append(f"{np.mean(by_seed):.3f}{leaks}" if by_seed else "broken" if broken else DASH)
    return means
