"""What Stable-Baselines3 calls of a training, of whichever family: environments, policies by name, the log."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import torch as th
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm, maybe_make_env
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback
from stable_baselines3.common.utils import update_learning_rate
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.algorithms.common.arguments import (
    check_action_space,
    check_arguments,
    check_observation_space,
    plain,
)
from sb3_entropy.algorithms.common.journal import Journal, record_hparams
from sb3_entropy.algorithms.common.saving import SavedAlgorithm
from sb3_entropy.algorithms.common.schedules import at
from sb3_entropy.algorithms.common.search import SearchSpace
from sb3_entropy.algorithms.common.tempering import Tempering
from sb3_entropy.environments import find_env
from sb3_entropy.errors import check_number, unknown
from sb3_entropy.handed_over import owned
from sb3_entropy.regularizers.collection import RegularizerCollection
from sb3_entropy.regularizers.making import make_regularizers
from sb3_entropy.regularizers.regularizer import Regularizer
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
    #: those that the user has asked for; what may be given is said by ``make_regularizers``
    regularizers: Any
    #: those of the algorithm's own arguments
    _own_regularizers: Sequence[Regularizer] = ()
    #: the algorithm's own, then the user's
    active_regularizers: RegularizerCollection
    #: whether rollouts and updates are called by ``learn``, and nobody in between
    _is_learning: bool = False
    #: which path it trains on, in words
    _path: str = ""

    def _init_parts(self, regularizers: Any) -> None:
        """
        The parts that every algorithm has, as they are before the model is set up.

        :param regularizers: the argument
        """
        self.regularizers = make_regularizers(plain(regularizers))
        self.active_regularizers = RegularizerCollection()
        self.tempering = Tempering()
        self.journal = Journal()

    @property
    def temperature(self) -> Temperature:
        """α ≥ 0, as ``ent_coef`` asks for it."""
        return self.tempering.temperature

    def _accept_arguments(self) -> dict[str, Any]:
        """
        What :meth:`_setup_model` begins with: the constructor's arguments, or a file's and what is to change in it.

        :return: of those that change, what they were before
        :raises TypeError: if one is of the wrong type
        :raises ValueError: if one is out of its range, or there is no environment to learn in
        """
        self._is_set_up = False
        before = self._accept(self.__dict__.pop("_changes", {}))
        check_arguments(vars(self), self.checks)
        self._make_plain()
        if not hasattr(self, "observation_space"):
            raise ValueError(f"{type(self).__name__} needs an environment or its id, but env=None was given.")
        return before

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

    @property
    def _n_streams(self) -> int:
        """In how many environments it learns."""
        return self.n_envs

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
        self.journal.begin_episodes(self._n_streams, self._stats_window_size, afresh=reset_num_timesteps)
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
