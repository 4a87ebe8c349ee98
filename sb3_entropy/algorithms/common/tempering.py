"""The temperature that an algorithm has: made from its arguments, kept as long as they stay, and α of one update."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy.temperature import FixedTemperature, Temperature, TunedTemperature, continued


@dataclass
class Tempering:
    """
    A temperature, and what one update is about to tell it.

    Where the arguments change, another one takes its place, so that a change that is refused can be taken back.
    """

    temperature: Temperature = field(default_factory=lambda: FixedTemperature(0.0))
    #: ``ent_coef``, ``target_entropy`` and how fast it is tuned, which the temperature was made from
    arguments: Sequence[Any] = ()
    #: α of the update that is under way, or was the last
    alpha: float = 0.0
    #: mean entropy in nats over the states of its rollout; None if it was not computed
    mean_entropy: float | None = None
    #: whether α is this temperature's, and not that of one whose place it has taken since
    in_force: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """What lives from one rollout to the next is not saved."""
        return {**vars(self), "mean_entropy": None, "in_force": False}

    def remade(
        self,
        arguments: Sequence[Any],
        make: Callable[..., Temperature],
    ) -> "Tempering":
        """
        Another target, or rate, lets α go on from where it is, tuned or not: a decay goes on counting.

        :param arguments: ``ent_coef``, ``target_entropy`` and how fast it is tuned, as they are now
        :param make: makes a temperature of them
        :return: the temperature that they ask for; itself if they are what they were
        :raises TypeError: if one is of the wrong type
        :raises ValueError: if one is out of its range, or the target cannot be reached
        """
        if list(self.arguments) == list(arguments):
            return self
        made = make(*arguments)
        goes_on = list(self.arguments[:1]) == list(arguments[:1])
        made = continued(self.temperature, made) if goes_on else made
        return replace(self, temperature=made, arguments=list(arguments), in_force=self.in_force and goes_on)

    @property
    def is_soft(self) -> bool:
        """Whether α can be anything but 0."""
        return not (isinstance(self.temperature, FixedTemperature) and self.temperature.constant == 0)

    @property
    def is_tuned(self) -> bool:
        """Whether α follows the entropy."""
        return self.temperature.is_tuned

    def begin(self, progress_remaining: float) -> None:
        """
        An update begins, with the temperature's α.

        :param progress_remaining: the share of the training that is still to come
        """
        self.alpha, self.mean_entropy, self.in_force = self.temperature.value(progress_remaining), None, True

    def see(self, entropies: np.ndarray) -> None:
        """
        :param entropies: H(π(·|s)) in nats, in the states that the update learns from
        """
        self.mean_entropy = float(entropies.mean()) if entropies.size else None

    def end(self, n_transitions: int) -> None:
        """
        The update has ended; its temperature is told so.

        :param n_transitions: how many transitions it has had
        """
        if self.in_force:
            self.temperature.update(self.mean_entropy, n_transitions)

    def record(self, logger: Logger, reward_scale: float | None) -> None:
        """
        :param logger: the training's
        :param reward_scale: raw reward units in one unit of the reward that is learned from; None if they are the same
        """
        logger.record("train/ent_coef", self.alpha)
        self.record_raw(logger, reward_scale)
        if isinstance(self.temperature, TunedTemperature):
            logger.record("train/ent_coef_loss", self.temperature.loss)

    def record_raw(self, logger: Logger, reward_scale: float | None) -> None:
        """
        α in units of the raw reward, where that is another than what is learned from.

        :param logger: the training's
        :param reward_scale: as in :meth:`record`
        """
        if reward_scale is not None:
            logger.record("train/ent_coef_raw_reward", self.alpha * reward_scale)


def reward_scale(normalize: VecNormalize | None) -> float | None:
    """
    :param normalize: what normalises the rewards, if anything does
    :return: raw reward units in one unit of the reward that is learned from; None if they are the same
    """
    if normalize is None or not normalize.norm_reward:
        return None
    return float(np.sqrt(normalize.ret_rms.var + normalize.epsilon))
