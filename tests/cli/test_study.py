"""``sb3-entropy study``, ``compare`` and ``evidence``: what a user types and reads."""

import csv
import io
import math
import os
import sqlite3
from pathlib import Path

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest
import yaml
from not_run import NOT_RUN

from sb3_entropy.cli.main import main
from sb3_entropy.cli.progress import RunProgress
from sb3_entropy.store import RunRecord, Store
from sb3_entropy.studies.comparison import comparison_study
from sb3_entropy.studies.identity import observers, run_id
from sb3_entropy.studies.jobs.train import ALWAYS_OBSERVED
from sb3_entropy.studies.library import find_study, results_folder, study_files
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.results import committed, kept_outcome
from sb3_entropy.studies.spec import parse_study, read_study
from sb3_entropy.studies.steps import StepCount

TINY = {
    "claim": "SPPO ends higher than PPO.",
    "source": "a test",
    "environments": ["CartPole-v1"],
    "timesteps": 64,
    "seeds": 2,
    "evaluation": {"points": 2, "episodes": 2},
    "hyperparams": {"n_steps": 32, "batch_size": 32, "n_epochs": 1, "policy_kwargs": {"net_arch": [8]}},
    "arms": {"PPO": {"algo": "ppo"}, "SPPO": {"algo": "sppo"}},
    "decision": [{"measure": "final_return", "treatment": "SPPO", "control": "PPO", "expect": "greater"}],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


@pytest.fixture
def done(folder, monkeypatch):
    """A folder in which the tiny study has been run once."""
    monkeypatch.chdir(folder)
    if not Path("tiny.yml").exists():
        Path("tiny.yml").write_text(yaml.safe_dump(TINY, sort_keys=False))
        assert main(["study", "run", "tiny.yml", "--engine", "serial"]) == 0
    return folder


def test_run_report_export_import(done, capsys):
    assert main(["study", "report", "tiny.yml"]) == 0
    assert "Report: reports/tiny/index.html" in capsys.readouterr().out
    assert "SPPO ends higher than PPO." in Path("reports/tiny/index.html").read_text()
    assert main(["study", "export", "tiny.yml"]) == 0
    assert "results/tiny/runs.csv" in capsys.readouterr().out
    # What was exported is listed without a store, and no longer believed when the rule is another.
    assert main(["study", "list", "tiny.yml", "--store", "none.sqlite"]) == 0
    assert "(4 of 4 runs finished, exported)" in capsys.readouterr().out
    Path("tiny.yml").write_text(Path("tiny.yml").read_text() + "level: 0.9\n")
    assert main(["study", "list", "tiny.yml", "--store", "none.sqlite"]) == 0
    assert "exported, and to be judged again" in capsys.readouterr().out
    Path("tiny.yml").write_text(yaml.safe_dump(TINY, sort_keys=False))
    with Store("runs/studies.sqlite") as store:
        content = store.content("tiny")
    assert main(["study", "import", "tiny.yml", "--store", "copy/store.sqlite"]) == 0
    with Store("copy/store.sqlite") as store:
        assert store.content("tiny") == content
    # Without a store, the report is drawn from the files.
    assert main(["study", "report", "tiny.yml", "--store", "none.sqlite", "-f", "again"]) == 0
    assert "these are the exported ones" in capsys.readouterr().out
    assert Path("again/tiny/index.html").is_file()
    assert not Path("none.sqlite").exists()


def test_the_store_is_read_by_pandas_in_one_line(done):
    results = pd.read_sql("select * from results", sqlite3.connect("runs/studies.sqlite"))
    of_tiny = results[(results.study == "tiny") & (results.measure == "final_return")]
    assert sorted(of_tiny.arm) == ["PPO", "PPO", "SPPO", "SPPO"]
    assert (of_tiny.value > 0).all()


def test_what_is_done_is_not_done_again(done, capsys):
    assert main(["study", "run", "tiny.yml", "--engine", "serial"]) == 0
    assert "0 runs, 0 steps, 1 at once; 4 were done before." in capsys.readouterr().out


def test_a_rehearsal_is_kept_apart(done, capsys):
    assert main(["study", "run", "tiny.yml", "--engine", "serial", "--timesteps", "32", "--seeds", "1"]) == 0
    assert "study report tiny.yml --timesteps 32" in capsys.readouterr().out
    with Store("runs/studies.sqlite") as store:
        counts = store.studies()
    assert counts["tiny_32_steps"].finished == 2
    assert counts["tiny"].finished == 4
    assert main(["study", "export", "tiny.yml", "--timesteps", "32"]) == 0
    assert "results/tiny_32_steps/runs.csv" in capsys.readouterr().out


def test_list_shows_every_study_and_its_verdict(done, capsys, monkeypatch):
    assert main(["study", "run", "tiny.yml", "--engine", "serial"]) == 0
    capsys.readouterr()
    assert main(["study", "list", "tiny.yml"]) == 0
    out = capsys.readouterr().out
    for name in study_files():
        assert f"{name}\n    " in out
    line = out.splitlines()[out.splitlines().index("tiny") + 1].strip()
    assert line in {f"{word} (4 of 4 runs finished)" for word in ("undecided", "supported", "refuted")}
    # Another rule, and the verdict that was kept is not about it.
    Path("tiny.yml").write_text(Path("tiny.yml").read_text() + "level: 0.9\n")
    assert main(["study", "list", "tiny.yml"]) == 0
    assert "to be judged again (4 of 4 runs finished)" in capsys.readouterr().out
    Path("tiny.yml").write_text(yaml.safe_dump(TINY, sort_keys=False))


def test_check_finds_what_is_wrong_without_running(done, capsys):
    assert main(["study", "check", "tiny.yml"]) == 0
    assert "tiny: 4 runs, 256 steps; nothing is wrong." in capsys.readouterr().out
    Path("bad.yml").write_text(yaml.safe_dump({**TINY, "measures": ["retrun"]}, sort_keys=False))
    assert main(["study", "check", "bad.yml"]) == 2
    assert "bad.yml has a problem; nothing has been run." in capsys.readouterr().err


class OneStep(gym.Env):
    """Its episodes are one step long, so that twenty evaluations take no time."""

    observation_space = gym.spaces.Box(-1, 1, (1,))
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32), float(action), True, False, {}


