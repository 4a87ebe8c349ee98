"""Stepping a DummyVecEnv with its own results and less copying."""

from copy import deepcopy
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

#: what a copy of is the thing itself
_IMMUTABLE = frozenset({bool, int, float, complex, str, bytes, type(None), np.bool_, np.int64, np.float32, np.float64})


def can_step_leanly(env: VecEnv) -> bool:
    """
    :param env: environments
    :return: whether :func:`lean_step` does what their ``step`` does: a DummyVecEnv, no subclass, nothing in it
        replaced, with one array of observations
    """
    return type(env) is DummyVecEnv and env.keys == [None] and not vars(env).keys() & _STEPS


_STEPS = frozenset({"step", "step_async", "step_wait", "_save_obs", "_obs_from_buf"})


def lean_step(env: DummyVecEnv, actions: np.ndarray) -> VecEnvStepReturn:
    """
    ``env.step(actions)``: the same results, and the same left behind in ``env``. What is copied deeply there is copied
    here as far as it could be changed.

    :param env: see :func:`can_step_leanly`
    :param actions: one for each environment
    :return: observations, rewards, dones, infos
    """
    env.actions = actions
    (observations,) = env.buf_obs.values()
    rewards, dones, infos = env.buf_rews, env.buf_dones, env.buf_infos
    for i, one in enumerate(env.envs):
        observation, rewards[i], terminated, truncated, info = one.step(actions[i])
        dones[i] = done = terminated or truncated
        infos[i] = info
        info["TimeLimit.truncated"] = truncated and not terminated
        if done:
            info["terminal_observation"] = observation
            observation, env.reset_infos[i] = one.reset()
        observations[i] = observation
    return observations.copy(), rewards.copy(), dones.copy(), [_copied(info) for info in infos]


def _copied(info: dict[str, Any]) -> dict[str, Any]:
    if type(info) is dict and all(type(value) in _IMMUTABLE for value in info.values()):
        return info.copy()
    return deepcopy(info)
