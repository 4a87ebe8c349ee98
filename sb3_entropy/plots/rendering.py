"""Figures as SVG and PNG: the same bytes for the same figure, and nothing in them that asks a network."""

import io
import re

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif"


def to_svg(figure: Figure, name: str) -> str:
    """
    :param figure: a figure
    :param name: letters, digits and dashes; the beginning of all ids, so that several can stand on one page
    :return: a complete SVG file on a transparent ground; its text is text
    """
    buffer = io.StringIO()
    ground, dpi = figure.get_facecolor(), figure.dpi
    figure.set_facecolor("none")
    # Figure.savefig draws twice, which a figure without a tight bounding box does not need.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        FigureCanvasSVG(figure).print_svg(buffer, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    figure.set_facecolor(ground)
    figure.dpi = dpi
    # What the layout engine has found holds for every other format.
    figure.set_layout_engine("none")
    svg = buffer.getvalue()
    svg = re.sub(r"<!DOCTYPE.*?>\s*", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family:[^;\"]*", f"font-family: {_FONTS}", svg)
    svg = re.sub(r"(font: [^;\"]*?[\d.]+px) [^;\"]*", rf"\1 {_FONTS}", svg)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", svg)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", svg)


def take_layout(figure: Figure, other: Figure) -> None:
    """
    Spare a figure the search for its layout, which takes longer than drawing it.

    :param figure: a figure that has not been drawn yet
    :param other: the same in other colours, which has been; anything else changes nothing
    """
    if len(figure.axes) != len(other.axes) or tuple(figure.get_size_inches()) != tuple(other.get_size_inches()):
        return
    figure.set_layout_engine("none")
    for mine, theirs in zip(figure.axes, other.axes, strict=True):
        mine.set_position(theirs.get_position())
    for text, placed in zip(figure.texts, other.texts, strict=False):
        text.set_position(placed.get_position())


def to_inline_svg(svg: str, description: str) -> str:
    """
    :param svg: what :func:`to_svg` has returned
    :param description: what the figure shows, for those who do not see it
    :return: the element alone, to stand in a page
    """
    body = svg[svg.index("<svg") :].replace("xlink:href=", "href=")
    body = re.sub(r' xmlns(:\w+)?="[^"]*"', "", body)
    escaped = description.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return body.replace("<svg", f'<svg role="img" aria-label="{escaped}"', 1)


def to_png(figure: Figure, dpi: int = 160) -> bytes:
    """
    :param figure: a figure
    :param dpi: dots an inch
    :return: a PNG file on the theme's ground
    """
    buffer = io.BytesIO()
    figure.dpi = dpi
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()
