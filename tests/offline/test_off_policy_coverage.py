"""
How often intervals contain the truth, and how estimators spread, over many simulated logs.

Seeds are fixed. If coverage is the nominal 95 %, a test of it fails for one seed in 10,000.
"""

import numpy as np
import pytest
from scipy import stats
from simulated_logs import BENT_VALUE, bent_log

from sb3_entropy.offline import OffPolicyEstimate, direct_method, doubly_robust, fit_reward_model, ips, snips

LOGS, N = 400, 400


@pytest.fixture(scope="module")
def estimates() -> dict[str, list[OffPolicyEstimate]]:
    found: dict[str, list[OffPolicyEstimate]] = {"ips": [], "snips": [], "dm": [], "dr": []}
    for seed in range(LOGS):
        rng = np.random.default_rng([seed, 11])
        log, target = bent_log(N, rng)
        model = fit_reward_model(log, rng=rng)
        found["ips"].append(ips(log, target))
        found["snips"].append(snips(log, target))
        found["dm"].append(direct_method(log, target, model))
        found["dr"].append(doubly_robust(log, target, model))
    return found


def covered(found: list[OffPolicyEstimate]) -> int:
    return sum(each.low <= BENT_VALUE <= each.high for each in found)


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_intervals_contain_the_truth(name: str, estimates: dict[str, list[OffPolicyEstimate]]) -> None:
    low, high = stats.binom.ppf([5e-5, 1 - 5e-5], LOGS, 0.95)
    assert low <= covered(estimates[name]) <= high


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_the_mean_is_the_truth_and_the_spread_the_error(
    name: str, estimates: dict[str, list[OffPolicyEstimate]]
) -> None:
    """Means at a false-positive rate of 1 in 10,000; the mean standard error within 15 %, 4 σ, of the spread."""
    values = np.array([each.value for each in estimates[name]])
    assert stats.ttest_1samp(values, BENT_VALUE).pvalue > 1e-4
    errors = np.array([each.standard_error for each in estimates[name]])
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.15)


def test_a_wrong_model_biases_the_direct_method_alone(estimates: dict[str, list[OffPolicyEstimate]]) -> None:
    """Its intervals take the model for the truth."""
    values = np.array([each.value for each in estimates["dm"]])
    assert stats.ttest_1samp(values, BENT_VALUE).pvalue < 1e-20
    assert covered(estimates["dm"]) < 0.6 * LOGS


@pytest.mark.parametrize("better", ["snips", "dr", "dm"])
def test_variance_is_lower_than_that_of_ips(better: str, estimates: dict[str, list[OffPolicyEstimate]]) -> None:
    """Morgan and Pitman's test of two paired variances, in logs that both share: p < 10⁻⁶ by chance."""
    plain, other = (np.array([each.value for each in estimates[name]]) for name in ("ips", better))
    correlation = stats.pearsonr(plain + other, plain - other)
    assert correlation.statistic > 0
    assert correlation.pvalue < 1e-6


def test_bootstrap_intervals_contain_the_truth() -> None:
    """100 logs of 100 rounds; at coverage 95 % fewer than 86 are covered with probability 2·10⁻⁴."""
    found = []
    for seed in range(100):
        rng = np.random.default_rng([seed, 12])
        log, target = bent_log(100, rng)
        found.append(snips(log, target, interval="bootstrap", rng=rng))
    assert covered(found) >= 86
