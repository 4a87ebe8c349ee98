"""What the page knows of every run: scores, and curves in a size that is bounded."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sb3_entropy.plots.study.figure_data import ArmData, FigureData

#: how many numbers the curves of all runs may be together: about 7 MB of text
BUDGET = 1_000_000
MOST_POINTS, FEWEST_POINTS = 200, 10
DIGITS = 4
_FIRST = ("deterministic/return", "stochastic/return", "policy/entropy", "train/ent_coef", "policy/outside_box")


@dataclass(frozen=True)
class Embedded:
    """
    :param data: plain data for the page's script
    :param note: one sentence on what was rounded and left out
    """

    data: dict[str, Any]
    note: str

    def json(self) -> str:
        """:return: the data as JSON that can stand in a ``<script>``: no ``<``, ``>`` or ``&``"""
        text = json.dumps(self.data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        for character in "<>&\u2028\u2029":
            text = text.replace(character, f"\\u{ord(character):04x}")
        return text


def embed(
    data: FigureData,
    run_ids: dict[tuple[str, str, int], str],
    budget: int = BUDGET,
    first: Sequence[str] = (),
) -> Embedded:
    """
    :param data: the finished runs
    :param run_ids: by arm's label, environment and seed
    :param budget: how many numbers of curves at most
    :param first: names of the curves that the study is about; the first of them is shown first
    :return: every run's scores and curves. If there are too many, the curves are thinned to fewer points, down to 10;
        then curves are dropped, the first last; then the curves of some seeds
    """
    n_runs = sum(len(arm.seeds) for arm in data.arms)
    longest = max((len(arm.steps) for arm in data.arms), default=0)
    names = _ordered({name for arm in data.arms for name in arm.curves}, first)
    all_names = len(names)
    points = _fit(budget, n_runs * len(names), longest)
    if n_runs * len(names) * points > budget:
        names = names[: max(1, budget // (n_runs * points))]
        # What dropping has made room for goes to more points.
        points = _fit(budget, n_runs * len(names), longest)
    every = max(1, -(-n_runs * len(names) * points // budget))
    steps: list[list[float]] = []
    arms = list(dict.fromkeys(arm.label for arm in data.arms))
    cells = [_cell(arm, arms.index(arm.label), data, names, points, every, steps, run_ids) for arm in data.arms]
    said = [f"Curves are rounded to {DIGITS} digits"]
    if points < longest:
        said.append(f"thinned to {points} of {longest} points, evenly, the last among them")
    if len(names) < all_names:
        said.append(f"{len(names)} of {all_names} recorded curves are here: {', '.join(names)}")
    if every > 1:
        said.append(f"every {every}th run of an arm has its curves here")
    return Embedded(
        {
            "arms": arms,
            "environments": data.environments,
            "measures": list(data.measures),
            "curves": names,
            "steps": steps,
            "cells": cells,
        },
        "; ".join(said) + ". The store, or an export of the study, has them all in full.",
    )


def _fit(budget: int, curves: int, longest: int) -> int:
    allowed = budget // curves if curves else MOST_POINTS
    return min(longest, max(FEWEST_POINTS, min(MOST_POINTS, allowed)))


def _ordered(names: set[str], first: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys([*first, *_FIRST, *sorted(names)]) if name in names]


def _cell(
    arm: ArmData,
    index: int,
    data: FigureData,
    names: Sequence[str],
    points: int,
    every: int,
    steps: list[list[float]],
    run_ids: dict[tuple[str, str, int], str],
) -> dict[str, Any]:
    """One arm in one environment: its seeds, run ids, scores (measure by measure) and curves (curve by curve)."""
    kept = np.unique(np.linspace(0, len(arm.steps) - 1, min(points, len(arm.steps))).round().astype(int))
    at = arm.steps[kept].tolist()
    if at not in steps:
        steps.append(at)
    return {
        "arm": index,
        "environment": data.environments.index(arm.environment),
        "steps": steps.index(at),
        "every": every,
        "seeds": arm.seeds.tolist(),
        "ids": [run_ids.get((arm.label, arm.environment, int(seed)), "") for seed in arm.seeds],
        "scores": [rounded(arm.scores[key], DIGITS + 2) for key in data.measures],
        "curves": [rounded(arm.curves[n][::every, kept], DIGITS) if n in arm.curves else None for n in names],
    }


def rounded(values: np.ndarray, digits: int) -> Any:
    """
    :param values: numbers, any shape
    :param digits: significant ones
    :return: nested lists, short to write; ``None`` where a number is not finite
    """
    finite = np.isfinite(values)
    safe = np.where(finite & (values != 0), values, 1.0)
    with np.errstate(over="ignore"):
        factor = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(safe))))
        short = np.where(values == 0, 0.0, np.round(safe * factor) / factor)
    short = np.where(np.isfinite(short), short, safe)
    if finite.all() and (short == np.round(short)).all() and (np.abs(short) < 2**53).all():
        return short.astype(np.int64).tolist()
    nested = short.astype(object)
    nested[~finite] = None
    return nested.tolist()
