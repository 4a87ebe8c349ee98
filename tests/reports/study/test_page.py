"""What the report writes, and that no state of a study keeps it from being written."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sb3_entropy.plots.theme import THEMES
from sb3_entropy.reports.study import write_report
from sb3_entropy.reports.study.coverage import comparison_note, coverage_note
from sb3_entropy.reports.study.data import figure_data
from sb3_entropy.reports.study.tables import score_rows, statistic_of
from sb3_entropy.statistics import coverage
from sb3_entropy.studies.commands import commands
from sb3_entropy.studies.plan import Plan
from tests.reports.study.results import NASTY, TRACEBACK, failed, make_results, make_study, with_runs


@pytest.fixture(scope="module")
def results():
    return make_results(make_study())


@pytest.fixture(scope="module")
def folder(results, tmp_path_factory):
    return write_report(results, tmp_path_factory.mktemp("report")).parent


@pytest.fixture(scope="module")
def html(folder):
    return (folder / "index.html").read_text()


def without_figures(results):
    return replace(results, plan=Plan(results.study.model_copy(update={"figures": ()})))


def table(path):
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_files(folder):
    figures = ["01_learning_curves", "02_scores", "03_differences", "04_response"]
    tables = ["comparisons.csv", "index.html", "runs.csv", "scores.csv"]
    expected = [f"{figure}.{ending}" for figure in figures for ending in ("png", "svg")] + tables
    assert sorted(path.name for path in folder.iterdir()) == sorted(expected)
    assert (folder / "01_learning_curves.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "01_learning_curves.svg").read_text().startswith("<?xml")


def test_the_page_says_all_that_is_asked_of_it(html, results):
    comparison = results.verdict.criteria[0].comparisons[0]
    assert results.verdict.outcome == "supported"
    said = ["Supported", "SPPO ends higher than PPO.", "a test", "It does &amp; it does not.", "sb3-entropy study run"]
    said += [results.verdict.criteria[0].rule.split(" of ")[0], "torch", "abc", "learning_rate", "0–4", "n = "]
    said += [f"{comparison.difference.value:.1f}", "&lt; 0.001" if comparison.p_adjusted < 0.001 else "0.0"]
    for text in said:
        assert text in html


def test_nothing_in_it_points_anywhere(html):
    targets = re.findall(r"""\s(?:src|href|action|srcset|poster)\s*=\s*["']?([^"'\s>]+)""", html)
    assert targets
    assert {target for target in targets if not target.startswith(("#", "data:"))} == set()
    assert "@import" not in html
    assert re.findall(r"url\((?!#)", html) == []
    assert "://" not in html


def test_names_are_escaped_everywhere(html):
    assert NASTY not in html
    assert "&lt;b&gt;&#34;soft&#34; &amp; co&lt;/b&gt;" in html
    embedded = re.search(r'<script type="application/json" id="run-data">(.*?)</script>', html, re.DOTALL)
    assert json.loads(embedded[1])["arms"][1] == f"{NASTY}, ent_coef=0.01"


def test_every_runs_curve_is_on_the_page(html, results):
    data = json.loads(re.search(r'id="run-data">(.*?)</script>', html, re.DOTALL)[1])
    run = results.runs[-1]
    cell = next(c for c in data["cells"] if data["arms"][c["arm"]] == run.arm)
    index = cell["seeds"].index(run.seed)
    curve = cell["curves"][data["curves"].index("deterministic/return")][index]
    np.testing.assert_allclose(curve, run.curves["deterministic/return"], rtol=5e-4)
    assert cell["ids"][index] == run.run_id
    assert data["steps"][cell["steps"]] == run.steps.tolist()


def test_the_tables_as_files(folder, results):
    scores, comparisons, runs = (table(folder / f"{name}.csv") for name in ("scores", "comparisons", "runs"))
    mine = next(row for row in scores if row["ent_coef"] == "0.1" and row["measure"] == "final_return")
    of_arm = [run.scores["final_return"] for run in results.runs if run.settings.get("ent_coef") == 0.1]
    assert float(mine["value"]) == pytest.approx(np.mean(of_arm))
    assert float(mine["low"]) < float(mine["value"]) < float(mine["high"])
    assert mine["n"] == "5"
    assert [row["decides"] for row in comparisons] == ["True", "True", "False", "False"]
    assert float(comparisons[0]["difference"]) == results.verdict.criteria[0].comparisons[0].difference.value
    assert len(runs) == len(results.runs)
    assert float(runs[3]["final_return"]) == results.runs[3].scores["final_return"]


def test_two_reports_are_equal_to_the_byte(results, folder, tmp_path):
    again = write_report(results, tmp_path).parent
    for path in folder.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_an_older_reports_figures_go_and_other_files_stay(results, tmp_path):
    (tmp_path / "07_scores.svg").write_text("old")
    (tmp_path / "notes.md").write_text("mine")
    write_report(without_figures(results), tmp_path)
    assert not (tmp_path / "07_scores.svg").exists()
    assert (tmp_path / "notes.md").read_text() == "mine"
    assert not list(tmp_path.glob(".*"))


def test_failed_runs_are_told_once_for_equal_tracebacks(results, tmp_path):
    runs = list(results.runs)
    broken = with_runs(results, [failed(runs[0]), failed(runs[1]), failed(runs[2], "OSError: full"), *runs[3:]])
    html = write_report(without_figures(broken), tmp_path).read_text()
    assert "3 runs have failed, in 2 ways" in html
    assert html.count("alert(1)&lt;/script&gt; &amp; NaN</code>") == 1
    assert "PPO in CartPole-v1, seed 0, 1" in html
    assert TRACEBACK not in html


def test_missing_runs_are_named(results, tmp_path):
    html = write_report(without_figures(with_runs(results, list(results.runs)[2:])), tmp_path).read_text()
    assert "2 runs are still to be done." in html
    assert "PPO in CartPole-v1, seed 0, 1" in html


def test_one_seed_has_no_intervals(tmp_path):
    results = make_results(make_study(seeds=1))
    html = write_report(results, tmp_path).read_text()
    assert "could not be drawn" not in html
    assert not re.search(r"\bnan\b", html, re.IGNORECASE)
    assert coverage_note(results.study, score_rows(results.study, figure_data(results))) == ""


def test_scores_that_are_not_numbers(results, tmp_path):
    runs = [replace(run, scores={**run.scores, "entropy": float("nan")}) for run in results.runs]
    runs[0] = replace(
        runs[0], scores={"final_return": float("inf")}, curves={"deterministic/return": runs[0].steps * np.nan}
    )
    html = write_report(with_runs(results, runs), tmp_path).read_text()
    assert "could not be drawn" not in html
    assert not re.search(r"\bnan\b", re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL), re.IGNORECASE)
    json.loads(re.search(r'id="run-data">(.*?)</script>', html, re.DOTALL)[1])


