"""What lives in a worker: a policy of the learner's kind, its own copy of the environments, and random numbers."""

import time
from abc import ABC, abstractmethod
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

from sb3_entropy.algorithms.actors.messages import Fragment, Lesson, Weights
from sb3_entropy.algorithms.on_policy.buffers import SoftRollouts
from sb3_entropy.algorithms.sa2c import SA2C
from sb3_entropy.policies.observations import of_each
from sb3_entropy.vec_env.copies import made
from sb3_entropy.vec_env.following import follow, take_moments


@dataclass(frozen=True)
class Generators:
    """
    Where the two global generators of random numbers are that a training draws from.

    :param torch: the state of PyTorch's
    :param numpy: that of NumPy's
    """

    torch: np.ndarray
    numpy: dict[str, Any]

    @classmethod
    def present(cls) -> "Generators":
        """:return: where they are now"""
        return cls(th.get_rng_state().numpy(), np.random.get_state(legacy=False))

    @classmethod
    def seeded(cls, seed: int) -> "Generators":
        """:return: where they are after a seed, from 0 to 2³² − 1; they do not notice"""
        return cls(th.Generator().manual_seed(seed).get_state().numpy(), np.random.RandomState(seed).get_state(False))

    def put(self) -> None:
        """Let them go on from here."""
        th.set_rng_state(th.from_numpy(self.torch.copy()))
        np.random.set_state(self.numpy)


@dataclass(frozen=True)
class Place:
    """
    Which of the actors it is, and where its random numbers begin.

    :param index: its number
    :param seed: of its environments; None leaves them as they were copied
    :param generators: where they begin; None to draw from the process's, with all others that are there
    """

    index: int
    seed: int | None
    generators: Generators | None


def says_who(method: Callable[..., Any]) -> Callable[..., Any]:
    """
    :param method: an actor's
    :return: the same; what it raises says whose environments it was in
    """

    @wraps(method)
    def saying_who(self: "CollectingActor", *args: Any) -> Any:
        try:
            return method(self, *args)
        except Exception as error:
            error.add_note(f"This happened in actor {self._place.index}, in its own copies of the environments.")
            raise

    return saying_who


class CollectingActor(ABC):
    """
    SA2C that takes no steps: it collects rollouts with the weights that it is sent, and sends back what came of them.

    :param arguments: those of SA2C's constructor, pickled by cloudpickle; of the environments, their recipe
    :param place: which of the actors it is
    """

    def __init__(self, arguments: bytes, place: Place):
        given = cloudpickle.loads(arguments)
        self._place = place
        self._generators = place.generators
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
            self._listen(weights.lesson)
            tape = Tape(model)
            model.collect_rollouts(self._env, tape, model.rollout_buffer, model.n_steps)
            fragment = self._fragment(weights, tape)
            self._learn(fragment, weights.lesson)
        fragment.seconds = time.perf_counter() - started
        return fragment

    @abstractmethod
    def _listen(self, lesson: Lesson | None) -> None:
        """
        Called before a rollout.

        :param lesson: how it is learned from
        """

    @abstractmethod
    def _learn(self, fragment: Fragment, lesson: Lesson | None) -> None:
        """
        Called after a rollout; what is found in it is added to the fragment.

        :param fragment: what the rollout buffer has, before an update deals it into minibatches
        :param lesson: how it is learned from
        """

    def _begin(self, beginning: int) -> None:
        """Reset the environments where the training begins."""
        if beginning == self._beginning:
            return
        model = self._model
        model._last_obs = self._env.reset()  # type: ignore[assignment]
        model._last_episode_starts = np.ones(model.n_envs, dtype=bool)
        self._beginning = beginning

    def _fragment(self, weights: Weights, tape: "Tape") -> Fragment:
        buffer = self._model.rollout_buffer
        return Fragment(
            actor=self._place.index,
            version=weights.version,
            # A dict of its own: an update deals what is in the buffer's into minibatches.
            observations=dict(buffer.observations) if isinstance(buffer.observations, dict) else buffer.observations,
            actions=buffer.actions,
            clipped_actions=tape.clipped_actions,
            rewards=np.stack(tape.rewards),
            bootstrapped=buffer.rewards,
            episode_starts=buffer.episode_starts,
            values=buffer.values,
            log_probs=buffer.log_probs,
            # A copy: a VecFrameStack's reset() writes into what it has returned.
            last_observations=of_each(np.array, self._model._last_obs),
            last_values=tape.last_values,
            dones=tape.dones,
            infos=tape.infos,
            moments=take_moments(self._env),
        )

    @contextmanager
    def _randomness(self) -> Iterator[None]:
        """Its own random numbers, in the place of those of whoever else is in this process."""
        if self._generators is None:
            yield
            return
        others = Generators.present()
        self._generators.put()
        try:
            yield
        finally:
            self._generators = Generators.present()
            others.put()


class FragmentActor(CollectingActor):
    """It collects alone: the learner makes the returns, and learns."""

    def _listen(self, lesson: Lesson | None) -> None:
        self._model.rollout_buffer.estimate = _no_returns

    def _learn(self, fragment: Fragment, lesson: Lesson | None) -> None:
        """The learner does."""


def _no_returns(
    buffer: SoftRollouts, rewards: np.ndarray, last_values: np.ndarray, dones: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The rollout buffer's hook."""
    return buffer.advantages, buffer.returns


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

    def _on_rollout_end(self) -> None:
        self.last_values = self.locals["values"].detach().cpu().numpy().flatten()
        self.dones = np.asarray(self.locals["dones"])
