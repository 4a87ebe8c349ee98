"""How an algorithm of the on-policy family is made: its arguments, what it learns in, and the parts that it has."""

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sb3_entropy.algorithms.common.arguments import check_policy_class
from sb3_entropy.algorithms.common.saving import SavedAlgorithm
from sb3_entropy.algorithms.on_policy.buffers import SoftRollouts, soft_buffer_class
from sb3_entropy.algorithms.on_policy.fast.policy import FlatPolicy
from sb3_entropy.algorithms.on_policy.hooks import OnPolicyHooks
from sb3_entropy.algorithms.on_policy.soft_returns import entropy_exists, required_entropy
from sb3_entropy.policies.soft import check_spaces, has_constant_entropy
from sb3_entropy.temperature import EntCoef, Temperature, make_temperature

_TEMPERATURE = ("ent_coef", "target_entropy", "ent_coef_lr")
_PLACES_OF_ENTROPY = ("soft_gradient", "entropy_in_return", "entropy_in_improvement")


class OnPolicySetup(OnPolicyHooks):
    """What is made from the arguments, when the model is made and when they change."""

    made_from: ClassVar[Mapping[str, frozenset[str]]] = {
        **SavedAlgorithm.made_from,
        "_make_rollout_buffer": frozenset({"n_steps", "rollout_buffer_class", "rollout_buffer_kwargs"}),
        "_make_temperature": frozenset(_TEMPERATURE),
        "_check_entropy": frozenset({*_TEMPERATURE, *_PLACES_OF_ENTROPY}),
        "_make_regularizers": frozenset({"regularizers", "env"}),
    }

    ent_coef: EntCoef  # type: ignore[assignment]
    target_entropy: float | str
    ent_coef_lr: float
    soft_gradient: str
    entropy_in_return: bool
    entropy_in_improvement: bool
    ent_coef_unit: str
    fast: bool | str
    rollout_buffer: SoftRollouts
    #: one that takes the place of the rollout buffer when the next rollout begins
    _next_rollout_buffer: SoftRollouts | None = None
    #: what acts and learns on the fast path; None on the general one
    _flat_policy: FlatPolicy | None = None

    def _init_soft(self, given: Mapping[str, Any]) -> None:
        """
        Keep our own arguments. Called by constructors between the parent's and ``_setup_model``.

        :param given: the constructor's arguments by name, its ``locals()``
        """
        for name in (*_TEMPERATURE, *_PLACES_OF_ENTROPY, "ent_coef_unit"):
            setattr(self, name, given[name])
        self.fast = given["fast"]
        self._init_parts(given["regularizers"])

    def _setup_model(self) -> None:
        before = self._accept_arguments()
        check_policy_class(type(self).__name__, self.policy_class, self.policy_aliases)
        users_class = self.rollout_buffer_class
        self.rollout_buffer_class = soft_buffer_class(users_class, self.observation_space)
        super()._setup_model()
        check_spaces(self.policy)
        self.rollout_buffer_class = users_class
        self.rollout_buffer.soft_rewards = self._soft_rewards
        for make in self.made_from:
            getattr(self, make)(before)
        self._is_set_up = True

    def _before_save(self) -> None:
        if self._flat_policy is not None:  # PyTorch writes the whole tensor that a parameter is a view of
            self._flat_policy.release()
            self._flat_policy = None

    def _excluded_save_params(self) -> list[str]:
        """What is made of other attributes, or lives from one rollout to the next, is left out."""
        return [
            *super()._excluded_save_params(),
            "_next_rollout_buffer",
            "_flat_policy",
        ]

    @abstractmethod
    def _soft_rewards(self, buffer: SoftRollouts, dones: np.ndarray) -> np.ndarray:
        """The rollout buffer's hook: r + α·H, shape (T, N)."""

    # ------------------------------------------------------------------ the parts

    @property
    def _lambda_in_force(self) -> float:
        """λ of the advantages, the rollout buffer's."""
        return self.gae_lambda

    def _make_rollout_buffer(self, before: Mapping[str, Any]) -> None:
        """For the next rollout: the present one may be half full."""
        if not self._is_set_up:
            return
        cls = soft_buffer_class(self.rollout_buffer_class, self.observation_space)
        self._next_rollout_buffer = cls(  # type: ignore[assignment]
            self.n_steps,
            self.observation_space,
            self.action_space,
            device=self.device,
            gamma=self.gamma,
            gae_lambda=self._lambda_in_force,
            n_envs=self.n_envs,
            **self.rollout_buffer_kwargs,
        )

    def _exchange_rollout_buffer(self) -> None:
        """Called when a rollout begins."""
        if self._next_rollout_buffer is not None:
            self._next_rollout_buffer.soft_rewards = self.rollout_buffer.soft_rewards
            self._next_rollout_buffer.estimate = self.rollout_buffer.estimate
            self.rollout_buffer, self._next_rollout_buffer = self._next_rollout_buffer, None

    def _write(self, before: Mapping[str, Any]) -> None:
        if before.keys() & {"gamma", "gae_lambda"}:
            for buffer in filter(None, (self.rollout_buffer, self._next_rollout_buffer)):
                buffer.gamma, buffer.gae_lambda = self.gamma, self._lambda_in_force

    def _make_temperature(self, before: Mapping[str, Any]) -> None:
        bounded = bool(getattr(self.policy.action_dist, "bounded", False))

        def make(ent_coef: EntCoef, target_entropy: float | str, rate: float) -> Temperature:
            return make_temperature(ent_coef, self.action_space, target_entropy, rate, bounded)

        self.tempering = self.tempering.remade([getattr(self, name) for name in _TEMPERATURE], make)

    def _check_entropy(self, before: Mapping[str, Any]) -> None:
        """
        Find before training what would fail in the first rollout.

        :raises ValueError: if the training needs the entropy of a distribution that has none
        """
        in_improvement = self.entropy_in_improvement and self.soft_gradient == "entropy"
        is_used = self.tempering.is_soft and (self._needs_rollout_entropies or in_improvement)
        if is_used and not entropy_exists(self.policy):
            required_entropy(None, self.policy)
        if self.tempering.is_tuned and has_constant_entropy(self.policy):
            warnings.warn(
                f"ent_coef={self.ent_coef!r} tunes the temperature to a target entropy, but std_scheme='fixed' keeps "
                "the policy's entropy as it is. Choose another std_scheme, or a fixed or scheduled ent_coef.",
                stacklevel=2,
            )

    @property
    def _needs_rollout_entropies(self) -> bool:
        return self.tempering.is_soft and (self.entropy_in_return or self.tempering.is_tuned)
