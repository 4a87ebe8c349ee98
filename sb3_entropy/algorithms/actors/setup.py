"""How an algorithm of the asynchronous family is made: its own arguments, its actors, and what they are made of."""

import secrets
from abc import abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

import cloudpickle
import numpy as np

from sb3_entropy.algorithms.actors.actor import CollectingActor, Generators, Place
from sb3_entropy.algorithms.actors.pool import Pool
from sb3_entropy.algorithms.common.flat_optimizers import NoSteps
from sb3_entropy.algorithms.on_policy.advantage_actor_critic import AdvantageActorCritic
from sb3_entropy.engines import Actor, Engine, Shared, make_engine
from sb3_entropy.engines.ray_cluster import check_address
from sb3_entropy.vec_env.copies import recipe

_WHERE = ("n_actors", "engine", "ray_address")
_WHEN = ("n_fragments", "max_policy_lag", "weights_delay")
_BUFFER = ("rollout_buffer_class", "rollout_buffer_kwargs")
#: arguments of the learner's that are the actors' too, and go to them with the weights when they have changed
_SETTINGS = ("n_steps", "gamma", "sde_sample_freq", "fast")


class Handles(deque[Shared]):
    """Those of things that actors were sent. A copy of a model sends its own."""

    def __reduce__(self) -> tuple[type["Handles"], tuple[()]]:  # type: ignore[override]
        return Handles, ()