@pytest.fixture
def one_step():
    gym.register("OneStep-v0", entry_point=OneStep)
    yield "OneStep-v0"
    del gym.registry["OneStep-v0"]


def test_compare_trains_the_two_by_two(tmp_path, monkeypatch, capsys, one_step):
    monkeypatch.chdir(tmp_path)
    Path("presets.yml").write_text(yaml.safe_dump({one_step: {"n_steps": 32, "batch_size": 32, "n_epochs": 1}}))
    options = ["--seeds", "1", "-n", "64", "--alphas", "0.01", "--engine", "serial", "--store", "my runs.sqlite"]
    assert main(["compare", "--env", one_step, "--preset", "presets.yml", *options]) == 0
    out = capsys.readouterr().out
    assert "4 runs, 256 steps" in out
    # Why it is undecided, and what else was seen.
    for words in (
        "IQM, the typical run",
        "worst run",
        "What would decide:",
        "What neither a test nor a caution can show",
    ):
        assert words in out
    assert "  sb3-entropy study run COPY.yml --store 'my runs.sqlite'" in out
    kept = read_study(Path("reports/compare_sppo_OneStep-v0/compare_sppo_OneStep-v0.yml"))
    switches = {
        run.variant.arm.name: (
            run.definition["hyperparams"]["ent_coef"],
            run.definition["hyperparams"].get("entropy_in_return", True),
            run.definition["hyperparams"].get("entropy_in_improvement", True),
        )
        for run in Plan(kept).runs
    }
    assert switches == {
        "neither": (0.0, True, True),
        "in the improvement": (0.01, False, True),
        "in the return": (0.01, True, False),
        "in both": (0.01, True, True),
    }
    page = Path("reports/compare_sppo_OneStep-v0/index.html").read_text()
    assert "Does entropy help sppo on OneStep-v0?" in page
    assert kept.source == f"sb3-entropy compare --env {one_step} -n 64 --seeds 1 --alphas 0.01 --preset presets.yml"
    assert "sb3-entropy study report reports/compare_sppo_OneStep-v0/compare_sppo_OneStep-v0.yml --store" in page


