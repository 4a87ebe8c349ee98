"""Stable-Baselines3's SAC with a buffer of random transitions, and the parts of a path of it."""

import copy
from typing import Any

import gymnasium as gym
import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.logger import configure
from stable_baselines3.common.utils import FloatSchedule
from stable_baselines3.common.vec_env import DummyVecEnv

from sb3_entropy.algorithms.off_policy.fast.path import FlatPath
from sb3_entropy.algorithms.off_policy.parts import Parts

#: observations and actions of Pendulum and of HalfCheetah
PENDULUM, HALF_CHEETAH = (3, 1), (17, 6)


class Still(gym.Env[np.ndarray, np.ndarray]):
    """
    Nothing happens in it.

    :param sizes: of observations and actions
    :param observation_space: another one, with observations of that size
    """

    def __init__(self, sizes: tuple[int, int], observation_space: Any = None):
        self.observation_space = observation_space or spaces.Box(-np.inf, np.inf, (sizes[0],), np.float32)
        self.action_space = spaces.Box(-2.0, 3.0, (sizes[1],), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        return np.zeros(self.observation_space.shape, self.observation_space.dtype), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        return self.reset()[0], 0.0, False, False, {}


def sac(sizes: tuple[int, int] = HALF_CHEETAH, n_envs: int = 1, observation_space: Any = None, **settings: Any) -> SAC:
    """:return: a model of a fixed seed, whose buffer holds 300 steps of numbers"""
    given = {"seed": 1, "device": "cpu", "buffer_size": 400 * n_envs, **settings}
    model = SAC("MlpPolicy", DummyVecEnv([lambda: Still(sizes, observation_space)] * n_envs), **given)
    model.set_logger(configure(None, []))
    generator = np.random.default_rng(1)
    if observation_space is not None:
        observation_space.seed(1)
    for _ in range(300):
        seen = [generator.standard_normal((n_envs, sizes[0])).astype(np.float32) for _ in range(2)]
        if observation_space is not None:
            seen = [np.stack([observation_space.sample() for _ in range(n_envs)]) for _ in range(2)]
        actions = generator.uniform(-1, 1, (n_envs, sizes[1])).astype(np.float32)
        dones = generator.random(n_envs) < 0.2
        infos = [{"TimeLimit.truncated": bool(generator.random() < 0.5)} for _ in range(n_envs)]
        model.replay_buffer.add(*seen, actions, generator.standard_normal(n_envs), dones, infos)
    return model


def with_plain(model: SAC) -> dict[str, Any]:
    """:return: plain critics of other numbers, with an optimiser of its own rate, and targets of others again"""
    plain, target = model.policy.make_critic(), model.policy.make_critic()
    plain.optimizer = th.optim.Adam(plain.parameters(), lr=7e-4, betas=(0.8, 0.95), eps=1e-5)
    target.set_training_mode(False)
    return {"plain_critic": plain, "plain_critic_target": target}


def path_of(model: SAC, **others: Any) -> FlatPath:
    """:return: the fast path of a model's parts"""
    return FlatPath(Parts(model.policy, model.replay_buffer, **others))


def twin(model: SAC, others: dict[str, Any]) -> tuple[SAC, dict[str, Any]]:
    """:return: the same once more, each optimiser with its own parameters"""
    made: tuple[SAC, dict[str, Any]] = copy.deepcopy((model, others))
    return made


def train_fast(model: SAC, path: FlatPath, n_updates: int, batch_size: int) -> None:
    """``SAC.train``, on a path: the soft critics' minimum teaches."""
    rates = [model.actor.optimizer, model.critic.optimizer]
    if model.ent_coef_optimizer is not None:
        rates.append(model.ent_coef_optimizer)
    model._update_learning_rate(rates)
    for _ in range(n_updates):
        batch = path.sample(batch_size)
        path.begin(batch)
        alpha = alpha_step(model, path.log_prob)
        soft = path.next_values()[0].amin(0) - alpha * path.next_log_prob
        discounts = (1 - batch.dones[:, 0]) * model.gamma
        path.descend_critics((batch.rewards[:, 0] + discounts * soft)[None])
        values = path.values()
        weights = th.zeros_like(values).scatter_(1, values.argmin(1, keepdim=True), 1.0)
        path.descend_actor(weights, alpha, None)
        path.move_targets(model.tau)


def alpha_step(model: SAC, log_prob: th.Tensor) -> float:
    """SAC's rule: one step of Adam on log α, down −log α · mean (log π + H̄). :return: α of before"""
    if model.ent_coef_optimizer is None or model.log_ent_coef is None:
        return float(model.ent_coef_tensor)
    alpha = float(model.log_ent_coef.detach().exp())
    model.log_ent_coef.grad = -(log_prob.mean() + float(model.target_entropy)).reshape(1)
    model.ent_coef_optimizer.step()
    return alpha


def schedule(model: SAC, rate: float) -> None:
    """Let the next updates have another learning rate."""
    model.lr_schedule = FloatSchedule(rate)
