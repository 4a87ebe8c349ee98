"""The return of a policy in episodes of an environment, as a function of its parameters."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, Self

import gymnasium as gym
import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy.engines import Engine
from sb3_entropy.engines.threads import ThreadLimit
from sb3_entropy.errors import check_number
from sb3_entropy.landscape.candidates.base import Candidates
from sb3_entropy.landscape.candidates.making import candidates_of, own_copy
from sb3_entropy.landscape.candidates.normalizing import normalizer_of
from sb3_entropy.landscape.candidates.telling import fingerprint
from sb3_entropy.landscape.objectives.base import Conditions, Objective
from sb3_entropy.landscape.stepping.base import Counting, Stepper
from sb3_entropy.landscape.stepping.making import Wanted, make_stepper
from sb3_entropy.policies.parameters import ParameterVector

N_LANES = 2


class RolloutObjective(Objective):
    """
    O(θ; e) = Σ_t γᵗ (r_t + τ H(π_θ(·|s_t))) of episode e, whose beginning and action noise are numbered by e. Rewards
    are raw; of actions the environment gets what ``policy.predict`` would give it.

    The model is copied when the objective is made, and left as it is: environments and generators are the objective's
    own. An *episode* is what its number stands for on one backend with one seed and one ``n_lanes``, and returns are
    equal bit for bit whatever was evaluated before, beside it, in whichever process. θ has the numbers of
    :class:`~sb3_entropy.policies.parameters.ParameterVector`; those without effect, such as log σ under
    ``Conditions(std=0.1)``, stay in it, so that conditions can be compared at one θ.

    :param model: a model of ours or of Stable-Baselines3's, or its policy
    :param env: an id; or a function without arguments that makes an environment, on Gymnasium alone
    :param conditions: under what the policy acts
    :param backend: ``"envpool"``, ``"gymnasium"``, or ``"auto"``: envpool where it is installed and has the task, and
        no ``env_kwargs`` are given, whose names may differ
    :param env_kwargs: settings of the environment
    :param normalize: whose statistics observations are normalised with, as they are now; ``"model"`` for those of the
        model's environment, None for none
    :param gamma: γ, 1 for the plain sum
    :param max_steps: after how many steps an episode is cut; None for the environment's own limit
    :param seed: of all episodes
    :param n_envs: environments at a time, in each process: memory grows with them, and not with the candidates; None
        for 512 on envpool and 16 on Gymnasium
    :param n_lanes: S, how many episodes of a candidate are played side by side; part of what an episode is
    :param n_threads: of envpool's pool; None for one a core, or one in a worker of an engine
    :param engine: where candidates are played, in chunks; None for here. It stays the caller's, who closes it
    :param name: what tells the environment from others in a store; None for the id, or the function's own name
    :raises TypeError: if an argument is of a wrong kind, or the policy's actions are not known
    :raises ValueError: if one is out of range, environment and policy do not fit, the environment has no time limit and
        none is given, or is not seeded
    """

    def __init__(
        self,
        model: BaseAlgorithm | BasePolicy,
        env: str | Callable[[], gym.Env[Any, Any]],
        *,
        conditions: Conditions | None = None,
        backend: str = "auto",
        env_kwargs: dict[str, Any] | None = None,
        normalize: VecNormalize | str | None = "model",
        gamma: float = 1.0,
        max_steps: int | None = None,
        seed: int = 0,
        n_envs: int | None = None,
        n_lanes: int = N_LANES,
        n_threads: int | None = None,
        engine: Engine | None = None,
        name: str | None = None,
    ):
        check_number("gamma", gamma, low=0, high=1)
        check_number("seed", seed, low=0, integer=True)
        check_number("n_lanes", n_lanes, low=1, integer=True)
        for argument, number in (("n_envs", n_envs), ("max_steps", max_steps), ("n_threads", n_threads)):
            if number is not None:
                check_number(argument, number, low=1, integer=True)
        if not isinstance(env, str) and not callable(env):
            raise TypeError(f"env must be an id or a function that makes an environment, but {env!r} was given.")
        self._normalize = normalize
        self._look_at(model)
        self.env, self.env_kwargs, self.engine = env, dict(env_kwargs or {}), engine
        told = env if isinstance(env, str) else f"{env.__module__}.{getattr(env, '__qualname__', '<nameless>')}"
        self.name = told if name is None else name
        wanted = Wanted(env, self.env_kwargs, int(seed), int(n_lanes), n_envs, max_steps, n_threads, engine is not None)
        self._stepper, limit = make_stepper(wanted, backend, self._policy)
        self._counting = Counting(limit, float(gamma), 0.0)
        self._set(Conditions() if conditions is None else conditions)

    def _look_at(self, model: BaseAlgorithm | BasePolicy) -> None:
        self._policy = own_copy(_policy_of(model))
        self._theta0 = ParameterVector(self._policy).get().double().numpy()
        self._normalizer, self._statistics = normalizer_of(model, self._normalize)

    def _set(self, conditions: Conditions) -> None:
        if not isinstance(conditions, Conditions):
            raise TypeError(f"conditions must be Conditions(…), but {conditions!r} was given.")
        self._conditions = conditions
        candidates = candidates_of(self._policy, conditions, self._normalizer)
        counting = replace(self._counting, ent_coef=float(conditions.ent_coef))
        self._player = Player(candidates, self._stepper, counting)

    @property
    def theta0(self) -> np.ndarray:
        return self._theta0.copy()

    @property
    def conditions(self) -> Conditions:
        return self._conditions

    @property
    def live(self) -> np.ndarray:
        """:return: all but what makes σ, where the conditions give another; a mask of the shape (P,)"""
        makes_std = ("log_std", "std_scheme.", "actor.log_std")
        given = self._conditions.std is not None
        shapes = ParameterVector(self._policy).shapes.items()
        parts = [np.full(int(np.prod(shape)), not (given and name.startswith(makes_std))) for name, shape in shapes]
        return np.concatenate(parts)

    @property
    def n_candidates(self) -> int:
        """:return: how many candidates are played at a time, in each process: multiples of it leave nothing idle"""
        return self._stepper.n_candidates

    def under(self, conditions: Conditions) -> Self:
        """
        :param conditions: other ones
        :return: the same objective under them, in the same environments and with the same random numbers
        :raises ValueError: if they make no sense for this policy
        """
        other: Self = object.__new__(type(self))
        vars(other).update(vars(self))
        other._set(conditions)
        return other

    def of(self, model: BaseAlgorithm | BasePolicy) -> Self:
        """
        :param model: the same model after it has learned, or another one of its architecture
        :return: the same objective, looked at where that model is now, in the same environments, with the same random
            numbers
        :raises ValueError: if the architecture is another
        """
        other: Self = object.__new__(type(self))
        vars(other).update(vars(self))
        other._look_at(model)
        if fingerprint(other._policy) != fingerprint(self._policy):
            raise ValueError(
                "The model's policy has another architecture than the objective was made for. Make a RolloutObjective "
                "of it."
            )
        other._set(self._conditions)
        return other

    def check_can_be_kept(self) -> None:
        if "<" in self.name:  # <lambda>, <locals>, a partial: many functions have that name
            raise ValueError(
                f"The environment is made by {self.name}, a name that does not tell it from others in a store. Give it "
                "one, RolloutObjective(…, name='…'), and another one whenever it changes; or a function of a module."
            )
        for key, value in self.env_kwargs.items():
            if " at 0x" in repr(value):
                raise ValueError(
                    f"env_kwargs has {key}={value!r}, which cannot be told from others in a store. Give the "
                    "environment a name: RolloutObjective(…, name='…')."
                )

    def describe(self) -> dict[str, Any]:
        return {
            "kind": "rollout",
            "env": self.name,
            "env_kwargs": {key: _told(value) for key, value in sorted(self.env_kwargs.items())},
            "max_steps": self._counting.max_steps,
            "gamma": self._counting.gamma,
            "conditions": asdict(self._conditions),
            "policy": fingerprint(self._policy),
            "arithmetic": self._player.candidates.networks.name,
            "n_parameters": self.n_parameters,
            "normalization": self._statistics,
            **self._stepper.describe(),
        }

    def close(self) -> None:
        """Close the environments of this process, also those of objectives made by :meth:`under`."""
        self._stepper.close()

    def _play(self, thetas: np.ndarray, episodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.engine is None:
            with _one_thread():
                return self._player.play(thetas, episodes)
        return self._played_by(self.engine, thetas, episodes)

    def _played_by(self, engine: Engine, thetas: np.ndarray, episodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = min(self.n_candidates, -(-len(thetas) // engine.workers))
        items = [(thetas[start : start + size], episodes) for start in range(0, len(thetas), size)]
        returns = np.full((len(thetas), len(episodes)), np.nan)
        lengths = np.zeros((len(thetas), len(episodes)), dtype=np.int64)
        for outcome in engine.map_unordered(_play_item, items, shared=self._player):
            if outcome.value is None:
                raise RuntimeError(
                    f"Candidates from number {outcome.index * size} on could not be played in a worker:\n"
                    f"{outcome.error}"
                )
            part = slice(outcome.index * size, outcome.index * size + size)
            returns[part], lengths[part] = outcome.value
        return returns, lengths


@dataclass(frozen=True)
class Player:
    """
    All that it takes to play; it can be sent to another process.

    :param candidates: what acts
    :param stepper: what steps
    :param counting: what is counted
    """

    candidates: Candidates
    stepper: Stepper
    counting: Counting

    def play(self, thetas: np.ndarray, episodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        :param thetas: candidates, shape (K, P)
        :param episodes: their numbers, shape (n,)
        :return: returns and lengths, shape (K, n)
        """
        return self.stepper.play(self.candidates, thetas, episodes, self.counting)


#: a worker's environments, kept between the calls of one objective
_kept: dict[str, Stepper] = {}


def _play_item(item: tuple[np.ndarray, np.ndarray], player: Player) -> tuple[np.ndarray, np.ndarray]:
    token = player.stepper.token
    if token not in _kept:
        for other in _kept.values():
            other.close()
        _kept.clear()
        _kept[token] = player.stepper
    return replace(player, stepper=_kept[token]).play(*item)


@cache
def _limit() -> ThreadLimit:
    return ThreadLimit()


@contextmanager
def _one_thread() -> Iterator[None]:
    """As in a worker of an engine: the bits are the same, and for products this small threads are in the way."""
    with _limit()():
        yield


def _told(value: Any) -> str:
    """:return: a setting in words; an array by its content, since NumPy's words leave out the middle of a long one"""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()[:20]}"
    return repr(value)


def _policy_of(model: Any) -> BasePolicy:
    policy = model.policy if isinstance(model, BaseAlgorithm) else model
    if not isinstance(getattr(policy, "_orig_mod", policy), BasePolicy):
        raise TypeError(f"model must be a model or a policy of Stable-Baselines3's, but {model!r} was given.")
    return policy
