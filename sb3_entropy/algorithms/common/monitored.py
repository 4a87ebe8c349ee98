"""A training that says what it does: what is logged, and when."""

from collections import defaultdict, deque
from typing import Any, ClassVar, Self

import numpy as np
import torch as th
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy.algorithms.common.diagnostics import record_hparams, warn_outside_box
from sb3_entropy.algorithms.on_policy.soft_returns import EpisodeSums
from sb3_entropy.errors import check_number
from sb3_entropy.policies.describing import describe_policy
from sb3_entropy.policies.finite import explain
from sb3_entropy.policies.observations import sample_states
from sb3_entropy.temperature import Temperature, TunedTemperature

OWN_DEFAULT = -1


class MonitoredAlgorithm(OnPolicyAlgorithm):
    """
    An on-policy algorithm of Stable-Baselines3 that logs its entropy and temperature.

    Stable-Baselines3 writes the log *before* it trains, so the values of an update come one rollout late and those of
    the last never. Here the policy is looked at when the log is written, and the last update's values are written too.
    """

    default_log_interval: ClassVar[int] = 1

    temperature: Temperature | None
    #: whether a value function is learned; SPG can do without
    baseline: bool = True

    def _start_monitoring(self) -> None:
        """Called by constructors."""
        self._episode_bonuses: EpisodeSums | None = None
        self._episode_ends: list[tuple[int, int]] = []
        self._warned_outside_box = False
        self._forget_update()

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
        if self._episode_bonuses is not None:
            self._episode_bonuses = self._episode_bonuses.over(n_episodes)

    def _forget_update(self) -> None:
        """Called before every update."""
        self._alpha = 0.0
        self._statistics: dict[str, list[th.Tensor]] = defaultdict(list)

    def _update_info_buffer(self, infos: list[dict[str, Any]], dones: np.ndarray | None = None) -> None:
        """Note where in the rollout the episodes end whose returns are logged: Atari's games, say, not their lives."""
        step = self.rollout_buffer.pos
        if step == 0:
            self._episode_ends = []
        self._episode_ends += [(step, env) for env, info in enumerate(infos) if info.get("episode") is not None]
        super()._update_info_buffer(infos, dones)

    @property
    def _reward_scale(self) -> float:
        """Raw reward units in one unit of the reward that is learned from; not 1 under VecNormalize."""
        normalize: VecNormalize | None = self._vec_normalize_env
        if normalize is None or not normalize.norm_reward:
            return 1.0
        return float(np.sqrt(normalize.ret_rms.var + normalize.epsilon))

    def _note(self, key: str, value: th.Tensor) -> None:
        """Keep a scalar for the mean that is logged at the end of the update."""
        self._statistics[key].append(value.detach())

    def _record_update(self) -> None:
        for key, values in self._statistics.items():
            mean = values[0] if len(values) == 1 else th.stack(values).mean()
            self.logger.record(f"train/{key}", mean.item())
        buffer = self.rollout_buffer
        if self.baseline:
            explained = explained_variance(buffer.values.flatten(), buffer.returns.flatten())
            self.logger.record("train/explained_variance", explained)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/ent_coef", self._alpha)
        if self._vec_normalize_env is not None and self._vec_normalize_env.norm_reward:
            self.logger.record("train/ent_coef_raw_reward", self._alpha * self._reward_scale)
        if isinstance(self.temperature, TunedTemperature):
            self.logger.record("train/ent_coef_loss", self.temperature.loss)

    def _record_policy(self) -> None:
        """Look at the policy as it is now, in states of the last rollout."""
        soft_return = self._soft_return()
        if soft_return is not None:
            self.logger.record("rollout/soft_return", soft_return)
        states = sample_states(self.rollout_buffer)
        if states is None:
            return
        try:
            values = describe_policy(self.policy, states)
        except Exception as error:
            explain(None, self.policy, error)
            raise
        for key, value in values.items():
            self.logger.record(key, value)
        share = values.get("train/outside_box", 0.0)
        if share > 0.5 and self._alpha > 0 and not self._warned_outside_box:
            self._warned_outside_box = True
            warn_outside_box(share, self._alpha)

    def _soft_return(self) -> float | None:
        """Mean over episodes of Σ (r + α·H), undiscounted, in raw reward units."""
        bonus = self._episode_bonuses.mean() if self._episode_bonuses is not None else None
        if bonus is None or not self.ep_info_buffer:
            return None
        return bonus + float(np.mean([episode["r"] for episode in self.ep_info_buffer]))

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
        if reset_num_timesteps or self._episode_bonuses is None or len(self._episode_bonuses.running) != self.n_envs:
            self._episode_bonuses = EpisodeSums(self.n_envs, self._stats_window_size)
        if reset_num_timesteps:
            hidden = {"policy", "env", "device", "verbose", "tensorboard_log"}
            names = [name for name in vars(self) if not name.startswith("_") and name in self._constructor_names()]
            record_hparams(
                self.logger,
                {
                    "algorithm": type(self).__name__,
                    **{name: getattr(self, name) for name in names if name not in hidden},
                },
                self.num_timesteps,
            )
        return result

    @classmethod
    def _constructor_names(cls) -> tuple[str, ...]:
        code = cls.__init__.__code__
        return code.co_varnames[: code.co_argcount]

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
        super().learn(
            total_timesteps=total_timesteps,
            callback=callback,
            log_interval=interval,  # type: ignore[arg-type]
            tb_log_name=tb_log_name or type(self).__name__,
            reset_num_timesteps=reset_num_timesteps,
            progress_bar=progress_bar,
        )
        if interval is not None:
            # SB3 writes the log before it trains, so the last update's values would never be written.
            self._record_policy()
            self.logger.dump(step=self.num_timesteps)
        return self
