"""What a policy with finitely many actions would choose, looked up without a trace."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from gymnasium import spaces
from scipy.special import log_softmax
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy

from sb3_entropy.policies.looking import looked_at


def has_action_probabilities(policy: BasePolicy) -> bool:
    """
    :param policy: a policy
    :return: whether it gives each of finitely many actions a probability that depends on the observation alone
    """
    return (
        isinstance(policy, ActorCriticPolicy)
        and isinstance(policy.action_space, spaces.Discrete)
        and isinstance(policy.action_dist, CategoricalDistribution)
        and not hasattr(policy, "lstm_actor")
    )


def log_probabilities(
    policy: ActorCriticPolicy, observations: Any, chunk: int, prepare: Callable[[Any], Any] = lambda part: part
) -> np.ndarray:
    """
    log π(a|x) in double precision. The policy's mode and all global generators are left as they were.

    :param policy: a policy that :func:`has_action_probabilities`
    :param observations: n of them, shape (n, …), or a dict of such
    :param chunk: how many at a time go through the network
    :param prepare: what is done to those before
    :return: shape (n, A), in nats; −∞ where an action is excluded
    :raises ValueError: if there are no observations
    """
    with looked_at(policy):
        logits = np.concatenate([_logits(policy, prepare(part)) for part in _parts(observations, chunk)])
    return np.asarray(log_softmax(logits, axis=1))


def _logits(policy: ActorCriticPolicy, observations: Any) -> np.ndarray:
    categorical: Any = policy.get_distribution(policy.obs_to_tensor(observations)[0]).distribution
    logits: np.ndarray = categorical.logits.double().cpu().numpy()
    return logits


def _parts(observations: Any, chunk: int) -> Iterator[Any]:
    arrays = observations if isinstance(observations, dict) else {None: observations}
    size = min((len(array) for array in arrays.values()), default=0)
    if not size:
        raise ValueError("observations must hold at least one observation, but none was given.")
    for start in range(0, size, chunk):
        part = {key: np.asarray(array[start : start + chunk]) for key, array in arrays.items()}
        yield part if isinstance(observations, dict) else part[None]


def draw(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """
    One action a row, by the inverse of the distribution function: the first a with Σ_{b ≤ a} p(b) > u.

    :param p: probabilities, shape (n, A)
    :param rng: draws the u, uniform in [0, 1)
    :return: actions, shape (n,); none has probability 0
    """
    cumulative = p.cumsum(axis=1)
    threshold = rng.random((len(p), 1)) * cumulative[:, -1:]
    return np.asarray((cumulative <= threshold).sum(axis=1), dtype=np.int64)
