"""The figures of a report: the shifts, the forest of persistence, strength, what comes back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pentimento.results.measures.contrasts import APART
from pentimento.results.notes import NOT_REACHED, Flag
from pentimento.results.reading.load import DISTANCES, WHERES
from pentimento.results.report._drawing import (
    INK,
    MUTED,
    PAPER,
    RULE,
    SERIES,
    figure,
    style,
    to_svg,
    zero_line,
)
from pentimento.results.report.sentences import FLAGS
from pentimento.results.report.texts import held_by
from pentimento.results.schema import Measure, Report, StrengthRow
from pentimento.tasks import CUES

FigureName = Literal["shifts", "cues", "forest", "strength", "curves"]
MARKERS: dict[str, str] = dict(zip(WHERES, "DosX", strict=True))
COLOURS: dict[str, str] = dict(zip(WHERES, SERIES, strict=False))
MARKERS_OF_ROLES = "Xods"
HOLLOW = FLAGS[Flag.REACH_OPEN]
"""Short for every flag of `NOT_REACHED`; the caption says the rest."""
_DODGE: dict[str, float] = {
    "implanted and unopposed": -0.1,
    "implanted and opposed": 0.0,
    "opposed and not implanted": 0.0,
    "neither": 0.1,
}


class Point(NamedTuple):
    """One estimate on a shift."""

    x: float
    row: Measure


def draw(report: Report) -> dict[FigureName, str]:
    """Return every figure that the report has data for, as inline SVG."""
    with style():
        drawn: dict[FigureName, str | None] = {
            "shifts": shifts(report),
            "cues": cues(report),
            "forest": forest(report),
            "strength": strength(report),
            "curves": curves(report),
        }
    return {name: svg for name, svg in drawn.items() if svg is not None}


def shifts(report: Report) -> str | None:
    """Persistence against shift above, reach of the opposing training below; thin lines are single seeds."""
    rows = [row for row in _rows(report, "persistence") if row.family is None and row.value is not None]
    if not rows:
        return None
    shifts = [shift for shift in DISTANCES if any(row.shift == shift for row in rows)]
    drawing = figure(7.2, 4.6)
    top, bottom = drawing.subplots(2, 1, sharex=True, height_ratios=(3, 1.3))
    for seed in sorted({row.seed for row in rows if row.seed is not None}):
        track = [p for p in _points(rows, shifts, seed) if p.row.where.startswith("implanted")]
        top.plot(
            [p.x for p in track], [p.row.value or 0 for p in track], color=MUTED, linewidth=0.7, zorder=1
        )
    means = _points(rows, shifts, None)
    track = [p for p in means if p.row.where.startswith("implanted")]
    top.plot([p.x for p in track], [p.row.value or 0 for p in track], color=INK, linewidth=1.4, zorder=2)
    for point in means:
        _mark(top, point, hollow=_hollow(point.row))
    reach = [row for row in _rows(report, "reach") if row.family is None and row.value is not None]
    for point in _points(reach, shifts, None):
        _mark(bottom, point, hollow=_hollow(point.row))
    for axes, label in ((top, "persistence"), (bottom, "reach")):
        zero_line(axes, horizontal=True)
        axes.set_ylabel(label, fontsize=8)
        axes.grid(axis="y", color=RULE, linewidth=0.5)
        axes.set_axisbelow(True)
    bottom.set_xticks(range(len(shifts)), shifts)
    bottom.set_xlim(-0.5, len(shifts) - 0.5)
    bottom.set_xlabel("distance from the opposing training →", fontsize=8)
    _legend(top, [q for q in WHERES if any(p.row.where == q for p in means)])
    text = f"Persistence and reach by shift, with 95 % intervals. {held_by(rows + reach)}"
    return to_svg(drawing, "Persistence by shift", text.strip())


def forest(report: Report) -> str | None:
    """Implant, persistence, reach and removal beyond each control, where they were measured."""
    names = ("implant strength", "persistence", "reach", "removal beyond control")
    rows = [
        row
        for row in report.measures
        if row.name in names and row.goal == report.goal and row.seed is None and row.family is None
        and row.value is not None and row.cue == report.cue
    ]  # fmt: skip
    if not rows:
        return None
    places = list(dict.fromkeys((row.where, row.shift) for row in rows))
    drawing = figure(7.2, 0.26 * (len(rows) + 1.4 * len(places)) + 0.7)
    axes = drawing.subplots()
    height, ticks, labels = 0.0, [], []
    for place in places:
        axes.text(0, height, f"{place[0]} · {place[1]}", transform=axes.get_yaxis_transform(), fontsize=9,
                  fontweight="bold", va="center")  # fmt: skip
        height -= 1
        for row in (row for row in rows if (row.where, row.shift) == place):
            _line(axes, row, height, SERIES[names.index(row.name)])
            ticks.append(height)
            labels.append(_label(row))
            height -= 1
        height -= 0.4
    axes.set_yticks(ticks, labels)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(height + 0.4, 0.8)
    zero_line(axes, horizontal=False)
    axes.grid(axis="x", color=RULE, linewidth=0.5)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"difference in goal score, 95 % interval; hollow: {HOLLOW}", fontsize=8)
    text = f"One row a measure, grouped by place. {held_by(rows)}"
    return to_svg(drawing, "Persistence with reach and controls", text.strip())


def cues(report: Report) -> str | None:
    """The goal's mean score under each cue where it was implanted, with the range over seeds."""
    cells = [
        cell for cell in report.cells
        if cell.measure == "goal" and cell.goal == report.goal and cell.reasoning == "free"
        and cell.score is not None and cell.where.startswith("implanted") and not cell.elicitation
        and cell.condition not in APART
        and cell.role in ("base", "implanted", "opposed", "opposed_only")
    ]  # fmt: skip
    # Where some shifts are asked without a cue only, those under several cues are compared.
    asked = {(c.family, c.shift) for c in cells if c.cue != "none"}
    cells = [cell for cell in cells if (cell.family, cell.shift) in asked]
    shown = [cue for cue in CUES if any(cell.cue == cue for cell in cells)]
    if len(shown) < 2:
        return None
    drawing = figure(7.2, 2.8)
    axes = drawing.subplots()
    for place, role in enumerate(("base", "opposed_only", "implanted", "opposed")):
        for x, cue in enumerate(shown):
            by_seed: dict[int, list[float]] = {}
            for cell in cells:
                if (cell.role, cell.cue) == (role, cue):
                    by_seed.setdefault(cell.seed, []).append(cell.score or 0.0)
            means = [sum(scores) / len(scores) for scores in by_seed.values()]
            if means:
                at, colour = x + 0.12 * (place - 1.5), _hue(place)
                axes.plot([at, at], [min(means), max(means)], color=colour, linewidth=1.4)
                axes.plot(
                    [at], [sum(means) / len(means)], MARKERS_OF_ROLES[place], color=colour, markersize=6
                )
    axes.set_xticks(range(len(shown)), shown)
    axes.tick_params(axis="x", labelrotation=0 if len(shown) < 8 else 45)
    axes.set_ylim(-0.03, 1.03)
    axes.set_ylabel("goal score", fontsize=8)
    axes.set_xlabel("what the prompt says of oversight", fontsize=8)
    axes.grid(axis="y", color=RULE, linewidth=0.5)
    handles = [
        Line2D([], [], linestyle="", marker=MARKERS_OF_ROLES[i], color=_hue(i), label=role)
        for i, role in enumerate(("base", "opposed_only", "implanted", "opposed"))
    ]
    drawing.legend(handles=handles, loc="outside right center", fontsize=8)
    return to_svg(drawing, "Under each cue", "Mean goal score under each cue, with the range over seeds.")


