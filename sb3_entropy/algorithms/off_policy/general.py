"""A gradient step on the general path: any networks, by autograd, bit for bit as Stable-Baselines3's SAC takes it."""

from typing import TYPE_CHECKING, Any

import torch as th
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch.nn import functional as F

from sb3_entropy.algorithms.off_policy.diverged import check_finite, check_gradients
from sb3_entropy.algorithms.off_policy.path import Path, Penalty
from sb3_entropy.algorithms.off_policy.similarity.general import GeneralStateCritics, gaussian_in, gaussian_of
from sb3_entropy.algorithms.off_policy.similarity.states import StateCritics
from sb3_entropy.regularizers.collection import evaluated_law
from sb3_entropy.temperature import Temperature

if TYPE_CHECKING:
    from sb3_entropy.algorithms.off_policy.algorithm import SoftOffPolicyAlgorithm


class GeneralPath(Path):
    """
    :param algorithm: whose policy, critics and replay buffer, as they are now
    """

    def __init__(self, algorithm: "SoftOffPolicyAlgorithm"):
        self.algorithm = algorithm
        self.actor: Any = algorithm.actor
        self.groups = algorithm.critic_groups

    def sample(self, batch_size: int) -> ReplayBufferSamples:
        buffer: Any = self.algorithm.replay_buffer
        batch: ReplayBufferSamples = buffer.sample(batch_size, env=self.algorithm._vec_normalize_env)
        return batch

    def begin(self, batch: ReplayBufferSamples) -> None:
        if self.algorithm.use_sde:
            for drawing in filter(None, (self.actor, self.algorithm.actor_target)):
                drawing.reset_noise()
        self._batch = batch
        self._values: th.Tensor | None = None
        self._actions, log_prob = self.actor.action_log_prob(batch.observations)
        self._log_prob = log_prob.reshape(-1)
        self.log_prob = self._log_prob.detach()
        self.shape = len(self.groups), len(self.algorithm.critic.q_networks), len(self.log_prob)
        if self.algorithm.active_regularizers:
            self.law = evaluated_law(self.algorithm.policy, batch.observations)
        #: mean and std of its Gaussian before tanh, shape (B, A)
        self._gaussian = gaussian_of(self.actor) if len(self.groups) > 1 else None
        actor: Any = self.algorithm.actor_of_targets
        self.temperature_log_prob = self.log_prob
        with th.no_grad():
            if actor is not self.actor:
                self.temperature_log_prob = actor.action_log_prob(batch.observations)[1].reshape(-1)
            self._next_actions, next_log_prob = actor.action_log_prob(batch.next_observations)
        self.next_log_prob = next_log_prob.reshape(-1)

    def descend_temperature(self, temperature: Temperature) -> th.Tensor | None:
        return temperature.descend(self.temperature_log_prob)

    def next_values(self) -> th.Tensor:
        targets = [group.target for group in self.groups]
        with th.no_grad():
            return _stacked(_asked(targets, self._batch.next_observations, self._next_actions))

    def descend_critics(self, targets: th.Tensor) -> th.Tensor:
        losses: list[Any] = []
        asked = _asked([group.online for group in self.groups], self._batch.observations, self._batch.actions)
        for values, target in zip(asked, targets, strict=True):
            column = target.unsqueeze(1)
            errors: Any = sum(F.mse_loss(value, column) for value in values)
            losses.append(0.5 * errors)
        for group, loss in zip(self.groups, losses, strict=True):
            check_finite(group.name, loss.detach())
            group.optimizer.zero_grad()
            loss.backward()
        for group in self.groups:
            check_gradients(group.name, _gradients(group.optimizer))
        for group in self.groups:
            group.optimizer.step()
        return th.stack([loss.detach() for loss in losses])

    def values(self) -> th.Tensor:
        if self._values is None:
            self._values = _stacked(_asked(self._ascended, self._batch.observations, self._actions))
        return self._values.detach()

    @property
    def _ascended(self) -> list[Any]:
        of_targets = self.algorithm.use_target_critic
        return [group.target if of_targets else group.online for group in self.groups]

    def state_critics(self, target: bool) -> StateCritics:
        critics = [group.target if target else group.online for group in self.groups]
        mean, std = self._gaussian or gaussian_in(self.actor, self._batch.observations)
        known = self.values() if target == self.algorithm.use_target_critic else None
        return GeneralStateCritics(critics, self._batch.observations, mean, std, self._actions, known)

    def descend_actor(self, weights: th.Tensor, alpha: float | th.Tensor, penalty: Penalty | None) -> th.Tensor:
        chosen = self._taught(weights)
        loss: th.Tensor = (alpha * self._log_prob - chosen).mean()
        check_finite("actor_loss", loss.detach())
        total = loss if penalty is None else loss + penalty(loss)
        self.actor.optimizer.zero_grad()
        total.backward()
        check_gradients("actor_loss", _gradients(self.actor.optimizer))
        self.actor.optimizer.step()
        return loss.detach()

    def _taught(self, weights: th.Tensor) -> th.Tensor:
        """:return: Σ w Q(s, ã), shape (B,), with gradient"""
        if self._values is None and bool((weights[0, 0] == 1).all()):
            first: th.Tensor = self._ascended[0].q1_forward(self._batch.observations, self._actions)
            return first.reshape(-1)
        self.values()
        assert self._values is not None
        return (weights * self._values).flatten(0, 1).sum(dim=0)

    def move_targets(self, tau: float) -> None:
        for pair in (*self.groups, self.algorithm.targeted_actor):
            if pair is not None:
                pair.move(tau)


def _asked(critics: list[Any], observations: Any, actions: th.Tensor) -> list[Any]:
    """
    An extractor that the groups share, the actor's, is asked once, as if there were one group: it may count what it
    sees, as a normalisation does.

    :return: of each group the values of its critics, shape (B, 1) each
    """
    first = critics[0]
    if len(critics) > 1 and all(critic.features_extractor is first.features_extractor for critic in critics):
        with th.no_grad():
            features = first.extract_features(observations, first.features_extractor)
        rows = th.cat([features, actions], dim=1)
        return [tuple(network(rows) for network in critic.q_networks) for critic in critics]
    return [critic(observations, actions) for critic in critics]


def _stacked(values: list[tuple[th.Tensor, ...]]) -> th.Tensor:
    """:return: of G groups with C columns (B, 1) each, shape (G, C, B)"""
    return th.stack([th.cat(group, dim=1).t() for group in values])


def _gradients(optimizer: th.optim.Optimizer) -> list[th.Tensor]:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    gradients: list[Any] = [parameter.grad for parameter in parameters]
    return [gradient for gradient in gradients if gradient is not None]
