"""A training whose policy loss has regularisers."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy

from sb3_entropy.algorithms.making_regularizers import make_regularizers
from sb3_entropy.algorithms.policies import SoftActorCriticPolicy
from sb3_entropy.algorithms.regularizers import Regularizer
from sb3_entropy.distributions.laws import Law, law_of

#: the scalar that the regularisers add to a loss: of the policy's law, and the policy's own loss
Regularization = Callable[[Law, th.Tensor], th.Tensor]


class RegularizedAlgorithm(OnPolicyAlgorithm):
    """An on-policy algorithm of Stable-Baselines3 whose policy is drawn towards, or away from, reference policies."""

    policy: ActorCriticPolicy
    #: those that the user has asked for; what may be given is said by ``make_regularizers``
    regularizers: Any
    #: of the algorithm's own arguments
    _own_regularizers: list[Regularizer] | None = None

    made_from: ClassVar[Mapping[str, frozenset[str]]] = {
        "_make_regularizers": frozenset({"regularizers"}),
        "_begin_regularizers": frozenset({"regularizers", "env"}),
    }

    def _active_regularizers(self) -> list[Regularizer]:
        return [*(self._own_regularizers or []), *self.regularizers]

    def _make_regularizers(self, before: Mapping[str, Any]) -> None:
        """A tuple, since one that is appended later would not have begun."""
        if "regularizers" in before:
            self.__dict__["regularizers"] = make_regularizers(self.regularizers, before["regularizers"] or ())
        self.__dict__["regularizers"] = tuple(self.regularizers)

    def _begin_regularizers(self, before: Mapping[str, Any]) -> None:
        """Find before training what would fail in its first update."""
        if not self._active_regularizers():
            return
        observations = self.policy.obs_to_tensor(_middle(self.observation_space))[0]
        devices = [self.device] if self.device.type == "cuda" else []
        was_training = self.policy.training
        self.policy.set_training_mode(False)
        with th.no_grad(), th.random.fork_rng(devices=devices):
            law = law_of(self.policy.get_distribution(observations), self.action_space)
            for regularizer in self._active_regularizers():
                regularizer.begin(self.policy, observations, law, self._action_features)
        self.policy.set_training_mode(was_training)

    def _action_features(self) -> Any:
        """What the environment knows of its actions, shape (n, d); None if it says nothing."""
        if self.env is None or not self.env.has_attr("action_features"):
            return None
        return self.env.get_attr("action_features")[0]

    def _penalty(self, observations: Any, policy_loss: th.Tensor) -> th.Tensor:
        """
        Straight after ``policy.evaluate_actions(observations, …)``.

        :param observations: the states of a minibatch, as tensors
        :param policy_loss: the policy's loss on it
        :return: what the regularisers add to the loss
        """
        law = law_of(self._current_distribution(observations), self.action_space)
        return self._regularization(observations, law)(law, policy_loss)

    def _current_distribution(self, observations: Any) -> Distribution:
        """What ``evaluate_actions`` has built is still there in policies that build it as ours do; else it is built."""
        bases = (ActorCriticPolicy, SoftActorCriticPolicy)
        for method in ("evaluate_actions", "_get_action_dist_from_latent"):
            if getattr(type(self.policy), method) not in [getattr(base, method) for base in bases]:
                return self.policy.get_distribution(observations)
        return self.policy.action_dist

    def _regularization(self, observations: Any, law: Law) -> Regularization:
        """
        :param observations: the states of a minibatch, as tensors
        :param law: the policy's law in them
        :return: what the regularisers add to the policy's loss there, with references and coefficients that stay
        """
        made = [rule.penalty(self.policy, observations, law) for rule in self._active_regularizers()]
        penalties = [penalty for penalty in made if penalty is not None]

        def regularization(law: Law, policy_loss: th.Tensor) -> th.Tensor:
            total = policy_loss.new_zeros(())
            for penalty in penalties:
                total = total + penalty(law, policy_loss, self._current_progress_remaining, self._gradient_norm)
            return total

        return regularization

    def _gradient_norm(self, scalar: th.Tensor) -> float:
        """‖∇θ scalar‖, θ the parameters of the policy."""
        if not scalar.requires_grad:
            return 0.0
        parameters = [parameter for parameter in self.policy.parameters() if parameter.requires_grad]
        gradients = th.autograd.grad(scalar, parameters, retain_graph=True, allow_unused=True)
        norms = [gradient.norm() for gradient in gradients if gradient is not None]
        return float(th.stack(norms).norm()) if norms else 0.0

    def _record_regularizers(self) -> None:
        """Log E_s D and λ of each, as the last update has seen them."""
        names = Counter[str]()
        for regularizer in self._active_regularizers():
            names[regularizer.name] += 1
            number = names[regularizer.name]
            name = regularizer.name if number == 1 else f"{regularizer.name}_{number}"
            if regularizer.seen is not None:
                divergence, coef = regularizer.seen
                self.logger.record(f"train/{name}", divergence)
                self.logger.record(f"train/{name}_coef", coef)


def _middle(space: spaces.Space[Any]) -> Any:
    """:return: an observation: zeros, or what of the space is nearest to them"""
    if isinstance(space, spaces.Dict):
        return {name: _middle(part) for name, part in space.spaces.items()}
    if isinstance(space, spaces.Box):
        return np.clip(np.zeros(space.shape, space.dtype), space.low, space.high).astype(space.dtype)
    if isinstance(space, spaces.Discrete):
        return np.array(space.start)
    return np.zeros(space.shape or (), space.dtype)
