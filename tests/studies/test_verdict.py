"""The verdict, from made-up scores: what each rule supports, refutes and leaves undecided."""

import numpy as np
import pytest
from scipy import stats

from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.rules import compared, rule_in_words
from sb3_entropy.studies.verdict import judge
from studies.specs import TINY, study

RULE = TINY["decision"][0]
N = 12


def judged(rule, scores, environments=("CartPole-v1",), **changes):
    """:param scores: mean by (label, environment); each run deviates by a standard normal number"""
    noise = np.random.default_rng(0)
    table = {key: dict(enumerate(mean + noise.normal(size=N))) for key, mean in scores.items()}
    ranges = {name: {"score_range": [0, 10]} for name in environments}
    asked = study(environments=ranges, decision=[rule], seeds=N, **changes)
    return judge(Plan(asked), lambda arm, environment, measure: table.get((arm, environment), {}))


def scores(control, low, high, environment="CartPole-v1"):
    return {
        ("PPO", environment): control,
        ("SPPO, ent_coef=0.01", environment): low,
        ("SPPO, ent_coef=0.1", environment): high,
    }


@pytest.mark.parametrize(
    ("changes", "means", "outcome"),
    [
        ({}, (0, 5, 5), "supported"),
        ({}, (0, 5, 0), "undecided"),
        ({}, (0, 5, -5), "refuted"),
        ({"require": "any"}, (0, 5, -5), "supported"),
        ({"require": "any"}, (0, 0, -5), "undecided"),
        ({"require": "any"}, (0, -5, -5), "refuted"),
        ({"margin": 4}, (0, 8, 8), "supported"),
        ({"margin": 4}, (0, 1, 1), "refuted"),
        ({"expect": "less"}, (0, -5, -5), "supported"),
        ({"expect": "less"}, (0, 5, 5), "refuted"),
        ({"expect": "less", "margin": 4}, (0, -1, -1), "refuted"),
        ({"expect": "not_less", "margin": 4}, (0, 0, -1), "supported"),
        ({"expect": "not_less", "margin": 4}, (0, -9, 0), "refuted"),
        ({"expect": "not_greater", "margin": 4}, (0, 0, 1), "supported"),
        ({"expect": "not_greater", "margin": 4}, (0, 9, 0), "refuted"),
        ({"expect": "equivalent", "margin": 4}, (0, 0.5, -0.5), "supported"),
        ({"expect": "equivalent", "margin": 4}, (0, 9, 0), "refuted"),
        ({"expect": "equivalent", "margin": 4}, (0, -9, 0), "refuted"),
        ({"expect": "equivalent", "margin": 0.1}, (0, 0, 0), "undecided"),
        ({"statistic": "iqm"}, (0, 5, 5), "supported"),
        ({"treatment": {"arm": "SPPO", "ent_coef": 0.1}}, (0, -5, 5), "supported"),
    ],
)
def test_outcomes(changes, means, outcome):
    verdict = judged({**RULE, **changes}, scores(*means))
    assert verdict.outcome == verdict.criteria[0].outcome == outcome


