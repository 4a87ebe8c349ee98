"""Fragments side by side in a rollout buffer, and what the learner's own critic and policy say of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.buffers import DictRolloutBuffer, RolloutBuffer
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.utils import obs_as_tensor

from sb3_entropy.algorithms.actors.messages import Fragment
from sb3_entropy.algorithms.on_policy.buffers import SoftRollouts
from sb3_entropy.algorithms.on_policy.fast.policy import FlatPolicy
from sb3_entropy.algorithms.on_policy.soft_returns import CHUNK
from sb3_entropy.policies.observations import joined


def side_by_side(parts: Sequence[Any], axis: int = 1) -> Any:
    """
    :param parts: arrays, or dicts of them, that differ in the number of environments alone
    :param axis: of which axis it is the length
    :return: one, of all environments
    """
    if isinstance(parts[0], dict):
        return {key: side_by_side([part[key] for part in parts], axis) for key in parts[0]}
    return np.concatenate(parts, axis) if len(parts) > 1 else parts[0]


def fill(buffer: SoftRollouts, fragments: Sequence[Fragment]) -> None:
    """
    Put fragments into a rollout buffer, with the actors' own values and log-probabilities.

    :param buffer: it gets as many environments as they have together
    :param fragments: of T steps each, as many as the buffer has
    """
    buffer.n_envs = sum(fragment.shape[1] for fragment in fragments)
    buffer.reset()
    buffer.observations = _observations(buffer, fragments)
    buffer.actions = side_by_side([fragment.actions for fragment in fragments])
    buffer.rewards = side_by_side([fragment.bootstrapped for fragment in fragments]).copy()
    buffer.episode_starts = side_by_side([fragment.episode_starts for fragment in fragments])
    buffer.values = side_by_side([fragment.values for fragment in fragments])
    buffer.log_probs = side_by_side([fragment.log_probs for fragment in fragments])
    entropies = [fragment.gradient and fragment.gradient.entropies for fragment in fragments]
    if all(of_one is not None for of_one in entropies):
        buffer.entropies = side_by_side(entropies)
    buffer.pos, buffer.full = buffer.buffer_size, True


def _observations(buffer: SoftRollouts, fragments: Sequence[Fragment]) -> Any:
    """:return: all of them; None if an actor has kept its own, and the buffer has a few"""
    if all(fragment.observations is not None for fragment in fragments):
        return side_by_side([fragment.observations for fragment in fragments])
    states = [fragment.gradient and fragment.gradient.states for fragment in fragments]
    buffer.states = joined([some for some in states if some is not None])
    return None


def add_each(buffer: SoftRollouts) -> None:
    """
    Let a class of the user's own see each step, as in a rollout, where it has its own ``add``.

    :param buffer: as :func:`fill` and :func:`evaluate` leave it
    """
    if type(buffer).add in (RolloutBuffer.add, DictRolloutBuffer.add):
        return
    names = ("observations", "actions", "rewards", "episode_starts", "values", "log_probs")
    held = [getattr(buffer, name) for name in names]
    buffer.reset()
    for step in range(buffer.buffer_size):
        observations, actions, rewards, starts, values, log_probs = (at_step(array, step) for array in held)
        buffer.add(observations, actions, rewards, starts, th.from_numpy(values), th.from_numpy(log_probs))


def at_step(arrays: Any, step: int) -> Any:
    """
    :param arrays: of shape (T, …), or a dict of them
    :param step: t
    :return: those of step t
    """
    return {key: array[step] for key, array in arrays.items()} if isinstance(arrays, dict) else arrays[step]


@th.no_grad()
def evaluate(
    buffer: SoftRollouts,
    fragments: Sequence[Fragment],
    policy: ActorCriticPolicy,
    flat_policy: FlatPolicy | None,
    gamma: float,
) -> np.ndarray:
    """
    Put the learner's V(s_t), log π(a_t|s_t), H(π(·|s_t)) where that is known, and γV of last observations where a time
    limit has ended an episode, into a buffer that has the actors'.

    :param buffer: as :func:`fill` leaves it
    :param fragments: what it is filled with
    :param policy: the learner's
    :param flat_policy: what takes the fast path with it; None for the general one
    :param gamma: γ
    :return: the learner's V(s_T), shape (N,)
    """
    buffer.rewards = side_by_side([fragment.rewards for fragment in fragments]).copy()
    buffer.values, buffer.log_probs = np.empty_like(buffer.values), np.empty_like(buffer.log_probs)
    values, log_probs = buffer.values.reshape(-1), buffer.log_probs.reshape(-1)
    entropies = np.empty_like(log_probs)
    acting: Any = flat_policy or policy
    entropy = None
    for start in range(0, len(values), CHUNK):
        rows = slice(start, start + CHUNK)
        observations = _tensors(buffer, buffer.observations, rows)
        actions = _tensors(buffer, buffer.actions, rows)
        actions = actions.long().flatten() if isinstance(policy.action_space, spaces.Discrete) else actions.float()
        found, log_prob, entropy = acting.evaluate_actions(observations, actions)
        values[rows], log_probs[rows] = found.flatten().cpu().numpy(), log_prob.cpu().numpy()
        if entropy is not None:
            entropies[rows] = entropy.cpu().numpy()
    buffer.entropies = None if entropy is None else entropies.reshape(buffer.rewards.shape)
    _add_last_values(buffer, fragments, policy, gamma)
    last = side_by_side([fragment.last_observations for fragment in fragments], axis=0)
    last_values: np.ndarray = acting.predict_values(obs_as_tensor(last, policy.device)).flatten().cpu().numpy()
    return last_values


def _add_last_values(
    buffer: SoftRollouts, fragments: Sequence[Fragment], policy: ActorCriticPolicy, gamma: float
) -> None:
    first, places, last = 0, [], []
    for fragment in fragments:
        for step, infos in enumerate(fragment.infos):
            for env, info in enumerate(infos):
                if info.get("TimeLimit.truncated", False) and info.get("terminal_observation") is not None:
                    places.append((step, first + env))
                    last.append(info["terminal_observation"])
        first += fragment.shape[1]
    if not places:
        return
    stacked = {key: np.stack([one[key] for one in last]) for key in last[0]} if isinstance(last[0], dict) else None
    observations = policy.obs_to_tensor(np.stack(last) if stacked is None else stacked)[0]
    values = policy.predict_values(observations).flatten().cpu().numpy()
    buffer.rewards[tuple(np.transpose(places))] += gamma * values


def _tensors(buffer: SoftRollouts, arrays: Any, rows: slice) -> Any:
    if isinstance(arrays, dict):
        return {key: _tensors(buffer, array, rows) for key, array in arrays.items()}
    return buffer.to_torch(arrays.reshape(-1, *arrays.shape[2:])[rows])
