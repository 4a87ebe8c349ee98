"""What a training says of itself: the means of its updates, its policy in given states, and its soft return."""

import math
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.logger import HParam, Logger, TensorBoardOutputFormat
from stable_baselines3.common.policies import BasePolicy

from sb3_entropy.algorithms.common.episode_sums import EACH, EpisodeSums
from sb3_entropy.policies.describing import describe_policy
from sb3_entropy.policies.finite import explain


class Journal:
    """
    What an algorithm of any family notes of its updates, and what of it is logged.

    It is told what to look at, the states and the rewards' bonuses, and knows no buffer.
    """

    def __init__(self) -> None:
        self.statistics: dict[str, list[th.Tensor]] = {}
        #: Σ α·H over episodes, from the first ``learn`` on
        self.bonuses: EpisodeSums | None = None
        #: step and environment of the last step of each episode since the steps were last counted from 0
        self.ends: list[tuple[int, int]] = []
        self.warned_outside_box = False

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "statistics": {}}

    # ------------------------------------------------------------------ an update

    def begin_update(self) -> None:
        """Forget what was noted of the last update."""
        self.statistics = {}

    def note(self, key: str, value: th.Tensor, *, only_last: bool = False) -> None:
        """
        :param key: what it is, without ``train/``
        :param value: a scalar, of which the mean over the update is logged, or one for each of several minibatches
        :param only_last: whether it takes the place of what was noted before
        """
        if only_last:
            self.forget(key)
            value = value if value.dim() == 0 else value[-1]
        self.statistics.setdefault(key, []).append(value.detach())

    def forget(self, key: str) -> None:
        """
        :param key: what is noted anew from here on
        """
        self.statistics.pop(key, None)

    def record_update(self, logger: Logger, n_updates: int) -> None:
        """
        :param logger: the training's
        :param n_updates: how many there have been
        """
        for key, values in self.statistics.items():
            each = values[0] if len(values) == 1 else th.cat([value.reshape(-1) for value in values])
            logger.record(f"train/{key}", (each if each.dim() == 0 else each.mean()).item())
        logger.record("train/n_updates", n_updates, exclude="tensorboard")

    # ------------------------------------------------------------------ the policy

    def record_policy(self, logger: Logger, policy: BasePolicy, states: Any, alpha: float) -> None:
        """
        Look at the policy as it is now. That its density lies outside the action box is said once.

        :param logger: the training's
        :param policy: the policy
        :param states: in which it is looked at, as tensors
        :param alpha: the temperature
        :raises ValueError: if the policy has become NaN or infinite
        """
        try:
            values = describe_policy(policy, states)
        except Exception as error:
            explain(None, policy, error)
            raise
        for key, value in values.items():
            logger.record(key, value)
        share = values.get("train/outside_box", 0.0)
        if share > 0.5 and alpha > 0 and not self.warned_outside_box:
            self.warned_outside_box = True
            warn_outside_box(share, alpha)

    # ------------------------------------------------------------------ soft returns

    def begin_episodes(self, n_envs: int, window: int, afresh: bool) -> None:
        """
        :param n_envs: how many environments run side by side
        :param window: over how many finished episodes the mean is taken
        :param afresh: whether the training counts its steps from 0
        """
        if afresh or self.bonuses is None or len(self.bonuses.running) != n_envs:
            self.bonuses = EpisodeSums(n_envs, window)

    def over(self, window: int) -> "Journal":
        """
        :param window: over how many finished episodes the mean is taken from now on
        :return: a journal that goes on from this one
        """
        other = Journal()
        vars(other).update(vars(self))
        if self.bonuses is not None:
            other.bonuses = self.bonuses.over(window)
        return other

    def see_ends(self, step: int, infos: Iterable[Mapping[str, Any]]) -> None:
        """
        Note where the episodes end whose returns are logged: Atari's games, say, not their lives.

        :param step: of the rewards that :meth:`add_bonuses` will be told of; from 0 on those are others
        :param infos: what the environments said in that step
        """
        if step == 0:
            self.ends = []
        self.ends += [(step, env) for env, info in enumerate(infos) if info.get("episode") is not None]

    def add_bonuses(self, bonuses: np.ndarray, envs: slice | np.ndarray = EACH) -> None:
        """
        :param bonuses: α·H in units of the raw reward, shape (T, N)
        :param envs: whose columns these are, where the rollout is not of all environments in their order
        """
        if self.bonuses is not None:
            self.bonuses.add(bonuses, self.ends, envs)

    def lose_bonuses(self, infos: Iterable[Iterable[Mapping[str, Any]]], envs: slice | np.ndarray) -> None:
        """
        The bonuses of a rollout will never be known.

        :param infos: what the environments said in each of its steps
        :param envs: whose columns these are
        """
        if self.bonuses is not None:
            self.bonuses.lose(sum(info.get("episode") is not None for step in infos for info in step), envs)

    def drop_unfinished(self, envs: slice | np.ndarray = EACH) -> None:
        """
        Forget the episodes that are under way, where the environments are reset.

        :param envs: which these are
        """
        if self.bonuses is not None:
            self.bonuses.running[envs] = 0

    def record_soft_return(self, logger: Logger, episodes: Iterable[Mapping[str, Any]] | None) -> None:
        """
        Log the mean over episodes of Σ (r + α·H), undiscounted, in units of the raw reward, where there is one. The
        episodes are those of which the bonuses are known.

        :param logger: the training's
        :param episodes: the last ones, of which ``"r"`` is the return
        """
        bonus = self.bonuses.mean() if self.bonuses is not None else None
        if self.bonuses is not None and bonus is not None and math.isfinite(bonus) and episodes:
            same = self.bonuses.mean_of_same([episode["r"] for episode in episodes])
            if same is not None:
                logger.record("rollout/soft_return", bonus + same)


def warn_outside_box(share: float, ent_coef: float) -> None:
    """Warn that most of the density lies where clipping makes it useless."""
    warnings.warn(
        f"{share:.0%} of the policy's density, on average over action dimensions, lies outside the action box, where "
        "clipping makes all actions alike: "
        f"with ent_coef={ent_coef:g} the policy buys entropy that the environment never sees. Keep it inside the box "
        "with policy_kwargs=dict(action_distribution='beta') or dict(action_distribution='tanh_gaussian', "
        "entropy_estimator='quadrature'), or lower ent_coef.",
        stacklevel=3,
    )


def record_hparams(logger: Logger, values: Mapping[str, Any], timesteps: int) -> None:
    """
    Write a run's hyper-parameters for TensorBoard's HPARAMS page, if it logs there. No other writer can read them.

    :param logger: the run's logger
    :param values: hyper-parameters by name; what is no number, string or truth value is written as text
    :param timesteps: where the run begins
    """
    simple = {key: value if isinstance(value, (bool, int, float, str)) else str(value) for key, value in values.items()}
    metrics: dict[str, float | int] = {"rollout/ep_rew_mean": 0.0, "rollout/soft_return": 0.0, "train/entropy": 0.0}
    for output in logger.output_formats:
        if isinstance(output, TensorBoardOutputFormat):
            output.write({"hparams": HParam(simple, metrics)}, {"hparams": ()}, timesteps)
