"""How a thing is made from its key and its options."""

import inspect
from collections.abc import Mapping
from typing import Any

from sb3_entropy.errors import unknown
from sb3_entropy.registry import Registry


def by_name(registry: Registry[Any], spec: object, options: Mapping[str, Any]) -> Any:
    """
    :param registry: where the key is looked up; ``registry.kind`` is what a mapping names the key
    :param spec: a key, or a mapping ``{kind: key, **options}``
    :param options: further arguments of its constructor
    :return: the thing of that name, made with these options
    :raises TypeError: if ``spec`` is neither
    :raises ValueError: if the key or an option is unknown
    """
    kind = registry.kind
    if isinstance(spec, Mapping):
        options = {**spec, **options}
        if kind not in options:
            raise ValueError(
                f"A {kind} as a mapping has its name under {kind!r}: {{{kind!r}: name, option: value}}, but "
                f"{dict(spec)!r} was given."
            )
        spec = options.pop(kind)
    if not isinstance(spec, str):
        raise TypeError(
            f"A {kind} is given by its name, by a mapping {{{kind!r}: name, option: value}} or as an object, but "
            f"{spec!r} ({type(spec).__name__}) was given."
        )
    make = registry.get(spec)
    parameters = inspect.signature(make).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        for name in options:
            if name not in parameters:
                raise ValueError(unknown(f"{spec} option", name, parameters))
    return make(**options)