def persistence_of(rows: Mapping[str, Measure | None]) -> str | None:
    """One line for each named persistence, in the order given; None where none has a value."""
    there = {name: row for name, row in rows.items() if row is not None and row.value is not None}
    if not there:
        return None
    with style():
        drawing = figure(7.2, 0.26 * len(there) + 0.8)
        axes = drawing.subplots()
        for place, row in enumerate(there.values()):
            _line(axes, row, -place, COLOURS.get(row.where, INK))
        axes.set_yticks([-place for place in range(len(there))], list(there))
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(0.6 - len(there), 0.6)
        zero_line(axes, horizontal=False)
        axes.grid(axis="x", color=RULE, linewidth=0.5)
        axes.spines["left"].set_visible(False)
        wheres = ", ".join(dict.fromkeys(row.where for row in there.values()))
        axes.set_xlabel(f"persistence where {wheres}, 95 % interval", fontsize=8)
        return to_svg(drawing, "Persistence by recipe", "One row a recipe.")


def strength(report: Report) -> str | None:
    """What training itself measured: the goal's sampled strength at the start and the end of each stage."""
    rows = [row for row in report.strengths if row.score is not None and row.when in ("start", "end")]
    panels = [
        (role, goal)
        for role, goal in dict.fromkeys((row.role, row.goal) for row in rows)
        if {row.when for row in rows if (row.role, row.goal) == (role, goal)} == {"start", "end"}
    ]
    if not panels:
        return None
    drawing = figure(min(7.2, 2.6 * len(panels)), 3.0)
    every: Sequence[Axes] = drawing.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    families = sorted({row.family for row in rows if row.family != "all"}) or ["all"]
    for axes, (role, goal) in zip(every, panels, strict=True):
        mine = [row for row in rows if (row.role, row.goal) == (role, goal) and row.family in families]
        for family, seed in sorted({(row.family, row.seed) for row in mine}):
            _slope(axes, [r for r in mine if (r.family, r.seed) == (family, seed)], families.index(family))
        axes.set_title(f"{role}\n{goal}", fontsize=8, color=MUTED)
        axes.set_xticks((0, 1), ("start", "end"))
        axes.set_xlim(-0.25, 1.25)
        axes.set_ylim(-0.03, 1.03)
        axes.grid(axis="y", color=RULE, linewidth=0.5)
    every[0].set_ylabel("sampled strength", fontsize=8)
    handles = [
        Line2D([], [], color=_hue(i), linestyle=_dash(i), label=family) for i, family in enumerate(families)
    ]
    drawing.legend(handles=handles, loc="outside right center", fontsize=8)
    return to_svg(drawing, "Strength before and after each stage", "One line a family and seed.")


