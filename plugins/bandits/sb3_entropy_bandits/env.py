"""The bandits as Gymnasium environments."""

from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sb3_entropy.errors import check_choice, check_number
from sb3_entropy_bandits.drift import make_drift
from sb3_entropy_bandits.noise import make_noise
from sb3_entropy_bandits.rounds import Rounds, check_no_options
from sb3_entropy_bandits.tasks import NAMES, make_task
from sb3_entropy_bandits.tasks.task import Contexts, Task

if TYPE_CHECKING:
    from sb3_entropy_bandits.vec_env import BanditVecEnv


class BanditEnv(gym.Env[NDArray[Any], np.int64]):
    """
    A contextual bandit whose episodes have one step: reset() shows a context x, step(a) pays for it and ends.

    What is paid has the mean r̄(x, a), which is known exactly: the task's reward, changed by ``drift`` and
    ``reward_noise``. Time t counts the contexts that this environment has served, the first at t = 0. Resetting with a
    seed begins anew: with the generator, the time and the regret go back to the start.

    :param task: a name, which the registered ids give, or a task of one's own
    :param split: which of the task's contexts are served, ``"train"`` or ``"test"``
    :param reward_noise: σ ≥ 0 of Gaussian noise, or ``{"kind": "flip", "probability": p}``, see
        :func:`~sb3_entropy_bandits.noise.make_noise`
    :param drift: ``None``, ``{"kind": "abrupt", "at": t}`` or ``{"kind": "gradual", "start": t0, "end": t1}``, see
        :func:`~sb3_entropy_bandits.drift.make_drift`
    :param render_mode: ``"rgb_array"``, the context as an image, or ``None``
    :param options: options of the named task: ``observation``, ``reward_matrix``, ``support`` and ``shift``
        (:func:`~sb3_entropy_bandits.tasks.classification.classification_task`), and those of its data
    :raises TypeError: if a parameter has the wrong type, or an option is not known
    :raises ValueError: if a parameter is out of its range
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 1}  # noqa: RUF012  (as Gymnasium declares it)

    def __init__(
        self,
        task: str | Task = "digits",
        *,
        split: str = "train",
        reward_noise: Any = 0.0,
        drift: dict[str, Any] | None = None,
        render_mode: str | None = None,
        **options: Any,
    ):
        check_choice("split", split, ("train", "test"))
        if render_mode is not None:
            check_choice("render_mode", render_mode, self.metadata["render_modes"])
        self.task = _task(task, options)
        self.split = split
        self.reward_noise = make_noise(reward_noise, self.task.rewards.min(), self.task.rewards.max())
        self.drift = make_drift(drift, self.task.n_actions)
        self.render_mode = render_mode
        self.action_space: spaces.Discrete = spaces.Discrete(self.task.n_actions)
        self.observation_space = self.task.observer.space
        self._rounds = self.rounds(1)

    @staticmethod
    def make_sb3_vec_env(
        n_envs: int, *, seed: int | None = None, max_episode_steps: int | None = None, **kwargs: Any
    ) -> "BanditVecEnv":
        """
        A whole batch of contexts served at once, for ``--vec-env native``.

        :param n_envs: contexts a batch
        :param seed: the batch's seed
        :param max_episode_steps: a limit on steps an episode, which one step always keeps
        :param kwargs: the parameters of the environment
        :return: the batch
        """
        from sb3_entropy_bandits.vec_env import BanditVecEnv

        if max_episode_steps is not None:
            check_number("max_episode_steps", max_episode_steps, low=1, integer=True)
        check_number("n_envs", n_envs, low=1, integer=True)
        bandit = BanditEnv(**kwargs)
        vec_env = BanditVecEnv(bandit, bandit.rounds(int(n_envs)))
        if seed is not None:
            vec_env.seed(seed)
        return vec_env

    def rounds(self, n: int) -> Rounds:
        """
        :param n: how many contexts a round has
        :return: new rounds of this bandit, at time 0
        """
        return Rounds(self.task, self.contexts, self.reward_noise, self.drift, n)

    @property
    def contexts(self) -> Contexts:
        """The contexts that are served."""
        return self.task.train if self.split == "train" else self.task.test

    @property
    def action_features(self) -> NDArray[np.float64] | None:
        """What is known of the actions, shape (A, d), or ``None``."""
        return self.task.action_features

    @property
    def contexts_served(self) -> int:
        """How many contexts have been answered since the beginning."""
        return self._rounds.time

    @property
    def cumulative_regret(self) -> float:
        """Σ over the contexts served of maxₐ r̄(x, a) − r̄(x, aₜ), in units of reward."""
        return float(self._rounds.cumulative_regret[0])

    @property
    def context_rewards(self) -> NDArray[np.float64]:
        """r̄(x, ·) of the context that is to be answered, shape (A,)."""
        rewards: NDArray[np.float64] = self._rounds.mean_rewards[0]
        return rewards

    def evaluation_set(self, n: int | None = None) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """
        Test contexts and their exact mean rewards at the present time. No generator is touched.

        :param n: how many, the first of a shuffle that never changes; ``None``: all
        :return: observations, shape (m, …), and mean rewards, shape (m, A)
        """
        return self._rounds.evaluation_set(n)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """
        Show a context.

        :param seed: begin anew with this seed; ``None`` goes on
        :param options: none are known
        :return: the observation, and an empty dictionary
        :raises ValueError: if options are given
        """
        super().reset(seed=seed)
        check_no_options(options)
        if seed is not None:
            self._rounds.begin()
        self._observation = self._rounds.show(self.np_random)[0]
        return self._observation.copy(), {}

    def step(self, action: np.int64) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        """
        Answer the context.

        :param action: a whole number from 0 to A − 1
        :return: the same observation, the reward, ``True`` (the episode is over), ``False``, and the ``"regret"`` of
            the action and whether it is ``"optimal"``, so without any
        :raises ValueError: if there is no such action
        :raises gymnasium.error.ResetNeeded: if no context is shown
        """
        if not self.action_space.contains(action):
            raise ValueError(
                f"action must be a whole number from 0 to {self.action_space.n - 1}, but {action!r} was given."
            )
        rewards, regrets = self._rounds.pay(np.array([action]), self.np_random)
        regret = float(regrets[0])
        return self._observation.copy(), float(rewards[0]), True, False, {"regret": regret, "optimal": regret == 0.0}

    def render(self) -> Any:
        """:return: the context as an image of shape (height, width, 3); ``None`` without a render mode"""
        if self.render_mode is None:
            gym.logger.warn("render() draws nothing without a render mode: make the environment with render_mode=…")
            return None
        return self._rounds.pictures()[0]


def _task(task: Any, options: dict[str, Any]) -> Task:
    if not isinstance(task, Task):
        if not isinstance(task, str):
            raise TypeError(f"task must be one of {', '.join(NAMES)}, or a Task, but {task!r} was given.")
        return make_task(task, **options)
    if options:
        raise TypeError(f"A task of one's own has its options already, but {', '.join(options)} was given beside it.")
    return task
