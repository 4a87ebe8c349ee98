"""Rollouts of whole episodes."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import obs_as_tensor
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.algorithms.on_policy.buffers import SoftRollouts

if TYPE_CHECKING:
    from sb3_entropy.algorithms.on_policy.algorithm import SoftOnPolicyAlgorithm

# Steps of one environment after which an episode is taken to be endless.
LONGEST = 1_000_000


def finished(episode_starts: np.ndarray, dones: np.ndarray) -> np.ndarray:
    """
    Which steps of a rollout belong to an episode that ends in it.

    :param episode_starts: 1 where a step is the first of an episode, shape (T, N)
    :param dones: whether the last step ended its episode, shape (N,)
    :return: booleans, shape (T, N)
    """
    ends = np.concatenate([episode_starts[1:], np.asarray(dones)[None]]).astype(bool)
    return np.logical_or.accumulate(ends[::-1], axis=0)[::-1]


def quotas(n_episodes: int, n_envs: int) -> np.ndarray:
    """
    Each environment's share of the episodes, fixed beforehand: taking whichever end first would prefer short ones.

    :return: whole numbers that add up to ``n_episodes`` and differ by at most 1, shape (n_envs,)
    """
    return n_episodes // n_envs + (np.arange(n_envs) < n_episodes % n_envs)


def collect_episodes(
    algorithm: "SoftOnPolicyAlgorithm",
    env: VecEnv,
    callback: BaseCallback,
    rollout_buffer: SoftRollouts,
    n_rollout_steps: int,
    n_episodes: int,
) -> bool:
    """
    Collect ``n_episodes`` whole episodes. An environment that has done its share goes on until all have, and what it
    does then is left out; such environments are reset before the next rollout.

    Callbacks see the variables of Stable-Baselines3's own loop, by its names.

    :param algorithm: whose policy acts
    :param env: the environments
    :param callback: called at every step
    :param rollout_buffer: filled with the episodes, its length fitted to them
    :param n_rollout_steps: the algorithm's ``n_steps``, which does not count here
    :param n_episodes: how many
    :return: False if the callback has ended the training
    """
    policy, device = algorithm.policy, algorithm.device
    policy.set_training_mode(False)
    _begin_episodes(algorithm, env)
    remaining = quotas(n_episodes, env.num_envs)
    kept: list[np.ndarray] = []
    n_steps = 0
    rollout_buffer.reset()
    if algorithm.use_sde:
        policy.reset_noise(env.num_envs)
    callback.on_rollout_start()
    algorithm._choose_path()  # the callback may have changed anything
    acting: Any = algorithm._flat_policy or policy
    while (remaining > 0).any():
        if algorithm.use_sde and algorithm.sde_sample_freq > 0 and n_steps % algorithm.sde_sample_freq == 0:
            policy.reset_noise(env.num_envs)
        with th.no_grad():
            obs_tensor = obs_as_tensor(algorithm._last_obs, device)  # type: ignore[arg-type]
            actions, values, log_probs = acting(obs_tensor)
        actions = actions.cpu().numpy()
        clipped_actions = _in_box(algorithm, actions)
        new_obs, rewards, dones, infos = env.step(clipped_actions)
        algorithm.num_timesteps += env.num_envs
        callback.update_locals({**locals(), "self": algorithm})
        if not callback.on_step():
            return False
        algorithm._update_info_buffer(infos, dones)
        if n_steps == LONGEST:
            raise ValueError(
                f"After {LONGEST:,} steps {int((remaining > 0).sum())} of {env.num_envs} environments have not ended "
                f"the episodes that n_episodes={n_episodes} asks for. Give the environment a time limit "
                "(max_episode_steps), or use n_steps."
            )
        n_steps += 1
        if isinstance(algorithm.action_space, spaces.Discrete):
            actions = actions.reshape(-1, 1)
        for idx, done in enumerate(dones):
            last = infos[idx].get("terminal_observation")
            if done and last is not None and infos[idx].get("TimeLimit.truncated", False):
                # A time limit, not the task, has ended the episode: γV of its last observation is added.
                terminal_obs = policy.obs_to_tensor(last)[0]
                with th.no_grad():
                    terminal_value = acting.predict_values(terminal_obs)[0]
                rewards[idx] += algorithm.gamma * terminal_value.item()
        if rollout_buffer.full:
            rollout_buffer.grow()
        rollout_buffer.add(
            algorithm._last_obs,  # type: ignore[arg-type]
            actions,
            rewards,
            algorithm._last_episode_starts,  # type: ignore[arg-type]
            values,
            log_probs,
        )
        kept.append(remaining > 0)
        remaining = remaining - dones
        algorithm._last_obs, algorithm._last_episode_starts = new_obs, dones  # type: ignore[assignment]
    rollout_buffer.trim()
    rollout_buffer.keep = np.stack(kept)
    with th.no_grad():
        values = acting.predict_values(obs_as_tensor(algorithm._last_obs, device))  # type: ignore[arg-type]
    rollout_buffer.compute_returns_and_advantage(last_values=values, dones=dones)
    callback.update_locals({**locals(), "self": algorithm})
    callback.on_rollout_end()
    return True


def _begin_episodes(algorithm: "SoftOnPolicyAlgorithm", env: VecEnv) -> None:
    """Reset the environments if the last rollout has left one in the middle of an episode."""
    if not np.all(algorithm._last_episode_starts):
        algorithm._last_obs = env.reset()  # type: ignore[assignment]
        algorithm._last_episode_starts = np.ones(env.num_envs, dtype=bool)
        algorithm.journal.drop_unfinished()


def _in_box(algorithm: "SoftOnPolicyAlgorithm", actions: np.ndarray) -> np.ndarray:
    """What the environment gets: actions scaled up from [−1, 1], or clipped, as Stable-Baselines3 does."""
    space = algorithm.action_space
    if not isinstance(space, spaces.Box):
        return actions
    if algorithm.policy.squash_output:
        return np.asarray(algorithm.policy.unscale_action(actions))
    clipped: np.ndarray = np.clip(actions, space.low, space.high)
    return clipped
