"""The running statistics of ``VecNormalize``, as arrays that are kept beside θ: with others a policy acts otherwise."""

from collections.abc import Mapping

import numpy as np
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

_PARTS = ("mean", "var", "count")


def statistics_of(vec_normalize: VecNormalize) -> dict[str, np.ndarray]:
    """
    :param vec_normalize: a normalisation
    :return: copies of the mean, the variance and the count of what it normalises, in float64: ``obs_rms.mean``, or
        ``obs_rms/<key>.mean`` of a mapping of observations, and ``ret_rms.mean`` of the returns by whose standard
        deviation rewards are divided
    """
    return {
        f"{name}.{part}": np.array(getattr(running, part), dtype=np.float64)
        for name, running in _running(vec_normalize).items()
        for part in _PARTS
    }


def check_statistics(vec_normalize: VecNormalize, statistics: Mapping[str, np.ndarray]) -> None:
    """
    :param vec_normalize: a normalisation
    :param statistics: as :func:`statistics_of` gives them
    :raises ValueError: if they lack what observations are normalised by here, or have it in another shape
    """
    for name, running in _running(vec_normalize).items():
        needed = {f"{name}.{part}": np.shape(getattr(running, part)) for part in _PARTS}
        kept = {each: statistics[each].shape for each in needed if each in statistics}
        if needed != kept and (kept or name != "ret_rms"):
            has = ", ".join(f"{each} of the shape {shape}" for each, shape in kept.items()) or "nothing of it"
            raise ValueError(
                f"VecNormalize normalises by {name}, whose mean has the shape {needed[f'{name}.mean']} here, but kept "
                f"is {has}: the policy would not see what it saw then. Give environments that are normalised as the "
                "training's were."
            )


def put_statistics(vec_normalize: VecNormalize, statistics: Mapping[str, np.ndarray]) -> None:
    """
    :param vec_normalize: a normalisation, which has these statistics from now on, and whose other settings stay
    :param statistics: as :func:`statistics_of` gives them; those of returns are read where rewards are normalised
    :raises ValueError: see :func:`check_statistics`; nothing is changed then
    """
    check_statistics(vec_normalize, statistics)
    for name, running in _running(vec_normalize).items():
        if f"{name}.mean" in statistics:
            running.mean, running.var = (statistics[f"{name}.{part}"].copy() for part in ("mean", "var"))
            running.count = float(statistics[f"{name}.count"])


def reward_scale(vec_normalize: VecNormalize | None) -> float:
    """
    :param vec_normalize: a normalisation, as it is in training; None for none
    :return: √(var + ε) of returns, which it divides rewards by now; 1 if it does not
    """
    if vec_normalize is None or not vec_normalize.norm_reward:
        return 1.0
    return float(np.sqrt(vec_normalize.ret_rms.var + vec_normalize.epsilon))


def _running(vec_normalize: VecNormalize) -> dict[str, RunningMeanStd]:
    found: dict[str, RunningMeanStd] = {}
    if vec_normalize.norm_obs:
        observed: RunningMeanStd | dict[str, RunningMeanStd] = vec_normalize.obs_rms
        if isinstance(observed, dict):
            found.update({f"obs_rms/{key}": running for key, running in observed.items()})
        else:
            found["obs_rms"] = observed
    if vec_normalize.norm_reward:
        found["ret_rms"] = vec_normalize.ret_rms
    return found
