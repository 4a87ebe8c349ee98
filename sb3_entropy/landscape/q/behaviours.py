"""Policies of Stable-Baselines3 and of ours as critics meet them: actions in [−1, 1]ᴬ, drawn without a trace."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from scipy.special import ndtr, ndtri
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.td3.policies import TD3Policy

from sb3_entropy.distributions.beta import beta_log_density
from sb3_entropy.distributions.laws import Law
from sb3_entropy.distributions.laws.bounded import Beta, TanhGaussian
from sb3_entropy.distributions.laws.gaussian import Gaussian
from sb3_entropy.errors import HOW_TO_BOUND, check_number
from sb3_entropy.landscape.candidates.making import own_copy
from sb3_entropy.landscape.q.critics import Behaviour
from sb3_entropy.policies.compiled import uncompiled
from sb3_entropy.policies.laws import check_has_law, law_at
from sb3_entropy.policies.observations import chunks

#: states that the policy is asked about at once
AT_ONCE = 4096
#: how near to the box's side a density is asked for: tanh⁻¹ is infinite there; Stable-Baselines3's distance
EDGE = float(np.finfo(np.float32).eps)


def check_box(space: Any) -> spaces.Box:
    """
    :param space: of actions
    :return: it
    :raises ValueError: if it is no bounded box
    """
    if not isinstance(space, spaces.Box):
        raise ValueError(
            f"Q is looked at over a box of actions, but this agent chooses from {space}. Of finitely many actions the "
            "values stand in a table: nothing is hidden between them."
        )
    low, high = np.ravel(space.low), np.ravel(space.high)
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (high > low).all()):
        raise ValueError(f"The box of actions must have finite, distinct bounds, but it is {space}. {HOW_TO_BOUND}")
    return space


def behaviour_of(policy: BasePolicy, std: float | None = None) -> Behaviour:
    """
    :param policy: of SAC, TQC, CrossQ, SDDPG or SACAdaEnt; of TD3 or DDPG; or an actor-critic one over a box
    :param std: σ of the noise about a deterministic policy, see :class:`Noisy`; None for none
    :return: it; on-policy Gaussians, which are clipped to the box, are drawn from and have no density there
    :raises TypeError: if nothing is known of how it acts
    :raises ValueError: if its actions are no bounded box, or it is stochastic and σ is given
    """
    check_has_law(policy)
    check_box(policy.action_space)
    if isinstance(uncompiled(policy), TD3Policy):
        deterministic = Deterministic(policy)
        return deterministic if std is None else Noisy(deterministic, std)
    if std is not None:
        raise ValueError(
            f"std is the noise about a deterministic policy, that of TD3 or DDPG, but "
            f"{type(uncompiled(policy)).__name__} draws its actions itself, by its own σ. Leave std out."
        )
    return Stochastic(policy)


class _OfPolicy(Behaviour):
    """A copy of a policy, which stays as it is while a training goes on; over a box with middle 0 and sides ±1."""

    def __init__(self, policy: BasePolicy):
        space = check_box(policy.action_space)
        super().__init__(math.prod(space.shape))
        self.policy = own_copy(policy)
        low, high = np.ravel(space.low).astype(np.float64), np.ravel(space.high).astype(np.float64)
        self._middle, self._half = low / 2 + high / 2, high / 2 - low / 2

    def _laws(self, observations: Any) -> Iterator[Law]:
        for part in chunks(observations, AT_ONCE):
            with th.no_grad():
                law = law_at(self.policy, self.policy.obs_to_tensor(part)[0]).detach()
            yield law

    def _clipped(self, actions: np.ndarray) -> np.ndarray:
        """:return: of actions in the environment's units, what it gets, in [−1, 1]"""
        return np.asarray(np.clip((actions - self._middle) / self._half, -1, 1))