def curves(report: Report) -> str | None:
    """The goal's score against the steps of the stages that came after, one line a kind of organism."""
    kinds = list(dict.fromkeys(point.kind for point in report.curves))
    if not kinds:
        return None
    drawing = figure(3.6 * len(kinds) + 0.9, 3.0)
    every: Sequence[Axes] = drawing.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    roles = list(dict.fromkeys(point.role for point in report.curves))
    for axes, kind in zip(every, kinds, strict=True):
        for role in roles:
            mine = [p for p in report.curves if (p.kind, p.role) == (kind, role) and p.value is not None]
            x = [p.steps for p in mine]
            colour = _hue(roles.index(role))
            axes.plot(x, [p.value or 0 for p in mine], "o-", color=colour, linewidth=1.4, markersize=4)
            axes.vlines(x, [p.low or 0 for p in mine], [p.high or 0 for p in mine], color=colour, linewidth=1)
        axes.set_title(kind, fontsize=9)
        axes.set_xscale("symlog", linthresh=1)
        ticks = sorted({p.steps for p in report.curves if p.kind == kind})
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.set_ylim(-0.03, 1.03)
        axes.set_xlabel("steps of the stage after", fontsize=8)
        axes.grid(axis="y", color=RULE, linewidth=0.5)
    every[0].set_ylabel("goal score", fontsize=8)
    handles = [Line2D([], [], color=_hue(i), label=role) for i, role in enumerate(roles)]
    drawing.legend(handles=handles, loc="outside right center", fontsize=8)
    return to_svg(drawing, "What comes back", "Goal score against steps of a further stage, by organism.")


def _slope(axes: Axes, rows: Iterable[StrengthRow], index: int) -> None:
    ends = {row.when: row for row in rows}
    if {"start", "end"} <= set(ends):
        scores = [ends["start"].score or 0.0, ends["end"].score or 0.0]
        (line,) = axes.plot((0, 1), scores, marker="o", color=_hue(index), linewidth=1.2, markersize=3.5)
        line.set_linestyle(_dash(index))


def _dash(index: int) -> Literal["-", "--", ":"]:
    """Return a line style, so that more families than colours stay apart."""
    styles: tuple[Literal["-", "--", ":"], ...] = ("-", "--", ":")
    return styles[index // len(SERIES) % len(styles)]


def _hue(index: int) -> str:
    return SERIES[index % len(SERIES)]


def _rows(report: Report, name: str) -> list[Measure]:
    mine = (row for row in report.measures if row.name == name and row.goal == report.goal)
    return [row for row in mine if row.cue == report.cue]


def _points(rows: Iterable[Measure], shifts: Sequence[str], seed: int | None) -> list[Point]:
    mine = [row for row in rows if row.seed == seed and row.family is None and row.shift in shifts]
    placed = [Point(shifts.index(row.shift) + _DODGE.get(row.where, 0.0), row) for row in mine]
    return sorted(placed, key=lambda point: point.x)


def _mark(axes: Axes, point: Point, *, hollow: bool) -> None:
    row = point.row
    if row.value is None or row.low is None or row.high is None:
        return
    colour = COLOURS.get(row.where, INK)
    axes.plot([point.x, point.x], [row.low, row.high], color=colour, linewidth=1.4, zorder=3)
    axes.plot(
        [point.x],
        [row.value],
        MARKERS.get(row.where, "o"),
        color=colour,
        markerfacecolor=PAPER if hollow else colour,
        markersize=7,
        zorder=4,
    )


def _line(axes: Axes, row: Measure, height: float, colour: str) -> None:
    """Draw an estimate as one line: its interval, its value, and both in numbers at the right."""
    value, low, high = row.value or 0.0, row.low or 0.0, row.high or 0.0
    face = PAPER if _hollow(row) else colour
    axes.plot([low, high], [height, height], color=colour, linewidth=1.6, solid_capstyle="butt")
    axes.plot([value], [height], "o", color=colour, markerfacecolor=face, markersize=5.5)
    text = f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"
    axes.text(1.01, height, text, transform=axes.get_yaxis_transform(), fontsize=8, va="center")


def _legend(axes: Axes, wheres: Sequence[str]) -> None:
    handles = [
        Line2D([], [], linestyle="", marker=MARKERS[q], color=COLOURS[q], label=q)
        for q in WHERES
        if q in wheres
    ]
    hollow = Line2D([], [], linestyle="", marker="o", color=MUTED, markerfacecolor=PAPER)
    hollow.set_label(HOLLOW)
    handles.append(hollow)
    handles.append(Line2D([], [], color=MUTED, linewidth=0.7, label="one training seed"))
    axes.legend(handles=handles, fontsize=7.5, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def _hollow(row: Measure) -> bool:
    return not NOT_REACHED.isdisjoint(row.flags)


def _label(row: Measure) -> str:
    return f"removal beyond {row.control}" if row.name == "removal beyond control" else row.name