def test_runs_of_two_lengths_meet_where_both_were_evaluated(results):
    longer = replace(
        results.runs[0], steps=np.array([1000.0, 2000.0]), curves={"deterministic/return": np.array([7.0, 8.0])}
    )
    data = figure_data(with_runs(results, [longer, *results.runs[1:]]))
    first = data.arms[0].curves["deterministic/return"][0]
    assert first[-1] == 7
    assert np.isnan(first[:-1]).all()


def test_a_figure_that_fails_takes_nothing_else_down(results, tmp_path):
    figures = ({"figure": "scores", "measure": "reward"}, {"figure": "nothing"}, {"figure": "scores"})
    html = write_report(
        replace(results, plan=Plan(results.study.model_copy(update={"figures": figures}))), tmp_path
    ).read_text()
    assert html.count("could not be drawn") == 2
    assert "Unknown measure of this study &#39;reward&#39;. Available: entropy, final_return." in html
    assert (tmp_path / "03_scores.svg").exists()


def test_the_commands(results, monkeypatch):
    name = results.study.document.origin
    assert commands(results) == f"sb3-entropy study run {name}\nsb3-entropy study report {name}"
    fewer = with_runs(results, [run for run in results.runs if run.seed < 3])
    assert commands(fewer).startswith(f"sb3-entropy study run {name} --seeds 3\n")
    rehearsal = replace(results, plan=Plan(results.study.renamed("made_up_200_steps")))
    assert "--timesteps 200" in commands(rehearsal)
    # Elsewhere than by default, and with a space.
    kept = replace(results, store="my runs.sqlite")
    options = "--store 'my runs.sqlite'"
    assert commands(kept, Path("pages")).splitlines() == [
        f"sb3-entropy study run {name} {options}",
        f"sb3-entropy study report {name} {options} -f pages",
    ]
    assert commands(replace(results, store="runs/studies.sqlite"), Path("reports")) == commands(results)
    monkeypatch.setenv("SB3_ENTROPY_STORE", "my runs.sqlite")
    assert commands(kept) == commands(results)


