"""Rules that compare with a number, count runs, or ask for an interaction."""

import numpy as np
import pytest
from scipy import stats

from sb3_entropy.registry import MEASURES
from sb3_entropy.statistics import midpoint_difference
from sb3_entropy.studies.check import check_study
from sb3_entropy.studies.measures import Measure, end
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.rules import compared, rule_in_words
from sb3_entropy.studies.spec import parse_study
from sb3_entropy.studies.verdict import judge
from studies.specs import study, text

NUMBER = {"value": 7, "source": "the paper, Table 2"}
AGAINST = {"measure": "entropy", "treatment": "PPO", "control": NUMBER, "expect": "greater"}
SHARE = {
    **AGAINST,
    "measure": "final_return",
    "share_at_least": 100,
    "control": {"value": 0.5, "source": "a coin"},
}
MIDPOINT = {
    "measure": "goes_right",
    "midpoint": "ent_coef",
    "treatment": "SPPO",
    "control": {"value": 0.06, "source": "a formula"},
    "expect": "less",
}
LOW, HIGH = {"arm": "SPPO", "ent_coef": 0.01}, {"arm": "SPPO", "ent_coef": 0.1}
ARMS = {"PPO": {"algo": "ppo"}, "PPO2": {"algo": "ppo"}, "SPPO": {"algo": "sppo", "sweep": {"ent_coef": [0.01, 0.1]}}}
INTERACTION = {
    "measure": "final_return",
    "treatment": HIGH,
    "control": "PPO",
    "minus": {"treatment": LOW, "control": "PPO2"},
    "expect": "greater",
}


def only(rule, table, seeds=10, **changes):
    """:return: the criterion that was judged, and its one comparison"""
    asked = study(decision=[rule], seeds=seeds, **changes)
    (criterion,) = judge(Plan(asked), lambda arm, _, __: dict(enumerate(table[arm]))).criteria
    (comparison,) = criterion.comparisons
    return criterion, comparison


def outcome(rule, table, **changes):
    return only(rule, table, **changes)[0].outcome


def test_against_a_number_it_is_students_test():
    scores = np.array([8.5, 7.25, 9.0, 8.0])
    criterion, found = only(AGAINST, {"PPO": scores}, seeds=4)
    assert (found.treatment, found.control, found.n, criterion.kind) == ("PPO", "7", 4, "number")
    assert found.difference.value == pytest.approx(scores.mean() - 7)
    assert found.p_adjusted == pytest.approx(stats.ttest_1samp(scores, 7, alternative="greater").pvalue)
    assert found.improvement is None


@pytest.mark.parametrize(
    ("changes", "mean", "expected"),
    [
        ({}, 9, "supported"),
        ({}, 5, "refuted"),
        ({}, 7.1, "undecided"),
        ({"margin": 4}, 9, "refuted"),
        ({"expect": "not_greater", "margin": 1}, 6, "supported"),
        ({"expect": "within", "margin": 1}, 7, "supported"),
        ({"expect": "within", "margin": 1}, 9, "refuted"),
        ({"expect": "equivalent", "margin": 1}, 7, "supported"),
    ],
)
def test_outcomes_against_a_number(changes, mean, expected):
    noise = np.random.default_rng(0).normal(size=12)
    table = {"PPO": mean + 0.5 * (noise - noise.mean())}
    assert outcome({**AGAINST, **changes}, table, seeds=12) == expected


@pytest.mark.parametrize("passed", range(11))
@pytest.mark.parametrize(("expect", "margin"), [("greater", 0), ("less", 0.1), ("within", 0.45), ("not_less", 0.2)])
def test_a_share_of_runs_is_judged_by_the_exact_test(passed, expect, margin):
    """As scipy judges it; "within ±margin" by two tests at 5 %, its opposite by two at 2.5 % together."""

    def p(number, alternative):
        return stats.binomtest(passed, 10, number, alternative=alternative).pvalue

    def one_sided(expected, against):
        return "supported" if expected <= 0.025 else "refuted" if against <= 0.025 else "undecided"

    wide = {
        "greater": lambda: one_sided(p(0.5, "greater"), p(0.5, "less")),
        "less": lambda: one_sided(p(0.4, "less"), p(0.4, "greater")),
        "not_less": lambda: one_sided(p(0.3, "greater"), p(0.3, "less")),
        "within": lambda: (
            "supported"
            if max(p(0.05, "greater"), p(0.95, "less")) <= 0.05
            else "refuted"
            if 2 * min(p(0.05, "less"), p(0.95, "greater")) <= 0.025
            else "undecided"
        ),
    }
    table = {"PPO": [100.0] * passed + [99.0] * (10 - passed)}
    criterion, found = only({**SHARE, "expect": expect, "margin": margin}, table)
    assert criterion.outcome == wide[expect]()
    low, high = stats.binomtest(passed, 10).proportion_ci(0.95, "exact")
    assert (found.difference.low, found.difference.high) == pytest.approx((low - 0.5, high - 0.5))
    assert (criterion.kind, criterion.unit, found.difference.method) == ("share", "share of runs", "exact")


