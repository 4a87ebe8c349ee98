"""Checks before anything is written: what is stored is read again as it was."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

from sb3_entropy.errors import check_choice
from sb3_entropy.store.records import Member, RunRecord

STATUSES = ("finished", "failed")
_INT64 = 2**63
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def checked_record(record: RunRecord) -> RunRecord:
    """
    :param record: a record as it was made
    :return: the same as it will be read again: numbers as Python's, JSON's types in the mappings, printable text
    :raises ValueError: if the status is unknown, a name is empty, steps do not increase or a curve has another length
    :raises TypeError: if a score or a curve is not of numbers, or a mapping is not JSON
    """
    where = f"run {record.run_id!r}"
    check_text("run_id", record.run_id)
    check_choice("status", record.status, STATUSES)
    steps = tuple(_whole(f"steps of {where}", step) for step in record.steps)
    if any(a >= b for a, b in pairwise(steps)):
        raise ValueError(f"steps of {where} must increase strictly, but {steps} were given.")
    curves = {}
    for name, values in record.curves.items():
        check_text(f"a curve's name in {where}", name)
        curves[name] = tuple(_number(f"curve {name!r} of {where}", value) for value in values)
        if len(curves[name]) != len(steps):
            raise ValueError(
                f"curve {name!r} of {where} must have a value at each of the {len(steps)} steps, but "
                f"{len(curves[name])} were given. Put NaN where nothing was measured."
            )
    return replace(
        record,
        definition=_json(f"definition of {where}", record.definition),
        scores=checked_scores(where, record.scores),
        steps=steps,
        curves=curves if steps else {},
        error=None if record.error is None else _CONTROL.sub(_escaped, str(record.error)),
        recorded=_json(f"recorded of {where}", record.recorded),
    )


def checked_scores(where: str, scores: Mapping[str, float]) -> dict[str, float]:
    """
    :param where: whose scores, for messages
    :param scores: measures by name
    :return: the same as Python's floats
    :raises ValueError: if a name is empty or has control characters
    :raises TypeError: if a value is not a number
    """
    for name in scores:
        check_text(f"a score's name in {where}", name)
    return {name: _number(f"score {name!r} of {where}", value) for name, value in scores.items()}


def checked_members(study: str, members: Iterable[Member]) -> list[Member]:
    """
    :param study: the study's name
    :param members: its members
    :return: the same, with Python's whole numbers as seeds
    :raises ValueError: if a member belongs to another study, or a place is taken twice, or a name is empty
    :raises TypeError: if a seed is not a whole number
    """
    check_text("study", study)
    found: dict[tuple[str, str, int], Member] = {}
    for member in members:
        if member.study != study:
            raise ValueError(f"Members of study {study!r} were to be set, but {member} belongs to another one.")
        for name in ("arm", "environment", "run_id"):
            check_text(name, getattr(member, name))
        place = member.arm, member.environment, _whole("seed", member.seed)
        if place in found:
            raise ValueError(f"Study {study!r} has arm {place[0]!r}, environment {place[1]!r}, seed {place[2]} twice.")
        found[place] = replace(member, seed=place[2])
    return list(found.values())


def check_text(name: str, value: object) -> None:
    """
    :param name: what it is
    :param value: what was given
    :raises ValueError: if it is not a text, is empty, or has control characters (tables and CSV have one line a row)
    """
    if not isinstance(value, str) or not value or _CONTROL.search(value):
        raise ValueError(f"{name} must be a text on one line, not empty, but {value!r} was given.")


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be whole numbers, but {value!r} ({type(value).__name__}) was given.")
    if not -_INT64 <= int(value) < _INT64:
        raise ValueError(f"{name} must fit into 64 bits, but {value!r} was given.")
    return int(value)


def _number(name: str, value: Any) -> float:
    # type() first: there are many of them, and nearly all are plain floats.
    if type(value) is not float and (isinstance(value, bool) or not isinstance(value, Real)):
        raise TypeError(f"{name} must be numbers, but {value!r} ({type(value).__name__}) was given.")
    return float(value)


def _json(name: str, value: Any) -> dict[str, Any]:
    try:
        plain = json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be plain data (JSON), but: {error}.") from error
    if not isinstance(plain, dict):
        raise TypeError(f"{name} must be a mapping, but {value!r} was given.")
    return plain


def _escaped(match: re.Match[str]) -> str:
    return match.group() if match.group() in "\n\t" else match.group().encode("unicode_escape").decode()
