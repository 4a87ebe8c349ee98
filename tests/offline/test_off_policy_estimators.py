"""Estimators against the enumeration of all logs, closed forms, and numerical differentiation."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import stats
from simulated_logs import DEFICIENT, TINY, TinyBandit, bent_log

from sb3_entropy.offline import (
    DeficientSupportWarning,
    LoggedFeedback,
    OffPolicyEstimate,
    OneHot,
    PerAction,
    Ridge,
    direct_method,
    doubly_robust,
    fit_reward_model,
    ips,
    snips,
)

Estimator = Callable[[LoggedFeedback, np.ndarray], OffPolicyEstimate]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def expectation(bandit: TinyBandit, n: int, estimator: Estimator) -> float:
    """:return: Σ over all logs of n rounds of probability × estimate"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeficientSupportWarning)
        return sum(probability * estimator(log, target).value for probability, log, target in bandit.all_logs(n))


def of_context(table: np.ndarray, log: LoggedFeedback) -> np.ndarray:
    """:return: the table's rows for the contexts of the log"""
    return table[log.contexts[:, 0].astype(int)]


WRONG = np.array([[5.0, 1.0, -3.0], [0.0, 2.0, 4.0]])


@pytest.mark.parametrize("n", [1, 2])
def test_ips_is_unbiased(n: int) -> None:
    assert expectation(TINY, n, ips) == pytest.approx(TINY.value, rel=1e-12)


@pytest.mark.parametrize("n", [1, 2])
def test_doubly_robust_is_unbiased_with_a_wrong_model(n: int) -> None:
    estimator = lambda log, target: doubly_robust(log, target, of_context(WRONG, log))  # noqa: E731
    assert expectation(TINY, n, estimator) == pytest.approx(TINY.value, rel=1e-12)


@pytest.mark.parametrize("model", [None, OneHot(Ridge(0.3))], ids=["per_action", "one_hot"])
def test_doubly_robust_is_unbiased_when_cross_fitted(model: Any) -> None:
    def cross_fitted(log: LoggedFeedback, target: np.ndarray) -> OffPolicyEstimate:
        return doubly_robust(log, target, fit_reward_model(log, rng=rng(), model=model))

    assert expectation(TINY, 2, cross_fitted) == pytest.approx(TINY.value, rel=1e-12)


def test_doubly_robust_is_biased_by_a_model_of_the_same_rows() -> None:
    def fitted_to_itself(log: LoggedFeedback, target: np.ndarray) -> OffPolicyEstimate:
        seen = (log.contexts, log.actions, log.rewards, log.contexts, 3)
        return doubly_robust(log, target, PerAction(Ridge(1e-6)).fitted_predictions(*seen))

    assert abs(expectation(TINY, 2, fitted_to_itself) - TINY.value) > 0.05


def test_direct_method_has_the_models_bias() -> None:
    true = expectation(TINY, 1, lambda log, target: direct_method(log, target, of_context(TINY.means, log)))
    assert true == pytest.approx(TINY.value, rel=1e-12)
    wrong = expectation(TINY, 1, lambda log, target: direct_method(log, target, of_context(WRONG, log)))
    bias = TINY.share @ (TINY.target * (WRONG - TINY.means)).sum(axis=1)
    assert wrong == pytest.approx(TINY.value + bias, rel=1e-12)


@pytest.mark.parametrize("largest", [1.5, 3.0])
def test_the_bias_of_clipping(largest: float) -> None:
    weights = TINY.target / TINY.behaviour
    excess = TINY.share[:, None] * TINY.behaviour * np.maximum(weights - largest, 0)
    assert excess.any()
    of_ips = expectation(TINY, 2, partial(ips, max_weight=largest))
    assert of_ips == pytest.approx(TINY.value - (excess * TINY.means).sum(), rel=1e-12)
    clipped: Estimator = lambda log, target: doubly_robust(  # noqa: E731
        log, target, of_context(WRONG, log), max_weight=largest
    )
    assert expectation(TINY, 2, clipped) == pytest.approx(TINY.value - (excess * (TINY.means - WRONG)).sum(), rel=1e-12)


def test_the_bias_of_deficient_support() -> None:
    """Of IPS it is what the unseen action contributes, of DR the model's error there."""
    unseen = DEFICIENT.share[1] * DEFICIENT.target[1, 0]
    assert expectation(DEFICIENT, 2, ips) == pytest.approx(DEFICIENT.value - unseen * 3.0, rel=1e-12)
    robust: Estimator = lambda log, target: doubly_robust(log, target, of_context(WRONG, log))  # noqa: E731
    assert expectation(DEFICIENT, 2, robust) == pytest.approx(DEFICIENT.value + unseen * (0.0 - 3.0), rel=1e-12)


