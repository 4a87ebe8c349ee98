"""What the oracles share: an environment that keeps a tape, and policies recomputed in NumPy from their weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
import numpy as np
import torch as th
from gymnasium import spaces
from scipy import special
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

TERMINATED, TRUNCATED = "terminated", "truncated"


@dataclass
class Episode:
    """What happened; ``end`` is None while it goes on."""

    observations: list[Any] = field(default_factory=list)
    actions: list[Any] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    last_observation: Any = None
    end: str | None = None


class TapeEnv(gym.Env):
    """
    Random observations, rewards that depend on observation and action, episodes of given lengths and ends.

    :param plan: the episodes' lengths and ends, over and over
    """

    def __init__(
        self,
        seed: int,
        plan: Sequence[tuple[int, str]],
        action_space: spaces.Space,
        observation_space: spaces.Space | None = None,
    ):
        self.action_space = action_space
        self.observation_space = observation_space or spaces.Box(-2.0, 3.0, (3,))
        self.rng = np.random.default_rng(seed)
        self.plan = list(plan)
        self.n_started = 0
        self.tape: list[Episode] = []

    def _observe(self) -> Any:
        if isinstance(self.observation_space, spaces.Dict):
            return {
                key: self.rng.uniform(-1.0, 2.0, box.shape).astype(np.float32)
                for key, box in self.observation_space.items()
            }
        return self.rng.uniform(-2.0, 3.0, self.observation_space.shape).astype(np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self.length, self.how = self.plan[self.n_started % len(self.plan)]
        self.n_started += 1
        self.tape.append(Episode())
        self.observation = self._observe()
        return self.observation, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        episode = self.tape[-1]
        first = self.observation["a"] if isinstance(self.observation, dict) else self.observation
        reward = float(3 * first.flat[0] - 0.7 * np.sum(np.asarray(action, dtype=np.float64)) + self.rng.normal(0.5))
        episode.observations.append(self.observation)
        episode.actions.append(np.array(action))
        episode.rewards.append(reward)
        self.observation = episode.last_observation = self._observe()
        ends = len(episode.rewards) == self.length
        if ends:
            episode.end = self.how
        return self.observation, reward, ends and self.how == TERMINATED, ends and self.how == TRUNCATED, {}


PLANS = [
    [(3, TERMINATED), (7, TRUNCATED), (1, TERMINATED), (12, TERMINATED), (5, TRUNCATED)],
    [(9, TRUNCATED), (2, TERMINATED), (1, TRUNCATED), (15, TERMINATED)],
    [(50, TERMINATED), (4, TRUNCATED), (6, TERMINATED)],
]


def tape_envs(n_envs: int, action_space: spaces.Space, observation_space: spaces.Space | None = None) -> DummyVecEnv:
    """:return: that many monitored tape environments, each with a plan of its own"""

    def make(index: int) -> Callable[[], gym.Env]:
        return lambda: Monitor(TapeEnv(100 + index, PLANS[index % 3], action_space, observation_space))

    return DummyVecEnv([make(index) for index in range(n_envs)])


def tapes(model: Any) -> list[list[Episode]]:
    """
    :param model: if it has actors, the first of them, in this process, steps copies of its environments
    :return: every environment's episodes so far; those that were reset before their first step left out
    """
    pool = getattr(model, "_pool", None)
    env = model.env if pool is None else pool._actors[0]._object._env
    return [[episode for episode in one.unwrapped.tape if episode.rewards] for one in env.unwrapped.envs]


@dataclass
class Weights:
    """A policy's parameters in float64, for networks of tanh layers on flat or Dict observations."""

    state: dict[str, np.ndarray]

    @classmethod
    def of(cls, policy: th.nn.Module) -> "Weights":
        return cls({key: value.detach().numpy().astype(np.float64) for key, value in policy.state_dict().items()})

    def _linear(self, name: str, x: np.ndarray) -> np.ndarray:
        return self.state[f"{name}.weight"] @ x + self.state[f"{name}.bias"]

    def _mlp(self, name: str, x: np.ndarray) -> np.ndarray:
        layer = 0
        while f"mlp_extractor.{name}.{layer}.weight" in self.state:
            x = np.tanh(self._linear(f"mlp_extractor.{name}.{layer}", x))
            layer += 2
        return x

    def latent(self, observation: Any) -> np.ndarray:
        return self._mlp("policy_net", flat(observation))

    def head(self, observation: Any) -> np.ndarray:
        """:return: what the action layer gives in one state: logits, means, …"""
        return self._linear("action_net", self.latent(observation))

    def value(self, observation: Any) -> float:
        return float(self._linear("value_net", self._mlp("value_net", flat(observation)))[0])

    def local_increment(self, observation: Any) -> np.ndarray:
        """:return: tanh(W h + b) of a std scheme"""
        return np.tanh(self._linear("std_scheme.head", self.latent(observation)))


def flat(observation: Any) -> np.ndarray:
    parts = [observation[key] for key in sorted(observation)] if isinstance(observation, dict) else [observation]
    return np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in parts])


def categorical_entropy(logits: np.ndarray) -> float:
    return float(special.entr(special.softmax(logits)).sum())


def randomise(policy: th.nn.Module, seed: int, scale: float = 0.7, spare: tuple[str, ...] = ()) -> None:
    """Parameters off the origin, so that entropies differ between states."""
    generator = th.Generator().manual_seed(seed)
    with th.no_grad():
        for name, parameter in policy.named_parameters():
            if not any(part in name for part in spare):
                parameter.add_(scale * th.randn(parameter.shape, generator=generator, dtype=parameter.dtype))


class MemoryWriter(KVWriter):
    """Keeps what is logged, one dict a dump."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        self.rows.append({"step": step, **key_values})

    def close(self) -> None:
        """Nothing to close."""

    def column(self, key: str) -> list[Any]:
        return [row[key] for row in self.rows if key in row]


def log_to_memory(model: Any) -> MemoryWriter:
    writer = MemoryWriter()
    model.set_logger(Logger(None, [writer]))
    return writer


class AtRolloutEnd(BaseCallback):
    """:param look: called with the model and the rollout's local variables, while the behaviour policy is in place"""

    def __init__(self, look: Callable[[Any, dict[str, Any]], None]):
        super().__init__()
        self.look = look

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self.look(self.model, self.locals)
