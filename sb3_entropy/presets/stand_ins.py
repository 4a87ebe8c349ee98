"""
The entry that stands in for an environment without one of its own, by what the environment shows and takes.

``default`` is rl-zoo's. Where there are such entries, ``default_box`` comes before it if actions are a box,
``default_image`` if observations are pictures, and ``default_image_box`` if both are so.
"""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space

from sb3_entropy.algorithms.common.arguments import check_observation_space
from sb3_entropy.environments import is_atari, registered_id
from sb3_entropy.presets.library import STAND_IN, choose_preset
from sb3_entropy.presets.wrappers import env_wrapper


def preset_for(
    presets: Mapping[str, dict[str, Any]],
    env_id: str,
    source: str,
    given: Mapping[str, Any] | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
) -> tuple[str, dict[str, Any]]:
    """
    :param presets: hyperparameters by environment id
    :param env_id: the environment to be trained on
    :param source: where the presets were read
    :param given: hyperparameters that will go over the entry's; their ``env_wrapper`` and ``env_kwargs`` count here
    :param env_kwargs: the environment's settings, over those
    :return: the entry that applies, and its name; one that stands in for many environments fitted to this one's
        observations
    :raises ValueError: if no entry applies, or observations cannot be read by any policy
    """
    name = env_id.rpartition(":")[2] if env_id.rpartition(":")[2] in presets else registered_id(env_id)
    if name in presets or not any(entry.startswith(STAND_IN) for entry in presets):
        return choose_preset(presets, name, name not in presets and is_atari(name), source)
    if "atari" in presets and is_atari(name):
        return "atari", presets["atari"]
    basis = {**presets.get(STAND_IN, {}), **(given or {})}
    settings = {**(basis.get("env_kwargs") or {}), **(env_kwargs or {})}
    observations, actions = spaces_of(name, settings, basis.get("env_wrapper"))
    entry, values = choose_preset(presets, name, False, source, stand_ins(observations, actions))
    return entry, fitted(values, observations)


def spaces_of(
    env_id: str, env_kwargs: Mapping[str, Any] | None = None, wrapper: Any = None
) -> tuple[spaces.Space[Any], spaces.Space[Any]]:
    """
    :param env_id: any kind of id
    :param env_kwargs: its settings
    :param wrapper: as in a preset
    :return: the spaces of its observations and of its actions
    :raises ValueError: if nobody knows it
    """
    env: gym.Env[Any, Any] = gym.make(registered_id(env_id), **(env_kwargs or {}))
    try:
        wrap = env_wrapper(wrapper)
        wrapped = wrap(env) if wrap else env
        return wrapped.observation_space, wrapped.action_space
    finally:
        env.close()


def stand_ins(observations: spaces.Space[Any], actions: spaces.Space[Any]) -> list[str]:
    """
    :param observations: an environment's observation space
    :param actions: its action space
    :return: the names of entries that may stand in for its own, the nearest first
    """
    image = [f"{STAND_IN}_image"] if is_image_space(observations) else []
    box = [f"{STAND_IN}_box"] if isinstance(actions, spaces.Box) else []
    both = [f"{STAND_IN}_image_box"] if image and box else []
    return [*both, *image, *box, STAND_IN]


def policy_for(observations: spaces.Space[Any]) -> str:
    """
    :param observations: an environment's observation space
    :return: the name of the policy that reads it
    """
    if isinstance(observations, spaces.Dict):
        return "MultiInputPolicy"
    return "CnnPolicy" if is_image_space(observations) else "MlpPolicy"


def can_be_normalized(observations: spaces.Space[Any]) -> bool:
    """
    :param observations: an environment's observation space
    :return: whether ``VecNormalize`` can normalise it, and it should: neither numbers of states nor pictures
    """
    parts = observations.spaces.values() if isinstance(observations, spaces.Dict) else [observations]
    return all(isinstance(part, spaces.Box) and not is_image_space(part) for part in parts)


def fitted(preset: Mapping[str, Any], observations: spaces.Space[Any]) -> dict[str, Any]:
    """
    :param preset: an entry that stands in for many environments
    :param observations: the observation space of one
    :return: the entry with what these observations rule out put right: ``MlpPolicy`` cannot read a ``Dict``, and what
        cannot be normalised is not
    :raises ValueError: if no policy can read them
    :raises NotImplementedError: if that is because they are nested
    """
    try:
        check_observation_space(observations)
    except (ValueError, NotImplementedError) as error:
        setting = "env_wrapper:gymnasium.wrappers.FlattenObservation"
        raise type(error)(f"{error} As a setting, by -params for instance: {setting}") from None
    fitting = dict(preset)
    needed = policy_for(observations)
    if "policy" not in fitting or (fitting["policy"] == "MlpPolicy" and needed == "MultiInputPolicy"):
        fitting["policy"] = needed
    normalize = fitting.get("normalize")
    if normalize and not isinstance(normalize, str) and not can_be_normalized(observations):
        fitting["normalize"] = {**(normalize if isinstance(normalize, Mapping) else {}), "norm_obs": False}
    return fitting
