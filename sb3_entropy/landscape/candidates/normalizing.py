"""Observations normalised with statistics that stay as they are."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize


@dataclass(frozen=True)
class Normalizer:
    """
    ``VecNormalize`` as it is now: clip((s − mean)/√(var + ε), −c, c), in double precision, then float32.

    :param mean: by the key of a dict of observations; None for the key where they are arrays; no keys: as they are
    :param std: √(var + ε), likewise
    :param clip: c
    """

    mean: dict[str | None, np.ndarray]
    std: dict[str | None, np.ndarray]
    clip: float

    @classmethod
    def none(cls) -> "Normalizer":
        """:return: one that leaves observations as they are"""
        return cls({}, {}, 0.0)

    def __call__(self, observations: Any) -> Any:
        """
        :param observations: shape (C, S, …), or a dict of such
        :return: normalised ones
        """
        if isinstance(observations, dict):
            return {key: self._normalised(key, array) for key, array in observations.items()}
        return self._normalised(None, observations)

    def _normalised(self, key: str | None, array: np.ndarray) -> np.ndarray:
        if key not in self.mean:
            return array
        # In double precision, and into an array of its own.
        values = np.subtract(array, self.mean[key], dtype=np.float64)
        values /= self.std[key]
        np.clip(values, -self.clip, self.clip, out=values)
        return np.asarray(values, dtype=np.float32)


def normalizer_of(model: Any, normalize: VecNormalize | str | None) -> tuple[Normalizer, str | None]:
    """
    :param model: a model, or a policy
    :param normalize: whose statistics; ``"model"`` for those of the model's environment, None for none
    :return: what normalises, and the digest of its statistics; None if observations stay as they are
    :raises TypeError: if ``normalize`` is of another kind
    """
    if normalize == "model":
        normalize = model.get_vec_normalize_env() if isinstance(model, BaseAlgorithm) else None
    if normalize is None:
        return Normalizer.none(), None
    if not isinstance(normalize, VecNormalize):
        raise TypeError(f"normalize must be a VecNormalize, 'model' or None, but {normalize!r} was given.")
    if not normalize.norm_obs:
        return Normalizer.none(), None
    held: Any = normalize.obs_rms
    by_key: dict[str | None, RunningMeanStd] = held if isinstance(held, dict) else {None: held}
    mean = {key: rms.mean.copy() for key, rms in by_key.items()}
    std = {key: np.sqrt(rms.var + normalize.epsilon) for key, rms in by_key.items()}
    normalizer = Normalizer(mean, std, float(normalize.clip_obs))
    digest = hashlib.sha256(repr(normalizer.clip).encode())
    for key, values in mean.items():
        digest.update(repr(key).encode() + values.tobytes() + std[key].tobytes())
    return normalizer, digest.hexdigest()
