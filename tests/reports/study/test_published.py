"""Published numbers beside ours, in the report and on the page of evidence."""

import csv
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from sb3_entropy.reports.evidence import evidence_markdown, evidence_of, published_table
from sb3_entropy.reports.study import write_report
from sb3_entropy.reports.study.published import published_note, standing
from sb3_entropy.statistics import Interval, interval
from tests.reports.study.results import make_results, make_study, with_runs

ARMS = {"PPO": {"algo": "ppo"}, "S|PPO": {"algo": "sppo", "sweep": {"ent_coef": [0.01, 0.1]}}}
RULE = [{"measure": "final_return", "treatment": "S|PPO", "control": "PPO", "expect": "greater"}]
COMMON = {"arms": ARMS, "decision": RULE, "also": [], "figures": []}
PUBLISHED = {
    "note": "one <seed> &\nthe last update.",
    "final_return": {"PPO": 1000, "S|PPO": -12.5, "S|PPO, ent_coef=0.1": 362.25},
    "entropy": {"S|PPO, ent_coef=0.01": 0.693},
}


def results(**changes):
    return make_results(make_study(**{**COMMON, "published": PUBLISHED, **changes}))


@pytest.fixture(scope="module")
def made():
    found = results()
    high = ours(found, "S|PPO, ent_coef=0.1", "final_return").high
    # a number that our interval just contains
    numbers = {**PUBLISHED["final_return"], "S|PPO, ent_coef=0.1": math.floor(high)}
    return results(published={**PUBLISHED, "final_return": numbers})


def scores_of(of, arm, measure, environment="CartPole-v1"):
    return [run.scores[measure] for run in of.runs if (run.arm, run.environment) == (arm, environment)]


def ours(of, arm, measure):
    """The interval as the statistics make it, without tables between."""
    return interval(scores_of(of, arm, measure), "mean", rng=np.random.default_rng(0))


def table(page):
    lines = [line for line in page.splitlines() if line.startswith("|") and not re.fullmatch(r"[|-]+", line)]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


@pytest.mark.parametrize(
    ("published", "low", "high", "place"),
    [
        (2.0, 1.0, 3.0, "inside"),
        (1.0, 1.0, 3.0, "inside"),
        (3.0, 1.0, 3.0, "inside"),
        (3.01, 1.0, 3.0, "outside (ours lower)"),
        (0.99, 1.0, 3.0, "outside (ours higher)"),
        (-3.5, -3.0, -1.0, "outside (ours higher)"),
        (0.1, np.mean([0.1] * 3), np.mean([0.1] * 3), "inside"),
        (2.0, math.nan, math.nan, ""),
    ],
)
def test_where_a_published_number_stands(published, low, high, place):
    assert standing(published, Interval((low + high) / 2, low, high, 0.95, "t")) == place


def test_without_our_interval_nothing_is_said():
    assert standing(2.0, None) == ""


def test_the_evidence_has_ours_beside_the_sources(made):
    header, *rows = table("\n".join(published_table(evidence_of(made))))
    assert header[:3] == ["Arm", "Environment", "n"]
    assert header[3:] == ["mean final_return (return)", "published", "mean entropy (nats)", "published"]
    assert [row[:3] for row in rows] == [
        [arm, "CartPole-v1", "5"] for arm in ("PPO", "S\\|PPO, ent_coef=0.01", "S\\|PPO, ent_coef=0.1")
    ]
    for row, arm in zip(rows, ("PPO", "S|PPO, ent_coef=0.01", "S|PPO, ent_coef=0.1"), strict=True):
        for cell, measure in ((row[3], "final_return"), (row[5], "entropy")):
            value, low, high = (float(number.replace("−", "-")) for number in re.findall(r"[−\d.]+", cell))
            found = ours(made, arm, measure)
            # an estimate is written with three digits of its interval's width
            rounding = (found.high - found.low) / 100
            assert value == pytest.approx(np.mean(scores_of(made, arm, measure)), abs=rounding)
            assert (low, high) == pytest.approx((found.low, found.high), abs=rounding)
    number = made.study.published.numbers["final_return"]["S|PPO, ent_coef=0.1"]
    assert [row[4] for row in rows] == [
        "1000, outside (ours lower)",
        "−12.5, outside (ours higher)",
        f"{number}, inside",
    ]
    found = ours(made, "S|PPO, ent_coef=0.01", "entropy")
    assert found.high < 0.693
    assert [row[6] for row in rows] == ["–", "0.693, outside (ours lower)", "–"]


def test_it_stands_below_the_verdict_and_only_where_something_is_published(made):
    page = evidence_markdown([evidence_of(made)])
    title = (
        "**Published numbers beside ours.** Published: what the source reports (one &lt;seed> &amp; the last update),"
    )
    assert page.index("**Verdict.**") < page.index("| Treatment |") < page.index(title) < page.index("```sh")
    plain = replace(made, plan=results(published=None).plan)
    without = evidence_markdown([evidence_of(plain)])
    assert without == page.replace("\n".join(["", *published_table(evidence_of(made)), ""]), "")
    assert "ublished" not in without


