"""Searches by ask and tell, on any engine, that can be killed."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.storages.journal import JournalFileSymlinkLock
from optuna.trial import TrialState

from sb3_entropy.engines import make_engine
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.search import ArmObjective, search
from sb3_entropy.zoo.journal import mend_journal
from studies import specs

optuna.logging.set_verbosity(optuna.logging.WARNING)


def space(trial):
    return {"x": trial.suggest_float("x", -1, 1), "kind": trial.suggest_categorical("kind", ["a", "b"])}


def parabola(arguments, shared):
    time.sleep((shared or {}).get("seconds", 0))
    return -((arguments["x"] - 0.3) ** 2) - (arguments["kind"] == "b")


def fails(arguments, shared):
    if arguments["kind"] == "b":
        raise ZeroDivisionError("b")
    return float("nan") if arguments["x"] > 0 else arguments["x"]


def drawn(study):
    return [(trial.number, trial.state.name, trial.params, trial.value) for trial in study.get_trials()]


def run(objective, path, n_trials, engine="serial", **options):
    with make_engine(engine, 2 if engine == "process" else None) as made:
        return search(objective, space, made, path, n_trials=n_trials, **options)


def test_finds_the_best_and_goes_on(tmp_path):
    at_once = run(parabola, tmp_path / "a" / "once.journal", 25)
    assert abs(at_once.best_params["x"] - 0.3) < 0.2
    assert at_once.best_params["kind"] == "a"
    for n_trials in (3, 11, 25, 7):
        in_parts = run(parabola, tmp_path / "parts.journal", n_trials)
    assert drawn(in_parts) == drawn(at_once)
    assert drawn(run(parabola, tmp_path / "parts.journal", 25, seed=1, name="other")) != drawn(at_once)


def test_failed_trials_are_told(tmp_path):
    study = run(fails, tmp_path / "journal", 12, sampler=lambda seed: RandomSampler(seed=seed))
    assert len(study.get_trials()) == 12
    for trial in study.get_trials():
        if trial.params["kind"] == "b":
            assert trial.user_attrs["error"].splitlines()[-1] == "ZeroDivisionError: b"
        elif trial.params["x"] > 0:
            assert trial.user_attrs["error"] == "The objective returned nan, which is not a finite number."
        else:
            assert trial.value == trial.params["x"]
        assert (trial.state == TrialState.COMPLETE) == ("error" not in trial.user_attrs)
    assert {trial.state for trial in study.get_trials()} == {TrialState.COMPLETE, TrialState.FAIL}


DRIVER = """
    import sys
    from test_search import parabola, run

    run(parabola, sys.argv[1], 8, shared={"seconds": 0.2})
