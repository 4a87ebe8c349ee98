"""Stable-Baselines3's rollout, collected with a flat policy."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.algorithms.on_policy.buffers import SoftRollouts
from sb3_entropy.algorithms.on_policy.fast.policy import FlatPolicy
from sb3_entropy.vec_env.lean import can_step_leanly, lean_step

if TYPE_CHECKING:
    from sb3_entropy.algorithms.on_policy.algorithm import SoftOnPolicyAlgorithm

# States in one pass, few enough to stay in the cache.
CHUNK = 1024


def collect(
    algorithm: "SoftOnPolicyAlgorithm",
    env: VecEnv,
    callback: BaseCallback,
    rollout_buffer: SoftRollouts,
    n_rollout_steps: int,
) -> bool:
    """
    ``OnPolicyAlgorithm.collect_rollouts``, to the same bits. Callbacks see the same variables, in the same gradient
    mode; none of the tensors has a gradient. Within rounding alone, values and log-probabilities are computed when the
    rollout is over, and callbacks see None in their place.

    :param algorithm: whose rollout it is
    :param env: the environments
    :param callback: called at every step
    :param rollout_buffer: where the steps are kept
    :param n_rollout_steps: how many, in each environment
    :return: False if the callback has ended the training
    """
    (algorithm._flat_policy or algorithm.policy).set_training_mode(False)
    buffer, n_envs = rollout_buffer, env.num_envs
    buffer.reset()
    callback.on_rollout_start()
    algorithm._choose_path()  # the callback may have changed anything
    acting = algorithm._flat_policy or Plainly(algorithm.policy)
    step = partial(lean_step, env) if can_step_leanly(env) else env.step  # type: ignore[arg-type]
    space = algorithm.action_space
    discrete, box = isinstance(space, spaces.Discrete), isinstance(space, spaces.Box)
    to_box = algorithm.policy.unscale_action
    if box and not algorithm.policy.squash_output:
        to_box = partial(_clip, low=space.low, high=space.high)  # type: ignore[attr-defined]
    seen: dict[str, Any] = {"self": algorithm, "env": env, "callback": callback, "rollout_buffer": buffer}
    seen["n_rollout_steps"] = n_rollout_steps
    n_steps = 0
    while n_steps < n_rollout_steps:
        obs_tensor = th.from_numpy(algorithm._last_obs)
        values = log_probs = None
        if isinstance(acting, FlatPolicy) and acting.rounding:
            actions = acting.sample(obs_tensor)
        else:
            sampled, values, log_probs = acting(obs_tensor)
            actions = sampled.numpy()
        clipped_actions = actions
        if box:
            clipped_actions = to_box(actions)
        new_obs, rewards, dones, infos = step(clipped_actions)
        algorithm.num_timesteps += n_envs
        callback.update_locals(
            {
                **seen,
                "n_steps": n_steps,
                "obs_tensor": obs_tensor,
                "actions": actions,
                "values": values,
                "log_probs": log_probs,
                "clipped_actions": clipped_actions,
                "new_obs": new_obs,
                "rewards": rewards,
                "dones": dones,
                "infos": infos,
            }
        )
        if not callback.on_step():
            return False
        algorithm._update_info_buffer(infos, dones)
        if discrete:
            actions = actions.reshape(-1, 1)
        if dones.any():
            seen |= _bootstrap(algorithm, acting, rewards, dones, infos)
        seen["idx"], seen["done"] = n_envs - 1, dones[-1]
        starts: np.ndarray = algorithm._last_episode_starts  # type: ignore[assignment]
        if isinstance(acting, FlatPolicy):
            _store(buffer, n_steps, algorithm._last_obs, actions, rewards, starts, values, log_probs)  # type: ignore[arg-type]
        else:
            buffer.add(algorithm._last_obs, actions, rewards, starts, values, log_probs)  # type: ignore[arg-type]
        n_steps += 1
        algorithm._last_obs, algorithm._last_episode_starts = new_obs, dones  # type: ignore[assignment]
    if isinstance(acting, FlatPolicy) and acting.rounding:
        _evaluate(acting, buffer)
    values = acting.predict_values(th.from_numpy(new_obs))
    buffer.compute_returns_and_advantage(last_values=values, dones=dones)
    callback.update_locals({**seen, "n_steps": n_steps, "actions": actions, "values": values})
    callback.on_rollout_end()
    return True


class Plainly:
    """
    A policy that acts by its own passes, in the middle of a rollout that has begun on the fast path.

    :param policy: any
    """

    def __init__(self, policy: ActorCriticPolicy):
        self.policy = policy

    @th.no_grad()
    def __call__(self, observations: th.Tensor) -> tuple[th.Tensor, th.Tensor, th.Tensor]:
        """:return: actions, values and log-probabilities"""
        made: tuple[th.Tensor, th.Tensor, th.Tensor] = self.policy(observations)
        return made

    @th.no_grad()
    def predict_values(self, observations: th.Tensor) -> th.Tensor:
        """:return: V, shape (B, 1)"""
        return self.policy.predict_values(observations)


def _store(
    buffer: SoftRollouts,
    step: int,
    observations: np.ndarray,
    actions: np.ndarray,
    rewards: np.ndarray,
    episode_starts: np.ndarray,
    values: th.Tensor | None,
    log_probs: th.Tensor | None,
) -> None:
    """``RolloutBuffer.add`` without copies of what is copied into the buffer."""
    buffer.observations[step] = observations.reshape(buffer.observations.shape[1:])
    buffer.actions[step] = actions.reshape(len(actions), -1)
    buffer.rewards[step] = rewards
    buffer.episode_starts[step] = episode_starts
    if values is not None and log_probs is not None:
        buffer.values[step] = values.numpy()[:, 0]
        buffer.log_probs[step] = log_probs.numpy()
    buffer.pos, buffer.full = step + 1, step + 1 == buffer.buffer_size


def _clip(actions: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    clipped: np.ndarray = np.minimum(np.maximum(actions, low), high)
    return clipped


def _bootstrap(
    algorithm: "SoftOnPolicyAlgorithm",
    acting: "FlatPolicy | Plainly",
    rewards: np.ndarray,
    dones: np.ndarray,
    infos: list[dict[str, object]],
) -> dict[str, Any]:
    """
    Where a time limit, not the task, has ended an episode, γV of its last observation is added to the reward.

    :return: what Stable-Baselines3's loop would show of it
    """
    seen: dict[str, Any] = {}
    for i in np.flatnonzero(dones):
        last = infos[i].get("terminal_observation")
        if last is not None and infos[i].get("TimeLimit.truncated", False):
            terminal_obs = algorithm.policy.obs_to_tensor(last)[0]
            terminal_value = acting.predict_values(terminal_obs)[0]
            rewards[i] += algorithm.gamma * terminal_value
            seen = {"terminal_obs": terminal_obs, "terminal_value": terminal_value}
    return seen


def _evaluate(acting: FlatPolicy, buffer: SoftRollouts) -> None:
    """Values and log-probabilities of a whole rollout, in as few passes as the memory of one rollout allows."""
    observations, actions = (
        th.from_numpy(array.reshape(-1, *array.shape[2:])) for array in (buffer.observations, buffer.actions)
    )
    discrete = isinstance(acting.policy.action_space, spaces.Discrete)
    actions = actions.flatten() if discrete else actions.float()
    for start in range(0, len(observations), CHUNK):
        rows = slice(start, start + CHUNK)
        log_probs, values = acting.log_probs_and_values(observations[rows], actions[rows])
        buffer.values.reshape(-1)[rows] = values.numpy()
        buffer.log_probs.reshape(-1)[rows] = log_probs.numpy()
