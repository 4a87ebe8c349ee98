"""Soft V-trace: by sums over the steps to come, in IMPALA's form, and at the ends of what floats can hold."""

import inspect
from typing import Any

import numpy as np
import pytest

from sb3_entropy.algorithms.common.returns import soft_gae, soft_vtrace

BOUNDS = {"rho_bar": 3.7, "c_bar": 1.6, "pg_rho_bar": 2.2}
GAMMA, LAMBDA, ALPHA = 0.9, 0.8, 0.35


def fragments(seed: int = 9, n_steps: int = 5, n_envs: int = 4) -> dict[str, Any]:
    """Steps with ends inside, and ratios from 1/20 to 20; entropies beside what the function takes."""
    rng = np.random.default_rng(seed)
    ends = rng.random((n_steps, n_envs)) < 0.3
    assert ends[:-1].any()
    assert 0 < ends[-1].sum() < n_envs
    return {
        "rewards": rng.normal(1.0, 2.0, (n_steps, n_envs)),
        "entropies": rng.uniform(0.2, 1.5, (n_steps, n_envs)),
        "values": rng.normal(-1.0, 3.0, (n_steps, n_envs)),
        "last_values": rng.normal(2.0, 3.0, n_envs),
        "ends": ends,
        "log_probs": np.log(rng.uniform(0.01, 0.9, (n_steps, n_envs))),
        "ratios": np.exp(rng.uniform(-3.0, 3.0, (n_steps, n_envs))),
    }


def given(parts: dict[str, Any], alpha: float) -> dict[str, Any]:
    """What the function takes."""
    ends = parts["ends"]
    return {
        "rewards": parts["rewards"] + alpha * parts["entropies"],
        "values": parts["values"],
        "episode_starts": np.vstack([np.ones((1, ends.shape[1])), ends[:-1]]),
        "last_values": parts["last_values"],
        "dones": ends[-1],
        "log_probs": parts["log_probs"],
        "behaviour_log_probs": parts["log_probs"] - np.log(parts["ratios"]),
        "gamma": GAMMA,
    }


def plainly(parts: dict[str, Any], env: int, t: int, lam: float) -> float:
    """v_t of an environment: the sum over steps of the discounted product of traces times δ."""
    total = float(parts["values"][t, env])
    following = np.vstack([parts["values"][1:], parts["last_values"]])
    for k in range(t, len(parts["values"])):
        factor = GAMMA ** (k - t)
        for i in range(t, k):
            factor *= lam * min(BOUNDS["c_bar"], parts["ratios"][i, env])
        soft_reward = parts["rewards"][k, env] + ALPHA * parts["entropies"][k, env]
        after = 0.0 if parts["ends"][k, env] else GAMMA * following[k, env]
        total += (
            factor * min(BOUNDS["rho_bar"], parts["ratios"][k, env]) * (soft_reward + after - parts["values"][k, env])
        )
        if parts["ends"][k, env]:
            break
    return total


@pytest.mark.parametrize("lam", [LAMBDA, 1.0, 0.0])
def test_it_is_the_sum_of_weighted_errors_up_to_the_episodes_end(lam: float) -> None:
    parts = fragments()
    ratios = parts["ratios"]
    for low, high in ((0, 1), (1, 1.6), (1.6, 2.2), (2.2, 3.7), (3.7, 99)):
        assert ((low < ratios) & (ratios < high)).any()
    arguments = given(parts, ALPHA)
    kept = {name: np.copy(array) for name, array in arguments.items()}
    impala = soft_vtrace(**arguments, gae_lambda=lam, **BOUNDS)
    gae = soft_vtrace(**arguments, gae_lambda=lam, **BOUNDS, advantage="gae")
    n_steps, n_envs = ratios.shape
    for env in range(n_envs):
        for t in range(n_steps):
            target = plainly(parts, env, t, lam)
            assert impala.targets[t, env] == pytest.approx(target, abs=1e-12)
            assert gae.targets[t, env] == impala.targets[t, env]
            assert gae.advantages[t, env] == pytest.approx(target - parts["values"][t, env], abs=1e-12)
            assert gae.weights[t, env] == pytest.approx(min(3.7, ratios[t, env]), rel=1e-12)
            weight = min(2.2, ratios[t, env])
            assert impala.weights[t, env] == pytest.approx(weight, rel=1e-12)
            last = t + 1 == n_steps
            following = parts["last_values"][env] if last else plainly(parts, env, t + 1, lam)
            earned = parts["rewards"][t, env] + ALPHA * parts["entropies"][t, env]
            earned += 0.0 if parts["ends"][t, env] else GAMMA * following
            assert impala.advantages[t, env] == pytest.approx(weight * (earned - parts["values"][t, env]), abs=1e-12)
    for name, array in arguments.items():
        np.testing.assert_array_equal(array, kept[name])


