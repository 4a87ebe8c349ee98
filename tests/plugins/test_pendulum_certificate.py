"""The certificate on a discretised pendulum: against the wrapper's own steps, and against formulas."""

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from sb3_entropy_bifurcation.extension.certificate import (
    END,
    GO_ON,
    Certificate,
    DiscretisedPendulum,
    certify,
    discretise_pendulum,
)
from sb3_entropy_bifurcation.extension.grid import Grid
from sb3_entropy_bifurcation.extension.rule import soft_value
from sb3_entropy_bifurcation.extension.wrapper import EntropicBifurcation

from sb3_entropy.mdp import evaluate, value_iteration

ENV_ID = "entropy/BifurcatedPendulum-v0"
ALPHA = 0.2


@pytest.fixture(scope="module")
def model() -> DiscretisedPendulum:
    return discretise_pendulum(gym.make(ENV_ID), angles=15, velocities=15, actions=5, gamma=0.97)


@pytest.fixture(scope="module")
def certificate(model: DiscretisedPendulum) -> Certificate:
    return certify(model, ALPHA)


def lean(model: DiscretisedPendulum) -> Any:
    """:return: the side to which each state of the region leans, 1 or −1"""
    sine = np.sin(model.states[model.region, 0]).astype(np.float32)
    return np.where(sine >= 0, 1.0, -1.0)


def test_what_is_optimal_stays(model: DiscretisedPendulum, certificate: Certificate) -> None:
    S = len(model.states)
    before, after = certificate.plain
    assert model.region.sum() == 10
    assert certificate.value_change < 1e-9
    assert abs(certificate.regret) < 1e-9
    assert certificate.returns[1] == pytest.approx(certificate.returns[0], abs=1e-9)
    assert pytest.approx(certificate.returns[0], abs=1e-8) == before.J
    ties = np.sort(before.Q, axis=1)
    sure = ties[:, -1] - ties[:, -2] > 1e-8
    np.testing.assert_array_equal(after.pi[:S][sure], before.pi[sure])
    assert (after.pi[S:-1, GO_ON] == 1).all()
    assert 5 < certificate.margin < 20
    assert certificate.margin == pytest.approx((after.Q[S:-1, GO_ON] + 20).min(), abs=1e-12)


def test_what_is_soft_optimal_moves(model: DiscretisedPendulum, certificate: Certificate) -> None:
    before, after = (certificate.mean_action * lean(model)).mean(axis=1)
    assert before < -0.1  # it holds against the fall
    assert after > before + 0.2  # it goes with it more
    assert (certificate.best_action[0] != certificate.best_action[1]).mean() > 0.3
    plain, _, soft, misled = certificate.returns
    assert plain > soft > misled
    mean = certificate.soft[1].pi[: len(model.states)][model.region] @ model.actions
    np.testing.assert_array_equal(certificate.mean_action[1], mean)
    # More of an effect where more is at stake for entropy; none where there is nothing.
    small = certify(model, 0.01)
    assert abs(small.mean_action[1] - small.mean_action[0]).max() < abs(np.diff(certificate.mean_action, axis=0)).max()
    assert small.returns[2] - small.returns[3] < 0.05 * (soft - misled)


@pytest.mark.slow
def test_on_a_finer_grid_the_pendulum_is_not_kept_upright() -> None:
    model = discretise_pendulum(gym.make(ENV_ID), angles=31, velocities=31, actions=7)
    certificate = certify(model, ALPHA)
    assert certificate.value_change < 1e-8
    assert certificate.returns[:2] == pytest.approx((-14.67, -14.67), abs=0.2)
    assert certificate.returns[2] == pytest.approx(-19.1, abs=0.5)
    assert certificate.returns[3] < -26
    before, after = (certificate.mean_action * lean(model)).mean(axis=1)
    assert (before, after) == (pytest.approx(-0.15, abs=0.1), pytest.approx(0.12, abs=0.1))


# The model


def test_the_model_is_what_the_wrapper_does(model: DiscretisedPendulum) -> None:
    env, rng = gym.make(ENV_ID), np.random.default_rng(3)
    pendulum: Any = env.unwrapped
    grid = Grid(15, 15, 8.0)
    env.reset()
    held = [s for s in np.flatnonzero(model.region) for _ in range(2)]
    for s in [*held, *rng.choice(np.flatnonzero(~model.region), 20)]:
        k = int(rng.integers(5))
        m = model.intermediate[s, k]
        assert (m >= 0) == model.region[s]
        row = s if m < 0 else m
        if m >= 0:
            assert model.extended.P[s, k, m] == model.extended.discount[s, k] == 1
            assert model.extended.R[s, k] == 0
            assert model.extended.present[m].tolist() == [True, True, False, False, False]
            assert model.extended.measure[m].sum() == pytest.approx(2)
        for a in rng.uniform(-1, 1, size=40 if m >= 0 else 1).astype(np.float32):
            pendulum.state = model.states[s].copy()
            env.get_wrapper_attr("stand_at")(pendulum._get_obs())
            _, reward, over, _, info = env.step(np.array([2 * model.actions[k]], np.float32))
            did = k
            if m >= 0:
                share = info["share"]
                assert model.extended.measure[m, GO_ON] == pytest.approx(2 * share, abs=1e-12)
                did = GO_ON if a > 1 - 2 * share else END
                _, reward, over, _, info = env.step(np.array([2 * a]))
                assert info["continued"] == (did == GO_ON)
            assert model.extended.R[row, did] == reward
            to = model.extended.P[row, did]
            assert over == (to[-1] == 1)
            if not over:
                np.testing.assert_array_equal(to[: len(grid.states)], grid.chances(pendulum.state))
    np.testing.assert_array_equal(model.extended.R[: len(model.states)][~model.region], model.plain.R[~model.region])
    assert model.extended.absorbing.tolist() == [False] * (model.extended.n_states - 1) + [True]


