"""From a policy to its candidates: which arithmetic fits it, and which head."""

import copy
from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import BasePolicy
from torch.distributions import Distribution as TorchDistribution

from sb3_entropy.landscape.candidates.acting import head_of
from sb3_entropy.landscape.candidates.base import Candidates, Networks
from sb3_entropy.landscape.candidates.general import GeneralNetworks
from sb3_entropy.landscape.candidates.heads import (
    GaussianHead,
    Head,
)
from sb3_entropy.landscape.candidates.normalizing import Normalizer
from sb3_entropy.landscape.candidates.reading import Reading, dense_networks
from sb3_entropy.landscape.objectives.base import Conditions
from sb3_entropy.policies.compiled import uncompiled
from sb3_entropy.policies.laws import check_has_law
from sb3_entropy.policies.parameters import ParameterVector

#: how far the copy's action may be from the policy's, of which one is computed by NumPy
TOLERANCE = 1e-3
#: beyond which an observation is none that anybody has
_LARGE = 1e4


def own_copy(policy: BasePolicy) -> BasePolicy:
    """
    :param policy: any policy, compiled or not
    :return: a copy on the CPU, in evaluation mode, without gradients
    :raises TypeError: if it has no law at an observation
    """
    check_has_law(policy)
    plain: BasePolicy = uncompiled(policy)
    held = [getattr(module, "action_dist", None) for module in plain.modules()]
    memo = {id(each): _emptied(each) for each in held if isinstance(each, Distribution)}
    copied: BasePolicy = copy.deepcopy(plain, memo).to("cpu")
    copied.set_training_mode(False)
    return copied.requires_grad_(False)


def _emptied(distribution: Distribution) -> Distribution:
    """:return: a copy that does not hold what it was last made of, whose gradients cannot be copied"""
    emptied = copy.copy(distribution)
    for name, value in vars(distribution).items():
        if isinstance(value, th.Tensor):
            setattr(emptied, name, value.detach().cpu())
        elif isinstance(value, TorchDistribution) or name == "distribution":
            setattr(emptied, name, None)
    return emptied


def candidates_of(policy: BasePolicy, conditions: Conditions, normalizer: Normalizer) -> Candidates:
    """
    :param policy: a copy, see :func:`own_copy`
    :param conditions: under what it acts
    :param normalizer: what happens to observations first
    :return: what acts as it does
    :raises TypeError: if its actions are distributed by a class that is not known, or it acts otherwise than its
        networks say
    :raises ValueError: if the conditions make no sense for it
    """
    head = head_of(policy, conditions)
    read_std = isinstance(head, GaussianHead) and conditions.std is None
    networks = dense_networks(policy, read_std) or GeneralNetworks(policy, Reading(read_std))
    _check_acts_alike(policy, networks, head)
    return Candidates(networks, head, normalizer)


def _check_acts_alike(policy: BasePolicy, networks: Networks, head: Head) -> None:
    """Of a policy that somebody has derived, a method may do more than the networks say."""
    observations = _some_observations(policy.observation_space)
    wanted, _ = policy.predict(observations, deterministic=True)
    theta = ParameterVector(policy).get().double().numpy()
    rows: Any = {key: array[None] for key, array in observations.items()} if isinstance(observations, dict) else None
    acted = head.mode(networks.stack(theta[None]).leaves(observations[None] if rows is None else rows))[0]
    scale = 1.0
    if isinstance(policy.action_space, spaces.Box):
        with np.errstate(over="ignore"):
            scale = float(np.fmax(1.0, np.abs(np.asarray(wanted, dtype=np.float64))).max())
    # NaN is near NaN alone.
    if acted.shape != np.shape(wanted) or not np.allclose(acted, wanted, 0.0, TOLERANCE * scale, equal_nan=True):
        raise TypeError(
            f"{type(policy).__name__} acts otherwise than its networks say: it gives {np.ravel(wanted)[:4]} where they "
            f"give {np.ravel(acted)[:4]}. A method of it that makes actions has been overridden; candidates can be "
            "made of Stable-Baselines3's policies and this package's, with any features extractor."
        )


def _some_observations(space: Any) -> Any:
    """:return: four, of the space's kind"""
    if isinstance(space, spaces.Dict):
        return {key: _some_observations(part) for key, part in space.spaces.items()}
    own = copy.deepcopy(space)
    own.seed(0)
    drawn = np.stack([own.sample() for _ in range(4)])
    if isinstance(space, spaces.Box) and space.dtype.kind == "f":
        # Bounds that are there for form's sake say nothing of size, and where all that is drawn is 1e38 all actions
        # are alike.
        near = np.random.default_rng(0).standard_normal(drawn.shape)
        drawn = np.where(np.abs(drawn) <= _LARGE, drawn, np.clip(near, space.low, space.high)).astype(space.dtype)
    return drawn
