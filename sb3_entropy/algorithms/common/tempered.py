"""A training with a temperature: made from its arguments, kept as long as they stay, and what it needs to exist."""

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

from stable_baselines3.common.distributions import StateDependentNoiseDistribution
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy

from sb3_entropy.algorithms.on_policy.soft_returns import required_entropy
from sb3_entropy.distributions import BoxDistribution
from sb3_entropy.policies.soft import has_constant_entropy
from sb3_entropy.temperature import EntCoef, FixedTemperature, Temperature, TunedTemperature, make_temperature

_MADE_FROM = ("ent_coef", "target_entropy", "ent_coef_lr")


class TemperedAlgorithm(OnPolicyAlgorithm):
    """An on-policy algorithm of Stable-Baselines3 whose ``ent_coef`` is a temperature."""

    made_from: ClassVar[Mapping[str, frozenset[str]]] = {
        "_make_temperature": frozenset(_MADE_FROM),
        "_check_entropy": frozenset({*_MADE_FROM, "soft_gradient", "entropy_in_return", "entropy_in_improvement"}),
    }

    policy: ActorCriticPolicy
    ent_coef: EntCoef  # type: ignore[assignment]
    target_entropy: float | str
    ent_coef_lr: float
    soft_gradient: str
    entropy_in_return: bool
    entropy_in_improvement: bool

    temperature: Temperature | None
    #: what it was made from: a list, since a tuple would come back as one
    _temperature_made_from: Any
    #: the one whose α the last rollout's returns have
    _temperature_in_force: Temperature | None

    def _make_temperature(self, before: Mapping[str, Any]) -> None:
        """
        None is made where the arguments are what they were. Of a tuned one another target, or rate, lets α go on from
        where it is.
        """
        held, held_from = self.temperature, self._temperature_made_from
        made_from = [getattr(self, name) for name in _MADE_FROM]
        if held is not None and held_from == made_from:
            return
        bounded = bool(getattr(self.policy.action_dist, "bounded", False))
        made = make_temperature(self.ent_coef, self.action_space, self.target_entropy, self.ent_coef_lr, bounded)
        self._temperature_made_from = made_from
        if isinstance(held, TunedTemperature) and isinstance(made, TunedTemperature) and held_from[0] == made_from[0]:
            made = held.retargeted(made)
            if self._temperature_in_force is held:
                self._temperature_in_force = made
        self.temperature = made

    def _check_entropy(self, before: Mapping[str, Any]) -> None:
        """
        Find before training what would fail in the first rollout.

        :raises ValueError: if the training needs the entropy of a distribution that has none
        """
        if self._uses_entropy and not self._entropy_exists():
            required_entropy(None, self.policy)
        if isinstance(self.temperature, TunedTemperature) and has_constant_entropy(self.policy):
            warnings.warn(
                f"ent_coef={self.ent_coef!r} tunes the temperature to a target entropy, but std_scheme='fixed' keeps "
                "the policy's entropy as it is. Choose another std_scheme, or a fixed or scheduled ent_coef.",
                stacklevel=2,
            )

    def _entropy_exists(self) -> bool:
        distribution = self.policy.action_dist
        if isinstance(distribution, StateDependentNoiseDistribution):
            return distribution.bijector is None
        if isinstance(distribution, BoxDistribution):
            return not distribution.estimators or distribution.entropy_estimator is not None
        return True

    @property
    def _is_soft(self) -> bool:
        """Whether α can be anything but 0."""
        return not (isinstance(self.temperature, FixedTemperature) and self.temperature.constant == 0)

    @property
    def _uses_entropy(self) -> bool:
        """Whether training, not just logging, needs the closed form of the entropy."""
        in_improvement = self.entropy_in_improvement and self.soft_gradient == "entropy"
        return self._is_soft and (self._needs_rollout_entropies or in_improvement)

    @property
    def _needs_rollout_entropies(self) -> bool:
        return self._is_soft and (self.entropy_in_return or isinstance(self.temperature, TunedTemperature))
