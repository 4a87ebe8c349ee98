"""The hyperparameters of a search's trial: the one that is named, trial 0 too, and else the best."""

import shutil
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from sb3_entropy import SPPO
from sb3_entropy.cli.main import main
from sb3_entropy.zoo.samplers import SAMPLERS

VALUES = (-3.0, -1.0, -2.0)
SMALL = {"n_steps_pow": 5, "batch_size_pow": 5, "n_epochs": 1, "net_arch": "tiny", "std_scheme": "global"}


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """A journal with three trials, of which number 1 is the best, and one that runs; and a study without trials."""
    journal = tmp_path_factory.mktemp("search") / "search.log"
    storage = JournalStorage(JournalFileBackend(str(journal)))
    optuna.create_study(storage=storage, study_name="new")
    study = optuna.create_study(storage=storage, study_name="s", direction="maximize")
    for value, clip_range in zip((*VALUES, None), (0.1, 0.2, 0.3, 0.4), strict=True):
        study.enqueue_trial({**SMALL, "clip_range": clip_range})
        trial = study.ask()
        SAMPLERS["sppo"](trial, 1, 1, {})
        if value is not None:
            study.tell(trial, value)
    return journal, study.trials


@pytest.fixture
def trials(search, tiny):
    """Its trials, and the journal in the working folder."""
    journal, trials = search
    shutil.copy(journal, tiny)
    return trials


@pytest.mark.parametrize(("option", "number"), [(["--trial-id", "0"], 0), ([], 1), (["--trial-id", "2"], 2)])
def test_the_trial_that_is_meant_is_trained(trials, train, capsys, option, number):
    command = [*train, "--eval-freq", "-1", "-n", "64", "--storage", "search.log", "--study-name", "s", *option]
    assert main(command) == 0, capsys.readouterr().err
    assert f"Hyperparameters of trial {number} of the study s, value {VALUES[number]}" in capsys.readouterr().out
    model = SPPO.load("logs/sppo/Pendulum-v1_1/Pendulum-v1.zip")
    assert model.gamma == 1 - trials[number].params["one_minus_gamma"]
    assert model.clip_range(1.0) == trials[number].params["clip_range"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--trial-id", "0"], "--trial-id 0 was given, but a trial is found by"),
        (["--trial-id", "0", "--study-name", "s"], "add --storage, or -optimize"),
        (["--storage", "search.log"], "add --study-name, or -optimize"),
        (["--storage", "search.log", "--study-name", "s", "--trial-id", "4"], "from 0 to 3, but 4 was given"),
        (["--storage", "search.log", "--study-name", "s", "--trial-id", "-1"], "from 0 to 3, but -1 was given"),
        (["--storage", "search.log", "--study-name", "s", "--trial-id", "3"], "Trial 3 of 's' has not ended"),
        (["--storage", "search.log", "--study-name", "new"], "No trial of 'new' was completed"),
        (["--storage", "search.log", "--study-name", "t"], "Unknown study 't'. Available: new, s."),
        (["--storage", "none.log", "--study-name", "s"], "There is no file none.log"),
        (["--storage", "sqlite:///none.db", "--study-name", "s"], "There is no file none.db"),
    ],
)
def test_a_trial_that_cannot_be_found_is_an_error(trials, train, capsys, options, words):
    assert main([*train, *options]) == 2
    assert words in capsys.readouterr().err
    assert not Path("none.log").exists()
    assert not Path("none.db").exists()


def test_agents_are_evaluated_on_the_environment_of_the_preset(tiny, train, capsys):
    quick = ["-n", "64", "--eval-freq", "64", "--eval-episodes", "1"]
    assert main([*train, *quick, "-params", "env_kwargs:{'g':0.5}"]) == 0, capsys.readouterr().err
    assert "eval_env_kwargs={'g': 0.5}" in capsys.readouterr().out