class ActorsSetup(AdvantageActorCritic):
    """What is made from the arguments, when the model is made, when they change, and when actors are needed."""

    made_from: ClassVar[Mapping[str, frozenset[str]]] = {
        **AdvantageActorCritic.made_from,
        "_check_actors": frozenset({*_WHERE, *_WHEN}),
        "_dismiss_actors": frozenset({*_WHERE, *_BUFFER, "env"}),
    }

    n_actors: int
    engine: str
    ray_address: str | None
    n_fragments: int
    max_policy_lag: int | None
    weights_delay: int
    #: what lives in a worker, made of arguments and a :class:`~sb3_entropy.algorithms.actors.actor.Place`
    actor_class: ClassVar[type[CollectingActor]]

    #: more arguments of the learner's that go to its actors with the weights
    learned_by: ClassVar[tuple[str, ...]] = ()

    #: fragments that came too late to be learned from
    n_dropped_fragments: int = 0
    #: actors that have died and been replaced
    n_replaced_actors: int = 0
    #: the number of the update that fragments are collected for
    _version: int = 0
    #: how often the steps were begun to be counted from 0
    _beginning: int = 0
    _pool: Pool | None = None
    #: of the environments before the training has reset them, until actors are made of it
    _recipe: bytes | None = None
    #: how often actors were hired since the environments were given or seeded
    _n_hired: int = 0
    #: the last weights that were put, the oldest first; the actors get that one
    _put: "Handles"

    def _init_actors(self, given: Mapping[str, Any]) -> None:
        """
        Keep the arguments. Called by constructors between the parent's and ``_setup_model``.

        :param given: the constructor's arguments by name, its ``locals()``
        """
        for name in (*_WHERE, *_WHEN):
            setattr(self, name, given[name])

    def _setup_model(self) -> None:
        super()._setup_model()
        self._put = Handles()

    def _check_actors(self, before: Mapping[str, Any]) -> None:
        """
        :raises ValueError: if arguments do not fit each other
        """
        if self.n_fragments > self.n_actors:
            raise ValueError(
                f"n_fragments must be at most n_actors={self.n_actors}, one of each for an update, but "
                f"{self.n_fragments} was given. Raise n_actors, or collect longer fragments, with more n_steps."
            )
        if self.max_policy_lag is not None and self.weights_delay > self.max_policy_lag:
            raise ValueError(
                f"weights_delay must be at most max_policy_lag={self.max_policy_lag}, but {self.weights_delay} was "
                "given: every fragment would be dropped. Raise max_policy_lag, or give None for no bound."
            )
        if self.ray_address is not None and self.engine != "ray":
            raise ValueError(
                f"Only engine='ray' has a ray_address, but {self.ray_address!r} was given with "
                f"engine={self.engine!r}. Leave it out, or give engine='ray'."
            )
        if self.ray_address is not None:
            check_address(self.ray_address, "ray_address")

    def _dismiss_actors(self, before: Mapping[str, Any]) -> None:
        """They are other ones from the next rollout on; these end when nobody knows them any more."""
        self._pool = None
        if "env" in before:
            self._recipe, self._n_hired = None, 0

    def set_random_seed(self, seed: int | None = None) -> None:
        """
        :param seed: of all random numbers, those of actors that are made from now on too, with which the next rollout
            begins
        """
        super().set_random_seed(seed)
        self._pool, self._recipe, self._n_hired = None, None, 0

    def close(self) -> None:
        """End the actors. ``learn`` makes new ones; a model that nobody holds any more ends its own."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _hire_actors(self) -> Pool:
        """:return: the actors that there are, or new ones, whose episodes begin"""
        if self._pool is None:
            self._put = Handles()
            arguments = self._arguments_of_actors()
            self._recipe = None
            self._n_hired += 1

            def spawn(engine: Engine, arguments: Shared, index: int, before: int) -> Actor:
                return engine.spawn(self.actor_class, arguments, self._place(index, before))

            workers = None if self.engine != "process" else 1  # they map nothing
            engine = make_engine(self.engine, workers, self.ray_address)
            self._pool = Pool(engine, spawn, arguments, self.n_actors)
            self.journal.begin_episodes(self._n_streams, self._stats_window_size, afresh=False)
            self.journal.drop_unfinished()
        return self._pool

    def _arguments_of_actors(self) -> bytes:
        """
        :return: the arguments of SA2C's constructor that make an actor's model, pickled
        :raises TypeError: if they cannot be pickled
        """
        arguments = {**self._settings(self.n_steps), **{name: getattr(self, name) for name in _BUFFER}}
        arguments |= self._own_arguments_of_actors()
        policy_kwargs = {**self.policy_kwargs, "optimizer_class": NoSteps, "optimizer_kwargs": {}}
        arguments |= {"policy": self.policy_class, "policy_kwargs": policy_kwargs, "use_sde": self.use_sde}
        arguments |= {"env": self._recipe or recipe(self.env), "device": "cpu"}  # type: ignore[arg-type]
        pickled: bytes = cloudpickle.dumps(arguments)
        return pickled

    def _settings(self, n_steps: int) -> dict[str, Any]:
        """
        :param n_steps: T of this rollout
        :return: the arguments that actors are given with the weights
        """
        held = {name: getattr(self, name) for name in (*_SETTINGS, *self.learned_by)}
        return {**held, "n_steps": n_steps, "fast": self.fast and "auto"}

    @abstractmethod
    def _own_arguments_of_actors(self) -> dict[str, Any]:
        """:return: those that an algorithm's actors have besides; the temperature, at least"""

    def _place(self, index: int, before: int) -> Place:
        """
        The first actor goes on where the environments and the model's own random numbers are, so that one alone acts as
        the model would; the others, and whoever comes later, have seeds of their own.

        :param index: an actor's number
        :param before: how many had it before
        """
        if index == before == 0 and self._n_hired == 1:
            return Place(0, None, None if self.engine == "serial" else Generators.present())
        base = secrets.randbits(31) if self.seed is None else self.seed
        words = np.random.SeedSequence(base, spawn_key=(self._n_hired, before, index)).generate_state(1)
        seed = int(words[0]) % 2**31  # environment j of an actor gets its seed + j, of which Gymnasium takes 32 bits
        return Place(index, seed, Generators.seeded(seed))

    def _excluded_save_params(self) -> list[str]:
        """And what belongs to these actors."""
        of_actors = ("_pool", "_put", "_recipe", "_n_hired", "_last_settings")
        return [*super()._excluded_save_params(), *of_actors, "_rollout_envs"]

    @property
    def _n_streams(self) -> int:
        return self.n_actors * self.n_envs
