"""What Stable-Baselines3 calls of a training, of whichever family: environments, policies by name, the log."""

from collections import deque
from typing import Any, ClassVar, Self

import torch as th
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm, maybe_make_env
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback
from stable_baselines3.common.utils import update_learning_rate
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.algorithms.common.arguments import check_action_space, check_observation_space
from sb3_entropy.algorithms.common.journal import Journal, record_hparams
from sb3_entropy.algorithms.common.saving import SavedAlgorithm
from sb3_entropy.algorithms.common.schedules import at
from sb3_entropy.algorithms.common.search import SearchSpace
from sb3_entropy.algorithms.common.tempering import Tempering
from sb3_entropy.environments import find_env
from sb3_entropy.errors import check_number, unknown
from sb3_entropy.regularizers.collection import RegularizerCollection
from sb3_entropy.temperature import Temperature
from sb3_entropy.vec_env.old_gym import as_gymnasium

OWN_DEFAULT = -1
#: constructor's arguments that are no hyperparameters
_HIDDEN = frozenset({"policy", "env", "device", "verbose", "tensorboard_log", "fast"})


class TrainingHooks(SavedAlgorithm):
    """An algorithm of Stable-Baselines3 that has a journal, a temperature and regularisers."""

    #: raised when the algorithm learns otherwise than before from the same seed; studies then do its runs again
    behaviour_version: ClassVar[int] = 1
    #: what ``train -optimize`` draws of the algorithm's own; what all of a family share is drawn besides
    search_space: ClassVar[SearchSpace] = {}
    #: rollouts, or episodes, between two entries in the log
    default_log_interval: ClassVar[int]
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]]

    journal: Journal
    tempering: Tempering
    #: those of the algorithm's own arguments, then those that the user has asked for
    active_regularizers: RegularizerCollection
    #: whether rollouts and updates are called by ``learn``, and nobody in between
    _is_learning: bool = False
    #: which path it trains on, in words
    _path: str = ""

    @property
    def temperature(self) -> Temperature:
        """α ≥ 0, as ``ent_coef`` asks for it."""
        return self.tempering.temperature

    @classmethod
    def _wrap_env(cls, env: GymEnv | str, verbose: int = 0, monitor_wrapper: bool = True) -> VecEnv:
        if isinstance(env, str):
            env = maybe_make_env(find_env(env), verbose)
        env = as_gymnasium(env, "a Gymnasium environment, a VecEnv or an environment's id")
        check_observation_space(env.observation_space)
        cls._check_actions(env.action_space)
        return BaseAlgorithm._wrap_env(env, verbose, monitor_wrapper)

    @staticmethod
    def _check_actions(space: spaces.Space[Any]) -> None:
        """
        :param space: an environment's action space
        :raises ValueError: if the family cannot act in it
        """
        check_action_space(space)

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

    def _update_learning_rate(self, optimizers: list[th.optim.Optimizer] | th.optim.Optimizer) -> None:
        rate = at(self.lr_schedule, self._current_progress_remaining)
        self.logger.record("train/learning_rate", rate)
        for optimizer in optimizers if isinstance(optimizers, list) else [optimizers]:
            update_learning_rate(optimizer, rate)

    def _say_path(self, reason: str | None) -> None:
        """
        Say which path the training takes, where it is another than before.

        :param reason: why it is the general one; None for the fast one
        :raises ValueError: if ``fast=True`` asks for the fast one, and it cannot be taken
        """
        if reason is not None and getattr(self, "fast", None) is True:
            raise ValueError(
                f"fast=True cannot be met, for {reason}. Give fast='auto' to take the general path where the fast one "
                "cannot be, or take away what stands in its way."
            )
        path = "the fast path" if reason is None else f"the general path: {reason}"
        if path != self._path and self.verbose >= 1:
            print(f"Training on {path}")
        self._path = path

    def _record_policy(self) -> None:
        """The policy as it is now, and what else is only worked out when the log is written."""

    def _excluded_save_params(self) -> list[str]:
        """What is made of other attributes, or lives from one rollout to the next, is left out."""
        return [*super()._excluded_save_params(), "active_regularizers", "_is_learning", "_path"]

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
        :param log_interval: rollouts, off-policy episodes, between two entries in the log; None for no entry; −1 for
            the algorithm's default
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
            super().learn(  # type: ignore[safe-super]
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
