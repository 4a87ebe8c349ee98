"""The page of a misleading score: what was found, a figure, numbers, and the command that made it."""

import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sb3_entropy.landscape.q.misleading import Misleading
from sb3_entropy.plots.landscape import misleading
from sb3_entropy.reports.page import draw_figure, publish, render

_HERE = Path(__file__).parent
#: what each number is
MEANINGS = {
    "score": "Σ regret / Σ range, argmax by soft critics, judged by plain ones",
    "null": "the same, argmax by other plain critics",
    "excess": "score − null",
    "regret": "mean over states, in units of return",
    "excess_regret": "the same beyond the null's",
}


def write_misleading_page(
    found: Misleading, folder: Path | str, *, remarks: Sequence[str] = (), command: str = ""
) -> Path:
    """
    Write ``index.html``, the figure as SVG and PNG, and ``numbers.json``. Each file is replaced in one step, the page
    last.

    :param found: of an agent
    :param folder: where to write; made if it does not exist
    :param remarks: what is to be known of the agent and its critics
    :param command: the command that made the page
    :return: the page
    """
    figure = draw_figure(1, "misleading", partial(misleading.draw, found))
    numbers = found.numbers()
    page = render(
        _HERE,
        subject=found.name,
        said=found.sentences(),
        remarks=list(remarks),
        figure=figure.marked,
        rows=[
            (name, numbers[name], numbers[f"{name}_low"], numbers[f"{name}_high"], MEANINGS[name]) for name in MEANINGS
        ],
        level=f"{100 * found.level:g} %",
        facts={name: int(numbers[name]) for name in ("states", "episodes", "critics")},
        ent_coef=found.ent_coef,
        command=command,
    )
    # JSON has no NaN.
    kept = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
    files = dict(figure.files)
    files["numbers.json"] = (json.dumps({"name": found.name, **kept}, indent=1, ensure_ascii=False) + "\n").encode()
    files["index.html"] = page.encode()
    publish(files, Path(folder))
    return Path(folder) / "index.html"