@pytest.mark.parametrize("wrong", ["pays", "does", "holds"])
def test_a_wrapper_that_pays_or_does_something_else_is_found_out(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    step, decide = EntropicBifurcation.step, EntropicBifurcation._decide

    def other_step(self: Any, action: Any) -> Any:
        seen, reward, *ends, info = step(self, action)
        return seen, float(reward) + 0.1 * info["pending"], *ends, info

    def other_decide(self: Any, pending: Any, action: Any) -> Any:
        if wrong == "does":
            self._raw = -self._raw
        seen, reward, *ends, info = decide(self, pending, action)
        return seen, float(reward) + 0.1 * (wrong == "pays"), *ends, info

    if wrong == "holds":
        monkeypatch.setattr(EntropicBifurcation, "step", other_step)
    else:
        monkeypatch.setattr(EntropicBifurcation, "_decide", other_decide)
    model = discretise_pendulum(gym.make(ENV_ID), angles=15, velocities=7, actions=3, gamma=0.9)
    assert model.region.any()
    found = certify(model, ALPHA)
    # Where only the names of actions change, values do not.
    assert (found.regret if wrong == "does" else found.value_change) > 0.01


def test_soft_values_of_intermediate_states_follow_the_formula(
    model: DiscretisedPendulum, certificate: Certificate
) -> None:
    soft = certificate.soft[1]
    for s, k in np.argwhere(model.intermediate >= 0):
        m = model.intermediate[s, k]
        expected = soft_value(soft.Q[m, GO_ON], model.share[s, k], -20.0, ALPHA)
        assert soft.V[m] == pytest.approx(expected, abs=1e-9)
        assert soft.Q[s, k] == pytest.approx(expected, abs=1e-8)
        # So far below, r_T drops out: the policy is the continuation's, multiplied by the share.
        assert expected == pytest.approx(soft.Q[m, GO_ON] + ALPHA * np.log(2 * model.share[s, k]), abs=1e-12)


def test_the_grid_keeps_the_mean_and_goes_around() -> None:
    grid, rng = Grid(12, 9, 8.0), np.random.default_rng(0)
    assert grid.states.shape == (108, 2)
    for state, chances in ((s, grid.chances(s)) for s in grid.states):
        assert chances.max() == pytest.approx(1)
        np.testing.assert_allclose(grid.states[chances.argmax()], state)
    for state in rng.uniform((-3.0, -8.0), (2.5, 8.0), size=(30, 2)):
        chances = grid.chances(state)
        assert (chances > 0).sum() <= 4
        np.testing.assert_allclose(chances @ grid.states, state, atol=1e-12)
        np.testing.assert_allclose(grid.chances(state - (6 * np.pi, 0)), chances, atol=1e-12)
    seam = grid.chances(np.array([np.pi - 0.1, 0.0]))
    assert set(np.round(np.cos(grid.states[seam > 0, 0]), 3)) == {-1.0, round(float(np.cos(5 * np.pi / 6)), 3)}


def test_where_the_inserted_step_is_discounted_the_bound_holds(model: DiscretisedPendulum) -> None:
    gamma, S = 0.97, len(model.states)
    before = value_iteration(model.plain)
    delayed = value_iteration(replace(model.extended, gamma=gamma))
    r = float(abs(model.plain.R).max())
    bound = r / (1 - gamma**2)
    change = delayed.V[:S] - before.V
    assert 1e-3 < abs(change).max() < bound  # it does change
    assert (change > -1e-8).all()  # and where all rewards are negative, delay is of use
    short = before.V - evaluate(model.plain, delayed.pi[:S]).V
    assert short.max() <= 2 * bound


# Bad input


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"angles": 2}, ValueError, "angles must be a whole number ≥ 3, but 2"),
        ({"velocities": 3.5}, TypeError, "velocities must be a whole number"),
        ({"actions": 1}, ValueError, "actions must be a whole number ≥ 2, but 1"),
        ({"gamma": 1.5}, ValueError, "gamma must be a number between 0 and 1, but 1.5"),
    ],
)
def test_numbers_that_are_not_allowed(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        discretise_pendulum(gym.make(ENV_ID), **settings)


def test_environments_that_it_does_not_know_and_empty_regions() -> None:
    with pytest.raises(TypeError, match=r"A Pendulum with EntropicBifurcation around it must be given, but .* was"):
        discretise_pendulum(gym.make("Pendulum-v1"))
    env = gym.make(ENV_ID, region=lambda observation: False)
    empty = discretise_pendulum(env, angles=3, velocities=3, actions=2)
    with pytest.raises(ValueError, match=r"The region has no state of the grid. Give more angles"):
        certify(empty, 0.2)
    with pytest.raises(ValueError, match="alpha must be a number > 0, but 0"):
        certify(empty, 0)
