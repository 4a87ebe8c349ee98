"""Kinds of runs that look at landscapes: exact ascents, toys, and the gridworld between two solutions."""

import io

import numpy as np
import pytest
import torch as th

from sb3_entropy import SPG
from sb3_entropy.landscape.inference import ProbeReturns
from sb3_entropy.landscape.objectives.base import Conditions
from sb3_entropy.landscape.objectives.function import saddle
from sb3_entropy.landscape.objectives.rollout import RolloutObjective
from sb3_entropy.landscape.probes.perturbations import FoundPerturbations, Perturbations
from sb3_entropy.mdp import TabularMDP
from sb3_entropy.registry import JOBS, MEASURES
from sb3_entropy.studies.jobs import Cell, Surroundings, Task, rollout_landscape, tabular_landscape, toy_landscape
from sb3_entropy.studies.jobs import gradient_ascent as ascents
from sb3_entropy.studies.jobs.rollout_landscape import LANES
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.spec import parse_study
from sb3_entropy.studies.training import MODEL
from sb3_entropy.studies.worker import score

WORSE = 4.5 * 0.99**4


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(ascents, "BLOCK", 70)  # enough for the elimination that large blocks are done by


def planned(arm, environment="entropy/Gridworld-v0", measure="suboptimal", seeds=1):
    rule = f"{{measure: {measure}, treatment: it, control: {{value: 0, source: a test}}, expect: greater}}"
    text = (
        f"claim: c\nsource: s\nenvironments: [{environment}]\nseeds: {seeds}\narms: {{it: {arm}}}\ndecision: [{rule}]\n"
    )
    return Plan(parse_study("small", text, "small.yml"))


def made(arm, seeds=(0,), **where):
    definition = planned(arm, **where).runs[0].definition
    task = Task({key: value for key, value in definition.items() if key != "seed"}, tuple(seeds))
    return list(JOBS.get(task.job)().run(task, Surroundings()))


ASCENT = "{job: gradient_ascent, tau: 0.1, decay: 0.9, updates: 6, points: 3, optimal_above: 4.3}"


def test_an_ascent_is_that_of_autograd_through_a_linear_system():
    (result,) = made(ASCENT, seeds=[71])
    assert list(result.steps) == [2, 4, 6]
    mdp = TabularMDP.from_env("entropy/Gridworld-v0")
    P, R, rho = (th.tensor(np.array(array)) for array in (mdp.P, mdp.R, mdp.rho))
    layer = np.random.default_rng(71).uniform(-(26**-0.5), 26**-0.5, 108)
    theta = th.tensor(layer, requires_grad=True)
    alive = th.tensor(~mdp.absorbing).double()

    def both(theta):
        pi = th.softmax(theta[:104].reshape(4, 26).T + theta[104:], dim=1)
        occupancy = th.linalg.solve(th.eye(26) - 0.99 * th.einsum("sa,sat->st", pi, P).T, rho)
        entropies = alive * -(pi * pi.log()).sum(dim=1)
        return (occupancy * (pi * R).sum(dim=1)).sum(), (occupancy * entropies).sum()

    values = []
    for update in range(7):
        earned, entropy = both(theta)
        if update in (2, 4, 6):
            values.append((earned.item(), entropy.item()))
        (gradient,) = th.autograd.grad(earned + 0.1 * 0.9**update * entropy, theta)
        theta = (theta + 0.1 * gradient).detach().requires_grad_()
    found = np.array([result.curves["ascent/return"], result.curves["ascent/entropy"]]).T
    np.testing.assert_allclose(found, values, rtol=1e-9)
    np.testing.assert_array_equal(result.curves["ascent/suboptimal"], [1.0, 1.0, 1.0])
    assert np.isnan(result.curves["ascent/falls"][:2]).all()
    assert result.curves["ascent/falls"][2] == 0


def test_what_a_seed_gives_does_not_depend_on_those_beside_it():
    together = made(ASCENT, seeds=[3, 69, 70, 200])
    alone = [made(ASCENT, seeds=[seed])[0] for seed in (3, 69, 70, 200)]
    assert [result.curves["ascent/return"] for result in together] == [r.curves["ascent/return"] for r in alone]
    assert len({result.curves["ascent/return"][-1] for result in together}) == 4


def test_a_seed_of_several_initialisations_is_their_mean():
    several = made(ASCENT.replace("points", "initialisations: 30, points"), seeds=[2])[0]
    singly = made(ASCENT, seeds=range(60, 90))
    for curve in ("ascent/return", "ascent/entropy", "ascent/suboptimal"):
        expected = np.mean([result.curves[curve] for result in singly], axis=0)
        np.testing.assert_allclose(several.curves[curve], expected, rtol=1e-12)