def test_snips_comes_closer_with_more_rounds() -> None:
    """Its bias is of the order 1/n: from enumeration."""
    biases = [abs(expectation(TINY, n, snips) - TINY.value) for n in (1, 2, 3)]
    assert biases[0] > biases[1] > biases[2] > 0


def logged(n: int = 60, seed: int = 3) -> tuple[LoggedFeedback, np.ndarray]:
    return bent_log(n, rng(seed))


def shifted(log: LoggedFeedback, by: float) -> LoggedFeedback:
    return LoggedFeedback(
        log.contexts, log.actions, log.rewards + by, log.propensities, log.n_actions, log.behaviour, log.mean_rewards
    )


def test_values_by_loops() -> None:
    log, target = logged()
    model = fit_reward_model(log, rng=rng())
    weights, weighted, direct, robust = [], [], [], []
    for i, action in enumerate(log.actions):
        weights.append(target[i, action] / log.propensities[i])
        weighted.append(weights[-1] * log.rewards[i])
        direct.append(sum(target[i, a] * model[i, a] for a in range(3)))
        robust.append(direct[-1] + weights[-1] * (log.rewards[i] - model[i, action]))
    n = len(log)
    for found, value in [
        (ips(log, target), sum(weighted) / n),
        (snips(log, target), sum(weighted) / sum(weights)),
        (direct_method(log, target, model), sum(direct) / n),
        (doubly_robust(log, target, model), sum(robust) / n),
    ]:
        assert found.value == pytest.approx(value, rel=1e-12)
        assert found.n == n
        assert found.effective_sample_size == pytest.approx(sum(weights) ** 2 / sum(w**2 for w in weights), rel=1e-12)
    assert [e(log, target).method for e in (ips, snips)] == ["ips", "snips"]
    assert direct_method(log, target, model).method == "direct_method"
    assert doubly_robust(log, target, model).method == "doubly_robust"


def test_doubly_robust_without_a_model_is_ips() -> None:
    log, target = logged()
    robust, plain = doubly_robust(log, target, np.zeros((60, 3))), ips(log, target)
    assert (robust.value, robust.low, robust.high) == pytest.approx((plain.value, plain.low, plain.high), rel=1e-12)


def test_a_constant_added_to_all_rewards() -> None:
    log, target = logged()
    before, after = snips(log, target), snips(shifted(log, 7.0), target)
    assert (after.value, after.low, after.high) == pytest.approx((before.value + 7, before.low + 7, before.high + 7))
    moved = ips(shifted(log, 7.0), target)
    assert moved.value - ips(log, target).value == pytest.approx(7 * log.importance_weights(target).mean())
    assert moved.standard_error > 2 * ips(log, target).standard_error


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_are_student_s(level: float) -> None:
    log, target = logged()
    found = ips(log, target, level=level)
    terms = log.importance_weights(target) * log.rewards
    expected = stats.ttest_1samp(terms, 0).confidence_interval(level)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)
    assert found.standard_error == pytest.approx(stats.sem(terms), rel=1e-12)
    assert found.level == level


def test_the_error_of_snips_is_the_delta_methods() -> None:
    """√(gᵀΣg/n), with the gradient g of mean(wr)/mean(w) by central differences and Σ the sample covariance."""
    log, target = logged()
    weights = log.importance_weights(target)
    pairs = np.stack([weights * log.rewards, weights])
    ratio: Callable[[np.ndarray], float] = lambda means: float(means[0] / means[1])  # noqa: E731
    steps = 1e-6 * np.eye(2)
    gradient = np.array([(ratio(pairs.mean(1) + h) - ratio(pairs.mean(1) - h)) / 2e-6 for h in steps])
    error = np.sqrt(gradient @ np.cov(pairs) @ gradient / len(log))
    found = snips(log, target)
    assert found.standard_error == pytest.approx(error, rel=1e-7)
    reach = stats.t.ppf(0.975, len(log) - 1) * error
    assert (found.low, found.high) == pytest.approx((found.value - reach, found.value + reach), rel=1e-7)


def test_clipped_weights_count_in_the_effective_sample_size() -> None:
    log, target = logged()
    clipped = np.minimum(log.importance_weights(target), 1.2)
    for estimator in (ips, snips, partial(doubly_robust, predictions=np.zeros((60, 3)))):
        found = estimator(log, target, max_weight=1.2)
        assert found.effective_sample_size == pytest.approx(clipped.sum() ** 2 / (clipped**2).sum())
    assert snips(log, target, max_weight=1.2).value == pytest.approx((clipped * log.rewards).sum() / clipped.sum())


