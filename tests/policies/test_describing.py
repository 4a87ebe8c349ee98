"""What is logged of a policy, family by family, against SciPy."""

from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from scipy import stats
from stable_baselines3 import PPO

from policies.families import BOX, DETERMINISTIC, GREEDY, OBSERVATIONS, ON_POLICY, SQUASHED, Steps, build, states_of
from sb3_entropy.policies.describing import describe_policy
from sb3_entropy.policies.laws import law_at
from sb3_entropy.policies.looking import looked_at

ENTROPY = ["train/entropy", "train/entropy_q10", "train/entropy_q50", "train/entropy_q90"]
STD = ["train/std", "train/std_min", "train/std_max"]
SHARE = ["train/outside_box"]


def by_hand(entropy: np.ndarray, std: np.ndarray, outside: float) -> list[float]:
    return [
        std.mean(), std.min(), std.max(), outside, entropy.mean(), *np.quantile(entropy, [0.1, 0.5, 0.9])
    ]  # fmt: skip


@pytest.mark.parametrize("key", ON_POLICY)
def test_a_gaussian(key: str) -> None:
    model = build(key)
    values = describe_policy(model.policy, states_of(model))
    with th.no_grad():
        normal = model.policy.get_distribution(states_of(model)).distribution
    law = stats.norm(normal.loc.numpy().astype(float), normal.scale.numpy().astype(float))
    outside = (law.cdf(BOX.low) + law.sf(BOX.high)).mean()
    assert list(values) == [*STD, *SHARE, *ENTROPY]
    assert list(values.values()) == pytest.approx(by_hand(law.entropy().sum(axis=1), law.std(), outside), abs=1e-5)


@pytest.mark.parametrize("use_sde", [False, True])
@pytest.mark.parametrize("key", SQUASHED)
def test_a_squashed_gaussian(key: str, use_sde: bool) -> None:
    """The entropy is that of the density on the action box, summed over 20,000 cells of the same probability."""
    model = build(key, use_sde=use_sde)
    values = describe_policy(model.policy, states_of(model))
    with looked_at(model.policy):
        law: Any = law_at(model.policy, states_of(model))
    mean, std = law.mean.numpy().astype(float), law.std.numpy().astype(float)
    half = (BOX.high.astype(float) - BOX.low) / 2
    entropy = np.zeros(len(mean))
    for state, dim in np.ndindex(mean.shape):
        normal = stats.norm(mean[state, dim], std[state, dim])
        edges = normal.ppf(np.linspace(1e-9, 1 - 1e-9, 20_001))
        u, share = (edges[1:] + edges[:-1]) / 2, np.diff(normal.cdf(edges))
        density = normal.logpdf(u) - np.log(half[dim]) - 2 * (np.log(2) - u - np.logaddexp(0, -2 * u))
        entropy[state] -= (share * density).sum()
    names = [key.replace("/std", "/action_std") for key in STD] if use_sde else STD
    assert list(values) == [*names, *SHARE, *ENTROPY]
    assert list(values.values()) == pytest.approx(by_hand(entropy, std, 0.0), abs=2e-3)


@pytest.mark.parametrize("key", DETERMINISTIC)
def test_a_deterministic_policy_has_no_density(key: str) -> None:
    model = build(key)
    values = describe_policy(model.policy, states_of(model))
    assert values == dict.fromkeys([*STD, *SHARE], 0.0) | dict.fromkeys(ENTROPY, -np.inf)


@pytest.mark.parametrize("key", GREEDY)
def test_a_greedy_policy_has_no_entropy(key: str) -> None:
    model = build(key)
    assert describe_policy(model.policy, states_of(model)) == dict.fromkeys(ENTROPY, 0.0)


def test_choices() -> None:
    model = build("ppo", Steps(spaces.MultiDiscrete([3, 2])))
    values = describe_policy(model.policy, states_of(model))
    with th.no_grad():
        factors = model.policy.get_distribution(states_of(model)).distribution
    entropy = sum(stats.entropy(factor.probs.numpy().astype(float), axis=1) for factor in factors)
    assert list(values) == ENTROPY
    assert values["train/entropy"] == pytest.approx(entropy.mean(), abs=1e-5)


def test_a_squashed_policy_of_ppos_is_described_too() -> None:
    """Ours is silent without an estimator's name; Stable-Baselines3's cannot be given one."""
    kwargs = {"net_arch": [8], "squash_output": True}
    model = PPO("MlpPolicy", Steps(), use_sde=True, n_steps=8, batch_size=8, seed=0, policy_kwargs=kwargs)
    values = describe_policy(model.policy, states_of(model))
    assert list(values) == [*STD, *SHARE, *ENTROPY]
    assert values["train/outside_box"] == 0
    with looked_at(model.policy):
        law: Any = law_at(model.policy, states_of(model))
        th.manual_seed(0)
        estimate = -law.log_prob(law.sample(20_000)).mean()
    assert values["train/entropy"] == pytest.approx(estimate.item(), abs=0.02)
    own = build("sppo", ent_coef=0.0, policy_kwargs={"action_distribution": "tanh_gaussian"})
    assert list(describe_policy(own.policy, states_of(own))) == STD


@pytest.mark.parametrize("key", ["ppo", "sac"])
def test_numbers_that_are_not_finite_are_explained(key: str) -> None:
    model = build(key)
    with th.no_grad():
        next(model.policy.parameters())[0] = np.nan
        next(iter(model.policy.children())).train()
    if key == "sac":
        model.actor.mu.bias.data[0] = np.nan
    with pytest.raises(ValueError, match=r"The policy's parameter .* has become NaN or infinite"):
        describe_policy(model.policy, states_of(model))
    assert len(OBSERVATIONS) == len(states_of(model))
