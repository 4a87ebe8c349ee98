"""A contextual bandit that can be enumerated, and policies whose logits are a table."""

import gymnasium as gym
import numpy as np
import torch as th
from gymnasium import spaces
from sb3_contrib import TRPO
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

from sb3_entropy import SPPO

N_CONTEXTS, N_ACTIONS = 4, 5
#: one, two, three and five best actions
MEAN_REWARDS = np.array(
    [
        [0.1, 0.9, 0.3, -0.2, 0.0],
        [1.0, 0.2, 1.0, 0.4, -1.0],
        [0.5, 0.5, 0.1, 0.0, 0.5],
        [0.3, 0.3, 0.3, 0.3, 0.3],
    ]
)


class ToyBandit(gym.Env):
    """One-hot contexts, one step an episode, noisy rewards around ``MEAN_REWARDS``."""

    action_space = spaces.Discrete(N_ACTIONS)
    observation_space = spaces.Box(0.0, 1.0, (N_CONTEXTS,), np.float32)

    def __init__(self):
        self.cumulative_regret, self.contexts_served = 0.0, 0
        self.n_evaluation_sets = 0
        self.taken: list[tuple[int, int]] = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.context = int(self.np_random.integers(N_CONTEXTS))
        return np.eye(N_CONTEXTS, dtype=np.float32)[self.context], {}

    def step(self, action):
        rewards = MEAN_REWARDS[self.context]
        self.taken.append((self.context, int(action)))
        self.cumulative_regret += rewards.max() - rewards[action]
        self.contexts_served += 1
        reward = rewards[action] + 0.1 * self.np_random.normal()
        return np.zeros(N_CONTEXTS, np.float32), float(reward), True, False, {}

    def evaluation_set(self, n=None):
        self.n_evaluation_sets += 1
        return np.eye(N_CONTEXTS, dtype=np.float32)[:n], MEAN_REWARDS[:n]


def ppo(env, algorithm=PPO, **kwargs):
    settings = {"n_steps": 16, "seed": 0, "policy_kwargs": {"net_arch": [4]}, "device": "cpu"}
    if algorithm in (PPO, SPPO):
        settings |= {"batch_size": 16, "n_epochs": 1}
    elif algorithm is TRPO:
        settings |= {"batch_size": 16}
    return algorithm("MlpPolicy", env, **{**settings, **kwargs})


def policy_with(logits, **kwargs):
    """:return: a PPO whose policy has these logits in the one-hot contexts, shape (contexts, A)"""
    model = ppo(make_vec_env(ToyBandit), policy_kwargs={"net_arch": []}, **kwargs)
    with th.no_grad():
        model.policy.action_net.weight.copy_(th.as_tensor(np.asarray(logits, dtype=np.float32)).T)
        model.policy.action_net.bias.zero_()
    return model