@pytest.mark.filterwarnings("error::sb3_entropy.mdp.UnstableAscentWarning")
def test_falls_are_counted_and_what_diverges_is_no_success():
    (steep,) = made(
        "{job: gradient_ascent, tau: 1.0, learning_rate: 20.0, updates: 20, points: 1, optimal_above: 4.3}", seeds=[1]
    )
    assert steep.curves["ascent/falls"][0] > 0
    endless = "{job: gradient_ascent, tau: 1.0e+308, learning_rate: 1.0e+10, updates: 3, points: 1, optimal_above: 4.3}"
    (lost,) = made(endless, seeds=[1])
    assert np.isnan(lost.curves["ascent/return"]).all()
    assert lost.curves["ascent/suboptimal"] == [1.0]


def test_an_environment_without_a_model_is_told_before_the_first_run():
    (run,) = planned(ASCENT, environment="CartPole-v1").runs
    with pytest.raises(ValueError, match=r"has neither a method to_mdp\(\) nor a table P"):
        run.job().build(run.definition, look=True)
    (run,) = planned("{job: tabular_landscape, optimal_above: 4.3}", "CartPole-v1", "landscape_valley").runs
    with pytest.raises(ValueError, match=r"has neither a method to_mdp\(\) nor a table P"):
        run.job().build(run.definition, look=True)


def test_the_toys_derivatives_are_those_of_autograd():
    point = th.tensor([1.3, -0.4], dtype=th.float64)

    def function(theta):
        return -((1 - theta[0] * theta[1]) ** 2)

    gradient, hessian = toy_landscape.derivatives(point.numpy())
    np.testing.assert_allclose(gradient, th.func.grad(function)(point), rtol=1e-14)
    np.testing.assert_allclose(hessian, th.func.hessian(function)(point), rtol=1e-14)
    assert saddle(point.numpy()) == pytest.approx(function(point).item())


def toy(at, seed=0):
    arm = f"{{job: toy_landscape, at: {at}, alpha: 0.01, directions: 50}}"
    return made(arm, [seed], environment="saddle", measure="landscape_saddle")[0].curves


def test_a_toy_is_seen_as_it_is():
    top, ridge = toy([0, 0]), toy([-0.5, -2])
    assert (top["landscape/is_saddle"], top["landscape/is_ridge"]) == ([1.0], [0.0])
    assert (ridge["landscape/is_saddle"], ridge["landscape/is_ridge"]) == ([0.0], [1.0])
    assert ridge["landscape/eigenvalue_min"] == pytest.approx([-8.5], abs=1e-6)
    assert ridge["landscape/eigenvalue_max"] == pytest.approx([0.0], abs=1e-6)
    # (Δ⁺ + Δ⁻)/α² − dᵀHd = −2α²(d₀d₁)², at most α²/2; the slope is off by 2α²|d₀d₁|·|x₀d₁ + y₀d₀|.
    assert 0 < ridge["landscape/curvature_error"][0] <= 0.5e-4 * 1.001
    assert 0 < ridge["landscape/slope_error"][0] <= 1e-4 * 4.25**0.5
    assert top["landscape/improving"] != toy([0, 0], seed=1)["landscape/improving"]


def test_a_toy_that_is_none_is_refused():
    plan = planned("{job: toy_landscape, at: [0, 0]}", "sadle", "landscape_saddle")
    cell = Cell(plan.study, plan.variants[0], plan.study.environments["sadle"])
    with pytest.raises(ValueError, match=r"'sadle'.*saddle"):
        plan.runs[0].job().check(cell)


VALLEY = "{job: tabular_landscape, updates: 400, directions: 40, points: 9, optimal_above: 4.322682045}"


@pytest.fixture(scope="module")
def valley():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ascents, "BLOCK", 70)
        yield made(VALLEY, seeds=[0, 1], measure="landscape_valley")


@pytest.mark.slow
def test_solutions_are_the_first_of_their_kinds_and_a_pair_does_not_depend_on_others(valley, monkeypatch):
    definition = planned(VALLEY, measure="landscape_valley").runs[0].definition
    mdp = ascents.process(definition)
    sub, best = tabular_landscape.solutions(mdp, definition["settings"], 2)
    settings = {"learning_rate": 0.1, "updates": 400, "tau": 0.0, "decay": 1.0}
    returns = ascents.climber(mdp, settings, [400])(0).returns[-1]
    worse, better = np.flatnonzero(returns <= WORSE), np.flatnonzero(returns > WORSE)
    ends = ascents.climber(mdp, settings, [400])(0).theta
    np.testing.assert_array_equal(sub[:2], ends[worse[:2]])
    np.testing.assert_array_equal(best[:2], ends[better[:2]])
    (alone,) = made(VALLEY, seeds=[1], measure="landscape_valley")
    assert alone.curves == valley[1].curves
    assert valley[0].curves["landscape/start"] == pytest.approx([returns[worse[0]]])
    assert valley[0].curves["landscape/end"] == pytest.approx([returns[better[0]]])
    monkeypatch.setattr(tabular_landscape, "MOST_BLOCKS", 1)
    with pytest.raises(ValueError, match=r"but 99 of each are needed\. Choose another optimal_above"):
        tabular_landscape.solutions(mdp, definition["settings"], 99)


