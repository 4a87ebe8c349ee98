"""What the package says of its studies where their runs are not."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from not_run import NOT_RUN

from sb3_entropy.cli.main import main
from sb3_entropy.reports.evidence import evidence_markdown, evidence_of
from sb3_entropy.studies import evidence, library
from sb3_entropy.studies.evidence import tabulated
from sb3_entropy.studies.library import find_study, study_files
from sb3_entropy.studies.results import kept_outcome
from sb3_entropy.studies.spec import parse_study, read_study
from tests.reports.study.results import make_results, make_study

REPOSITORY = Path(__file__).parents[2]
ARMS = {"PPO": {"algo": "ppo"}, "SPPO": {"algo": "sppo", "sweep": {"ent_coef": [0.01, 0.1]}}}
RULE = {"name": "higher", "measure": "final_return", "treatment": "SPPO", "control": "PPO", "expect": "greater"}


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """As in a wheel: the folder of results is not there."""
    monkeypatch.setattr(library, "EVIDENCE", "nowhere")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def table(monkeypatch, tmp_path):
    """A table of the package that is written by the test."""
    monkeypatch.setattr(evidence, "TABLE", tmp_path / "table.json")
    evidence._table.cache_clear()
    yield tmp_path / "table.json"
    evidence._table.cache_clear()


def test_the_page_is_the_same_without_the_runs(installed, capsys):
    assert main(["evidence"]) == 0
    assert capsys.readouterr().out == (REPOSITORY / "docs" / "evidence.md").read_text()


def test_studies_are_listed_with_the_same_words(monkeypatch, tmp_path):
    studies = [read_study(path) for path in study_files().values()]
    with_runs = [kept_outcome(study) for study in studies]
    monkeypatch.setattr(library, "EVIDENCE", "nowhere")
    assert [kept_outcome(study) for study in studies] == with_runs
    monkeypatch.setattr(evidence, "TABLE", tmp_path / "none")  # not because it looked at the runs after all
    evidence._table.cache_clear()
    with pytest.raises(FileNotFoundError):
        kept_outcome(studies[0])
    monkeypatch.undo()
    evidence._table.cache_clear()


def test_what_needs_the_runs_says_where_they_are_and_takes_them_from_there(installed, capsys):
    where = "in the package. Ours are in evidence/ of sb3-entropy's repository and of its source distribution"
    for command in ("report", "import"):
        assert main(["study", command, "shift"]) == 2
        error = capsys.readouterr().err
        assert f"{where}; name that folder by --evidence PATH." in error
    assert "--folder FOLDER names any." in error
    kept = ["--evidence", str(REPOSITORY / "evidence")]
    assert main(["study", "import", "shift", *kept, "--store", "copy.sqlite"]) == 0
    assert "runs in copy.sqlite; " in capsys.readouterr().out
    assert main(["evidence", "shift", *kept]) == 0
    assert "\n## shift\n" in capsys.readouterr().out
    assert main(["study", "list", *kept]) == 0
    assert "exported)" in capsys.readouterr().out


def test_a_folder_of_results_that_has_none_of_the_study(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["study", "report", "shift", "--evidence", str(tmp_path)]) == 2
    assert f"nor in {tmp_path / 'shift'}. Do them:" in capsys.readouterr().err
    assert main(["study", "list", "--evidence", "absent"]) == 2
    assert (
        "There is no folder absent. That of our own studies is evidence/ of sb3-entropy's repository"
        in capsys.readouterr().err
    )


def test_what_is_tabulated_is_read_again(table):
    changed = [{"why": "w", "claim": "c", "decision": [{**RULE, "expect": "less"}]}, {"why": "the claim", "claim": "d"}]
    published = {"final_return": {"PPO": 1000, "SPPO": -12.5}}
    study = make_study(arms=ARMS, decision=[RULE], changed=changed, published=published)
    results = make_results(study)
    made = evidence_of(results)
    assert made.verdict.criteria
    assert made.verdict.former[1] is None
    assert [row.estimates.keys() for row in made.ours] == [{"final_return"}] * 3
    criterion = made.verdict.criteria[0]
    first, second = criterion.comparisons
    undone = replace(first, difference=None, improvement=None, p_adjusted=1 / 3, n=1)
    odd = replace(made, verdict=replace(made.verdict, criteria=(replace(criterion, comparisons=(undone, second)),)))
    table.write_text(evidence.table_text([odd]), encoding="utf-8")
    again = tabulated(study)
    assert evidence.table_text([again]) == table.read_text(encoding="utf-8")
    assert again.verdict.criteria[0].comparisons[0].difference is None
    assert again.verdict.criteria[0].comparisons[0].p_adjusted == pytest.approx(1 / 3, rel=1e-6)
    assert replace(again, verdict=odd.verdict, ours=odd.ours) == odd
    assert evidence_markdown([tabulated(study)]) == evidence_markdown([odd]) != evidence_markdown([made])
    assert json.loads(table.read_text(encoding="utf-8")).keys() == {study.name}


@pytest.mark.parametrize(
    ("change", "known"), [({"finding": "x"}, True), ({"remarks": "x"}, True), ({"level": 0.9}, False)]
)
def test_the_table_is_about_the_yaml_as_it_stood(change, known):
    study = read_study(find_study("shift"))
    text = yaml.safe_dump({**study.document.values, **change})
    assert (tabulated(parse_study("shift", text, "shift.yml")) is not None) == known
    assert tabulated(parse_study("drift", text, "drift.yml")) is None


@pytest.mark.parametrize(
    ("number", "kept"), [(1.2449999999, 1.2449999999), (0.123456789, 0.1234568), (-2.5, -2.5), (1e-300, 1e-300)]
)
def test_a_number_is_not_rounded_twice(number, kept):
    assert evidence._shortened({"low": [number]}) == {"low": [kept]}


def test_the_numbers_of_the_table_are_finite_where_a_rule_decides():
    for name, path in study_files().items():
        if name in NOT_RUN:
            assert tabulated(read_study(path)) is None
            continue
        found = tabulated(read_study(path))
        assert found is not None, name
        assert all(
            math.isfinite(comparison.difference.value)
            for criterion in found.verdict.criteria
            for comparison in criterion.comparisons
        )
