"""Probes recover slopes, curvatures, valleys and classes of what is known, without noise and with it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th

from sb3_entropy.landscape.directions import random_directions
from sb3_entropy.landscape.inference import curvatures
from sb3_entropy.landscape.objectives.base import Conditions, DifferentiableObjective, Objective
from sb3_entropy.landscape.objectives.exact import TabularObjective
from sb3_entropy.landscape.objectives.function import FunctionObjective, quadratic, saddle
from sb3_entropy.landscape.probes import spectrum
from sb3_entropy.landscape.probes.base import Probe
from sb3_entropy.landscape.probes.curvature import ImprovementCurvature
from sb3_entropy.landscape.probes.interpolation import Interpolation
from sb3_entropy.landscape.probes.line_search import LineSearch, estimated_gradient
from sb3_entropy.landscape.probes.perturbations import SURPLUS, Perturbations
from sb3_entropy.landscape.probes.plane import Plane, gradient_and_curvature
from sb3_entropy.landscape.probes.spectrum import Spectrum
from sb3_entropy.mdp import SoftmaxLinear, TabularMDP
from sb3_entropy.store import Store

RNG = np.random.default_rng(7)
GRADIENT = np.array([0.3, -1.2, 0.5])
HESSIAN = np.array([[-2.0, 0.4, 0.1], [0.4, 1.0, -0.3], [0.1, -0.3, -0.5]])
POINT = np.array([0.2, -0.1, 0.4])


class Noisy(Objective):
    """
    f(θ) + noise of the episode, of which a share is common to all candidates.

    :param function: f
    :param theta0: shape (P,)
    :param std: of the noise
    :param own: its share that each candidate has for itself
    """

    def __init__(self, function: Any, theta0: Any, std: float, own: float = 0.1):
        self.function, self._theta0, self.std, self.own = function, np.array(theta0, dtype=np.float64), std, own

    @property
    def theta0(self) -> np.ndarray:
        return self._theta0.copy()

    @property
    def conditions(self) -> Conditions:
        return Conditions()

    def under(self, conditions: Conditions) -> "Noisy":
        return self

    def describe(self) -> dict[str, Any]:
        return {"kind": "noisy", "std": self.std, "own": self.own}

    def _play(self, thetas: np.ndarray, episodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        common = np.array([np.random.default_rng(int(e)).standard_normal() for e in episodes])
        seeds = [int.from_bytes(theta.tobytes(), "little") % 2**63 for theta in thetas]
        own = np.array([[np.random.default_rng([s, int(e)]).standard_normal() for e in episodes] for s in seeds])
        values = np.array([[float(self.function(theta))] for theta in thetas])
        return values + self.std * (common + self.own * own), np.ones(own.shape, dtype=np.int64)


@pytest.fixture(scope="module")
def tabular() -> TabularObjective:
    """Three states in a row, off-origin, with entropy and a mixture."""
    P = RNG.dirichlet(np.ones(3), size=(3, 2))
    mdp = TabularMDP(P, RNG.normal(size=(3, 2)), np.array([0.5, 0.3, 0.2]), 0.9)
    policy = SoftmaxLinear(mdp)
    theta0 = RNG.normal(size=policy.n_parameters)
    return TabularObjective(mdp, policy, theta0, conditions=Conditions(ent_coef=0.2, mix=0.1))


def at_point(hessian: Any = HESSIAN, gradient: Any = GRADIENT) -> FunctionObjective:
    function = quadratic(hessian, gradient)
    return FunctionObjective(function, POINT[: len(hessian)])


# ---------------------------------------------------------------------- without noise


def test_perturbations_have_the_slopes_and_curvatures_of_a_quadratic() -> None:
    found = Perturbations(20, (0.3, 0.1), seed=3).run(at_point())
    directions = random_directions(3, range(20), 3)
    np.testing.assert_allclose(found.slope, [directions @ (GRADIENT + HESSIAN @ POINT)] * 2, atol=1e-12)
    np.testing.assert_allclose(
        found.curvature, [np.einsum("ki,ij,kj->k", directions, HESSIAN, directions)] * 2, atol=1e-11
    )
    assert [returns.alpha for returns in found.returns] == [0.1, 0.3]
    rises = np.maximum(found.returns[0].plus, found.returns[0].minus)[:, 0] > found.returns[0].centre[0]
    assert found.share("improving").count == rises.sum() == 19
    assert found.extrapolated is None


def test_perturbations_of_the_papers_toy_are_those_of_its_figure() -> None:
    """At (−½, −2) nothing improves, and the curvature is −8.5 in one direction and 0 in the other."""
    objective = FunctionObjective(saddle, [-0.5, -2.0])
    found = Perturbations(100, 0.05).run(objective)
    assert found.share("improving").count == 0
    steep = np.array([-2.0, -0.5]) / np.sqrt(4.25)
    directions = random_directions(2, range(100), 0)
    np.testing.assert_allclose(found.curvature[0], -8.5 * (directions @ steep) ** 2, atol=0.01)
    assert any("At most 3 % of directions improve" in sentence for sentence in found.sentences())
    point = Spectrum(alpha=1e-2).run(objective).point
    assert point.kind == "maximum (not strict)"
    assert point.lowest.value == pytest.approx(-8.5, abs=1e-6)
    assert Spectrum(alpha=1e-2).run(FunctionObjective(saddle, [0.0, 0.0])).point.kind == "saddle"


def test_a_saddle_with_few_rising_directions_is_no_maximum() -> None:
    """5 of 108 eigenvalues are positive: no random direction shows it, the spectrum does."""
    hessian = np.diag(np.r_[np.full(5, 0.5), np.full(103, -1.0)])
    objective = FunctionObjective(quadratic(hessian), np.zeros(108))
    assert Perturbations(100, 0.1).run(objective).share("improving").count == 0
    found = Spectrum().run(objective)
    assert found.point.kind == "saddle"
    assert found.eigenvalues is not None
    assert (found.eigenvalues > 0).sum() == 5


def test_the_spectrum_of_an_exact_return_is_its_hessians(tabular: TabularObjective, monkeypatch: Any) -> None:
    whole = Spectrum().run(tabular)
    expected = np.linalg.eigvalsh(tabular.hessian(tabular.theta0))
    assert whole.eigenvalues is not None
    np.testing.assert_allclose(whole.eigenvalues, expected, atol=1e-12)
    assert whole.point.kind == "not critical"
    plain = FunctionObjective(lambda theta: tabular.returns(theta[None])[0, 0], tabular.theta0)
    by_differences = Spectrum(alpha=0.02).run(plain)
    assert by_differences.eigenvalues is not None
    np.testing.assert_allclose(by_differences.eigenvalues, expected, atol=1e-6)
    monkeypatch.setattr(spectrum, "DENSE", 2)
    ends = Spectrum().run(tabular)
    assert ends.eigenvalues is None
    assert [end.value for end in ends.ends] == pytest.approx([expected[0], expected[-1]], abs=1e-4)


def test_a_tabular_objective_is_the_exact_return_under_its_conditions(tabular: TabularObjective) -> None:
    """V of π' = .9π + .05 with τ = .2, by the series of its powers."""
    logits = tabular.policy.logits(th.as_tensor(tabular.theta0)).numpy()
    pi = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) * 0.9 + 0.05
    reward = (pi * (tabular.mdp.R - 0.2 * np.log(pi))).sum(axis=1)
    step, value, at = np.einsum("sa,sat->st", pi, tabular.mdp.P), 0.0, tabular.mdp.rho
    for t in range(600):
        value += 0.9**t * float(at @ reward)
        at = at @ step
    assert tabular.returns(tabular.theta0[None])[0, 0] == pytest.approx(value, rel=1e-10)
    assert isinstance(tabular, DifferentiableObjective)
    with pytest.raises(ValueError, match="has no σ"):
        tabular.under(Conditions(std=0.1))
    with pytest.raises(ValueError, match="theta0 must be 8 finite numbers"):
        TabularObjective(tabular.mdp, tabular.policy, np.zeros(3))
    elsewhere = tabular.at(np.zeros(8))
    assert elsewhere.describe() == tabular.describe()
    assert (elsewhere.theta0 == 0).all()


