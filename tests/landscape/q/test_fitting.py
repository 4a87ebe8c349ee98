"""Fitted critics against exact ones: a chain whose actions matter by interval, and the bifurcation."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from sb3_entropy.landscape.q.critics import Behaviour
from sb3_entropy.landscape.q.features import Features
from sb3_entropy.landscape.q.fitting import Fitting, fit_critics
from sb3_entropy.landscape.q.transitions import Transitions

N_STATES, GAMMA, ALPHA = 4, 0.95, 0.7
QUICK = Fitting(refits=2, updates=1500, batch_size=64, width=48, learning_rate=3e-3)


class Steps(Behaviour):
    """
    Of the three thirds of [−1, 1] one is drawn, and then uniformly in it: a density that is a staircase.

    :param shares: of the thirds in each state, shape (S, 3)
    """

    def __init__(self, shares: np.ndarray):
        super().__init__(1)
        self.shares = shares

    def sample(self, observations: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        shares = self.shares[observations[:, 0].astype(int)]
        third = (rng.random((len(shares), 1)) > shares.cumsum(axis=1)[:, :2]).sum(axis=1)
        actions = (third + rng.random(len(third))) / 1.5 - 1
        return actions[:, None], np.log(1.5 * shares[np.arange(len(third)), third])

    def mode(self, observations: Any) -> np.ndarray:
        raise NotImplementedError

    def log_prob(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        raise NotImplementedError


@pytest.fixture(scope="module")
def chain() -> dict[str, Any]:
    """Four states, of which one in seven steps ends, and data in which every third is drawn as often as any other."""
    rng = np.random.default_rng(3)
    leads, pays = rng.dirichlet([0.5] * N_STATES, size=(N_STATES, 3)), rng.normal(size=(N_STATES, 3))
    ends = rng.uniform(0, 0.3, size=(N_STATES, 3))
    behaviour = Steps(rng.dirichlet([1.0] * 3, size=N_STATES))
    n = 12_000
    states, thirds = rng.integers(N_STATES, size=n), rng.integers(3, size=n)
    following = (rng.random((n, 1)) > leads[states, thirds].cumsum(axis=1)[:, :-1]).sum(axis=1)
    transitions = Transitions(
        states[:, None],
        ((thirds + rng.random(n)) / 1.5 - 1)[:, None],
        pays[states, thirds],
        following[:, None],
        rng.random(n) < ends[states, thirds],
        np.arange(n) // 6,
    )
    features = Features(spaces.MultiDiscrete([N_STATES]), transitions.observations)
    return {"P": leads * (1 - ends[..., None]), "R": pays, "policy": behaviour, "data": transitions, "read": features}


def exact(chain: dict[str, Any], alpha: float) -> np.ndarray:
    """:return: Q of each third in each state, shape (S, 3), from V = (I − γ P_π)⁻¹ (R_π + α H)"""
    shares = chain["policy"].shares
    entropy = -(shares * np.log(1.5 * shares)).sum(axis=1)
    moved = np.einsum("si,sit->st", shares, chain["P"])
    values = np.linalg.solve(np.eye(N_STATES) - GAMMA * moved, (shares * chain["R"]).sum(axis=1) + alpha * entropy)
    return np.asarray(chain["R"] + GAMMA * chain["P"] @ values)


@pytest.fixture(scope="module")
def fitted(chain: dict[str, Any]) -> Any:
    return fit_critics(
        chain["data"], chain["read"], chain["policy"], gamma=GAMMA, ent_coef=ALPHA, fitting=QUICK, seed=0
    )


ASKED = np.tile(np.array([-0.7, 0.0, 0.65])[None, :, None], (N_STATES, 1, 1))
ALL_STATES = np.arange(N_STATES)[:, None]


def test_plain_and_soft_ones_are_the_exact_ones(chain: dict[str, Any], fitted: Any) -> None:
    # In parts of the range of Q. Some of the error is the data's, of which each refit draws its own.
    for critics, alpha in zip(fitted, (0.0, ALPHA), strict=True):
        assert critics.ent_coef == alpha
        truth = exact(chain, alpha)
        found = critics.values(ALL_STATES, ASKED)
        assert found.shape == (2, N_STATES, 3)
        error = (found - truth) / np.ptp(truth)
        assert abs(error).max() < 0.1, error
        assert np.sqrt((error**2).mean()) < 0.05, error
    assert np.abs(exact(chain, ALPHA) - exact(chain, 0.0)).max() > 0.5  # they are not the same


def test_gradients_are_differences(fitted: Any) -> None:
    rng = np.random.default_rng(0)
    actions = rng.uniform(-0.9, 0.9, size=(N_STATES, 20, 1))
    step = 1e-3
    for critics in fitted:
        gradients = critics.gradients(ALL_STATES, actions)[..., 0]
        up, down = (critics.values(ALL_STATES, actions + sign * step) for sign in (1, -1))
        # ReLU's kinks are within a step of some.
        near = np.isclose(gradients, (up - down) / (2 * step), rtol=0.02, atol=0.02)
        assert near.mean() > 0.95
        assert gradients.std() > 0.1


def test_critics_differ_and_a_seed_is_a_fit(chain: dict[str, Any]) -> None:
    def values(seed: int) -> np.ndarray:
        few = replace(QUICK, updates=20)
        plain, soft = fit_critics(
            chain["data"], chain["read"], chain["policy"], gamma=GAMMA, ent_coef=None, fitting=few, seed=seed
        )
        assert soft is None
        return plain.values(ALL_STATES, ASKED)

    assert np.array_equal(values(1), values(1))
    one = values(2)
    assert not np.allclose(one, values(1))
    assert not np.allclose(one[0], one[1])


def test_a_constant_is_found_that_targets_would_take_long_to(chain: dict[str, Any]) -> None:
    # Each step pays 1, none ends: Q = 1/(1 − γ) = 1000, which targets go towards by τ(1 − γ) = 5e-5 an update.
    data = replace(chain["data"], rewards=np.ones(12_000), terminated=np.zeros(12_000, dtype=bool))
    plain, _ = fit_critics(
        data, chain["read"], chain["policy"], gamma=0.999, ent_coef=None, fitting=replace(QUICK, updates=400), seed=0
    )
    assert np.allclose(plain.values(ALL_STATES, ASKED), 1000, rtol=0.02)


def test_without_discount_and_with_ends_returns_are_sums(chain: dict[str, Any]) -> None:
    data = replace(chain["data"], terminated=np.ones(12_000, dtype=bool))
    plain, _ = fit_critics(
        data, chain["read"], chain["policy"], gamma=1.0, ent_coef=None, fitting=replace(QUICK, updates=800), seed=0
    )
    assert np.allclose(plain.values(ALL_STATES, ASKED), chain["R"], atol=0.1 * np.ptp(chain["R"]))


def test_what_is_not_finite_and_what_diverges_is_said(chain: dict[str, Any]) -> None:
    def fit(data: Transitions, **options: Any) -> None:
        fit_critics(
            data, chain["read"], chain["policy"], gamma=GAMMA, ent_coef=None, fitting=replace(QUICK, **options), seed=0
        )

    rewards = chain["data"].rewards.copy()
    rewards[7] = np.nan
    with pytest.raises(ValueError, match=r"cannot be fitted: a reward is not finite. Mend the environment"):
        fit(replace(chain["data"], rewards=rewards))
    said = r"The critics have diverged after [\d,]+ updates: Q is .* Give more data, .* or a smaller learning rate"
    with pytest.raises(ValueError, match=re.compile(said)):
        fit(chain["data"], learning_rate=1e3, updates=200)


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [
        ("refits", 0, "refits must be a whole number ≥ 1"),
        ("updates", 1.5, "updates must be a whole number ≥ 1"),
        ("batch_size", 0, "batch_size must be"),
        ("width", 0, "width must be"),
        ("n_next", 0, "n_next must be"),
        ("most", 63, "most must be a whole number ≥ 64"),
        ("learning_rate", 0, "learning_rate must be a number > 0"),
        ("tau", 1.5, "tau must be a number > 0 and ≤ 1"),
    ],
)
def test_settings_have_ranges(name: str, wrong: Any, said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        Fitting(**{name: wrong})
    assert (Fitting().refits, Fitting().updates) == (3, 20_000)
