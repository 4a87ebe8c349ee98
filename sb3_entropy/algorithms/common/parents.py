"""Which algorithm of Stable-Baselines3 or sb3-contrib one of ours extends."""

from stable_baselines3.common.base_class import BaseAlgorithm


def stock_parent(algorithm: type) -> type[BaseAlgorithm] | None:
    """
    :param algorithm: a class
    :return: the algorithm of another library that it extends, None if it extends none; what is abstract is in their
        ``common``, and no parent
    """
    for base in algorithm.__mro__:
        theirs = (
            base.__module__.startswith(("stable_baselines3.", "sb3_contrib.")) and ".common." not in base.__module__
        )
        if theirs and issubclass(base, BaseAlgorithm):
            return base
    return None