def test_a_measure_has_the_statistic_by_which_it_is_judged():
    study = make_study(
        decision=[
            {"measure": "final_return", "treatment": NASTY, "control": "PPO", "expect": "greater", "statistic": "iqm"}
        ]
    )
    assert statistic_of(study, "final_return") == "iqm"
    assert statistic_of(study, "entropy") == "mean"  # of the exhibit
    assert statistic_of(study, "drawdown") == "iqm"  # of the first criterion


def test_text_has_contrast_in_both_themes():
    css = (THEMES["light"].ground, THEMES["dark"].ground)
    page = re.findall(r"\{([^{}]*--ground: #[^{}]*)\}", _css())
    assert len(page) == 3  # light, dark by preference, dark by the button
    assert _colours(page[1]) == _colours(page[2])
    for block, ground in zip(page[:2], css, strict=True):
        colours = _colours(block)
        assert colours["ground"].upper() == ground
        for name in ("ink", "faint", "link", "supported", "refuted", "undecided"):
            for behind in ("ground", "raised"):
                assert contrast(colours[name], colours[behind]) >= 4.5, (name, behind)


def _css():
    from sb3_entropy.reports import page

    return (page._HERE / "style.css").read_text()


def _colours(block):
    return dict(re.findall(r"--(\w+): (#\w{6})", block))


def contrast(first, second):
    """WCAG 2.2's ratio of relative luminances."""

    def luminance(colour):
        channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_coverage_beside_figures_is_that_of_the_worst_case(results, monkeypatch):
    from sb3_entropy.reports.study import coverage as module

    asked = []

    def simulated(n, n_tasks, statistic, method, *, paired):
        asked.append((n, n_tasks, statistic, paired))
        return {5: 0.934, 4: 0.912}[n]

    monkeypatch.setattr(module, "coverage", simulated)
    rows = score_rows(results.study, figure_data(with_runs(results, list(results.runs)[1:])))
    note = coverage_note(results.study, rows)
    assert set(asked) == {(4, 1, "mean", False), (5, 1, "mean", False)}
    assert note.startswith(
        "Such intervals, nominally 95 %, contain the truth in at least 91.2 % of simulated cases (mean, n = 4"
    )
    assert coverage_note(results.study.model_copy(update={"level": 0.9}), rows) == ""
    monkeypatch.setattr(module, "coverage", lambda *case, paired: float("nan"))
    monkeypatch.setattr(module, "simulated", lambda *case, paired: set())
    assert coverage_note(results.study, rows) == ""


@pytest.mark.parametrize("n", [2, 3, 4, 7, 10])
def test_only_coverages_that_were_simulated_are_quoted(n):
    results = make_results(make_study(seeds=n))
    notes = [
        (coverage_note(results.study, score_rows(results.study, figure_data(results))), False),
        (comparison_note(results.study, results.verdict.criteria[0]), True),
    ]
    for note, paired in notes:
        method = "studentized" if n > 4 and not paired else "t"

        def share_of(k, method=method, paired=paired):
            return f"{100 * coverage(k, 1, 'mean', method, paired=paired):.3g} %"

        if n in (2, 3, 10):
            assert f"in at least {share_of(n)} of simulated cases (mean, n = {n}, method {method}" in note
        else:
            below, above = {4: (3, 5), 7: (5, 10)}[n]
            assert f"were not simulated for n = {n} (mean, method {method})" in note
            assert f"in at least {share_of(below)} for n = {below} and {share_of(above)} for n = {above}." in note


def test_runs_without_a_score_are_not_counted(results, tmp_path):
    """Four of five runs have no finite score, of another arm all have failed: n is 1 of 5, and 0 of 5."""
    label = f"{NASTY}, ent_coef=0.1"
    nothing = {"final_return": float("nan")}
    broken = [replace(r, scores={**r.scores, **nothing}) if r.arm == "PPO" and r.seed else r for r in results.runs]
    broken = [failed(run) if run.arm == label else run for run in broken]
    made = replace(with_runs(results, broken), store="my runs.sqlite")
    html = write_report(made, tmp_path).read_text()
    rows = {row.arm.label: row for row in score_rows(made.study, figure_data(made))}
    assert rows["PPO"].n_text == "1 to 5 of 5"
    assert rows["PPO"].n_of("final_return") == " (n = 1)"
    assert rows[label].n_text == "0 of 5"
    assert rows[f"{NASTY}, ent_coef=0.01"].n_text == "5"
    assert '<td class="n">1 to 5 of 5</td>' in html
    assert '<td class="n">0 of 5</td>' in html
    (line,) = [r for r in table(tmp_path / "scores.csv") if (r["arm"], r["measure"]) == ("PPO", "final_return")]
    assert (line["n"], line["runs"], line["low"]) == ("1", "5", "nan")
    # What is said of failed runs is what happens, and can be typed.
    assert "is left alone by the next <code>study run</code>" in html
    assert f"sb3-entropy study run {made.study.document.origin} --store &#39;my runs.sqlite&#39; --retry-failed" in html
    assert "tried again" not in html