def test_the_report_has_a_column_beside_each_measure_that_has_published_numbers(made, tmp_path):
    html = write_report(made, tmp_path).read_text()
    scores = html.partition('<section id="scores"')[2].partition("</section>")[0]
    head, *body = re.findall(r"<tr>(.*?)</tr>", scores, re.DOTALL)
    assert re.findall(r"<th[^>]*>(.*?)</th>", head) == ["Arm", "n", "final_return", "published", "entropy", "published"]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in body]
    written = [row[3:] for row in table("\n".join(published_table(evidence_of(made))))[1:]]
    assert [row[1:] for row in cells] == written
    assert "what the source reports (one &lt;seed&gt; &amp; the last update), inside or outside our interval" in scores
    with (tmp_path / "scores.csv").open(newline="") as lines:
        listed = {(row["arm"], row["measure"]): row["published"] for row in csv.DictReader(lines)}
    assert listed["PPO", "final_return"] == "1000.0"
    assert listed["S|PPO, ent_coef=0.01", "final_return"] == "-12.5"
    assert listed["PPO", "entropy"] == ""


def test_a_report_without_published_numbers_has_no_such_column(tmp_path):
    page = write_report(results(published={"note": "the source has no numbers"}), tmp_path)
    assert not re.search("ublished", page.read_text().replace("published:", ""))
    assert (tmp_path / "scores.csv").read_text().splitlines()[0].endswith(",method")


def test_only_measures_with_numbers_have_the_column(tmp_path):
    html = write_report(results(published={"entropy": {"PPO": 0.5}}), tmp_path).read_text()
    assert len(re.findall(r'<th scope="col">published</th>', html)) == 1
    assert html.index('<th scope="col">entropy</th>') < html.index('<th scope="col">published</th>')


def test_an_arm_that_has_not_run_keeps_the_sources_number(made):
    later = with_runs(made, [run for run in made.runs if run.arm != "PPO"])
    first = table("\n".join(published_table(evidence_of(later))))[1]
    assert first == ["PPO", "CartPole-v1", "0", "–", "1000", "–", "–"]


def test_one_run_has_no_interval_to_be_inside_of(made):
    single = with_runs(made, [run for run in made.runs if run.seed == 0])
    assert [row[4] for row in table("\n".join(published_table(evidence_of(single))))[1:]][:2] == ["1000", "−12.5"]


def test_each_environment_has_its_own_numbers(tmp_path):
    numbers = {"Acrobot-v1": {"final_return": {"PPO": -1e6}}, "CartPole-v1": {"final_return": {"PPO": 1e6}}}
    several = results(environments=["CartPole-v1", "Acrobot-v1"], published=numbers)
    rows = table("\n".join(published_table(evidence_of(several))))[1:]
    assert [(row[0], row[1], row[4]) for row in rows] == [
        ("PPO", "CartPole-v1", "1000000, outside (ours lower)"),
        ("PPO", "Acrobot-v1", "−1000000, outside (ours higher)"),
    ]
    for row in rows:
        mean = np.mean(scores_of(several, "PPO", "final_return", row[1]))
        assert float(row[3].partition(" ")[0]) == pytest.approx(mean, rel=1e-2)
    html = write_report(several, tmp_path).read_text()
    assert html.count("outside (ours lower)") == html.count("outside (ours higher)") == 1


def test_the_statistic_is_that_by_which_the_measure_is_judged():
    rule = [{**RULE[0], "statistic": "iqm"}]
    made = results(decision=rule, published={"final_return": {"PPO": 300}})
    header, first = table("\n".join(published_table(evidence_of(made))))
    assert header[3] == "iqm final_return (return)"
    scores = sorted(run.scores["final_return"] for run in made.runs if run.arm == "PPO")
    # Of five scores the outer quarters are one and a quarter each.
    iqm = (0.75 * scores[1] + scores[2] + 0.75 * scores[3]) / 2.5
    assert float(first[3].partition(" ")[0]) == pytest.approx(iqm, rel=1e-2)


def test_the_note_may_be_left_out(made):
    plain = made.study.model_copy(update={"published": made.study.published.model_copy(update={"note": ""})})
    assert published_note(plain).startswith("Published: what the source reports, inside or outside our interval")


def test_a_number_that_belongs_to_nothing_is_told_instead_of_left_out(tmp_path):
    wrong = results(published={"final_return": {"A2C": 1}})
    for write in (lambda: evidence_markdown([evidence_of(wrong)]), lambda: write_report(wrong, tmp_path)):
        with pytest.raises(ValueError, match=r"published\.final_return\.A2C: Unknown arm of this study 'A2C'"):
            write()