def test_the_bootstrap_follows_skewness() -> None:
    """A few large weights: the upper arm is longer than the lower one, while Student's are equal."""
    log, target = logged(200)
    weights = log.importance_weights(target)
    heavy = LoggedFeedback(
        log.contexts, log.actions, 1 + 10 * (weights > np.quantile(weights, 0.95)), log.propensities, 3, log.behaviour
    )
    for estimator in (ips, snips, partial(doubly_robust, predictions=np.zeros((200, 3)))):
        found = estimator(heavy, target, interval="bootstrap", rng=rng())
        assert found.high - found.value > 1.2 * (found.value - found.low)
        again = estimator(heavy, target, interval="bootstrap", rng=rng())
        assert again == found
        student = estimator(heavy, target)
        assert student.high - student.value == pytest.approx(student.value - student.low)
        assert student.value == found.value


def test_one_round_has_no_interval() -> None:
    log = LoggedFeedback(np.zeros((1, 2)), np.array([1]), np.array([2.0]), np.array([0.5]), 2)
    found = ips(log, [[0.25, 0.75]])
    assert found.value == pytest.approx(3.0)
    assert np.isnan([found.low, found.high, found.standard_error]).all()


def test_predictions_are_fitted_if_none_are_given() -> None:
    log, target = logged()
    model = fit_reward_model(log, rng=rng(5))
    assert doubly_robust(log, target, rng=rng(5)) == doubly_robust(log, target, model)
    assert direct_method(log, target, rng=rng(5)) == direct_method(log, target, model)


@pytest.mark.parametrize(
    "estimator", [ips, snips, partial(direct_method, rng=rng()), partial(doubly_robust, rng=rng())]
)
def test_a_generator_is_needed_for_the_bootstrap(estimator: Any) -> None:
    log, target = logged()
    with pytest.raises(ValueError, match=r"Unknown interval 'bca'. Available: bootstrap, t"):
        estimator(log, target, interval="bca")
    with pytest.raises(ValueError, match="level must be below 1"):
        estimator(log, target, level=1.0)
    with pytest.raises(ValueError, match=r"The sum of target over actions must be 1"):
        estimator(log, 2 * target)
    if estimator in (ips, snips):
        with pytest.raises(ValueError, match=r"interval='bootstrap' draws at random. Give rng"):
            estimator(log, target, interval="bootstrap")
    with pytest.raises(TypeError, match=r"rng must be a NumPy generator, e.g. numpy.random.default_rng\(0\), but 3"):
        estimator(log, target, interval="bootstrap", rng=3)


def test_other_arguments_that_are_refused() -> None:
    log, target = logged()
    with pytest.raises(ValueError, match="max_weight must be a number > 0, but 0 was given"):
        ips(log, target, max_weight=0)
    for method in (direct_method, doubly_robust):
        with pytest.raises(
            ValueError, match=rf"{method.__name__} needs a model of the rewards. Give predictions, or rng"
        ):
            method(log, target)
        with pytest.raises(
            ValueError, match=r"predictions must have the shape \(rows, actions\) = \(60, 3\), but \(3,\)"
        ):
            method(log, target, np.zeros(3))
    never = np.eye(3)[(log.actions + 1) % 3]
    with pytest.raises(ValueError, match=r"SNIPS is 0/0: the target policy gives none of the 60 logged actions"):
        snips(log, never)


def two_contexts() -> tuple[LoggedFeedback, np.ndarray]:
    """In the second context of two, action 2 is never played, and the target plays it half of the time."""
    behaviour = np.array([[0.2, 0.3, 0.5], [0.5, 0.5, 0.0]])
    log = LoggedFeedback(np.array([0, 1]), np.array([2, 0]), np.array([-3.0, 1.0]), np.array([0.5, 0.5]), 3, behaviour)
    return log, np.array([[0.2, 0.3, 0.5], [0.3, 0.2, 0.5]])


@pytest.mark.parametrize(
    ("estimator", "effect"),
    [
        (ips, "IPS counts their reward as 0, and its expectation is off by up to 0.75 if"),
        (snips, "SNIPS takes their reward for the mean one of the others, and its limit is off by up to 1 if"),
        (direct_method, "the reward model extrapolates to them, and is off by up to 1 there if"),
        (doubly_robust, "the reward model alone speaks for them, and the estimate is off by up to 1 if"),
    ],
)
def test_deficient_support_is_reported_with_numbers(estimator: Any, effect: str) -> None:
    log, target = two_contexts()
    given = (log, target) if estimator in (ips, snips) else (log, target, np.zeros((2, 3)))
    with pytest.warns(DeficientSupportWarning) as caught:
        estimator(*given)
    message = str(caught[0].message)
    assert "with probability 0.25 on average, in 1 of 2 contexts, most often action 2." in message
    assert effect in message
    assert "between -3 and 1, as the logged ones do. No longer log mends this" in message
    assert caught[0].filename == __file__


def test_full_or_unknown_support_is_not_reported() -> None:
    log, target = two_contexts()
    unknown = LoggedFeedback(log.contexts, log.actions, log.rewards, log.propensities, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ips(unknown, target)
        ips(log, log.behaviour)  # type: ignore[arg-type]
