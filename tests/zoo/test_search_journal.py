"""rl-zoo's own search, whose journal is a file that ends in .log."""

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from rl_zoo3.exp_manager import ExperimentManager

from sb3_entropy.zoo.experiment import Experiment


def test_a_journal_that_was_cut_short_is_mended_before_the_search_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    path = tmp_path / "logs" / "study.log"

    def add_trial(storage):
        study = optuna.create_study(study_name="s", storage=storage, load_if_exists=True)
        study.tell(study.ask(), 1.0)
        return [trial.state.name for trial in study.trials]

    add_trial(JournalStorage(JournalFileBackend(str(path))))
    path.write_bytes(path.read_bytes()[:-20])
    states = []
    monkeypatch.setattr(
        ExperimentManager,
        "hyperparameters_optimization",
        lambda self: states.extend(add_trial(JournalStorage(JournalFileBackend(self.storage)))),
    )
    experiment = Experiment.__new__(Experiment)
    experiment.algo, experiment.storage, experiment._hyperparams = "ppo", "logs/study.log", {}
    with pytest.warns(UserWarning, match="study.log was cut short"):
        experiment.hyperparameters_optimization()
    assert states == ["RUNNING", "COMPLETE"]
    assert experiment.storage == str(path)
