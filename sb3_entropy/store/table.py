"""What the nouns have in common: they stand on a store, and keep floats bit for bit."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sb3_entropy.store.database import Database

#: how many values a query may name at once: SQLite allowed 999 question marks for long
AT_ONCE = 500


class Table:
    """
    Rows of one kind. Every public method of a table is one transaction.

    :param store: where they are
    """

    def __init__(self, store: "Database") -> None:
        self._store = store


def stored_float(value: float | None) -> float:
    """
    :param value: as SQLite returns it, which has no NaN
    :return: as it was given
    """
    return math.nan if value is None else value
