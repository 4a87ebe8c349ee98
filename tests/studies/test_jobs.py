"""Kinds of runs beside training: a batch of seeds at once, and one that needs what another run has kept."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from sb3_entropy.cli.main import main
from sb3_entropy.cli.progress import RunProgress
from sb3_entropy.engines import make_engine
from sb3_entropy.registry import JOBS, MEASURES
from sb3_entropy.store import Artifacts, Store, same_but_clock
from sb3_entropy.studies.check import check_study
from sb3_entropy.studies.jobs import Result, Surroundings, Task
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.results import collect
from sb3_entropy.studies.runner import run_study
from sb3_entropy.studies.spec import parse_study
from sb3_entropy.studies.worker import run_alone, work
from studies import toy_jobs
from studies.specs import study
from studies.test_runner import REPOSITORY, Failing, Seen, failing  # noqa: F401 (a fixture)

ASCENT = {
    "claim": "A larger step ends higher.",
    "source": "a test",
    "environments": {"three arms": {"env_kwargs": {"rewards": [1.0, 0.5, 0.0]}}},
    "seeds": 1000,
    "arms": {"slow": {"job": "ascent", "rate": 0.1}, "fast": {"job": "ascent", "sweep": {"rate": [1.0, 3.0]}}},
    "decision": [{"measure": "value", "treatment": "fast", "control": "slow", "expect": "greater", "margin": 0.1}],
}
SMALL, LARGE = ({"algo": "sppo", "hyperparams": {"learning_rate": rate}} for rate in (1e-5, 1e-2))
SWEPT = {**SMALL, "sweep": {"ent_coef": [0.1, 0.2]}}
PROBED = {
    "arms": {
        "small": SMALL,
        "large": LARGE,
        "small way": {"job": "distance", "of": "small"},
        "large way": {"job": "distance", "of": "large"},
    },
    "measures": None,
    "decision": [{"measure": "distance", "treatment": "large way", "control": "small way", "expect": "greater"}],
    "packages": ["studies.toy_jobs"],
}


#: what importing the toys has registered, which no other test is to see
TOYS = {registry: {key: registry._things.pop(key) for key in keys} for registry, keys in (
    (JOBS, ("ascent", "distance")), (MEASURES, ("value", "distance")))}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def toys():
    for registry, things in TOYS.items():
        registry.keys()
        registry._things.update(things)
    yield
    for registry, things in TOYS.items():
        for key in things:
            del registry._things[key]


def ascent(**changes):
    return parse_study("ascent", yaml.safe_dump({**ASCENT, **changes}, sort_keys=False), "ascent.yml")


def probed(**changes):
    return study("probed", **{**PROBED, **changes})


def run(which, path, engine="serial", workers=None, **options):
    seen = Seen()
    with Store(path) as store, make_engine(engine, workers) as made:
        tally = run_study(Plan(which), store, made, seen, **options)
        return tally, seen, store.content(which.name), collect(Plan(which), store, str(path)).verdict


def counts(tally):
    return tally.finished, tally.failed, tally.found, tally.left


@pytest.mark.slow
def test_a_thousand_seeds_in_one_call(tmp_path, monkeypatch):
    monkeypatch.setattr(toy_jobs.Ascent, "calls", [])
    tally, seen, content, verdict = run(ascent(), tmp_path / "store.sqlite")
    assert counts(tally) == (3000, 0, 0, 0)
    assert toy_jobs.Ascent.calls == [1000, 1000, 1000]
    assert len(seen.ended) == 3000
    assert verdict.outcome == "supported"
    assert [comparison.n for comparison in verdict.criteria[0].comparisons] == [1000, 1000]
    # What is left goes on in another batch, with the same numbers: seed by seed it is one and the same.
    parts = tmp_path / "parts.sqlite"
    assert counts(run(ascent(), parts, n_seeds=7)[0]) == (21, 0, 0, 0)
    tally, _, in_parts, _ = run(ascent(), parts)
    assert counts(tally) == (2979, 0, 21, 0)
    assert toy_jobs.Ascent.calls == [1000] * 3 + [7] * 3 + [993] * 3
    assert in_parts == content


def test_thousands_of_runs_are_told_in_two_hundred_lines(tmp_path, capsys):
    plan = Plan(ascent())
    with (
        Store(tmp_path / "store.sqlite") as store,
        make_engine("serial") as engine,
        RunProgress("ascent", 1) as progress,
    ):
        run_study(plan, store, engine, progress)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ascent: 3000 runs, 3,000 steps, 1 at once."
    assert len(lines) == 201
    assert lines[-1].startswith("  3000/3000 fast, rate=3.0, three arms, seed 999: value ")


def test_the_seeds_of_a_batch_that_were_done_before_it_failed_are_kept(tmp_path, monkeypatch):
    def fail_at_the_third(self, task, surroundings):
        for seed in task.seeds:
            if seed == 2:
                raise RuntimeError("on purpose")
            yield Result((1,), {"ascent/value": (float(seed),)})

    monkeypatch.setattr(toy_jobs.Ascent, "run", fail_at_the_third)
    tally, seen, _, _ = run(ascent(seeds=5), tmp_path / "store.sqlite")
    assert counts(tally) == (6, 9, 0, 0)
    assert {seed for _, _, seed, status in seen.ended if status == "finished"} == {0, 1}


@pytest.mark.parametrize("given", [3, 5])
def test_a_kind_that_gives_fewer_or_more_results_than_seeds_has_failed(given, tmp_path, monkeypatch):
    results = [Result((1,), {"ascent/value": (1.0,)})] * given
    monkeypatch.setattr(toy_jobs.Ascent, "run", lambda *_: iter(results))
    tally, _, _, _ = run(ascent(seeds=4), tmp_path / "store.sqlite")
    assert counts(tally) == ((9, 3, 0, 0) if given == 3 else (0, 12, 0, 0))


def test_a_definition_says_what_is_run_and_a_change_of_it_makes_other_runs(monkeypatch):
    plan = Plan(ascent(seeds=1))
    assert plan.asked_for["slow", "three arms"] == {
        "job": "ascent",
        "environment": "three arms",
        "env_kwargs": {"rewards": [1.0, 0.5, 0.0]},
        "settings": {"rate": 0.1},
    }
    ids = {run.run_id for run in plan.runs}
    assert len(ids) == 3
    assert ids & {run.run_id for run in Plan(ascent(seeds=1, arms={"other": {"job": "ascent"}, "slow": SLOW})).runs}
    monkeypatch.setattr(toy_jobs.Ascent, "version", 2)
    assert not ids & {run.run_id for run in Plan(ascent(seeds=1)).runs}


SLOW = ASCENT["arms"]["slow"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("probed") / "store.sqlite"
    tally, seen, content, verdict = run(probed(), path)
    assert counts(tally) == (12, 0, 0, 0)
    assert verdict.outcome == "supported"
    return path, content, seen


def test_a_probe_is_given_what_the_run_of_its_seed_has_kept(undisturbed):
    path, _, _ = undisturbed
    with Store(path) as store:
        records = {(m.arm, m.seed): record for m, record in store.runs("probed")}
        kept = Artifacts(store)
        for seed in range(3):
            trained, probe = records["large", seed], records["large way", seed]
            with np.load(kept.path(trained.run_id, "snapshots.npz")) as snapshots:
                weights = {name: snapshots[name] for name in snapshots}
            assert {len(values) for values in weights.values()} == {2}
            moved = sum(((values[0] - values[-1]).astype(float) ** 2).sum() for values in weights.values())
            assert np.isclose(probe.scores["distance"], np.sqrt(moved))
            assert probe.definition["inputs"]["of"] == {k: v for k, v in trained.definition.items() if k != "seed"}
            assert not kept.of(probe.run_id)
            assert same_but_clock(run_alone(trained.definition), trained)
            assert trained.scores == {}


@pytest.mark.slow
def test_with_two_processes_a_probe_waits_for_its_input(undisturbed, tmp_path):
    assert run(probed(), tmp_path / "store.sqlite", "process", 2)[2] == undisturbed[1]


def test_finished_trainings_are_done_again_for_a_probe_and_keep_their_numbers(undisturbed, tmp_path, monkeypatch):
    path = tmp_path / "store.sqlite"
    plain = study("probed", arms={"small": SMALL, "large": LARGE}, measures=["final_return"], decision=[
        {"measure": "final_return", "treatment": "large", "control": "small", "expect": "greater"}])  # fmt: skip
    assert counts(run(plain, path)[0]) == (6, 0, 0, 0)
    assert not Path(f"{path}.artifacts").exists()
    tally, _, content, _ = run(probed(), path)
    assert counts(tally) == (12, 0, 0, 0)
    # All but the scores, which were those of the first study's measures.
    first, second = (re.findall('"curves":.*"run_id":"[0-9a-f]*"', text) for text in (content, undisturbed[1]))
    assert first == second
    assert len(first) == 12
    # Nobody needs the files of a probe that is finished.
    shutil.rmtree(f"{path}.artifacts")
    assert counts(run(probed(), path)[0]) == (0, 0, 12, 0)
    kept = probed(arms={**PROBED["arms"], "small": {**SMALL, "keep": ["model.zip"]}})
    assert counts(run(kept, path)[0]) == (3, 0, 9, 0)
    monkeypatch.setattr(Artifacts, "path", lambda *_: pytest.fail("a file is read that nobody needs"))
    assert counts(run(kept, path)[0]) == (0, 0, 12, 0)


def test_a_damaged_file_is_found_when_it_is_needed_and_made_again(tmp_path):
    path = tmp_path / "store.sqlite"
    arms = {"small": {**SMALL, "keep": ["snapshots.npz"]}}
    rule = {"treatment": "small", "control": {"value": 0, "source": "none"}, "expect": "greater"}
    trained = probed(seeds=1, arms=arms, decision=[{**rule, "measure": "final_return"}])
    assert counts(run(trained, path)[0]) == (1, 0, 0, 0)
    (file,) = Path(f"{path}.artifacts").iterdir()
    file.write_bytes(bytes(file.stat().st_size))
    arms["small way"] = PROBED["arms"]["small way"]
    both = probed(seeds=1, arms=arms, decision=[{**rule, "treatment": "small way", "measure": "distance"}])
    tally, _, content, _ = run(both, path)
    assert counts(tally) == (0, 1, 1, 0)
    assert "its snapshots.npz is gone or was changed. --retry-failed makes it" in content
    assert counts(run(both, path, retry_failed=True)[0]) == (2, 0, 0, 0)


def test_files_of_other_numbers_than_those_on_record_are_not_kept(tmp_path, monkeypatch):
    path = tmp_path / "store.sqlite"
    arms = {"small": SMALL, "small way": PROBED["arms"]["small way"]}
    rule = [{"measure": "distance", "treatment": "small way", "control": {"value": 0, "source": "none"}}]
    one = probed(seeds=1, arms=arms, decision=[{**rule[0], "expect": "greater"}])
    with Store(path) as store:
        record = run_alone(Plan(one).runs[0].definition)
        changed = tuple(value + 1 for value in record.curves["deterministic/return"])
        store.record(type(record)(**{**vars(record), "curves": {**record.curves, "deterministic/return": changed}}))
    with pytest.warns(UserWarning, match="gave other numbers than those that are recorded, as another machine's"):
        tally, _, content, _ = run(one, path)
    assert counts(tally) == (1, 1, 0, 0)
    assert "small in CartPole-v1 with seed 0" in content
    assert "is needed, and it was done again for its files, and gave other numbers" in content


def test_a_run_whose_input_failed_says_so(failing, tmp_path, monkeypatch):  # noqa: F811
    path = tmp_path / "store.sqlite"
    broken = probed(environments=["Failing-v0"])
    tally, seen, _, _ = run(broken, path)
    assert counts(tally) == (8, 4, 0, 0)
    assert {(arm, seed) for arm, _, seed, status in seen.ended if status == "failed"} == {
        (arm, 1) for arm in PROBED["arms"]
    }
    with Store(path) as store:
        errors = {m.arm: record.error for m, record in store.runs("probed") if record.error}
    assert errors["small way"].startswith("of: the run of small in Failing-v0 with seed 1 (")
    assert "is needed, and has failed: RuntimeError: the licence server does not answer." in errors["small way"]
    monkeypatch.delenv("FAIL_AT_SEED")
    assert counts(run(broken, path)[0]) == (0, 0, 8, 4)
    tally, seen, _, _ = run(broken, path, retry_failed=True)
    assert counts(tally) == (4, 0, 8, 0)
    assert [arm for arm, *_ in seen.ended[:2]] == ["small", "large"]


@pytest.mark.slow
def test_killed_and_resumed_the_store_equals_an_undisturbed_one(undisturbed, tmp_path, monkeypatch, capsys):
    (tmp_path / "probed.yml").write_text(probed().document.text)
    program = "import sys, studies.toy_jobs; from sb3_entropy.cli.main import main; sys.exit(main(sys.argv[1:]))"
    arguments = ["study", "run", "probed.yml", "--store", "store.sqlite", "--engine", "serial"]
    paths = [str(REPOSITORY), str(REPOSITORY / "tests"), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in process.stdout:
        if line.startswith("  5/12 "):
            break
    time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    with Store(tmp_path / "store.sqlite") as store:
        assert 0 < store.content("probed").count("missing") < 12
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "done before" in said
    assert "probed: supported" in said
    with Store(tmp_path / "store.sqlite") as store:
        assert store.content("probed") == undisturbed[1]
        assert Artifacts(store).faults() == []


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ({"p": {"job": "distance", "of": "small"}, "small": SMALL}, "arms.p.of: Unknown arm above it 'small'"),
        ({"small": SMALL, "p": {"job": "distance", "of": "smal"}}, "of: Unknown arm 'smal'.*: small. Did you mean 'sm"),
        ({"small": SWEPT, "p": {"job": "distance", "of": "small", "sweep": {"order": [1.0, 2.0]}}},
         "one of the variants of small is needed, but small, ent_coef=0.1, small, ent_coef=0.2 is meant"),
        ({"small": SWEPT, "p": {"job": "distance", "of": {"arm": "small", "ent_cof": 1}, "sweep": {"order": [1, 2]}}},
         "arms.p.of.ent_cof: Unknown swept hyperparameter 'ent_cof'. Available: ent_coef. Did you mean 'ent_coef'"),
        ({"small": SWEPT, "p": {"job": "distance", "of": "small", "sweep": {"gamma": [0.8, 0.9]}}},
         "arms.p.sweep.gamma: Unknown swept hyperparameter 'gamma'. Available: ent_coef"),
        ({"small": SMALL, "p": {"job": "distance", "of": "small"}, "q": {"job": "distance", "of": "p"}},
         "snapshots.npz is needed, and the runs of p, of the kind distance, keep nothing"),
        ({"small": SMALL, "p": {"job": "distance", "of": "small", "keep": ["theta"]}}, "file of job 'distance'"),
        ({"small": SMALL, "p": {"job": "distanse", "of": "small"}}, "Did you mean 'distance'"),
        ({"small": SMALL, "p": {"job": "distance", "of": "small", "order": 0.5}}, "must be at least 1"),
        ({"small": SMALL, "p": {"job": "distance", "of": "small", "sweep": {"order": [2, 0.5]}}},
         "arms.p.sweep.order: p, order=0.5 in CartPole-v1: order: must be at least 1, but 0.5 was given$"),
        ({"small": SMALL, "p": {"job": None, "of": "small"}}, "arms.p.job: must have a value, but None was given"),
        ({"small": SMALL, "p": {"job": "distance", "of": "small", "sweep": {"job": ["train"]}}},
         "arms.p.sweep.job: cannot be swept; write an arm for each of its values"),
        ({"small": SMALL, "p": {"job": "distance"}}, "the key 'of' is missing: the arm whose runs are probed"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_arm_is_said_with_its_line(arms, message):
    rule = [{"measure": "distance", "treatment": "p", "control": {"value": 0, "source": "no way"}, "expect": "greater"}]
    with pytest.raises(ValueError, match=message) as caught:
        check_study(Plan(probed(arms=arms, decision=rule)))
    assert "p.yml has a problem; nothing has been run" in str(caught.value).replace("probed", "p")


def test_a_swept_key_that_a_kind_does_not_have_is_told_at_the_sweep():
    arms = {**ASCENT["arms"], "fast": {"job": "ascent", "sweep": {"rat": [1.0]}}}
    message = "arms.fast.sweep.rat: .*: rat: Unknown setting of ascent 'rat'. Available: rate. Did you mean 'rate'"
    with pytest.raises(ValueError, match=message):
        check_study(Plan(ascent(arms=arms)))


def test_the_packages_of_an_environment_of_gymnasium_are_part_of_a_definition():
    definitions = Plan(probed()).definitions
    ours, trainings = (definitions[label, "CartPole-v1"]["versions"] for label in ("small way", "small"))
    assert ours["gymnasium"] == trainings["gymnasium"]
    assert "gymnasium" not in Plan(ascent()).definitions["slow", "three arms"]["versions"]


def test_a_sweep_that_both_have_chooses_the_input():
    swept = {"ent_coef": [0.1, 0.2]}
    way = {"job": "distance", "of": "small", "sweep": {**swept, "order": [1.0, 2.0]}}
    rule = [{"measure": "distance", "treatment": "way", "control": {"value": 0, "source": "-"}, "expect": "greater"}]
    plan = Plan(probed(arms={"small": {**SMALL, "sweep": swept}, "way": way}, decision=rule))
    assert plan.inputs["way, ent_coef=0.2, order=1.0"] == {"of": "small, ent_coef=0.2"}
    settings = plan.asked_for["way, ent_coef=0.2, order=1.0", "CartPole-v1"]
    assert settings["settings"] == {"order": 1.0}
    assert settings["inputs"]["of"]["hyperparams"]["ent_coef"] == 0.2


def test_a_measure_must_be_recorded_by_what_is_compared():
    rule = [{"measure": "distance", "treatment": "large way", "control": "small", "expect": "greater"}]
    with pytest.raises(ValueError, match="the runs of small, of the kind train, do not record probe/distance"):
        check_study(Plan(probed(decision=rule)))
    with pytest.raises(ValueError, match="no arm of this study reads timesteps"):
        check_study(Plan(ascent(timesteps=100)))


def test_a_kind_that_is_not_installed_where_the_work_is_done_fails_by_name():
    with pytest.raises(ValueError, match="Unknown job 'absent'"):
        work(Task({"job": "absent"}, (0,)), Surroundings())
