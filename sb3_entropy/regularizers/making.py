"""Regularisers from what a user asks for, and those that were there before."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sb3_entropy.errors import unknown
from sb3_entropy.handed_over import owned
from sb3_entropy.registry import DIVERGENCES, REFERENCES
from sb3_entropy.regularizers.regularizer import Regularizer


def make_regularizers(given: Any, before: Iterable[Any] = ()) -> list[Regularizer]:
    """
    :param given: a list of arguments of :class:`Regularizer`, one mapping each, or of regularisers, which are copied;
        None for none
    :param before: regularisers that there were, of which those that are given again keep their state
    :return: the regularisers
    :raises TypeError: if it is no list of mappings, or an argument is of the wrong type
    :raises ValueError: if an argument is unknown, missing or out of its range
    """
    if given is None:
        return []
    if isinstance(given, (str, Mapping)) or not isinstance(given, Sequence):
        raise TypeError(
            "regularizers must be a list of mappings, such as [dict(divergence='kl', reference='uniform', coef=0.1)], "
            f"but {given!r} was given."
        )
    asked = [_checked(options, f"regularizers[{index}]") for index, options in enumerate(given)]
    matched = _matched(asked, before)
    made: list[Regularizer] = []
    for index, options in enumerate(asked):
        try:
            if isinstance(options, Regularizer):
                made.append(owned(options))
            elif index in matched:
                made.append(matched[index].changed(options, options))
            else:
                made.append(Regularizer(**options))
        except (TypeError, ValueError) as error:
            raise type(error)(f"regularizers[{index}]: {error}") from error
    return made


def _checked(options: Any, where: str) -> Regularizer | dict[str, Any]:
    """All arguments of a regulariser by name; a regulariser as it is."""
    if isinstance(options, Regularizer):
        return options
    if not isinstance(options, Mapping):
        raise TypeError(f"{where} must be a mapping with the key 'divergence', but {options!r} was given.")
    names = inspect.signature(Regularizer).parameters
    for option in options:
        if option not in names:
            defaults = {"reference": names["reference"].default}
            message = misplaced({**defaults, **options}, option) or unknown("key", option, names)
            raise ValueError(f"{where}: {message}")
    if "divergence" not in options:
        raise ValueError(f"{where} needs the key 'divergence', but {dict(options)!r} was given.")
    return {**{name: parameter.default for name, parameter in names.items()}, **options}


def misplaced(given: Mapping[Any, Any], option: Any) -> str | None:
    """
    The message for an option of a divergence or a reference that stands beside it.

    :param given: arguments of :class:`Regularizer` by name, the defaults included, and the option
    :param option: a name that is none of them
    :return: whose option it is and where it belongs; None if it is neither's
    """
    for registry in (DIVERGENCES, REFERENCES):
        key = given.get(registry.kind)
        key = key.get(registry.kind) if isinstance(key, Mapping) else key
        if isinstance(key, str) and key in registry and option in registry.options_of(key):
            return (
                f"{option!r} is an option of {registry.kind}={key!r}. Give it there: "
                f"{registry.options_in}=dict({option}=…)."
            )
    return None


def _matched(asked: Sequence[Regularizer | Mapping[str, Any]], before: Iterable[Any]) -> dict[int, Regularizer]:
    """What was there before, by the place of what is asked for: first that which differs least, then the nearest."""
    there = [rule for rule in before if isinstance(rule, Regularizer)]
    pairs = sorted(
        (len(rule.differing(options)), abs(place - old_place), place, old_place)
        for place, options in enumerate(asked)
        if isinstance(options, Mapping)
        for old_place, rule in enumerate(there)
    )
    places: dict[int, int] = {}
    for _, _, place, old_place in pairs:
        if place not in places and old_place not in places.values():
            places[place] = old_place
    return {place: there[old_place] for place, old_place in places.items()}
