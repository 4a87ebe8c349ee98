"""A saved model: which class has saved it, and the model itself, with nothing run that is in the file."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sb3_contrib
import stable_baselines3
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.unpickling.fingerprints import stock_algorithms
from sb3_entropy.unpickling.model_zip import PICKLE, checked_copy
from sb3_entropy.unpickling.saved_file import check_zip
from sb3_entropy.unpickling.unpickler import loads

#: of files that store the same names: where the policies of the one and of the other are defined
_POLICIES = {"MaskablePPO": "sb3_contrib.common.maskable", "RecurrentPPO": "sb3_contrib.common.recurrent"}


def load_model(
    algorithm: Any, file: Path, trust: bool, *, custom_objects: Mapping[str, Any] | None = None, **given: Any
) -> BaseAlgorithm:
    """
    :param algorithm: the class that has saved it
    :param file: the zip
    :param trust: whether what is pickled in it may be executed
    :param custom_objects: what stands in for fields of the file
    :param given: handed on to ``load``
    :return: the model
    :raises UntrustedError: if a field that is read holds what could be executed, without trust
    """
    replaced = dict(custom_objects or {})
    source = file if trust else checked_copy(file, str(file), lambda key: key not in replaced, algorithm)
    model: BaseAlgorithm = algorithm.load(source, custom_objects=replaced, **given)
    return model


def find_saver(file: Path) -> type[BaseAlgorithm]:
    """
    :param file: the zip of a model of ours, of Stable-Baselines3's or of sb3-contrib's
    :return: the class that has saved it; for a class of somebody's that extends one of ours, that one
    :raises FileNotFoundError: if there is no such file
    :raises ValueError: if it is damaged, or of an algorithm that is not known
    """
    stored = check_zip(file)
    written = stored.get("saved_by")
    if isinstance(written, list):
        registered = {cls.__name__: cls for _, cls in ALGORITHMS.items()}
        found: list[Any] = [registered[name] for name in written if name in registered]
    else:
        names = _narrowed(stock_algorithms(stored), stored, str(file))
        found = [getattr(stable_baselines3, name, None) or getattr(sb3_contrib, name) for name in names]
    if not found:
        raise ValueError(
            f"{file} was saved by an algorithm that is not known. Give the class that has saved it: algorithm=TheClass."
        )
    saver: type[BaseAlgorithm] = found[0]
    return saver


def _narrowed(names: list[str], stored: Mapping[str, Any], file: str) -> list[str]:
    """:return: of algorithms that store the same names, the one whose settings, or whose policy, the file has"""
    if "DDPG" in names:  # TD3 with these settings is DDPG
        plain = stored.get("policy_delay") == 1 and stored.get("target_noise_clip") == 0
        return ["DDPG" if plain else "TD3"]
    if "PPO" in names:
        module = _policy_module(stored, file)
        return [next((name for name, where in _POLICIES.items() if module.startswith(where)), "PPO")]
    return names


def _policy_module(stored: Mapping[str, Any], file: str) -> str:
    field = stored.get("policy_class")
    if not (isinstance(field, dict) and isinstance(field.get(PICKLE), str)):
        return ""
    try:
        policy = loads(base64.b64decode(field[PICKLE]), f"The field 'policy_class' of {file}")
    except ValueError:
        return ""  # whoever loads the file is told
    bases = getattr(policy, "__mro__", ())
    return next((cls.__module__ for cls in bases if cls.__module__.startswith(tuple(_POLICIES.values()))), "")
