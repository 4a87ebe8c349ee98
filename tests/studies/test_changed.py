"""What was changed after the runs: the rule as it stood is judged beside the one that stands, and decides nothing."""

from dataclasses import replace

import pytest

from sb3_entropy.reports.evidence import evidence_markdown, evidence_of
from sb3_entropy.reports.study import write_report
from sb3_entropy.reports.wording import estimate
from sb3_entropy.store import Store
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.results import digest
from sb3_entropy.studies.worker import score
from tests.reports.study.results import make_results, make_study
from tests.studies.specs import study

RULE = {"name": "ends higher", "measure": "final_return", "treatment": "SPPO", "control": "PPO", "expect": "greater"}
BEFORE = {**RULE, "name": "entropy <is> less", "measure": "entropy", "expect": "less", "margin": 0.5}
CHANGED = [{"why": "The source shows <b>returns</b>.", "claim": "SPPO has less entropy.", "decision": [BEFORE]}]


def results(**changes):
    arms = {"PPO": {"algo": "ppo"}, "SPPO": {"algo": "sppo"}}
    return make_results(make_study(**{"arms": arms, "decision": [RULE], "also": [], "figures": [], **changes}))


def test_the_old_verdict_is_judged_on_the_same_runs():
    now, then = results(changed=CHANGED, measures=["final_return"]), results(decision=[BEFORE])
    assert now.study.measures == ("final_return", "entropy")
    assert now.verdict.outcome == "supported"
    (former,) = now.verdict.former
    assert (former.outcome, former.criteria) == (then.verdict.outcome, then.verdict.criteria)
    assert former.outcome == "refuted"
    # Where the rule stands as it stood, there is nothing to judge again.
    assert results(changed=[{"why": "narrowed", "claim": "wider"}]).verdict.former == (None,)


def test_both_verdicts_stand_on_the_page_of_evidence():
    made = results(changed=CHANGED)
    page = evidence_markdown([evidence_of(made)])
    row = next(line for line in page.splitlines() if line.startswith("| ["))
    assert "✓ **supported**<br>before its rule was changed: ✕ refuted |" in row
    assert "**Changed after the runs.** The source shows &lt;b>returns&lt;/b>." in page
    assert "The claim stood: SPPO has less entropy." in page
    assert "By the rule as it stood before, of the same runs: ✕ refuted." in page
    old = next(
        line for line in page.splitlines() if line.startswith("- entropy &lt;is> less: refuted. The mean entropy")
    )
    assert f" {estimate(made.verdict.former[0].criteria[0].comparisons[0].difference)} nats, p = " in old
    assert "changed" not in evidence_markdown([evidence_of(results())]).partition("| [")[2]


def test_both_verdicts_stand_in_the_report(tmp_path):
    page = write_report(results(changed=CHANGED), tmp_path / "changed").read_text()
    assert "by the rule that was changed after the runs" in page
    assert '<p>By the rule as it stood before: <span class="outcome is-refuted">✕ refuted</span></p>' in page
    assert "The source shows &lt;b&gt;returns&lt;/b&gt;." in page
    assert "entropy &lt;is&gt; less" in page.partition('id="changed"')[2]
    plain = write_report(results(), tmp_path / "plain").read_text()
    assert "by the rule that was stated beforehand" in plain
    assert 'id="changed"' not in plain


def test_it_changes_no_run_and_no_verdict():
    changed = study(changed=CHANGED)
    assert [run.run_id for run in Plan(changed).runs] == [run.run_id for run in Plan(study()).runs]
    with Store(":memory:") as store:
        # The old rule's measure is scored already: what is written of the past leaves a kept verdict valid.
        assert digest(changed, store) == digest(study(), store)
    made = results(changed=CHANGED)
    assert replace(made.verdict, former=()) == results(measures=["final_return", "entropy"]).verdict


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("final_training_return", 19.5),  # of twenty points the last two
        ("late_training_spread", 2**0.5),  # of 16 … 20
        ("late_return", -18.0),
        ("halfway_entropy", 100.0),  # at the tenth
    ],
)
def test_scores_of_recorded_curves(measure, expected):
    steps = [float(k) for k in range(1, 21)]
    curves = {
        "train/return": steps,
        "deterministic/return": [-step for step in steps],
        "bandit/entropy": [step**2 for step in steps],
    }
    assert score(steps, curves, [measure])[measure] == pytest.approx(expected)
