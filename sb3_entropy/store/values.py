"""Checks before anything is written: what is stored is read again as it was."""

import json
import math
import re
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

_INT64 = 2**63
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def check_text(name: str, value: object) -> None:
    """
    :param name: what it is
    :param value: what was given
    :raises ValueError: if it is not a text, is empty, or has control characters (tables and CSV have one line a row)
    """
    if not isinstance(value, str) or not value or _CONTROL.search(value):
        raise ValueError(f"{name} must be a text on one line, not empty, but {value!r} was given.")


def printable(text: object) -> str:
    """
    :param text: some lines
    :return: the same with control characters, but line ends and tabs, written out
    """
    return _CONTROL.sub(
        lambda found: found[0] if found[0] in "\n\t" else found[0].encode("unicode_escape").decode(), str(text)
    )


def whole(name: str, value: Any) -> int:
    """
    :param name: what it is
    :param value: what was given
    :return: the same as Python's
    :raises TypeError: if it is not a whole number
    :raises ValueError: if it is too large for SQLite
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be whole numbers, but {value!r} ({type(value).__name__}) was given.")
    if not -_INT64 <= int(value) < _INT64:
        raise ValueError(f"{name} must fit into 64 bits, but {value!r} was given.")
    return int(value)


def number(name: str, value: Any) -> float:
    """
    :param name: what it is
    :param value: what was given
    :return: the same as Python's float
    :raises TypeError: if it is not a number
    """
    # type() first: there are many of them, and nearly all are plain floats.
    if type(value) is not float and (isinstance(value, bool) or not isinstance(value, Real)):
        raise TypeError(f"{name} must be numbers, but {value!r} ({type(value).__name__}) was given.")
    return float(value)


def plain(name: str, value: Any) -> dict[str, Any]:
    """
    :param name: what it is
    :param value: what was given
    :return: the same with JSON's types, as it is read again
    :raises TypeError: if it is not a mapping of plain data
    """
    try:
        found = json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be plain data (JSON), but: {error}.") from error
    if not isinstance(found, dict):
        raise TypeError(f"{name} must be a mapping, but {value!r} was given.")
    return found


def exact(name: str, value: Any) -> Any:
    """
    :param name: what it is
    :param value: mappings with texts for keys, lists, texts, numbers of Python's or NumPy's, booleans and ``None``
    :return: the same with JSON's types: whatever is equal to it has the same text
    :raises TypeError: if something in it is none of these
    :raises ValueError: if there is a NaN in it
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            raise ValueError(f"{name} is NaN, which equals nothing and would not be found again. Give None instead.")
        return value
    if isinstance(value, (list, tuple)):
        return [exact(f"{name}[{i}]", inner) for i, inner in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{name} has the key {key!r}, which is no text. Write it as one: {str(key)!r}.")
        return {str(key): exact(f"{name}[{key!r}]", inner) for key, inner in value.items()}
    raise TypeError(
        f"{name} must be plain data (a mapping, a list, a text, a number, a boolean or None), but {value!r} "
        f"({type(value).__name__}) was given. Convert it, an array by .tolist()."
    )
