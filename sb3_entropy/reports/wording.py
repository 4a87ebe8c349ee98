"""Numbers as they are read: as many digits as their intervals bear."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from sb3_entropy.registry import MEASURES

NOTHING = "–"


def number(value: float | None, digits: int = 4) -> str:
    """
    :param value: a number
    :param digits: significant ones
    :return: e.g. ``−151.2``; a dash for NaN and ``None``
    """
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value != 0 and not 1e-4 <= abs(value) < 1e7:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa}·10^{int(exponent)}".replace("-", "−")
    decimals = digits - 1 - math.floor(math.log10(abs(value))) if value else 0
    return _fixed(value, max(0, decimals))


def as_stated(value: float) -> str:
    """
    :param value: a number that somebody else has written down
    :return: with the digits that it was given, e.g. ``0.633``, ``−150``
    """
    return f"{value + 0.0:.12g}".replace("-", "−")  # −0 is 0


def estimate(interval: Any) -> str:
    """
    :param interval: anything with ``value``, ``low`` and ``high``
    :return: e.g. ``12.3 [4.5, 20.1]``: three digits of the interval's width; without an interval, if there is none
    """
    if interval is None or math.isnan(interval.value):
        return NOTHING
    low, high = interval.low, interval.high
    if math.isnan(low) or math.isnan(high):
        return number(interval.value)
    width = high - low
    if not math.isfinite(width) or width == 0 or max(abs(low), abs(high), abs(interval.value)) >= 1e7 or width < 1e-4:
        return f"{number(interval.value)} [{number(low)}, {number(high)}]"
    decimals = min(6, max(0, 2 - math.floor(math.log10(width))))
    return f"{_fixed(interval.value, decimals)} [{_fixed(low, decimals)}, {_fixed(high, decimals)}]"


def p_value(p: float) -> str:
    """
    :param p: a p-value
    :return: e.g. ``0.034``, ``< 0.001``
    """
    if math.isnan(p):
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def share(value: float) -> str:
    """
    :param value: between 0 and 1
    :return: in per cent, e.g. ``93.4 %``
    """
    return f"{100 * value:.3g} %"


def seeds_text(seeds: Iterable[int]) -> str:
    """
    :param seeds: whole numbers
    :return: e.g. ``0–9, 12``
    """
    runs: list[list[int]] = []
    for seed in sorted(set(seeds)):
        if runs and seed == runs[-1][1] + 1:
            runs[-1][1] = seed
        else:
            runs.append([seed, seed])
    return ", ".join(f"{a}" if a == b else f"{a}, {b}" if b == a + 1 else f"{a}–{b}" for a, b in runs)


def duration(seconds: float) -> str:
    """
    :param seconds: a time
    :return: e.g. ``2 h 05 min``, ``48 s``
    """
    if math.isnan(seconds):
        return NOTHING
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def listed(words: Sequence[str], most: int = 12) -> str:
    """
    :param words: some words
    :param most: how many are written out
    :return: ``a, b and c``, or the first few and how many more
    """
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    # −0.0 is 0.0.
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")


def better(measure: str) -> str:
    """
    :param measure: a measure's name
    :return: in brackets, which score is the better one
    """
    higher = MEASURES.get(measure).higher_is_better if measure in MEASURES else None
    return {True: " (a higher score)", False: " (a lower score)", None: " (here: has the higher score)"}[higher]


def comparison_heads(kind: str) -> dict[str, str]:
    """
    :param kind: what a criterion compares: ``"pair"``, ``"interaction"``, ``"number"``, ``"share"``, ``"midpoint"`` or
        ``"rank"``
    :return: what its table shows, and the heads of the columns of both sides
    """
    if kind == "interaction":
        return {"what": "Difference of differences", "treatment": "Difference", "control": "Minus"}
    if kind == "rank":
        return {"what": "Difference from the number", "treatment": "Of", "control": "Number"}
    if kind == "midpoint":
        return {"what": "Difference of the midpoint from the number", "treatment": "Arm", "control": "Number"}
    if kind in ("number", "share"):
        return {"what": "Difference from the number", "treatment": "Arm", "control": "Number"}
    return {"what": "Treatment − control", "treatment": "Treatment", "control": "Control"}
