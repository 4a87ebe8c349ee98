"""How an algorithm of the on-policy family is made: its arguments, what it learns in, and the parts that it has."""

import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sb3_entropy.algorithms.common.arguments import check_arguments, check_policy_class, plain
from sb3_entropy.algorithms.common.journal import Journal
from sb3_entropy.algorithms.common.saving import SavedAlgorithm
from sb3_entropy.algorithms.common.tempering import Tempering
from sb3_entropy.algorithms.on_policy.buffers import SoftRollouts, soft_buffer_class
from sb3_entropy.algorithms.on_policy.fast.policy import FlatPolicy
from sb3_entropy.algorithms.on_policy.hooks import OnPolicyHooks
from sb3_entropy.algorithms.on_policy.soft_returns import entropy_exists, required_entropy
from sb3_entropy.handed_over import owned
from sb3_entropy.policies.soft import check_spaces, has_constant_entropy
from sb3_entropy.regularizers.collection import RegularizerCollection
from sb3_entropy.regularizers.making import make_regularizers
from sb3_entropy.regularizers.regularizer import Regularizer
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
    #: those that the user has asked for; what may be given is said by ``make_regularizers``
    regularizers: Any

    rollout_buffer: SoftRollouts
    #: one that takes the place of the rollout buffer when the next rollout begins
    _next_rollout_buffer: SoftRollouts | None = None
    #: what acts and learns on the fast path; None on the general one
    _flat_policy: FlatPolicy | None = None
    #: of the algorithm's own arguments
    _own_regularizers: Sequence[Regularizer] = ()

    def _init_soft(self, given: Mapping[str, Any]) -> None:
        """
        Keep our own arguments. Called by constructors between the parent's and ``_setup_model``.

        :param given: the constructor's arguments by name, its ``locals()``
        """
        for name in (*_TEMPERATURE, *_PLACES_OF_ENTROPY, "ent_coef_unit"):
            setattr(self, name, given[name])
        self.fast = given["fast"]
        self.regularizers = make_regularizers(plain(given["regularizers"]))
        self.active_regularizers = RegularizerCollection()
        self.tempering = Tempering()
        self.journal = Journal()

    def _setup_model(self) -> None:
        self._is_set_up = False
        before = self._accept(self.__dict__.pop("_changes", {}))
        check_arguments(vars(self), self.checks)
        self._make_plain()
        if not hasattr(self, "observation_space"):
            raise ValueError(f"{type(self).__name__} needs an environment or its id, but env=None was given.")
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

    def _make_regularizers(self, before: Mapping[str, Any]) -> None:
        """Find before training what would fail in its first update. Their state is saved with them."""
        if "regularizers" in before:
            self.__dict__["regularizers"] = make_regularizers(self.regularizers, before["regularizers"] or ())
        if "env" in before:  # what is kept reads the features of the new one, which may still be refused: into a copy
            self._own_regularizers, self.__dict__["regularizers"] = owned([self._own_regularizers, self.regularizers])
        self.__dict__["regularizers"] = tuple(self.regularizers)
        self.active_regularizers = RegularizerCollection([*self._own_regularizers, *self.regularizers])
        self.active_regularizers.begin(self.policy, self._action_features)
        self.active_regularizers.try_in(self.policy, self._last_obs)

    def _action_features(self) -> Any:
        """What the environment knows of its actions, shape (n, d); None if it says nothing."""
        if self.env is None or not self.env.has_attr("action_features"):
            return None
        return self.env.get_attr("action_features")[0]
