"""Under what conditions the runs were made: hyperparameters, versions, and what went wrong."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sb3_entropy.errors import last_message
from sb3_entropy.reports.wording import seeds_text
from sb3_entropy.studies.results import RunView, StudyResults

MOST_FAILURES = 50
MOST_LETTERS = 20_000
_APART = ("seed", "versions", "environment")


@dataclass(frozen=True)
class Conditions:
    """
    :param common: what is the same in all runs, by dotted key
    :param differing: the keys that are not
    :param rows: (arm, environment, seeds, values of ``differing``)
    :param versions: values by package, several if runs differ
    :param circumstances: values by what may differ between equal runs, with how many runs have each
    :param wall_seconds: of all runs together; NaN if unknown
    """

    common: dict[str, str]
    differing: list[str]
    rows: list[tuple[str, str, str, list[str]]]
    versions: dict[str, list[str]]
    circumstances: dict[str, list[tuple[str, int]]]
    wall_seconds: float


@dataclass(frozen=True)
class Failure:
    """
    Runs that failed in one way.

    :param where: (arm, environment, seeds)
    :param count: how many runs
    :param summary: what the exception says, on one line
    :param traceback: of one of them, or its end if it is very long
    """

    where: list[tuple[str, str, str]]
    count: int
    summary: str
    traceback: str


def conditions(runs: Sequence[RunView]) -> Conditions:
    """
    :param runs: the runs of a study
    :return: their conditions
    """
    cells: dict[tuple[str, str], list[RunView]] = {}
    for run in runs:
        cells.setdefault((run.arm, run.environment), []).append(run)
    flat = {cell: flattened(_without(of_cell[0].definition, _APART)) for cell, of_cell in cells.items()}
    keys = list(dict.fromkeys(key for values in flat.values() for key in values))
    differing = [key for key in keys if len({values.get(key, "–") for values in flat.values()}) > 1]
    first = next(iter(flat.values()), {})
    rows = [
        (arm, env, seeds_text(run.seed for run in of_cell), [flat[arm, env].get(key, "–") for key in differing])
        for (arm, env), of_cell in cells.items()
    ]
    versions: dict[str, list[str]] = {}
    for of_cell in cells.values():
        for name, value in {**of_cell[0].definition.get("versions", {})}.items():
            if value not in versions.setdefault(name, []):
                versions[name].append(value)
    seconds = [float(run.recorded.get("wall_seconds", np.nan)) for run in runs]
    return Conditions(
        common={key: first[key] for key in keys if key not in differing},
        differing=differing,
        rows=rows,
        versions=dict(sorted(versions.items())),
        circumstances=_circumstances(runs),
        wall_seconds=float(np.nansum(seconds)) if np.isfinite(seconds).any() else float("nan"),
    )


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """
    :param values: nested plain data
    :param prefix: of the keys
    :return: texts by dotted key; without empty mappings
    """
    flat: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping):
            flat.update(flattened(value, name))
        else:
            flat[name.removeprefix("hyperparams.")] = str(value)
    return flat


def failures(runs: Sequence[RunView]) -> tuple[list[Failure], int]:
    """
    :param runs: the runs of a study
    :return: those that failed, together where their tracebacks are equal, at most 50 kinds; how many kinds there are
    """
    kinds: dict[str, list[RunView]] = {}
    for run in runs:
        if run.status == "failed":
            kinds.setdefault(run.error or "no traceback was recorded", []).append(run)
    listed = []
    for error, of_kind in list(kinds.items())[:MOST_FAILURES]:
        cells: dict[tuple[str, str], list[int]] = {}
        for run in of_kind:
            cells.setdefault((run.arm, run.environment), []).append(run.seed)
        where = [(arm, env, seeds_text(seeds)) for (arm, env), seeds in cells.items()]
        text = error if len(error) <= MOST_LETTERS else f"… ({len(error)} letters in all)\n{error[-MOST_LETTERS:]}"
        listed.append(Failure(where, len(of_kind), " ".join(last_message(error).split()), text))
    return listed, len(kinds)


def missing(results: StudyResults) -> list[tuple[str, str, str]]:
    """
    :param results: a study's results
    :return: (arm, environment, seeds) of the runs that are planned and not done; empty if that cannot be told
    """
    done = {(run.arm, run.environment, run.seed) for run in results.runs}
    study = results.study
    cells = [(variant.label, env) for variant in results.plan.variants for env in study.environments]
    # Fewer or more seeds than the study's may have been asked for: the number of runs tells which.
    for seeds in (study.seeds, sorted({run.seed for run in results.runs})):
        left = {(*cell,): [seed for seed in seeds if (*cell, seed) not in done] for cell in cells}
        if sum(map(len, left.values())) == results.missing:
            return [(*cell, seeds_text(of_cell)) for cell, of_cell in left.items() if of_cell]
    return []


def _without(definition: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in definition.items() if key not in keys}


def _circumstances(runs: Sequence[RunView]) -> dict[str, list[tuple[str, int]]]:
    """Those that take few values: not times."""
    counts: dict[str, Counter[str]] = {}
    for run in runs:
        for key, value in run.recorded.items():
            if isinstance(value, str) and key not in {"started", "finished"}:
                counts.setdefault(key, Counter())[value or "unknown"] += 1
    return {key: counter.most_common(8) for key, counter in sorted(counts.items())}