def test_interpolation_finds_a_valley_and_none() -> None:
    between = Interpolation([0.5, 2.0], points=41).run(FunctionObjective(saddle, [-0.5, -2.0]))
    assert between.numbers()["valley"] == 1.0
    assert between.numbers()["valley_depth"] == pytest.approx(1.0)
    assert {0.0, 1.0} <= set(between.t)
    np.testing.assert_allclose(between.mean[between.t == 0.5], [-1.0])
    uphill = Interpolation([0.0, 0.0], points=5).run(FunctionObjective(lambda t: -float(t @ t), [1.0, 1.0]))
    assert uphill.numbers() == {"start": -2.0, "end": 0.0, "valley_depth": 0.0, "valley": 0.0, "monotone": 1.0}
    np.testing.assert_allclose(uphill.mean, -2 * (1 - uphill.t) ** 2)


def test_a_plane_is_the_function_on_its_grid() -> None:
    found = Plane([1.0, 0.0, 0.0], [1.0, 2.0, 0.0], reach=0.5, points=5).run(at_point())
    np.testing.assert_allclose(found.axes, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], atol=1e-12)
    function = quadratic(HESSIAN, GRADIENT)
    assert found.mean[0, 4] == pytest.approx(function(POINT + np.array([0.5, -0.5, 0.0])))
    assert found.mean[2, 2] == pytest.approx(function(POINT))
    assert (found.standard_error == 0).all()


