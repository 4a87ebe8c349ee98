"""A small model of every family of algorithms, at initial parameters that make its actions depend on the state."""

from typing import Any

import gymnasium as gym
import numpy as np
import torch as th
from gymnasium import spaces
from sb3_contrib import QRDQN, TQC, TRPO, CrossQ
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3

from sb3_entropy import SPPO

BOX = spaces.Box(np.array([-0.5, 1.0], np.float32), np.array([2.0, 5.0], np.float32))
VECTOR = spaces.Box(-3, 3, (3,), np.float32)
OBSERVATIONS = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)

ON_POLICY = {"ppo": PPO, "a2c": A2C, "trpo": TRPO, "sppo": SPPO}
SQUASHED = {"sac": SAC, "tqc": TQC, "crossq": CrossQ}
DETERMINISTIC = {"td3": TD3, "ddpg": DDPG}
GREEDY = {"dqn": DQN, "qrdqn": QRDQN}
FAMILIES: dict[str, Any] = {**ON_POLICY, **SQUASHED, **DETERMINISTIC, **GREEDY}


class Steps(gym.Env):
    """Observations at random and episodes of five steps."""

    def __init__(self, actions: spaces.Space[Any] = BOX):
        self.action_space, self.observation_space, self.t = actions, VECTOR, 0

    def _observed(self) -> np.ndarray:
        return self.np_random.uniform(-3, 3, 3).astype(np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.t = 0
        return self._observed(), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.t += 1
        return self._observed(), -float(np.square(action).sum()), self.t == 5, False, {}


def build(key: str, env: Any = None, **kwargs: Any) -> Any:
    """:return: a small model at rest, its parameters larger than at the start of a training"""
    cls = FAMILIES[key]
    if key == "a2c":
        own: dict[str, Any] = {"n_steps": 8}
    elif key in ON_POLICY:
        own = {"n_steps": 32, "batch_size": 16}
    else:
        own = {"learning_starts": 8, "buffer_size": 300, "batch_size": 8}
    if env is None:
        env = Steps(spaces.Discrete(4) if key in GREEDY else BOX)
    policy_kwargs = {"net_arch": [8], **kwargs.pop("policy_kwargs", {})}
    policy = kwargs.pop("policy", "MlpPolicy")
    model = cls(policy, env, seed=0, device="cpu", policy_kwargs=policy_kwargs, **{**own, **kwargs})
    model.policy.set_training_mode(False)  # running means stay
    generator = th.Generator().manual_seed(1)
    with th.no_grad():
        for parameter in model.policy.parameters():
            parameter.add_(0.3 * th.randn(parameter.shape, generator=generator))
    return model


def states_of(model: Any) -> Any:
    return model.policy.obs_to_tensor(OBSERVATIONS)[0]