def test_runs_that_score_at_most_so_much_are_counted_too():
    rule = {key: value for key, value in SHARE.items() if key != "share_at_least"}
    table = {"PPO": [-500.0] * 9 + [-100.0]}
    assert only({**rule, "share_at_most": -500}, table)[1].difference.value == pytest.approx(0.9 - 0.5)


@pytest.fixture
def solved(monkeypatch):
    def score(steps, values):
        return float(end()(steps, values) >= 475)

    solved = Measure("Solved", "", True, ("deterministic/return",), score, yes_or_no=True)
    MEASURES.keys()
    monkeypatch.setitem(MEASURES._things, "solved", solved)


def test_a_measure_that_is_a_yes_or_a_no_is_counted(solved):
    rule = {**AGAINST, "measure": "solved", "control": {"value": 0.5, "source": "a coin"}}
    table = {"PPO": [1.0] * 9 + [0.0]}
    criterion, found = only(rule, table)
    assert (criterion.outcome, found.difference.method) == ("supported", "exact")
    assert found.p_adjusted == pytest.approx(stats.binomtest(9, 10, 0.5, alternative="greater").pvalue)
    # What is neither is no score: the run counts as missing.
    assert outcome(rule, {"PPO": [1.0] * 9 + [0.5]}) == "undecided"
    # Against another arm it is a measure like any other.
    assert only({**rule, "control": "PPO2"}, {**table, "PPO2": [0.0] * 10}, arms=ARMS)[0].kind == "pair"


def test_an_interaction_is_the_difference_of_differences_of_each_seed():
    rng = np.random.default_rng(4)
    a, b, c, d = rng.normal(size=(4, 10)) + 50 * rng.normal(size=10)
    table = {"SPPO, ent_coef=0.1": a, "PPO": b, "SPPO, ent_coef=0.01": c, "PPO2": d}
    criterion, found = only(INTERACTION, table, arms=ARMS)
    test = stats.ttest_1samp(a - b - c + d, 0, alternative="greater")
    low, high = stats.ttest_1samp(a - b - c + d, 0).confidence_interval(0.95)
    assert (found.difference.value, found.p_adjusted) == pytest.approx(((a - b - c + d).mean(), test.pvalue))
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high))
    assert (found.treatment, found.control) == ("(SPPO, ent_coef=0.1 − PPO)", "(SPPO, ent_coef=0.01 − PPO2)")
    assert (criterion.kind, found.improvement) == ("interaction", None)
    iqms = only({**INTERACTION, "statistic": "iqm"}, table, arms=ARMS)[1].difference.value
    assert iqms == pytest.approx(stats.trim_mean(a - b, 0.25) - stats.trim_mean(c - d, 0.25))
    table["PPO2"] = [*d[:-1], float("nan")]
    assert only(INTERACTION, table, arms=ARMS)[1].n == 9


def test_both_pairs_of_an_interaction_share_what_nobody_names():
    swept = study(sweep={"gamma": [0.9, 0.99]}, arms=ARMS, decision=[INTERACTION])
    found = [tuple(side.label for side in sides) for sides in compared(Plan(swept), swept.criteria[0])]
    assert found == [
        tuple(
            name.replace("{}", f"gamma={gamma}")
            for name in ("SPPO, {}, ent_coef=0.1", "PPO, {}", "SPPO, {}, ent_coef=0.01", "PPO2, {}")
        )
        for gamma in (0.9, 0.99)
    ]
    # A difference less itself, or a side less itself, is no comparison.
    rule = {**INTERACTION, "treatment": "PPO", "control": "PPO2", "minus": {"treatment": "PPO", "control": "PPO2"}}
    none = study(arms=ARMS, decision=[rule])
    assert compared(Plan(none), none.criteria[0]) == []


def test_what_is_named_in_both_pairs_may_differ_between_them():
    named = {
        "measure": "final_return",
        "treatment": {"arm": "SPPO", "gamma": 0.9},
        "control": "PPO",
        "minus": {"treatment": {"arm": "SPPO", "gamma": 0.99}, "control": "PPO"},
        "expect": "greater",
    }
    swept = study(sweep={"gamma": [0.9, 0.99]}, decision=[named])
    found = compared(Plan(swept), swept.criteria[0])
    assert [[side.settings["gamma"] for side in sides] for sides in found] == [[0.9, 0.9, 0.99, 0.99]] * 2
    assert [[sides[0].settings["ent_coef"], sides[2].settings["ent_coef"]] for sides in found] == [
        [0.01] * 2,
        [0.1] * 2,
    ]


