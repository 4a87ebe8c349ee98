"""The runner: every run once, whatever happens in between, and equal numbers whichever engine did them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import gymnasium as gym
import pytest

from sb3_entropy.cli.main import main
from sb3_entropy.engines import make_engine
from sb3_entropy.registry import MEASURES
from sb3_entropy.store import Store, StoreError
from sb3_entropy.studies.measures import Measure, end
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.results import collect
from sb3_entropy.studies.runner import run_study
from studies.specs import study, write

REPOSITORY = Path(__file__).parents[2]


class Seen:
    """A progress that remembers."""

    def __init__(self):
        self.to_do, self.ended = [], []

    def start(self, planned, to_do, left):
        self.to_do = to_do

    def end(self, run, record):
        self.ended.append((run.variant.label, run.environment, run.seed, record.status))


def run(which, path, engine="serial", workers=None, **options):
    seen = Seen()
    with Store(path) as store, make_engine(engine, workers) as made:
        tally = run_study(Plan(which), store, made, seen, **options)
        return tally, seen, store.content(which.name)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The tiny study's store, after one quiet call."""
    path = tmp_path_factory.mktemp("undisturbed") / "store.sqlite"
    tally, seen, content = run(study(), path)
    assert (tally.finished, tally.failed, tally.found) == (9, 0, 0)
    assert len(seen.ended) == 9
    assert "missing" not in content
    return path, content


def test_finished_runs_are_never_done_again(undisturbed):
    path, content = undisturbed
    tally, seen, after = run(study(), path)
    assert (tally.finished, tally.found) == (0, 9)
    assert not seen.to_do
    assert after == content


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_other_processes_give_the_numbers_of_this_one(undisturbed, tmp_path, workers):
    _, content = undisturbed
    _, _, with_processes = run(study(), tmp_path / "store.sqlite", "process", workers)
    assert with_processes == content


def test_a_study_that_shares_runs_finds_them_done(undisturbed):
    path, _ = undisturbed
    other = study("other", seeds=2, arms={"plain": {"algo": "ppo"}, "SPPO": {"algo": "sppo"}}, decision=[
        {"measure": "final_return", "treatment": "SPPO", "control": "plain", "expect": "greater"}])  # fmt: skip
    tally, _, _ = run(other, path)
    assert (tally.found, tally.finished) == (2, 2)  # PPO under another name, and SPPO at its default temperature


def test_fewer_and_further_seeds(tmp_path):
    path = tmp_path / "store.sqlite"
    tally, seen, content = run(study(), path, n_seeds=1)
    assert tally.finished == 3
    assert {seed for _, _, seed, _ in seen.ended} == {0}
    assert content.count("missing") == 6
    tally, seen, _ = run(study(), path, n_seeds=4)
    assert {seed for _, _, seed, _ in seen.ended} == {1, 2, 3}
    assert (tally.finished, tally.found) == (9, 3)
    with Store(path) as store:
        assert {view.seed for view in collect(Plan(study()), store, "test").runs} == {0, 1, 2, 3}
    # The fourth seed stays when the study is run as it stands.
    tally, _, content = run(study(), path)
    assert (tally.finished, tally.found) == (0, 9)
    assert len(content.splitlines()) == 12


class Failing(gym.Env):
    """Fails in the runs that an environment variable names."""

    observation_space = gym.spaces.Box(-1, 1, (1,))
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None and str(seed) in os.environ.get("FAIL_AT_SEED", "").split():
            raise RuntimeError("the licence server does not answer")
        return self.observation_space.sample() * 0, {}

    def step(self, action):
        return self.observation_space.sample() * 0, float(action), True, False, {}


@pytest.fixture
def failing(monkeypatch):
    gym.register("Failing-v0", entry_point="studies.test_runner:Failing")
    monkeypatch.setenv("FAIL_AT_SEED", "1000")
    yield study("failing", environments=["Failing-v0"])
    del gym.registry["Failing-v0"]