class Stochastic(_OfPolicy):
    """
    What is drawn by a law of its own: a squashed Gaussian, a = tanh u with u ~ N(μ, diag σ²) and
    ``log π(a) = Σ log N(u) − log(1 − a²)``; a Beta on the box; or a Gaussian that is clipped to it, which has no
    density there. With gSDE it is the law of an action whose exploration matrix is not known.

    :param policy: the policy, which is copied
    """

    def __init__(self, policy: BasePolicy):
        super().__init__(policy)
        law = next(self._laws(_example(policy.observation_space)))
        if not isinstance(law, (TanhGaussian, Beta, Gaussian)):
            raise TypeError(
                f"The policy draws actions by {law}, of which no density on the box is known here. It must be a "
                "squashed Gaussian, a Beta, or a Gaussian that is clipped."
            )
        self.is_stochastic = not isinstance(law, Gaussian)

    def sample(self, observations: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        actions, log_prob = self.samples(observations, 1, rng)
        return actions[0], log_prob[0]

    def samples(self, observations: Any, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        drawn = [self._drawn(law, n, rng) for law in self._laws(observations)]
        return np.concatenate([a for a, _ in drawn], axis=1), np.concatenate([p for _, p in drawn], axis=1)

    def _drawn(self, law: Law, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(law, Beta):
            a, b = _array(law.a), _array(law.b)
            actions = np.clip(2 * rng.beta(a, b, size=(n, *a.shape)) - 1, EDGE - 1, 1 - EDGE)
            return actions, self._density(law, actions)
        assert isinstance(law, (TanhGaussian, Gaussian))
        mean, std = _array(law.mean), _array(law.std)
        noise = rng.standard_normal((n, *mean.shape))
        u = mean + std * noise
        if isinstance(law, Gaussian):
            return self._clipped(u), np.full(u.shape[:2], np.nan)
        return np.tanh(u), (_log_normal(noise, std) - _log_slope(u)).sum(axis=-1)

    def mode(self, observations: Any) -> np.ndarray:
        return np.concatenate([self._middle_of(law) for law in self._laws(observations)])

    def _middle_of(self, law: Law) -> np.ndarray:
        if isinstance(law, Beta):  # Stable-Baselines3's deterministic action of it
            a, b = _array(law.a), _array(law.b)
            return np.asarray(2 * (a - 1 + EDGE) / (a + b - 2 + 2 * EDGE) - 1)
        assert isinstance(law, (TanhGaussian, Gaussian))
        mean = _array(law.mean)
        return self._clipped(mean) if isinstance(law, Gaussian) else np.tanh(mean)

    def log_prob(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        if not self.is_stochastic:
            raise ValueError(
                "The policy is a Gaussian that is clipped to the box: actions at its sides have a probability of their "
                "own, and there is no density. Train with a squashed policy (action_distribution='tanh_gaussian')."
            )
        inside = np.clip(np.moveaxis(actions, 1, 0), EDGE - 1, 1 - EDGE)
        parts, start = [], 0
        for law in self._laws(observations):
            parts.append(self._density(law, inside[:, start : start + law.batch]))
            start += law.batch
        return np.concatenate(parts, axis=1).T

    def _density(self, law: Law, actions: np.ndarray) -> np.ndarray:
        """:return: of actions (n, S, A) in [−1, 1], shape (n, S)"""
        if isinstance(law, Beta):
            x = law.a.new_tensor((actions + 1) / 2)
            return np.asarray(_array(beta_log_density(x, law.a, law.b)).sum(-1) - self.n_actions * math.log(2))
        assert isinstance(law, TanhGaussian)
        mean, std = _array(law.mean), _array(law.std)
        u = np.arctanh(actions)
        return np.asarray((_log_normal((u - mean) / std, std) - _log_slope(u)).sum(axis=-1))


class Deterministic(_OfPolicy):
    """
    a = μ(s), of TD3 and DDPG.

    :param policy: the policy, which is copied
    """

    is_stochastic = False

    def sample(self, observations: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        modes = self.mode(observations)
        return modes, np.full(len(modes), np.nan)

    def mode(self, observations: Any) -> np.ndarray:
        laws: Iterator[Any] = self._laws(observations)
        return np.concatenate([self._clipped(_array(law.action)) for law in laws])

    def log_prob(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        raise ValueError("A deterministic policy has no density. Name the σ of a Gaussian about it: std=0.1.")


class Noisy(Behaviour):
    """
    A Gaussian about a deterministic policy, truncated to the box: ``π(a) ∝ exp(−(a − μ(s))²/2σ²)`` on [−1, 1]ᴬ.

    Clipped, as TD3 explores, it would have no density; squashed, σ would mean nothing where μ(s) is at a side.

    :param centre: μ
    :param std: σ > 0, in halves of the box's width, as TD3's action noise is
    :raises TypeError: if σ is no number
    :raises ValueError: if it is out of range
    """

    def __init__(self, centre: Deterministic, std: float):
        check_number("std", std, low=0.0, open_low=True)
        super().__init__(centre.n_actions)
        self.centre, self.std = centre, float(std)

    def sample(self, observations: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        actions, log_prob = self.samples(observations, 1, rng)
        return actions[0], log_prob[0]

    def samples(self, observations: Any, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        mean = self.mode(observations)
        low, high = ndtr((-1 - mean) / self.std), ndtr((1 - mean) / self.std)
        share = low + (high - low) * rng.random((n, *mean.shape))
        actions = np.clip(mean + self.std * ndtri(share), -1, 1)
        return actions, self._density(mean, actions)

    def mode(self, observations: Any) -> np.ndarray:
        return self.centre.mode(observations)

    def log_prob(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        return self._density(self.mode(observations), np.moveaxis(actions, 1, 0)).T

    def _density(self, mean: np.ndarray, actions: np.ndarray) -> np.ndarray:
        inside = np.log(ndtr((1 - mean) / self.std) - ndtr((-1 - mean) / self.std))
        return np.asarray((_log_normal((actions - mean) / self.std, self.std) - inside).sum(axis=-1))


def _log_normal(z: np.ndarray, std: Any) -> np.ndarray:
    return np.asarray(-0.5 * z**2 - np.log(std) - 0.5 * math.log(2 * math.pi))


def _log_slope(u: np.ndarray) -> np.ndarray:
    """:return: log(1 − tanh² u), exact where that underflows"""
    return np.asarray(2 * (math.log(2) - u - np.logaddexp(0.0, -2 * u)))


def _array(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.detach().double().cpu().numpy())


def _example(space: spaces.Space[Any]) -> Any:
    """:return: one observation that there could be, of zeros where there can be"""
    if isinstance(space, spaces.Dict):
        return {key: _example(part) for key, part in space.spaces.items()}
    if isinstance(space, spaces.Box):
        return np.clip(0, space.low, space.high).astype(space.dtype)[None]
    return np.zeros((1, *(space.shape or ())), dtype=space.dtype) + getattr(space, "start", 0)
