"""What would decide: seeds by the power of the t test, steps by the end of the curves."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from sb3_entropy.studies.outlook import needed, outlook, seeds_needed
from sb3_entropy.studies.paired import Pairs, Scores
from tests.reports.study.results import made_of, make_study

RULE = {"measure": "final_return", "treatment": "SPPO", "control": "PPO", "expect": "greater"}
D = np.array([8.0, -3.0, 1.0, 6.0])


def asked(**changes):
    arms = {"PPO": {"algo": "ppo"}, "SPPO": {"algo": "sppo"}}
    return make_study(**{"arms": arms, "seeds": 4, "decision": [RULE], "also": [], **changes})


def said(results):
    return outlook(Scores(results), results.study.criteria[0], results.verdict.criteria[0])


@pytest.mark.parametrize(("effect", "seeds"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)])
def test_textbook_sample_sizes(effect, seeds):
    """Cohen's d of the paired t test, two-sided 5 %, power 80 %: G*Power gives these."""
    assert seeds_needed(effect, 0.025, 0.8) == seeds


def test_iqms_and_small_effects_need_more():
    assert seeds_needed(0.5, 0.025, 0.8, "iqm") > seeds_needed(0.5, 0.025, 0.8)
    assert seeds_needed(0.5, 0.0125, 0.8) > seeds_needed(0.5, 0.025, 0.8)
    assert seeds_needed(0.0, 0.025, 0.8) is seeds_needed(0.01, 0.025, 0.8) is None


def test_planned_seeds_show_it_in_four_of_five_studies():
    """10 000 studies: the share has a standard deviation of 0.004."""
    n, rng = seeds_needed(0.7, 0.025, 0.8), np.random.default_rng(0)
    draws = rng.normal(0.7, 1, size=(10_000, n))
    power = (stats.ttest_1samp(draws, 0, axis=1, alternative="greater").pvalue <= 0.025).mean()
    assert 0.79 < power < 0.84


def test_the_spread_s_own_uncertainty():
    """The limit holds the true spread in 80 % of studies, and is what the larger number is planned with."""
    rule = asked().criteria[0]
    pairs = Pairs(D[:, None], np.zeros((4, 1)))
    found = needed(pairs, rule, 1, 0.95)
    assert (found.effect, found.supports) == (D.mean(), True)
    assert found.spread == pytest.approx(D.std(ddof=1))
    assert found.limit == pytest.approx(D.std(ddof=1) * np.sqrt(3 / stats.chi2.ppf(0.2, 3)))
    assert found.seeds == seeds_needed(D.mean() / found.spread, 0.025, 0.8)
    assert found.seeds_at_most == seeds_needed(D.mean() / found.limit, 0.025, 0.8) > found.seeds
    # The effect that four seeds show: it takes four, and a little less takes five.
    assert seeds_needed(1.001 * found.shown / found.spread, 0.025, 0.8) == 4
    assert seeds_needed(0.99 * found.shown / found.spread, 0.025, 0.8) == 5
    against = needed(Pairs(-D[:, None], np.zeros((4, 1))), rule, 1, 0.95)
    assert (against.supports, against.seeds) == (False, found.seeds)
    assert needed(Pairs(np.ones((4, 1)), np.zeros((4, 1))), rule, 1, 0.95) is None
    equivalent = asked(decision=[{**RULE, "expect": "equivalent", "margin": 5}]).criteria[0]
    assert needed(pairs, equivalent, 1, 0.95).effect == 2


def test_what_is_said():
    base = np.array([100.0, 101.0, 102.0, 103.0])
    results = made_of(asked(), {"PPO": base, "SPPO": base + D}, start=0.0)
    seeds, plan, steps = said(results)
    found = needed(Pairs((base + D)[:, None], base[:, None]), results.study.criteria[0], 1, 0.95)
    assert seeds.startswith("SPPO − PPO: the difference of the means is 3 from the margin, on the claimed side")
    assert f"{found.seeds} seeds show it in four of five studies, {found.seeds_at_most} if" in seeds
    assert plan.startswith("Plan with the larger number")
    assert steps.startswith("The curves still rise: in the last quarter of training deterministic/return changed by +")
    level = made_of(asked(), {"PPO": base, "SPPO": base + D}, start=None)
    assert said(level)[-1].startswith("The curves no longer move clearly")
    assert said(made_of(asked(), {"PPO": base, "SPPO": base + 50 + D})) == []  # decided
    (lacking, *_) = said(made_of(asked(seeds=5), {"PPO": base, "SPPO": base + D}))
    assert "1 of 5 pairs of runs are missing" in lacking
    (one, *_) = said(made_of(asked(seeds=1), {"PPO": base[:1], "SPPO": base[:1]}))
    assert "Run at least two" in one
    equal = made_of(asked(), {"PPO": base, "SPPO": base + np.array([1.0, -1, 1, -1]) * 9})
    assert "more than 1000 seeds" in said(equal)[0]


