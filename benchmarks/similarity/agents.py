"""Trained agents with a soft and a plain pair of critics, and states that they have seen."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch as th
from stable_baselines3 import SAC
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.common.utils import polyak_update
from torch.nn import functional as F

from sb3_entropy.algorithms.off_policy.similarity.cosine import decide
from sb3_entropy.algorithms.off_policy.similarity.general import GeneralStateCritics, gaussian_in, gaussian_of
from sb3_entropy.algorithms.off_policy.similarity.rule import SimilarityRule, make_similarity_rule
from sb3_entropy.environments import register_envs


class SACWithPlainCritics(SAC):
    """
    Stable-Baselines3's SAC with a second pair of critics whose targets know no entropy, and SAC-AdaEnt's decision.

    Only what the benchmark needs: no n-step returns, no gSDE.
    """

    def __init__(self, *args: Any, rule: str = "linear", threshold: float = 0.9, samples: int = 100, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.rule: SimilarityRule = make_similarity_rule(rule)
        self.threshold, self.samples = threshold, samples
        self.own = th.Generator().manual_seed(self.seed or 0)
        self.plain: ContinuousCritic = self.policy.make_critic()
        self.plain_target: ContinuousCritic = self.policy.make_critic()
        self.plain_target.load_state_dict(self.plain.state_dict())
        self.plain_target.set_training_mode(False)
        self.plain_optimizer = th.optim.Adam(self.plain.parameters(), lr=self.lr_schedule(1))

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """
        :param gradient_steps: how many
        :param batch_size: B
        """
        self.policy.set_training_mode(True)
        for _ in range(gradient_steps):
            self._step(self.replay_buffer.sample(batch_size))

    def _step(self, batch: Any) -> None:
        a, log_prob = self.actor.action_log_prob(batch.observations)
        mean, std = gaussian_of(self.actor)
        log_prob = log_prob.reshape(-1, 1)
        alpha = th.exp(self.log_ent_coef.detach())
        self._descend(self.ent_coef_optimizer, -(self.log_ent_coef * (log_prob + self.target_entropy).detach()).mean())
        with th.no_grad():
            next_a, next_log_prob = self.actor.action_log_prob(batch.next_observations)
            for_target = batch.next_observations, next_a
            soft = th.cat(self.critic_target(*for_target), 1).amin(1, keepdim=True) - alpha * next_log_prob[:, None]
            plain = th.cat(self.plain_target(*for_target), 1).amin(1, keepdim=True)
            soft, plain = (batch.rewards + (1 - batch.dones) * self.gamma * value for value in (soft, plain))
        for critic, optimizer, target in (
            (self.critic, self.critic.optimizer, soft),
            (self.plain, self.plain_optimizer, plain),
        ):
            values = critic(batch.observations, batch.actions)
            self._descend(optimizer, 0.5 * sum(F.mse_loss(value, target) for value in values))
        asked = GeneralStateCritics((self.critic, self.plain), batch.observations, mean, std, a)
        sim = self.rule(asked, "shifted", self.threshold, self.samples, self.own)
        q = [th.cat(critic(batch.observations, a), 1).amin(1) for critic in (self.critic, self.plain)]
        taught = th.where(decide(sim, self.threshold), *q)
        self._descend(self.actor.optimizer, (alpha * log_prob[:, 0] - taught).mean())
        polyak_update(self.critic.parameters(), self.critic_target.parameters(), self.tau)
        polyak_update(self.plain.parameters(), self.plain_target.parameters(), self.tau)

    @staticmethod
    def _descend(optimizer: th.optim.Optimizer, loss: th.Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


class Agent:
    """
    What the benchmark asks of a trained agent.

    :param name: of the agent in tables
    :param model: with an actor
    :param critics: the soft pair and the plain one
    :param observations: states that it has met, shape (B, D)
    """

    def __init__(self, name: str, model: SAC, critics: Sequence[ContinuousCritic], observations: th.Tensor):
        self.name, self.actor, self.critics, self.observations = name, model.actor, tuple(critics), observations
        self.mean, self.std = gaussian_in(model.actor, observations)

    def states(self, rows: slice, generator: th.Generator) -> GeneralStateCritics:
        """
        :param rows: which states
        :param generator: of the actor's sample
        :return: the critics in these states
        """
        mean, std = self.mean[rows], self.std[rows]
        sample = th.tanh(mean + std * th.randn(mean.shape, generator=generator))
        return GeneralStateCritics(self.critics, self.observations[rows], mean, std, sample)


def train_agents(
    env_id: str, at: Sequence[int], seed: int, states: int, folder: Path | None = None, **settings: Any
) -> Iterator[Agent]:
    """
    :param env_id: the environment
    :param at: after how many steps the agent is looked at, ascending
    :param seed: of the training
    :param states: how many are drawn from its replay buffer
    :param folder: where agents are kept, and found again; None for nowhere
    :param settings: of the model
    :return: the agent at each of these steps, while it is what it was there
    """
    register_envs()
    model = SACWithPlainCritics(
        "MlpPolicy", gym.make(env_id), buffer_size=max(at), seed=seed, device="cpu", **{"learning_starts": 200, **settings}
    )
    for steps in at:
        name = f"{env_id}, {steps:,} steps, seed {seed}"
        kept = folder / f"{env_id.replace('/', '-')}-{steps}-{seed}.pt" if folder else None
        if kept and kept.exists():
            found = th.load(kept, weights_only=True)
            for module, key in ((model.actor, "actor"), (model.critic, "critic"), (model.plain, "plain")):
                module.load_state_dict(found[key])
            observations = found["observations"]
        else:
            model.learn(steps - model.num_timesteps, reset_num_timesteps=False)
            chosen = np.random.default_rng(seed).choice(model.replay_buffer.size(), states, replace=steps < states)
            observations = th.tensor(model.replay_buffer.observations[chosen, 0], dtype=th.float32)
            if kept:
                parts = {"actor": model.actor, "critic": model.critic, "plain": model.plain}
                th.save({key: part.state_dict() for key, part in parts.items()} | {"observations": observations}, kept)
        yield Agent(name, model, (model.critic, model.plain), observations)