def test_compare_asks_ten_seeds_for_the_typical_run():
    study = comparison_study("CartPole-v1")
    assert len(study.seeds) == 10
    assert {criterion.statistic for criterion in (*study.criteria, *study.exhibits)} == {"iqm"}
    assert "typical run" in study.claim
    assert "interquartile mean" in study.remarks
    assert study.source == "sb3-entropy compare --env CartPole-v1"
    # A study that says nothing else is judged by the mean, as those are that were run before.
    assert parse_study("tiny", yaml.safe_dump(TINY), "tiny.yml").criteria[0].statistic == "mean"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["study"], "the following arguments are required"),
        (["study", "rum"], "Did you mean 'run'?"),
        (["study", "run", "liu2020_pendulu"], "Did you mean 'liu2020_pendulum'?"),
        (["study", "run", "absent.yml"], "There is no file absent.yml"),
        (["study", "run", "tiny.yml", "--seeds", "0"], "--seeds must be a whole number ≥ 1"),
        (["study", "run", "tiny.yml", "--engine", "thread"], "Unknown engine 'thread'"),
        (["study", "run", "tiny.yml", "--workers", "0", "--engine", "process"], "workers must be a whole number"),
        (["study", "run", "tiny.yml", "--timesteps", "0"], "--timesteps must be"),
        (["study", "export", "tiny.yml", "--store", "absent.sqlite"], "There is no store absent.sqlite"),
        (["study", "report", "unrun.yml"], "Do them: sb3-entropy study run unrun.yml\n"),
        (
            ["study", "report", "unrun.yml", "--store", "a b"],
            "Do them: sb3-entropy study run unrun.yml --store 'a b'\n",
        ),
        (["study", "report", "unrun.yml", "--timesteps", "9"], "sb3-entropy study run unrun.yml --timesteps 9\n"),
        (["study", "import", "unrun.yml"], "results/unrun"),
        (["study", "import", "unrun.yml", "-f", "exported"], "exported holds the study 'tiny', not 'unrun'"),
        (["compare", "--env", "CartPole-v9"], "Unknown environment 'CartPole-v9'"),
        (["compare", "--env", "CartPole-v1", "--algo", "ppo"], "Unknown algorithm 'ppo'"),
        (["compare", "--env", "CartPole-v1", "--alphas", "0"], "--alphas must be a number > 0"),
        (["evidence", "absent"], "Unknown study 'absent'"),
    ],
)
def test_bad_input_is_answered(done, capsys, arguments, words):
    if not Path("exported").exists():
        main(["study", "export", "tiny.yml", "-f", "exported"])
    capsys.readouterr()
    Path("unrun.yml").write_text(yaml.safe_dump({**TINY, "seeds": 1}, sort_keys=False))
    assert main(arguments) in (1, 2)
    assert words in capsys.readouterr().err


def test_a_store_of_something_else_is_left_as_it_was(done, capsys):
    Path("notes.sqlite").write_text("these are my notes")
    assert main(["study", "run", "tiny.yml", "--store", "notes.sqlite", "--engine", "serial"]) == 1
    err = capsys.readouterr().err
    assert "notes.sqlite" in err
    assert "Traceback" not in err
    assert "--debug" not in err
    assert Path("notes.sqlite").read_text() == "these are my notes"


def test_failed_runs_end_in_exit_code_1(done, capsys, monkeypatch):
    def fail(task, surroundings):
        raise RuntimeError("the licence server does not answer:\n  timeout")

    monkeypatch.setattr("sb3_entropy.studies.runner.work", fail)
    arguments = ["study", "run", "tiny.yml", "--engine", "serial", "--store", "failing.sqlite"]
    assert main(arguments) == 1
    out = capsys.readouterr().out
    assert out.count("failed: ") == 4
    assert "RuntimeError: the licence server does not answer:\n      timeout\n" in out
    assert main(arguments) == 1
    assert (
        "Of the runs 4 failed in an earlier call and were left alone. The same command with --retry-failed does them "
        "again." in capsys.readouterr().out
    )
    assert main(["study", "report", "tiny.yml", "--store", "failing.sqlite", "-f", "failing"]) == 0
    assert "the licence server does not answer" in Path("failing/tiny/index.html").read_text()


def test_a_bar_where_there_is_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    runs = Plan(parse_study("tiny", yaml.safe_dump(TINY), "tiny.yml")).runs
    record = RunRecord(runs[0].run_id, {}, "failed", {}, (), {}, "Traceback\nValueError: [on] purpose", {})
    with RunProgress("tiny", 2) as progress:
        progress.start(4, runs[1:], 1)
        progress.end(runs[1], record)
    shown = screen.getvalue()
    assert "tiny: 3 runs, 192 steps, 2 at once; 1 failed before and are left alone." in shown
    assert "ValueError: [on] purpose" in shown
    assert "1/3 runs" in shown
    assert " left" in shown


def test_the_bar_moves_within_runs(monkeypatch):
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr("sys.stdout", screen)
    runs = Plan(parse_study("tiny", yaml.safe_dump(TINY), "tiny.yml")).runs
    with RunProgress("tiny", 2) as progress:
        progress.start(4, runs, 0)
        for run, steps in zip(runs[:3], (16, 48, 900), strict=True):
            StepCount(progress.folder, run.run_id).note(steps)
        progress.refresh()
        # Rollouts may go beyond the steps that were asked for; an ended run counts once.
        assert progress.steps == 16 + 48 + 64
        progress.end(runs[1], RunRecord(runs[1].run_id, {}, "failed", {}, (), {}, "x", {}))
        assert progress.steps == 16 + 64 + 64
        folder = Path(progress.folder)
        assert folder.is_dir()
    assert not folder.exists()
    assert "1/4 runs" in screen.getvalue()
    assert "144/256 steps" in screen.getvalue()


