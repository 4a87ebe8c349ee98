"""Logits of policies against definitions in PyTorch."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from processes import corridor, differences, measured, probabilities, random_mdp
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import nn

from sb3_entropy import SPPO
from sb3_entropy.mdp import (
    ExactObjective,
    Mix,
    ModulePolicy,
    SoftmaxLinear,
    TabularMDP,
    TabularSoftmax,
    evaluate,
)


def normal(n: int, seed: int = 0) -> th.Tensor:
    return th.tensor(np.random.default_rng(seed).normal(size=n))


def test_the_linear_policy_is_a_linear_layer_on_one_hot_states() -> None:
    mdp = random_mdp()
    layer = nn.Linear(5, 3).double()
    theta = nn.utils.parameters_to_vector(layer.parameters()).detach()
    policy = SoftmaxLinear(mdp)
    assert policy.n_parameters == len(theta) == 18
    expected = layer(th.eye(5, dtype=th.float64))
    np.testing.assert_array_equal(policy.logits(theta).numpy(), expected.detach().numpy())
    both = policy.logits(th.stack([theta, 2 * theta]))
    np.testing.assert_array_equal(both[0].numpy(), expected.detach().numpy())
    assert both.shape == (2, 5, 3)


def test_it_begins_as_a_linear_layer_does() -> None:
    mdp = TabularMDP.from_env("entropy/Gridworld-v0")
    policy = SoftmaxLinear(mdp)
    first = policy.initial(400, np.random.default_rng(0))
    assert first.shape == (400, 108)
    bound = 1 / np.sqrt(26)
    assert 0.999 * bound < abs(first).max() <= bound
    assert first.std() == pytest.approx(bound / np.sqrt(3), rel=0.01)
    np.testing.assert_array_equal(first, policy.initial(400, np.random.default_rng(0)))


def test_the_tabular_policy_has_its_logits_for_parameters() -> None:
    mdp = random_mdp()
    theta = normal(15)
    assert TabularSoftmax(mdp).logits(theta).tolist() == theta.reshape(5, 3).tolist()
    assert TabularSoftmax(mdp).logits(theta.repeat(2, 1))[1].tolist() == theta.reshape(5, 3).tolist()


@pytest.mark.parametrize("make", [SoftmaxLinear, TabularSoftmax])
def test_gathering_is_the_transpose_of_spreading(make: Any) -> None:
    policy, rng = make(random_mdp()), np.random.default_rng(0)
    theta, cotangent = rng.normal(size=(policy.n_parameters, 4)), rng.normal(size=(3, 5, 4))
    over_logits = (policy.spread(theta) * cotangent).sum(axis=(0, 1))
    np.testing.assert_allclose(over_logits, (theta * policy.gathered(cotangent)).sum(axis=0))


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_mixing_is_with_the_uniform_policy(share: float) -> None:
    mdp = random_mdp()
    policy, theta = SoftmaxLinear(mdp), normal(18)
    mixed = probabilities(mdp, Mix(mdp, policy, share).logits(theta))
    expected = (1 - share) * th.softmax(policy.logits(theta), dim=-1) + share / 3
    np.testing.assert_allclose(mixed, expected, atol=1e-14)


def test_with_a_measure_uniform_is_the_measure() -> None:
    mdp = measured()
    policy, theta = SoftmaxLinear(mdp), normal(18)
    mixed = probabilities(mdp, Mix(mdp, policy, 0.3).logits(theta)).numpy()
    m = mdp.measure / mdp.measure.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(mixed, 0.7 * probabilities(mdp, policy.logits(theta)).numpy() + 0.3 * m, atol=1e-14)
    assert mixed[1, 2] == 0.0
    found = ExactObjective(mdp, Mix(mdp, policy, 0.3), 0.2).evaluate(theta)
    np.testing.assert_allclose(found.pi, mixed, atol=1e-14)
    assert pytest.approx(float(evaluate(mdp, mixed, 0.2).J)) == found.J


def test_a_mix_is_a_policy_that_can_be_mixed() -> None:
    mdp = random_mdp()
    twice = Mix(mdp, Mix(mdp, SoftmaxLinear(mdp), 0.2), 0.5)
    theta = normal(18)
    expected = 0.4 * th.softmax(SoftmaxLinear(mdp).logits(theta), dim=-1) + 0.6 / 3
    np.testing.assert_allclose(probabilities(mdp, twice.logits(theta)), expected, atol=1e-14)


@pytest.mark.parametrize(
    ("share", "error", "message"),
    [
        (-0.1, ValueError, "share must be a number between 0 and 1"),
        ("a", TypeError, "share must be a number"),
        (1, ValueError, "share must be less than 1, but 1 was given"),
    ],
)
def test_a_bad_share_is_named(share: Any, error: type[Exception], message: str) -> None:
    mdp = random_mdp()
    with pytest.raises(error, match=message):
        Mix(mdp, SoftmaxLinear(mdp), share)


# Networks


def net(n_inputs: int = 5, n_outputs: int = 3, seed: int = 0) -> nn.Module:
    with th.random.fork_rng():
        th.manual_seed(seed)
        return nn.Sequential(nn.Linear(n_inputs, 4), nn.Tanh(), nn.Linear(4, n_outputs))


def test_a_network_is_a_policy_with_exact_derivatives() -> None:
    mdp, module = measured(2), net()
    policy = ModulePolicy(mdp, module, np.eye(5))
    np.testing.assert_allclose(policy.theta, nn.utils.parameters_to_vector(module.parameters()).detach(), atol=1e-7)
    expected = module(th.eye(5))
    np.testing.assert_allclose(policy.logits(th.tensor(policy.theta)), expected.detach(), atol=1e-6)
    objective, theta = ExactObjective(mdp, policy, 0.4), 2 * policy.theta
    np.testing.assert_allclose(objective.gradient(theta), differences(objective, theta), atol=1e-8)
    np.testing.assert_allclose(objective.hessian(theta), differences(objective.gradient, theta), atol=1e-7)
    both = objective.gradient(np.stack([theta, policy.theta]))
    np.testing.assert_allclose(both, [objective.gradient(theta), objective.gradient(policy.theta)], atol=1e-12)
    assert module[0].weight.dtype == th.float32  # type: ignore[index, union-attr]  # the module is left as it is


def test_absorbing_states_need_no_input() -> None:
    mdp = corridor(4, gamma=0.9)
    policy = ModulePolicy(mdp, net(1, 2), np.arange(4.0)[:, None])
    assert policy.logits(th.tensor(policy.theta))[4].tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match=r"entry for each of the 5 states, but for absorbing ones .* but 3 were"):
        ModulePolicy(mdp, net(1, 2), np.arange(3.0)[:, None])
    with pytest.raises(ValueError, match="but 6 were given"):
        ModulePolicy(mdp, net(1, 2), np.arange(6.0)[:, None])
    with pytest.raises(ValueError, match=r"must return logits of the shape \(4, 2\) .* but \(4, 3\) came"):
        ModulePolicy(mdp, net(1, 3), np.arange(4.0)[:, None])


# Policies of Stable-Baselines3


def probabilities_of(policy: Any, observations: Any) -> np.ndarray:
    with th.no_grad():
        return policy.get_distribution(policy.obs_to_tensor(observations)[0]).distribution.probs.numpy()


@pytest.mark.parametrize("observation", ["one_hot", "index"])
@pytest.mark.parametrize("cls", [PPO, SPPO])
def test_a_models_policy_in_the_gridworld(cls: Any, observation: str) -> None:
    env = gym.make("sb3_entropy_gridworld:entropy/Gridworld-v0", observation=observation)
    mdp = TabularMDP.from_env(env)
    model = cls("MlpPolicy", env, seed=0, device="cpu", policy_kwargs={"net_arch": [8], "ortho_init": False})
    policy = ModulePolicy.of_sb3(mdp, model.policy)
    actor = [p for name, p in model.policy.named_parameters() if "value_net" not in name]
    np.testing.assert_array_equal(policy.theta, nn.utils.parameters_to_vector(actor).detach().numpy())
    found = ExactObjective(mdp, policy, 0.1).evaluate(policy.theta)
    observations = np.eye(26, dtype=np.float32) if observation == "one_hot" else np.arange(26)
    np.testing.assert_allclose(found.pi, probabilities_of(model.policy, observations), atol=1e-6)


def test_its_derivatives_are_exact() -> None:
    env = gym.make("FrozenLake-v1")
    mdp = TabularMDP.from_env(env, gamma=0.95)
    model = A2C("MlpPolicy", env, seed=0, device="cpu", policy_kwargs={"net_arch": [2], "ortho_init": False})
    policy = ModulePolicy.of_sb3(mdp, model.policy)  # 16 observations, and the state that was added
    objective = ExactObjective(mdp, policy, 0.1)
    np.testing.assert_allclose(objective.gradient(policy.theta), differences(objective, policy.theta), atol=1e-8)
    found = objective.hessian(policy.theta)
    np.testing.assert_allclose(found, differences(objective.gradient, policy.theta), atol=1e-8)
    assert model.policy.action_net.weight.dtype == th.float32
    assert model.policy.action_net.weight.requires_grad


class Learned(FlattenExtractor):
    """Features with parameters of their own, which actor and critic share."""

    def __init__(self, space: Any):
        super().__init__(space)
        self.layer = nn.Linear(self.features_dim, self.features_dim)

    def forward(self, observations: th.Tensor) -> th.Tensor:
        return th.tanh(self.layer(super().forward(observations)))


@pytest.mark.parametrize("shared", [True, False])
def test_features_may_be_shared(shared: bool) -> None:
    env = gym.make("sb3_entropy_gridworld:entropy/Gridworld-v0")
    mdp = TabularMDP.from_env(env)
    kwargs = {"net_arch": [4], "features_extractor_class": Learned, "share_features_extractor": shared}
    model = PPO("MlpPolicy", env, seed=0, device="cpu", policy_kwargs=kwargs)
    policy = ModulePolicy.of_sb3(mdp, model.policy)
    assert policy.n_parameters == 26 * 27 + 4 * 27 + 4 * 5
    theta = policy.theta + 0.3 * np.random.default_rng(0).normal(size=policy.n_parameters)
    objective = ExactObjective(mdp, policy, 0.1)
    gradient, along = objective.gradient(theta), np.random.default_rng(1).normal(size=policy.n_parameters)
    change = (objective(theta + 1e-6 * along) - objective(theta - 1e-6 * along)) / 2e-6
    assert gradient @ along == pytest.approx(change, rel=1e-6)
    assert objective(policy.theta) == pytest.approx(float(objective(policy.theta[None])[0]))  # nothing stays exchanged


class Wide(gym.Env[Any, Any]):
    """Observations of which there is no telling what states look like."""

    def __init__(self, observation_space: Any, action_space: Any):
        self.observation_space, self.action_space = observation_space, action_space


def policy_in(observations: Any, actions: Any, **kwargs: Any) -> Any:
    multi = isinstance(observations, spaces.Dict)
    name = "MultiInputPolicy" if multi else "MlpPolicy"
    return PPO(name, Wide(observations, actions), device="cpu", n_steps=8, batch_size=8, **kwargs).policy


def test_observations_that_are_not_plain_are_asked_for() -> None:
    mdp = corridor(4, gamma=0.9)
    policy = policy_in(spaces.Box(-1, 1, (2,)), spaces.Discrete(2))
    with pytest.raises(ValueError, match=r"What the 5 states look like in Box\(.*Give observations, shape \(S, …\)"):
        ModulePolicy.of_sb3(mdp, policy)
    seen = np.random.default_rng(0).normal(size=(4, 2)).clip(-1, 1).astype(np.float32)
    found = ModulePolicy.of_sb3(mdp, policy, seen)
    pi = th.softmax(found.logits(th.tensor(found.theta)), dim=-1)
    np.testing.assert_allclose(pi[:4], probabilities_of(policy, seen), atol=1e-6)


class Halved(type(policy_in(spaces.Discrete(2), spaces.Discrete(2)))):  # type: ignore[misc]
    """Acts at half its logits."""

    def get_distribution(self, obs: Any) -> Any:
        found = super().get_distribution(obs)
        return found.proba_distribution(found.distribution.logits / 2 + th.arange(2.0))


def test_what_is_no_such_policy_is_named() -> None:
    mdp = corridor(4, gamma=0.9)
    box, two = spaces.Box(-1, 1, (4,)), spaces.Discrete(2)
    with pytest.raises(ValueError, match=r"ActorCriticPolicy with discrete actions.* but ActorCriticPolicy was"):
        ModulePolicy.of_sb3(mdp, policy_in(box, spaces.Box(-1, 1, (1,))))
    dqn = DQN("MlpPolicy", Wide(box, two), device="cpu", buffer_size=10)
    with pytest.raises(ValueError, match="but DQNPolicy was given"):
        ModulePolicy.of_sb3(mdp, dqn.policy)
    several = policy_in(spaces.Dict({"x": box}), two)
    with pytest.raises(ValueError, match=r"must be one array, but those of Dict\(.* are several\. Give a module"):
        ModulePolicy.of_sb3(mdp, several)
    halved = PPO(Halved, Wide(box, two), device="cpu", n_steps=8, batch_size=8).policy
    with pytest.raises(ValueError, match="Halved acts otherwise than by features, latent and action_net"):
        ModulePolicy.of_sb3(mdp, halved)