def test_a_run_that_fails_is_recorded_and_stops_no_other(failing, tmp_path, monkeypatch):
    path = tmp_path / "store.sqlite"
    tally, seen, _ = run(failing, path)
    assert (tally.finished, tally.failed) == (6, 3)
    assert {seed for _, _, seed, status in seen.ended if status == "failed"} == {1}
    with Store(path) as store:
        failed = [view for view in collect(Plan(failing), store, "test").runs if view.status == "failed"]
    assert len(failed) == 3
    assert all("RuntimeError: the licence server does not answer" in view.error for view in failed)
    assert all("Traceback" in view.error for view in failed)
    tally, seen, _ = run(failing, path)
    assert (tally.left, tally.found) == (3, 6)
    assert not seen.to_do
    monkeypatch.delenv("FAIL_AT_SEED")
    tally, _, content = run(failing, path, retry_failed=True)
    assert (tally.finished, tally.found) == (3, 6)
    assert "failed" not in content


def test_nothing_runs_if_something_is_wrong(tmp_path):
    path = tmp_path / "store.sqlite"
    with pytest.raises(ValueError, match="nothing has been run"):
        run(study(measures=["final_retrun"]), path)
    with Store(path) as store:
        assert store.studies() == {}


def test_a_second_runner_of_the_study_is_refused(undisturbed):
    path, _ = undisturbed
    with Store(path) as store, store.lock("tiny"), pytest.raises(StoreError):
        run(study(), path)


def start(*arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        [sys.executable, "-m", "sb3_entropy.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


@pytest.mark.slow  # in test_jobs a study is killed whose runs need each other
def test_killed_and_resumed_the_store_equals_an_undisturbed_one(undisturbed, tmp_path, capsys):
    _, content = undisturbed
    store = tmp_path / "store.sqlite"
    command = ["study", "run", str(write(tmp_path)), "--store", str(store), "--engine", "serial"]
    process = start(*command)
    for line in process.stdout:
        if line.startswith("  2/9 "):
            break
    time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    with Store(store) as opened:
        assert 0 < opened.content("tiny").count("missing") < 9
    assert main(command) == 0
    assert "done before" in capsys.readouterr().out
    with Store(store) as opened:
        assert opened.content("tiny") == content


def test_runs_of_another_yaml_are_never_taken_for_those_of_this_one(tmp_path):
    """Seeds 0 and 1 with one number of epochs, then one seed with another: the further one is not put beside it."""
    path = tmp_path / "store.sqlite"
    run(study(seeds=1), path, n_seeds=2)
    changed = study(seeds=1, hyperparams={"n_steps": 32, "batch_size": 32, "n_epochs": 2})
    with Store(path) as store:
        before = collect(Plan(changed), store, "test")
    assert (len(before.runs), before.missing, before.other) == (0, 6, 6)
    assert before.verdict.outcome == "undecided"
    tally, _, content = run(changed, path)
    assert (tally.finished, tally.found) == (3, 0)
    assert content.count("missing") == 3
    with Store(path) as store:
        after = collect(Plan(changed), store, "test")
    assert {view.definition["hyperparams"]["n_epochs"] for view in after.runs} == {2}
    assert (len(after.runs), after.missing, after.other) == (3, 3, 0)


def crooked(glimpse):
    """Is recorded under a name that no file can hold."""
    return {"a\nb": 1.0}


def broken(steps, values):
    """Fails when it is to score."""
    raise ZeroDivisionError("on purpose")


def test_a_measure_of_another_package_costs_no_more_than_its_own_runs(tmp_path, monkeypatch):
    MEASURES.keys()
    monkeypatch.setitem(MEASURES._things, "crooked", Measure("Crooked.", "", None, ("a\nb",), end(), crooked))
    monkeypatch.setitem(MEASURES._things, "broken", Measure("Broken.", "", None, ("deterministic/return",), broken))
    tally, _, _ = run(study("one", seeds=1, measures=["crooked"]), tmp_path / "store.sqlite")
    assert (tally.finished, tally.failed) == (0, 3)
    two = study("two", seeds=1, measures=["final_return", "broken"])
    tally, _, _ = run(two, tmp_path / "store.sqlite")
    assert (tally.finished, tally.failed) == (3, 0)
    with Store(tmp_path / "store.sqlite") as store, pytest.warns(UserWarning, match="broken failed: ZeroDivisionError"):
        found = collect(Plan(two), store, "test").runs
    assert all(view.scores["final_return"] > 0 and view.scores["broken"] != view.scores["broken"] for view in found)
