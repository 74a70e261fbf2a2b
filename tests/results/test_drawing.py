"""A figure as a file of its own is well-formed, and shows the colours of paper; nothing leaves a figure."""

from collections.abc import Callable
from typing import Any
from xml.dom import minidom

import pytest
from matplotlib.figure import Figure

from pentimento.results.report import figures
from pentimento.results.report._drawing import standalone, to_svg
from pentimento.results.schema import Report


def test_a_figure_of_its_own_is_well_formed() -> None:
    drawing = Figure()
    drawing.subplots().plot([0, 1], [0, 1])
    parsed = minidom.parseString(standalone(to_svg(drawing, "A line", "It rises.")))
    assert "background" in parsed.documentElement.getAttribute("style")
    assert "var(--" not in parsed.toxml()


def test_the_ladders_legend_stands_within_its_figure_and_leaves_the_axes_their_room(
    analysed: Callable[..., Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []

    def keep(drawing: Figure, *_: Any) -> str:
        drawn.append(drawing)
        return "<svg></svg>"

    monkeypatch.setattr(figures, "to_svg", keep)
    figures.shifts(analysed())
    [drawing] = drawn
    drawing.draw_without_rendering()
    top = drawing.axes[0]
    legend = top.get_legend()
    assert legend is not None
    extent = legend.get_window_extent()
    assert drawing.bbox.x0 <= extent.x0
    assert extent.x1 <= drawing.bbox.x1
    assert top.get_window_extent().width > 0.8 * drawing.bbox.width
