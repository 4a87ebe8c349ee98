"""Rules that rank cells, and rules of some environments alone."""

import zlib

import numpy as np
import pytest
from scipy.stats import spearmanr

from sb3_entropy.studies.cautions import cautions
from sb3_entropy.studies.check import check_study
from sb3_entropy.studies.outlook import outlook
from sb3_entropy.studies.paired import Scores
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.ranked import ranked_cells, ranking_in_words
from sb3_entropy.studies.verdict import judge
from studies.specs import study

SWEPT = {"ent_coef": [0.01, 0.1, 0.3]}
ARMS = {
    "PPO": {"algo": "ppo"},
    "SPPO": {"algo": "sppo", "sweep": SWEPT},
    "SA2C": {"algo": "sa2c", "hyperparams": {"n_steps": 32}, "sweep": SWEPT},
}
RANKED = {
    "name": "it predicts",
    "measure": "entropy",
    "treatment": "SPPO",
    "control": {"value": 0, "source": "no relation"},
    "expect": "greater",
    "ranks_with": {
        "measure": "final_return",
        "best_of": ["SA2C", {"arm": "SPPO", "ent_coef": 0.01}, "PPO"],
        "over": "SPPO",
    },
}
ENVIRONMENTS = {"CartPole-v1": {"score_range": [0, 500]}, "Acrobot-v1": {"score_range": [-50, 0]}}


def asked(rule=RANKED, **changes):
    given = {"arms": ARMS, "environments": ENVIRONMENTS, "seeds": 5, "hyperparams": {}, **changes}
    return study(decision=[rule], **given)


def table(gain=1.0, noise=0.1):
    """:return: of every run: an entropy of its own by cell, and a return that SA2C betters by so much times it"""
    rng = np.random.default_rng(0)
    places = [(env, alpha) for env in ENVIRONMENTS for alpha in SWEPT["ent_coef"]]
    own = dict(zip(places, rng.permutation(6) - 1.0, strict=True))

    def scores(label, env, measure):
        alpha = float(label.partition("=")[2] or 0)
        made = np.random.default_rng(zlib.crc32(f"{len(label)} {env} {alpha} {measure}".encode())).normal(0, noise, 5)
        if measure == "entropy":
            return dict(enumerate(own.get((env, alpha), 0.0) + made)) if label.startswith("SPPO") else {}
        base = {"SPPO": 0.0, "PPO": -9.0}.get(label.partition(",")[0], gain * own.get((env, alpha), 0.0))
        return dict(enumerate(base + made))

    return scores


def test_cells_are_variants_in_environments_with_the_partners_of_the_same_values():
    rule = asked().criteria[0]
    cells = ranked_cells(Plan(asked()), rule)
    assert [(cell.environment, cell.measured.label) for cell in cells[:2]] == [
        ("CartPole-v1", "SPPO, ent_coef=0.01"),
        ("Acrobot-v1", "SPPO, ent_coef=0.01"),
    ]
    last = cells[-1]
    assert last.measured.label == last.over.label == "SPPO, ent_coef=0.3"
    # What the criterion names it names; the others follow the cell.
    assert [each.label for each in last.best_of] == ["SA2C, ent_coef=0.3", "SPPO, ent_coef=0.01", "PPO"]


def test_it_is_spearmans_of_the_cells_means_minus_the_number():
    made, plan = table(), Plan(asked())
    (criterion,) = judge(plan, made).criteria
    (found,) = criterion.comparisons
    (rule,), x, y = plan.study.criteria, [], []
    for cell in ranked_cells(plan, rule):
        x.append(np.mean([*made(cell.measured.label, cell.environment, "entropy").values()]))
        returns = [np.mean([*made(each.label, cell.environment, "final_return").values()]) for each in cell.best_of]
        y.append(max(returns) - np.mean([*made(cell.over.label, cell.environment, "final_return").values()]))
    y = np.array(y) / [{"CartPole-v1": 500, "Acrobot-v1": 50}[cell.environment] for cell in ranked_cells(plan, rule)]
    assert found.difference.value == pytest.approx(spearmanr(x, y).statistic)
    assert found.difference.low <= found.difference.value <= found.difference.high
    assert (criterion.kind, criterion.unit, found.environment, found.n) == ("rank", "rank correlation", "all", 6)
    assert (found.treatment, found.control) == ("rank correlation", "0")
    moved = {**RANKED, "control": {"value": 0.3, "source": "weak"}}
    (other,) = judge(Plan(asked(moved)), made).criteria[0].comparisons
    assert other.difference.value == pytest.approx(found.difference.value - 0.3)
    assert other.difference.high == pytest.approx(found.difference.high - 0.3)


@pytest.mark.parametrize(
    ("gain", "changes", "outcome"),
    [
        (1.0, {}, "supported"),
        (1.0, {"expect": "less"}, "refuted"),
        (1.0, {"expect": "not_less", "margin": 0.2}, "supported"),
        (1.0, {"expect": "not_greater", "margin": 0.05}, "refuted"),
        (1.0, {"expect": "within", "margin": 0.1}, "refuted"),
        (0.0, {}, "undecided"),
    ],
)
def test_outcomes(gain, changes, outcome):
    rule = {**RANKED, **changes, "ranks_with": {**RANKED["ranks_with"], "best_of": "SA2C"}}
    assert judge(Plan(asked(rule)), table(gain)).outcome == outcome