"""


@pytest.mark.slow
def test_killed_search_equals_an_undisturbed_one(tmp_path):
    path, script = tmp_path / "journal", tmp_path / "driver.py"
    script.write_text(textwrap.dedent(DRIVER))
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])}
    driver = subprocess.Popen([sys.executable, script, path], env=environment)
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_text().count('"op_code":6') >= 2):  # values told
        assert driver.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(RuntimeError, match=r"Another process searches in .* at the moment"):
        run(parabola, path, 8)
    time.sleep(0.1)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    half_done = optuna.load_study(study_name="search", storage=storage(path))
    # One, unless it was killed in the moment between two.
    assert [trial.state for trial in half_done.get_trials()].count(TrialState.RUNNING) <= 1
    assert 2 <= len(half_done.get_trials()) < 8
    assert drawn(run(parabola, path, 8)) == drawn(run(parabola, tmp_path / "undisturbed", 8))


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """The journal of three trials, and what four trials draw."""
    path = tmp_path_factory.mktemp("three") / "journal"
    run(parabola, path, 3)
    text = path.read_bytes()
    return text, drawn(run(parabola, path, 4))


@pytest.mark.parametrize(
    ("damage", "whole"),
    [
        (lambda text: text[:-1], True),
        (lambda text: text[:-20], False),
        (lambda text: text[: text.rindex(b"\n", 0, -1) + 5], False),  # of a record that has just begun
        (lambda text: text[:-20] + bytes(500), False),  # after a loss of power
        (lambda text: text + b'{"op_code":6,"wor\xff\xfe\n', True),
        (lambda text: text + b"\n", True),
        (lambda text: b"".join(text.rsplit(b"\n", 2)[:2]) + b"\n", True),
    ],
    ids=["no line end", "cut", "cut early", "zeros", "garbage", "empty line", "two in a line"],
)
def test_a_journal_that_was_cut_short_is_mended(tmp_path, three, damage, whole):
    text, expected = three
    path = tmp_path / "journal"
    for times in (1, 2):
        damaged = damage(text)
        path.write_bytes(damaged)
        with pytest.warns(UserWarning, match=r"journal was cut short.*whole records were kept.*as it was is .*damaged"):
            mended = run(parabola, path, 3)
        assert drawn(mended) == expected[:3]  # what was cut away has been done again
        backups = sorted(tmp_path.glob("journal.damaged*"))
        assert [backup.read_bytes() for backup in backups] == [damaged] * times
    if whole:
        assert path.read_bytes().startswith(text)
    assert drawn(run(parabola, path, 4)) == expected


def test_half_a_record_that_others_follow(tmp_path, three):
    """An earlier search went on in the same line; Optuna reads no further than there."""
    text, expected = three
    lines = text.splitlines(keepends=True)
    path = tmp_path / "journal"
    path.write_bytes(b"".join([*lines[:4], b'{"op_code":8,"worker_id":"x', *lines[4:]]))
    with pytest.warns(UserWarning, match="line 5 holds part of a record"):
        assert drawn(run(parabola, path, 4)) == expected
    assert path.read_bytes().startswith(text)
    # What is lost in the middle may be what others depend on: that is not mended.
    damaged = b"".join([*lines[:4], b'{"op_code":8,"worker_id":"x\n', *lines[4:]])
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"Line 5 of the journal .* is damaged.*left as it is"):
        run(parabola, path, 4)
    assert path.read_bytes() == damaged


def test_a_first_record_that_was_cut_short(tmp_path, three):
    text, expected = three
    for length in (3, 30):
        (tmp_path / "journal").write_bytes(text[:length])
        with pytest.warns(UserWarning, match="All its 0 whole records"):
            assert drawn(run(parabola, tmp_path / "journal", 3)) == expected[:3]


def test_a_journal_that_is_being_written_is_waited_for(tmp_path, three, monkeypatch):
    """What looks cut short may be half of another writer's record."""
    text, _ = three
    path = tmp_path / "journal"
    path.write_bytes(text[:-20])
    acquire = JournalFileSymlinkLock.acquire

    def finish_and_acquire(lock):
        path.write_bytes(text)
        return acquire(lock)

    monkeypatch.setattr(JournalFileSymlinkLock, "acquire", finish_and_acquire)
    mend_journal(path)
    assert path.read_bytes() == text
    assert not list(tmp_path.glob("*.damaged"))


def test_a_lock_that_a_killed_search_left_ends(tmp_path, three, monkeypatch):
    """Optuna lets go of one after 30 s, but not if it is a link that leads nowhere, as one to a relative path does."""
    (tmp_path / "logs").mkdir()
    monkeypatch.chdir(tmp_path)
    Path("logs/journal").write_bytes(three[0])
    targets = []
    symlink = os.symlink
    monkeypatch.setattr(os, "symlink", lambda target, link: (targets.append(target), symlink(target, link)))
    run(parabola, "logs/journal", 4)
    assert set(targets) == {str(tmp_path / "logs" / "journal")}


def storage(path):
    return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))


@pytest.mark.slow
def test_processes_tune_an_arm(tmp_path):
    basis = next(iter(Plan(specs.study(timesteps=64)).definitions.values()))
    objective = ArmObjective(basis, (0, 1), "final_return")

    with make_engine("process", workers=1) as engine:
        found = search(objective, arm_space, engine, tmp_path / "journal", n_trials=2)
    assert [trial.state for trial in found.get_trials()] == [TrialState.COMPLETE] * 2
    arguments = arm_space(optuna.trial.FixedTrial(found.best_params))
    assert objective(arguments) == found.best_value


def arm_space(trial):
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
        "policy_kwargs": {"net_arch": [trial.suggest_int("width", 4, 16)]},
    }


def test_bad_input(tmp_path):
    path = tmp_path / "journal"
    run(parabola, path, 1)
    with pytest.raises(ValueError, match=r"'search' in .* is one that should maximize, but direction='minimize' was"):
        run(parabola, path, 1, direction="minimize")
    with pytest.raises(ValueError, match="Unknown direction 'maximise'"):
        run(parabola, path, 1, direction="maximise")
    with pytest.raises(ValueError, match="n_trials must be a whole number ≥ 1"):
        run(parabola, path, 0)
    for text in ("x,y\n1,2\n", "{}\n", "3"):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"is not a journal of Optuna. Name another file"):
            run(parabola, path, 1)
        assert path.read_text() == text
