"""The page of a landscape of Q: what was found, the figure, numbers, when to distrust it, and the command."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sb3_entropy.landscape.q.calibration import Calibration
from sb3_entropy.landscape.q.found import QLandscape
from sb3_entropy.plots.landscape.q_landscape import draw
from sb3_entropy.reports.page import draw_figure, publish, render
from sb3_entropy.reports.wording import listed

_HERE = Path(__file__).parent
#: what a number is, by its name less ``plain_`` or ``soft_``
_MEANINGS = {
    "gap": "how far plain Q, where soft Q is greatest, is below its own greatest; in units of return",
    "gap_share": "that over the range of plain Q; of all states the sum over the sum",
    "gap_judged": "the gap of the greedy actions by critics that have not chosen the state",
    "distance": "between both maxima; the box has sides of 2",
    "gradient_cosine": "of the gradients of soft and plain Q at the mode: 1 the same direction, −1 the opposite one",
    "range": "the greatest value less the least",
    "slope": "root mean square gradient over the range, in sides of the box",
    "bend": "root mean square second derivative over the range, in sides of the box",
    "maxima": "local maxima that stand out by 5 % of the range",
    "variation": "total variation over the range: 1 if it only rises or only falls",
    "spread": "standard deviation between critics, of the shape, over the range",
    "far_share": "of the actions, those that are far from the data of the critics",
}


def write_q_page(
    found: QLandscape,
    folder: Path | str,
    *,
    calibration: Calibration | None = None,
    settings: Sequence[tuple[str, str]] = (),
    command: str = "",
) -> Path:
    """
    Write ``index.html``, the figure as SVG and PNG, ``numbers.csv``, and ``landscape.npz`` with all that is drawn. Each
    file is replaced in one step, the page last.

    :param found: a landscape
    :param folder: where to write; made if it does not exist
    :param calibration: of its critics
    :param settings: names and values of what was asked
    :param command: the command that made the page
    :return: the page
    """
    drawn = draw_figure(1, "q_landscape", lambda theme: draw(found, theme))
    by_state, numbers = found.by_state, found.numbers()
    page = render(
        _HERE,
        key="q-landscape",
        question="Where are soft and plain Q greatest?" if found.soft is not None else "Where is plain Q greatest?",
        what="Q over the actions in a few states: soft, of which the policy is trained to go uphill, and plain, of "
        "which the return is made.",
        name=found.name,
        remarks=found.remarks,
        facts=_facts(found),
        said=found.sentences(),
        figures=[drawn.marked],
        names=found.states.names,
        numbers=numbers,
        by_state={name: values.tolist() for name, values in by_state.items()},
        meanings={name: _MEANINGS.get(name) or _MEANINGS[name.partition("_")[2]] for name in by_state},
        trust=_trust(found, calibration),
        settings=list(settings),
        command=command,
    )
    files = dict(drawn.files)
    files |= {
        "numbers.csv": _csv(found).encode(),
        "landscape.npz": _arrays(found),
        "index.html": page.encode(),
    }
    publish(files, Path(folder))
    return Path(folder) / "index.html"


def _facts(found: QLandscape) -> list[tuple[str, str]]:
    facts = [("states", str(len(found.states))), ("critics", "the agent's own" if found.are_own else "fitted")]
    if found.soft is not None:
        facts.append(("α of soft Q", f"{found.soft.ent_coef:.3g}"))
    resolution = found.grid.shape[2]
    return [*facts, ("actions a state", " × ".join([str(resolution)] * found.planes.n_axes))]


def _trust(found: QLandscape, calibration: Calibration | None) -> list[str]:
    """:return: sentences: what held-out returns say, and what no number says"""
    said = []
    if calibration is not None:
        said += calibration.sentences()
    else:
        said.append("The critics were not held against returns of held-out episodes: nothing says that they are right.")
    numbers = found.numbers()
    wide = [which for which in found.surfaces if numbers.get(f"{which}_spread", 0.0) > 0.1]
    if wide:
        said.append(
            f"Critics that were made independently differ by more than 10 % of the range of {listed(wide)} Q: places "
            "of maxima are uncertain."
        )
    elif not any(f"{which}_spread" in numbers for which in found.surfaces):
        said.append("There is one critic of each kind: how far another would differ is not known.")
    if found.far is None:
        said.append("Which actions are far from data is not known of these critics: nothing is hatched.")
    said.append(
        "A greatest value of what is estimated is too great, and lies rather where critics err upwards: a small gap is "
        "no finding."
    )
    return said


def _csv(found: QLandscape) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["state", "number", "value"])
    writer.writerows(["all", name, repr(value)] for name, value in found.numbers().items())
    for name, values in found.by_state.items():
        writer.writerows([state, name, repr(float(one))] for state, one in zip(found.states.names, values, strict=True))
    return buffer.getvalue()


def _arrays(found: QLandscape) -> bytes:
    arrays: dict[str, Any] = {
        "states": np.array(found.states.names),
        "coordinates": found.grid,
        "origins": found.planes.origins,
        "directions": found.planes.directions,
        "mode": found.mode,
    }
    for which, surface in found.surfaces.items():
        arrays |= {which: surface.values, f"{which}_spread": surface.spread, f"{which}_gradient": surface.gradient}
    arrays |= {name: value for name in ("density", "far") if (value := getattr(found, name)) is not None}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
