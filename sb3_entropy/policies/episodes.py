"""Play episodes with any model, in the midst of its training, and change nothing of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.policies.looking import looked_at
from sb3_entropy.policies.observations import evenly_spaced, joined, n_rows, rows_of

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
    with looked_at(model.policy, seed=seed, n_envs=n_envs):
        env.seed(seed)
        observations: Any = env.reset()
        step, stride = 0, 1
        while running.any():
            if step % stride == 0:
                visited.append(rows_of(observations, running))
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
    observations = joined(visited)
    rows = evenly_spaced(n_rows(observations))
    states = model.policy.obs_to_tensor(rows_of(observations, rows))[0]
    return Evaluation(returns, lengths, states)
