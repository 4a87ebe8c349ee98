"""The benchmark of the study runner does what it says, on a small scale."""

import pytest

from benchmarks.studies import make_study, plain_learn, swept, through_runner
from sb3_entropy.studies.plan import Plan


@pytest.mark.slow
def test_both_sides_of_the_overhead_train_the_same_run():
    study = make_study(timesteps=2048, other="{algo: ppo}")
    runs = Plan(study).runs
    assert len(runs) == 2
    assert len({run.run_id for run in runs}) == 1
    plain_learn(runs[0])
    through_runner(study)  # asserts that one run has been finished


def test_the_made_up_store_has_as_many_runs_as_it_is_asked_for():
    alphas = [round(0.001 * 1.5**k, 6) for k in range(19)]
    assert len(Plan(make_study(seeds=2, other=swept(*alphas))).runs) == 40