ROOT = Path(__file__).parents[2] / "zoo_configs" / "studies"
OURS = {
    "adaent_ablation",
    "adaent_costs_nothing",
    "ahmed2019_gridworld_init",
    "ahmed2019_gridworld_valley",
    "ahmed2019_toys",
    "collapse_is_the_baseline",
    "collapse_needs_relu",
    "entropy_2x2",
    "entropy_buys_outside_the_box",
    "entropy_schedule",
    "entropy_smooths_q",
    "fast_path_earns_the_same",
    "is_it_off_policy_or_entropy",
    "lambda_sweep",
    "landscape_pilot",
    "liu2020_pendulum",
    "misleading_score_predicts",
    "nonstationary",
    "pendulum_adaptive",
    "policy_lag",
    "previous_vs_uniform",
    "rounding",
    "sac1_is_sddpg",
    "shift",
    "simpala_is_sa2c_at_no_lag",
    "starnes2023_cifar10",
    "starnes2023_digits",
    "starnes2023_mnist",
    "starnes2023_spotify",
    "variance_schemes",
    "zhang2025_acrobot",
    "zhang2025_crossover",
    "zhang2025_obstacle2d",
    "zhang2025_paper_models",
    "zhang2025_theorem",
    "zhang2025_q_landscapes",
    "zhang2025_quadrotor",
    "zhang2025_toy",
    "zhang2025_toy_on_policy",
    "zhang2025_vehicle",
}
# Their environments read data that a clone does not have.
NEED_DATA = {name for name in OURS if (ROOT / f"{name}.yml").read_text().count("MNISTBandit")} | {
    "starnes2023_cifar10",
    "starnes2023_spotify",
}
# They take as long as the others together; studies with the same environments and arms are among the quick ones.
LONG = {"starnes2023_cifar10", "lambda_sweep", "shift"}


def test_all_studies_are_packaged():
    assert set(study_files()) == OURS


@pytest.mark.parametrize(
    ("name", "real"),
    [*((name, True) for name in sorted(OURS - LONG)), ("starnes2023_cifar10", False),
     *(pytest.param(name, True, marks=pytest.mark.slow) for name in sorted(LONG))],
)  # fmt: skip
def test_every_packaged_study_is_sound(name, real, request):
    from sb3_entropy.studies.check import check_study

    if not real:
        request.getfixturevalue("few_of_cifar10")
    if name in NEED_DATA and "SB3_ENTROPY_DATA" not in os.environ:
        pytest.skip("SB3_ENTROPY_DATA names no data folder")
    study = read_study(find_study(name))
    assert find_study(name) == study_files()[name]
    assert len(check_study(Plan(study))) >= 10


@pytest.mark.parametrize("name", sorted(NOT_RUN))
def test_a_study_that_has_not_been_run_says_so(name):
    study = read_study(find_study(name))
    assert not results_folder(study_files()[name], name).exists()
    assert kept_outcome(study) is None
    assert not study.finding


@pytest.mark.parametrize("name", sorted(study_files().keys() - NOT_RUN))
def test_the_exported_results_are_whole_and_of_the_yaml_as_it_stands(name):
    study = read_study(find_study(name))
    plan = Plan(study)
    results = committed(plan)
    assert (results.missing, results.other) == (0, 0)
    assert {run.status for run in results.runs} == {"finished"}
    done = len(plan.runs)
    assert kept_outcome(study) == f"{results.verdict.outcome} ({done} of {done} runs finished, exported)"
    assert study.finding, "the finding is to be written after the runs"
    # However the rule is changed, these are the runs that `study run` would look for, with the scores that they had.
    watched = observers({*ALWAYS_OBSERVED, *study.measures})
    with (results_folder(study_files()[name], name) / "runs.csv").open(newline="") as file:
        exported = {row["run_id"]: row for row in csv.DictReader(file)}
    for run in results.runs:
        assert run.definition["observers"] == watched if "algorithm" in run.definition else run.definition["job"]
        assert run_id(run.definition) == run.run_id
        # A run that another study had made first has no exported score of the measures that only this one has.
        scores = {key: float(value) for key, value in exported[run.run_id].items() if value and key in run.scores}
        assert scores == pytest.approx({key: run.scores[key] for key in scores}, rel=1e-12, nan_ok=True)
        finite = sum(math.isfinite(value) for value in run.scores.values())
        assert len(scores) >= min(4, max(1, finite - 1))
