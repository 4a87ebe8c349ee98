"""How good a policy is in a contextual bandit, and how many of the best actions it plays."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr, log_softmax

from sb3_entropy.bandits.action_use import ActionUse
from sb3_entropy.policies.probabilities import ModelOrPolicy, log_probabilities

#: of the range of all mean rewards: what differs by less from the best is as good
SAME_REWARD = 1e-6


@dataclass(frozen=True)
class BanditEvaluation(ActionUse):
    """
    A policy in n contexts with known mean rewards r̄(x, a). A*(x) is the set of the best actions in x, those whose mean
    reward is max_a r̄(x, a) up to a millionth of the range of all mean rewards. Nothing below is sampled.

    :param argmax_reward: mean of r̄(x, argmax_a π(a|x)), of ties the first: what deterministic actions earn
    :param sampled_reward: mean of Σ_a π(a|x) r̄(x, a): what sampled actions earn in expectation
    :param mean_regret: mean of max_a r̄(x, a) − Σ_a π(a|x) r̄(x, a): what sampled actions fail to earn
    :param accuracy: mean of π(A*(x)|x), the probability of a best action
    :param optimal_coverage: mean, over the contexts with several best actions, of exp(H(π(·|x, A*)))/|A*(x)|: the
        effective number of best actions among those that the policy plays, as a share of those that there are. 1 if it
        plays all best actions alike, 1/|A*| if it plays one of them only. It is given *that* a best action is played;
        how often one is, is ``accuracy``. NaN if no context has several
    """

    argmax_reward: float
    sampled_reward: float
    mean_regret: float
    accuracy: float
    optimal_coverage: float


def evaluate_bandit(
    model: ModelOrPolicy,
    observations: Any,
    mean_rewards: ArrayLike,
    rng: np.random.Generator,
    threshold: float = 0.005,
    chunk: int = 2048,
) -> BanditEvaluation:
    """
    :param model: a model, with the environment's observations; or a policy, with those that it sees
    :param observations: contexts x, shape (n, …), or a dict of such
    :param mean_rewards: r̄(x, a), shape (n, A); column a is that of the action ``action_space.start`` + a
    :param rng: draws one action a context, for the histogram
    :param threshold: the share above which an action counts as used
    :param chunk: how many contexts at a time go through the network
    :return: what the policy earns and which actions it uses; the model is left as it was
    :raises TypeError: if the policy does not give each of finitely many actions a probability
    :raises ValueError: if the mean rewards are not finite, or not one for each context and action; if there are no
        observations, or they, the policy or its answers are not finite
    """
    log_p = log_probabilities(model, observations, chunk)
    rewards = _check_rewards(mean_rewards, log_p.shape)
    best = rewards.max(axis=1)
    optimal = rewards >= best[:, None] - SAME_REWARD * np.ptp(rewards)
    p = np.exp(log_p)
    sampled_reward = (p * rewards).sum(axis=1)
    return BanditEvaluation.of(
        log_p,
        rng,
        threshold,
        argmax_reward=float(rewards[np.arange(len(p)), log_p.argmax(axis=1)].mean()),
        sampled_reward=float(sampled_reward.mean()),
        mean_regret=float((best - sampled_reward).mean()),
        accuracy=float((p * optimal).sum(axis=1).mean()),
        optimal_coverage=optimal_coverage(log_p, optimal),
    )


def optimal_coverage(log_p: np.ndarray, optimal: np.ndarray) -> float:
    """
    :param log_p: log π(a|x), shape (n, A)
    :param optimal: whether a is one of the best actions in x, shape (n, A)
    :return: see :class:`BanditEvaluation`; 0 for a context whose best actions are all excluded
    """
    several = optimal.sum(axis=1) > 1
    if not several.any():
        return float("nan")
    among = np.where(optimal, log_p, -np.inf)[several]
    played = np.isfinite(among).any(axis=1)
    # The softmax of log π over the set is π given the set, and exists even where π itself has underflowed to 0.
    given = np.exp(log_softmax(among[played], axis=1))
    shares = np.zeros(len(among))
    shares[played] = np.exp(entr(given).sum(axis=1)) / optimal[several][played].sum(axis=1)
    return float(shares.mean())


def _check_rewards(mean_rewards: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    rewards: np.ndarray = np.asarray(mean_rewards, dtype=np.float64)
    if rewards.shape != shape:
        raise ValueError(
            f"mean_rewards must have the shape (contexts, actions), here {shape}, but {rewards.shape} was given. Its "
            "column a is the mean reward of action a."
        )
    wrong = int(np.count_nonzero(~np.isfinite(rewards)))
    if wrong:
        raise ValueError(f"mean_rewards must be finite, but {wrong} of {rewards.size} are not.")
    return rewards
