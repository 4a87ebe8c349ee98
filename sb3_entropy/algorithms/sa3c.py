"""SA3C: soft asynchronous advantage actor-critic."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import cloudpickle
import numpy as np
import torch as th
from stable_baselines3 import A2C
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import GymEnv, Schedule

from sb3_entropy.algorithms.actors.algorithm import AsynchronousAlgorithm
from sb3_entropy.algorithms.actors.batch import side_by_side
from sb3_entropy.algorithms.actors.descending import descend
from sb3_entropy.algorithms.actors.gradient_actor import (
    FollowedCoefficient,
    FollowedTunedCoefficient,
    GradientActor,
)
from sb3_entropy.algorithms.actors.messages import Fragment, Gradient, Lesson
from sb3_entropy.algorithms.common.arguments import check_arguments
from sb3_entropy.algorithms.on_policy.buffers import SoftRollouts
from sb3_entropy.environments import find_env
from sb3_entropy.references import Reference
from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.regularizers.coefficients import GradientShare
from sb3_entropy.regularizers.collection import RegularizerCollection
from sb3_entropy.regularizers.regularizer import Regularizer
from sb3_entropy.temperature import EntCoef, FixedTemperature, Temperature


@ALGORITHMS.register("sa3c")
class SA3C(AsynchronousAlgorithm, A2C):
    """
    Soft A3C: actors send gradients of SA2C's loss, and a learner takes a step along each as it comes (Liu et al. 2020,
    Section 5; Mnih et al. 2016, Algorithm S3).

    A gradient that lags is descended as it is: it is that of SA2C's loss at the parameters θ' that its actor had, with
    soft returns by the critic of θ', and the step is taken at θ. One learner with one optimiser takes whole steps, one
    after another: "shared RMSProp" without the races of Mnih et al. 2016, Section 4. Where nothing lags it is SA2C.

    Arguments up to ``_init_setup_model`` are those of Stable-Baselines3's A2C. ``n_steps`` is the length of a fragment.
    Those up to ``fast``, and ``ent_coef``, are explained in
    :class:`~sb3_entropy.algorithms.on_policy.algorithm.SoftOnPolicyAlgorithm`, those up to ``weights_delay`` in
    :class:`~sb3_entropy.algorithms.actors.algorithm.AsynchronousAlgorithm`. Of ``n_fragments`` fragments the mean of
    the gradients is descended; its norm is clipped, not theirs.

    :param send_observations: whether observations are sent with the gradient. Nothing is learned from them: callbacks
        see them, and what looks at the policy in the last rollout has them all. Without, callbacks have no
        ``obs_tensor`` and ``new_obs``, the rollout buffer has no ``observations``, and the policy is looked at in at
        most 32 states of each fragment: less to send where they are images and fragments are long
    """

    made_from: ClassVar[Mapping[str, frozenset[str]]] = {
        **AsynchronousAlgorithm.made_from,
        "_dismiss_actors": AsynchronousAlgorithm.made_from["_dismiss_actors"] | {"regularizers"},
    }
    actor_class = GradientActor
    learned_by = (
        *("gae_lambda", "vf_coef", "normalize_advantage"),
        *("soft_gradient", "entropy_in_return", "entropy_in_improvement", "ent_coef_unit"),
    )
    #: what the update descends
    _gradients: Sequence[Gradient] = ()
    #: the regularisers that stand in it; a callback may have put others in their place since
    _regularizers_sent: RegularizerCollection = RegularizerCollection()

    def __init__(
        self,
        policy: str | type[ActorCriticPolicy],
        env: GymEnv | str,
        learning_rate: float | Schedule = 7e-4,
        n_steps: int = 5,
        gamma: float = 0.99,
        gae_lambda: float = 1.0,
        ent_coef: EntCoef = 0.01,
        vf_coef: float = 0.5,
        max_grad_norm: float = 0.5,
        rms_prop_eps: float = 1e-5,
        use_rms_prop: bool = True,
        use_sde: bool = False,
        sde_sample_freq: int = -1,
        rollout_buffer_class: type[RolloutBuffer] | None = None,
        rollout_buffer_kwargs: dict[str, Any] | None = None,
        normalize_advantage: bool = False,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: th.device | str = "auto",
        _init_setup_model: bool = True,
        target_entropy: float | str = "auto",
        ent_coef_lr: float = 2e-4,
        soft_gradient: str = "entropy",
        entropy_in_return: bool = True,
        entropy_in_improvement: bool = True,
        ent_coef_unit: str = "reward",
        regularizers: Sequence[Mapping[str, Any] | Regularizer] | None = None,
        fast: bool | str = "auto",
        n_actors: int = 2,
        engine: str = "serial",
        ray_address: str | None = None,
        n_fragments: int = 1,
        max_policy_lag: int | None = None,
        weights_delay: int = 0,
        send_observations: bool = True,
    ):
        check_arguments(locals())
        super().__init__(
            policy,
            find_env(env),
            learning_rate=learning_rate,
            n_steps=n_steps,
            gamma=gamma,
            gae_lambda=gae_lambda,
            vf_coef=vf_coef,
            max_grad_norm=max_grad_norm,
            rms_prop_eps=rms_prop_eps,
            use_rms_prop=use_rms_prop,
            use_sde=use_sde,
            sde_sample_freq=sde_sample_freq,
            rollout_buffer_class=rollout_buffer_class,
            rollout_buffer_kwargs=rollout_buffer_kwargs,
            normalize_advantage=normalize_advantage,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs=policy_kwargs,
            verbose=verbose,
            seed=seed,
            device=device,
            _init_setup_model=False,
        )
        self.use_rms_prop = use_rms_prop
        self.rms_prop_eps = rms_prop_eps
        self.send_observations = send_observations
        self._init_soft(locals())
        self._init_actors(locals())
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        super()._setup_model()
        self.rollout_buffer.estimate = self._estimated

    def _own_arguments_of_actors(self) -> dict[str, Any]:
        # α comes with the weights, and so does what else an update begins with.
        return {"ent_coef": 0.0, "max_grad_norm": None, "regularizers": self.regularizers}

    def _lesson(self, n_steps: int) -> Lesson:
        # Where nothing is dropped, the update begins after so many steps.
        n_timesteps = self.num_timesteps + self.n_fragments * n_steps * self.n_envs
        progress = 1.0 - n_timesteps / max(self._total_timesteps, 1)
        self._regularizers_sent = rules = self.active_regularizers
        references = [rule.reference if _remembers(rule.reference) else None for rule in rules]
        return Lesson(
            temperature=self._followed(progress),
            progress_remaining=progress,
            coefs=[_coef(rule, progress) for rule in rules],
            references=cloudpickle.dumps(references) if any(references) else None,
            sends_observations=self.send_observations,
        )

    def _followed(self, progress: float) -> Temperature:
        """:return: what stands for the temperature at actors, with the α of the coming update"""
        if not self.tempering.is_soft:
            return FixedTemperature(0.0)
        followed = FollowedTunedCoefficient if self.tempering.is_tuned else FollowedCoefficient
        return followed(self.temperature.value(progress))

    def _fill(self, fragments: Sequence[Fragment]) -> tuple[np.ndarray, np.ndarray]:
        self._gradients = [fragment.gradient for fragment in fragments if fragment.gradient is not None]
        last_values = side_by_side([fragment.last_values for fragment in fragments], axis=0)
        return last_values, side_by_side([fragment.dones for fragment in fragments], axis=0)

    def _estimated(
        self, buffer: SoftRollouts, soft_rewards: np.ndarray, last_values: np.ndarray, dones: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The rollout buffer's hook: what the actors have learned from."""
        advantages = side_by_side([gradient.advantages for gradient in self._gradients])
        return advantages, side_by_side([gradient.returns for gradient in self._gradients])

    def _improve(self) -> None:
        for gradient in self._gradients:
            for key, value in gradient.notes.items():
                self.journal.note(key, th.tensor(value))
            for rule, seen in zip(self._regularizers_sent, gradient.divergences, strict=True):
                if seen is not None:
                    rule.see(th.tensor(seen[0]), seen[1])
        descend(self.policy, self._flat_policy, self._gradients, self.max_grad_norm)
        self._n_updates += 1

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_gradients", "_regularizers_sent"]


def _coef(rule: Regularizer, progress: float) -> float | None:
    """:return: λ; None if it follows from the gradient"""
    return None if isinstance(rule.coefficient, GradientShare) else rule.coefficient.value(progress)


def _remembers(reference: Reference) -> bool:
    """:return: whether it is another one after an update than before"""
    return type(reference).before_update is not Reference.before_update
