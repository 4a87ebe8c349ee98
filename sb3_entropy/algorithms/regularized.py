"""A training whose policy loss has regularisers."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy

from sb3_entropy.algorithms.policies import SoftActorCriticPolicy
from sb3_entropy.algorithms.regularizers import Regularizer, make_regularizers
from sb3_entropy.distributions.laws import Law, law_of

#: the scalar that the regularisers add to a loss: of the policy's law, and the policy's own loss
Regularization = Callable[[Law, th.Tensor], th.Tensor]


class RegularizedAlgorithm(OnPolicyAlgorithm):
    """An on-policy algorithm of Stable-Baselines3 whose policy is drawn towards, or away from, reference policies."""

    policy: ActorCriticPolicy
    regularizers: Sequence[Mapping[str, Any] | Regularizer] | None

    #: of the algorithm's own arguments; None if they are to be made
    _own_regularizers: list[Regularizer] | None = None

    def _make_own_regularizers(self) -> list[Regularizer]:
        """Those that the algorithm brings itself."""
        return []

    def _active_regularizers(self) -> list[Regularizer]:
        return [*(self._own_regularizers or []), *make_regularizers(self.regularizers)]

    def _begin_regularizers(self) -> None:
        """Make them, and find before training what would fail in its first update. Their state is saved with them."""
        if self._own_regularizers is None:
            self._own_regularizers = self._make_own_regularizers()
        self.regularizers = make_regularizers(self.regularizers)
        if not self._active_regularizers():
            return
        space = deepcopy(self.observation_space)
        space.seed(0)
        samples: list[Any] = [space.sample() for _ in range(2)]
        if isinstance(samples[0], dict):
            stacked: Any = {key: np.stack([sample[key] for sample in samples]) for key in samples[0]}
        else:
            stacked = np.stack(samples)
        observations = self.policy.obs_to_tensor(stacked)[0]
        devices = [self.device] if self.device.type == "cuda" else []
        with th.no_grad(), th.random.fork_rng(devices=devices):
            law = law_of(self.policy.get_distribution(observations), self.action_space)
            for regularizer in self._active_regularizers():
                regularizer.begin(self.policy, observations, law, self._action_features())

    def _action_features(self) -> Any:
        """What the environment knows of its actions, shape (n, d); None if it says nothing."""
        try:
            return None if self.env is None else self.env.get_attr("action_features")[0]
        except AttributeError:
            return None

    def _penalty(self, observations: Any, policy_loss: th.Tensor) -> th.Tensor | float:
        """
        Straight after ``policy.evaluate_actions(observations, …)``.

        :param observations: the states of a minibatch, as tensors
        :param policy_loss: the policy's loss on it
        :return: what the regularisers add to the loss
        """
        if not self._active_regularizers():
            return 0.0
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