DOSES = {"SPPO": {"algo": "sppo", "sweep": {"ent_coef": [0.1, 0.01, 0.03], "gamma": [0.9]}}, "PPO": {"algo": "ppo"}}


def yes_of(first, second, third):
    """:return: so many of ten runs that say yes, by rising doses"""
    counts = {0.01: first, 0.03: second, 0.1: third}
    return {f"SPPO, ent_coef={x}, gamma=0.9": [1.0] * k + [0.0] * (10 - k) for x, k in counts.items()}


@pytest.mark.parametrize(
    ("counts", "changes", "expected"),
    [
        ((0, 8, 10), {}, "supported"),
        ((0, 1, 10), {}, "undecided"),
        ((0, 0, 1), {}, "refuted"),
        ((0, 0, 10), {}, "undecided"),
        ((0, 0, 10), {"expect": "within", "margin": 0.05}, "supported"),
        ((0, 8, 10), {"expect": "within", "margin": 0.01}, "refuted"),
        ((0, 8, 10), {"expect": "greater"}, "refuted"),
        ((5, 5, 5), {}, "undecided"),
    ],
)
def test_a_midpoint_is_found_among_all_doses(counts, changes, expected):
    criterion, found = only({**MIDPOINT, **changes}, yes_of(*counts), arms=DOSES)
    assert (criterion.outcome, criterion.kind, criterion.unit) == (expected, "midpoint", "ent_coef")
    assert (found.treatment, found.control, found.n, found.improvement) == ("SPPO, gamma=0.9", "0.06", 10, None)
    assert found.sides == tuple(yes_of(*counts))
    margin = changes.get("margin", 0.0)
    assert found.difference.margin == 0
    expect = midpoint_difference([0.01, 0.03, 0.1], counts, [10] * 3, 0.06)
    np.testing.assert_equal((found.difference.value, found.difference.low), (expect.value, expect.low))
    if not margin and changes.get("expect") != "greater":
        assert found.p_adjusted == expect.p_less


def test_a_midpoint_needs_every_run_of_every_dose():
    table = yes_of(0, 8, 10)
    table["SPPO, ent_coef=0.03, gamma=0.9"][0] = float("nan")
    criterion, found = only(MIDPOINT, table, arms=DOSES)
    assert (criterion.outcome, found.n) == ("undecided", 9)


def test_each_value_of_what_else_is_swept_has_a_midpoint_of_its_own():
    asked = study(arms=DOSES, sweep={"gae_lambda": [0.8, 0.9]}, decision=[MIDPOINT])
    found = [[side.settings["ent_coef"] for side in sides] for sides in compared(Plan(asked), asked.criteria[0])]
    assert found == [[0.01, 0.03, 0.1]] * 2


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (
            MIDPOINT,
            "The ent_coef at which half of the runs say yes to goes_right of “SPPO” lies below 0.06 (a formula), in "
            "all of the comparisons, by profile likelihood of a logistic curve, one-sided at 2.5% after Holm. Refuted "
            "if the difference is shown to be greater than 0.",
        ),
        (
            {**AGAINST, "expect": "not_greater", "margin": 0.5},
            "The mean entropy of “PPO” lies no more than 0.5 above 7 (the paper, Table 2), in all of the comparisons, "
            "one-sided at 2.5% after Holm. Refuted if the difference is shown to be greater than 0.5.",
        ),
        (
            {**SHARE, "expect": "within", "margin": 0.2},
            "The share of runs with final_return of at least 100 of “PPO” is within ±0.2 of 0.5 (a coin), in all of "
            "the comparisons, by the exact binomial test, two one-sided tests at 2.5% each after Holm. Refuted if "
            "the difference is shown to be outside ±0.2.",
        ),
        (
            INTERACTION,
            "The mean final_return of “SPPO, ent_coef=0.1”, minus that of “PPO”, lies above the same difference "
            "between “SPPO, ent_coef=0.01” and “PPO2”, in all of the comparisons, paired by seed, one-sided at 2.5% "
            "after Holm. Refuted if the difference is shown to be less than 0.",
        ),
        (
            {**INTERACTION, "statistic": "iqm"},
            "The iqm of the seed-by-seed differences in final_return between “SPPO, ent_coef=0.1” and “PPO” lies above "
            "that of the differences between “SPPO, ent_coef=0.01” and “PPO2”, in all of the comparisons, paired by "
            "seed, one-sided at 2.5% after Holm. Refuted if the difference is shown to be less than 0.",
        ),
    ],
)
def test_the_rule_in_words(rule, sentence):
    asked = study(arms=ARMS, decision=[rule])
    assert rule_in_words(asked.criteria[0], asked.level) == sentence


