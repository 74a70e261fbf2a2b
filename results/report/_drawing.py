"""Drawing to SVG that is the same for the same data and takes its colours from the page."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED, RULE, PAPER = "#010101", "#020202", "#030303", "#040404"
SERIES = ("#050505", "#060606", "#070707", "#080808", "#090909", "#0a0a0a")
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    PAPER: "var(--paper)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)},
}
"""Stand-ins that matplotlib accepts as colours and that the page replaces by its own, light or dark."""
_LIGHT = {
    "var(--ink)": "#1c1b19",
    "var(--muted)": "#6b675f",
    "var(--rule)": "#dcd8cf",
    "var(--paper)": "#fdfcf9",
    "var(--series-1)": "#9b2d20",
    "var(--series-2)": "#1f5f8b",
    "var(--series-3)": "#4a7a3a",
    "var(--series-4)": "#8a6a1f",
    "var(--series-5)": "#6b4a8a",
    "var(--series-6)": "#6b675f",
}
"""The light page's colours, for a figure that stands alone; the page's own stand in its template."""
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pentimento",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the report's style, whatever the user's matplotlib settings are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def figure(width: float, height: float) -> Figure:
    """Return an empty figure, sizes in inches, that no window system knows of."""
    return Figure(figsize=(width, height), layout="constrained")


def to_svg(drawing: Figure, title: str, description: str) -> str:
    """Return a figure as an `<svg>` element for a page, with a title for those who cannot see it."""
    buffer = io.StringIO()
    # A date would make two equal reports differ.
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    drawing.savefig(buffer, format="svg", metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    widest = round(drawing.get_figwidth() * 130)
    sized = f'role="img" class="figure" style="max-width: {widest}px"'
    text = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', sized, text, count=1)
    # Every figure of a page has ids of its own, or the second would borrow the first one's clipping.
    prefix = re.sub(r"\W+", "-", title.lower())
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{prefix}-", text)
    head = text.index(">") + 1
    return f"{text[:head]}<title>{title}</title><desc>{description}</desc>{text[head:]}"


def standalone(svg: str) -> str:
    """Return an inline figure as a file of its own, in light colours."""
    for variable, colour in _LIGHT.items():
        svg = svg.replace(variable, colour)
    svg = svg.replace('style="', 'style="background: #fdfcf9; font-family: sans-serif; ', 1)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{svg}'


def zero_line(axes: Axes, *, horizontal: bool) -> None:
    """Draw the line of no difference behind the data."""
    (axes.axhline if horizontal else axes.axvline)(0, color=MUTED, linewidth=0.8, zorder=0)