@pytest.mark.parametrize(("p", "outcome"), [(0.02, "supported"), (0.03, "undecided")])
@pytest.mark.parametrize("expect", ["equivalent", "not_less", "not_greater"])
def test_every_claim_has_the_same_risk(expect, p, outcome):
    """One-sided 2.5 %: equivalence is both bounds at 2.5 %, not at 5 %."""
    n = 10
    apart = np.tile([-1.0, 1.0], n // 2)
    margin = float(stats.t.isf(p, n - 1) * apart.std(ddof=1) / np.sqrt(n))
    rule = {**RULE, "expect": expect, "margin": margin, "treatment": {"arm": "SPPO", "ent_coef": 0.1}}

    def look_up(arm, environment, measure):
        return dict(enumerate(apart if arm.startswith("SPPO") else np.zeros(n)))

    verdict = judge(Plan(study(decision=[rule], seeds=n)), look_up)
    assert verdict.criteria[0].comparisons[0].p_adjusted == pytest.approx(p)
    assert verdict.outcome == outcome


LOW, HIGH = {"arm": "SPPO", "ent_coef": 0.01}, {"arm": "SPPO", "ent_coef": 0.1}


@pytest.mark.parametrize(
    ("treatments", "pairs"),
    [
        ([LOW, HIGH], ["SPPO, ent_coef=0.01", "SPPO, ent_coef=0.1"]),
        ([HIGH], ["SPPO, ent_coef=0.1"]),
        (["SPPO", LOW], ["SPPO, ent_coef=0.01", "SPPO, ent_coef=0.1"]),  # named twice, compared once
    ],
)
def test_several_treatments_are_each_compared_with_the_control(treatments, pairs):
    rule = {**RULE, "treatment": treatments}
    asked = study(decision=[rule])
    found = compared(Plan(asked), asked.criteria[0])
    assert [(treatment.label, control.label) for treatment, control in found] == [(pair, "PPO") for pair in pairs]
    verdict = judged(rule, scores(0, 5, -5))
    expected = {"SPPO, ent_coef=0.01": "supported", "SPPO, ent_coef=0.1": "refuted"}
    assert [c.outcome for c in verdict.criteria[0].comparisons] == [expected[pair] for pair in pairs]
    # Listed or swept, it is the same rule.
    if len(pairs) == 2:
        assert judged(RULE, scores(0, 5, -5)).criteria[0].comparisons == verdict.criteria[0].comparisons


def test_the_rule_in_words_of_treatments_and_limits():
    def words(**changes):
        return rule_in_words(study(decision=[{**RULE, **changes}]).criteria[0], 0.95)

    assert "each of “SPPO, ent_coef=0.01” and “SPPO, ent_coef=0.1” lies above" in words(treatment=[LOW, HIGH])
    assert words(expect="not_less", margin=0.01).endswith("Refuted if the difference is shown to be less than −0.01.")
    assert words(expect="less").endswith("Refuted if the difference is shown to be greater than 0.")
    assert words(expect="equivalent", margin=0.02).endswith("shown to be outside ±0.02.")


def test_one_refuted_criterion_refutes_the_claim():
    up = {**RULE, "treatment": {"arm": "SPPO", "ent_coef": 0.1}}
    down = {**RULE, "treatment": {"arm": "SPPO", "ent_coef": 0.01}}
    noise = np.random.default_rng(0)
    means = scores(0, -5, 5)
    table = {key: dict(enumerate(mean + noise.normal(size=N))) for key, mean in means.items()}

    def verdict(*rules):
        asked = study(decision=list(rules), seeds=N)
        return judge(Plan(asked), lambda arm, env, _: table.get((arm, env), {})).outcome

    assert verdict(up) == "supported"
    assert verdict(up, down) == "refuted"
    assert verdict(up, {**down, "expect": "less"}) == "supported"
    assert verdict(up, {**RULE, "control": {"arm": "SPPO", "ent_coef": 0.1}, "treatment": "PPO"}) == "refuted"


def test_the_difference_is_paired_by_seed():
    """Seeds that differ by 100 and a treatment that gains 1 on each of them: unpaired, nothing could be seen."""
    base = {seed: 100.0 * seed for seed in range(10)}
    noise = np.random.default_rng(1)
    gain = {seed: value + 1 + 0.1 * noise.normal() for seed, value in base.items()}
    table = {"PPO": base, "SPPO, ent_coef=0.01": gain, "SPPO, ent_coef=0.1": gain}
    verdict = judge(Plan(study(seeds=10)), lambda arm, _, __: table[arm])
    comparison = verdict.criteria[0].comparisons[0]
    assert verdict.outcome == "supported"
    assert comparison.difference.value == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("lacking", [{}, {5: float("nan")}, {5: float("-inf")}])
def test_nothing_is_decided_while_a_stated_seed_has_no_score(lacking):
    """Failed runs are no accident: leaving them out would reward an arm that fails on bad seeds."""
    good = {seed: 10.0 + seed % 3 for seed in range(10)}
    table = {"PPO": {seed: seed % 2 for seed in range(10)}, "SPPO, ent_coef=0.01": good, "SPPO, ent_coef=0.1": good}
    assert judge(Plan(study(seeds=10)), lambda arm, _, __: table[arm]).outcome == "supported"
    table["SPPO, ent_coef=0.1"] = {**{seed: good[seed] for seed in range(10) if seed != 5}, **lacking}
    first, second = judge(Plan(study(seeds=10)), lambda arm, _, __: table[arm]).criteria[0].comparisons
    assert (first.outcome, first.n) == ("supported", 10)
    assert (second.outcome, second.n) == ("undecided", 9)
    # Seeds beyond the stated ones decide nothing either: they may have been added until something came out.
    more = {seed: 10.0 + seed % 3 for seed in range(30)}
    table = {"PPO": {seed: seed % 2 for seed in range(30)}, "SPPO, ent_coef=0.01": more, "SPPO, ent_coef=0.1": more}
    assert judge(Plan(study(seeds=10)), lambda arm, _, __: table[arm]).criteria[0].comparisons[0].n == 10


def test_the_opposite_is_corrected_over_all_criteria():
    """One refuted criterion refutes the claim, so four of them must not refute it four times as often by chance."""
    noise = np.random.default_rng(5)
    control, effect = noise.normal(size=10), noise.normal(size=10) - 0.48
    worse = dict(enumerate(control + effect))
    table = {"PPO": dict(enumerate(control)), "SPPO, ent_coef=0.01": worse, "SPPO, ent_coef=0.1": worse}
    single = {**RULE, "treatment": {"arm": "SPPO", "ent_coef": 0.01}}

    def outcome(times):
        return judge(Plan(study(decision=[single] * times, seeds=10)), lambda arm, _, __: table[arm]).outcome

    p = (
        judge(Plan(study(decision=[single], seeds=10)), lambda arm, _, __: table[arm])
        .criteria[0]
        .comparisons[0]
        .difference
    )
    assert 0.025 / 4 < p.p_less < 0.025
    assert outcome(1) == "refuted"
    assert outcome(4) == "undecided"


def test_the_probability_of_improvement_is_that_of_being_better():
    low, high = {seed: 0.0 + seed / 100 for seed in range(10)}, {seed: 1.0 + seed / 100 for seed in range(10)}
    table = {"PPO": high, "SPPO, ent_coef=0.01": low, "SPPO, ent_coef=0.1": low}

    def improvement(measure):
        rule = {**RULE, "measure": measure}
        return (
            judge(Plan(study(decision=[rule], seeds=10)), lambda arm, _, __: table[arm])
            .criteria[0]
            .comparisons[0]
            .improvement
        )

    assert improvement("final_return").value == 0
    assert improvement("late_spread").value == 1


def test_environments_together_are_normalised():
    means = {**scores(0, 5, 5), **scores(2, 4, 4, "Acrobot-v1")}
    verdict = judged({**RULE, "environments": "all"}, means, ("CartPole-v1", "Acrobot-v1"))
    (low, high) = verdict.criteria[0].comparisons
    assert low.environment == high.environment == "all"
    assert verdict.criteria[0].unit == "normalised score"
    assert low.difference.value == pytest.approx((0.5 + 0.2) / 2, abs=0.1)
    each = judged(RULE, means, ("CartPole-v1", "Acrobot-v1"))
    assert [c.environment for c in each.criteria[0].comparisons] == ["CartPole-v1", "Acrobot-v1"] * 2


def test_too_few_runs_decide_nothing():
    verdict = judge(Plan(study()), lambda *_: {0: 1.0})
    comparison = verdict.criteria[0].comparisons[0]
    assert (verdict.outcome, comparison.outcome, comparison.n) == ("undecided", "undecided", 1)
    assert comparison.difference is None
    assert judge(Plan(study()), lambda *_: {}).outcome == "undecided"


def test_holm_counts_the_comparisons_of_a_criterion():
    """One p of .02 is enough alone, and not among twenty."""
    noise = np.random.default_rng(5)
    many = {"PPO": {"algo": "ppo"}, "SPPO": {"algo": "sppo", "sweep": {"ent_coef": [k / 100 for k in range(1, 21)]}}}
    asked = study(arms=many, seeds=10)
    control = noise.normal(size=10)
    effect = noise.normal(size=10) + 0.95
    table = {"PPO": dict(enumerate(control))}
    verdict = judge(Plan(asked), lambda arm, _, __: table.get(arm, dict(enumerate(control + effect))))
    single = {**RULE, "treatment": {"arm": "SPPO", "ent_coef": 0.01}}
    alone = judge(
        Plan(study(decision=[single], seeds=10)), lambda arm, _, __: table.get(arm, dict(enumerate(control + effect)))
    )
    first, only = verdict.criteria[0].comparisons[0], alone.criteria[0].comparisons[0]
    assert only.p_adjusted == only.difference.p_greater
    assert first.p_adjusted == pytest.approx(min(1, 20 * only.p_adjusted))


def test_which_variants_are_compared():
    swept = study(sweep={"gamma": [0.9, 0.99]})
    pairs = {(t.label, c.label) for t, c in compared(Plan(swept), swept.criteria[0])}
    assert pairs == {
        (f"SPPO, gamma={gamma}, ent_coef={alpha}", f"PPO, gamma={gamma}")
        for gamma in (0.9, 0.99)
        for alpha in (0.01, 0.1)
    }
    across = {**RULE, "control": {"arm": "SPPO", "ent_coef": 0.01}, "treatment": {"arm": "SPPO", "ent_coef": 0.1}}
    within = study(decision=[across])
    assert [(t.label, c.label) for t, c in compared(Plan(within), within.criteria[0])] == [
        ("SPPO, ent_coef=0.1", "SPPO, ent_coef=0.01")
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {},
            "The mean final_return of “SPPO” lies above that of “PPO”, in all of the comparisons, paired by seed, "
            "one-sided at 2.5% after Holm. Refuted if the difference is shown to be less than 0.",
        ),
        (
            {"expect": "not_less", "margin": 30, "environments": "all", "require": "any"},
            "The mean final_return of “SPPO” lies no more than 30 below that of “PPO”, on normalised scores of all "
            "environments together, in any of the comparisons, paired by seed, one-sided at 2.5% after Holm. Refuted "
            "if the difference is shown to be less than −30.",
        ),
        (
            {"expect": "equivalent", "margin": 0.5, "treatment": {"arm": "SPPO", "ent_coef": 0.1}},
            "The mean final_return of “SPPO, ent_coef=0.1” is within ±0.5 of that of “PPO”, in all of the comparisons, "
            "paired by seed, two one-sided tests at 2.5% each after Holm. Refuted if "
            "the difference is shown to be outside ±0.5.",
        ),
    ],
)
def test_the_rule_in_words(changes, sentence):
    asked = study(decision=[{**RULE, **changes}])
    assert rule_in_words(asked.criteria[0], asked.level) == sentence