def test_it_is_undecided_while_a_seed_is_missing_and_has_no_difference_without_any():
    made = table()

    def without(seeds):
        return lambda label, env, measure: {s: v for s, v in made(label, env, measure).items() if s not in seeds}

    plan = Plan(asked())
    some = judge(plan, without({4})).criteria[0]
    assert (some.outcome, some.comparisons[0].difference is None) == ("undecided", False)
    none = judge(plan, without(set(range(5)))).criteria[0]
    assert (none.outcome, none.comparisons[0].difference) == ("undecided", None)

    class Results:
        study, runs = plan.study, ()

    scores = Scores(Results())
    assert outlook(scores, plan.study.criteria[0], none) == [
        "No seed is finished in all cells. There is no verdict before one is."
    ]
    assert "of 6 cells is wide mostly because there are so few" in outlook(scores, plan.study.criteria[0], some)[0]
    assert cautions(plan.study, scores, plan.study.criteria[0], some) == []


def test_in_words():
    rule = asked().criteria[0]
    assert ranking_in_words(rule, 0.95) == (
        "Over the variants of “SPPO” in all environments, Spearman's ρ between the mean entropy and the mean "
        "final_return that the best of “SA2C”, “SPPO, ent_coef=0.01”, “PPO” has beyond “SPPO” lies above 0 (no "
        "relation), one-sided at 2.5%, by a bootstrap of cells and seeds. Refuted if it is shown to lie below it."
    )
    for expect, said in {
        "less": "lies more than 0.2 below 0 (no relation), one-sided",
        "not_less": "lies no more than 0.2 below 0",
        "not_greater": "lies no more than 0.2 above 0",
        "within": "lies within ±0.2 of 0",
    }.items():
        assert said in ranking_in_words(asked({**RANKED, "expect": expect, "margin": 0.2}).criteria[0], 0.95)


def test_its_measures_are_the_studys():
    assert set(asked(measures=None).measures) == {"entropy", "final_return"}


def refusal(rule, **changes):
    with pytest.raises(ValueError, match="nothing has been run") as caught:
        check_study(Plan(asked(rule, **changes)))
    return str(caught.value)


def test_errors():
    with_gain = lambda **gain: {**RANKED, "ranks_with": {**RANKED["ranks_with"], **gain}}  # noqa: E731
    assert "a rank correlation is compared with a number from −1 to 1" in refusal({**RANKED, "control": "PPO"})
    assert "a rank correlation is compared" in refusal({**RANKED, "control": {"value": 2, "source": "x"}})
    assert "ranks_with ranks means of cells, and statistic cannot stand beside it" in refusal(
        {**RANKED, "statistic": "iqm"}
    )
    assert "and share_at_least cannot stand beside it" in refusal({**RANKED, "share_at_least": 1})
    assert "ranks_with ranks cells in all environments" in refusal({**RANKED, "environments": "all"})
    assert "Unknown arm 'SAC'" in refusal(with_gain(over="SAC"))
    assert "Unknown swept hyperparameter 'gamma'" in refusal(with_gain(best_of=[{"arm": "SA2C", "gamma": 1}]))
    assert "Unknown measure 'elegance'" in refusal(with_gain(measure="elegance"))
    bare = {"CartPole-v1": {"score_range": [0, 500]}, "Acrobot-v1": {}}
    assert "environments.Acrobot-v1: ranks_with final_return is ranked across environments; add score_range" in (
        refusal(RANKED, environments=bare)
    )
    other = {**ARMS, "A2C": {"algo": "a2c", "sweep": {"gamma": [0.9, 0.99]}}}
    assert "over: one variant is needed beside SPPO, ent_coef=0.01, but A2C, gamma=0.9, A2C, gamma=0.99 is meant" in (
        refusal(with_gain(over="A2C"), arms=other)
    )
    lacking = {**ARMS, "SA2C": {**ARMS["SA2C"], "sweep": {"ent_coef": [0.01, 0.1]}}}
    assert "best_of: no variant has the settings of SPPO, ent_coef=0.3" in refusal(
        with_gain(best_of="SA2C"), arms=lacking
    )
    assert "cells have different numbers of alternatives" in refusal(RANKED, arms=lacking)


SOME = {
    "measure": "entropy",
    "treatment": {"arm": "SPPO", "ent_coef": 0.3},
    "control": "PPO",
    "expect": "greater",
    "environments": ["Acrobot-v1"],
}


def test_a_rule_of_some_environments_alone():
    made = {"CartPole-v1": 0.0, "Acrobot-v1": 5.0}
    noise = np.random.default_rng(1).normal(size=5)

    def scores(label, env, _):
        return dict(enumerate(made[env] * label.startswith("SPPO") + 0.01 * noise * len(label)))

    found = judge(Plan(asked(SOME)), scores)
    assert found.outcome == "supported"
    assert [each.environment for each in found.criteria[0].comparisons] == ["Acrobot-v1"]
    both = judge(Plan(asked({**SOME, "environments": ["CartPole-v1", "Acrobot-v1"]})), scores).criteria[0]
    assert len(both.comparisons) == 2
    assert [
        c.environment for c in judge(Plan(asked({**SOME, "environments": "each"})), scores).criteria[0].comparisons
    ] == [
        "CartPole-v1",
        "Acrobot-v1",
    ]


def test_an_environment_that_the_study_does_not_have():
    assert "environments: Unknown environment of the study 'Pong'" in refusal({**SOME, "environments": ["Pong"]})
    with pytest.raises(ValueError, match="Unknown value 'some'"):
        asked({**SOME, "environments": "some"})