def test_a_margin_leaves_fewer_improvements(valley):
    for result in valley:
        curves = {name: values[0] for name, values in result.curves.items()}
        assert curves["landscape/improving_by_margin"] < curves["landscape/improving"]
        assert curves["landscape/valley"] == float(curves["landscape/valley_depth"] > 0)
        assert curves["landscape/eigenvalue_min"] < 0
        assert curves["landscape/slope"] > 0


def test_conditions_change_what_is_seen(valley):
    (under,) = made(VALLEY.replace("points", "tau: 1.0, mix: 0.5, points"), seeds=[0], measure="landscape_valley")
    assert under.curves["landscape/return"][0] > valley[0].curves["landscape/return"][0] + 1
    assert under.curves["landscape/improving_by_margin"][0] > valley[0].curves["landscape/improving_by_margin"][0]


@pytest.fixture(scope="module")
def saved():
    kwargs = {"net_arch": [], "std_scheme": "fixed", "log_std_init": -1.0}
    model = SPG("MlpPolicy", "Pendulum-v1", n_steps=8, baseline=False, policy_kwargs=kwargs, seed=5)
    buffer = io.BytesIO()
    model.save(buffer)
    return {MODEL: buffer.getvalue()}


def around(saved, std, seeds):
    study = {
        "environments": "[Pendulum-v1]\ntimesteps: 16",
        "arms": "{poor: {algo: spg, hyperparams: {n_steps: 8}}, it: {job: rollout_landscape, of: poor, algo: spg, "
        f"std: {std}, directions: 3, episodes: 2}}}}",
        "decision": "[{measure: landscape_within_noise, treatment: it, control: {value: 0, source: a test}, "
        "expect: greater}]",
    }
    text = "claim: c\nsource: s\nseeds: 2\n" + "".join(f"{key}: {value}\n" for key, value in study.items())
    run = next(run for run in Plan(parse_study("small", text, "small.yml")).runs if run.variant.arm.name == "it")
    run.job().build(run.definition, look=True)
    assert {"torch", "stable-baselines3", "gymnasium"} <= run.definition["versions"].keys()
    common = {key: value for key, value in run.definition.items() if key not in ("seed", "of")}
    task = Task(common, seeds, {"of": [saved] * len(seeds)})
    return list(run.job().run(task, Surroundings()))


def test_a_trained_policy_is_looked_at_as_it_acts_with_another_deviation(saved):
    both = around(saved, 0.5, (0, 1))
    assert around(saved, 0.5, (1,))[0].curves == both[1].curves != both[0].curves
    (still,) = around(saved, 0.0, (0,))
    shares = [still.curves[f"landscape/{name}"][0] for name in (
        "curvature_negative_detectable", "curvature_positive_detectable", "within_noise")]  # fmt: skip
    assert sum(shares) == pytest.approx(1)
    # The mode's return in the objective's own episodes, by a plain loop in the environment.
    model = rollout_landscape.loaded(saved[MODEL], "spg")
    objective = RolloutObjective(
        model, "Pendulum-v1", conditions=Conditions(std=0.0), backend="gymnasium", seed=0, n_lanes=LANES
    )
    episodes = objective.returns(objective.theta0[None], range(8))
    objective.close()
    assert still.curves["landscape/return"] == [pytest.approx(episodes.mean(), rel=1e-12)]


def test_what_is_detectable_is_what_an_interval_excludes():
    rng = np.random.default_rng(3)
    centre = rng.normal(size=12)
    bends = np.array([-3.0, 0.0, 4.0])[:, None]
    plus, minus = (centre + bends + 0.1 * rng.normal(size=(3, 12)) for _ in range(2))
    found = FoundPerturbations({}, Perturbations(3, 0.1, 12), (ProbeReturns(plus, minus, centre, 0.1),), False, 5)
    assert found.numbers()["curvature_negative_detectable"] == pytest.approx(1 / 3)
    shares = rollout_landscape.detectable(found)
    assert shares == {"curvature_positive_detectable": pytest.approx(1 / 3), "within_noise": pytest.approx(1 / 3)}


@pytest.mark.parametrize(
    ("measure", "curve"),
    [("suboptimal", "ascent/suboptimal"), ("ascended_return", "ascent/return"), ("ascent_falls", "ascent/falls"),
     ("ascended_entropy", "ascent/entropy")],
)  # fmt: skip
def test_an_ascent_is_measured_after_the_last_update(measure, curve):
    assert score([1, 2], {curve: [0.25, 0.75]}, [measure]) == {measure: 0.75}


def test_every_measure_of_landscapes_reads_a_curve_that_a_kind_records():
    recorded = {curve for job in map(JOBS.get, sorted(JOBS.keys())) for curve in getattr(job, "series", ())}
    ours = [key for key in sorted(MEASURES.keys()) if key.startswith("landscape_")]
    assert len(ours) >= 15
    assert {curve for key in ours for curve in MEASURES.get(key).curves} <= recorded
    for key in ours:
        (curve,) = MEASURES.get(key).curves
        assert score([1], {curve: [0.5]}, [key]) == {key: 0.5}
