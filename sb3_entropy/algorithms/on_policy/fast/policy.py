"""A policy's arithmetic on flat parameters."""

import math
from types import NoneType
from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy

from sb3_entropy.algorithms.common.flat import FlatParameters
from sb3_entropy.algorithms.common.flat_optimizers import FLAT_OPTIMIZERS, Descent
from sb3_entropy.algorithms.common.networks import Critic, Trunk
from sb3_entropy.algorithms.on_policy.fast.head import FEW
from sb3_entropy.algorithms.on_policy.fast.heads import HEADS


class FlatPolicy:
    """
    The actor, the critic and the optimiser of a policy, whose parameters become views of one tensor.

    Called as the policy is, it gives the same, bit for bit, and draws the same from PyTorch's global generator.

    :param policy: one of which :func:`~sb3_entropy.algorithms.on_policy.fast.choice.why_general` has nothing to say
    :param rounding: whether results may differ from the policy's in rounding
    """

    def __init__(self, policy: ActorCriticPolicy, rounding: bool = False):
        self.policy, self.rounding = policy, rounding
        extractor = policy.mlp_extractor
        #: parameters that values alone depend on
        self.critics = [*extractor.value_net.parameters(), *policy.value_net.parameters()]
        values_alone = {id(parameter) for parameter in self.critics}
        self.parameters = list(policy.parameters())
        self.actors = [parameter for parameter in self.parameters if id(parameter) not in values_alone]
        self.flat = FlatParameters([*self.actors, *self.critics])
        self.optimizer = FLAT_OPTIMIZERS[type(policy.optimizer)](policy.optimizer, self.flat)
        self.trunk = Trunk(extractor.policy_net, self.flat, rounding)
        self.head = HEADS[type(policy.action_dist)](policy, self.flat)
        self.critic = Critic(extractor.value_net, policy.value_net, self.flat, rounding)
        self._actor_part, self._critic_part = self.flat.part(self.actors), self.flat.part(self.critics)
        self.modules = list(policy.modules())
        #: what its choice depended on, written and read there
        self.standing: Any = None
        self.seen: list[Any] = []
        self._descents: dict[tuple[bool, bool], Descent] = {}
        self._is_box = isinstance(policy.observation_space, spaces.Box)

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """A copy of a model, or a pickled one, makes its own."""
        return NoneType, ()

    def fits(self, policy: ActorCriticPolicy, rounding: bool) -> bool:
        """
        :param policy: the algorithm's, at present
        :param rounding: whether results may differ in rounding
        :return: whether this would be made of them again: loading gives policy and optimiser other tensors
        """
        same = policy is self.policy and policy.optimizer is self.optimizer.optimizer and rounding == self.rounding
        return same and self.flat.holds() and self.head.holds() and self.optimizer.holds() and self._counts_agree()

    def _counts_agree(self) -> bool:
        """:return: whether nobody else has taken a step with a part of the actor, or of the critic"""
        return None not in (self.optimizer.count(self._actor_part), self.optimizer.count(self._critic_part))

    def release(self) -> None:
        """Give each parameter tensors of its own again, so that no file holds more than them."""
        self.flat.release()
        self.optimizer.release()

    def features(self, observations: th.Tensor) -> th.Tensor:
        """
        :param observations: B of them, as the environments give them
        :return: what the networks read, float32, shape (B, D)
        """
        if self._is_box and observations.dtype is th.float32 and observations.dim() == 2:
            return observations
        if self._is_box:
            return observations.float().flatten(1)
        features: Any = self.policy.extract_features(observations)
        flat: th.Tensor = features[0] if isinstance(features, tuple) else features
        return flat

    def __call__(self, observations: th.Tensor) -> tuple[th.Tensor, th.Tensor, th.Tensor]:
        """
        :param observations: B of them
        :return: actions, values of shape (B, 1) and log-probabilities of shape (B,)
        """
        x = self.features(observations)
        actions, log_prob = self.head.act(self.trunk.forward(x)[-1])
        if not math.isfinite(sum(log_prob.tolist()) if len(log_prob) < FEW else log_prob.sum()):
            self._complain(observations)
        space = self.policy.action_space
        actions = actions.reshape((-1, *space.shape)) if isinstance(space, spaces.Box) else actions
        return actions, self._values(x), log_prob

    def sample(self, observations: th.Tensor) -> np.ndarray:
        """
        :param observations: B of them
        :return: actions alone, within rounding
        """
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is named below
            actions, finite = self.head.sample(self.trunk.forward_array(self.features(observations).numpy()))
        if not math.isfinite(finite):
            self._complain(observations)
        space = self.policy.action_space
        return actions.reshape((-1, *space.shape)) if isinstance(space, spaces.Box) else actions

    def log_probs_and_values(self, observations: th.Tensor, actions: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        """
        :param observations: B of them
        :param actions: one for each, as the rollout buffer keeps them
        :return: log-probabilities and values, shape (B,) each
        """
        values, log_probs, _ = self.evaluate_actions(observations, actions)
        return log_probs, values[:, 0]

    def evaluate_actions(
        self, observations: th.Tensor, actions: th.Tensor
    ) -> tuple[th.Tensor, th.Tensor, th.Tensor | None]:
        """
        :param observations: B of them
        :param actions: one for each, as the rollout buffer keeps them
        :return: values, shape (B, 1), log-probabilities and entropies, shape (B,) each, as the policy's
        """
        x = self.features(observations)
        evaluated = self.head.evaluate(self.head.leaves(self.trunk.forward(x)[-1]), actions)
        return self._values(x), evaluated.log_prob, evaluated.entropy

    def entropies(self, observations: th.Tensor) -> th.Tensor:
        """
        :param observations: B of them
        :return: H(π(·|s)) in nats, shape (B,)
        """
        return self.head.entropy(self.head.leaves(self.trunk.forward(self.features(observations))[-1]))

    def predict_values(self, observations: th.Tensor) -> th.Tensor:
        """
        :param observations: B of them
        :return: V, shape (B, 1)
        """
        return self._values(self.features(observations))

    def _values(self, x: th.Tensor) -> th.Tensor:
        if getattr(self.policy, "has_critic", True):
            return self.critic.values(x)
        return x.new_zeros((len(x), 1))

    def _complain(self, observations: th.Tensor) -> None:
        """Let the policy find what is not finite, and say so in its own words; the generator does not notice."""
        with th.random.fork_rng(devices=[]), th.no_grad():
            self.policy(observations)

    def descent(self, actor: bool, critic: bool) -> Descent:
        """
        :param actor: whether the actor is descended
        :param critic: whether the critic is
        :return: what descends them
        """
        if (actor, critic) not in self._descents:
            parts = [part for part, wanted in ((self.actors, actor), (self.critics, critic)) if wanted]
            chosen = {id(parameter) for part in parts for parameter in part}
            parameters = [parameter for parameter in self.parameters if id(parameter) in chosen]
            self._descents[actor, critic] = Descent(self.optimizer, parameters, parts)
        return self._descents[actor, critic]

    def set_training_mode(self, mode: bool) -> None:
        """
        ``policy.set_training_mode``; none of these modules does otherwise in one mode than in the other.

        :param mode: whether the policy is trained
        """
        for module in self.modules:
            vars(module)["training"] = mode
