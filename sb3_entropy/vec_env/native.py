"""
Environments that bring their own batched ``VecEnv``.

A class offers one by a static or class method ::

    class Cart(gym.Env):
        @staticmethod
        def make_sb3_vec_env(n_envs, *, seed, max_episode_steps, **kwargs) -> VecEnv: ...

and is found through the environment's registration: the class that ``entry_point`` names, or else the one that
``vector_entry_point`` names. What it returns is a Stable-Baselines3 ``VecEnv`` with all of that class's conventions:
an environment that is done has been reset in what ``step`` returns, its last observation is
``infos[i]["terminal_observation"]``, and ``infos[i]["TimeLimit.truncated"]`` tells a time limit from an end. (A
``gymnasium.vector.VectorEnv`` has other conventions and cannot stand in.)

``seed`` is the first environment's (environment i has ``seed + i``), or ``None``; ``max_episode_steps`` is the
registration's, which no wrapper enforces here, so the environment does; ``kwargs`` are the registration's, and the
user's ``env_kwargs`` over them, exactly what ``gymnasium.make`` would hand to the constructor.
"""

from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from gymnasium.envs.registration import EnvSpec, load_env_creator
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.environments import spec_of
from sb3_entropy.errors import check_number
from sb3_entropy.vec_env.shared import SharedVecEnv

METHOD = "make_sb3_vec_env"


@runtime_checkable
class OffersVecEnv(Protocol):
    """A class of environments that can make a batch of itself."""

    @staticmethod
    def make_sb3_vec_env(n_envs: int, *, seed: int | None, max_episode_steps: int | None, **kwargs: Any) -> VecEnv:
        """
        :param n_envs: the number of environments
        :param seed: the first environment's seed
        :param max_episode_steps: after how many steps an episode is cut; never if ``None``
        :param kwargs: the environment's own settings
        :return: the batch
        """
        ...


def make_native_vec_env(env_id: str, n_envs: int, seed: int | None = None, **kwargs: Any) -> VecEnv:
    """
    :param env_id: an id that Gymnasium or a plugin knows
    :param n_envs: the number of environments
    :param seed: the first environment's seed
    :param kwargs: settings that override the registration's; as of ``gymnasium.make``, ``max_episode_steps=None`` is
        the registration's limit, and −1 none
    :return: the environment's own batched ``VecEnv``; where it is a :class:`~sb3_entropy.vec_env.shared.SharedVecEnv`,
        its environments have a ``spec``, as ``gymnasium.make`` gives them one
    :raises ValueError: if nobody knows it, or it brings none, or is registered with wrappers, which a batch has not
    :raises TypeError: if what it makes is not a ``VecEnv`` of ``n_envs`` environments
    """
    check_number("n_envs", n_envs, low=1, integer=True)
    spec = spec_of(env_id)
    settings = {**spec.kwargs, **kwargs}
    limit = settings.pop("max_episode_steps", None)
    limit = spec.max_episode_steps if limit is None else None if limit == -1 else limit
    vec_env = _find_maker(spec).make_sb3_vec_env(n_envs, seed=seed, max_episode_steps=limit, **settings)
    if not isinstance(vec_env, VecEnv) or vec_env.num_envs != n_envs:
        raise TypeError(
            f"{METHOD} of {env_id!r} must return a Stable-Baselines3 VecEnv of {n_envs} environments, but it returned "
            f"{vec_env!r}."
        )
    if isinstance(vec_env, SharedVecEnv):
        vec_env.world.unwrapped.spec = replace(spec, kwargs=settings, max_episode_steps=limit)
    if seed is not None:
        vec_env.seed(seed)
    return vec_env


def _find_maker(spec: EnvSpec) -> OffersVecEnv:
    if spec.additional_wrappers:
        raise ValueError(
            f"{spec.id!r} is registered with the wrappers {', '.join(each.name for each in spec.additional_wrappers)}, "
            "which are for single environments: a batch would be another task. Use --vec-env dummy or subproc."
        )
    for entry_point in (spec.entry_point, spec.vector_entry_point):
        if entry_point is None:
            continue
        maker: Any = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
        if isinstance(maker, OffersVecEnv):
            return maker
    raise ValueError(
        f"{spec.id!r} brings no batched VecEnv of its own: neither its entry point ({spec.entry_point}) nor its vector "
        f"entry point ({spec.vector_entry_point}) has a method {METHOD}. Use --vec-env dummy or subproc."
    )
