"""What Stable-Baselines3 calls of an off-policy training that keeps a journal."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import MaybeCallback

from sb3_entropy.algorithms.common.hooks import TrainingHooks
from sb3_entropy.algorithms.common.tempering import reward_scale
from sb3_entropy.algorithms.off_policy.acting import ActingEntropies
from sb3_entropy.algorithms.off_policy.replay import check_replay_buffer, pickle_path
from sb3_entropy.algorithms.off_policy.similarity.general import gaussian_of
from sb3_entropy.errors import HOW_TO_BOUND
from sb3_entropy.files import atomic_file
from sb3_entropy.policies.finite import check_transition, explain

#: steps after which the journal is told of them
KEPT_STEPS = 2048


class OffPolicyHooks(TrainingHooks, SAC):
    """SAC of Stable-Baselines3, with a journal, a temperature and regularisers."""

    default_log_interval: ClassVar[int] = 4
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {**SAC.policy_aliases}

    @staticmethod
    def _check_actions(space: spaces.Space[Any]) -> None:
        if not isinstance(space, spaces.Box):
            return  # Stable-Baselines3 says it
        if not (np.isfinite(space.low).all() and np.isfinite(space.high).all() and (space.low < space.high).all()):
            raise ValueError(
                f"The action space {space} is not supported: it must be a box with finite, distinct bounds, to which "
                f"the policy's actions, in [−1, 1], are stretched. {HOW_TO_BOUND}"
            )

    soft_n_step: bool
    #: α·H of the steps whose rewards the journal has not been told of
    acting_entropies: ActingEntropies
    #: steps of the environments at the last update, by which a tuned λ is told how many there were since
    _n_learned_from: int = 0

    def _sample_action(
        self, learning_starts: int, action_noise: ActionNoise | None = None, n_envs: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        warms_up = self.num_timesteps < learning_starts and not (self.use_sde and self.use_sde_at_warmup)
        try:
            chosen = self._act(action_noise) if not warms_up else None
            if chosen is None:
                chosen = super()._sample_action(learning_starts, action_noise, n_envs)
                check_transition(None, chosen[1])  # PyTorch's own checks may be off: importing its compiler does that
        except Exception as error:
            explain(None, self.policy, error)
            raise
        if warms_up:
            self.acting_entropies.add_uniform(self.tempering.alpha)
        else:
            self.acting_entropies.add(*self._acted_by(), self.tempering.alpha)
        return chosen

    def _act(self, action_noise: ActionNoise | None) -> tuple[np.ndarray, np.ndarray] | None:
        """
        :param action_noise: what is added, in the [−1, 1] box
        :return: actions of the policy, for the environments and for the replay buffer, shape (N, A); None to let
            Stable-Baselines3 act
        """
        return None

    def _acted_by(self) -> tuple[th.Tensor, th.Tensor]:
        """:return: μ and σ of the Gaussian before tanh that has just acted, shape (N, A); NaN if it was none"""
        try:
            return gaussian_of(self.actor)
        except TypeError:
            unknown = th.full(self.acting_entropies.shape, th.nan)
            return unknown, unknown

    def _update_info_buffer(self, infos: list[dict[str, Any]], dones: np.ndarray | None = None) -> None:
        self.journal.see_ends(len(self.acting_entropies) - 1, infos)
        super()._update_info_buffer(infos, dones)
        if len(self.acting_entropies) >= KEPT_STEPS:
            self._tell_bonuses()

    def _tell_bonuses(self) -> None:
        """Let the journal know of α·H until now."""
        if len(self.acting_entropies):
            bonuses = self.acting_entropies.take()
            self.journal.add_bonuses(bonuses * (reward_scale(self._vec_normalize_env) or 1.0))

    def _before_save(self) -> None:
        self._tell_bonuses()
        super()._before_save()

    def dump_logs(self) -> None:
        """Write the log."""
        self._record_policy()
        super().dump_logs()

    def _setup_learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        reset_num_timesteps: bool = True,
        tb_log_name: str = "run",
        progress_bar: bool = False,
    ) -> tuple[int, BaseCallback]:
        check_replay_buffer(self, self.replay_buffer)
        self._tell_bonuses()
        result = super()._setup_learn(total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar)
        check_transition(self._last_obs)
        self._n_learned_from = self.num_timesteps
        self.tempering.begin(1.0 - self.num_timesteps / max(self._total_timesteps, 1))
        return result

    def _store_transition(
        self,
        replay_buffer: ReplayBuffer,
        buffer_action: np.ndarray,
        new_obs: np.ndarray | dict[str, np.ndarray],
        reward: np.ndarray,
        dones: np.ndarray,
        infos: list[dict[str, Any]],
    ) -> None:
        """
        Stable-Baselines3's, after what would stay in the replay buffer for good has been looked at.

        :raises ValueError: if an observation, action or reward is not finite; it is not stored then
        """
        check_transition(new_obs, buffer_action, reward, infos if dones.any() else ())
        super()._store_transition(replay_buffer, buffer_action, new_obs, reward, dones, infos)

    def save_replay_buffer(self, path: Any) -> None:
        """
        Save the replay buffer; what stands at ``path`` is replaced when the new file is complete, and not before.

        :param path: a file, ``.pkl`` is added to a name without a suffix, or an open binary file
        """
        if not isinstance(path, (str, Path)):
            super().save_replay_buffer(path)
            return
        with atomic_file(pickle_path(path)) as file:
            super().save_replay_buffer(file)  # type: ignore[arg-type]

    def load_replay_buffer(self, path: Any, truncate_last_traj: bool = True) -> None:
        """
        :param path: what :meth:`save_replay_buffer` has written
        :param truncate_last_traj: of a HerReplayBuffer, whether its last trajectory is taken as finished
        :raises ValueError: if it was filled in another environment, or by another number of them; the model keeps its
            own then
        """
        held = vars(self).get("replay_buffer")
        try:
            super().load_replay_buffer(path, truncate_last_traj)
            check_replay_buffer(self, self.replay_buffer)
            if hasattr(self.replay_buffer, "gamma"):
                self.replay_buffer.gamma = self.gamma  # type: ignore[union-attr]
        except BaseException:
            self.replay_buffer = held
            raise
