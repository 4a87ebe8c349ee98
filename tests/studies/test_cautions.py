"""What stands beside a verdict and decides nothing: cautions, and what each arm does."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from sb3_entropy.registry import MEASURES
from sb3_entropy.statistics import sign_flip, size
from sb3_entropy.studies.arm_summaries import arm_summaries, failure_line, failure_notes
from sb3_entropy.studies.cautions import blind_spot, cautions, spread_ratio, tail
from sb3_entropy.studies.paired import Pairs, Scores
from tests.reports.study.results import failed, made_of, make_study

STEADY = np.full(10, 200.0)
WIDE = 200.0 + 20 * stats.norm.ppf((np.arange(10) + 0.5) / 10)  # symmetric
FAILING = np.array([*200.0 + np.linspace(-5, 5, 9), 20.0])


def said(treatment, control, number=None, **changes):
    against = "PPO" if number is None else {"value": number, "source": "a table"}
    rule = {"measure": "final_return", "treatment": "SPPO", "control": against, "expect": "greater", **changes}
    study = make_study(arms={"PPO": {"algo": "ppo"}, "SPPO": {"algo": "sppo"}}, decision=[rule], also=[], seeds=10)
    results = made_of(study, {"PPO": control, "SPPO": treatment})
    return cautions(study, Scores(results), study.criteria[0], results.verdict.criteria[0])


def kinds(texts):
    heads = {"An arm's spread": "spread", "The differences' tail": "tail", "Values tie": "ties"}
    return [kind for text in texts for head, kind in heads.items() if text.startswith(head)]


def shifted(scores):
    return scores + np.roll(np.linspace(-9, 9, 10), 3)


@pytest.mark.parametrize(
    ("treatment", "control", "expect", "found"),
    [
        (WIDE, shifted(WIDE), "greater", []),
        (STEADY + np.linspace(0, 1, 10), WIDE, "greater", ["spread"]),
        (WIDE, STEADY + np.linspace(0, 1, 10), "greater", ["spread"]),
        # An arm that fails now and then has a tail downwards: away from "greater", towards "less".
        (FAILING, WIDE, "greater", ["tail"]),
        (FAILING, WIDE, "not_less", ["tail"]),
        (FAILING, WIDE, "less", []),
        (WIDE, FAILING, "less", ["tail"]),
        (FAILING, WIDE, "equivalent", ["tail"]),
        (np.minimum(WIDE, 205), shifted(WIDE), "greater", ["ties"]),
        (WIDE, STEADY, "greater", ["spread", "ties"]),
    ],
)
def test_what_is_warned_of(treatment, control, expect, found):
    margin = {"margin": 3} if expect in ("equivalent", "not_less") else {}
    assert kinds(said(treatment, control, expect=expect, **margin)) == found


def test_a_third_is_the_limit():
    for factor, warned in ((0.34, False), (0.33, True)):
        assert bool(said(200 + factor * (WIDE - 200), WIDE)) == warned
        assert spread_ratio(Pairs(factor * WIDE[:, None], WIDE[:, None])) == pytest.approx(factor)
    pairs = Pairs(FAILING[:, None], WIDE[:, None])
    assert tail(pairs, 1) == -tail(pairs, -1) == pytest.approx(-stats.skew(FAILING - WIDE, bias=False))
    assert tail(Pairs(WIDE[:, None], WIDE[:, None] - 1), 1) == 0


def test_the_risk_is_the_simulated_one():
    (text,) = said(WIDE, STEADY + np.linspace(0, 1, 10))
    assert f"{100 * max(size(10, 'mean', r) for r in (0.3, 0.0)):.1f} % of studies of 10 runs (simulated)" in text
    (text,) = said(WIDE[:7], STEADY[:7] + np.linspace(0, 1, 7))
    assert "of studies of 6 runs and" in text
    assert "of studies of 10 runs (simulated; 7 runs were not simulated)" in text


def test_the_risk_of_several_environments_together_was_not_simulated():
    environments = {name: {"score_range": [0, 500]} for name in ("CartPole-v1", "Acrobot-v1")}
    arms = {"PPO": {"algo": "ppo"}, "SPPO": {"algo": "sppo"}}
    rule = {**RULE, "environments": "all"}
    study = make_study(environments=environments, arms=arms, decision=[rule], also=[], seeds=10)
    results = made_of(study, {"PPO": STEADY + np.linspace(0, 1, 10), "SPPO": WIDE})
    (text,) = cautions(study, Scores(results), study.criteria[0], results.verdict.criteria[0])
    assert text.endswith("What that does to a test of means over 2 environments was not simulated.")


@pytest.mark.parametrize(
    ("expect", "margin"), [("greater", 0.0), ("less", 2.0), ("not_less", 2.0), ("equivalent", 9.0)]
)
def test_the_sign_flip_p_is_that_of_the_rule(expect, margin):
    treatment = np.minimum(shifted(WIDE), 205)
    text = next(t for t in said(treatment, WIDE, expect=expect, margin=margin) if t.startswith("Values tie"))
    d = treatment - WIDE
    if expect == "equivalent":
        p = max(sign_flip(d, -margin).p_greater, sign_flip(d, margin).p_less)
    elif expect == "less":
        p = sign_flip(d, -margin).p_less
    else:
        p = sign_flip(d, -margin if expect == "not_less" else margin).p_greater
    assert f"p = {p:.2g}" in text
    assert "symmetric" in text
    assert "0.031" in text


def test_what_no_caution_shows():
    for n, share in ((5, "33 %"), (6, "26 %"), (10, "11 %")):
        assert share in blind_spot(make_study(seeds=n))


def test_arms():
    """Failures are counted from half the way between the first evaluation and the best arm: here at 110."""
    study = make_study(arms={"PPO": {"algo": "ppo"}, "SPPO": {"algo": "sppo"}}, seeds=10, decision=[RULE], also=[])
    results = made_of(study, {"PPO": FAILING, "SPPO": STEADY}, start=20.0)
    lost = [failed(run) if (run.arm, run.seed) == ("SPPO", 0) else run for run in results.runs]
    scores = Scores(made_of(study, runs=lost))
    criterion = scores.results.verdict.criteria[0]
    line = failure_line(scores, criterion, "CartPole-v1")
    assert (line.start, line.best, line.at) == (20, 200, 110)
    ppo, sppo = arm_summaries(scores, criterion)
    assert (ppo.n, ppo.done, ppo.failures, ppo.worst) == (10, 10, 1, 20)
    assert ppo.mean == pytest.approx(FAILING.mean())
    assert ppo.iqm == pytest.approx(stats.trim_mean(FAILING, 0.25))
    assert (sppo.n, sppo.done, sppo.failures, sppo.worst) == (9, 10, 1, 200)
    (note,) = failure_notes(scores, criterion)
    assert "110: half the way from 20" in note


def without_a_line(scores, words):
    """Nobody knows what a failure is, but for a crash: SPPO's first run."""
    criterion = scores.results.verdict.criteria[0]
    assert failure_line(scores, criterion, "CartPole-v1") is None
    assert [arm.failures for arm in arm_summaries(scores, criterion)] == [0, 1]
    (note,) = failure_notes(scores, criterion)
    assert note.startswith("A run counts as a failure if it crashed or has no finite score.")
    assert words in note


