"""Trained agents, and states that they have met."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch as th

from sb3_entropy import SACAdaEnt
from sb3_entropy.algorithms.off_policy.similarity.general import GeneralStateCritics, gaussian_in
from sb3_entropy.algorithms.off_policy.similarity.states import StateCritics

#: ε of the training, whose decisions are the cheapest rule's
TRAINING: dict[str, Any] = {"similarity_threshold": 0.9, "similarity_rule": "linear", "learning_starts": 200}


@dataclass
class Agent:
    """
    What the benchmark asks of an agent.

    :param env_id: where it has been trained
    :param steps: for how long
    :param seed: of the training
    :param model: with a soft and a plain pair of critics
    :param observations: states that it has met, shape (B, …)
    """

    env_id: str
    steps: int
    seed: int
    model: SACAdaEnt
    observations: th.Tensor

    def states(self, generator: th.Generator) -> GeneralStateCritics:
        """
        :param generator: of the actor's sample
        :return: its critics in all these states
        """
        mean, std = gaussian_in(self.model.actor, self.observations)
        sample = th.tanh(mean + std * th.randn(mean.shape, generator=generator))
        return GeneralStateCritics((self.model.critic, self.model.plain_critic), self.observations, mean, std, sample)


def trained(env_id: str, steps: Sequence[int], seed: int, states: int) -> Iterator[Agent]:
    """
    :param env_id: the environment
    :param steps: after how many the agent is looked at, ascending
    :param seed: of the training
    :param states: how many are drawn from its replay buffer
    :return: the agent at each of these, while it is what it was there
    """
    net = {"policy_kwargs": {"net_arch": [32, 32]}} if env_id.startswith("entropy/") else {}
    model = SACAdaEnt("MlpPolicy", env_id, seed=seed, device="cpu", buffer_size=max(*steps, 1000), **TRAINING, **net)
    for until in steps:
        model.learn(until - model.num_timesteps, reset_num_timesteps=False)
        buffer: Any = model.replay_buffer
        chosen = np.random.default_rng(seed).choice(buffer.size(), states, replace=buffer.size() < states)
        met = th.tensor(buffer.observations[chosen, 0], dtype=th.float32)
        yield Agent(env_id, until, seed, model, met)


class Counting(StateCritics):
    """
    Critics that count how often they are asked: once for a value in a state, and once for a gradient.

    :param asked: the critics
    """

    def __init__(self, asked: StateCritics):
        self.asked, self.evaluations = asked, 0.0
        self.mean, self.std = asked.mean, asked.std
        self.sample, self.values_at_sample = asked.sample, asked.values_at_sample

    def values(self, actions: th.Tensor, states: th.Tensor | None = None, low_precision: bool = False) -> th.Tensor:
        self.evaluations += actions.shape[0] * actions.shape[1] / len(self.mean)
        return self.asked.values(actions, states, low_precision)

    def values_and_gradients(self, actions: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        self.evaluations += 2
        return self.asked.values_and_gradients(actions)

    def gradients_at_sample(self) -> th.Tensor:
        self.evaluations += 1
        return self.asked.gradients_at_sample()
