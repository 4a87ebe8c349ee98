"""Stable-Baselines3's rollout into a plain replay buffer, with nothing copied but into it."""

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback, ConvertCallback
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.type_aliases import RolloutReturn, TrainFreq, TrainFrequencyUnit
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.algorithms.common.standing import replaced
from sb3_entropy.algorithms.off_policy.fast.path import FlatPath
from sb3_entropy.algorithms.off_policy.fast.replay import can_gather
from sb3_entropy.policies.finite import check_transition, explain
from sb3_entropy.vec_env.lean import can_step_leanly, lean_step

if TYPE_CHECKING:
    from sb3_entropy.algorithms.off_policy.algorithm import SoftOffPolicyAlgorithm

#: methods whose work is written out here
WRITTEN_OUT = ("_store_transition", "_sample_action", "_act", "_acted_by", "predict", "_on_step")
_written_out = attrgetter(*WRITTEN_OUT)


def can_collect(
    algorithm: "SoftOffPolicyAlgorithm", env: VecEnv, train_freq: TrainFreq, buffer: ReplayBuffer, ours: type
) -> bool:
    """
    :param algorithm: whose rollout it is
    :param env: the environments
    :param train_freq: how much is collected
    :param buffer: where it is kept
    :param ours: the class whose methods are written out here
    :return: whether :func:`collect` does what Stable-Baselines3's loop does: it counts steps, into a plain replay
        buffer, and nobody has put another method in the place of one
    """
    return (
        algorithm._vec_normalize_env is None
        and isinstance(env, VecEnv)
        and train_freq.unit is TrainFrequencyUnit.STEP
        and train_freq.frequency > 0
        and can_gather(buffer)
        and _written_out(type(algorithm)) == _written_out(ours)
        and vars(algorithm).keys().isdisjoint(WRITTEN_OUT)
    )


def is_silent(callback: BaseCallback) -> bool:
    """:return: whether it is what Stable-Baselines3 makes of None, so that nobody is called between two updates"""
    return type(callback) is ConvertCallback and callback.callback is None and not replaced(callback)


