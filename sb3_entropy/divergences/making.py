"""Divergences by their names."""

from collections.abc import Mapping
from typing import Any

from sb3_entropy.divergences.base import Divergence
from sb3_entropy.divergences.by_name import by_name
from sb3_entropy.registry import DIVERGENCES


def make_divergence(spec: str | Mapping[str, Any] | Divergence, **options: Any) -> Divergence:
    """
    :param spec: a key, a mapping ``{"divergence": key, **options}``, or a divergence, which is returned as it is
    :param options: ``estimator``, ``n_samples``, ``kernel`` for MMD, and what else its constructor takes
    :return: the divergence
    :raises TypeError: if ``spec`` is none of these
    :raises ValueError: if the key or an option is unknown, or an option is out of range
    """
    if isinstance(spec, Divergence):
        if options:
            raise ValueError(
                f"The divergence {type(spec).__name__} is made already and takes no options, but {', '.join(options)} "
                "was given. Give them to its constructor."
            )
        return spec
    made: Divergence = by_name(DIVERGENCES, spec, options)
    return made