@pytest.mark.parametrize(("start", "beyond"), [(300.0, False), (199.0, False), (180.0, True)])
def test_no_failure_line_unless_an_arm_surely_ends_better_than_it_began(start, beyond):
    """The best arm's IQM is 200 ± 8."""
    study = make_study(arms={"PPO": {"algo": "ppo"}, "SPPO": {"algo": "sppo"}}, seeds=10, decision=[RULE], also=[])
    results = made_of(study, {"PPO": shifted(WIDE) - 1, "SPPO": WIDE}, start=start)
    lost = [failed(run) if (run.arm, run.seed) == ("SPPO", 0) else run for run in results.runs]
    scores = Scores(made_of(study, runs=lost))
    if beyond:
        assert failure_line(scores, scores.results.verdict.criteria[0], "CartPole-v1") is not None
    else:
        without_a_line(scores, "the interval of no arm's IQM is beyond what the runs began with")


@pytest.mark.parametrize("what", ["unit", "higher_is_better"])
def test_only_what_is_earned_tells_a_failure(what, monkeypatch):
    """Not, e.g., a share of the density outside the box, of which less is better."""
    study = make_study(arms={"PPO": {"algo": "ppo"}, "SPPO": {"algo": "sppo"}}, seeds=10, decision=[RULE], also=[])
    results = made_of(study, {"PPO": FAILING, "SPPO": STEADY}, start=20.0)
    lost = [failed(run) if (run.arm, run.seed) == ("SPPO", 0) else run for run in results.runs]
    scores = Scores(made_of(study, runs=lost))
    changed = replace(MEASURES.get("final_return"), **{what: "" if what == "unit" else None})
    monkeypatch.setitem(MEASURES._things, "final_return", changed)
    without_a_line(scores, "final_return is no return" if what == "unit" else "no side of final_return is better")


def test_environments_without_a_failure_line_share_a_sentence():
    environments = {name: {"score_range": [0, 500]} for name in ("CartPole-v1", "Acrobot-v1", "MountainCar-v0")}
    arms = {"PPO": {"algo": "ppo"}, "SPPO": {"algo": "sppo"}}
    study = make_study(environments=environments, arms=arms, seeds=10, decision=[RULE], also=[])
    made = made_of(study, {"PPO": FAILING, "SPPO": STEADY}, start=20.0)
    level = [
        run
        if run.environment == "CartPole-v1"
        else replace(run, curves={**run.curves, "deterministic/return": np.full(10, 200.0)})
        for run in made.runs
    ]
    scores = Scores(made_of(study, runs=level))
    line, none = failure_notes(scores, scores.results.verdict.criteria[0])
    assert line.startswith("A run in CartPole-v1 counts as a failure if it crashed, has no finite score, or ended")
    assert none.startswith("A run in Acrobot-v1, MountainCar-v0 counts as a failure if it crashed or has")


def test_the_failure_line_is_that_of_the_arms_that_are_compared():
    arms = {"PPO": {"algo": "ppo"}, "SPPO": {"algo": "sppo"}, "best": {"algo": "ppo"}}
    study = make_study(arms=arms, seeds=10, decision=[RULE], also=[])
    scores = Scores(made_of(study, {"PPO": FAILING, "SPPO": STEADY, "best": STEADY + 800}, start=20.0))
    assert failure_line(scores, scores.results.verdict.criteria[0], "CartPole-v1").at == 110


RULE = {"measure": "final_return", "treatment": "SPPO", "control": "PPO", "expect": "greater"}


def test_a_number_is_no_arm():
    """It has neither a spread nor ties; a tail of the scores points where it points."""
    assert kinds(said(FAILING, WIDE, 7.0)) == ["tail"]
    assert kinds(said(WIDE, FAILING, 7.0)) == []
    assert kinds(said(np.clip(WIDE, 195, 205), WIDE, 7.0)) == ["ties"]
    # Of a share, which the exact test judges, nothing is warned.
    assert said(FAILING, WIDE, 0.5, share_at_least=100) == []