def collect(
    algorithm: "SoftOffPolicyAlgorithm",
    env: VecEnv,
    callback: BaseCallback,
    train_freq: TrainFreq,
    replay_buffer: ReplayBuffer,
    action_noise: ActionNoise | None,
    learning_starts: int,
    log_interval: int | None,
    still_can: Callable[[], bool],
) -> RolloutReturn:
    """
    ``OffPolicyAlgorithm.collect_rollouts``, from the same random numbers. Callbacks see the same variables.

    :param algorithm: whose rollout it is, on the fast path
    :param env: the environments
    :param callback: called at every step
    :param train_freq: how many steps
    :param replay_buffer: where they are kept
    :param action_noise: what is added to actions, in the [−1, 1] box
    :param learning_starts: steps before which actions are uniform
    :param log_interval: episodes between two entries in the log
    :param still_can: :func:`can_collect`, asked again when a callback has been, which may have changed anything
    :return: how much has been collected, and whether the training goes on
    """
    path: FlatPath | None = algorithm._flat_path
    assert path is not None
    given = (env, callback, train_freq, replay_buffer, action_noise, learning_starts, log_interval)
    silent, plain = path.is_undisturbed(given) or is_silent(callback), True
    if path.undisturbed is None:
        path.set_training_mode(False)
    path.undisturbed = tuple(map(id, given)) if silent else None
    step = partial(lean_step, env) if can_step_leanly(env) else env.step  # type: ignore[arg-type]
    seen: dict[str, Any] = {
        "self": algorithm,
        "env": env,
        "callback": callback,
        "train_freq": train_freq,
        "replay_buffer": replay_buffer,
        "action_noise": action_noise,
        "learning_starts": learning_starts,
        "log_interval": log_interval,
        "continue_training": True,
    }
    n_steps = n_episodes = 0
    callback.on_rollout_start()
    while n_steps < train_freq.frequency:
        if not silent:
            algorithm._choose_path()
            plain = still_can()
            path = algorithm._flat_path
        if plain and path is not None and algorithm.num_timesteps >= learning_starts:
            actions, buffer_actions = _act(algorithm, path, action_noise)
        else:
            actions, buffer_actions = algorithm._sample_action(learning_starts, action_noise, env.num_envs)
        new_obs: Any
        new_obs, rewards, dones, infos = step(actions)
        algorithm.num_timesteps += env.num_envs
        n_steps += 1
        callback.update_locals(
            {
                **seen,
                "num_collected_steps": n_steps,
                "num_collected_episodes": n_episodes,
                "actions": actions,
                "buffer_actions": buffer_actions,
                "new_obs": new_obs,
                "rewards": rewards,
                "dones": dones,
                "infos": infos,
            }
        )
        if not callback.on_step():
            return RolloutReturn(n_steps * env.num_envs, n_episodes, continue_training=False)
        algorithm._update_info_buffer(infos, dones)
        if silent or still_can():
            _store(algorithm, replay_buffer, buffer_actions, new_obs, rewards, dones, infos)
        else:
            algorithm._store_transition(replay_buffer, buffer_actions, new_obs, rewards, dones, infos)
        algorithm._update_current_progress_remaining(algorithm.num_timesteps, algorithm._total_timesteps)
        seen["idx"], seen["done"] = env.num_envs - 1, dones[-1]
        for idx in np.flatnonzero(dones):
            n_episodes += 1
            algorithm._episode_num += 1
            if action_noise is not None:
                seen["kwargs"] = {"indices": [idx]} if env.num_envs > 1 else {}
                action_noise.reset(**seen["kwargs"])
            if log_interval is not None and algorithm._episode_num % log_interval == 0:
                algorithm.dump_logs()
    callback.on_rollout_end()
    return RolloutReturn(n_steps * env.num_envs, n_episodes, continue_training=True)


def _act(
    algorithm: "SoftOffPolicyAlgorithm", path: FlatPath, action_noise: ActionNoise | None
) -> tuple[np.ndarray, np.ndarray]:
    """:return: actions for the environments, and for the replay buffer"""
    try:
        actions = algorithm._act_on(path, action_noise)
    except Exception as error:
        explain(None, algorithm.policy, error)
        raise
    algorithm.acting_entropies.add_arrays(*path.actor.acted, algorithm.tempering.alpha)
    return actions


def _store(
    algorithm: "SoftOffPolicyAlgorithm",
    buffer: ReplayBuffer,
    actions: np.ndarray,
    new_obs: np.ndarray,
    rewards: np.ndarray,
    dones: np.ndarray,
    infos: list[dict[str, Any]],
) -> None:
    """
    ``_store_transition`` and ``ReplayBuffer.add`` without copies of what is copied into the buffer.

    :raises ValueError: if an observation, action or reward is not finite; it is not stored then
    """
    ends = np.flatnonzero(dones)
    check_transition(new_obs, actions, rewards, infos if len(ends) else ())
    row, shape = buffer.pos, buffer.observations.shape[1:]
    last_obs: np.ndarray = algorithm._last_obs  # type: ignore[assignment]
    buffer.observations[row] = last_obs.reshape(shape)
    buffer.next_observations[row] = new_obs.reshape(shape)
    for env in ends:  # what is next is the first observation of another episode
        last = infos[env].get("terminal_observation")
        if last is not None:
            buffer.next_observations[row, env] = last
    buffer.actions[row] = actions.reshape(buffer.actions.shape[1:])
    buffer.rewards[row] = rewards
    buffer.dones[row] = dones
    if buffer.handle_timeout_termination:
        buffer.timeouts[row] = [info.get("TimeLimit.truncated", False) for info in infos]
    buffer.pos = (row + 1) % buffer.buffer_size
    buffer.full = buffer.full or buffer.pos == 0
    algorithm._last_original_obs, algorithm._last_obs = last_obs, new_obs