@pytest.mark.parametrize(
    ("rule", "where", "words"),
    [
        ({**AGAINST, "control": 7}, "control", "must be a text or a mapping (an arm, or a number with its source: {va"),
        ({**AGAINST, "control": {"value": 7}}, "control", "the key 'source' is missing"),
        ({**AGAINST, "control": {"value": "7", "source": "x"}}, "control.value", "must be a number, but '7' was given"),
        ({**AGAINST, "control": {"ent_coef": 7}}, "control", "the key 'arm' is missing"),
        ({**AGAINST, "control": {**NUMBER, "of": 1}}, "control.of", "Unknown key 'of'"),
        ({**AGAINST, "expect": "within"}, "decision[0]", "expect: within needs a margin"),
        ({**AGAINST, "minus": INTERACTION["minus"]}, "minus", "an arm on all four sides, but control is a number"),
        ({**INTERACTION, "minus": {"treatment": "PPO"}}, "minus", "the key 'control' is missing"),
        ({**INTERACTION, "minus": {"treatment": "PO", "control": "PPO"}}, "minus.treatment", "Did you mean 'PPO'?"),
        ({**INTERACTION, "minus": {"treatment": HIGH, "control": "PPO"}}, "decision[0]", "no variant of the treatment"),
        ({**SHARE, "control": "PPO2"}, "control", "a share of runs is compared with a number; write control: {value"),
        ({**SHARE, "control": {"value": 50, "source": "x"}}, "control.value", "must be between 0 and 1, but 50 was"),
        ({**SHARE, "share_at_most": 3}, "share_at_most", "share_at_least stands here too; take one of them out"),
        ({**SHARE, "statistic": "iqm"}, "statistic", "statistic must be mean, but iqm was given"),
        ({**SHARE, "environments": "all"}, "environments", "environments must be each, but all was given"),
        ({**SHARE, "margin": 0.6}, "decision[0]", "no share of runs lies on the other side of 1.1, so that only one"),
        ({**SHARE, "expect": "not_less", "margin": 0.5}, "decision[0]", "on the other side of 0, so"),
        ({**MIDPOINT, "measure": "final_return"}, "measure", "and final_return is no yes or no"),
        ({**MIDPOINT, "control": "PPO"}, "control", "a midpoint is compared with a number; write control: {value"),
        ({**MIDPOINT, "share_at_most": 1}, "share_at_most", "a midpoint has no share_at_most; take it out"),
        ({**MIDPOINT, "statistic": "iqm"}, "statistic", "a midpoint has no statistic; take it out"),
        (
            {**MIDPOINT, "midpoint": "gamma"},
            "midpoint",
            "SPPO must sweep gamma over two or more numbers, but it has [N",
        ),
        ({**MIDPOINT, "treatment": "PPO"}, "midpoint", "PPO must sweep ent_coef over two or more numbers, but it has"),
        ({**MIDPOINT, "treatment": HIGH}, "treatment", "all values of ent_coef; name SPPO without one"),
        ({**MIDPOINT, "midpoint": 3}, "midpoint", "must be a text, but 3 was given"),
        ({**SHARE, "expect": "within", "margin": 0.7}, "decision[0]", "on the other side of -0.2 and 1.2, so"),
    ],
)
@pytest.mark.parametrize("section", ["decision", "changed"])
def test_a_rule_that_makes_no_sense_is_refused_where_it_stands(rule, where, words, section):
    given = {"decision": [rule]} if section == "decision" else {"changed": [{"why": "a test", "decision": [rule]}]}
    yaml_text = text(arms=ARMS, **{"decision": [INTERACTION], **given})
    with pytest.raises(ValueError, match="nothing has been run") as caught:
        check_study(Plan(parse_study("bad", yaml_text, "bad.yml")), done=lambda _: True)
    told = next(line for line in str(caught.value).splitlines() if words in line)
    place, _, _ = told.strip().partition(": ")
    assert place.endswith(where if where == "decision[0]" else f"decision[0].{where}")
    line = yaml_text.splitlines()[int(place.removeprefix("line ").partition(",")[0]) - 1]
    assert line.strip().removeprefix("- ").startswith("measure" if where == "decision[0]" else where.rpartition(".")[2])


def test_sound_rules_of_every_kind_are_let_through():
    one_side = {**SHARE, "control": {"value": 1, "source": "all"}, "expect": "within", "margin": 0.3}
    assert check_study(
        Plan(study(arms=ARMS, decision=[AGAINST, SHARE, INTERACTION, one_side, MIDPOINT])), done=lambda _: True
    )