def test_notes_stand_with_the_criterion(html, results):
    assert "The typical run, the mean, the worst run and failures, arm by arm" in html
    assert "What neither a test nor a caution can show is a failure that did not happen" in html
    assert "none in 33 % of studies of 5 runs" in html


def test_the_coverage_beside_comparisons_is_that_of_paired_differences(results):
    criterion = results.verdict.criteria[0]
    note = comparison_note(results.study, criterion)
    assert note.startswith("Such intervals of paired differences, nominally 95 %, contain the truth in at least ")
    assert f"(mean, n = {criterion.comparisons[0].n}, method t" in note
    assert comparison_note(results.study.model_copy(update={"level": 0.9}), criterion) == ""
    assert comparison_note(results.study, replace(criterion, comparisons=())) == ""


ARMS = {"PPO": {"algo": "ppo"}, "SPPO": {"algo": "sppo"}}
PAIR = {"measure": "final_return", "treatment": "SPPO", "control": "PPO", "expect": "greater"}
SWEPT = {"SPPO": {"algo": "sppo", "sweep": {"ent_coef": [0.01, 0.1]}}}
TWICE = {"treatment": "PPO", "control": "SPPO"}


@pytest.mark.parametrize(
    ("rule", "heads", "note"),
    [
        (PAIR, ["Treatment", "Control"], "Such intervals of paired differences, nominally 95 %, contain the truth"),
        (
            {**PAIR, "control": {"value": 9, "source": "a table"}},
            ["Arm", "Number"],
            f"contain the truth in at least {100 * coverage(5, 1, 'mean', 'studentized'):.3g} % of simulated cases",
        ),
        ({**PAIR, "minus": TWICE}, ["Difference", "Minus"], "of interactions contain the truth was not simulated."),
        (
            {**PAIR, "control": {"value": 0.5, "source": "a coin"}, "share_at_least": 100},
            ["Arm", "Number"],
            "Difference from the number in final_return (share of runs), with 95 % intervals.",
        ),
        (
            {
                **PAIR,
                "measure": "goes_right",
                "midpoint": "ent_coef",
                "control": {"value": 0.05, "source": "a formula"},
            },
            ["Arm", "Number"],
            "Such intervals of midpoints, nominally 95 %, contain the truth in at least 91 % of simulated cases",
        ),
    ],
)
def test_the_table_says_what_is_compared(rule, heads, note, tmp_path):
    """There is no probability of improvement unless two arms are compared, and no pair whose coverage is known."""
    results = without_figures(
        make_results(make_study(arms=SWEPT if "midpoint" in rule else ARMS, decision=[rule], also=[]))
    )
    section = write_report(results, tmp_path).read_text().partition('<section class="criterion">')[2]
    section = " ".join(section.partition("</table>")[0].split())
    columns = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', section)
    assert columns[:2] == heads
    assert note in section
    assert ("P(improvement)" in columns) == ("P(improvement)" in section) == (rule is PAIR)
    assert len(re.findall("<t[dh]", section.partition("<tbody>")[2])) == len(columns)
    pair_note = "of paired differences" in comparison_note(results.study, results.verdict.criteria[0])
    assert pair_note == (rule is PAIR)


def test_of_intervals_that_are_not_drawn_no_coverage_is_quoted(tmp_path):
    results = make_results(make_study(seeds=2, figures=["scores"]))
    rows = score_rows(results.study, figure_data(results))
    assert coverage_note(results.study, rows, 3) == ""
    note = coverage_note(results.study, rows)
    assert note.startswith("Such intervals")
    html = write_report(results, tmp_path).read_text()
    assert note not in html.partition("<figcaption>")[2].partition("</figcaption>")[0]
    assert note in html.partition("Each arm's score")[2]
