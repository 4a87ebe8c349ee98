"""Options that are given as ``{"kind": …, …}``."""

from collections.abc import Mapping
from typing import Any

from sb3_entropy.errors import check_choice, unknown

REQUIRED = object()  # stands where an option has no default


def read_options(name: str, given: Any, kinds: Mapping[str, Mapping[str, Any]]) -> tuple[str, dict[str, Any]]:
    """
    :param name: the argument's name
    :param given: what was given for it
    :param kinds: for each kind its options and their defaults, or :data:`REQUIRED`
    :return: the kind, and a value for each of its options
    :raises TypeError: if no dictionary was given
    :raises ValueError: if the kind or an option is not known, or a required option is missing
    """
    known = ", ".join(kinds)
    if not isinstance(given, Mapping):
        raise TypeError(f"{name} must be a dictionary with 'kind' (one of {known}), but {given!r} was given.")
    if "kind" not in given:
        raise ValueError(f"{name} must say its 'kind', one of {known}, but {dict(given)!r} was given.")
    kind = given["kind"]
    check_choice(f"{name}['kind']", kind, kinds)
    defaults = kinds[kind]
    for key in given:
        if key != "kind" and key not in defaults:
            raise ValueError(unknown(f"option of {name} of kind {kind!r}:", key, defaults))
    values = {**defaults, **{key: value for key, value in given.items() if key != "kind"}}
    missing = [key for key, value in values.items() if value is REQUIRED]
    if missing:
        raise ValueError(f"{name} of kind {kind!r} needs {missing[0]!r}, but {dict(given)!r} was given.")
    return kind, values
