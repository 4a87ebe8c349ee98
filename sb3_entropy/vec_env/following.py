"""
Normalisation that follows somebody else's statistics: the learner's ``VecNormalize`` has them, and the copies of its
environments (:mod:`sb3_entropy.vec_env.copies`) normalise by what it sent and tell it the moments of what they saw.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecEnv, VecNormalize, unwrap_vec_normalize

#: what a VecNormalize does with its statistics, by the names of its attributes
_SETTINGS = ("clip_obs", "clip_reward", "gamma", "epsilon", "training", "norm_obs", "norm_reward")


@dataclass(frozen=True)
class Summary:
    """
    Samples x₁, …, xₙ, summed up.

    :param mean: (1/n) Σ xᵢ, of the shape of one
    :param var: (1/n) Σ (xᵢ − mean)², of the shape of one
    :param count: n; not whole in running statistics, which SB3 begins with 10⁻⁴ samples of mean 0 and variance 1
    """

    mean: NDArray[np.float64]
    var: NDArray[np.float64]
    count: float


#: by the key of a dictionary of observations; by ``None`` where they are arrays; empty where they are left as they are
Summaries = Mapping[str | None, Summary]


@dataclass(frozen=True)
class Statistics:
    """
    What a ``VecNormalize`` normalises by: a snapshot.

    :param observations: its ``obs_rms``
    :param returns: its ``ret_rms``
    :param clip_obs: and what follows: its attributes of these names
    :param inner: of the next ``VecNormalize`` further in, if there is one
    """

    observations: Summaries
    returns: Summary
    clip_obs: float
    clip_reward: float
    gamma: float
    epsilon: float
    training: bool
    norm_obs: bool
    norm_reward: bool
    inner: "Statistics | None" = None


@dataclass(frozen=True)
class Moments:
    """
    What copies saw.

    :param observations: before they were normalised, those of ``reset()`` too
    :param returns: the sums of discounted rewards Gₜ = γGₜ₋₁ + rₜ by which rewards are normalised; ``None`` if no step
        was made
    :param inner: what the next ``VecNormalize`` further in saw, if there is one
    """

    observations: Summaries
    returns: Summary | None
    inner: "Moments | None" = None


class Followed(RunningMeanStd):
    """
    Statistics that were sent. What they are updated with is collected, in float64, and changes them not.

    :param sent: these statistics
    """

    def __init__(self, sent: Summary):
        self.seen = RunningMeanStd(epsilon=0.0, shape=np.shape(sent.mean))
        self.follow(sent)

    def follow(self, sent: Summary) -> None:
        """
        :param sent: newer statistics
        :raises ValueError: if they are of another shape
        """
        if np.shape(sent.mean) != self.seen.mean.shape:
            raise ValueError(f"{_OTHERS}: of shape {np.shape(sent.mean)}, not {self.seen.mean.shape}.")
        self.mean, self.var, self.count = sent.mean, sent.var, sent.count

    def update(self, arr: NDArray[Any]) -> None:
        """:param arr: samples, shape (n, …)"""
        self.seen.update(np.asarray(arr, dtype=np.float64))

    def take(self) -> Summary | None:
        """:return: what was seen since this was last called; ``None`` if nothing was"""
        seen, self.seen = self.seen, RunningMeanStd(epsilon=0.0, shape=self.seen.mean.shape)
        return _summary(seen) if seen.count else None


_OTHERS = "These are the statistics of other environments than the copies'"


class FollowingNormalize(VecNormalize):
    """
    What stands for a ``VecNormalize`` in a copy. It is one in all that it does, but its statistics are those that were
    sent: see :func:`follow` and :func:`take_moments`.

    :param venv: the environments
    :param state: what ``VecNormalize.__getstate__`` gives
    """

    def __init__(self, venv: VecEnv, state: Mapping[str, Any]):
        self.__setstate__({**state, "old_reward": np.array([])})
        # What was seen last was seen by another.
        vars(self).pop("old_obs", None)
        self.set_venv(venv)
        self.ret_rms = Followed(_summary(self.ret_rms))
        own = vars(self).get("obs_rms")
        if own is not None:
            followed = {key: Followed(_summary(rms)) for key, rms in _by_key(self).items()}
            self.obs_rms = followed if isinstance(own, dict) else followed[None]  # type: ignore[assignment]


def statistics(normalize: VecNormalize) -> Statistics:
    """
    :param normalize: the learner's
    :return: what its copies are to follow, and those of what is further in
    """
    inner = unwrap_vec_normalize(normalize.venv)
    return Statistics(
        {key: _summary(rms) for key, rms in _by_key(normalize).items()},
        _summary(normalize.ret_rms),
        **{name: getattr(normalize, name) for name in _SETTINGS},
        inner=None if inner is None else statistics(inner),
    )


def follow(env: VecEnv, statistics: Statistics | None) -> None:
    """
    Normalise by these statistics from now on. What was seen before is kept for :func:`take_moments`.

    :param env: a copy
    :param statistics: of the learner's ``VecNormalize``; ``None`` if it has none: nothing is done
    :raises TypeError: if ``env`` is no copy
    :raises ValueError: if they are the statistics of other environments
    """
    if statistics is None:
        return
    normalize = _following(env)
    if normalize is None:
        raise ValueError(f"{_OTHERS}: there is no VecNormalize in {env!r}.")
    own = _by_key(normalize)
    _check_keys(statistics.observations, own, _OTHERS)
    for key, sent in statistics.observations.items():
        own[key].follow(sent)
    normalize.ret_rms.follow(statistics.returns)  # type: ignore[attr-defined]
    for name in _SETTINGS:
        setattr(normalize, name, getattr(statistics, name))
    follow(normalize.venv, statistics.inner)


def take_moments(env: VecEnv) -> Moments | None:
    """
    :param env: a copy
    :return: the moments of what it saw since this was last called; ``None`` if that is nothing, nothing is normalised,
        or ``training`` is off
    :raises TypeError: if ``env`` is no copy
    """
    normalize = _following(env)
    if normalize is None:
        return None
    inner = take_moments(normalize.venv)
    taken = {key: rms.take() for key, rms in _by_key(normalize).items()}
    returns = normalize.ret_rms.take()  # type: ignore[attr-defined]
    if not normalize.training:
        taken, returns = {}, None
    observations = {key: seen for key, seen in taken.items() if seen is not None}
    return Moments(observations, returns, inner) if observations or returns or inner else None


def merge(normalize: VecNormalize, moments: Moments) -> None:
    """
    Take what a copy saw into the learner's statistics: up to rounding they are then what they were if all those samples
    had been seen here. Nothing is taken while ``training`` is off, and no observations while ``norm_obs`` is.

    :param normalize: the learner's
    :param moments: see :func:`take_moments`
    :raises ValueError: if they are of other environments
    """
    others = "These are the moments of other environments than the learner's"
    own = _by_key(normalize)
    if moments.observations:
        _check_keys(moments.observations, own, others)
    if normalize.training:
        for key, seen in moments.observations.items() if normalize.norm_obs else ():
            if np.shape(seen.mean) != own[key].mean.shape:
                raise ValueError(f"{others}: of shape {np.shape(seen.mean)}, not {own[key].mean.shape}.")
            own[key].update_from_moments(seen.mean, seen.var, seen.count)
        if (seen_returns := moments.returns) is not None:
            normalize.ret_rms.update_from_moments(seen_returns.mean, seen_returns.var, seen_returns.count)
    if moments.inner is not None:
        inner = unwrap_vec_normalize(normalize.venv)
        if inner is None:
            raise ValueError(f"{others}: there is no second VecNormalize in {normalize!r}.")
        merge(inner, moments.inner)


def _summary(rms: RunningMeanStd) -> Summary:
    return Summary(np.array(rms.mean, dtype=np.float64), np.array(rms.var, dtype=np.float64), float(rms.count))


def _by_key(normalize: VecNormalize) -> dict[str | None, Any]:
    """:return: its statistics of observations, those of one array under ``None``"""
    # Its own: getattr() would go on to what is further in.
    rms = vars(normalize).get("obs_rms")
    if rms is None:
        return {}
    return rms if isinstance(rms, dict) else {None: rms}


def _following(env: VecEnv) -> FollowingNormalize | None:
    normalize = unwrap_vec_normalize(env)
    if normalize is None or isinstance(normalize, FollowingNormalize):
        return normalize
    raise TypeError(
        f"Only copies follow statistics, but {env!r} has a VecNormalize with its own. Make a copy of it: "
        "copies.made(copies.recipe(env))."
    )


def _check_keys(given: Summaries, own: Mapping[str | None, Any], others: str) -> None:
    if given.keys() != own.keys():
        raise ValueError(f"{others}: of the keys {sorted(map(str, given))}, not {sorted(map(str, own))}.")
