"""At α = 0 and σ = 0 SDDPG is DDPG (Liu et al. 2020, Eq. 27), whose gradients Stable-Baselines3's DDPG gives."""

from typing import Any

import numpy as np
import pytest
import torch as th
from stable_baselines3 import DDPG

from contracts.envs import make_env
from contracts.models import build
from contracts.off_policy.steps import at_rest, close, gradients_of, seed_all


def narrow(actor: Any) -> None:
    """σ = e⁻²⁰ in all states, the least that Stable-Baselines3's actor has."""
    with th.no_grad():
        actor.log_std.weight.zero_()
        actor.log_std.bias.fill_(-20.0)


def load_into(theirs: Any, ours: Any) -> None:
    """:param theirs: DDPG's actor, tanh(μ(s)) in one network; what it is to do as the mean of ours"""
    given = [*ours.latent_pi.parameters(), *ours.mu.parameters()]
    with th.no_grad():
        for parameter, value in zip(theirs.mu.parameters(), given, strict=True):
            parameter.copy_(value)


@pytest.mark.parametrize("n_critics", [1, 2])
@pytest.mark.parametrize("use_target_actor", [True, False])
def test_gradients_of_actor_and_critic_are_ddpgs(use_target_actor: bool, n_critics: int) -> None:
    kwargs = {"n_critics": n_critics}
    ours = build(
        "sddpg",
        make_env(truncates=True),
        ent_coef=0.0,
        fast=False,
        use_target_actor=use_target_actor,
        learning_rate=0.02,
        policy_kwargs=kwargs,
    ).learn(40)
    theirs = build(DDPG, make_env(), learning_rate=0.0, tau=0.0, policy_kwargs=kwargs).learn(1)
    narrow(ours.actor)
    if use_target_actor:
        narrow(ours.actor_target)
        assert not th.equal(ours.actor_target.mu.weight, ours.actor.mu.weight)
    load_into(theirs.actor, ours.actor)
    load_into(theirs.actor_target, ours.actor_of_targets)
    theirs.critic.load_state_dict(ours.critic.state_dict())
    theirs.critic_target.load_state_dict(ours.critic_target.state_dict())
    theirs.replay_buffer = ours.replay_buffer
    found = {}
    for name, model in (("ours", at_rest(ours)), ("theirs", theirs)):
        of_actor, of_critic = gradients_of(model.actor.optimizer), gradients_of(model.critic.optimizer)
        seed_all(5)
        model.train(1, batch_size=32)
        found[name] = of_actor[0], of_critic[0]
    n = len(found["theirs"][0])
    named = {id(p): i for i, p in enumerate(ours.actor.optimizer.param_groups[0]["params"])}
    of_mean = [
        found["ours"][0][named[id(p)]] for p in (*ours.actor.latent_pi.parameters(), *ours.actor.mu.parameters())
    ]
    assert len(of_mean) == n
    assert close(of_mean, found["theirs"][0])
    # σ does not matter: ∂/∂log σ is σz, nothing
    of_std = [found["ours"][0][named[id(p)]] for p in ours.actor.log_std.parameters()]
    assert all(float(gradient.abs().max()) < 1e-6 for gradient in of_std)
    # Stable-Baselines3's TD3 descends the whole squared error, its SAC half of it.
    assert close([2 * gradient for gradient in found["ours"][1]], found["theirs"][1])


def test_the_target_is_ddpgs() -> None:
    """y = r + γ(1 − d) Q̄(s', μ̄(s'))."""
    model = build(
        "sddpg", ent_coef=0.0, fast=False, use_target_actor=True, learning_rate=0.02, policy_kwargs={"n_critics": 1}
    ).learn(40)
    narrow(model.actor_target)
    path = model._choose_path()
    np.random.seed(1)
    batch = path.sample(32)
    path.begin(batch)
    (found,) = model._targets(batch, path.next_values(), path.next_log_prob, 0.0)
    target = model.actor_target
    with th.no_grad():
        action = target.mu(target.latent_pi(batch.next_observations)).tanh()
        (value,) = model.critic_target(batch.next_observations, action)
        expected = batch.rewards + (1 - batch.dones) * 0.99 * value
    assert batch.dones.sum() > 0
    assert th.allclose(found, expected.flatten(), atol=1e-6)
