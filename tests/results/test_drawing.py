"""A figure as a file of its own is well-formed, and shows the colours of paper."""

from xml.dom import minidom

from matplotlib.figure import Figure

from pentimento.results._drawing import standalone, to_svg


def test_a_figure_of_its_own_is_well_formed() -> None:
    drawing = Figure()
    drawing.subplots().plot([0, 1], [0, 1])
    parsed = minidom.parseString(standalone(to_svg(drawing, "A line", "It rises.")))
    assert "background" in parsed.documentElement.getAttribute("style")
    assert "var(--" not in parsed.toxml()
