"""Evaluate a policy during training without changing the training by one bit."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.distributions import StateDependentNoiseDistribution
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.policies.looking import evaluated

N_STATES = 256
#: observations that are held while episodes are played; of longer ones every second, fourth … step is kept
MOST_KEPT = 10_000
#: steps after which an episode is taken to be endless
LONGEST = 200_000
MODES = ("deterministic", "stochastic")


@dataclass(frozen=True)
class Evaluation:
    """
    Whole episodes of one policy.

    :param returns: sums of raw rewards, one an episode, shape (n,)
    :param lengths: steps, shape (n,)
    :param states: at most 256 of the visited observations, as tensors, evenly spaced: (m, …), or a dict of such
    """

    returns: np.ndarray
    lengths: np.ndarray
    states: Any


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """
    Seeds the global generators of PyTorch, NumPy and Python, and gives them back as they were.

    :param seed: the seed inside
    """
    python, numpy = random.getstate(), np.random.get_state()
    with th.random.fork_rng():
        th.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


@contextmanager
def own_exploration(model: BaseAlgorithm, n_envs: int) -> Iterator[None]:
    """
    Gives gSDE noise of its own, one sample an environment, and puts the training's back.

    :param model: any model
    :param n_envs: how many environments are stepped
    """
    distribution = getattr(model.policy, "action_dist", None)
    if not isinstance(distribution, StateDependentNoiseDistribution):
        yield
        return
    kept = distribution.exploration_mat, distribution.exploration_matrices, distribution.weights_dist
    try:
        model.policy.reset_noise(n_envs)  # type: ignore[operator]
        yield
    finally:
        distribution.exploration_mat, distribution.exploration_matrices, distribution.weights_dist = kept


def evaluate(model: BaseAlgorithm, env: VecEnv, seed: int, deterministic: bool) -> Evaluation:
    """
    One episode in every copy of the environment.

    :param model: the model, which is left as it is
    :param env: its copies; the number of episodes is the number of copies
    :param seed: copy i starts from seed + i, and actions are sampled from this seed
    :param deterministic: whether to take the mode of the policy
    :return: the episodes
    """
    n_envs = env.num_envs
    returns, lengths = np.full(n_envs, np.nan), np.zeros(n_envs, dtype=int)
    running = np.ones(n_envs, dtype=bool)
    visited: list[Any] = []
    with evaluated(model.policy), own_randomness(seed), own_exploration(model, n_envs):
        env.seed(seed)
        observations: Any = env.reset()
        step, stride = 0, 1
        while running.any():
            if step % stride == 0:
                visited.append(_rows(observations, running))
                if len(visited) * n_envs > MOST_KEPT:
                    visited, stride = visited[::2], 2 * stride
            step += 1
            if step > LONGEST:
                raise RuntimeError(
                    f"An evaluation's episode has not ended after {LONGEST:,} steps. Register the environment with "
                    "max_episode_steps."
                )
            actions, _ = model.predict(observations, deterministic=deterministic)
            observations, _, _, infos = env.step(actions)
            for i in np.flatnonzero(running):
                # Atari's lives end without this, and the game goes on.
                episode = infos[i].get("episode")
                if episode is not None:
                    returns[i], lengths[i] = episode["r"], episode["l"]
                    running[i] = False
    return Evaluation(returns, lengths, _sample(model, visited))


def _rows(observations: Any, running: np.ndarray) -> Any:
    if isinstance(observations, dict):
        return {key: value[running] for key, value in observations.items()}
    return observations[running]


def _sample(model: BaseAlgorithm, visited: list[Any]) -> Any:
    def spaced(arrays: list[np.ndarray]) -> np.ndarray:
        joined: np.ndarray = np.concatenate(arrays)
        rows: np.ndarray = np.linspace(0, len(joined) - 1, min(N_STATES, len(joined))).astype(int)
        sample: np.ndarray = joined[rows]
        return sample

    if isinstance(visited[0], dict):
        states: Any = {key: spaced([step[key] for step in visited]) for key in visited[0]}
    else:
        states = spaced(visited)
    return model.policy.obs_to_tensor(states)[0]
