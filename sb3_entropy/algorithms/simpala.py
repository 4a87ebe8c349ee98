"""SIMPALA: soft importance-weighted actor-learner architecture."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch as th
from stable_baselines3 import A2C
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import GymEnv, Schedule

from sb3_entropy.algorithms.actors.actor import FragmentActor
from sb3_entropy.algorithms.actors.algorithm import AsynchronousAlgorithm
from sb3_entropy.algorithms.actors.batch import add_each, evaluate, fill, side_by_side
from sb3_entropy.algorithms.actors.messages import Fragment
from sb3_entropy.algorithms.common.arguments import check_arguments
from sb3_entropy.algorithms.common.returns import soft_vtrace
from sb3_entropy.algorithms.on_policy.buffers import SoftRollouts, soft_buffer_class
from sb3_entropy.environments import find_env
from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.regularizers.regularizer import Regularizer
from sb3_entropy.temperature import EntCoef


@ALGORITHMS.register("simpala")
class SIMPALA(AsynchronousAlgorithm, A2C):
    """
    Soft IMPALA: actors collect fragments, and V-trace with the entropy inside its target corrects for the updates that
    there were since (Liu et al. 2020, Section 5; Espeholt et al. 2018).

    It ascends A log π(a|s) + αH(π(·|s)), or (A − α min(ρ̄_pg, w) log π(a|s)) log π(a|s), with the ratio w = π/μ and A of
    :func:`~sb3_entropy.algorithms.common.returns.soft_vtrace`. Where nothing lags it is SA2C.

    Arguments up to ``_init_setup_model`` are those of Stable-Baselines3's A2C. ``n_steps`` is the length of a fragment.
    Those up to ``fast``, and ``ent_coef``, are explained in
    :class:`~sb3_entropy.algorithms.on_policy.algorithm.SoftOnPolicyAlgorithm`, those up to ``weights_delay`` in
    :class:`~sb3_entropy.algorithms.actors.algorithm.AsynchronousAlgorithm`.

    :param correction: ``"vtrace"``, or ``"none"``: fragments are learned from as if they were the policy's own
    :param rho_bar: ρ̄, which decides whose value is learned
    :param c_bar: c̄, which decides how far back an error is heard
    :param pg_rho_bar: ρ̄_pg of the policy's gradient
    :param advantage: ``"impala"``, min(ρ̄_pg, w)(r + αH + γv' − V), or ``"gae"``, v − V; the same where nothing lags
        and λ = 1
    :param n_minibatches: into how many minibatches an update's transitions are dealt, fewer where they are few
    :param n_epochs: passes over an update's fragments
    :param n_replayed: fragments of earlier updates that each update learns from as well, corrected as the others are,
        however large their lag
    :param replay_size: how many fragments are kept for that
    """

    made_from: ClassVar[Mapping[str, frozenset[str]]] = {
        **AsynchronousAlgorithm.made_from,
        "_check_replay": frozenset({"n_replayed", "replay_size"}),
        "_make_replay": frozenset({"replay_size", "n_steps", "gamma", "env"}),
        "_check_buffer": frozenset({"rollout_buffer_class"}),
    }
    actor_class = FragmentActor

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
        correction: str = "vtrace",
        rho_bar: float = 1.0,
        c_bar: float = 1.0,
        pg_rho_bar: float = 1.0,
        advantage: str = "impala",
        n_minibatches: int = 1,
        n_epochs: int = 1,
        n_replayed: int = 0,
        replay_size: int = 100,
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
        self.correction = correction
        self.rho_bar = rho_bar
        self.c_bar = c_bar
        self.pg_rho_bar = pg_rho_bar
        self.advantage = advantage
        self.n_minibatches = n_minibatches
        self.n_epochs = n_epochs
        self.n_replayed = n_replayed
        self.replay_size = replay_size
        self._init_soft(locals())
        self._init_actors(locals())
        if _init_setup_model:
            self._setup_model()

    def _setup_model(self) -> None:
        super()._setup_model()
        self.rollout_buffer.estimate = self._vtrace

    def _check_replay(self, before: Mapping[str, Any]) -> None:
        """
        :raises ValueError: if more fragments are to be replayed than are kept
        """
        if self.n_replayed > self.replay_size:
            raise ValueError(
                f"n_replayed must be at most replay_size={self.replay_size}, of which they are drawn, but "
                f"{self.n_replayed} was given. Raise replay_size."
            )

    def _make_replay(self, before: Mapping[str, Any]) -> None:
        self._replay: deque[Fragment] = deque(maxlen=self.replay_size)

    def _check_buffer(self, before: Mapping[str, Any]) -> None:
        """
        :raises ValueError: if a class of the user's own would compute the returns
        """
        given = self.rollout_buffer_class
        if given is None:
            return
        behind: Any = super(SoftRollouts, soft_buffer_class(given, self.observation_space))
        methods = {given.compute_returns_and_advantage, behind.compute_returns_and_advantage}
        if not methods <= {RolloutBuffer.compute_returns_and_advantage, SoftRollouts.compute_returns_and_advantage}:
            raise ValueError(
                f"rollout_buffer_class={given.__name__} computes returns in a way of its own, but SIMPALA's are those "
                "of V-trace, which corrects for the lag of its actors. Give a class without a "
                "compute_returns_and_advantage, or use SA2C."
            )

    def _own_arguments_of_actors(self) -> dict[str, Any]:
        # A buffer of the user's own is the learner's.
        return {"ent_coef": 0.0, "rollout_buffer_class": None, "rollout_buffer_kwargs": None}

    def _lesson(self, n_steps: int) -> None:
        return None

    def _fill(self, fragments: Sequence[Fragment]) -> tuple[np.ndarray, np.ndarray]:
        together = [*fragments, *self._replayed()]
        if self.n_replayed:
            self._replay.extend(fragments)
            fill(self.rollout_buffer, together)
        self._behaviour_log_probs = self.rollout_buffer.log_probs
        if any(self._lag(fragment) for fragment in together):
            last_values = evaluate(self.rollout_buffer, together, self.policy, self._flat_policy, self.gamma)
        else:  # they are the policy's own, and so is what it has found then
            last_values = side_by_side([fragment.last_values for fragment in together], axis=0)
        add_each(self.rollout_buffer)
        return last_values, side_by_side([fragment.dones for fragment in together], axis=0)

    def _replayed(self) -> list[Fragment]:
        """:return: fragments of earlier updates, drawn with NumPy's generator, as minibatches are"""
        n_replayed = min(self.n_replayed, len(self._replay))
        return [self._replay[i] for i in np.random.choice(len(self._replay), n_replayed, replace=False)]

    def _vtrace(
        self, buffer: SoftRollouts, soft_rewards: np.ndarray, last_values: np.ndarray, dones: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The rollout buffer's hook."""
        log_probs = buffer.log_probs
        found = soft_vtrace(
            soft_rewards,
            buffer.values,
            buffer.episode_starts,
            last_values,
            dones,
            log_probs,
            log_probs if self.correction == "none" else self._behaviour_log_probs,
            self.gamma,
            self.gae_lambda,
            rho_bar=self.rho_bar,
            c_bar=self.c_bar,
            pg_rho_bar=self.pg_rho_bar,
            advantage=self.advantage,
        )
        self._weights = found.weights
        return found.advantages, found.targets

    def _improve(self) -> None:
        batch_size = None if self.n_minibatches == 1 else -(-self.rollout_buffer.rewards.size // self.n_minibatches)
        with self._weighted_log_probs(self.rollout_buffer):
            self._n_updates += self._descend(batch_size, self.n_epochs, self.max_grad_norm)

    @contextmanager
    def _weighted_log_probs(self, buffer: SoftRollouts) -> Iterator[None]:
        """Minibatches with log-probabilities times the weight with which −α log π stands in the advantage."""
        if not self._adds_log_prob:
            yield
            return
        own, were_in_rows = buffer.log_probs, buffer.generator_ready
        weights = buffer.swap_and_flatten(self._weights) if were_in_rows else self._weights
        # What has no weight may have a log π of −∞.
        buffer.log_probs = np.multiply(weights, own, out=np.zeros_like(own), where=weights > 0)
        try:
            yield
        finally:
            buffer.log_probs = own if were_in_rows or not buffer.generator_ready else buffer.swap_and_flatten(own)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "_replay", "_behaviour_log_probs", "_weights"]
