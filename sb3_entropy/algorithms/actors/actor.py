"""What lives in a worker: a policy of the learner's kind, its own copy of the environments, and random numbers."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import cloudpickle
import numpy as np
import torch as th
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.algorithms.actors.messages import Fragment, Weights
from sb3_entropy.algorithms.on_policy.buffers import SoftRollouts
from sb3_entropy.algorithms.sa2c import SA2C
from sb3_entropy.vec_env.copies import made
from sb3_entropy.vec_env.following import follow, take_moments


@dataclass(frozen=True)
class Place:
    """
    Which of the actors it is, and where its random numbers begin.

    :param index: its number
    :param seed: of its environments; None leaves them as they were copied
    :param generator: the state in which PyTorch's generator begins; None to draw from the process's, with all others
        that are there
    """

    index: int
    seed: int | None
    generator: np.ndarray | None


def says_who(method: Callable[..., Any]) -> Callable[..., Any]:
    """
    :param method: an actor's
    :return: the same; what it raises says whose environments it was in
    """

    @wraps(method)
    def saying_who(self: "FragmentActor", *args: Any) -> Any:
        try:
            return method(self, *args)
        except Exception as error:
            error.add_note(f"This happened in actor {self._place.index}, in its own copies of the environments.")
            raise

    return saying_who


class FragmentActor:
    """
    SA2C that never learns: it collects rollouts with the weights that it is sent, and sends them back.

    :param arguments: those of SA2C's constructor, pickled by cloudpickle; of the environments, their recipe
    :param place: which of the actors it is
    """

    def __init__(self, arguments: bytes, place: Place):
        given = cloudpickle.loads(arguments)
        self._place = place
        self._generator = None if place.generator is None else th.from_numpy(place.generator.copy())
        env = made(given.pop("env"))
        if place.seed is not None:
            env.seed(place.seed)
        with th.random.fork_rng(devices=[]):  # its first parameters, which nobody needs
            self._model = SA2C(env=env, **given)
        self._env: VecEnv = self._model.env  # type: ignore[assignment]
        self._model.ep_info_buffer, self._model.ep_success_buffer = deque(maxlen=1), deque(maxlen=1)
        self._beginning = -1

    @says_who
    def collect(self, weights: Weights) -> Fragment:
        """
        :param weights: the policy that acts
        :return: the next steps of the environments, and what became of them
        """
        started, model = time.perf_counter(), self._model
        weights.parameters.put_into(model.policy)
        changes = {name: value for name, value in weights.settings.items() if getattr(model, name) != value}
        if changes:
            model.set_arguments(**changes)
        follow(self._env, weights.statistics)
        with self._randomness():
            self._begin(weights.beginning)
            tape = Tape(model)
            model.rollout_buffer.estimate = tape.see_end
            model.collect_rollouts(self._env, tape, model.rollout_buffer, model.n_steps)
        return self._fragment(weights, tape, started)

    def _begin(self, beginning: int) -> None:
        """Reset the environments where the training begins."""
        if beginning == self._beginning:
            return
        model = self._model
        model._last_obs = self._env.reset()  # type: ignore[assignment]
        model._last_episode_starts = np.ones(model.n_envs, dtype=bool)
        self._beginning = beginning

    def _fragment(self, weights: Weights, tape: "Tape", started: float) -> Fragment:
        buffer = self._model.rollout_buffer
        return Fragment(
            actor=self._place.index,
            version=weights.version,
            observations=buffer.observations,
            actions=buffer.actions,
            clipped_actions=tape.clipped_actions,
            rewards=np.stack(tape.rewards),
            bootstrapped=buffer.rewards,
            episode_starts=buffer.episode_starts,
            values=buffer.values,
            log_probs=buffer.log_probs,
            last_observations=self._model._last_obs,
            last_values=tape.last_values,
            dones=tape.dones,
            infos=tape.infos,
            moments=take_moments(self._env),
            seconds=time.perf_counter() - started,
        )

    @contextmanager
    def _randomness(self) -> Iterator[None]:
        """Its own random numbers, in the place of those of whoever else is in this process."""
        if self._generator is None:
            yield
            return
        others = th.get_rng_state()
        th.set_rng_state(self._generator)
        try:
            yield
        finally:
            self._generator = th.get_rng_state()
            th.set_rng_state(others)


class Tape(BaseCallback):
    """
    What a rollout is besides what its buffer keeps.

    :param model: whose rollout it is
    """

    last_values: np.ndarray
    dones: np.ndarray

    def __init__(self, model: SA2C):
        super().__init__()
        self.model = model
        self.rewards: list[np.ndarray] = []
        self.infos: list[list[dict[str, Any]]] = []
        self.clipped_actions: list[np.ndarray] = []

    def _on_step(self) -> bool:
        # Before the values of last observations are added to them.
        self.rewards.append(np.array(self.locals["rewards"], dtype=np.float32))
        self.infos.append(self.locals["infos"])
        self.clipped_actions.append(self.locals["clipped_actions"])
        return True

    def see_end(
        self, buffer: SoftRollouts, rewards: np.ndarray, last_values: np.ndarray, dones: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The rollout buffer's hook: the learner makes the returns."""
        self.last_values, self.dones = last_values, np.asarray(dones)
        return buffer.advantages, buffer.returns