def test_a_plane_of_gradient_and_curvature(tabular: TabularObjective) -> None:
    for objective, hessian, slope in (
        (at_point(), HESSIAN, GRADIENT + HESSIAN @ POINT),
        (tabular, tabular.hessian(tabular.theta0), tabular.gradient(tabular.theta0)),
    ):
        gradient, curved = gradient_and_curvature(objective, directions=2000)
        cosine = gradient @ slope / np.linalg.norm(gradient) / np.linalg.norm(slope)
        assert cosine > 0.99
        values = np.linalg.eigvalsh(hessian)
        assert abs(curved @ hessian @ curved) == pytest.approx(np.abs(values).max(), rel=1e-6)
        found = Plane(gradient, curved, points=3).run(objective)
        assert found.axes[0] @ gradient == pytest.approx(np.linalg.norm(gradient))
    with pytest.raises(ValueError, match="gradient is 0"):
        gradient_and_curvature(FunctionObjective(lambda theta: 0.0, [1.0, 1.0]))


def test_a_line_goes_along_the_gradient(tabular: TabularObjective) -> None:
    found = LineSearch(steps=(0.01, 0.1)).run(tabular)
    gradient = tabular.gradient(tabular.theta0)
    np.testing.assert_allclose(found.direction, gradient / np.linalg.norm(gradient))
    assert found.improves.tolist() == [False, True, True]
    rise = (found.mean[1] - found.mean[0]) / 0.01
    assert rise == pytest.approx(np.linalg.norm(gradient), rel=0.02)


def test_the_gradient_is_estimated_without_bias() -> None:
    found = Perturbations(4000, 0.1).run(at_point())
    np.testing.assert_allclose(estimated_gradient(found), GRADIENT + HESSIAN @ POINT, atol=0.08)


def test_the_curvature_is_that_of_the_chosen_direction() -> None:
    found = ImprovementCurvature(directions=30, seed=2).run(at_point())
    direction = random_directions(3, [found.index], 2)[0]
    assert found.curvature.value == pytest.approx(direction @ HESSIAN @ direction)
    assert found.slope.value == pytest.approx(direction @ (GRADIENT + HESSIAN @ POINT))


# ---------------------------------------------------------------------- with noise


def test_noisy_estimates_lie_around_the_truth() -> None:
    """By less than 5 of the standard error that the noise has, .05·.5·√6/(α²√n); the mean is within its interval."""
    objective = Noisy(quadratic(HESSIAN, GRADIENT), POINT, std=0.5, own=0.05)
    found = Perturbations(60, 0.5, episodes=12, seed=1, margin=2.0).run(objective)
    directions = random_directions(3, range(60), 1)
    truth = np.einsum("ki,ij,kj->k", directions, HESSIAN, directions)
    expected = 0.05 * 0.5 * np.sqrt(6) / (0.25 * np.sqrt(12))
    assert (np.abs(found.curvature[0] - truth) < 5 * expected).all()
    assert np.median(curvatures(found.returns[0]).standard_error) == pytest.approx(expected, rel=0.3)
    assert found.returns[0].centre.shape == (SURPLUS * 12,)
    assert found.mean_curvature() is not None
    assert found.mean_curvature().mean.low < np.trace(HESSIAN) / 3 < found.mean_curvature().mean.high  # type: ignore[union-attr]