def test_each_environment_has_its_own_end():
    """Curves of different units are not mixed: one still rises, the other does not."""
    environments = {name: {"score_range": [0, 500]} for name in ("CartPole-v1", "Acrobot-v1")}
    results = made_of(asked(environments=environments), {"PPO": [100.0] * 4, "SPPO": 100 + D}, start=0.0)
    level = np.full(10, -80.0)
    runs = [
        replace(r, curves={**r.curves, "deterministic/return": level + r.seed}) if r.environment == "Acrobot-v1" else r
        for r in results.runs
    ]
    rising, resting = said(made_of(results.study, runs=runs))[-2:]
    assert rising.startswith("CartPole-v1: The curves still rise")
    assert resting.startswith("Acrobot-v1: The curves no longer move clearly")


@pytest.mark.parametrize(
    ("ends", "verb"),
    [
        ([0, 0, 0, 100], "moved late, but in a single step"),
        ([0, 0, 100, 100], "moved late, but in a single step"),
        ([0, -100, -100, -100], "moved late, but in a single step"),
        ([0, 20, 60, 80], "still rise"),
        ([0, -30, -60, -90], "still fall"),
        ([0, 60, 90, 105], "still rise"),
    ],
)
def test_a_jump_is_no_rise(ends, verb):
    base = np.array([100.0, 101.0, 102.0, 103.0])
    made = made_of(asked(), {"PPO": base, "SPPO": base + D}, start=None)
    runs = [
        replace(r, curves={**r.curves, "deterministic/return": np.array([*[0.0] * 6, *ends]) * (1 + r.seed / 50)})
        for r in made.runs
    ]
    assert said(replace(made, runs=tuple(runs)))[-1].startswith(f"The curves {verb}: in the last quarter of training")


def test_a_number_is_planned_like_a_pair_without_its_control():
    against = {**RULE, "control": {"value": 10.0, "source": "a table"}}
    results = made_of(asked(decision=[against]), {"SPPO": 10 + D, "PPO": D})
    (line, *_) = said(results)
    assert line.startswith("SPPO − 10: the mean is 3 from the margin, on the claimed side")
    assert f"standard deviation a run is {D.std(ddof=1):.3g} " in line


def test_against_a_number_there_are_no_pairs():
    rule = {**RULE, "control": {"value": 10.0, "source": "a table"}, "statistic": "iqm"}
    (line, *_) = said(made_of(asked(decision=[rule], seeds=5), {"SPPO": 10 + D, "PPO": D}))
    assert "1 of 5 runs are missing" in line
    (line, *_) = said(made_of(asked(decision=[rule]), {"SPPO": 10 + D, "PPO": D}))
    assert line.startswith("SPPO − 10: the interquartile mean is")
    (line, *_) = said(made_of(asked(decision=[{**rule, "margin": 3}]), {"SPPO": [13.0] * 4, "PPO": D}))
    assert "the runs do not vary" in line


def test_an_interaction_is_planned_by_the_difference_of_differences():
    arms = {name: {"algo": "ppo"} for name in ("PPO", "A", "B")} | {"SPPO": {"algo": "sppo"}}
    minus = {**RULE, "minus": {"treatment": "B", "control": "A"}}
    zeros = np.zeros(4)
    results = made_of(asked(arms=arms, decision=[minus]), {"SPPO": D, "PPO": zeros, "A": D, "B": zeros})
    assert f"standard deviation a seed is {(2 * D).std(ddof=1):.3g} " in said(results)[0]


def test_a_midpoint_is_narrowed_by_values_between():
    rule = {**RULE, "measure": "goes_right", "midpoint": "ent_coef", "control": {"value": 0.05, "source": "a formula"}}
    study = asked(arms={"SPPO": {"algo": "sppo", "sweep": {"ent_coef": [0.01, 0.1]}}}, decision=[rule])
    results = made_of(study, {"SPPO, ent_coef=0.01": np.zeros(4), "SPPO, ent_coef=0.1": np.full(4, -1.0)})
    assert said(results)[0].startswith("SPPO − 0.05: what narrows the interval of a midpoint is values between those")


@pytest.mark.parametrize("passes", ["share_at_least", "share_at_most"])
def test_seeds_for_a_share_by_the_exact_test(passes):
    """Three of four runs pass, against one half: the least n from which on the exact test has a power of 80 %."""
    rule = {**RULE, "control": {"value": 0.5, "source": "half"}, passes: 0.0}
    scores = D if passes == "share_at_least" else -D
    line = said(made_of(asked(decision=[rule]), {"SPPO": scores, "PPO": D}))[0]
    n = int(line.partition("If that is the truth, ")[2].partition(" ")[0])

    def power(n):
        called = [k for k in range(n + 1) if stats.binomtest(k, n, 0.5, "greater").pvalue <= 0.025]
        return sum(stats.binom.pmf(k, n, 0.75) for k in called)

    assert power(n - 1) < 0.8
    assert min(power(m) for m in range(n, n + 15)) >= 0.8
