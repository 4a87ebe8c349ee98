"""What single values of a table are: numbers, truth values, texts, or something else."""

import numbers
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np

NUMBER, TRUTH_VALUE, TEXT = "number", "truth value", "text"


def kind_of(value: Any) -> str:
    """:return: ``"number"``, ``"truth value"``, ``"text"``, or the name of another type"""
    if isinstance(value, bool | np.bool_):
        return TRUTH_VALUE
    if isinstance(value, numbers.Real | Decimal):
        return NUMBER
    return TEXT if isinstance(value, str) else type(value).__name__


def kinds_of(values: Iterable[Any]) -> dict[str, Any]:
    """:return: the kinds that there are, each with the first value of it"""
    found: dict[str, Any] = {}
    for value in values:
        found.setdefault(kind_of(value), value)
    return found


def check_texts(texts: Iterable[Any], where: str) -> None:
    """
    :param texts: categories, each once; those that are no texts may be among them
    :param where: what a message calls the column
    :raises ValueError: if two of them differ in blanks at their ends alone
    """
    seen: dict[str, str] = {}
    for text in filter(lambda category: isinstance(category, str), texts):
        other = seen.setdefault(text.strip(), text)
        if other != text:
            raise ValueError(
                f"{where} has {other!r} and {text!r}, which differ in blanks at their ends alone and would become two "
                "categories. Strip them, with Series.str.strip() for example, and then .astype('category') if they are "
                "categories."
            )


def is_numeral(text: str) -> bool:
    """:return: whether a text is a number as people and programs write it: 1.5, 1,5, 1'000, 5 %, nan; or is empty"""
    bare = text.strip().removesuffix("%").translate(str.maketrans("", "", " ,'_\u00a0\u202f"))
    try:
        float(bare or "0")
    except ValueError:
        return False
    return True