def test_noise_alone_is_undetermined_and_no_saddle() -> None:
    """The risk of any false finding is 2.5 % a kind of claim, that of a false class of the point at most 5 %."""
    objective = Noisy(lambda theta: 0.0, np.zeros(108), std=1.0, own=0.5)
    found = Perturbations(40, 0.1, episodes=16).run(objective)
    assert (found.classes[0] == "undetermined").all()
    flat = Noisy(lambda theta: 0.0, np.zeros(5), std=1.0, own=0.5)
    assert Spectrum(episodes=6).run(flat).point.kind == "undetermined"


def test_a_noisy_spectrum_is_judged_on_other_episodes() -> None:
    objective = Noisy(quadratic(HESSIAN, np.zeros(3)), np.zeros(3), std=0.2, own=0.02)
    found = Spectrum(alpha=0.5, episodes=8).run(objective)
    assert found.point.kind == "saddle"
    values = np.linalg.eigvalsh(HESSIAN)
    assert found.point.lowest.value == pytest.approx(values[0], abs=0.2)
    assert found.point.highest.value == pytest.approx(values[-1], abs=0.2)
    assert found.eigenvalues is None


def test_parameters_without_effect_are_no_directions_of_a_spectrum() -> None:
    """Else 0 would always be among the curvatures, and nothing a maximum."""

    class Half(Noisy):
        @property
        def live(self) -> np.ndarray:
            return np.array([True, False, True])

    def hill(theta: np.ndarray) -> float:
        return -2 * theta[0] ** 2 - theta[2] ** 2

    found = Spectrum(alpha=0.5, episodes=16).run(Half(hill, np.zeros(3), std=0.2, own=0.02))
    assert found.point.kind == "maximum-like"
    assert (found.vectors[:, 1] == 0).all()
    assert found.ends[1].value == pytest.approx(-2, abs=0.2)


def test_a_noisy_line_and_slice_are_tested_in_pairs() -> None:
    objective = Noisy(lambda theta: float(theta[0]), [0.0, 0.0], std=5.0, own=0.01)
    line = LineSearch(steps=(0.5, 1.0), alpha=0.5, directions=20, episodes=10).run(objective)
    assert line.improves[1:].all()
    assert line.returns.shape == (3, 10)
    valley = Noisy(lambda theta: -float((1 - theta[0] ** 2) ** 2), [-1.0], std=5.0, own=0.01)
    found = Interpolation([1.0], points=9, extent=(0, 1), episodes=12).run(valley)
    assert found.lower_than_both[4]
    assert not found.lower_than_both[[0, -1]].any()
    low, high = found.band
    assert (low < found.mean).all()
    assert (found.mean < high).all()


@pytest.mark.parametrize(
    "probe",
    [
        Perturbations(6, (0.1, 0.2), episodes=3),
        Interpolation([1.0, 1.0, 1.0], points=4, episodes=3),
        Plane(points=3, episodes=3),
        LineSearch(steps=(0.1,), directions=4, episodes=3),
        ImprovementCurvature(directions=4, episodes=4),
        Spectrum(episodes=3),
    ],
    ids=lambda probe: probe.key,
)
def test_every_probe_costs_what_it_says_is_kept_and_speaks(probe: Probe, tmp_path: Path) -> None:
    objective, watched = Noisy(quadratic(HESSIAN, GRADIENT), POINT, std=0.1), []
    with Store(tmp_path / "probes.sqlite") as store:
        first = probe.run(objective, store, lambda done, total: watched.append((done, total)))
        assert watched[-1] == (probe.cost(objective), probe.cost(objective))
        assert [done for done, _ in watched] == sorted(done for done, _ in watched)
        refused = Noisy(None, POINT, std=0.1)  # whoever evaluated it would fail
        again = probe.run(refused, store)
    assert first.sentences() == again.sentences()
    assert first.numbers() == pytest.approx(again.numbers(), rel=0, abs=0, nan_ok=True)
    # What 3 episodes are too few for is not a number; all else is.
    unknown = {name for name, value in first.numbers().items() if not np.isfinite(value)}
    assert unknown == ({"valley", "monotone"} if isinstance(probe, Interpolation) else set())
    assert first.about == objective.describe()


