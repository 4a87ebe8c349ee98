"""What all pages share: a frame, figures as SVG and PNG in light and dark, and files that are replaced in one step."""

import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from sb3_entropy.files import atomic_file
from sb3_entropy.plots.rendering import take_layout, to_inline_svg, to_png, to_svg
from sb3_entropy.plots.theme import DARK, LIGHT, Theme
from sb3_entropy.reports.wording import estimate, number, p_value

_HERE = Path(__file__).parent
_STALE = re.compile(r"\d\d_[A-Za-z0-9_]+\.(svg|png)")


@dataclass(frozen=True)
class DrawnFigure:
    """
    :param name: the figure's key
    :param stem: its files' name without ending
    :param title: what it shows, in a few words
    :param light: the SVG element for light ground
    :param dark: the same for dark ground
    :param files: what is written beside the page, by name
    :param problem: why it could not be drawn; empty if it could
    """

    name: str
    stem: str
    title: str = ""
    light: str = ""
    dark: str = ""
    files: tuple[tuple[str, bytes], ...] = ()
    problem: str = ""

    @property
    def marked(self) -> dict[str, Any]:
        """:return: what a template shows of it"""
        shown = {key: getattr(self, key) for key in ("name", "stem", "title", "problem")}
        return {**shown, "light": Markup(self.light), "dark": Markup(self.dark)}


def draw_figure(number: int, name: str, draw: Callable[[Theme], Any]) -> DrawnFigure:
    """
    :param number: which figure of the page it is, from 1
    :param name: its key
    :param draw: makes it in a theme's colours
    :return: the figure; one that fails says why, so that the others are drawn all the same
    """
    stem = f"{number:02d}_{re.sub('[^A-Za-z0-9_]', '_', name)}"
    try:
        light, dark = draw(LIGHT), draw(DARK)
        identity = stem.replace("_", "-")
        svg, png = to_svg(light, f"light-{identity}"), to_png(light)
        take_layout(dark, light)
        description = str(light.get_label() or f"The figure {name}")
        return DrawnFigure(
            name=name,
            stem=stem,
            title=light.get_suptitle().strip().rstrip(".") or name.replace("_", " ").capitalize(),
            light=to_inline_svg(svg, description),
            dark=to_inline_svg(to_svg(dark, f"dark-{identity}"), description),
            files=((f"{stem}.svg", svg.encode()), (f"{stem}.png", png)),
        )
    except Exception as error:  # another package's figure may fail in any way
        last = traceback.extract_tb(error.__traceback__)[-1]
        return DrawnFigure(
            name, stem, problem=f"{type(error).__name__}: {error} ({Path(last.filename).name}, line {last.lineno})"
        )


def render(folder: Path, **values: Any) -> str:
    """
    :param folder: where ``template.html.j2`` is, which extends ``base.html.j2``; what ``style.css`` and ``page.js``
        there say comes after what all pages have
    :param values: the template's
    :return: the page
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, _HERE]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(estimate=estimate, number=number, p_value=p_value)
    css = Markup(_texts(_HERE / "style.css", folder / "style.css"))
    js = Markup(_texts(_HERE / "theme.js", folder / "page.js"))
    return environment.get_template("template.html.j2").render(css=css, js=js, **values)


def _texts(*files: Path) -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.is_file())


def publish(files: dict[str, bytes], folder: Path) -> None:
    """
    Each file is replaced in one step, in this order, so that a reader never sees half of one.

    :param files: contents by name, the page last
    :param folder: where to write; made if it does not exist. Figures there that are not among the files are removed
    """
    for name, content in files.items():
        with atomic_file(folder / name) as file:
            file.write(content)
    # Figures of an earlier report that this one no longer has.
    for old in folder.iterdir():
        if _STALE.fullmatch(old.name) and old.name not in files:
            old.unlink()
