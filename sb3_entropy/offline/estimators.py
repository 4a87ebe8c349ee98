"""
Estimators of the value V(π) = E[Σₐ π(a|x) E[r|x, a]] of a policy π from the log of another, b.

In all of them wᵢ = π(aᵢ|xᵢ)/pᵢ are the importance weights, and r̂ is a model of the rewards.
"""

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.errors import check_number
from sb3_entropy.offline.checking import Array, as_numbers
from sb3_entropy.offline.estimate import OffPolicyEstimate, estimate_of_terms
from sb3_entropy.offline.feedback import LoggedFeedback, effective_size
from sb3_entropy.offline.reward_model import fit_reward_model
from sb3_entropy.offline.support import warn_of_deficient_support


def ips(
    log: LoggedFeedback,
    target: ArrayLike,
    *,
    max_weight: float | None = None,
    level: float = 0.95,
    interval: str = "t",
    rng: np.random.Generator | None = None,
) -> OffPolicyEstimate:
    """
    Inverse propensity scores, ``(1/n) Σᵢ wᵢ rᵢ`` (Horvitz and Thompson 1952, for sampling without replacement).

    Unbiased where b plays all that π plays. Its variance grows with the weights, and with the distance of the rewards
    from 0: adding a constant to all of them changes more than the estimate.

    :param log: the log
    :param target: π(a|xᵢ), shape (n, A)
    :param max_weight: M; weights are clipped to min(wᵢ, M) (Ionides 2008), which adds the bias −E[max(w − M, 0) r]:
        the estimate is too low if rewards are positive. ``None`` does not clip
    :param level: the nominal confidence
    :param interval: ``"t"``, Student's of the terms wᵢrᵢ, or ``"bootstrap"``, bootstrap-t
    :param rng: where the bootstrap's draws come from
    :return: the estimate
    :raises TypeError: if an argument is not of the type that is said here
    :raises ValueError: if an argument is none of what is allowed
    """
    pi, weights = _weights(log, target, max_weight)
    warn_of_deficient_support(log, pi, "ips")
    return estimate_of_terms(weights * log.rewards, "ips", effective_size(weights), level, interval, rng)


def snips(
    log: LoggedFeedback,
    target: ArrayLike,
    *,
    max_weight: float | None = None,
    level: float = 0.95,
    interval: str = "t",
    rng: np.random.Generator | None = None,
) -> OffPolicyEstimate:
    """
    Self-normalised inverse propensity scores, ``V̂ = Σᵢ wᵢ rᵢ / Σᵢ wᵢ`` (Swaminathan and Joachims 2015, *The
    self-normalized estimator for counterfactual learning*).

    It lies between the least and the greatest reward, and moves with them if a constant is added. Its bias is of the
    order 1/n, its variance mostly smaller than that of IPS.

    The interval is that of the mean of ``V̂ + wᵢ(rᵢ − V̂)/w̄``, which is V̂ itself linearised in the means of w and wr
    (delta method), with standard error ``√(Σ wᵢ²(rᵢ − V̂)²/(n(n − 1)))/w̄``.

    :param log: the log
    :param target: π(a|xᵢ), shape (n, A)
    :param max_weight: M; weights are clipped to min(wᵢ, M), so that rounds of large weight count for too little;
        ``None`` does not clip
    :param level: the nominal confidence
    :param interval: ``"t"``, Student's of the linearised terms, or ``"bootstrap"``, bootstrap-t of them
    :param rng: where the bootstrap's draws come from
    :return: the estimate
    :raises TypeError: if an argument is not of the type that is said here
    :raises ValueError: if an argument is none of what is allowed, or all weights are 0
    """
    pi, weights = _weights(log, target, max_weight)
    if not weights.any():
        raise ValueError(
            f"SNIPS is 0/0: the target policy gives none of the {len(log)} logged actions any probability. Use "
            "direct_method, or a log in which its actions occur."
        )
    warn_of_deficient_support(log, pi, "snips")
    weights_of_mean = weights / weights.mean()
    value = (weights_of_mean * log.rewards).mean()
    terms = value + weights_of_mean * (log.rewards - value)
    return estimate_of_terms(terms, "snips", effective_size(weights), level, interval, rng)


