"""Watch during training which actions a policy uses, and what they earn."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import TensorBoardOutputFormat

from sb3_entropy.bandits.action_use import ActionUse, action_use
from sb3_entropy.bandits.evaluation import evaluate_bandit
from sb3_entropy.bandits.surface import Bandit, find_bandit
from sb3_entropy.errors import check_number
from sb3_entropy.handed_over import owned
from sb3_entropy.policies.probabilities import policy_with_probabilities


@dataclass(frozen=True)
class EvaluationPoint:
    """
    What was seen at one moment of the training.

    :param timesteps: steps of all environments so far; in a bandit these are contexts
    :param evaluation: the policy in the evaluation set, a :class:`BanditEvaluation` if the mean rewards are known
    :param cumulative_regret: the training's so far, in units of reward; NaN if the environments do not keep it
    """

    timesteps: int
    evaluation: ActionUse
    cumulative_regret: float = math.nan

    def scalars(self) -> dict[str, float]:
        """:return: all numbers by name, but for those that are NaN"""
        values = {**self.evaluation.scalars(), "cumulative_regret": self.cumulative_regret}
        return {name: value for name, value in values.items() if not math.isnan(value)}


class ActionDiversityCallback(BaseCallback):
    """
    Evaluates the policy in a contextual bandit's evaluation set: at the start, every ``eval_freq`` contexts and at the
    end, after the last update.

    Between two updates an on-policy algorithm's policy stays as it is, so it is looked at where it has just changed: at
    the first start of a rollout after ``eval_freq`` more contexts. The numbers go to the log at once, under
    ``bandit/…``, and are kept in ``history``. The training remains what it would have been, bit for bit.

    In an environment that is no such bandit, give ``observations``: then the use of actions in these is logged, under
    ``actions/…``, and no rewards.

    :param eval_freq: steps of all environments, in a bandit contexts, between two evaluations
    :param n_contexts: the size of the evaluation set that the environment is asked for; None for all that it has
    :param threshold: the share above which an action counts as used
    :param observations: contexts to look at instead of the environment's evaluation set, as the environment gives them,
        shape (n, …), or a dict of such
    :param seed: for the actions that are drawn for the histogram
    :param verbose: 1 prints a line an evaluation
    :raises TypeError: if a number is none; at the start of the training, if the policy does not give each of finitely
        many actions a probability
    :raises ValueError: if a number is out of range; at the start of the training, if the environment offers no
        evaluation set and no observations were given

    :ivar history: what was seen, in order; a training that starts from 0 steps starts it anew
    """

    def __init__(
        self,
        eval_freq: int = 10_000,
        n_contexts: int | None = None,
        threshold: float = 0.005,
        observations: Any = None,
        seed: int = 0,
        verbose: int = 0,
    ):
        super().__init__(verbose)
        check_number("eval_freq", eval_freq, low=1, integer=True)
        if n_contexts is not None:
            check_number("n_contexts", n_contexts, low=1, integer=True)
        check_number("threshold", threshold, low=0, high=1)
        check_number("seed", seed, low=0, integer=True)
        self.eval_freq = eval_freq
        self.n_contexts = n_contexts
        self.threshold = threshold
        self.observations = owned(observations)
        self.seed = seed
        self.history: list[EvaluationPoint] = []
        self._next = 0

    def _init_callback(self) -> None:
        policy_with_probabilities(self.model)
        if self.observations is None and self._bandit() is None:
            raise ValueError(
                "ActionDiversityCallback needs an environment with a method evaluation_set(n=None) that returns "
                "contexts and the mean rewards of their actions, but the training's has none. Give the observations at "
                "which to look at the policy: ActionDiversityCallback(observations=…)."
            )

    def _on_training_start(self) -> None:
        if self.num_timesteps == 0:
            self.history = []
        self._next = self.num_timesteps

    def _on_rollout_start(self) -> None:
        if self.model.num_timesteps >= self._next:
            self._look()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        self._look()

    def _bandit(self) -> Bandit | None:
        return find_bandit(self.model.get_env()) if self.observations is None else None

    def _look(self) -> None:
        timesteps = self.model.num_timesteps
        self._next = (timesteps // self.eval_freq + 1) * self.eval_freq
        if self.history and self.history[-1].timesteps == timesteps:
            return  # a training that goes on where the last one ended
        rng = np.random.default_rng((self.seed, timesteps))
        bandit = self._bandit()
        if bandit is None:
            point = EvaluationPoint(timesteps, action_use(self.model, self.observations, rng, self.threshold))
        else:
            contexts, mean_rewards = bandit.evaluation_set(self.n_contexts)
            evaluation = evaluate_bandit(self.model, contexts, mean_rewards, rng, self.threshold)
            point = EvaluationPoint(timesteps, evaluation, bandit.cumulative_regret())
        self.history.append(point)
        self._write(point, "actions" if bandit is None else "bandit")

    def _write(self, point: EvaluationPoint, section: str) -> None:
        values = point.scalars()
        for name, value in values.items():
            self.logger.record(f"{section}/{name}", value)
        counts, first = point.evaluation.counts, int(self.model.action_space.start)  # type: ignore[attr-defined]
        for output in self.logger.output_formats:
            if isinstance(output, TensorBoardOutputFormat):
                # One bar an action; TensorBoard's own bins would pool the higher ones.
                actions, edges = np.arange(len(counts)).repeat(counts), np.arange(len(counts) + 1) - 0.5
                output.writer.add_histogram(f"{section}/actions", first + actions, point.timesteps, bins=first + edges)
        # SB3 writes its log before it trains, and not after the last update: so, like its EvalCallback, write now.
        self.logger.record("time/total_timesteps", point.timesteps, exclude="tensorboard")
        self.logger.dump(point.timesteps)
        if self.verbose:
            numbers = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
            print(f"{section} after {point.timesteps:,} steps: {numbers}")
