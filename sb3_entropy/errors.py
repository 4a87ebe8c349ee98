"""What a message says when input is wrong: what was given, what is allowed, what to do."""

import difflib
import math
import re
import shlex
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import Any

#: what to do about a box without bounds; Gymnasium's RescaleAction takes none, and its ClipAction takes bounds away
HOW_TO_BOUND = (
    "Train and look in gymnasium.wrappers.TransformAction(env, lambda action: action, Box(low, high)), with bounds "
    "that make sense there."
)


class MisfitError(ValueError):
    """
    Arguments, each in its range, that do not fit one another.

    :param message: what is wrong
    :param names: which they are
    """

    def __init__(self, message: str, *names: str):
        super().__init__(message)
        self.names = names


def unknown(kind: str, given: object, available: Iterable[str]) -> str:
    """
    The message for a name that is not known, with the nearest known one.

    :param kind: what the name stands for, in the singular: ``"algorithm"``, ``"std scheme"``
    :param given: the name as it was given
    :param available: the names that are known
    :return: e.g. ``Unknown algorithm 'spo'. Available: sa2c, spg, sppo, strpo. Did you mean 'sppo'?``
    """
    names = sorted(map(str, available))
    message = f"Unknown {kind} {given!r}. Available: {', '.join(names) or 'none'}."
    nearest = difflib.get_close_matches(str(given), names, n=1, cutoff=0.5)
    return f"{message} Did you mean {nearest[0]!r}?" if nearest else message


def check_choice(name: str, value: object, allowed: Iterable[str]) -> None:
    """
    :param name: the argument's name
    :param value: what was given
    :param allowed: the names that it may take
    :raises ValueError: if ``value`` is not one of ``allowed``
    """
    names = tuple(allowed)
    if not isinstance(value, str) or value not in names:
        raise ValueError(unknown(name, value, names))


def check_number(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    integer: bool = False,
    open_low: bool = False,
) -> None:
    """
    :param name: the argument's name
    :param value: what was given
    :param low: the least value that is allowed
    :param high: the greatest value that is allowed
    :param integer: whether only whole numbers are allowed
    :param open_low: whether ``low`` itself is excluded
    :raises TypeError: if ``value`` is not a number, or not a whole one where one is needed
    :raises ValueError: if it is not finite, or lies outside the range
    """
    kind = "a whole number" if integer else "a number"
    if math.isfinite(low) and math.isfinite(high) and not open_low:
        bounds = f" between {low:g} and {high:g}"
    else:
        above = f" {'>' if open_low else '≥'} {low:g}" if math.isfinite(low) else ""
        below = f" ≤ {high:g}" if math.isfinite(high) else ""
        bounds = above + (" and" if above and below else "") + below
    allowed = kind + bounds
    # NumPy's scalars are registered as these; bool is one too, and is not meant.
    if isinstance(value, bool) or not isinstance(value, Integral if integer else Real):
        raise TypeError(f"{name} must be {allowed}, but {value!r} ({type(value).__name__}) was given.")
    number = float(value)
    if not math.isfinite(number) or number < low or number > high or (open_low and number == low):
        raise ValueError(f"{name} must be {allowed}, but {value!r} was given.")


#: the modules that come with each extra
_EXTRAS = {
    "zoo": (
        "rl_zoo3",
        "optuna",
        "requests",
        "pandas",
        "seaborn",
        "matplotlib",
        "PIL",
        "tqdm",
        "rich",
        "jinja2",
        "pygame",
    ),
    "atari": ("ale_py", "cv2"),
    "envpool": ("envpool",),
    "ray": ("ray",),
}


def how_to_install(extra: str) -> str:
    """
    :param extra: one of the extras in ``pyproject.toml``
    :return: the command that installs it, and where to run it: no index has the package, a checkout has
    """
    checkout = Path(__file__).parents[1]
    if (checkout / "pyproject.toml").is_file():
        return f"pip install -e {shlex.quote(f'{checkout}[{extra}]')}"
    return f"pip install -e '.[{extra}]' in a checkout of sb3_entropy"


def missing_module(error: ImportError) -> str | None:
    """
    :param error: what an import has raised
    :return: what is missing and how to install it, if it belongs to one of our extras
    """
    module = (error.name or "").partition(".")[0]
    for extra, modules in _EXTRAS.items():
        if module in modules:
            return f"This needs {module}, which cannot be imported ({error}). Install it: {how_to_install(extra)}"
    return None


def last_message(trace: str) -> str:
    """
    :param trace: a traceback as Python prints it
    :return: what the exception says, in as many lines as it says it in, without the frames
    """
    lines = trace.strip().splitlines()
    frames = [number for number, line in enumerate(lines) if re.match(r'\s+File ".*", line \d+', line)]
    start = frames[-1] + 1 if frames else 0
    while frames and start < len(lines) and lines[start].startswith((" ", "\t")):
        start += 1
    return "\n".join(lines[start:])
