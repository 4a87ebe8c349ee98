"""What Stable-Baselines3 calls of an on-policy training that keeps a journal."""

from collections import deque
from typing import Any, ClassVar, Self

import numpy as np
import torch as th
from stable_baselines3.common.base_class import maybe_make_env
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback
from stable_baselines3.common.utils import update_learning_rate
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.algorithms.common.arguments import check_action_space, check_observation_space
from sb3_entropy.algorithms.common.journal import Journal, record_hparams
from sb3_entropy.algorithms.common.saving import SavedAlgorithm
from sb3_entropy.algorithms.common.schedules import at
from sb3_entropy.algorithms.common.tempering import Tempering
from sb3_entropy.environments import find_env
from sb3_entropy.errors import check_number, unknown
from sb3_entropy.policies.observations import sample_states
from sb3_entropy.policies.soft import POLICIES
from sb3_entropy.regularizers.collection import RegularizerCollection
from sb3_entropy.vec_env.old_gym import as_gymnasium

OWN_DEFAULT = -1
#: constructor's arguments that are no hyperparameters
_HIDDEN = frozenset({"policy", "env", "device", "verbose", "tensorboard_log", "fast"})


class OnPolicyHooks(SavedAlgorithm, OnPolicyAlgorithm):
    """
    An on-policy algorithm of Stable-Baselines3 that has a journal, a temperature and regularisers.

    Stable-Baselines3 writes the log *before* it trains, so the values of an update come one rollout late and those of
    the last never. Here the policy is looked at when the log is written, and the last update's values are written too.
    """

    default_log_interval: ClassVar[int] = 1
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {**POLICIES}

    journal: Journal
    tempering: Tempering
    #: those of the algorithm's own arguments, then those that the user has asked for
    active_regularizers: RegularizerCollection

    @staticmethod
    def _wrap_env(env: GymEnv | str, verbose: int = 0, monitor_wrapper: bool = True) -> VecEnv:
        if isinstance(env, str):
            env = maybe_make_env(find_env(env), verbose)
        env = as_gymnasium(env, "a Gymnasium environment, a VecEnv or an environment's id")
        check_observation_space(env.observation_space)
        check_action_space(env.action_space)
        return OnPolicyAlgorithm._wrap_env(env, verbose, monitor_wrapper)

    def _get_policy_from_name(self, policy_name: str) -> type[BasePolicy]:
        if policy_name not in self.policy_aliases:
            raise ValueError(unknown("policy", policy_name, self.policy_aliases))
        return super()._get_policy_from_name(policy_name)

    @property
    def stats_window_size(self) -> int:
        """Episodes in the means that are logged."""
        return self._stats_window_size

    @stats_window_size.setter
    def stats_window_size(self, n_episodes: int) -> None:
        self._stats_window_size = n_episodes
        if self.ep_info_buffer is not None and self.ep_success_buffer is not None:
            self.ep_info_buffer = deque(self.ep_info_buffer, n_episodes)
            self.ep_success_buffer = deque(self.ep_success_buffer, n_episodes)
        self.journal = self.journal.over(n_episodes)

    def _update_info_buffer(self, infos: list[dict[str, Any]], dones: np.ndarray | None = None) -> None:
        self.journal.see_ends(self.rollout_buffer.pos, infos)
        super()._update_info_buffer(infos, dones)

    def _update_learning_rate(self, optimizers: list[th.optim.Optimizer] | th.optim.Optimizer) -> None:
        rate = at(self.lr_schedule, self._current_progress_remaining)
        self.logger.record("train/learning_rate", rate)
        for optimizer in optimizers if isinstance(optimizers, list) else [optimizers]:
            update_learning_rate(optimizer, rate)

    def _record_policy(self) -> None:
        """The soft return, and the policy as it is now, in states of the last rollout."""
        self.journal.record_soft_return(self.logger, self.ep_info_buffer)
        states = sample_states(self.rollout_buffer)
        if states is not None:
            self.journal.record_policy(self.logger, self.policy, states, self.tempering.alpha)

    def dump_logs(self, iteration: int = 0) -> None:
        """
        Write the log.

        :param iteration: how many rollouts there have been
        """
        self._record_policy()
        super().dump_logs(iteration)

    def _setup_learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        reset_num_timesteps: bool = True,
        tb_log_name: str = "run",
        progress_bar: bool = False,
    ) -> tuple[int, BaseCallback]:
        result = super()._setup_learn(total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar)
        self.journal.begin_episodes(self.n_envs, self._stats_window_size, afresh=reset_num_timesteps)
        if reset_num_timesteps:
            code = type(self).__init__.__code__
            names = set(code.co_varnames[: code.co_argcount]) - _HIDDEN
            given = {name: getattr(self, name) for name in vars(self) if name in names and not name.startswith("_")}
            record_hparams(self.logger, {"algorithm": type(self).__name__, **given}, self.num_timesteps)
        if self.active_regularizers.untried:
            self.active_regularizers.try_in(self.policy, self._last_obs)
        return result

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int | None = OWN_DEFAULT,
        tb_log_name: str | None = None,
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """
        Train.

        :param total_timesteps: how many steps of the environments, all of them together
        :param callback: called at every step
        :param log_interval: rollouts between two entries in the log; None for no entry; −1 for the algorithm's default
        :param tb_log_name: the run's name in TensorBoard; None for the algorithm's
        :param reset_num_timesteps: whether to count steps from 0; False continues the run
        :param progress_bar: whether to show one
        :return: the model
        :raises ValueError: if the model has no environment, or an observation, action or reward is not finite
        """
        if self.env is None:
            name = type(self).__name__
            raise ValueError(
                f"This {name} has no environment to learn in: it was loaded without one. Call set_env(env) first, or "
                f"load it with one, {name}.load(path, env=...), which takes an environment or its id."
            )
        check_number("total_timesteps", total_timesteps, low=0)
        if log_interval not in (None, OWN_DEFAULT):
            check_number("log_interval", log_interval, low=1, integer=True)
        interval = self.default_log_interval if log_interval == OWN_DEFAULT else log_interval
        self._is_learning = True
        try:
            super().learn(
                total_timesteps=total_timesteps,
                callback=callback,
                log_interval=interval,  # type: ignore[arg-type]
                tb_log_name=tb_log_name or type(self).__name__,
                reset_num_timesteps=reset_num_timesteps,
                progress_bar=progress_bar,
            )
        finally:
            self._is_learning = False
        if interval is not None:
            # SB3 writes the log before it trains, so the last update's values would never be written.
            self._record_policy()
            self.logger.dump(step=self.num_timesteps)
        return self