def test_without_a_margin_nothing_is_flat_or_linear() -> None:
    """All returns are 0: they are equal, but nobody has said what would be too small to matter."""
    found = Perturbations(5, episodes=16).run(Noisy(lambda theta: 0.0, np.zeros(3), std=0.0))
    assert (found.classes[0] == "undetermined").all()
    assert (Perturbations(5, episodes=16, margin=1.0).run(Noisy(np.sum, np.zeros(3), 0.0)).classes[0] == "flat").all()


def test_what_too_few_episodes_cannot_show_is_not_called_absent() -> None:
    valley = Noisy(lambda theta: -100 * float(1 - theta[0] ** 2), [-1.0], std=0.1, own=0.1)
    few = Interpolation([1.0], points=51, extent=(0, 1), episodes=8).run(valley)
    assert "n = 8 is too small for any test at 50 points after Holm: n ≥ 11." in few.sentences()
    assert np.isnan(few.numbers()["valley"])
    enough = Interpolation([1.0], points=51, extent=(0, 1), episodes=12).run(valley)
    assert enough.numbers()["valley"] == 1.0
    line = LineSearch([1.0], steps=(0.1, 0.2, 0.5), episodes=4).run(Noisy(np.sum, [0.0], std=0.1))
    assert "n = 4 is too small for any test at 3 steps after Holm: n ≥ 7." in line.sentences()


def test_estimates_at_several_steps_are_compared_as_what_they_are_together() -> None:
    """All α and directions have the same episodes, so that without bias few p-values of "none" are small together."""
    objective = Noisy(quadratic(HESSIAN, GRADIENT), POINT, std=0.5, own=0.2)
    found = Perturbations(200, (0.5, 1.0), episodes=16, seed=5).run(objective)
    assert found.extrapolated is not None
    assert (found.extrapolated.p_bias < 0.001).mean() < 0.1
    cubed = Noisy(lambda theta: float((theta**4).sum()), np.zeros(3), std=0.01, own=0.2)
    biased = Perturbations(10, (0.5, 1.0), episodes=16).run(cubed)
    assert any("in 10 of 10 directions the curvature depends on α beyond noise" in said for said in biased.sentences())


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Perturbations(alpha=0), "alpha must be"),
        (lambda: Perturbations(alpha=(0.1, 0.1)), "several different ones"),
        (lambda: Perturbations(episodes=0), "episodes must be"),
        (lambda: Perturbations(margin=0.0), "margin must be"),
        (lambda: Perturbations(null="none"), "Unknown null"),
        (lambda: Interpolation([1.0], extent=(0.5, 1.0)), "the first of extent"),
        (lambda: Interpolation([1.0, 2.0]).run(at_point()), "θ₁ of the same policy"),
        (lambda: Interpolation(POINT).run(at_point()), "no line through one point"),
        (lambda: Plane(points=4), "points must be odd"),
        (lambda: Plane([1.0, 0, 0], [2.0, 0, 0]).run(at_point()), "are parallel"),
        (lambda: Plane(np.zeros(3)).run(at_point()), "not all of them 0"),
        (lambda: Plane([1.0, 0.0], [0.0, 1.0, 0.0]).run(at_point()), "3 finite numbers each"),
        (lambda: Plane().run(FunctionObjective(np.sum, [1.0])), "needs two parameters"),
        (lambda: LineSearch(steps=(0.2, 0.1)), "steps must ascend"),
        (lambda: LineSearch(np.zeros(3)).run(at_point()), "needs a direction of 3 finite numbers"),
        (lambda: ImprovementCurvature(episodes=3), "episodes must be"),
        (lambda: Spectrum(episodes=1), "episodes must be"),
        (lambda: Spectrum().run(Noisy(np.sum, np.zeros(501), 1.0)), "above 500 parameters it is not estimated"),
    ],
)
def test_bad_input_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
