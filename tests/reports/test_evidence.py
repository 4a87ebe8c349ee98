"""The page of all verdicts."""

from dataclasses import replace

from sb3_entropy.reports.evidence import deciding, evidence_markdown, evidence_of
from sb3_entropy.studies.plan import Plan
from tests.reports.study.results import make_results, make_study, with_runs


def results(name="made_up", bonus=60.0, **changes):
    arms = {"PPO": {"algo": "ppo"}, "SPPO": {"algo": "sppo", "sweep": {"ent_coef": [0.01, 0.1]}}}
    decision = [
        {"name": "a | b", "measure": "final_return", "treatment": "SPPO", "control": "PPO", "expect": "greater"}
    ]
    made = make_results(make_study(**{"arms": arms, "decision": decision, "also": [], **changes}), bonus=bonus)
    return replace(made, plan=Plan(made.study.renamed(name)))


def rows(page):
    return [line for line in page.splitlines() if line.startswith("| [")]


def test_a_row_and_a_section_for_each_study():
    page = evidence_markdown([evidence_of(results("first")), evidence_of(results("second", bonus=-60.0))])
    first, second = rows(page)
    assert first.startswith("| [first](#first)<br>SPPO ends higher than PPO. | ✓ **supported** | ")
    assert "✕ **refuted**" in second
    assert page.count("\n## ") == 2
    assert "**Finding.** It does & it does not." in page
    assert "2 of 2 supported" in first
    assert "0–4" in first


def test_the_same_results_give_the_same_text():
    assert evidence_markdown([evidence_of(results())]) == evidence_markdown([evidence_of(results())])


def test_the_numbers_are_those_of_the_verdict():
    made = results()
    comparison = made.verdict.criteria[0].comparisons[1]
    line = next(
        line
        for line in evidence_markdown([evidence_of(made)]).splitlines()
        if line.startswith(f"| {comparison.treatment} |")
    )
    assert f"{comparison.difference.value:.1f} [{comparison.difference.low:.1f}, " in line
    assert line.endswith("| supported |")
    assert " 5 " in line


def test_bars_and_line_breaks_do_not_break_the_table():
    page = evidence_markdown([evidence_of(results(claim="one\n| two"))])
    (row,) = rows(page)
    assert "one \\| two" in row
    assert "a \\| b" in row


def test_what_decides_is_the_least_clear_of_what_agrees():
    criterion = results().verdict.criteria[0]
    weak, strong = (replace(c, p_adjusted=p) for c, p in zip(criterion.comparisons, (0.02, 0.001), strict=True))
    assert deciding(replace(criterion, comparisons=(weak, strong))) is weak
    enough = replace(criterion, comparisons=(weak, strong, replace(weak, outcome="undecided")))
    assert deciding(enough) is strong
    assert deciding(replace(criterion, outcome="undecided")) is None


def test_without_runs_and_without_studies():
    page = evidence_markdown([evidence_of(with_runs(results(), []))])
    assert "undecided, from 0 runs, 15 missing." in page
    assert "none yet" in evidence_markdown([])
