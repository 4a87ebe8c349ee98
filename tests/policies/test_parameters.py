"""θ comes and goes as a vector and as a snapshot, bit for bit."""

from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces

from policies.families import FAMILIES, GREEDY, Steps, build, states_of
from sb3_entropy.distributions.laws import Dirac
from sb3_entropy.policies.laws import law_at
from sb3_entropy.policies.parameters import ParameterVector, Snapshot


def fingerprint(policy: Any) -> tuple[dict[str, bytes], list[int]]:
    """:return: the bits of all parameters and buffers, and which objects the parameters are"""
    state = {name: tensor.numpy().tobytes() for name, tensor in policy.state_dict().items()}
    return state, [id(parameter) for parameter in policy.parameters()]


def number_of(model: Any) -> th.Tensor:
    """:return: a scalar that every parameter enters on which the actions depend"""
    if isinstance(model, tuple(GREEDY.values())):
        net = getattr(model.policy, "q_net", None) or model.policy.quantile_net
        return net(states_of(model)).square().sum()
    law = law_at(model.policy, states_of(model))
    return (
        law.action.square().sum() if isinstance(law, Dirac) else law.log_prob(law.sample(1) * 0.9 + 0.1).square().sum()
    )


@pytest.mark.parametrize("key", FAMILIES)
def test_the_actors_parameters_are_those_that_the_actions_depend_on(key: str) -> None:
    model = build(key)
    named = dict(model.policy.named_parameters())
    gradients = th.autograd.grad(number_of(model), list(named.values()), allow_unused=True)
    used = {name for name, gradient in zip(named, gradients, strict=True) if gradient is not None}
    assert set(ParameterVector(model.policy).shapes) == used
    assert set(ParameterVector(model.policy, "all").shapes) == set(named)
    assert used < set(named)


class Pictures(Steps):
    """Observations for a convolutional network."""

    def __init__(self) -> None:
        super().__init__(spaces.Discrete(3))
        self.observation_space = spaces.Box(0, 255, (1, 36, 36), np.uint8)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("key", ["ppo", "sac"])
def test_a_features_extractor_is_the_actors_if_it_is_shared(key: str, shared: bool) -> None:
    env: Any = Pictures()
    if key == "sac":
        env.action_space = spaces.Box(-1, 1, (2,))
    kwargs = {"features_extractor_kwargs": {"features_dim": 4}, "share_features_extractor": shared}
    model = build(key, env, policy="CnnPolicy", policy_kwargs=kwargs)
    observations = model.policy.obs_to_tensor(np.random.default_rng(0).integers(0, 256, (3, 1, 36, 36), np.uint8))[0]
    named = dict(model.policy.named_parameters())
    law = law_at(model.policy, observations)
    scalar = law.mean.sum() + law.std.sum() if key == "sac" else law.entropy().sum()
    gradients = th.autograd.grad(scalar, list(named.values()), allow_unused=True)
    vector = ParameterVector(model.policy)
    assert set(vector.shapes) == {n for n, gradient in zip(named, gradients, strict=True) if gradient is not None}
    with th.no_grad(), vector.at(vector.get() * 1.5):
        other = law_at(model.policy, observations)
    vector.set(vector.get() * 1.5)
    with th.no_grad():
        again = law_at(model.policy, observations)
    for name in ("mean", "std") if key == "sac" else ():
        assert th.equal(getattr(other, name), getattr(again, name))
    assert key == "sac" or th.equal(other.log_probs[0], again.log_probs[0])


@pytest.mark.parametrize("key", FAMILIES)
def test_a_vector_is_set_and_what_was_there_comes_back(key: str) -> None:
    model = build(key)
    vector = ParameterVector(model.policy)
    before, theta = fingerprint(model.policy), vector.get()
    assert theta.shape == (vector.size,)
    th.manual_seed(0)
    here = number_of(model).item()
    with th.no_grad(), vector.at(theta + 0.1):
        th.manual_seed(0)
        there = number_of(model).item()
        assert th.equal(vector.get(), theta + 0.1)
    assert there != here
    assert fingerprint(model.policy) == before
    with pytest.raises(RuntimeError, match="on purpose"), vector.at(theta + 0.1):
        raise RuntimeError("on purpose")
    assert fingerprint(model.policy) == before
    vector.set(theta + 0.1)
    th.manual_seed(0)
    assert number_of(model).item() == there
    assert fingerprint(model.policy)[0] != before[0]
    vector.set(theta)
    assert fingerprint(model.policy) == before


@pytest.mark.parametrize("key", ["ppo", "sppo", "sac", "td3"])
def test_the_gradient_by_the_vector_is_that_by_the_parameters(key: str) -> None:
    model = build(key)
    vector = ParameterVector(model.policy)
    theta = vector.get().requires_grad_()
    th.manual_seed(0)
    with vector.at(theta):
        (found,) = th.autograd.grad(number_of(model), theta)
    th.manual_seed(0)
    own = [parameter for name, parameter in model.policy.named_parameters() if name in vector.shapes]
    expected = th.cat([gradient.reshape(-1) for gradient in th.autograd.grad(number_of(model), own)])
    assert th.equal(found, expected)
    assert found.abs().sum() > 0


def test_other_lengths_and_names_are_refused() -> None:
    vector = ParameterVector(build("ppo").policy)
    for use in (vector.set, lambda theta: vector.at(theta).__enter__()):
        with pytest.raises(ValueError, match=rf"theta must have the shape \({vector.size},\), but \(3,\) was given"):
            use(th.zeros(3))
    with pytest.raises(ValueError, match=r"Unknown which 'actr'.*Did you mean 'actor'"):
        ParameterVector(build("ppo").policy, "actr")


@pytest.mark.parametrize("key", FAMILIES)
def test_a_snapshot_is_a_copy_that_can_be_put_back(key: str) -> None:
    model = build(key)
    before = fingerprint(model.policy)
    snapshot = Snapshot(model.policy, device="cpu")
    vector = ParameterVector(model.policy, "all")
    vector.set(vector.get() + 0.1)
    changed = fingerprint(model.policy)
    with snapshot.instead(model.policy):
        assert fingerprint(model.policy)[0] == before[0]
    assert fingerprint(model.policy) == changed
    with pytest.raises(RuntimeError, match="on purpose"), snapshot.instead(model.policy):
        raise RuntimeError("on purpose")
    assert fingerprint(model.policy) == changed
    snapshot.put_into(model.policy)
    assert fingerprint(model.policy) == before


def test_a_snapshot_of_a_compiled_policy_has_plain_names() -> None:
    model = build("sac")
    expected = Snapshot(model.policy).tensors
    model.policy.actor.latent_pi = th.compile(model.policy.actor.latent_pi, backend="eager")
    found = Snapshot(th.compile(model.policy, backend="eager"))
    assert list(found.tensors) == list(expected)
    assert (
        ParameterVector(th.compile(model.policy, backend="eager")).shapes == ParameterVector(build("sac").policy).shapes
    )
    other = build("sac")
    vector = ParameterVector(other.policy, "all")
    vector.set(0 * vector.get())
    found.put_into(other.policy)
    assert all(th.equal(value, expected[name]) for name, value in other.policy.state_dict().items())


def test_a_snapshot_of_another_architecture_is_refused() -> None:
    snapshot = Snapshot(build("ppo").policy)
    other = build("ppo", policy_kwargs={"net_arch": [9]}).policy
    for use in (snapshot.put_into, lambda policy: snapshot.instead(policy).__enter__()):
        with pytest.raises(ValueError, match="The parameters do not fit the policy's network: they are of another"):
            use(other)
