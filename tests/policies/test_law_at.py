"""The law of any policy against its own actions, densities and parameters."""

from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from sb3_contrib import MaskablePPO, RecurrentPPO
from scipy import stats

from policies.families import BOX, DETERMINISTIC, GREEDY, OBSERVATIONS, ON_POLICY, SQUASHED, Steps, build, states_of
from sb3_entropy.distributions.laws import Dirac, Finite, Gaussian, TanhGaussian
from sb3_entropy.policies.laws import has_law, law_at
from sb3_entropy.policies.looking import looked_at

LOW, HALF = BOX.low, (BOX.high - BOX.low) / 2


def seen(model: Any) -> Any:
    with looked_at(model.policy):
        return law_at(model.policy, states_of(model))


def layers(module: Any, x: np.ndarray) -> np.ndarray:
    """A sequence of linear layers and ReLUs, by NumPy."""
    for layer in module:
        if isinstance(layer, th.nn.Linear):
            x = x @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
        else:
            assert isinstance(layer, th.nn.ReLU)
            x = np.maximum(x, 0)
    return x


@pytest.mark.parametrize("key", ["sac", "tqc"])
def test_a_squashed_gaussian_by_hand(key: str) -> None:
    model = build(key)
    law = seen(model)
    assert isinstance(law, TanhGaussian)
    latent = layers(model.actor.latent_pi, OBSERVATIONS.astype(float))
    mean, log_std = layers([model.actor.mu], latent), np.clip(layers([model.actor.log_std], latent), -20, 2)
    np.testing.assert_allclose(law.mean, mean, atol=1e-5)
    np.testing.assert_allclose(law.std, np.exp(log_std), rtol=1e-4)
    np.testing.assert_allclose(law.low, BOX.low)
    np.testing.assert_allclose(law.high, BOX.high)
    u = np.random.default_rng(3).normal(size=(len(mean), 2))
    density = stats.norm(mean, np.exp(log_std)).logpdf(u) - np.log(1 - np.tanh(u) ** 2) - np.log(HALF)
    actions = th.as_tensor(LOW + HALF * (np.tanh(u) + 1))[None]
    np.testing.assert_allclose(law.log_prob(actions)[0], density.sum(axis=1), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("use_sde", [False, True])
@pytest.mark.parametrize("key", SQUASHED)
def test_the_density_is_what_the_algorithm_learns_from(key: str, use_sde: bool) -> None:
    """But for Σ log((high − low)/2): it has the density on [−1, 1]."""
    model = build(key, use_sde=use_sde)
    if use_sde:
        model.policy.reset_noise(len(OBSERVATIONS))
    law = seen(model)
    with looked_at(model.policy, seed=0):
        actions, log_prob = model.actor.action_log_prob(states_of(model))
    inside = actions.abs().amax(1) < 0.99  # where SB3's 1e-6 against log 0 does not show
    assert inside.sum() > 5
    found = law.log_prob((th.as_tensor(LOW) + th.as_tensor(HALF) * (actions + 1))[None])[0]
    np.testing.assert_allclose((found + np.log(HALF).sum())[inside], log_prob[inside], atol=2e-3)


def test_with_gsde_the_noise_is_averaged_over() -> None:
    """Var u = Σ_j h_j² σ_j² + 1e-6, and samples of many exploration matrices have this spread."""
    model = build("sac", use_sde=True)
    law = seen(model)
    latent = np.maximum(layers(model.actor.latent_pi, OBSERVATIONS.astype(float)), 0)
    variance = latent**2 @ np.exp(model.actor.log_std.detach().double().numpy()) ** 2 + 1e-6
    np.testing.assert_allclose(law.std, np.sqrt(variance), rtol=1e-4)


@pytest.mark.parametrize("key", DETERMINISTIC)
def test_a_deterministic_policy_over_a_box(key: str) -> None:
    model = build(key)
    law = seen(model)
    assert isinstance(law, Dirac)
    np.testing.assert_allclose(law.action, model.predict(OBSERVATIONS)[0], atol=1e-6)
    assert law.action.std(0).min() > 0.01
    assert law.entropy().isneginf().all()


@pytest.mark.parametrize("key", GREEDY)
def test_a_greedy_policy(key: str) -> None:
    model = build(key)
    law = seen(model)
    assert isinstance(law, Finite)
    assert law.support.sizes == (4,)
    chosen = model.predict(OBSERVATIONS, deterministic=True)[0]
    assert len(set(chosen)) > 1
    assert np.array_equal(law.log_probs[0].exp(), np.eye(4)[chosen])
    assert not law.entropy().any()


@pytest.mark.parametrize("key", ON_POLICY)
def test_an_actor_critic_policy(key: str) -> None:
    model = build(key)
    law = seen(model)
    assert isinstance(law, Gaussian)
    actions = th.as_tensor(np.random.default_rng(2).normal(size=(20, 2)), dtype=th.float32)
    with th.no_grad():
        _, log_prob, entropy = model.policy.evaluate_actions(states_of(model), actions)
    np.testing.assert_allclose(law.log_prob(actions[None])[0], log_prob, atol=1e-5)
    np.testing.assert_allclose(law.entropy(), entropy, atol=1e-5)


def test_a_compiled_policy_is_the_policy() -> None:
    model = build("sac")
    expected = seen(model)
    model.policy = th.compile(model.policy, backend="eager")
    assert th.equal(seen(model).mean, expected.mean)


@pytest.mark.parametrize("cls", [RecurrentPPO, MaskablePPO])
def test_what_is_no_function_of_the_observation_has_no_law(cls: Any) -> None:
    kwargs = {"policy_kwargs": {"lstm_hidden_size": 4}} if cls is RecurrentPPO else {}
    policy = "MlpLstmPolicy" if cls is RecurrentPPO else "MlpPolicy"
    model = cls(policy, Steps(spaces.Discrete(3)), n_steps=8, batch_size=8, **kwargs)
    assert not has_law(model.policy)
    name = type(model.policy).__name__
    with pytest.raises(TypeError, match=rf"by the observation alone.* but {name} was given.*a memory or a mask"):
        law_at(model.policy, states_of(model))
