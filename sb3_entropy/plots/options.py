"""The options of a figure are the keyword arguments of its function: checked before anything is run."""

import inspect
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from sb3_entropy.errors import check_number, unknown
from sb3_entropy.registry import FIGURES


def check_options(figure: str, options: Mapping[str, Any], known: Mapping[str, Collection[str]] | None = None) -> None:
    """
    :param figure: a figure's name
    :param options: what its function is to be called with
    :param known: for options that name something of the study, the names that there are: ``{"measure": …, "x": …}``
    :raises ValueError: if there is no such figure or option, a value is not allowed, or an option is missing
    :raises TypeError: if a value is of another type
    """
    draw = FIGURES.get(figure)
    parameters = inspect.signature(draw).parameters.values()
    FIGURES.check_options(figure, options, [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD])
    hints = typing.get_type_hints(draw)
    for name, value in options.items():
        _check(f"The option {name!r} of the figure {figure!r}", value, hints.get(name, Any))
        if known and name in known and value is not None:
            for item in [value] if isinstance(value, str) else value:
                if item not in known[name]:
                    raise ValueError(unknown(f"{name} in the figure {figure!r}", item, known[name]))


def _check(what: str, value: Any, hint: Any) -> None:
    """Choices, texts, numbers, booleans, lists of texts, and unions of these; any other annotation allows anything."""
    if get_origin(hint) in {typing.Union, types.UnionType}:
        inner = [kind for kind in get_args(hint) if kind is not type(None)]
        if value is None and len(inner) < len(get_args(hint)):
            return None
        # The last alternative's message is the one that is shown.
        for kind in inner[:-1]:
            try:
                return _check(what, value, kind)
            except (TypeError, ValueError):
                continue
        hint = inner[-1]
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ValueError(unknown(f"value of {what[0].lower()}{what[1:]}", value, get_args(hint)))
    elif hint in {int, float}:
        check_number(what, value, integer=hint is int)
    elif hint in {str, bool} and not isinstance(value, hint):
        expected = {str: "a text", bool: "true or false"}[hint]
        raise TypeError(f"{what} must be {expected}, but {value!r} was given.")
    elif get_origin(hint) in {list, tuple, Sequence} and (
        isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(item, str) for item in value)
    ):
        raise TypeError(f"{what} must be a list of texts, but {value!r} was given.")
    return None
