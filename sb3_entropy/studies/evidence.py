"""
What is said of a study where its runs are not: its verdict, and the figures that decide it.

The runs of our own studies are in ``evidence/``, in the repository and in the source distribution. The package has a
table that is made from them by ``sb3-entropy evidence --table``; a test holds it to be what they say.
"""

import functools
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from sb3_entropy.statistics import Difference, Interval
from sb3_entropy.studies.spec import Study
from sb3_entropy.studies.verdict import ComparisonResult, CriterionResult, Verdict

TABLE = Path(__file__).with_name("evidence.json")


@dataclass(frozen=True)
class OurScores:
    """
    Scores that stand beside published ones.

    :param arm: the variant's label
    :param environment: where
    :param n: how many runs have scores, in words
    :param estimates: by measure, of which something is published; ``None`` if no run has that score
    """

    arm: str
    environment: str
    n: str
    estimates: dict[str, Interval | None]


@dataclass(frozen=True)
class Evidence:
    """
    :param study: the study
    :param verdict: by its rule, without what decides nothing
    :param finished: how many of its runs are finished
    :param failed: how many have failed
    :param missing: how many are planned and not done
    :param seeds: of the finished runs, in ascending order
    :param tried: how many seeds have a run, finished or failed
    :param ours: our scores where something is published
    """

    study: Study
    verdict: Verdict
    finished: int
    failed: int
    missing: int
    seeds: tuple[int, ...]
    tried: int
    ours: tuple[OurScores, ...]

    @property
    def in_a_few_words(self) -> str:
        """:return: the outcome, and from how many runs it is"""
        runs = self.finished + self.failed + self.missing
        return f"{self.verdict.outcome} ({self.finished} of {runs} runs finished, exported)"


def tabulated(study: Study) -> Evidence | None:
    """
    :param study: a study
    :return: what the package's table says of it; ``None`` if nothing, or of another YAML
    """
    entry = _table().get(study.name)
    if entry is None or entry["yaml"] != _identity(study):
        return None
    ours = tuple(
        OurScores(**{**row, "estimates": {measure: _interval(found) for measure, found in row["estimates"].items()}})
        for row in entry["ours"]
    )
    counts = {name: entry[name] for name in ("finished", "failed", "missing", "tried")}
    return Evidence(study, _verdict(entry["verdict"]), seeds=tuple(entry["seeds"]), ours=ours, **counts)


def table_text(found: Iterable[Evidence]) -> str:
    """
    :param found: the evidence of studies
    :return: the package's table: JSON, a line a study, estimates exact and of other numbers the first seven digits
    """
    lines = []
    for evidence in found:
        entry = {field.name: getattr(evidence, field.name) for field in fields(Evidence) if field.name != "study"}
        entry = {**entry, "verdict": asdict(evidence.verdict), "ours": [asdict(row) for row in evidence.ours]}
        told = json.dumps(
            {"yaml": _identity(evidence.study), **_shortened(entry)}, ensure_ascii=False, separators=(",", ":")
        )
        lines.append(f"{json.dumps(evidence.study.name)}: {told}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _shortened(values: Any) -> Any:
    """Estimates stay exact: a mean of scores of few digits may stand where rounding turns."""
    if isinstance(values, dict):
        return {key: value if key == "value" else _shortened(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_shortened(value) for value in values]
    return _short(values) if isinstance(values, float) else values


def _short(value: float) -> float:
    """Seven digits, or all where these would be rounded to fewer otherwise than the number itself."""
    short = float(f"{value:.7g}")
    return short if all(f"{short:.{n}g}" == f"{value:.{n}g}" for n in range(1, 7)) else value


@functools.cache
def _table() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))
    return table


def _identity(study: Study) -> str:
    """A hash of the YAML but for what is merely written about the runs."""
    values = {key: value for key, value in study.document.values.items() if key not in ("finding", "remarks")}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def _verdict(entry: dict[str, Any]) -> Verdict:
    criteria = tuple(_criterion(criterion) for criterion in entry["criteria"])
    former = tuple(None if before is None else _verdict(before) for before in entry["former"])
    return Verdict(entry["outcome"], criteria, former=former)


def _criterion(entry: dict[str, Any]) -> CriterionResult:
    return CriterionResult(**{**entry, "comparisons": tuple(_comparison(each) for each in entry["comparisons"])})


def _comparison(entry: dict[str, Any]) -> ComparisonResult:
    difference = None if entry["difference"] is None else Difference(**entry["difference"])
    return ComparisonResult(
        **{
            **entry,
            "difference": difference,
            "improvement": _interval(entry["improvement"]),
            "sides": tuple(entry["sides"]),
        }
    )


def _interval(entry: dict[str, Any] | None) -> Interval | None:
    return None if entry is None else Interval(**entry)
