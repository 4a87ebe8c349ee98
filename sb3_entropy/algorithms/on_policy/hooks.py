"""What Stable-Baselines3 calls of an on-policy training that keeps a journal."""

from typing import Any, ClassVar

import numpy as np
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy

from sb3_entropy.algorithms.common.hooks import TrainingHooks
from sb3_entropy.policies.observations import sample_states
from sb3_entropy.policies.soft import POLICIES


class OnPolicyHooks(TrainingHooks, OnPolicyAlgorithm):
    """
    An on-policy algorithm of Stable-Baselines3 that has a journal, a temperature and regularisers.

    Stable-Baselines3 writes the log *before* it trains, so the values of an update come one rollout late and those of
    the last never. Here the policy is looked at when the log is written, and the last update's values are written too.
    """

    default_log_interval: ClassVar[int] = 1
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {**POLICIES}

    def _update_info_buffer(self, infos: list[dict[str, Any]], dones: np.ndarray | None = None) -> None:
        self.journal.see_ends(self.rollout_buffer.pos, infos)
        super()._update_info_buffer(infos, dones)

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
