"""The page of a probe: what was asked, what was found, figures, numbers, and the command that made it."""

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sb3_entropy.landscape.probes.settings import PROBES, settings_of
from sb3_entropy.reports.landscape.figures import Looked, figures_of, names_of
from sb3_entropy.reports.page import draw_figure, publish, render

_HERE = Path(__file__).parent
#: of more conditions than these each has a row
MOST_COLUMNS = 4
QUESTIONS = {
    "perturbations": "What do steps along random directions change?",
    "interpolate": "What lies between the two solutions?",
    "plane": "What is the return in a plane through θ₀?",
    "line-search": "How far does a step along the gradient improve?",
    "curvature": "How does the return bend along the direction of improvement?",
    "spectrum": "Is θ₀ a maximum, a minimum or a saddle?",
}


def write_probe_page(
    looked: Sequence[Looked],
    folder: Path | str,
    *,
    subject: str = "",
    plan: Sequence[str] = (),
    command: str = "",
    episodes: int | None = None,
) -> Path:
    """
    Write ``index.html``, each figure as SVG and PNG, and ``numbers.csv``. Each file is replaced in one step, the page
    last.

    :param looked: what one probe has found, condition by condition
    :param folder: where to write; made if it does not exist
    :param subject: whose landscape it is
    :param plan: what was expected beforehand: the cost, the precision
    :param command: the command that made the page
    :param episodes: how many episodes it rests on
    :return: the page
    :raises ValueError: if nothing was found, two have the same name, or not all are of one probe
    """
    key, names = _key(looked), names_of(looked)
    if len(set(names)) < len(names):
        raise ValueError(f"What was found needs a name each, but they are called {names}. Name the conditions.")
    drawn = [draw_figure(i, name, draw) for i, (name, draw) in enumerate(figures_of(key, looked).items(), 1)]
    numbers = {name: one.found.numbers() for name, one in zip(names, looked, strict=True)}
    first: Any = looked[0].found
    page = render(
        _HERE,
        key=key,
        question=QUESTIONS[key],
        what=PROBES[key][1],
        subject=subject,
        said=[(name, one.found.sentences()) for name, one in zip(names, looked, strict=True)],
        figures=[figure.marked for figure in drawn],
        names=names,
        numbers=numbers,
        rows=list(dict.fromkeys(row for column in numbers.values() for row in column)),
        settings=_settings(first.probe),
        about=_about([one.found.about for one in looked]),
        plan=list(plan),
        command=command,
        episodes=episodes,
        most_columns=MOST_COLUMNS,
    )
    files = {name: content for figure in drawn for name, content in figure.files}
    files |= {"numbers.csv": _csv(numbers).encode(), "index.html": page.encode()}
    publish(files, Path(folder))
    return Path(folder) / "index.html"


def _key(looked: Sequence[Looked]) -> str:
    keys = {str(one.found.probe.key) for one in looked}  # type: ignore[attr-defined]
    if len(keys) != 1:
        raise ValueError(f"A page is of one probe, but {sorted(keys) or 'nothing'} was given.")
    return keys.pop()


def _settings(probe: Any) -> list[tuple[str, str, str]]:
    """:return: name, value and meaning of each; of points and directions their number of parameters"""
    rows = []
    for setting in settings_of(type(probe)):
        value = getattr(probe, setting.name)
        rows.append((setting.name, text_of(value), setting.doc))
    return rows


def text_of(value: Any) -> str:
    """
    :param value: a setting, or a part of a description
    :return: it in few words
    """
    if isinstance(value, np.ndarray) and value.size > 8:
        return f"{value.size} numbers"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {text_of(each)}" for key, each in value.items()) or "none"
    if isinstance(value, (list, tuple, np.ndarray)):
        return ", ".join(map(text_of, value))
    if value is None or dataclasses.is_dataclass(value):
        return "none" if value is None else str(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _about(described: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """:return: key and value of each description: one value if all are the same"""
    keys = list(dict.fromkeys(key for about in described for key in about))
    rows = []
    for key in keys:
        values = [text_of(about.get(key)) for about in described]
        rows.append((key.replace("_", " "), values[:1] if len(set(values)) == 1 else values))
    return rows


def _csv(numbers: Mapping[str, Mapping[str, float]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["condition", "number", "value"])
    for name, column in numbers.items():
        writer.writerows([name, row, repr(float(value))] for row, value in column.items())
    return buffer.getvalue()