def test_with_no_entropy_it_is_impalas() -> None:
    """Espeholt et al. 2018, Eq. 1, by the recursion of their Remark 1, and Section 4.2's gradient, in scalars."""
    parts = fragments(5)
    arguments = given(parts, 0.0)
    found = soft_vtrace(**arguments)
    for env in range(parts["ratios"].shape[1]):
        next_v = next_value = parts["last_values"][env]
        for t in reversed(range(len(parts["ratios"]))):
            discount = GAMMA * (1 - parts["ends"][t, env])
            rho = c = min(1.0, parts["ratios"][t, env])
            value, reward = parts["values"][t, env], parts["rewards"][t, env]
            advantage = rho * (reward + discount * next_v - value)
            next_v = value + rho * (reward + discount * next_value - value) + discount * c * (next_v - next_value)
            next_value = value
            assert found.targets[t, env] == pytest.approx(next_v, abs=1e-12)
            assert found.advantages[t, env] == pytest.approx(advantage, abs=1e-12)
    defaults = {"gae_lambda": 1.0, "rho_bar": 1.0, "c_bar": 1.0, "pg_rho_bar": 1.0, "advantage": "impala"}
    said = inspect.signature(soft_vtrace).parameters
    assert {name: said[name].default for name in defaults} == defaults


@pytest.mark.parametrize("bounds", [{}, BOUNDS, {"rho_bar": 1.0, "c_bar": 5.0}])
def test_on_policy_it_is_gae(bounds: dict[str, float]) -> None:
    parts = fragments(7, 40, 3)
    arguments = given(parts, ALPHA) | {"behaviour_log_probs": parts["log_probs"]}
    expected = soft_gae(*(arguments[name] for name in inspect.signature(soft_gae).parameters if name in arguments), 0.8)
    found = soft_vtrace(**arguments, gae_lambda=0.8, **bounds, advantage="gae")
    assert found.advantages.tobytes() == expected.tobytes()
    assert found.targets.tobytes() == (expected + parts["values"]).tobytes()
    assert (found.weights == 1).all()
    # IMPALA's is the same at λ = 1 only.
    at_one = soft_vtrace(**arguments, **bounds)
    np.testing.assert_allclose(at_one.advantages, at_one.targets - parts["values"], atol=1e-12)
    impala = soft_vtrace(**arguments, gae_lambda=0.8, **bounds)
    assert abs(impala.advantages - expected).max() > 0.5


def test_a_time_limit_adds_the_value_of_the_last_observation_inside_the_bracket() -> None:
    one = {"episode_starts": np.ones((1, 1)), "gamma": 0.5, "log_probs": np.log([[0.6]])}
    one |= {"values": np.array([[3.0]]), "behaviour_log_probs": np.log([[0.2]]), "rho_bar": 2.0, "pg_rho_bar": 4.0}
    cut = soft_vtrace(np.array([[1.0 + 0.5 * 8.0]]), last_values=np.array([99.0]), dones=np.array([True]), **one)
    goes_on = soft_vtrace(np.array([[1.0]]), last_values=np.array([8.0]), dones=np.array([False]), **one)
    assert cut.targets.item() == goes_on.targets.item() == pytest.approx(3.0 + 2.0 * (1.0 + 4.0 - 3.0))
    assert cut.advantages.item() == goes_on.advantages.item() == pytest.approx(3.0 * (1.0 + 4.0 - 3.0))


@pytest.mark.parametrize("advantage", ["impala", "gae"])
def test_ratios_beyond_all_floats_are_the_bounds(advantage: str) -> None:
    parts = fragments()
    parts["log_probs"] = np.where(parts["ratios"] > 1, 4e4, -4e4)
    parts["log_probs"][0, 0], parts["log_probs"][1, 1] = -np.inf, np.inf
    arguments = given(parts, ALPHA) | {"behaviour_log_probs": np.zeros_like(parts["log_probs"])}
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        found = soft_vtrace(**arguments, **BOUNDS, advantage=advantage)
    bound = BOUNDS["pg_rho_bar" if advantage == "impala" else "rho_bar"]
    np.testing.assert_allclose(found.weights, np.where(parts["log_probs"] > 0, bound, 0.0), rtol=1e-14)
    assert (found.weights <= bound).all()
    assert found.targets[0, 0] == parts["values"][0, 0]
    assert all(np.isfinite(array).all() for array in found)


def test_it_is_computed_in_the_precision_of_rewards_and_values() -> None:
    parts = fragments()
    arguments = given(parts, ALPHA)
    single = arguments | {
        name: np.float32(arguments[name]) for name in ("rewards", "values", "last_values", "episode_starts")
    }
    bounds = {name: np.float64(bound) for name, bound in BOUNDS.items()}
    for advantage in ("impala", "gae"):
        exact = soft_vtrace(**arguments, **BOUNDS, advantage=advantage)
        found = soft_vtrace(**single, **bounds, advantage=advantage)
        for one, other in zip(found, exact, strict=True):
            assert one.dtype == np.float32
            assert other.dtype == np.float64
            np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


def test_what_is_refused() -> None:
    arguments = given(fragments(), ALPHA)
    for name in BOUNDS:
        for bad in (0, -1.0, np.inf):
            with pytest.raises(ValueError, match=f"{name} must be a number > 0, but {bad} was given"):
                soft_vtrace(**arguments, **{name: bad})
        with pytest.raises(TypeError, match=rf"{name} must be a number > 0, but None \(NoneType\) was given"):
            soft_vtrace(**arguments, **{name: None})
    with pytest.raises(ValueError, match=r"Unknown advantage 'gea'\. Available: gae, impala\. Did you mean 'gae'\?"):
        soft_vtrace(**arguments, advantage="gea")
