"""rl_zoo3's modules, with our algorithms in its dictionaries."""

import importlib
from typing import Any

from sb3_entropy.environments import register_envs
from sb3_entropy.errors import how_to_install
from sb3_entropy.registry import ALGORITHMS


def import_rl_zoo(module: str = "rl_zoo3") -> Any:
    """
    :param module: the name of one of rl_zoo3's modules
    :return: the module, which knows our algorithms and the plugins' environments
    :raises ImportError: if rl_zoo3, or something that it needs, is not installed
    """
    try:
        rl_zoo3 = importlib.import_module("rl_zoo3")
        options = importlib.import_module("rl_zoo3.hyperparams_opt")
        importlib.import_module("rl_zoo3.import_envs")  # Atari's, if they are installed
        loaded = importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"This command needs rl_zoo3, which cannot be imported: {error}. Install it: {how_to_install('zoo')}"
        ) from error
    from sb3_entropy.zoo.samplers import CONVERTERS, SAMPLERS

    rl_zoo3.ALGOS.update(ALGORITHMS.items())
    options.HYPERPARAMS_SAMPLER.update(SAMPLERS)
    options.HYPERPARAMS_CONVERTER.update(CONVERTERS)
    register_envs()
    return loaded
