"""What is stored of a run, and of a study's membership."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RunRecord:
    """
    One run's numbers.

    :param run_id: the hash of what defines the run
    :param definition: what defines it, as JSON
    :param status: ``finished`` or ``failed``
    :param scores: measures by name; NaN and ±∞ are allowed
    :param steps: where the curves were measured, in environment steps, strictly increasing, shape (T,)
    :param curves: values on ``steps`` by name, each of shape (T,); NaN and ±∞ are allowed; none is kept if T = 0
    :param error: the traceback of a failed run
    :param recorded: what may differ between equal runs, as JSON: wall-clock times, host, engine, commit …
    """

    run_id: str
    definition: dict[str, Any]
    status: str
    scores: dict[str, float]
    steps: tuple[int, ...]
    curves: dict[str, tuple[float, ...]]
    error: str | None
    recorded: dict[str, Any]


@dataclass(frozen=True)
class Member:
    """
    One place in a study.

    :param study: the study's name
    :param arm: the arm's label
    :param environment: the environment's id
    :param seed: the seed
    :param run_id: the run that belongs there, whether or not it has been done
    """

    study: str
    arm: str
    environment: str
    seed: int
    run_id: str


@dataclass(frozen=True)
class Counts:
    """
    How far a study is.

    :param finished: places whose run is finished
    :param failed: places whose run has failed
    :param missing: places whose run has not been done
    """

    finished: int
    failed: int
    missing: int


def content(record: RunRecord) -> str:
    """
    :param record: a record
    :return: all of it but ``recorded``, as one line of JSON; floats are exact, NaN is NaN
    """
    return json.dumps({name: getattr(record, name) for name in _TIMELESS}, sort_keys=True, separators=(",", ":"))


_TIMELESS = ("run_id", "definition", "status", "scores", "steps", "curves", "error")


def same_but_clock(a: RunRecord, b: RunRecord) -> bool:
    """
    :param a: a record
    :param b: another one
    :return: whether they are equal in everything but ``recorded``, bit for bit; NaN equals NaN
    """
    return content(a) == content(b)