def direct_method(
    log: LoggedFeedback,
    target: ArrayLike,
    predictions: ArrayLike | None = None,
    *,
    level: float = 0.95,
    interval: str = "t",
    rng: np.random.Generator | None = None,
) -> OffPolicyEstimate:
    """
    The direct method, ``(1/n) Σᵢ Σₐ π(a|xᵢ) r̂(xᵢ, a)`` (Dudík, Langford and Li 2011, *Doubly robust policy evaluation
    and learning*, Section 2).

    Its variance is the smallest, and its bias is the model's: no sample size removes it. The interval is that of a mean
    over contexts and takes r̂ for the truth. It covers neither the model's bias nor what its fit owes to chance, and is
    as a rule far too narrow.

    :param log: the log
    :param target: π(a|xᵢ), shape (n, A)
    :param predictions: r̂(xᵢ, a), shape (n, A), each row of a model that was not fitted to it; ``None`` for
        :func:`~sb3_entropy.offline.reward_model.fit_reward_model`
    :param level: the nominal confidence
    :param interval: ``"t"``, Student's of the terms Σₐ π(a|xᵢ) r̂(xᵢ, a), or ``"bootstrap"``, bootstrap-t
    :param rng: where the folds' and the bootstrap's draws come from
    :return: the estimate
    :raises TypeError: if an argument is not of the type that is said here
    :raises ValueError: if an argument is none of what is allowed, or neither predictions nor a generator are given
    """
    pi, weights = _weights(log, target, None)
    model = _predictions(log, predictions, rng, "direct_method")
    warn_of_deficient_support(log, pi, "direct_method")
    return estimate_of_terms((pi * model).sum(axis=1), "direct_method", effective_size(weights), level, interval, rng)


def doubly_robust(
    log: LoggedFeedback,
    target: ArrayLike,
    predictions: ArrayLike | None = None,
    *,
    max_weight: float | None = None,
    level: float = 0.95,
    interval: str = "t",
    rng: np.random.Generator | None = None,
) -> OffPolicyEstimate:
    """
    The doubly robust estimator, ``(1/n) Σᵢ [Σₐ π(a|xᵢ) r̂(xᵢ, a) + wᵢ (rᵢ − r̂(xᵢ, aᵢ))]`` (Dudík, Langford and Li
    2011; Dudík, Erhan, Langford and Li 2014, *Doubly robust policy evaluation and optimization*).

    Unbiased with the true propensities, whatever r̂ is, if r̂ was not fitted to the row that it predicts; the better
    r̂, the smaller its variance. With r̂ = 0 it is IPS.

    :param log: the log
    :param target: π(a|xᵢ), shape (n, A)
    :param predictions: r̂(xᵢ, a), shape (n, A), each row of a model that was not fitted to it; ``None`` for
        :func:`~sb3_entropy.offline.reward_model.fit_reward_model`
    :param max_weight: M; weights are clipped to min(wᵢ, M), which adds the bias −E[max(w − M, 0)(r − r̂)]: none where
        the model is right. ``None`` does not clip
    :param level: the nominal confidence
    :param interval: ``"t"``, Student's of the terms in brackets, or ``"bootstrap"``, bootstrap-t
    :param rng: where the folds' and the bootstrap's draws come from
    :return: the estimate
    :raises TypeError: if an argument is not of the type that is said here
    :raises ValueError: if an argument is none of what is allowed, or neither predictions nor a generator are given
    """
    pi, weights = _weights(log, target, max_weight)
    model = _predictions(log, predictions, rng, "doubly_robust")
    warn_of_deficient_support(log, pi, "doubly_robust")
    residuals = log.rewards - model[np.arange(len(log)), log.actions]
    terms = (pi * model).sum(axis=1) + weights * residuals
    return estimate_of_terms(terms, "doubly_robust", effective_size(weights), level, interval, rng)


def _weights(log: LoggedFeedback, target: ArrayLike, max_weight: float | None) -> tuple[Array, Array]:
    """:return: π, shape (n, A), and w, clipped, shape (n,)"""
    pi = log.check_target(target)
    weights = log.importance_weights(pi)
    if max_weight is None:
        return pi, weights
    check_number("max_weight", max_weight, low=0, open_low=True)
    return pi, np.minimum(weights, max_weight)


def _predictions(log: LoggedFeedback, given: ArrayLike | None, rng: np.random.Generator | None, method: str) -> Array:
    """:return: r̂, shape (n, A)"""
    if given is not None:
        return as_numbers("predictions", given, (len(log), log.n_actions), "(rows, actions)")
    if rng is None:
        raise ValueError(
            f"{method} needs a model of the rewards. Give predictions, or rng, e.g. numpy.random.default_rng(0), to "
            "fit one on random folds."
        )
    return fit_reward_model(log, rng=rng)
