"""Where studies and their results are found."""

from pathlib import Path

from not_run import NOT_RUN

from sb3_entropy.studies.library import find_study, results_folder, study_files

REPOSITORY = Path(__file__).parents[2]


def test_results_of_our_studies_are_in_evidence_and_those_of_others_beside_the_yaml(tmp_path, monkeypatch):
    ours = find_study("liu2020_pendulum")
    assert results_folder(ours, "liu2020_pendulum") == REPOSITORY / "evidence" / "liu2020_pendulum"
    assert results_folder(ours, "liu2020_pendulum_9_steps") == REPOSITORY / "evidence" / "liu2020_pendulum_9_steps"
    assert results_folder(tmp_path / "mine.yml", "mine") == tmp_path / "results" / "mine"
    monkeypatch.chdir(REPOSITORY / "zoo_configs")
    assert results_folder(Path("studies/shift.yml"), "shift") == REPOSITORY / "evidence" / "shift"


def test_every_folder_of_evidence_is_a_study_of_ours():
    assert {folder.name for folder in (REPOSITORY / "evidence").iterdir()} == study_files().keys() - NOT_RUN
