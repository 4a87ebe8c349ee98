"""Logs of a model that plays an environment of one step."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.type_aliases import GymEnv
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvWrapper
from stable_baselines3.common.vec_env.vec_normalize import VecNormalize

from sb3_entropy.environments import find_env
from sb3_entropy.errors import check_choice, check_number
from sb3_entropy.offline.checking import Array, as_actions, as_numbers
from sb3_entropy.offline.feedback import LoggedFeedback
from sb3_entropy.offline.probabilities import action_probabilities, check_policy
from sb3_entropy.policies.probabilities import draw
from sb3_entropy.vec_env.old_gym import as_gymnasium

#: π(a|x) of the contexts that are there, (N, …) → (N, A)
Policy = Callable[[np.ndarray], Array]


def collect_log(
    model: BaseAlgorithm | str,
    env: GymEnv | str,
    n: int,
    *,
    seed: int | None = None,
    epsilon: float = 0.0,
    support: Sequence[int] | None = None,
) -> LoggedFeedback:
    """
    Play n rounds and log them with the probabilities of what was really played,

        b(a|x) ∝ ((1 − ε) π(a|x) + ε/A) · 1[a ∈ support].

    Actions are drawn by a generator of the log's own: the model and the global generators stay as they are. If the
    environment has the attribute ``context_rewards``, E[r|x, a] of the context to be acted on, shape (A,), it becomes
    ``mean_rewards``.

    :param model: PPO, A2C, TRPO or one of ours, with discrete actions; or ``"uniform"``
    :param env: an environment in which every step ends the episode: its id, itself, or a batch (``VecEnv``); not the
        one the model learns in
    :param n: how many rounds
    :param seed: of the actions and the environment; ``None`` for another log each time, and no seeding
    :param epsilon: ε, the share of uniform actions
    :param support: the actions that may be played; ``None`` for all. Fewer make a log of deficient support
    :return: the log, its contexts as the model saw them
    :raises TypeError: if a number is none, or model or environment are something else
    :raises ValueError: if a number is out of range, the actions are not discrete, the environment has longer episodes
        or is the model's own, or the model has no action probabilities
    """
    check_number("n", n, low=1, integer=True)
    check_number("epsilon", epsilon, low=0, high=1)
    if seed is not None:
        check_number("seed", seed, low=0, high=2**32 - 1, integer=True)
    if not isinstance(env, str):
        env = as_gymnasium(env, "an environment, a VecEnv or an id")
    if isinstance(model, str):
        check_choice("model", model, ("uniform",))
    else:
        check_policy(model)
        _check_apart(model, env)
    batch = env if isinstance(env, VecEnv) else _batch_of(env)
    try:
        A = _n_actions(batch, model)
        _check_normalisation(batch)
        mask = np.ones(A) if support is None else _mask(support, A)
        policy = _uniform(A) if isinstance(model, str) else _policy_of(model)
        columns = _play(policy, batch, n, seed, epsilon, mask)
    finally:
        if isinstance(env, str):
            batch.close()
    uniform = isinstance(model, str)
    return LoggedFeedback(
        **columns,
        n_actions=A,
        policy=None if isinstance(model, str) else _saved(model),
        epsilon=1.0 if uniform else float(epsilon),
        support=None if support is None else np.flatnonzero(mask),
    )


def _play(policy: Policy, batch: VecEnv, n: int, seed: int | None, epsilon: float, mask: Array) -> dict[str, Any]:
    """:return: the log's columns, by name"""
    # The environments' generators start from the seed itself: the same numbers here would tie actions to contexts.
    rng = np.random.default_rng(None if seed is None else [seed, 0x6C6F67])
    if seed is not None:
        batch.seed(int(seed))  # Gymnasium takes no number of NumPy's
    A = len(mask)
    rows: dict[str, list[np.ndarray]] = {}
    observations = batch.reset()
    has_means = batch.has_attr("context_rewards")  # which may be there only when there is a context
    for _ in range(-(-n // batch.num_envs)):
        contexts = np.array(observations)
        behaviour = _mixed(policy(contexts), epsilon, mask)
        actions = draw(behaviour, rng)
        row = {
            "contexts": contexts,
            "actions": actions,
            "propensities": behaviour[np.arange(len(actions)), actions],
            "behaviour": behaviour,
        }
        if has_means:
            means, shape = batch.get_attr("context_rewards"), (batch.num_envs, A)
            row["mean_rewards"] = as_numbers("context_rewards", means, shape, "(environments, actions)")
        observations, rewards, dones, _ = batch.step(actions)
        if not np.all(dones):
            raise ValueError(
                "Logged feedback is of one-step environments, but a step did not end its episode. Give an environment "
                "that terminates after every action."
            )
        for name, value in {**row, "rewards": np.array(rewards)}.items():
            rows.setdefault(name, []).append(value)
    return {name: np.concatenate(parts)[:n] for name, parts in rows.items()}


def _mixed(pi: Array, epsilon: float, mask: Array) -> Array:
    """:return: b ∝ ((1 − ε) π + ε/A) · mask, shape (N, A)"""
    allowed = ((1 - epsilon) * pi + epsilon / pi.shape[1]) * mask
    sums = allowed.sum(axis=1, keepdims=True)
    if not sums.all():
        raise ValueError(
            f"The model gives the actions {np.flatnonzero(mask).tolist()} of support no probability in some context, "
            "so that nothing can be played. Allow more actions, or mix with epsilon > 0."
        )
    return np.asarray(allowed / sums)


def _uniform(n_actions: int) -> Policy:
    return lambda contexts: np.full((len(contexts), n_actions), 1 / n_actions)


def _policy_of(model: BaseAlgorithm) -> Policy:
    return lambda contexts: action_probabilities(model, contexts)


def _saved(model: BaseAlgorithm) -> bytes:
    file = io.BytesIO()
    model.save(file)
    return file.getvalue()


def _batch_of(env: gym.Env[Any, Any] | str) -> VecEnv:
    made = gym.make(find_env(env)) if isinstance(env, str) else env
    return DummyVecEnv([lambda: made])


def _mask(support: Sequence[int], n_actions: int) -> Array:
    """:return: 1 for the actions that may be played, shape (A,)"""
    allowed = np.asarray(support)
    if not allowed.size:
        raise ValueError("support must hold at least one action, but it is empty. Leave it out to allow all.")
    mask = np.zeros(n_actions)
    mask[as_actions("support", allowed, allowed.size, n_actions)] = 1
    return mask


def _n_actions(batch: VecEnv, model: BaseAlgorithm | str) -> int:
    space = batch.action_space
    if not isinstance(space, spaces.Discrete) or space.start != 0:
        raise ValueError(
            f"The actions must be Discrete and count from 0, but the environment has {space}. Propensities of other "
            "actions are not logged."
        )
    if isinstance(batch.observation_space, spaces.Dict):
        raise ValueError(
            "The contexts must be arrays, but the environment's observations are a Dict. Flatten them, e.g. with "
            "gymnasium.wrappers.FlattenObservation."
        )
    if not isinstance(model, str) and model.action_space != space:
        raise ValueError(
            f"The model chooses from {model.action_space}, but the environment has {space}. Give the environment that "
            "the model was made for."
        )
    return int(space.n)


def _check_apart(model: BaseAlgorithm, env: GymEnv | str) -> None:
    own = model.get_env()
    if own is None or isinstance(env, str):
        return
    held = [_innermost(inner) for inner in getattr(own.unwrapped, "envs", [])]
    if env.unwrapped is own.unwrapped or any(_innermost(env) is inner for inner in held):
        raise ValueError(
            "env is the one that the model learns in, and playing it would change what the model learns from next. "
            "Give another instance, or the environment's id."
        )


def _innermost(env: Any) -> Any:
    """:return: the environment itself; of one of the old gym not shimmy's wrapper, of which there may be several"""
    return getattr(env.unwrapped, "gym_env", env).unwrapped


def _check_normalisation(batch: VecEnv) -> None:
    while isinstance(batch, VecEnvWrapper):
        if isinstance(batch, VecNormalize) and (batch.training or batch.norm_reward):
            raise ValueError(
                "A log holds raw rewards, and playing must not change the statistics of VecNormalize. Set its "
                "training = False and norm_reward = False, as for evaluation."
            )
        batch = batch.venv
