"""The kind of run that extends random processes by entropic bifurcations."""

import dataclasses

import numpy as np
import pytest

from sb3_entropy.mdp import policy_iteration, value_iteration
from sb3_entropy.registry import JOBS, MEASURES
from sb3_entropy.studies.jobs import Cell, Surroundings, Task
from sb3_entropy.studies.jobs.bifurcation import certificate_of, random_process, worst
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.spec import parse_study

SMALL = "job: bifurcation, alpha: 0.4, processes: 3, states: 5, actions: 3"


def planned(arm, environment="random"):
    rule = "{measure: bifurcation_holds, treatment: it, control: {value: 0.8, source: a test}, expect: greater}"
    text = (
        f"claim: c\nsource: s\nenvironments: [{environment}]\nseeds: 1\narms: {{it: {{{arm}}}}}\ndecision: [{rule}]\n"
    )
    return Plan(parse_study("small", text, "small.yml"))


def made(arm, seeds=(0,)):
    definition = planned(arm).runs[0].definition
    task = Task({key: value for key, value in definition.items() if key != "seed"}, tuple(seeds))
    return definition["settings"], list(JOBS.get(task.job)().run(task, Surroundings()))


@pytest.mark.parametrize("more", ["", ", measured: true, extended: 2", ", counts: true", ", solver: value_iteration"])
def test_a_run_is_the_worst_of_its_processes(more):
    given, results = made(SMALL + more, seeds=[2, 5])
    for seed, result in zip([2, 5], results, strict=True):
        found = [certificate_of(given, 3 * seed + number) for number in range(3)]
        curves = {name.partition("/")[2]: values for name, values in result.curves.items()}
        assert curves == {name: [value] for name, value in worst(found).items()}
        for name, deviation in (("target", "target_deviation"), ("soft_value", "soft_value_deviation")):
            assert curves[name] == [max(getattr(each, deviation) for each in found)]
        assert curves["holds"] == [1.0]
        assert 0.02 < curves["moved"][0] < 1
    assert results[0].curves["bifurcation/moved"] != results[1].curves["bifurcation/moved"]
    assert {len(each.states) for each in found} == {given["extended"]}
    assert {each.counts for each in found} == {given["counts"]}
    assert len({tuple(each.targets.ravel()) for each in found}) == 3
    assert (curves["soft_value"][0] > 1e-3) == given["counts"]


def test_both_solvers_say_the_same_of_the_same_processes():
    given, _ = made(SMALL)
    for number in range(3):
        fast, slow = (certificate_of({**given, "solver": s}, number) for s in ("policy_iteration", "value_iteration"))
        np.testing.assert_array_equal(fast.targets, slow.targets)
        assert slow.holds()
        for field in ("plain_values", "soft_values", "soft_policies"):
            np.testing.assert_allclose(getattr(fast, field), getattr(slow, field), atol=1e-9)


def test_random_processes_are_what_the_study_says():
    plain, other = (random_process(np.random.default_rng(seed), 20, 5, False) for seed in (0, 1))
    assert 0.5 <= plain.gamma <= 0.99
    assert plain.gamma != other.gamma
    assert np.flatnonzero(plain.absorbing).tolist() == [19]
    assert plain.log_measure is None
    measured = random_process(np.random.default_rng(0), 200, 6, True)
    assert measured.discount.shape == (200, 6)
    assert measured.discount.std() > 0.1
    assert (~measured.present[:, 1:]).mean() == pytest.approx(0.2, abs=0.04)
    assert measured.present[:, 0].all()
    np.testing.assert_array_equal(measured.P, random_process(np.random.default_rng(0), 200, 6, True).P)
    small = random_process(np.random.default_rng(2), 5, 3, True)
    np.testing.assert_allclose(policy_iteration(small, 0.3).V, value_iteration(small, 0.3).V, atol=1e-9)


def test_one_certificate_that_does_not_hold_is_enough():
    given, _ = made(SMALL)
    good, bad = certificate_of(given, 0), certificate_of(given, 1)
    bad = dataclasses.replace(bad, targets=bad.targets[:, ::-1])
    both = worst([good, bad])
    assert both["holds"] == 0.0
    assert both["target"] == bad.target_deviation > 0.01
    assert worst([good])["holds"] == 1.0


@pytest.mark.parametrize(
    ("arm", "environment", "message"),
    [
        (SMALL, "rondom", "Unknown family of processes 'rondom'. Available: random"),
        (f"{SMALL}, extended: 5", "random", "extended: must be less than states.* but 5 was given, and states is 5"),
    ],
)
def test_what_cannot_be_is_told_before_the_first_run(arm, environment, message):
    plan = planned(arm, environment)
    cell = Cell(plan.study, plan.variants[0], plan.study.environments[environment])
    with pytest.raises(ValueError, match=message):
        plan.runs[0].job().check(cell)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("alpha: 0", "must be greater than 0"),
        ("alpha: 1, solver: howard", "policy_iteration, value_iteration"),
        ("alpha: 1, states: 1", "must be at least 2"),
        ("", "alpha.* missing: the temperature"),
    ],
)
def test_a_wrong_setting_is_told_with_its_key(more, message):
    with pytest.raises(ValueError, match=message):
        planned(f"job: bifurcation, {more}")


def test_its_measures_read_its_curves():
    curves = JOBS.get("bifurcation")().curves(planned(SMALL).study)
    names = [name for name in MEASURES.keys() if name.startswith("bifurcation_")]  # noqa: SIM118
    assert {curve for name in names for curve in MEASURES.get(name).curves} == curves
    assert MEASURES.get("bifurcation_target").score(np.array([1]), np.array([0.25])) == 0.25
